//! The state document on an orphan branch of the remote, written with git plumbing and a leased
//! push. No checkout, index or working tree is touched.

use super::history::monthly_lines;
use crate::model::capture::KEPT;
use crate::model::{BranchName, Sha, State};
use crate::ports::{Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError};
use crate::system::git::{
    CommitAuthor, Entry, FetchSpec, GitError, GitErrorKind, Object, RefPush, RefResult, Remote, Repository,
    parse_tree,
};
use std::sync::Mutex;

const HISTORY: &str = Folder::History.name();
const CONTEXT: &str = Folder::Context.name();

pub struct BranchStore {
    repository: Repository,
    remote: Remote,
    options: BranchStoreOptions,
    /// The root of the version read or written last: what else is on the branch.
    root: Mutex<Option<(String, Vec<Entry>)>>,
    /// The folder of contexts read or written last, by its tree.
    contexts: Mutex<Option<(Sha, Vec<Entry>)>>,
}

#[derive(Debug, Clone)]
pub struct BranchStoreOptions {
    pub branch: BranchName,
    /// The document's path on the branch.
    pub file: String,
    /// Fetched in the same contact as the state.
    pub base: BranchName,
    pub keep_outcomes: usize,
}

impl BranchStore {
    pub fn new(repository: Repository, remote: Remote, options: BranchStoreOptions) -> Self {
        Self { repository, remote, options, root: Mutex::new(None), contexts: Mutex::new(None) }
    }

    fn read(&self) -> Result<Snapshot, StoreError> {
        let name = self.remote.tracking_ref(&self.options.branch);
        let wanted = [
            self.remote.tracking_ref(&self.options.base),
            name.clone(),
            format!("{name}^{{tree}}"),
            format!("{name}:{}", self.options.file),
            format!("{name}:{CONTEXT}"),
        ];
        let objects = self.repository.objects(&wanted).map_err(unreachable)?;
        let [base, commit, tree, document, contexts] = <[Option<Object>; 5]>::try_from(objects)
            .map_err(|_| StoreError::Unreachable("git answered for another number of objects".to_owned()))?;
        let base = base.map(|base| base.id);
        let Some((commit, tree)) = commit.zip(tree) else {
            return Ok(Snapshot { state: State::empty(), version: None, base });
        };
        let described = |detail: String| {
            StoreError::Unreadable(format!(
                "{} on branch {} ({}): {detail}; mend or restore it with git, it is never taken for empty",
                self.options.file,
                self.options.branch,
                commit.id.short()
            ))
        };
        let document = document.ok_or_else(|| described("the file is missing".to_owned()))?;
        let state = State::parse(&document.data).map_err(described)?;
        let version = commit.id.to_string();
        self.remember(&version, parse_tree(&tree).map_err(unreachable)?);
        if let Some(contexts) = contexts.filter(|object| object.kind == "tree") {
            self.remember_contexts(&contexts.id, parse_tree(&contexts).map_err(unreachable)?);
        }
        Ok(Snapshot { state, version: Some(version), base })
    }

    fn remember(&self, version: &str, root: Vec<Entry>) {
        if let Ok(mut remembered) = self.root.lock() {
            *remembered = Some((version.to_owned(), root));
        }
    }

    fn remember_contexts(&self, tree: &Sha, entries: Vec<Entry>) {
        if let Ok(mut remembered) = self.contexts.lock() {
            *remembered = Some((tree.clone(), entries));
        }
    }

    /// What a folder of the root holds.
    fn entries_of(&self, root: &[Entry], folder: &str) -> Result<Vec<Entry>, GitError> {
        let found = root.iter().find(|entry| entry.name == folder && entry.mode.ends_with("40000"));
        let Some(Entry { id, .. }) = found else { return Ok(Vec::new()) };
        if let Ok(remembered) = self.contexts.lock()
            && let Some((_, entries)) = remembered.as_ref().filter(|(known, _)| known == id)
        {
            return Ok(entries.clone());
        }
        let tree = self.repository.objects(&[id.to_string()])?.pop().flatten();
        tree.map_or(Ok(Vec::new()), |tree| parse_tree(&tree))
    }

    /// Adds files to the folder of contexts; the oldest beyond the bound go.
    fn add_contexts(
        &self,
        root: &mut Vec<Entry>,
        files: &[KeptFile],
        blobs: Vec<Sha>,
    ) -> Result<(), GitError> {
        if files.is_empty() {
            return Ok(());
        }
        let mut entries = self.entries_of(root, CONTEXT)?;
        for (file, blob) in files.iter().zip(blobs) {
            put(&mut entries, "100644", &file.name, blob);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let surplus = entries.len().saturating_sub(KEPT);
        entries.drain(..surplus);
        let tree = self.repository.write_tree(&entries)?;
        self.remember_contexts(&tree, entries);
        put(root, "40000", CONTEXT, tree);
        Ok(())
    }

    /// What else is on the branch in that version.
    fn root_of(&self, version: Option<&str>) -> Result<Vec<Entry>, GitError> {
        let Some(version) = version else { return Ok(Vec::new()) };
        if let Ok(remembered) = self.root.lock()
            && let Some((_, root)) = remembered.as_ref().filter(|(known, _)| known == version)
        {
            return Ok(root.clone());
        }
        let tree = self.repository.objects(&[format!("{version}^{{tree}}")])?.pop().flatten();
        tree.map_or(Ok(Vec::new()), |tree| parse_tree(&tree))
    }

    /// Writes the commit that holds `next` on top of `base`; returns it with its root.
    fn write(
        &self,
        base: Option<&str>,
        next: &State,
        message: &str,
        contexts: &[KeptFile],
    ) -> Result<(Sha, Vec<Entry>), GitError> {
        let (document, surplus) = next.compacted(self.options.keep_outcomes);
        let mut root = self.root_of(base)?;
        for (month, lines) in monthly_lines(&surplus) {
            self.append_history(&mut root, &format!("{month}.jsonl"), &lines)?;
        }
        let document = document.to_json();
        let mut contents = vec![document.as_bytes()];
        contents.extend(contexts.iter().map(|file| file.content.as_slice()));
        let mut blobs = self.repository.write_blobs(&contents)?.into_iter();
        if let Some(blob) = blobs.next() {
            self.put_document(&mut root, &self.options.file, blob)?;
        }
        self.add_contexts(&mut root, contexts, blobs.collect())?;
        let tree = self.repository.write_tree(&root)?;
        let parents: Vec<Sha> = base.map(Sha::new).into_iter().collect();
        let commit = self.repository.write_commit(&tree, &parents, message, &author())?;
        Ok((commit, root))
    }

    /// Puts the document at its path, whose folders are made or kept.
    fn put_document(&self, entries: &mut Vec<Entry>, path: &str, blob: Sha) -> Result<(), GitError> {
        let Some((folder, rest)) = path.split_once('/') else {
            put(entries, "100644", path, blob);
            return Ok(());
        };
        let mut inner = self.entries_of(entries, folder)?;
        self.put_document(&mut inner, rest, blob)?;
        let tree = self.repository.write_tree(&inner)?;
        put(entries, "40000", folder, tree);
        Ok(())
    }

    fn append_history(&self, root: &mut Vec<Entry>, file: &str, lines: &str) -> Result<(), GitError> {
        let folder = root.iter().find(|entry| entry.name == HISTORY).map(|entry| entry.id.to_string());
        let mut entries = Vec::new();
        let mut content = Vec::new();
        if let Some(folder) = folder {
            let found = self.repository.objects(&[folder.clone(), format!("{folder}:{file}")])?;
            let mut found = found.into_iter();
            if let Some(tree) = found.next().flatten() {
                entries = parse_tree(&tree)?;
            }
            content = found.next().flatten().map(|blob| blob.data).unwrap_or_default();
        }
        if content.last().is_some_and(|byte| *byte != b'\n') {
            content.push(b'\n');
        }
        content.extend_from_slice(lines.as_bytes());
        let blob = self.repository.write_blob(&content)?;
        put(&mut entries, "100644", file, blob);
        let tree = self.repository.write_tree(&entries)?;
        put(root, "40000", HISTORY, tree);
        Ok(())
    }

    /// Why the fetch failed: asks once more what branches there are, as git's words are not read.
    fn explain(&self, error: GitError) -> StoreError {
        if error.kind != GitErrorKind::Failed {
            return unreachable(error);
        }
        match self.remote.branches() {
            Ok(branches) if !branches.contains_key(&self.options.base) => {
                let mut names: Vec<&str> = branches.keys().map(BranchName::as_str).collect();
                names.sort_unstable();
                names.truncate(20);
                let there = if names.is_empty() {
                    "it has no branches yet: push a first commit".to_owned()
                } else {
                    format!("it has {}", names.join(", "))
                };
                StoreError::Config(format!(
                    "repository.base_branch: the remote has no branch `{}`; {there}",
                    self.options.base
                ))
            }
            _ => unreachable(error),
        }
    }
}

impl StateStore for BranchStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        let specs =
            [FetchSpec::Branch(self.options.base.clone()), FetchSpec::Optional(self.options.branch.clone())];
        self.remote.fetch(&specs).map_err(|error| self.explain(error))?;
        self.read()
    }

    fn swap_with(
        &self,
        base: &Snapshot,
        next: &State,
        message: &str,
        refs: &[RefUpdate],
        contexts: &[KeptFile],
    ) -> Result<Snapshot, SwapError> {
        let failed = |error| SwapError::Store(unreachable(error));
        let (commit, root) = self.write(base.version.as_deref(), next, message, contexts).map_err(failed)?;
        let mut pushes = vec![RefPush {
            name: self.options.branch.full_ref(),
            to: Some(commit.clone()),
            expect: base.version.as_deref().map(Sha::new),
        }];
        pushes.extend(refs.iter().map(push_of));
        let results = self.remote.push(&pushes, pushes.len() > 1).map_err(failed)?;
        judge(&pushes, &results)?;
        let version = commit.to_string();
        self.remember(&version, root);
        let state = next.compacted(self.options.keep_outcomes).0;
        Ok(Snapshot { state, version: Some(version), base: base.base.clone() })
    }

    fn kept(
        &self,
        snapshot: &Snapshot,
        folder: Folder,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<KeptFile>, StoreError> {
        let read = || {
            let root = self.root_of(snapshot.version.as_deref())?;
            let mut entries = self.entries_of(&root, folder.name())?;
            entries.retain(|entry| entry.mode.starts_with("100") && wanted(&entry.name));
            if entries.is_empty() {
                return Ok(Vec::new());
            }
            let ids: Vec<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
            let blobs = self.repository.objects(&ids)?;
            let files = entries.into_iter().zip(blobs);
            Ok(files
                .filter_map(|(entry, blob)| Some(KeptFile { name: entry.name, content: blob?.data }))
                .collect())
        };
        read().map_err(unreachable)
    }
}

/// The state's ref comes first. A refusal that names another ref than ours is that ref's.
fn judge(pushes: &[RefPush], results: &[RefResult]) -> Result<(), SwapError> {
    let mut told = pushes.iter().zip(results);
    let state = told.next().map(|(_, result)| result);
    match state {
        Some(RefResult::Stale(_)) => return Err(SwapError::Moved),
        Some(RefResult::Refused(detail)) => return Err(SwapError::Refused(detail.clone())),
        _ => {}
    }
    for (push, result) in told {
        if let RefResult::Stale(detail) | RefResult::Refused(detail) = result {
            return Err(SwapError::RefRefused { name: push.name.clone(), detail: detail.clone() });
        }
    }
    match state {
        Some(RefResult::Collateral) => Err(SwapError::Refused("the remote took none of the refs".to_owned())),
        _ => Ok(()),
    }
}

pub(super) fn push_of(update: &RefUpdate) -> RefPush {
    RefPush { name: update.name.clone(), to: update.to.clone(), expect: update.expect.clone() }
}

pub(super) fn unreachable(error: GitError) -> StoreError {
    StoreError::Unreachable(error.to_string())
}

fn put(entries: &mut Vec<Entry>, mode: &str, name: &str, id: Sha) {
    entries.retain(|entry| entry.name != name);
    entries.push(Entry { mode: mode.to_owned(), name: name.to_owned(), id });
}

/// The audit log carries the program's name, whoever's cron it runs in.
fn author() -> CommitAuthor {
    CommitAuthor { name: "Conductor".to_owned(), email: "conductor@localhost".to_owned() }
}
