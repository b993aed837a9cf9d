//! Objects: reading several in one call, and what changed between two commits.

use super::{GitError, Repository, protocol};
use crate::model::{Sha, Time};
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Seek};

/// Bytes of commit messages that are read beside the patches.
const HEADERS: u64 = 8 << 20;

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

/// Where a head stands against its base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// Commits of the base that the head does not have: above zero, the base was rewritten away.
    pub behind: u64,
    /// Commits of the head that the base does not have, newest first.
    pub ahead: Vec<CommitInfo>,
    /// The patches of those commits.
    pub patches: Patches,
    /// What differs between the two, where the one commit of the head tells it.
    pub files: Option<Vec<ChangedFile>>,
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

/// A path that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// `A`, `M`, `D`, `R`, `C`, `T`.
    pub kind: char,
    pub old_mode: String,
    pub new_mode: String,
    pub path: String,
    /// Where it was, when it was renamed or copied.
    pub old_path: Option<String>,
    /// Lines; `None` for binary files.
    pub added: Option<u64>,
    pub deleted: Option<u64>,
}

/// The patches of a range of commits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patches {
    /// As far as they were asked for.
    pub text: Vec<u8>,
    /// Their whole size in bytes.
    pub size: u64,
}

impl Repository {
    /// Reads objects by name (`ref`, `ref:path`, `ref^{tree}`) in one call; `None` where there is
    /// no such thing.
    pub fn objects(&self, names: &[String]) -> Result<Vec<Option<Object>>, GitError> {
        let output = self.git(["cat-file", "--batch"]).stdin(names.join("\n") + "\n").success()?;
        parse_batch(&output.stdout, names.len())
    }

    /// A commit and what it builds on, newest first; at most the newest 2,000.
    pub fn commits(&self, head: &Sha) -> Result<Vec<CommitInfo>, GitError> {
        let args = ["log", "-z", "--max-count=2000", "--format=%H %ct %an <%ae>%n%B", head.as_str(), "--"];
        let text = self.git(args).text()?;
        Ok(text.split('\0').filter(|record| !record.is_empty()).map(parse_commit).collect())
    }

    /// Where `head` stands against `base`: its commits with the patch of each, as text whatever
    /// attributes and configuration say, the patches together up to `most` bytes. What one commit
    /// adds and the next one removes is in it too.
    pub fn range(&self, base: &Sha, head: &str, most: u64) -> Result<Range, GitError> {
        // A patch may hold any byte: only a word nobody can foresee tells where it ends.
        let mark = format!("{:016x}", RandomState::new().build_hasher().finish());
        let format = format!("--format={mark}%m%P%n%H %ct %an <%ae>%n%B{mark}");
        let patch = [
            "-z",
            "--raw",
            "--numstat",
            "--no-abbrev",
            "--find-renames",
            "--ignore-submodules=none",
            "--patch",
            "--text",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--diff-merges=first-parent",
        ];
        let mut args = vec!["log", "--left-right", "--max-count=2000", &format];
        if most > 0 {
            args.extend(patch);
        }
        let span = format!("{base}...{head}");
        args.extend([span.as_str(), "--"]);
        let (mut spool, _) = self.git(args).spooled()?;
        let io = |error: std::io::Error| protocol("log", error.to_string());
        let size = spool.seek(std::io::SeekFrom::End(0)).map_err(io)?;
        spool.rewind().map_err(io)?;
        let mut bytes = Vec::new();
        spool.take(most.saturating_add(HEADERS)).read_to_end(&mut bytes).map_err(io)?;
        Ok(parse_range(&bytes, mark.as_bytes(), size, most, base))
    }

    /// The newest commit both have; `None` when they have none in common, or one is unknown.
    pub fn merge_base(&self, a: &Sha, b: &Sha) -> Result<Option<Sha>, GitError> {
        let output = self.git(["merge-base", a.as_str(), b.as_str()]).output()?;
        Ok(output.success.then(|| sha(output.text())))
    }

    /// The files that differ.
    pub fn diff(&self, base: &Sha, head: &str) -> Result<Vec<ChangedFile>, GitError> {
        let args =
            ["diff", "--raw", "--numstat", "-z", "--no-abbrev", "--find-renames", "--ignore-submodules=none"];
        let output = self.git(args).arg(base.as_str()).arg(head).arg("--").success()?;
        Ok(parse_diff(&output.stdout)?.0)
    }
}

/// `<id> <seconds> <author>`, and the message from the next line on.
fn parse_commit(record: &str) -> CommitInfo {
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

/// `<mark><side><parents>\n<id> <seconds> <author>\n<message><mark>\0\n<listing>\0<patch>` over and over;
/// listing and patch are missing where nothing was asked for or nothing changed.
fn parse_range(bytes: &[u8], mark: &[u8], size: u64, most: u64, base: &Sha) -> Range {
    let mut range = Range::default();
    let mut is_plain = true;
    let mut headers = 0;
    let mut parts = memchr::memmem::find_iter(bytes, mark).peekable();
    while let Some(begin) = parts.next() {
        let Some(end) = parts.next() else { break };
        let header =
            String::from_utf8_lossy(bytes.get(begin + mark.len()..end).unwrap_or_default()).into_owned();
        let body = end + mark.len();
        let next = parts.peek().copied().unwrap_or(bytes.len());
        headers += (body - begin) as u64;
        let (told, commit) = header.split_once('\n').unwrap_or((&header, ""));
        let Some(parents) = told.strip_prefix('>') else {
            range.behind += 1;
            continue;
        };
        range.ahead.push(parse_commit(commit));
        is_plain &= parents == base.as_str();
        let body = bytes.get(body..next).unwrap_or_default();
        let listed = parse_diff(body.strip_prefix(b"\0\n").unwrap_or(body));
        let patch = listed.as_ref().map_or(body, |(_, patch)| patch.strip_prefix(b"\0").unwrap_or(patch));
        headers += (body.len() - patch.len()) as u64;
        range.patches.text.extend_from_slice(patch);
        // As text, a binary file has lines.
        let is_text = memchr::memchr(0, patch).is_none();
        range.files = listed.ok().map(|(files, _)| files).filter(|_| is_text);
    }
    if !is_plain || range.ahead.len() != 1 || range.behind > 0 || most == 0 {
        range.files = None;
    }
    range.patches.size = size.saturating_sub(headers);
    range.patches.text.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    range
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

/// `--raw --numstat -z`: the raw lines, then the counts in the same order; and what follows.
fn parse_diff(bytes: &[u8]) -> Result<(Vec<ChangedFile>, &[u8]), GitError> {
    let mut files = Vec::new();
    let mut rest = bytes;
    let next = |rest: &mut &[u8]| -> Option<String> {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let field = String::from_utf8_lossy(rest.get(..end)?).into_owned();
        *rest = rest.get(end + 1..)?;
        Some(field)
    };
    let cut = || protocol("diff", "the listing ended early");
    while rest.first() == Some(&b':') {
        let line = next(&mut rest).ok_or_else(cut)?;
        let fields: Vec<&str> = line.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, _, _, status] = fields.as_slice() else {
            return Err(protocol("diff", line));
        };
        let kind = status.chars().next().unwrap_or('M');
        let mut path = next(&mut rest).ok_or_else(cut)?;
        let mut old_path = None;
        if matches!(kind, 'R' | 'C') {
            old_path = Some(std::mem::replace(&mut path, next(&mut rest).ok_or_else(cut)?));
        }
        files.push(ChangedFile {
            kind,
            old_mode: (*old_mode).to_owned(),
            new_mode: (*new_mode).to_owned(),
            path,
            old_path,
            added: None,
            deleted: None,
        });
    }
    for file in &mut files {
        let line = next(&mut rest).ok_or_else(cut)?;
        let mut fields = line.splitn(3, '\t');
        file.added = fields.next().and_then(|count| count.parse().ok());
        file.deleted = fields.next().and_then(|count| count.parse().ok());
        if fields.next() == Some("") {
            next(&mut rest);
            next(&mut rest);
        }
    }
    Ok((files, rest))
}
