//! The state document in a plain file, for one machine: a lock beside it, a temporary file,
//! fsync of file and folder, rename. Refs that go with a change are pushed first; the file is
//! written when they are there. A file that is torn or gone is told, never taken for empty.

use super::clean::Cleaner;
use super::history::monthly_lines;
use super::publish::Publisher;
use super::push_of;
use crate::files;
use crate::model::State;
use crate::model::capture::KEPT;
use crate::model::ids::short_hash;
use crate::ports::{Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError};
use crate::system::git::{GitErrorKind, GitStop, Remote, lock_file};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A document is no larger than that.
const MOST: u64 = 256 << 20;
/// Writers hold the lock as long as a push takes.
const LOCK_PATIENCE: Duration = Duration::from_secs(660);

pub struct FileStore {
    path: PathBuf,
    publisher: Publisher,
    stop: GitStop,
    cleaner: Cleaner,
    keep_outcomes: usize,
}

impl FileStore {
    pub fn new(path: PathBuf, remote: Remote, keep_outcomes: usize) -> Self {
        let stop = remote.stop().clone();
        Self { path, publisher: Publisher::new(remote), stop, cleaner: Cleaner::default(), keep_outcomes }
    }

    fn read(&self) -> Result<Snapshot, StoreError> {
        let text = match files::read_linked(&self.path, MOST) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Every document has left this mark.
                let rewound = self.mark().symlink_metadata().is_ok();
                let state = Arc::new(State::empty());
                return Ok(Snapshot { state, version: None, base: None, rewound });
            }
            Err(error) => return Err(self.out_of_reach(&error)),
        };
        let state = State::parse(&text).map_err(|error| {
            StoreError::Unreadable(format!(
                "{}: {error}; mend or restore it, it is never taken for empty",
                self.path.display()
            ))
        })?;
        let version = Some(short_hash(&String::from_utf8_lossy(&text)));
        Ok(Snapshot { state: Arc::new(state), version, base: None, rewound: false })
    }

    /// There when a document has been written.
    fn mark(&self) -> PathBuf {
        self.path.with_added_extension("written")
    }

    fn lock(&self) -> Result<File, StoreError> {
        lock_file(&self.path.with_added_extension("lock"), LOCK_PATIENCE, &self.stop).map_err(|error| {
            match error.kind {
                GitErrorKind::Stopped => StoreError::Unreachable(error.to_string()),
                _ => StoreError::Unreachable(error.detail),
            }
        })
    }

    fn write(&self, next: &State) -> std::io::Result<(State, String)> {
        let (document, surplus) = self.cleaner.state(next).compacted(self.keep_outcomes);
        let folder = folder(&self.path);
        for (month, lines) in monthly_lines(&surplus) {
            let history = folder.join("history");
            std::fs::create_dir_all(&history)?;
            let mut file = files::append(&history.join(format!("{month}.jsonl")))?;
            file.write_all(lines.as_bytes())?;
            file.sync_data()?;
            files::sync_folder(&history)?;
        }
        let text = document.to_json();
        // First: a document without its mark would read as a new one when it is deleted.
        files::append_own(&self.mark())?;
        let mut temporary = tempfile::Builder::new().prefix(".state-").tempfile_in(folder)?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(&self.path)?;
        files::sync_folder(folder)?;
        Ok((document, short_hash(&text)))
    }

    /// Adds files to the folder of contexts; the oldest beyond the bound go.
    fn add_contexts(&self, files: &[KeptFile]) -> std::io::Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let contexts = folder(&self.path).join(Folder::Context.name());
        std::fs::create_dir_all(&contexts)?;
        for file in files {
            files::write_synced(&contexts.join(&file.name), &file.content)?;
        }
        let names = names_in(&contexts)?;
        for name in names.iter().take(names.len().saturating_sub(KEPT)) {
            std::fs::remove_file(contexts.join(name))?;
        }
        Ok(())
    }

    fn out_of_reach(&self, error: &std::io::Error) -> StoreError {
        StoreError::Unreachable(format!("{}: {error}", self.path.display()))
    }
}

impl StateStore for FileStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        self.read()
    }

    fn swap_with(
        &self,
        base: &Snapshot,
        next: &State,
        _message: &str,
        refs: &[RefUpdate],
        contexts: &[KeptFile],
    ) -> Result<Snapshot, SwapError> {
        let _lock = self.lock().map_err(SwapError::Store)?;
        if self.read().map_err(SwapError::Store)?.version != base.version {
            return Err(SwapError::Moved);
        }
        let pushes: Vec<_> = refs.iter().map(push_of).collect();
        self.publisher.push_refs(&pushes)?;
        self.add_contexts(contexts).map_err(|error| SwapError::Store(self.out_of_reach(&error)))?;
        let (state, version) =
            self.write(next).map_err(|error| SwapError::Store(self.out_of_reach(&error)))?;
        Ok(Snapshot { state: Arc::new(state), version: Some(version), base: None, rewound: false })
    }

    fn holds(&self, snapshot: &Snapshot, version: &str) -> Result<bool, StoreError> {
        Ok(snapshot.version.as_deref() == Some(version))
    }

    fn acknowledge(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        if snapshot.version.is_some() {
            return Ok(());
        }
        match std::fs::remove_file(self.mark()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.out_of_reach(&error)),
            _ => Ok(()),
        }
    }

    fn kept(
        &self,
        _snapshot: &Snapshot,
        folder: Folder,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<KeptFile>, StoreError> {
        let path = self::folder(&self.path).join(folder.name());
        let read = || -> std::io::Result<Vec<KeptFile>> {
            let names = names_in(&path)?.into_iter().filter(|name| wanted(name));
            names
                .map(|name| {
                    files::read(&path.join(&name), files::LARGE).map(|content| KeptFile { name, content })
                })
                .collect()
        };
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(|error| self.out_of_reach(&error)),
        }
    }
}

/// The files of a folder, in the order of their names.
fn names_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
