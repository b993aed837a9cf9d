//! The agent's own commit messages without words that act on others: skipped checks, closed issues,
//! names that vouch for what they never saw. Mentions stay: names of packages look the same.

use super::change::{Change, StoredCommit, listed};
use super::commits;
use crate::model::acting_words::{closes, may_be_key, without_skip_words};
use crate::model::text;

/// Trailers that say who made, saw or approved a change, or that hosts obey.
const TRAILERS: &[&str] = &[
    "acked-by",
    "approved-by",
    "co-authored-by",
    "co-committed-by",
    "conductor-",
    "on-behalf-of",
    "request-checks",
    "reviewed-by",
    "signed-off-by",
    "skip-checks",
    "tested-by",
];

/// Who agents say has written with them.
const AGENTS: &[&str] = &[
    "noreply@anthropic.com",
    "noreply@openai.com",
    "codex@openai.com",
    "cursoragent@cursor.com",
    "noreply@opencode.ai",
    "noreply@aider.chat",
    "aider@aider.chat",
    "amp@ampcode.com",
];

/// A line of the commit that Conductor makes of what an agent left; its trailer is Conductor's own.
const CONDUCTORS: &str = "Left uncommitted by the agent, committed by Conductor.";

/// The message as it acts on nobody; `None` when it does not anyway. What is no UTF-8 is taken byte
/// by byte.
pub(super) fn cleaned(commit: &[u8]) -> Option<Vec<u8>> {
    let (headers, message) = commits::parts(commit);
    let headers = String::from_utf8_lossy(headers);
    match std::str::from_utf8(message) {
        Ok(text) => inert(&headers, text).map(String::into_bytes),
        Err(_) => {
            let text: String = message.iter().map(|byte| char::from(*byte)).collect();
            let bytes = |text: String| text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
            inert(&headers, &text).map(bytes)
        }
    }
}

/// The commits whose messages act on others, each with the first line that does.
pub(super) fn acting(change: &Change<'_>) -> Option<String> {
    let told = |StoredCommit { commit, bytes }: &StoredCommit<'_>| {
        let clean = cleaned(bytes)?;
        let (_, message) = commits::parts(bytes);
        let both = message.split(|byte| *byte == b'\n').zip(clean.split(|byte| *byte == b'\n'));
        let line = both.into_iter().find(|(before, after)| before != after).map_or(message, |(line, _)| line);
        let line = text::one_line(&String::from_utf8_lossy(line));
        Some(format!("{commit} ({})", text::cut(&line, 100)))
    };
    let acting: Vec<String> = change.commits.iter().filter_map(told).collect();
    (!acting.is_empty()).then(|| format!("commit messages act on others: {}", listed(&acting)))
}

fn inert(headers: &str, message: &str) -> Option<String> {
    let is_conductors = message.lines().any(|line| line == CONDUCTORS);
    let is_own = |line: &str| {
        let value = line.split_once(':').map_or("", |(_, value)| value);
        let Some((_, email)) = value.rsplit_once('<') else {
            return is_conductors && line.starts_with("Conductor-Run: ");
        };
        let email = email.trim_end().trim_end_matches('>').to_lowercase();
        is_email_of(headers, &email)
            || (is_trailer(line, "co-authored-by") && AGENTS.contains(&email.as_str()))
    };
    let harmless = |line: &str| {
        let acts = TRAILERS.iter().any(|name| is_trailer(line, name)) && !is_own(line.trim());
        if acts { format!("({})", line.trim()) } else { line.to_owned() }
    };
    let text = without_closing(&without_skip_words(message));
    let lines: Vec<String> = text.split('\n').map(harmless).collect();
    let text = lines.join("\n");
    (text != message).then_some(text)
}

fn is_trailer(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let Some((key, _)) = line.split_once(':') else { return false };
    let key = key.trim_end().to_lowercase();
    if name.ends_with('-') { key.starts_with(name) && !key.contains(' ') } else { key == name }
}

/// Whether the commit's author or committer has that address.
fn is_email_of(headers: &str, email: &str) -> bool {
    let mut people =
        headers.lines().filter(|line| line.starts_with("author ") || line.starts_with("committer "));
    people.any(|line| line.to_lowercase().contains(&format!("<{email}>")))
}

/// References after a closing word, broken up with a space.
fn without_closing(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // One word closes every issue of its line.
    let mut is_closing = false;
    for (at, c) in text.char_indices() {
        let (before, rest) = text.split_at(at);
        shown.push(c);
        is_closing &= c != '\n';
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let is_number = after.starts_with(|c: char| c.is_ascii_digit());
        let refers = match c {
            '#' | '!' => is_number,
            '-' => is_number && may_be_key(before),
            ':' => after.starts_with("//"),
            _ => false,
        };
        if refers && (is_closing || closes(before)) {
            is_closing = true;
            shown.push(' ');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: &str =
        "tree 1\nauthor Ann <ann@example.org> 1 +0000\ncommitter Ann <ann@example.org> 1 +0000";

    fn said(message: &str) -> Option<String> {
        let commit = format!("{HEADERS}\n\n{message}");
        cleaned(commit.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn words_that_act_on_others_are_made_inert() {
        for (message, shown) in [
            ("Tidy [skip ci]\n", "Tidy (skip ci)\n"),
            ("Fix it\n\nFixes #12, #13 and ENG-9\n", "Fix it\n\nFixes # 12, # 13 and ENG- 9\n"),
            ("Closes acme/app#3", "Closes acme/app# 3"),
            ("fixes\nhttps://github.com/o/r/issues/1", "fixes\nhttps: //github.com/o/r/issues/1"),
            ("x\n\nskip-checks: true\n", "x\n\n(skip-checks: true)\n"),
            (
                "x\n\nCo-authored-by: Bob <bob@example.org>\n",
                "x\n\n(Co-authored-by: Bob <bob@example.org>)\n",
            ),
            ("x\n\n signed-off-by : Bob <bob@example.org>", "x\n\n(signed-off-by : Bob <bob@example.org>)"),
            ("x\n\nReviewed-by: Bob\n", "x\n\n(Reviewed-by: Bob)\n"),
            ("x\n\nConductor-Run: run-7\n", "x\n\n(Conductor-Run: run-7)\n"),
            ("***NO_CI***", "NO_CI"),
        ] {
            assert_eq!(said(message).as_deref(), Some(shown), "{message:?}");
            assert_eq!(said(shown), None, "cleaned once is clean: {shown:?}");
        }
    }

    #[test]
    fn ordinary_messages_stay_byte_for_byte() {
        for message in [
            "Fix utf-8 and sha-256 in a[0], see #12\n\n- bump @types/node to 20\n- closes the file\n",
            "Part of ENG-9 (#12)\n",
            "x\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n",
            "x\n\nSigned-off-by: Ann <Ann@example.org>\n",
            "T-1: t\n\nLeft uncommitted by the agent, committed by Conductor.\n\nConductor-Run: run-1\n",
            "note: the reviewed-by header is parsed\r\n",
        ] {
            assert_eq!(said(message), None, "{message:?}");
        }
    }

    #[test]
    fn a_message_in_another_encoding_keeps_its_bytes() {
        let commit = [HEADERS.as_bytes(), b"\n\nl\xf6st [skip ci]\n"].concat();
        assert_eq!(cleaned(&commit).as_deref(), Some(b"l\xf6st (skip ci)\n".as_slice()));
    }
}
