//! The state document on an orphan branch of the remote, written as objects of git and with a
//! leased push. No checkout, index or working tree is touched.

use super::clean::Cleaner;
use super::commits::{CONTEXT, Commits, Document};
use super::publish::Publisher;
use super::queue::Queue;
use super::{push_of, store_error};
use crate::model::{BranchName, Sha, State};
use crate::ports::{Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError, Turn};
use crate::system::git::{
    FetchSpec, GitError, GitErrorKind, Object, RefPush, Remote, Repository, parse_tree,
};
use std::sync::Arc;

pub struct BranchStore {
    repository: Repository,
    remote: Remote,
    options: BranchStoreOptions,
    publisher: Publisher,
    queue: Queue,
    cleaner: Cleaner,
    commits: Commits,
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

/// What of the branch makes a snapshot.
struct Parts {
    base: Option<Sha>,
    commit: Option<Sha>,
    tree: Option<Object>,
    document: Option<Object>,
    contexts: Option<Object>,
    seen: Option<Sha>,
}

impl BranchStore {
    pub fn new(repository: Repository, remote: Remote, options: BranchStoreOptions) -> Self {
        Self {
            publisher: Publisher::new(remote.clone()),
            queue: Queue::new(&repository, &remote, &options.branch),
            cleaner: Cleaner::default(),
            commits: Commits::new(&repository, &options.file),
            repository,
            remote,
            options,
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

    /// The document at that ref or commit, and the commit this machine saw last.
    fn read(&self, name: &str) -> Result<(Snapshot, Option<Sha>), StoreError> {
        if let Some(parts) = self.loose_parts(name) {
            return self.snapshot(parts);
        }
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
        let id = |object: Option<Object>| object.map(|object| object.id);
        let (base, seen) = (id(base), id(seen));
        self.snapshot(Parts { base, commit: id(commit), tree, document, contexts, seen })
    }

    /// Most cycles find the state as it was: while git asks, what is known of it is read.
    fn fetch_and_read(&self, name: &str) -> Result<(Snapshot, Option<Sha>), StoreError> {
        let (fetched, known) = std::thread::scope(|scope| {
            let known = self.repository.loose_ref(name);
            let known = known.map(|commit| scope.spawn(move || self.read(commit.as_str())));
            (self.fetch(), known.and_then(|known| known.join().ok()))
        });
        fetched?;
        let is_still = |snapshot: &Snapshot| {
            let there = self.repository.loose_ref(name);
            there.is_some_and(|there| snapshot.version.as_deref() == Some(there.as_str()))
        };
        if let Some(Ok((snapshot, seen))) = known
            && is_still(&snapshot)
            && let Some(base) = self.repository.loose_ref(&self.remote.tracking_ref(&self.options.base))
        {
            return Ok((Snapshot { base: Some(base), ..snapshot }, seen));
        }
        self.read(name)
    }

    /// The same without a call, where everything lies as git puts down what is new.
    fn loose_parts(&self, name: &str) -> Option<Parts> {
        let base = self.repository.loose_ref(&self.remote.tracking_ref(&self.options.base))?;
        let seen = self.repository.loose_ref(&self.remote.seen_ref(&self.options.branch))?;
        let commit = match name.starts_with("refs/") {
            true => self.repository.loose_ref(name)?,
            false => Sha::new(name),
        };
        let root = self.repository.loose_object(&commit)?;
        let root = String::from_utf8_lossy(&root.data).strip_prefix("tree ")?.lines().next().map(Sha::new)?;
        let tree = self.repository.loose_object(&root).filter(|tree| tree.kind == "tree")?;
        let entries = parse_tree(&tree).ok()?;
        let find = |name: &str| entries.iter().find(|entry| entry.name == name);
        // A document in a folder is git's to find.
        let document = self.repository.loose_object(&find(&self.options.file)?.id)?;
        let contexts = match find(CONTEXT) {
            Some(entry) => Some(self.repository.loose_object(&entry.id)?),
            None => None,
        };
        let (base, commit, seen) = (Some(base), Some(commit), Some(seen));
        Some(Parts { base, commit, tree: Some(tree), document: Some(document), contexts, seen })
    }

    fn snapshot(&self, parts: Parts) -> Result<(Snapshot, Option<Sha>), StoreError> {
        let Parts { base, commit, tree, document, contexts, seen } = parts;
        let Some((commit, tree)) = commit.zip(tree) else {
            let state = Arc::new(State::empty());
            return Ok((Snapshot { state, version: None, base, rewound: false }, seen));
        };
        let described = |detail: String| {
            StoreError::Unreadable(format!(
                "{} on branch {} ({}): {detail}; mend or restore it with git, it is never taken for empty",
                self.options.file,
                self.options.branch,
                commit.short()
            ))
        };
        let document = document.ok_or_else(|| described("the file is missing".to_owned()))?;
        let state = Arc::new(State::parse(&document.data).map_err(|error| described(error.to_string()))?);
        let version = commit.to_string();
        self.commits.remember(&version, parse_tree(&tree).map_err(store_error)?);
        if let Some(contexts) = contexts.filter(|object| object.kind == "tree") {
            self.commits.remember_contexts(&contexts.id, parse_tree(&contexts).map_err(store_error)?);
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
        if let Err(error) = self.repository.move_own_ref(&seen, &Sha::new(version)) {
            tracing::warn!("the state last seen cannot be noted: {error}");
        }
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
        let (mut snapshot, now) = self.fetch_and_read(&name)?;
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
        let (commit, root) = self
            .commits
            .write(base.version.as_deref(), &document, &self.cleaner.text(message), contexts)
            .map_err(failed)?;
        let state = RefPush {
            name: self.options.branch.full_ref(),
            to: Some(commit.clone()),
            expect: base.version.as_deref().map(Sha::new),
        };
        let refs: Vec<RefPush> = refs.iter().map(push_of).collect();
        self.publisher.publish(&state, &refs)?;
        let version = commit.to_string();
        self.commits.remember(&version, root);
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
        self.commits.files(snapshot.version.as_deref(), folder, wanted).map_err(store_error)
    }
}
