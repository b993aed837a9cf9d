//! The secret guard: known values and firm token shapes in what a change adds and says.

use super::change::{Change, StoredCommit};
use super::commits;
use crate::model::text;
use crate::system::redact::Redactor;

/// Leaks beyond this many are not told one by one.
const TOLD: usize = 20;

/// Each place that holds a secret, by name and never by value.
pub fn leaks(change: &Change, redactor: &Redactor) -> Vec<String> {
    let mut reasons = Vec::new();
    let names = change.steps.iter().flat_map(|step| &step.paths).chain(change.paths);
    for path in names {
        if let Some(what) = first_in(redactor, path.path.as_bytes()) {
            reasons.push(format!("a file's name holds {what}"));
        }
    }
    for added in added_blocks(change.patches) {
        for found in redactor.find_hidden(&added.text).into_iter().filter(|found| found.is_firm) {
            let above = added.text.get(..found.at.start).unwrap_or_default();
            let line = added.first_line + above.iter().filter(|byte| **byte == b'\n').count();
            let file = text::cut(&text::one_line(&added.file), 200).into_owned();
            reasons.push(format!("{file}:{line} holds {}", found.what));
        }
    }
    let texts = [("the branch name", change.branch), ("the title", change.title), ("the body", change.body)];
    for (place, said) in texts {
        if let Some(what) = first_in(redactor, said.as_bytes()) {
            reasons.push(format!("{place} holds {what}"));
        }
    }
    for StoredCommit { commit, bytes } in change.commits {
        let (headers, message) = commits::parts(bytes);
        for (place, said) in [("a commit message", message), ("a commit's header", headers)] {
            if let Some(what) = first_in(redactor, said) {
                reasons.push(format!("{place} holds {what} (commit {commit})"));
            }
        }
    }
    reasons.dedup();
    if reasons.len() > TOLD {
        let more = reasons.len() - TOLD;
        reasons.truncate(TOLD);
        reasons.push(format!("and {more} more places hold secrets"));
    }
    reasons
}

fn first_in(redactor: &Redactor, bytes: &[u8]) -> Option<&'static str> {
    redactor.find_hidden(bytes).into_iter().find(|found| found.is_firm).map(|found| found.what)
}

/// Lines added one after the other.
#[derive(Debug, PartialEq, Eq)]
struct Added {
    file: String,
    first_line: usize,
    text: Vec<u8>,
}

/// The added lines of patches in git's unified form. Hunks are followed by the counts in their
/// headers, to tell content from headers; but whatever a commit's message pretends, every line that
/// begins with `+` is looked at.
fn added_blocks(patches: &[u8]) -> Vec<Added> {
    let mut blocks: Vec<Added> = Vec::new();
    let mut file = String::new();
    let (mut old_left, mut new_left, mut line_number) = (0usize, 0usize, 0usize);
    let mut continues = false;
    for line in patches.split(|byte| *byte == b'\n') {
        if old_left == 0 && new_left == 0 {
            continues = false;
            if let Some(name) = line.strip_prefix(b"+++ ") {
                file = file_name(name);
                blocks.push(Added { file: file.clone(), first_line: 0, text: name.to_vec() });
            } else if let Some((old, first, new)) = hunk(line) {
                (old_left, new_left, line_number) = (old, new, first);
            } else if let Some(text) = line.strip_prefix(b"+") {
                blocks.push(Added { file: file.clone(), first_line: 0, text: text.to_vec() });
            }
            continue;
        }
        match line.split_first() {
            Some((b'+', text)) => {
                match blocks.last_mut().filter(|_| continues) {
                    Some(block) => {
                        block.text.push(b'\n');
                        block.text.extend_from_slice(text);
                    }
                    None => blocks.push(Added {
                        file: file.clone(),
                        first_line: line_number,
                        text: text.to_vec(),
                    }),
                }
                continues = true;
                new_left = new_left.saturating_sub(1);
                line_number += 1;
            }
            Some((b'-', _)) => old_left = old_left.saturating_sub(1),
            Some((b'\\', _)) => {}
            _ => {
                continues = false;
                old_left = old_left.saturating_sub(1);
                new_left = new_left.saturating_sub(1);
                line_number += 1;
            }
        }
    }
    blocks
}

/// The numbers of `@@ -a,b +c,d @@`: b, c and d.
fn hunk(line: &[u8]) -> Option<(usize, usize, usize)> {
    let text = String::from_utf8_lossy(line.get(..line.len().min(80))?);
    let mut words = text.strip_prefix("@@ -")?.split(' ');
    let (_, old) = span(words.next()?)?;
    let (first, new) = span(words.next()?.strip_prefix('+')?)?;
    Some((old, first, new))
}

fn span(text: &str) -> Option<(usize, usize)> {
    match text.split_once(',') {
        Some((first, count)) => Some((first.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

/// `b/path`, or the same in git's quotes.
fn file_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let name = name.trim_end_matches('\t').trim_matches('"');
    name.strip_prefix("b/").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    const VALUE: &str = "sup3r-secret-value";

    fn change(patches: &[u8]) -> Change<'_> {
        Change {
            paths: &[],
            steps: &[],
            commits: &[],
            count: 1,
            is_cut: false,
            diff_size: 0,
            patches,
            branch: "conductor/X",
            title: "",
            body: "",
        }
    }

    fn redactor() -> Redactor {
        Redactor::new(&[Secret::new(VALUE)])
    }

    #[test]
    fn a_secret_is_found_in_any_commit_and_named_by_file_and_line() {
        let patches = format!(
            "commit 1\n\n    add\n\ndiff --git a/x.env b/x.env\n--- a/x.env\n+++ b/x.env\n@@ -3,2 +3,4 @@ ctx\n a\n+b\n+K={VALUE}\n c\n\
             commit 2\n\ndiff --git a/x.env b/x.env\n--- a/x.env\n+++ b/x.env\n@@ -5 +4,0 @@\n-K={VALUE}\n"
        );
        assert_eq!(leaks(&change(patches.as_bytes()), &redactor()), ["x.env:5 holds a secret of this run"]);
    }

    #[test]
    fn removed_and_unchanged_lines_are_not_the_changes_doing() {
        let patches = format!("--- a/x\n+++ b/x\n@@ -1,2 +1,1 @@\n {VALUE}\n-{VALUE}\n");
        assert_eq!(leaks(&change(patches.as_bytes()), &redactor()), [""; 0]);
    }

    #[test]
    fn a_line_that_looks_like_a_header_is_read_as_content() {
        let patches = format!("--- a/x\n+++ b/x\n@@ -1,1 +1,2 @@\n--- {VALUE}\n+++ {VALUE}\n+y\n");
        assert_eq!(leaks(&change(patches.as_bytes()), &redactor()), ["x:1 holds a secret of this run"]);
    }

    #[test]
    fn a_message_that_plays_a_hunk_hides_nothing() {
        for fake in ["@@ -1,7 +1,7 @@", "@@ -1,99 +1,99 @@", "@@ -0,0 +1,2 @@", "+++ b/other"] {
            let patches = format!(
                "commit 1\n\n{fake}\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,2 @@\n+++ {VALUE}\n+z\n"
            );
            assert_eq!(leaks(&change(patches.as_bytes()), &redactor()).len(), 1, "{fake}");
        }
    }

    #[test]
    fn a_private_key_is_seen_across_its_added_lines() {
        let body = "+MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7\n".repeat(3);
        let patches = format!(
            "--- /dev/null\n+++ b/id\n@@ -0,0 +1,5 @@\n+-----BEGIN PRIVATE KEY-----\n{body}+-----END PRIVATE KEY-----\n"
        );
        assert_eq!(leaks(&change(patches.as_bytes()), &redactor()), ["id:1 holds a private key"]);
    }

    #[test]
    fn a_secret_in_binary_content_is_found() {
        let patches =
            [b"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+\xff\x00".as_slice(), VALUE.as_bytes(), b"\xfe\n"].concat();
        assert_eq!(leaks(&change(&patches), &redactor()), ["x:1 holds a secret of this run"]);
    }

    #[test]
    fn names_messages_and_texts_are_looked_at() {
        let stored = format!("tree 1\nauthor {VALUE} <a@b> 1 +0000\nx-note y\n {VALUE}\n\nchore: {VALUE}");
        let commits = [StoredCommit { commit: "1234567", bytes: stored.as_bytes() }];
        let token = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        let change = Change { commits: &commits, branch: VALUE, title: token, body: VALUE, ..change(b"") };
        let reasons = leaks(&change, &redactor());
        assert_eq!(
            reasons,
            [
                "the branch name holds a secret of this run",
                "the title holds a GitHub token",
                "the body holds a secret of this run",
                "a commit message holds a secret of this run (commit 1234567)",
                "a commit's header holds a secret of this run (commit 1234567)",
            ]
        );
    }

    #[test]
    fn many_leaks_are_summed_up() {
        let lines = format!("+{VALUE}\n").repeat(50);
        let patches = format!("--- a/x\n+++ b/x\n@@ -0,0 +1,50 @@\n{lines}");
        let reasons = leaks(&change(patches.as_bytes()), &redactor());
        assert_eq!(reasons.len(), TOLD + 1);
        assert_eq!(reasons.last().map(String::as_str), Some("and 30 more places hold secrets"));
    }
}
