//! The words of git and of the host behind the remote, made safe to show: bounded, one thing a
//! line, without control characters. A refusal keeps every `remote:` line: the rule that refused is
//! named there, and seldom in the last one.

use crate::model::text::{cut, one_line};
use std::fmt;

/// Lines that are passed on of one call.
const MAX_LINES: usize = 20;
/// Of more lines than that, so many of the first ones are kept.
const HEAD_LINES: usize = 12;
/// Bytes that are passed on of one call.
const MAX_BYTES: usize = 4096;
/// Characters of one line.
const MAX_LINE: usize = 600;

/// Why the remote refused a ref.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostWords {
    /// Git's one-line summary for the ref.
    pub summary: String,
    /// What the host said in this push, line by line: about all of its refs.
    pub remote: Vec<String>,
}

impl HostWords {
    pub(super) fn new(summary: &str, remote: &[String]) -> Self {
        Self { summary: cut(&one_line(summary), MAX_LINE).into_owned(), remote: remote.to_vec() }
    }
}

/// On one line.
impl fmt::Display for HostWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        self.remote.iter().try_for_each(|line| write!(f, "; {line}"))
    }
}

/// What the host said, without the `remote:` git puts before each line.
pub(super) fn remote_lines(stderr: &[u8]) -> Vec<String> {
    bounded(clean_lines(stderr).filter_map(|line| Some(line.strip_prefix("remote:")?.trim().to_owned())))
}

/// Everything that was said, on one line.
pub(super) fn all_words(stderr: &[u8]) -> String {
    let lines = bounded(clean_lines(stderr));
    if lines.is_empty() { "it failed without a message".to_owned() } else { lines.join("; ") }
}

fn clean_lines(stderr: &[u8]) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(stderr).into_owned();
    let lines: Vec<String> = text
        .split('\n')
        // What a progress meter wrote over is not meant to be read.
        .map(|line| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default())
        .map(|line| cut(&one_line(line), MAX_LINE).into_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines.into_iter()
}

/// The first and the last lines, within the bounds.
fn bounded(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    if lines.len() > MAX_LINES {
        let left_out = lines.len() - MAX_LINES + 1;
        lines.splice(HEAD_LINES..HEAD_LINES + left_out, [format!("… {left_out} lines left out …")]);
    }
    let mut left = MAX_BYTES;
    lines.retain(|line| {
        let fits = line.len() <= left;
        left = if fits { left - line.len() } else { 0 };
        fits
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_host_is_kept_and_none_of_git_s_own() {
        let stderr = b"remote: error: GH013: Repository rule violations found.\x1b[K\nremote: \nremote: - Changes must be \
                       made\x07 through a pull request.\nTo /origin.git\nerror: failed to push some refs\n";
        assert_eq!(
            remote_lines(stderr),
            [
                "error: GH013: Repository rule violations found.",
                "- Changes must be made through a pull request."
            ]
        );
        let words = HostWords::new("[remote rejected] (pre-receive hook declined)", &remote_lines(stderr));
        assert_eq!(
            words.to_string(),
            "[remote rejected] (pre-receive hook declined); error: GH013: Repository rule violations found.; \
             - Changes must be made through a pull request."
        );
    }

    #[test]
    fn a_host_that_says_too_much_is_cut_in_the_middle() {
        let many: String = (0..100).map(|number| format!("remote: line {number}\n")).collect();
        let lines = remote_lines(many.as_bytes());
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!((lines[0].as_str(), lines[19].as_str()), ("line 0", "line 99"));
        assert!(lines.contains(&"… 81 lines left out …".to_owned()), "{lines:?}");
        let wide = format!("remote: {}\n", "x".repeat(900)).repeat(20);
        let size: usize = remote_lines(wide.as_bytes()).iter().map(String::len).sum();
        assert!((3000..=MAX_BYTES).contains(&size), "{size}");
    }

    #[test]
    fn nothing_said_is_said() {
        assert_eq!(all_words(b"\r\n\x1b[31m\n"), "it failed without a message");
        assert_eq!(all_words(b"fatal: one\n50%\r100%\nhint: two\n"), "fatal: one; 100%; hint: two");
    }
}
