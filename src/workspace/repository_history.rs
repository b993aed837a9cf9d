//! Looking at the repository's past for predictions: history and tree from a cache in Conductor's own
//! folder, brought up to date by difference; what branches changed; who imports a file. Reads git
//! objects only; what cannot be read is an error the caller may live without.

use super::{WorkspaceError, Workspaces};
use crate::files;
use crate::model::{Calibration, History, PastCommit, Sha};
use crate::system::git::GitError;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// The first field of a cache this program can read.
const FORMAT: &str = "conductor history 1";
/// Bytes of kept weights that are read.
const MAX_CALIBRATION: u64 = 64 * 1024;
/// Files whose importers are looked for at once.
const MAX_SOUGHT: usize = 20;
/// Importers of one file, at most.
const MAX_IMPORTERS: usize = 20;
/// Commits read of branches in review.
const MAX_BRANCH_COMMITS: usize = 2000;
/// Names that say nothing about what is imported.
const NAMELESS: &[&str] =
    &["index", "main", "mod", "lib", "init", "__init__", "test", "tests", "utils", "types"];
/// Files of these endings import each other.
const FAMILIES: &[&[&str]] = &[
    &["ts", "tsx", "js", "jsx", "mjs", "cjs", "mts", "cts", "vue", "svelte", "astro"],
    &["c", "h", "cc", "hh", "cpp", "hpp", "cxx", "hxx", "m", "mm"],
    &["java", "kt", "kts", "scala", "groovy"],
    &["css", "scss", "sass", "less"],
    &["sh", "bash", "zsh"],
];
/// What stands before the name of what is imported, in one language or another.
const IMPORT: &str = "(^|[^[:alnum:]_])(import|require|include|use|using|from|mod|load|source|extern|extends)\
                      ([^[:alnum:]_].*)?[^[:alnum:]_]";

impl Workspaces {
    /// The newest `depth` commits and the tracked files of `head`. `keep`: what was read is cached
    /// for the next run.
    pub fn history(&self, head: &Sha, depth: usize, keep: bool) -> Result<History, WorkspaceError> {
        let cache = self.files().join("cache").join("history");
        let cached = files::read(&cache, files::LARGE)
            .ok()
            .and_then(|bytes| parse(&bytes))
            .filter(|h| h.depth == depth);
        let known = match cached {
            Some(history) if history.head == *head => return Ok(history),
            // What cannot be brought up to date is read anew.
            Some(history) => self.brought_up_to_date(history, head).ok().flatten(),
            None => None,
        };
        let history = match known {
            Some(history) => history,
            None => self.read_history(head, depth)?,
        };
        if keep && let Err(error) = write(&cache, &history) {
            tracing::debug!("{}: {error}", cache.display());
        }
        Ok(history)
    }

    /// The weights of overlap prediction as they were last fitted to this repository.
    pub fn calibration(&self) -> Option<Calibration> {
        let bytes = files::read(&self.calibration_file(), MAX_CALIBRATION).ok()?;
        serde_json::from_slice::<Calibration>(&bytes).ok().filter(Calibration::is_sound)
    }

    /// Keeps them for the next run.
    pub fn keep_calibration(&self, calibration: &Calibration) -> std::io::Result<()> {
        let text = serde_json::to_string(calibration)?;
        keep(&self.calibration_file(), &text)
    }

    fn calibration_file(&self) -> PathBuf {
        self.files().join("cache").join("calibration.json")
    }

    /// Head → the files its commits changed against `base`, of the heads that are here.
    pub fn changed_files(
        &self,
        base: &Sha,
        heads: &[Sha],
    ) -> Result<HashMap<Sha, BTreeSet<String>>, WorkspaceError> {
        Ok(self.repository.touched_since(base, heads, MAX_BRANCH_COMMITS)?)
    }

    /// The remote-tracking branches as the checkout's owner last fetched them, by full name.
    pub fn known_branches(&self) -> Result<HashMap<String, Sha>, WorkspaceError> {
        Ok(self.repository.refs("refs/remotes/")?)
    }

    /// File → the tracked files that seem to import it: a line with a word for importing and the
    /// file's stem, in a file of the same kind.
    pub fn importers(
        &self,
        at: &Sha,
        files: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, WorkspaceError> {
        let sought: Vec<Sought<'_>> =
            files.iter().filter_map(|file| Sought::of(file)).take(MAX_SOUGHT).collect();
        if sought.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut stems: Vec<&str> = sought.iter().map(|sought| sought.stem).collect();
        stems.sort_unstable();
        stems.dedup();
        let pattern = format!("{IMPORT}({})([^[:alnum:]_]|$)", stems.join("|"));
        let endings: BTreeSet<String> =
            sought.iter().flat_map(|sought| &sought.family).map(|ending| format!("*.{ending}")).collect();
        let hits = self.repository.grep(at, &pattern, &endings.into_iter().collect::<Vec<_>>())?;
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (path, line) in hits {
            for sought in sought.iter().filter(|sought| sought.is_named_by(&path, &line)) {
                let importers = found.entry(sought.file.to_owned()).or_default();
                if importers.len() < MAX_IMPORTERS {
                    importers.insert(path.clone());
                }
            }
        }
        Ok(found)
    }

    fn read_history(&self, head: &Sha, depth: usize) -> Result<History, WorkspaceError> {
        let (commits, files) = std::thread::scope(|scope| {
            let tree = scope.spawn(|| self.repository.tree_paths(head));
            (self.repository.past(head, depth), tree.join())
        });
        let files = files.unwrap_or_else(|_| Err(GitError::protocol("ls-tree", "its reader failed")))?;
        Ok(History { head: head.clone(), depth, commits: commits?, files })
    }

    /// `None` when the known head is no ancestor any more.
    fn brought_up_to_date(&self, mut known: History, head: &Sha) -> Result<Option<History>, WorkspaceError> {
        let (since, changes) = std::thread::scope(|scope| {
            let changes = scope.spawn(|| self.repository.tree_changes(&known.head, head));
            (self.repository.past_since(&known.head, head, known.depth), changes.join())
        });
        let since = since?;
        let (added, removed) =
            changes.unwrap_or_else(|_| Err(GitError::protocol("diff-tree", "its reader failed")))?;
        if since.was_rewritten {
            return Ok(None);
        }
        let removed: BTreeSet<String> = removed.into_iter().collect();
        if !removed.is_empty() {
            known.files.retain(|file| !removed.contains(file));
        }
        if !added.is_empty() {
            known.files.extend(added);
            known.files.sort_unstable();
        }
        let mut commits = since.commits;
        commits.append(&mut known.commits);
        commits.truncate(known.depth);
        Ok(Some(History { head: head.clone(), commits, ..known }))
    }
}

/// A file whose importers are looked for.
struct Sought<'f> {
    file: &'f str,
    stem: &'f str,
    family: Vec<&'f str>,
}

impl<'f> Sought<'f> {
    fn of(file: &'f str) -> Option<Self> {
        let path = Path::new(file);
        let (stem, ending) = (path.file_stem()?.to_str()?, path.extension()?.to_str()?);
        let parent = || path.parent()?.file_name()?.to_str();
        // `auth/index.ts` is imported as `auth`.
        let stem = if NAMELESS.contains(&stem) { parent()? } else { stem };
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if stem.len() < 3 || NAMELESS.contains(&stem) || !is_plain(stem) || !is_plain(ending) {
            return None;
        }
        let family = FAMILIES.iter().find(|family| family.contains(&ending));
        let family = family.map_or_else(|| vec![ending], |family| family.to_vec());
        Some(Self { file, stem, family })
    }

    fn is_named_by(&self, path: &str, line: &str) -> bool {
        let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        path != self.file
            && self.family.contains(&ending)
            && line.match_indices(self.stem).any(|(at, _)| {
                let before = line.get(..at).and_then(|text| text.chars().next_back());
                let after = line.get(at + self.stem.len()..).and_then(|text| text.chars().next());
                ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
            })
    }
}

/// The cache: fields that end in NUL, as neither paths nor messages can hold one.
fn parse(bytes: &[u8]) -> Option<History> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut fields = text.strip_suffix('\0')?.split('\0');
    if fields.next()? != FORMAT {
        return None;
    }
    let head = Sha::new(fields.next()?);
    let depth = fields.next()?.parse().ok()?;
    let commits: usize = fields.next()?.parse().ok()?;
    let commits = (0..commits)
        .map(|_| {
            let message = fields.next()?.to_owned();
            let count: usize = fields.next()?.parse().ok()?;
            let files = (0..count).map(|_| fields.next().map(str::to_owned)).collect::<Option<_>>()?;
            Some(PastCommit { message, files })
        })
        .collect::<Option<_>>()?;
    let count: usize = fields.next()?.parse().ok()?;
    let files: Vec<String> = fields.map(str::to_owned).collect();
    (files.len() == count).then_some(History { head, depth, commits, files })
}

fn write(cache: &Path, history: &History) -> std::io::Result<()> {
    let mut text = String::new();
    let mut field = |value: &str| {
        text.push_str(value);
        text.push('\0');
    };
    field(FORMAT);
    field(history.head.as_str());
    field(&history.depth.to_string());
    field(&history.commits.len().to_string());
    for commit in &history.commits {
        field(&commit.message);
        field(&commit.files.len().to_string());
        commit.files.iter().for_each(|file| field(file));
    }
    field(&history.files.len().to_string());
    history.files.iter().for_each(|file| field(file));
    keep(cache, &text)
}

/// Replaces a file of the cache in one step.
fn keep(cache: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = cache.parent() {
        fs::create_dir_all(folder)?;
    }
    files::write_private(cache, text)
}
