//! The state document in a plain file, for one machine: a lock beside it, a temporary file,
//! fsync, rename. Refs that go with a change are pushed first; the file is written when they are
//! there.

use super::branch::{push_of, unreachable};
use super::history::monthly_lines;
use crate::model::State;
use crate::model::capture::KEPT;
use crate::model::ids::short_hash;
use crate::ports::{Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError};
use crate::system::git::{RefResult, Remote};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

pub struct FileStore {
    path: PathBuf,
    remote: Remote,
    keep_outcomes: usize,
}

impl FileStore {
    pub fn new(path: PathBuf, remote: Remote, keep_outcomes: usize) -> Self {
        Self { path, remote, keep_outcomes }
    }

    fn read(&self) -> Result<Snapshot, StoreError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Snapshot { state: State::empty(), version: None, base: None });
            }
            Err(error) => return Err(self.out_of_reach(&error)),
        };
        let state = State::parse(&text).map_err(|detail| {
            StoreError::Unreadable(format!(
                "{}: {detail}; mend or restore it, it is never taken for empty",
                self.path.display()
            ))
        })?;
        let version = Some(short_hash(&String::from_utf8_lossy(&text)));
        Ok(Snapshot { state, version, base: None })
    }

    fn lock(&self) -> Result<File, StoreError> {
        let path = self.path.with_added_extension("lock");
        let open = || File::options().create(true).append(true).open(&path);
        let file = open()
            .or_else(|_| {
                std::fs::create_dir_all(folder(&path))?;
                open()
            })
            .map_err(|error| self.out_of_reach(&error))?;
        file.lock().map_err(|error| self.out_of_reach(&error))?;
        Ok(file)
    }

    fn write(&self, next: &State) -> std::io::Result<(State, String)> {
        let (document, surplus) = next.compacted(self.keep_outcomes);
        for (month, lines) in monthly_lines(&surplus) {
            let history = folder(&self.path).join("history");
            std::fs::create_dir_all(&history)?;
            let mut file =
                File::options().create(true).append(true).open(history.join(format!("{month}.jsonl")))?;
            file.write_all(lines.as_bytes())?;
            file.sync_data()?;
        }
        let text = document.to_json();
        let mut temporary = tempfile::Builder::new().prefix(".state-").tempfile_in(folder(&self.path))?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(&self.path)?;
        File::open(folder(&self.path))?.sync_all()?;
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
            std::fs::write(contexts.join(&file.name), &file.content)?;
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
        if !refs.is_empty() {
            let pushes: Vec<_> = refs.iter().map(push_of).collect();
            let results =
                self.remote.push(&pushes, true).map_err(|error| SwapError::Store(unreachable(error)))?;
            for (push, result) in pushes.iter().zip(&results) {
                if let RefResult::Stale(detail) | RefResult::Refused(detail) = result {
                    return Err(SwapError::RefRefused { name: push.name.clone(), detail: detail.clone() });
                }
            }
        }
        self.add_contexts(contexts).map_err(|error| SwapError::Store(self.out_of_reach(&error)))?;
        let (state, version) =
            self.write(next).map_err(|error| SwapError::Store(self.out_of_reach(&error)))?;
        Ok(Snapshot { state, version: Some(version), base: None })
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
                .map(|name| std::fs::read(path.join(&name)).map(|content| KeptFile { name, content }))
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
