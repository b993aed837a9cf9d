//! Reading the past in bulk: commits with the files they touched, the paths of a tree, what
//! branches changed, and who names a file. One process each, whatever the number of questions.
//! Contacts nobody: objects a partial clone does not have are not fetched for this.

use super::{Call, GitError, Repository, protocol};
use crate::model::{PastCommit, Sha};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::time::Duration;

/// Bytes of a message that are read.
const MAX_MESSAGE: usize = 400;
/// A commit that touches more files than this (an import, a reformatting) tells nothing about them.
const MAX_FILES: usize = 50;
/// Longest line that is taken for code somebody wrote.
const MAX_LINE: usize = 500;
/// How long a search through contents may take.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Begins each record of our own; no path and no message begins with it by accident.
const MARK: &str = "%x01%x02";
const MARKED: &[u8] = b"\x01\x02";

/// The commits of a head since an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// Newest first.
    pub commits: Vec<PastCommit>,
    /// The earlier head is no longer among its ancestors.
    pub was_rewritten: bool,
}

impl Repository {
    /// The newest `most` commits of `head`, newest first, with the files each touched.
    pub fn past(&self, head: &Sha, most: usize) -> Result<Vec<PastCommit>, GitError> {
        Ok(self.log(head.as_str(), most)?.commits)
    }

    /// The newest `most` of the commits that `head` has and `earlier` has not.
    pub fn past_since(&self, earlier: &Sha, head: &Sha, most: usize) -> Result<Since, GitError> {
        self.log(&format!("{earlier}...{head}"), most)
    }

    /// All paths of a commit's tree, sorted by bytes.
    pub fn tree_paths(&self, at: &Sha) -> Result<Vec<String>, GitError> {
        let call = self.local(["ls-tree", "-r", "-z", "--name-only", "--full-tree"]).arg(at.as_str());
        let mut files = Vec::new();
        each_field(&call.success()?.stdout, |field| files.push(lossy(field)));
        files.sort_unstable();
        Ok(files)
    }

    /// The paths that came and those that went between two commits.
    pub fn tree_changes(&self, old: &Sha, new: &Sha) -> Result<(Vec<String>, Vec<String>), GitError> {
        let args = ["diff-tree", "-r", "-z", "--name-status", "--no-renames", "--diff-filter=AD"];
        let output = self.local(args).arg(old.as_str()).arg(new.as_str()).success()?;
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        let mut status = None;
        each_field(&output.stdout, |field| match status.take() {
            None => status = Some(field == b"A"),
            Some(true) => added.push(lossy(field)),
            Some(false) => removed.push(lossy(field)),
        });
        Ok((added, removed))
    }

    /// Head → the files its commits touched that `base` does not have. Heads that are not here are
    /// missing from the answer.
    pub fn touched_since(
        &self,
        base: &Sha,
        heads: &[Sha],
        most: usize,
    ) -> Result<HashMap<Sha, BTreeSet<String>>, GitError> {
        let names: Vec<String> = heads.iter().map(Sha::to_string).collect();
        let found = self.objects(&names)?;
        let here: Vec<&Sha> = heads.iter().zip(&found).filter(|(_, o)| o.is_some()).map(|(h, _)| h).collect();
        let mut touched: HashMap<Sha, BTreeSet<String>> =
            here.iter().map(|head| ((*head).clone(), BTreeSet::new())).collect();
        if here.is_empty() {
            return Ok(touched);
        }
        let format = format!("--format={MARK}%S");
        let mut call = self.log_call(most).arg(format).arg(format!("^{base}"));
        for head in &here {
            call = call.arg(head.as_str());
        }
        let mut current = None;
        read_log(call.arg("--").spooled()?.0, |field| match field {
            Field::Record(source) => current = Some(Sha::new(lossy(source).trim())),
            Field::Path(path) => {
                if let Some(files) = current.as_ref().and_then(|head| touched.get_mut(head)) {
                    files.insert(lossy(path));
                }
            }
        })?;
        Ok(touched)
    }

    /// The lines of a commit's text files that match an extended regular expression, as
    /// `(path, line)`; over-long lines are left out. Gives up with an error after two seconds.
    pub fn grep(
        &self,
        at: &Sha,
        pattern: &str,
        pathspecs: &[String],
    ) -> Result<Vec<(String, String)>, GitError> {
        let args = ["grep", "-z", "-I", "-E", "--no-line-number", "--no-color", "--full-name", "-e"];
        let mut call = self.local(args).arg(pattern).arg(at.as_str()).arg("--");
        for pathspec in pathspecs {
            call = call.arg(pathspec);
        }
        call.timeout = SEARCH_TIMEOUT;
        let output = call.output()?;
        // Exit code 1 with nothing said: nothing was found.
        if !output.success && !output.stderr.is_empty() {
            return Err(protocol("grep", super::words::all_words(&output.stderr)));
        }
        let prefix = format!("{at}:");
        let hits = output.stdout.split(|byte| *byte == b'\n').filter_map(|hit| {
            let end = hit.iter().position(|byte| *byte == 0)?;
            let (path, line) = (lossy(hit.get(..end)?), hit.get(end + 1..)?);
            let path = path.strip_prefix(&prefix)?.to_owned();
            (line.len() <= MAX_LINE).then(|| (path, lossy(line)))
        });
        Ok(hits.collect())
    }

    fn log(&self, range: &str, most: usize) -> Result<Since, GitError> {
        let call = self.log_call(most).arg(format!("--format={MARK}%m%B")).arg("--left-right").arg(range);
        let mut since = Since { commits: Vec::new(), was_rewritten: false };
        read_log(call.arg("--").spooled()?.0, |field| match field {
            Field::Record(text) => {
                let (side, message) = text.split_at_checked(1).unwrap_or((text, b""));
                since.was_rewritten |= side == b"<";
                let message = message.get(..MAX_MESSAGE).unwrap_or(message);
                since
                    .commits
                    .push(PastCommit { message: lossy(message).trim().to_owned(), files: Vec::new() });
            }
            Field::Path(path) => {
                if let Some(commit) = since.commits.last_mut().filter(|c| c.files.len() <= MAX_FILES) {
                    commit.files.push(lossy(path));
                }
            }
        })?;
        for commit in since.commits.iter_mut().filter(|commit| commit.files.len() > MAX_FILES) {
            commit.files = Vec::new();
        }
        Ok(since)
    }

    fn log_call(&self, most: usize) -> Call {
        self.local(["log", "-z", "--name-only", "--no-renames", "--diff-merges=off", "--no-show-signature"])
            .arg("--encoding=UTF-8")
            .arg(format!("--max-count={most}"))
            // A first commit, and the last one of a shallow clone, brings in everything: no change.
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "log.showRoot")
            .env("GIT_CONFIG_VALUE_0", "false")
    }

    /// A call that never fetches a missing object.
    fn local<const N: usize>(&self, args: [&str; N]) -> Call {
        self.git(args).env("GIT_NO_LAZY_FETCH", "1")
    }
}

/// A part of a log made with [`MARK`].
enum Field<'a> {
    Record(&'a [u8]),
    Path(&'a [u8]),
}

/// Reads `-z --name-only` output piece by piece: a wide history need not fit into memory.
fn read_log(mut spool: File, mut each: impl FnMut(Field<'_>)) -> Result<(), GitError> {
    let io = |error: std::io::Error| protocol("log", error.to_string());
    spool.rewind().map_err(io)?;
    let mut reader = BufReader::with_capacity(1 << 16, spool);
    let mut field = Vec::new();
    loop {
        field.clear();
        if reader.by_ref().read_until(0, &mut field).map_err(io)? == 0 {
            return Ok(());
        }
        let text = field.strip_suffix(b"\0").unwrap_or(&field);
        // Git ends the header of a commit that touched files with a line feed of its own.
        let text = text.strip_prefix(b"\n").unwrap_or(text);
        match text.strip_prefix(MARKED) {
            Some(record) => each(Field::Record(record)),
            None if text.is_empty() => {}
            None => each(Field::Path(text)),
        }
    }
}

fn each_field<'a>(bytes: &'a [u8], each: impl FnMut(&'a [u8])) {
    bytes.split(|byte| *byte == 0).filter(|field| !field.is_empty()).for_each(each);
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
