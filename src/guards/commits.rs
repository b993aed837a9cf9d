//! Guards over commits as they are stored: every header counts, not only those that git shows.

use super::change::{Change, StoredCommit};
use crate::model::text;

/// Encodings in which ASCII text reads as it is, by how their names begin: in any other one the
/// message's bytes would say something else than the guards read.
const PLAIN: &[&str] = &[
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-",
    "iso8859-",
    "latin",
    "windows-125",
    "cp125",
    "koi8-",
];

/// Headers and message.
pub(super) fn parts(commit: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memmem::find(commit, b"\n\n") {
        Some(end) => (commit.get(..end).unwrap_or_default(), commit.get(end + 2..).unwrap_or_default()),
        None => (commit, b""),
    }
}

/// Commits whose message cannot be read as it stands.
pub(super) fn unreadable(change: &Change<'_>) -> Vec<String> {
    change.commits.iter().filter_map(fault).collect()
}

fn fault(StoredCommit { commit, bytes }: &StoredCommit<'_>) -> Option<String> {
    let (headers, message) = parts(bytes);
    if memchr::memchr(0, bytes).is_some() {
        return Some(format!("commit {commit} holds a NUL, after which git shows nothing"));
    }
    let encoding = headers.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"encoding "))?;
    let name = String::from_utf8_lossy(encoding).trim().to_lowercase();
    let is_plain =
        PLAIN.iter().any(|known| name.starts_with(known)) || (message.is_ascii() && !is_shifting(&name));
    (!is_plain).then(|| {
        let name = text::cut(&text::one_line(&name), 40).into_owned();
        format!("the message of commit {commit} is encoded as {name}: commit it as UTF-8")
    })
}

/// Whether ASCII bytes may stand for other characters.
fn is_shifting(name: &str) -> bool {
    let asian = ["shift", "sjis", "euc-", "gb", "big5"];
    !asian.iter().any(|known| name.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(commit: &str) -> Option<String> {
        fault(&StoredCommit { commit: "1234567", bytes: commit.as_bytes() })
    }

    #[test]
    fn a_message_is_read_as_it_stands_or_not_at_all() {
        for plain in [
            "tree 1\n\nx",
            "tree 1\nencoding UTF-8\n\nä",
            "tree 1\nencoding ISO-8859-1\n\nx",
            "tree 1\nencoding Shift_JIS\n\nx",
        ] {
            assert_eq!(said(plain), None, "{plain}");
        }
        for hidden in [
            "tree 1\nencoding UTF-7\n\n+AHM-",
            "tree 1\nencoding UTF-16\n\nx",
            "tree 1\nencoding IBM037\n\nx",
        ] {
            assert!(said(hidden).is_some_and(|reason| reason.contains("commit it as UTF-8")), "{hidden}");
        }
        assert!(said("tree 1\n\nx\0y").is_some_and(|reason| reason.contains("NUL")));
        // A message may tell of encodings.
        assert_eq!(said("tree 1\n\nencoding UTF-7\n"), None);
    }
}
