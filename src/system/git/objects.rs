//! Objects: reading several in one call, and commits with what they say.

use super::{GitError, Repository, protocol};
use crate::model::{Sha, Time};
use std::fmt::Write as _;
use std::io::{Read, Seek};

/// Bytes of all the commits of a change.
const MOST_COMMITS: u64 = 32 << 20;

/// One object, as `cat-file --batch` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub id: Sha,
    pub kind: String,
    pub data: Vec<u8>,
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub mode: String,
    pub name: String,
    pub id: Sha,
}

/// Whose name a commit carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitAuthor {
    pub name: String,
    pub email: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    pub sha: Sha,
    /// `None` for a time out of this world.
    pub committed_at: Option<Time>,
    /// `Name <e-mail>`.
    pub author: String,
    /// The whole message.
    pub message: String,
}

impl CommitInfo {
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

impl Repository {
    /// Reads objects by name (`ref`, `ref:path`, `ref^{tree}`) in one call; `None` where there is
    /// no such thing.
    pub fn objects(&self, names: &[String]) -> Result<Vec<Option<Object>>, GitError> {
        let output = self.git(["cat-file", "--batch"]).stdin(names.join("\n") + "\n").success()?;
        parse_batch(&output.stdout, names.len())
    }

    /// Commits as they are stored, every header included; `None` for what is no commit. Together
    /// they may have [`MOST_COMMITS`] bytes.
    pub fn raw_commits(&self, ids: &[Sha]) -> Result<Vec<Option<Object>>, GitError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let names: String = ids.iter().map(|id| format!("{id}\n")).collect();
        let call = self.git(["cat-file", "--batch"]).env("GIT_NO_REPLACE_OBJECTS", "1").stdin(names);
        let (mut spool, _) = call.spooled()?;
        let io = |error: std::io::Error| protocol("cat-file", error.to_string());
        spool.rewind().map_err(io)?;
        let mut bytes = Vec::new();
        spool.take(MOST_COMMITS + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MOST_COMMITS {
            return Err(protocol("cat-file", format!("the commits have more than {MOST_COMMITS} bytes")));
        }
        let objects = parse_batch(&bytes, ids.len())?;
        Ok(objects.into_iter().map(|object| object.filter(|object| object.kind == "commit")).collect())
    }

    /// A commit and what it builds on, newest first; at most the newest 2,000.
    pub fn commits(&self, head: &Sha) -> Result<Vec<CommitInfo>, GitError> {
        let args = ["log", "-z", "--max-count=2000", "--format=%H %ct %an <%ae>%n%B", head.as_str(), "--"];
        let text = self.git(args).text()?;
        Ok(text.split('\0').filter(|record| !record.is_empty()).map(parse_commit).collect())
    }

    /// The newest commit both have; `None` when they have none in common, or one is unknown.
    pub fn merge_base(&self, a: &Sha, b: &Sha) -> Result<Option<Sha>, GitError> {
        let output = self.git(["merge-base", a.as_str(), b.as_str()]).output()?;
        Ok(output.success.then(|| sha(output.text())))
    }
}

/// `<id> <seconds> <author>`, and the message from the next line on.
pub(super) fn parse_commit(record: &str) -> CommitInfo {
    let (header, message) = record.split_once('\n').unwrap_or((record, ""));
    let (id, rest) = header.split_once(' ').unwrap_or((header, ""));
    let (seconds, author) = rest.split_once(' ').unwrap_or((rest, ""));
    let committed_at = seconds.parse().ok().and_then(|seconds| Time::from_timestamp(seconds, 0));
    let (author, message) = (author.to_owned(), message.trim_end().to_owned());
    CommitInfo { sha: Sha::new(id), committed_at, author, message }
}

fn sha(text: String) -> Sha {
    Sha::new(text.trim())
}

fn parse_batch(mut bytes: &[u8], count: usize) -> Result<Vec<Option<Object>>, GitError> {
    let mut objects = Vec::with_capacity(count);
    while objects.len() < count {
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| protocol("cat-file", "the answer ended early"))?;
        let (header, rest) = bytes.split_at(end);
        bytes = rest.get(1..).unwrap_or_default();
        let header = String::from_utf8_lossy(header);
        let fields: Vec<&str> = header.split(' ').collect();
        let size = match fields.as_slice() {
            [_, "commit" | "tree" | "blob" | "tag", size] => size.parse::<usize>().ok(),
            _ => None,
        };
        let (Some(size), Some(id), Some(kind)) = (size, fields.first(), fields.get(1)) else {
            objects.push(None);
            continue;
        };
        let data = bytes.get(..size).ok_or_else(|| protocol("cat-file", "an object was cut short"))?;
        objects.push(Some(Object { id: Sha::new(*id), kind: (*kind).to_owned(), data: data.to_vec() }));
        bytes = bytes.get(size + 1..).unwrap_or_default();
    }
    Ok(objects)
}

/// A raw tree object: `<mode> <name>\0<id>` over and over; the id's length follows from the
/// repository's hash.
pub fn parse_tree(tree: &Object) -> Result<Vec<Entry>, GitError> {
    let id_len = tree.id.as_str().len() / 2;
    let mut rest = tree.data.as_slice();
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0);
        let (head, tail) = end
            .and_then(|end| Some((rest.get(..end)?, rest.get(end + 1..)?)))
            .ok_or_else(|| protocol("tree", "cut"))?;
        let head = String::from_utf8_lossy(head);
        let (mode, name) = head.split_once(' ').ok_or_else(|| protocol("tree", "no mode"))?;
        let id = tail.get(..id_len).ok_or_else(|| protocol("tree", "cut"))?;
        let hex = id.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        entries.push(Entry { mode: mode.to_owned(), name: name.to_owned(), id: Sha::new(hex) });
        rest = tail.get(id_len..).unwrap_or_default();
    }
    Ok(entries)
}
