//! The state document on an orphan branch of the remote, written with git plumbing and a leased
//! push. No checkout, index or working tree is touched.

use super::clean::Cleaner;
use super::history::monthly_lines;
use super::publish::Publisher;
use super::queue::Queue;
use super::{push_of, store_error};
use crate::model::capture::KEPT;
use crate::model::{BranchName, OutcomeRecord, Sha, State};
use crate::ports::{Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError, Turn};
use crate::system::git::{
    CommitAuthor, Entry, FetchSpec, GitError, GitErrorKind, Object, RefPush, Remote, Repository, parse_tree,
};
use std::sync::{Arc, Mutex};

const HISTORY: &str = Folder::History.name();
const CONTEXT: &str = Folder::Context.name();

pub struct BranchStore {
    repository: Repository,
    remote: Remote,
    options: BranchStoreOptions,
    publisher: Publisher,
    queue: Queue,
    cleaner: Cleaner,
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
        Self {
            publisher: Publisher::new(remote.clone()),
            queue: Queue::new(&repository, &remote, &options.branch),
            cleaner: Cleaner::default(),
            repository,
            remote,
            options,
            root: Mutex::new(None),
            contexts: Mutex::new(None),
        }
    }

    /// Base and state in one contact. A clone that was cut off and has never seen the state gets
    /// its newest commit alone.
    fn fetch(&self) -> Result<(), StoreError> {
        let base = [FetchSpec::Branch(self.options.base.clone())];
        let state = FetchSpec::Optional(self.options.branch.clone());
        if self.repository.is_shallow() && !self.has_seen_state() {
            match self.remote.fetch_with_newest(&base, &state) {
                Err(error) if error.kind == GitErrorKind::Unreachable => {
                    tracing::debug!("the state cannot be fetched without its past: {error}");
                }
                fetched => return fetched.map_err(|error| self.explain(error)),
            }
        }
        let [base] = base;
        self.remote.fetch(&[base, state]).map_err(|error| self.explain(error))
    }

    fn has_seen_state(&self) -> bool {
        let name = self.remote.tracking_ref(&self.options.branch);
        self.repository.refs(&name).is_ok_and(|refs| refs.contains_key(&name))
    }

    /// The document at that ref, and the commit this machine saw last.
    fn read(&self, name: &str) -> Result<(Snapshot, Option<Sha>), StoreError> {
        let wanted = [
            self.remote.tracking_ref(&self.options.base),
            name.to_owned(),
            format!("{name}^{{tree}}"),
            format!("{name}:{}", self.options.file),
            format!("{name}:{CONTEXT}"),
            self.remote.seen_ref(&self.options.branch),
        ];
        let objects = self.repository.objects(&wanted).map_err(store_error)?;
        let [base, commit, tree, document, contexts, seen] = <[Option<Object>; 6]>::try_from(objects)
            .map_err(|_| StoreError::Machine("git answered for another number of objects".to_owned()))?;
        let (base, seen) = (base.map(|base| base.id), seen.map(|seen| seen.id));
        let Some((commit, tree)) = commit.zip(tree) else {
            let state = Arc::new(State::empty());
            return Ok((Snapshot { state, version: None, base, rewound: false }, seen));
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
        let state = Arc::new(State::parse(&document.data).map_err(described)?);
        let version = commit.id.to_string();
        self.remember(&version, parse_tree(&tree).map_err(store_error)?);
        if let Some(contexts) = contexts.filter(|object| object.kind == "tree") {
            self.remember_contexts(&contexts.id, parse_tree(&contexts).map_err(store_error)?);
        }
        Ok((Snapshot { state, version: Some(version), base, rewound: false }, seen))
    }

    /// Whether the snapshot goes on from what was seen before.
    fn follows(&self, snapshot: &Snapshot, seen: Option<&Sha>) -> Result<bool, StoreError> {
        match (seen, &snapshot.version) {
            (None, _) => Ok(true),
            (Some(_), None) => Ok(false),
            (Some(seen), Some(version)) => {
                self.repository.is_ancestor(seen, &Sha::new(version.as_str())).map_err(store_error)
            }
        }
    }

    /// Remembers what was seen, for the next run and for those beside this one. What cannot be
    /// remembered stops nobody.
    fn note_seen(&self, version: &str) {
        let seen = self.remote.seen_ref(&self.options.branch);
        if let Err(error) = self.repository.update_ref(&seen, Some(&Sha::new(version))) {
            tracing::warn!("the state last seen cannot be noted: {error}");
        }
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
        next: &Document,
        message: &str,
        contexts: &[KeptFile],
    ) -> Result<(Sha, Vec<Entry>), GitError> {
        let Document { text: document, surplus, .. } = next;
        let mut root = self.root_of(base)?;
        for (month, lines) in monthly_lines(surplus) {
            self.append_history(&mut root, &format!("{month}.jsonl"), &lines)?;
        }
        let mut contents = vec![document.as_bytes()];
        contents.extend(contexts.iter().map(|file| file.content.as_slice()));
        let mut blobs = self.repository.write_blobs(&contents)?.into_iter();
        if let Some(blob) = blobs.next() {
            self.put_document(&mut root, &self.options.file, blob)?;
        }
        self.add_contexts(&mut root, contexts, blobs.collect())?;
        let tree = self.repository.write_tree(&root)?;
        let parents: Vec<Sha> = base.map(Sha::new).into_iter().collect();
        let commit = self.repository.write_commit(&tree, &parents, &self.cleaner.text(message), &author())?;
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
        if error.kind != GitErrorKind::Unreachable {
            return store_error(error);
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
            _ => store_error(error),
        }
    }
}

impl StateStore for BranchStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        self.queue.note_look();
        let name = self.remote.tracking_ref(&self.options.branch);
        let before = self.repository.loose_ref(&self.remote.seen_ref(&self.options.branch));
        self.fetch()?;
        let (mut snapshot, now) = self.read(&name)?;
        let is_known_before = before.is_some();
        let seen = before.or(now);
        if !self.follows(&snapshot, seen.as_ref())? {
            if !is_known_before {
                // A run beside this one may have written after this fetch: what was seen by now is on
                // the remote now.
                self.fetch()?;
                snapshot = self.read(&name)?.0;
            }
            snapshot.rewound = !self.follows(&snapshot, seen.as_ref())?;
        }
        match &snapshot.version {
            _ if snapshot.rewound => tracing::warn!(
                "branch {} no longer holds the state this machine saw last; that is kept as {}",
                self.options.branch,
                self.remote.seen_ref(&self.options.branch)
            ),
            Some(version) if seen.is_none_or(|seen| seen.as_str() != version) => self.note_seen(version),
            _ => {}
        }
        Ok(snapshot)
    }

    fn newest_known(&self) -> Option<Snapshot> {
        let (snapshot, _) = self.read(&self.remote.seen_ref(&self.options.branch)).ok()?;
        Some(snapshot).filter(|snapshot| snapshot.version.is_some())
    }

    fn turn(&self) -> Turn {
        self.queue.turn()
    }

    fn swap_with(
        &self,
        base: &Snapshot,
        next: &State,
        message: &str,
        refs: &[RefUpdate],
        contexts: &[KeptFile],
    ) -> Result<Snapshot, SwapError> {
        let failed = |error| SwapError::Store(store_error(error));
        let document = Document::of(next, self.options.keep_outcomes, &self.cleaner);
        let (commit, root) =
            self.write(base.version.as_deref(), &document, message, contexts).map_err(failed)?;
        let state = RefPush {
            name: self.options.branch.full_ref(),
            to: Some(commit.clone()),
            expect: base.version.as_deref().map(Sha::new),
        };
        let refs: Vec<RefPush> = refs.iter().map(push_of).collect();
        self.publisher.publish(&state, &refs)?;
        let version = commit.to_string();
        self.remember(&version, root);
        self.note_seen(&version);
        self.queue.note_progress();
        Ok(Snapshot {
            state: Arc::new(document.state),
            version: Some(version),
            base: base.base.clone(),
            rewound: false,
        })
    }

    fn holds(&self, snapshot: &Snapshot, version: &str) -> Result<bool, StoreError> {
        let Some(shown) = &snapshot.version else { return Ok(false) };
        self.repository.is_ancestor(&Sha::new(version), &Sha::new(shown.as_str())).map_err(store_error)
    }

    fn acknowledge(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let seen = self.remote.seen_ref(&self.options.branch);
        let version = snapshot.version.as_deref().map(Sha::new);
        self.repository.update_ref(&seen, version.as_ref()).map_err(store_error)
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
        read().map_err(store_error)
    }
}

/// What is stored of a state: compacted, and without anything a host could refuse.
struct Document {
    state: State,
    text: String,
    /// Outcomes that leave the document for the history.
    surplus: Vec<OutcomeRecord>,
}

impl Document {
    fn of(next: &State, keep_outcomes: usize, cleaner: &Cleaner) -> Self {
        let next = cleaner.state(next);
        let (state, surplus) = next.compacted(keep_outcomes);
        Self { text: state.to_json(), state, surplus }
    }
}

fn put(entries: &mut Vec<Entry>, mode: &str, name: &str, id: Sha) {
    entries.retain(|entry| entry.name != name);
    entries.push(Entry { mode: mode.to_owned(), name: name.to_owned(), id });
}

/// The audit log carries the program's name, whoever's cron it runs in.
fn author() -> CommitAuthor {
    CommitAuthor { name: "Conductor".to_owned(), email: "conductor@localhost".to_owned() }
}
