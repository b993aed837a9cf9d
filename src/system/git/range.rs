//! What a head has beyond its base: its commits, the paths and modes each of them touched, their
//! patches. Nothing is left out unseen: a range that is longer than was asked for says so.

use super::objects::{CommitInfo, parse_commit};
use super::{GitError, Repository, protocol};
use crate::model::Sha;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Seek};

/// Bytes of commit messages and listings that are read beside the patches.
const HEADERS: u64 = 8 << 20;

/// How much of a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub commits: u64,
    /// Bytes of patches; with 0 the paths are left out as well.
    pub patch: u64,
}

impl Reading {
    /// Commits and their messages only.
    pub const MESSAGES: Self = Self { commits: 2_000, patch: 0 };
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
    /// What each of the head's commits changed, newest first.
    pub steps: Vec<Step>,
    /// There is more than was to be read, or it could not be read to its end.
    pub is_cut: bool,
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    pub commit: Option<Sha>,
    /// Against its parent; of a merge, what differs from every parent.
    pub files: Vec<ChangedFile>,
}

/// A path that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// `A`, `M`, `D`, `R`, `C`, `T`.
    pub kind: char,
    pub old_mode: String,
    pub new_mode: String,
    /// The content's id after the change; zeros when it was removed.
    pub new_id: Sha,
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
    /// Where `head` stands against `base`: its commits with the paths and the patch of each, as
    /// text whatever attributes and configuration say. What one commit adds and the next one removes
    /// is in it too.
    pub fn range(&self, base: &Sha, head: &str, reading: Reading) -> Result<Range, GitError> {
        let most = reading.patch;
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
        let count = format!("--max-count={}", reading.commits.saturating_add(1));
        let mut args = vec!["log", "--left-right", &count, &format];
        if most > 0 {
            args.extend(patch);
        }
        let span = format!("{base}...{head}");
        args.extend([span.as_str(), "--"]);
        let (mut spool, _) = self.git(args).env("GIT_NO_REPLACE_OBJECTS", "1").spooled()?;
        let io = |error: std::io::Error| protocol("log", error.to_string());
        let size = spool.seek(std::io::SeekFrom::End(0)).map_err(io)?;
        spool.rewind().map_err(io)?;
        let mut bytes = Vec::new();
        spool.take(most.saturating_add(HEADERS)).read_to_end(&mut bytes).map_err(io)?;
        let Parsed { mut range, merges } = parse_range(&bytes, mark.as_bytes(), size, most, base);
        let count = range.behind.saturating_add(range.ahead.len() as u64);
        range.is_cut |= count > reading.commits;
        if !range.is_cut && !merges.is_empty() {
            let mut made = self.made_by_merges(&merges)?;
            for step in &mut range.steps {
                if let Some(commit) = step.commit.as_ref().filter(|commit| merges.contains(commit)) {
                    step.files = made.remove(commit).unwrap_or_default();
                }
            }
        }
        Ok(range)
    }

    /// What merges changed themselves: the files that differ from those of every parent.
    fn made_by_merges(&self, merges: &[Sha]) -> Result<HashMap<Sha, Vec<ChangedFile>>, GitError> {
        let names: String = merges.iter().map(|merge| format!("{merge}\n")).collect();
        let args =
            ["diff-tree", "--stdin", "-r", "-z", "-c", "--raw", "--no-abbrev", "--ignore-submodules=none"];
        let call = self.git(args).env("GIT_NO_REPLACE_OBJECTS", "1").stdin(names);
        parse_merges(&call.success()?.stdout)
    }

    /// The files that differ.
    pub fn diff(&self, base: &Sha, head: &str) -> Result<Vec<ChangedFile>, GitError> {
        let args =
            ["diff", "--raw", "--numstat", "-z", "--no-abbrev", "--find-renames", "--ignore-submodules=none"];
        let output = self.git(args).arg(base.as_str()).arg(head).arg("--").success()?;
        Ok(parse_diff(&output.stdout)?.0)
    }
}

/// A range, and which of its commits are merges.
struct Parsed {
    range: Range,
    merges: Vec<Sha>,
}

/// `<mark><side><parents>\n<id> <seconds> <author>\n<message><mark>\0\n<listing>\0<patch>` over and over;
/// listing and patch are missing where nothing was asked for or nothing changed.
fn parse_range(bytes: &[u8], mark: &[u8], size: u64, most: u64, base: &Sha) -> Parsed {
    let mut range = Range::default();
    let mut merges = Vec::new();
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
        let commit = parse_commit(commit);
        let mut step = Step { commit: Some(commit.sha.clone()), files: Vec::new() };
        if parents.contains(' ') {
            merges.push(commit.sha.clone());
        }
        range.ahead.push(commit);
        is_plain &= parents == base.as_str();
        let body = bytes.get(body..next).unwrap_or_default();
        let listed = parse_diff(body.strip_prefix(b"\0\n").unwrap_or(body));
        let patch = listed.as_ref().map_or(body, |(_, patch)| patch.strip_prefix(b"\0").unwrap_or(patch));
        headers += (body.len() - patch.len()) as u64;
        range.patches.text.extend_from_slice(patch);
        // As text, a binary file has lines.
        let is_text = memchr::memchr(0, patch).is_none();
        match listed {
            Ok((files, _)) => step.files = files,
            Err(_) => range.is_cut = true,
        }
        range.files = (is_text && !range.is_cut).then(|| step.files.clone());
        range.steps.push(step);
    }
    if !is_plain || range.ahead.len() != 1 || range.behind > 0 || most == 0 {
        range.files = None;
    }
    range.patches.size = size.saturating_sub(headers);
    range.patches.text.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    range.is_cut |= most > 0 && size > most.saturating_add(HEADERS);
    Parsed { range, merges }
}

/// `<id>\0`, then `::<modes> <ids> <status>\0<path>\0` for each of its files, over and over.
fn parse_merges(bytes: &[u8]) -> Result<HashMap<Sha, Vec<ChangedFile>>, GitError> {
    let mut made: HashMap<Sha, Vec<ChangedFile>> = HashMap::new();
    let mut current = None;
    let mut fields = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    while let Some(field) = fields.next() {
        let told = field.trim_start_matches(':');
        let parents = field.len() - told.len();
        if parents == 0 {
            if !field.is_empty() {
                current = Some(Sha::new(field.trim()));
            }
            continue;
        }
        let words: Vec<&str> = told.split(' ').collect();
        let (commit, path) = (current.clone(), fields.next());
        let (Some(commit), Some(path), Some(modes), Some(new_mode), Some(new_id)) =
            (commit, path, words.get(..parents), words.get(parents), words.get(2 * parents + 1))
        else {
            return Err(protocol("diff-tree", told));
        };
        // What one parent has as a repository is none that the merge made.
        let old_mode = modes.iter().find(|mode| **mode == "160000").or(modes.first());
        made.entry(commit).or_default().push(ChangedFile {
            kind: 'M',
            old_mode: old_mode.copied().unwrap_or_default().to_owned(),
            new_mode: (*new_mode).to_owned(),
            new_id: Sha::new(*new_id),
            path: path.into_owned(),
            old_path: None,
            added: None,
            deleted: None,
        });
    }
    Ok(made)
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
        let [old_mode, new_mode, _, new_id, status] = fields.as_slice() else {
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
            new_id: Sha::new(*new_id),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BranchName;
    use crate::system::git::{CommitAuthor, Entry};

    const ALL: Reading = Reading { commits: 100, patch: 1 << 20 };

    struct Made {
        _dir: tempfile::TempDir,
        repository: Repository,
    }

    fn made() -> Made {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(&dir.path().join("r"), &BranchName::new("main")).unwrap();
        Made { _dir: dir, repository }
    }

    impl Made {
        fn commit(&self, parents: &[&Sha], files: &[(&str, &str, &str)]) -> Sha {
            let entry = |(mode, name, content): &(&str, &str, &str)| Entry {
                mode: (*mode).to_owned(),
                name: (*name).to_owned(),
                id: self.repository.write_blob(content.as_bytes()).unwrap(),
            };
            let tree = self.repository.write_tree(&files.iter().map(entry).collect::<Vec<_>>()).unwrap();
            let author = CommitAuthor { name: "A".to_owned(), email: "a@b".to_owned() };
            let parents: Vec<Sha> = parents.iter().map(|parent| (*parent).clone()).collect();
            self.repository.write_commit(&tree, &parents, "do it", &author).unwrap()
        }
    }

    fn paths(step: &Step) -> Vec<&str> {
        step.files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn each_commit_tells_its_paths_also_those_the_next_one_takes_back() {
        let made = made();
        let plain = ("100644", "a", "a");
        let base = made.commit(&[], &[plain]);
        let one = made.commit(&[&base], &[plain, ("120000", "evil\n:link", "/etc")]);
        let two = made.commit(&[&one], &[plain, ("100644", "b", "b")]);
        let range = made.repository.range(&base, two.as_str(), ALL).unwrap();
        assert!(!range.is_cut);
        let told: Vec<_> =
            range.steps.iter().map(|step| (step.commit.clone().unwrap(), paths(step))).collect();
        assert_eq!(told, [(two, vec!["b", "evil\n:link"]), (one, vec!["evil\n:link"])]);
        assert_eq!(range.steps[1].files[0].new_mode, "120000");
        let link = made.repository.write_blob(b"/etc").unwrap();
        assert_eq!(range.steps[1].files[0].new_id, link);
    }

    #[test]
    fn a_merge_tells_what_it_made_itself_and_not_what_it_took() {
        let made = made();
        let (plain, theirs) = (("100644", "a", "a"), ("100644", "ci.yml", "theirs"));
        let root = made.commit(&[], &[plain]);
        let base = made.commit(&[&root], &[plain, theirs]);
        let work = made.commit(&[&root], &[plain, ("100644", "w", "w")]);
        let taken = made.commit(&[&work, &base], &[plain, theirs, ("100644", "w", "w")]);
        let range = made.repository.range(&base, taken.as_str(), ALL).unwrap();
        assert_eq!(range.steps.iter().map(paths).collect::<Vec<_>>(), [vec![], vec!["w"]]);
        let evil = made.commit(&[&work, &base], &[plain, ("100755", "ci.yml", "mine"), ("100644", "w", "w")]);
        let range = made.repository.range(&base, evil.as_str(), ALL).unwrap();
        assert_eq!(paths(&range.steps[0]), ["ci.yml"]);
        assert_eq!(range.steps[0].files[0].new_mode, "100755");
    }

    #[test]
    fn a_range_that_is_longer_than_was_asked_for_says_so() {
        let made = made();
        let base = made.commit(&[], &[]);
        let mut head = base.clone();
        for number in 0..3 {
            head = made.commit(&[&head], &[("100644", "a", &number.to_string())]);
        }
        let cut = |commits, patch| {
            made.repository.range(&base, head.as_str(), Reading { commits, patch }).unwrap().is_cut
        };
        assert_eq!((cut(3, 1 << 20), cut(2, 1 << 20), cut(2, 0)), (false, true, true));
    }
}
