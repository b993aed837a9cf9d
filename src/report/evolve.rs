//! A proposed prompt template for people: the difference, and what was done with it. Every line is
//! an agent's own words.

use super::text;
use crate::model::Usage;
use crate::model::evolution::{Evolution, Proposal};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();

/// Writes the difference in colours, then what became of it.
pub fn render(evolution: &Evolution, out: &mut dyn Write) -> io::Result<()> {
    let attempts = text::counted(evolution.attempts, "attempt");
    let Some(proposed) = &evolution.proposed else {
        writeln!(out, "no failures in {attempts}: there is nothing to learn from, no agent was asked")?;
        return out.flush();
    };
    proposed.diff.lines().try_for_each(|line| difference(line, out))?;
    let failures = text::counted(evolution.failures, "failure");
    let model = proposed.model.as_ref().map_or(String::new(), |model| format!(" ({model})"));
    let who = text::one_line(&format!("{}{model}", proposed.agent));
    let effort = effort(&proposed.usage, proposed.duration_ms);
    writeln!(out, "\nproposed by {who} from {failures} in {attempts}; {effort}")?;
    ending(proposed, out)?;
    proposed.notes.iter().try_for_each(|note| writeln!(out, "{}", text::one_line(note)))?;
    out.flush()
}

/// `used 45.0k tokens, $0.42, in 3m 5s`.
pub fn effort(usage: &Usage, duration_ms: u64) -> String {
    let mut parts = Vec::new();
    if usage.total_tokens() > 0 {
        parts.push(format!("{} tokens", text::tokens(usage.total_tokens())));
    }
    parts.extend(usage.usd.map(text::usd));
    let told = if parts.is_empty() { "an unknown number of tokens".to_owned() } else { parts.join(", ") };
    format!("used {told} in {}", text::duration(duration_ms))
}

fn ending(proposed: &Proposal, out: &mut dyn Write) -> io::Result<()> {
    match (&proposed.written, &proposed.kept) {
        (Some(written), Some(kept)) => {
            let (written, kept) = (text::one_line(written), text::one_line(kept));
            writeln!(out, "{BOLD}written to {written}{BOLD:#}; the old one is kept as {kept}")
        }
        (Some(written), None) => writeln!(out, "{BOLD}written to {}{BOLD:#}", text::one_line(written)),
        (None, _) => writeln!(out, "{BOLD}nothing was written{BOLD:#}: that takes --write"),
    }
}

/// A line of a unified diff. Spaces stay: they are what may differ.
fn difference(line: &str, out: &mut dyn Write) -> io::Result<()> {
    let line = crate::model::text::visible(line).replace("##[", "## [").replace('\n', " ");
    let style = match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => BOLD,
        [b'@', ..] => AnsiColor::Cyan.on_default(),
        [b'+', ..] => AnsiColor::Green.on_default(),
        [b'-', ..] => AnsiColor::Red.on_default(),
        _ => Style::new(),
    };
    writeln!(out, "{style}{line}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(diff: &str) -> String {
        let proposed = Proposal {
            agent: "claude".to_owned(),
            model: Some("opus".to_owned()),
            usage: Usage { input_tokens: 45_000, usd: Some(0.42), ..Usage::default() },
            duration_ms: 185_000,
            proposal: String::new(),
            diff: diff.to_owned(),
            written: Some("prompt.md".to_owned()),
            kept: Some("prompt.md.1".to_owned()),
            notes: vec!["read it".to_owned()],
        };
        let evolution =
            Evolution { schema: 1, attempts: 40, failures: 1, template: None, proposed: Some(proposed) };
        let mut out = Vec::new();
        render(&evolution, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_difference_is_coloured_and_inert() {
        let text =
            shown("--- a\n+++ proposal\n@@ -1 +1 @@\n-old\u{1b}]0;x\u{7}\n+  new ##[error]\u{202e}\n same\n");
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(
            plain.starts_with("--- a\n+++ proposal\n@@ -1 +1 @@\n-old\n+  new ## [error]\n same\n\n"),
            "{plain}"
        );
        assert!(text.contains("\u{1b}[32m+  new") && text.contains("\u{1b}[31m-old"), "{text:?}");
        assert!(!text.contains("]0;") && !text.contains('\u{202e}'), "{text:?}");
        assert!(
            plain.ends_with(
                "proposed by claude (opus) from 1 failure in 40 attempts; used 45.0k tokens, $0.42 in 3m 5s\n\
                 written to prompt.md; the old one is kept as prompt.md.1\nread it\n"
            ),
            "{plain}"
        );
    }
}
