//! What is said in public: commit message, pull-request title and body. Text of tickets and agents
//! is shown there and does nothing: no mention, no issue closed or linked, no image, no HTML, no
//! link that leads elsewhere than it says, no switched-off checks.

mod escape;
mod own;

pub use crate::policy::template::Words;
pub use own::{body_of, title_of};

use crate::model::text::{cut, one_line};
use crate::model::{GateResult, Issue, RunId, Usage};
use escape::{code, markdown, plain};
use std::fmt::Write;
use std::time::Duration;

const SUBJECT: usize = 72;
const TITLE: usize = 200;
const COMMITS: usize = 30;
const FILES: usize = 50;

/// The message of the commit that Conductor makes of what an agent left uncommitted.
pub fn commit_message(issue: &Issue, run: &RunId) -> String {
    let subject = cut(&heading(issue), SUBJECT).into_owned();
    format!(
        "{subject}\n\nLeft uncommitted by the agent, committed by Conductor.\n\nConductor-Run: {}\n",
        plain(run.as_str())
    )
}

/// Subjects of the agent's commits that a squashed one names.
const SQUASHED: usize = 50;

/// The message of the one commit that stands for all of the agent's.
pub fn squash_message<'s>(issue: &Issue, run: &RunId, subjects: impl Iterator<Item = &'s str>) -> String {
    let subject = cut(&heading(issue), SUBJECT).into_owned();
    let listed: String =
        subjects.take(SQUASHED).map(|line| format!("* {}\n", cut(&plain(line), SUBJECT))).collect();
    let listed = if listed.is_empty() { listed } else { format!("{listed}\n") };
    format!("{subject}\n\n{listed}Conductor-Run: {}\n", plain(run.as_str()))
}

/// `KEY: title`, one plain line.
pub fn title(issue: &Issue) -> String {
    cut(&heading(issue), TITLE).into_owned()
}

fn heading(issue: &Issue) -> String {
    let (key, title) = (plain(&issue.identifier), plain(&issue.title));
    if title.is_empty() { key } else { format!("{key}: {title}") }
}

/// What a pull request tells of its making.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    pub issue: &'a Issue,
    /// The subjects of the commits to be pushed, oldest first.
    pub commits: &'a [String],
    pub files: &'a [ChangedFile],
    pub attempts: u32,
    pub agent: &'a str,
    pub model: Option<&'a str>,
    pub usage: &'a Usage,
    pub duration: Duration,
    pub gates: &'a [GateResult],
    /// Why it is a draft, or what else a reviewer should know first.
    pub remarks: &'a [String],
    pub run: &'a RunId,
    /// The CI run's page.
    pub run_url: Option<&'a str>,
}

/// One file of the change, between base and head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    pub path: String,
    pub change: FileChange,
    /// Lines; `None` for what has none.
    pub added: Option<u64>,
    pub removed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    Added,
    Modified,
    Removed,
    Renamed,
}

impl FileChange {
    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
        }
    }
}

/// The body, in Markdown.
pub fn body(summary: &Summary) -> String {
    let mut body = ticket(summary.issue);
    remarks(&mut body, summary.remarks);
    commits(&mut body, summary.commits);
    files(&mut body, summary.files);
    checks(&mut body, summary.gates);
    effort(&mut body, summary);
    body.push_str("---\n");
    let run = code(summary.run.as_str());
    let _ = match summary.run_url.and_then(link_target) {
        Some(url) => writeln!(body, "Made by Conductor in [run]({url}) {run}."),
        None => writeln!(body, "Made by Conductor in run {run}."),
    };
    body
}

fn ticket(issue: &Issue) -> String {
    let (key, title) = (markdown(&issue.identifier), markdown(&cut(&one_line(&issue.title), TITLE)));
    match issue.url.as_deref().and_then(link_target) {
        Some(url) => format!("[{key}]({url}): {title}\n\n"),
        None => format!("{key}: {title}\n\n"),
    }
}

fn remarks(body: &mut String, remarks: &[String]) {
    for remark in remarks {
        let _ = writeln!(body, "> **Note:** {}\n", markdown(&cut(&one_line(remark), 1000)));
    }
}

fn commits(body: &mut String, subjects: &[String]) {
    if subjects.is_empty() {
        return;
    }
    body.push_str("## What was done\n\n");
    for subject in subjects.iter().take(COMMITS) {
        let _ = writeln!(body, "- {}", markdown(&cut(&one_line(subject), TITLE)));
    }
    more(body, subjects.len(), COMMITS, "commits");
}

fn files(body: &mut String, files: &[ChangedFile]) {
    if files.is_empty() {
        return;
    }
    let _ = writeln!(body, "## Files ({})\n", files.len());
    body.push_str("| File | Change | + | − |\n|---|---|--:|--:|\n");
    for file in files.iter().take(FILES) {
        let path = cut(&file.path, TITLE);
        // A table looks for its bars in code as well.
        let path = if path.contains(['|', '\\']) { markdown(&path) } else { code(&path) };
        let lines = |count: Option<u64>| count.map_or("–".to_owned(), |count| count.to_string());
        let (added, removed) = (lines(file.added), lines(file.removed));
        let _ = writeln!(body, "| {path} | {} | {added} | {removed} |", file.change.word());
    }
    more(body, files.len(), FILES, "files");
}

fn more(body: &mut String, count: usize, shown: usize, noun: &str) {
    if count > shown {
        let _ = writeln!(body, "\n… and {} more {noun}.", count - shown);
    }
    body.push('\n');
}

fn checks(body: &mut String, gates: &[GateResult]) {
    if gates.is_empty() {
        return;
    }
    body.push_str("## Checks\n\n| Check | Result | Time |\n|---|---|--:|\n");
    for gate in gates {
        let result = if gate.passed { "passed" } else { "**failed**" };
        let name = markdown(&cut(&one_line(&gate.name), TITLE));
        let _ = writeln!(body, "| {name} | {result} | {} |", time(Duration::from_millis(gate.duration_ms)));
    }
    body.push('\n');
}

fn effort(body: &mut String, summary: &Summary) {
    let usage = summary.usage;
    let mut parts = vec![format!("agent {}", code(summary.agent))];
    parts.extend(summary.model.map(|model| format!("model {}", code(model))));
    parts.push(match summary.attempts {
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    });
    parts.push(time(summary.duration));
    if usage.total_tokens() > 0 {
        parts.push(format!(
            "{} tokens ({} in, {} out, {} cached)",
            usage.total_tokens(),
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_creation_tokens.saturating_add(usage.cache_read_tokens)
        ));
    }
    parts.extend(usage.usd.map(|usd| format!("${usd:.2}")));
    let _ = writeln!(body, "## Effort\n\n{}\n", parts.join(" · "));
}

fn time(duration: Duration) -> String {
    let rounded = match duration.as_secs() {
        0 => Duration::from_millis(u64::from(duration.subsec_millis())),
        seconds => Duration::from_secs(seconds),
    };
    humantime::format_duration(rounded).to_string()
}

/// An address as the target of a link: a web address whose every character is at home in one, so
/// that it cannot end the link early.
fn link_target(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'*+,;=%".contains(c);
    (is_web && url.len() <= 2000 && url.chars().all(is_plain)).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::issue;

    const NONE: Usage = Usage {
        input_tokens: 0,
        output_tokens: 0,
        cache_creation_tokens: 0,
        cache_read_tokens: 0,
        usd: None,
    };

    fn summary<'a>(issue: &'a Issue, run: &'a RunId) -> Summary<'a> {
        Summary {
            issue,
            commits: &[],
            files: &[],
            attempts: 1,
            agent: "claude",
            model: None,
            usage: &NONE,
            duration: Duration::from_secs(61),
            gates: &[],
            remarks: &[],
            run,
            run_url: None,
        }
    }

    fn file(path: &str) -> ChangedFile {
        ChangedFile { path: path.to_owned(), change: FileChange::Modified, added: Some(3), removed: None }
    }

    fn hostile(title: &str) -> Issue {
        Issue { title: title.to_owned(), ..issue("ENG-42") }
    }

    #[test]
    fn a_title_is_the_key_and_the_ticket_s_title() {
        assert_eq!(title(&hostile("Add a login page")), "ENG-42: Add a login page");
        assert_eq!(title(&hostile(" \n ")), "ENG-42");
    }

    #[test]
    fn hostile_titles_become_one_short_inert_line() {
        let long = "x".repeat(10_000);
        for text in [
            "$(touch pwned)",
            "`touch pwned` \"quoted\" 'quoted'",
            "two\nlines\r\n::set-output name=x::y\n::add-mask::z",
            "--flag",
            "\u{202e}right to left\u{2066}",
            "\u{1b}]0;owned\u{7}\u{0}x",
            "Fixes #1, closes o/r#2, resolves GH-3 @everyone [skip ci]",
            &long,
        ] {
            for line in [
                title(&hostile(text)),
                commit_message(&hostile(text), &RunId::new("r")).lines().next().unwrap().to_owned(),
            ] {
                assert!(line.starts_with("ENG-42: "), "{line:?}");
                assert!(line.chars().count() <= TITLE, "{line:?}");
                assert!(!line.chars().any(crate::model::text::is_unseen), "{line:?}");
                for word in ["#1", "#2", "GH-3", "@everyone", "[skip ci]", "\n"] {
                    assert!(!line.contains(word), "{word} in {line:?}");
                }
            }
        }
    }

    #[test]
    fn a_commit_message_has_one_subject_and_its_own_trailer() {
        let message = commit_message(&hostile("x\n\nSigned-off-by: a <a@b.c>"), &RunId::new("run-1"));
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines.first(), Some(&"ENG-42: x Signed-off-by: a <a@b.c>"));
        assert_eq!(lines.last(), Some(&"Conductor-Run: run-1"));
        assert!(!lines.iter().skip(1).any(|line| line.starts_with("Signed-off-by")));
    }

    #[test]
    fn a_body_tells_ticket_commits_files_checks_and_effort() {
        let issue =
            Issue { url: Some("https://linear.app/x/issue/ENG-42/y".to_owned()), ..hostile("Add login") };
        let run = RunId::new("run-1");
        let usage =
            Usage { input_tokens: 10, output_tokens: 5, cache_read_tokens: 85, usd: Some(0.416), ..NONE };
        let commits = ["add the form".to_owned(), "test it".to_owned()];
        let files = [file("src/login.rs")];
        let gates = [GateResult::new("test", true, 900)];
        let body = body(&Summary {
            commits: &commits,
            files: &files,
            attempts: 2,
            model: Some("sonnet"),
            usage: &usage,
            gates: &gates,
            remarks: &["protected paths changed: x".to_owned()],
            run_url: Some("https://github.com/o/r/actions/runs/1"),
            ..summary(&issue, &run)
        });
        for part in [
            "[ENG-42](https://linear.app/x/issue/ENG-42/y): Add login\n",
            "> **Note:** protected paths changed: x\n",
            "- add the form\n- test it\n",
            "## Files (1)\n",
            "| `src/login.rs` | modified | 3 | – |\n",
            "| test | passed | 900ms |\n",
            "agent `claude` · model `sonnet` · 2 attempts · 1m 1s · 100 tokens (10 in, 5 out, 85 cached) · $0.42\n",
            "Made by Conductor in [run](https://github.com/o/r/actions/runs/1) `run-1`.\n",
        ] {
            assert!(body.contains(part), "{part:?} is not in\n{body}");
        }
    }

    #[test]
    fn nothing_untrusted_in_a_body_acts() {
        let evil = "@team Fixes #1 ![i](http://e/i.png) <img src=x> [safe](https://evil) | x `\n# h";
        let issue = Issue { identifier: evil.to_owned(), ..hostile(evil) };
        let run = RunId::new(evil);
        let text = body(&Summary {
            commits: &[evil.to_owned()],
            files: &[file(evil), file("a\\|@team"), file("a`b")],
            agent: evil,
            model: Some(evil),
            gates: &[GateResult::new(evil, false, 0)],
            remarks: &[evil.to_owned()],
            run_url: Some("javascript:alert(1)"),
            ..summary(&issue, &run)
        });
        let outside_code = without_code_spans(&text);
        for word in ["@team", "#1", "![", "<img", "](https://evil", "](javascript", "\n# h"] {
            assert!(!outside_code.contains(word), "{word} is in\n{outside_code}");
        }
    }

    /// The text between code spans, as CommonMark delimits them.
    fn without_code_spans(text: &str) -> String {
        let mut rest = text;
        let mut outside = String::new();
        while let Some(at) = rest.find('`') {
            let (before, span) = rest.split_at(at);
            outside.push_str(before);
            if before.ends_with('\\') {
                rest = &span[1..];
                continue;
            }
            let fence = span.len() - span.trim_start_matches('`').len();
            let body = &span[fence..];
            let end = body
                .match_indices(&"`".repeat(fence))
                .map(|(at, _)| at)
                .find(|at| !body[at + fence..].starts_with('`') && !body[..*at].ends_with('`'));
            rest = end.map_or("", |end| &body[end + fence..]);
        }
        outside + rest
    }

    #[test]
    fn a_link_goes_only_where_a_web_address_says() {
        for url in
            ["https://e.org/a) [x](https://evil", "javascript:x", "https://e.org/ x", "https://e/<b>", ""]
        {
            assert_eq!(link_target(url), None, "{url}");
        }
        assert!(link_target("https://linear.app/x/issue/ENG-42/add-ä".replace('ä', "a").as_str()).is_some());
    }

    #[test]
    fn long_lists_are_cut_with_a_count() {
        let issue = issue("ENG-42");
        let run = RunId::new("r");
        let commits: Vec<String> = (0..100).map(|n| format!("commit {n}")).collect();
        let files: Vec<ChangedFile> = (0..100).map(|n| file(&format!("f{n}"))).collect();
        let body = body(&Summary { commits: &commits, files: &files, ..summary(&issue, &run) });
        assert!(body.contains("… and 70 more commits."), "{body}");
        assert!(body.contains("… and 50 more files."), "{body}");
        assert!(!body.contains("commit 30\n") && !body.contains("`f50`"), "{body}");
    }
}
