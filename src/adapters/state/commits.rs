//! The commits of the state branch, made of objects written in place: the document at its path, the history of
//! months and the folder of contexts beside it, and whatever else is there, untouched.

use super::clean::Cleaner;
use super::history::monthly_lines;
use crate::model::capture::KEPT;
use crate::model::{OutcomeRecord, Sha, State};
use crate::ports::{Folder, KeptFile};
use crate::system::git::{CommitAuthor, Entry, GitError, Repository, parse_tree};
use std::sync::Mutex;

const HISTORY: &str = Folder::History.name();
pub(super) const CONTEXT: &str = Folder::Context.name();

pub(super) struct Commits {
    repository: Repository,
    /// The document's path on the branch.
    file: String,
    /// The root of the version read or written last: what else is on the branch.
    root: Mutex<Option<(String, Vec<Entry>)>>,
    /// The folder of contexts read or written last, by its tree.
    contexts: Mutex<Option<(Sha, Vec<Entry>)>>,
}

impl Commits {
    pub fn new(repository: &Repository, file: &str) -> Self {
        Self {
            repository: repository.clone(),
            file: file.to_owned(),
            root: Mutex::new(None),
            contexts: Mutex::new(None),
        }
    }

    pub fn remember(&self, version: &str, root: Vec<Entry>) {
        if let Ok(mut remembered) = self.root.lock() {
            *remembered = Some((version.to_owned(), root));
        }
    }

    pub fn remember_contexts(&self, tree: &Sha, entries: Vec<Entry>) {
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
    fn add_contexts(&self, root: &mut Vec<Entry>, files: &[KeptFile]) -> Result<(), GitError> {
        if files.is_empty() {
            return Ok(());
        }
        let mut entries = self.entries_of(root, CONTEXT)?;
        for file in files {
            put(&mut entries, "100644", &file.name, self.repository.write_blob(&file.content)?);
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
    pub fn write(
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
        self.put_document(&mut root, &self.file, self.repository.write_blob(document.as_bytes())?)?;
        self.add_contexts(&mut root, contexts)?;
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

    /// The files of a folder in that version, in the order of their names, as far as they are wanted.
    pub fn files(
        &self,
        version: Option<&str>,
        folder: Folder,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<KeptFile>, GitError> {
        let root = self.root_of(version)?;
        let mut entries = self.entries_of(&root, folder.name())?;
        entries.retain(|entry| entry.mode.starts_with("100") && wanted(&entry.name));
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
        let files = entries.into_iter().zip(self.repository.objects(&ids)?);
        Ok(files
            .filter_map(|(entry, blob)| Some(KeptFile { name: entry.name, content: blob?.data }))
            .collect())
    }
}

/// What is stored of a state: compacted, and without anything a host could refuse.
pub(super) struct Document {
    pub state: State,
    pub text: String,
    /// Outcomes that leave the document for the history.
    pub surplus: Vec<OutcomeRecord>,
}

impl Document {
    pub fn of(next: &State, keep_outcomes: usize, cleaner: &Cleaner) -> Self {
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
