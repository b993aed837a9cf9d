//! The past made searchable, in one pass: word → commits and paths, file → commits. Built from a
//! [`History`]. Holds the files that are gone as well, so that the past can be replayed.

use super::words::each_term;
use crate::model::{History, PastCommit};
use std::collections::HashMap;

/// The number of a file, a commit (0 is the newest), or a folder.
pub(super) type Id = u32;

#[derive(Debug)]
pub struct Index {
    /// Sorted: those that are tracked, and those that commits touched and are gone.
    files: Vec<String>,
    tracked: Vec<bool>,
    /// File → its folder's number.
    folders: Vec<Id>,
    words: HashMap<Box<str>, Postings>,
    commits: Vec<Commit>,
    /// File → the commits that touched it, newest first.
    touches: Vec<Vec<Id>>,
    /// Folder → the commits that touched anything right in it, newest first.
    folder_touches: Vec<Vec<Id>>,
    /// Words of an average message.
    pub(super) usual_length: f64,
}

#[derive(Debug)]
pub(super) struct Commit {
    pub message: String,
    pub files: Vec<Id>,
    /// Different words of its message.
    pub length: u32,
}

/// Where a word is.
#[derive(Debug, Default)]
pub(super) struct Postings {
    /// Newest first.
    pub commits: Vec<Id>,
    /// Files whose own name holds it, and files in whose folders' names it is.
    pub names: Vec<Id>,
    pub folders: Vec<Id>,
}

impl Index {
    pub fn new(history: History) -> Self {
        let History { files, commits: past, .. } = history;
        let (files, tracked) = all_files(files, &past);
        let mut words = Words::default();
        let (folders, folder_count) = words.read_paths(&files);
        let known: HashMap<&str, Id> = files.iter().map(String::as_str).zip(0..).collect();
        let mut touches = vec![Vec::new(); files.len()];
        let mut folder_touches = vec![Vec::new(); folder_count];
        let mut commits = Vec::with_capacity(past.len());
        let mut lengths = 0.0;
        for (number, commit) in (0..).zip(past) {
            let touched: Vec<Id> =
                commit.files.iter().filter_map(|f| known.get(f.as_str())).copied().collect();
            for file in &touched {
                note(touches.get_mut(*file as usize), number);
                let folder =
                    folders.get(*file as usize).and_then(|folder| folder_touches.get_mut(*folder as usize));
                note(folder, number);
            }
            let mut length = 0;
            // What touched nothing leads nowhere: merges, first commits, very wide changes.
            if !touched.is_empty() {
                each_term(&commit.message, |word| {
                    length += u32::from(note(words.of(word).map(|p| &mut p.commits), number))
                });
            }
            lengths += f64::from(length);
            commits.push(Commit { message: commit.message, files: touched, length });
        }
        let usual_length = (lengths / commits.len().max(1) as f64).max(1.0);
        Self {
            files,
            tracked,
            folders,
            words: words.finished(),
            commits,
            touches,
            folder_touches,
            usual_length,
        }
    }

    pub fn is_tracked(&self, path: &str) -> bool {
        self.id(path).is_some_and(|id| self.tracked.get(id as usize) == Some(&true))
    }

    /// The tracked files whose path ends in that one; none when they are more than `most`.
    pub fn ending_in(&self, path: &str, most: usize) -> Vec<&str> {
        let is_end =
            |file: &&str| file.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        let mut rarest: Option<Vec<Id>> = None;
        let name = path.rsplit('/').next().unwrap_or(path);
        each_term(name, |word| {
            let names = self.postings(word).map(|postings| &postings.names);
            if rarest.as_ref().is_none_or(|known| names.map_or(0, Vec::len) < known.len()) {
                rarest = Some(names.cloned().unwrap_or_default());
            }
        });
        let is_tracked = |id: &Id| self.tracked.get(*id as usize) == Some(&true);
        let ids = rarest.unwrap_or_else(|| (0..).take(self.files.len()).collect());
        let found: Vec<&str> = ids
            .into_iter()
            .filter(is_tracked)
            .filter_map(|id| self.path(id))
            .filter(is_end)
            .take(most + 1)
            .collect();
        if found.len() > most { Vec::new() } else { found }
    }

    /// How many commits it knows that touched any file.
    pub fn depth(&self) -> usize {
        self.commits.iter().filter(|commit| !commit.files.is_empty()).count()
    }

    pub(super) fn id(&self, path: &str) -> Option<Id> {
        let found = self.files.binary_search_by(|file| file.as_str().cmp(path)).ok()?;
        Id::try_from(found).ok()
    }

    pub(super) fn path(&self, id: Id) -> Option<&str> {
        self.files.get(id as usize).map(String::as_str)
    }

    pub(super) fn file_count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn folder(&self, file: Id) -> Option<Id> {
        self.folders.get(file as usize).copied()
    }

    pub(super) fn commits(&self) -> &[Commit] {
        &self.commits
    }

    pub(super) fn postings(&self, word: &str) -> Option<&Postings> {
        self.words.get(word)
    }

    /// The commits from `since` on (so many newest ones have not happened yet) that touched the file.
    pub(super) fn touches(&self, file: Id, since: Id) -> &[Id] {
        from(self.touches.get(file as usize), since)
    }

    pub(super) fn folder_touches(&self, folder: Id, since: Id) -> &[Id] {
        from(self.folder_touches.get(folder as usize), since)
    }

    /// Whether the file was there before the `since` newest commits happened: what is gone went with
    /// the last commit that touched it, and what was first touched since then is taken for new.
    pub(super) fn existed(&self, file: Id, since: Id) -> bool {
        if since == 0 {
            return self.tracked.get(file as usize) == Some(&true);
        }
        let Some(touches) = self.touches.get(file as usize) else { return false };
        let was_there = touches.last().is_none_or(|oldest| *oldest >= since);
        was_there
            && (self.tracked.get(file as usize) == Some(&true)
                || touches.first().is_some_and(|newest| *newest < since))
    }
}

/// The part of an ascending list that begins at `since`.
pub(super) fn from(ids: Option<&Vec<Id>>, since: Id) -> &[Id] {
    let ids = ids.map_or(&[][..], Vec::as_slice);
    ids.get(ids.partition_point(|id| *id < since)..).unwrap_or_default()
}

/// All files, sorted, and which of them are tracked.
fn all_files(tracked: Vec<String>, past: &[PastCommit]) -> (Vec<String>, Vec<bool>) {
    let is_known = |path: &String| tracked.binary_search(path).is_ok();
    let mut gone: Vec<String> =
        past.iter().flat_map(|commit| &commit.files).filter(|path| !is_known(path)).cloned().collect();
    if gone.is_empty() {
        let all = vec![true; tracked.len()];
        return (tracked, all);
    }
    gone.sort_unstable();
    gone.dedup();
    let mut all: Vec<(String, bool)> = tracked.into_iter().map(|path| (path, true)).collect();
    all.extend(gone.into_iter().map(|path| (path, false)));
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().unzip()
}

/// Words while they are being gathered.
#[derive(Default)]
struct Words {
    numbers: HashMap<Box<str>, usize>,
    postings: Vec<Postings>,
}

impl Words {
    /// Notes the words of sorted paths. Answers each file's folder, and how many folders there are.
    fn read_paths(&mut self, files: &[String]) -> (Vec<Id>, usize) {
        let mut folders: HashMap<&str, Id> = HashMap::new();
        let mut of_files = Vec::with_capacity(files.len());
        let mut in_folder = Vec::new();
        let mut folder = None;
        for (id, file) in (0..).zip(files) {
            let (here, name) = file.rsplit_once('/').unwrap_or(("", file));
            // Files come folder by folder: a folder's words are looked up once.
            if folder != Some(here) {
                in_folder.clear();
                each_term(here, |word| in_folder.push(self.number(word)));
                folder = Some(here);
            }
            let next = Id::try_from(folders.len()).unwrap_or(Id::MAX);
            of_files.push(*folders.entry(here).or_insert(next));
            for word in &in_folder {
                note(self.postings.get_mut(*word).map(|p| &mut p.folders), id);
            }
            each_term(name, |word| {
                note(self.of(word).map(|p| &mut p.names), id);
            });
        }
        (of_files, folders.len())
    }

    fn number(&mut self, word: &str) -> usize {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.postings.len();
        self.numbers.insert(word.into(), number);
        self.postings.push(Postings::default());
        number
    }

    fn of(&mut self, word: &str) -> Option<&mut Postings> {
        let number = self.number(word);
        self.postings.get_mut(number)
    }

    fn finished(mut self) -> HashMap<Box<str>, Postings> {
        let numbers = std::mem::take(&mut self.numbers).into_iter();
        numbers
            .filter_map(|(word, number)| Some((word, std::mem::take(self.postings.get_mut(number)?))))
            .collect()
    }
}

/// Ids come in order: a word that is there twice is noted once. Whether it was noted.
fn note(ids: Option<&mut Vec<Id>>, id: Id) -> bool {
    match ids.filter(|ids| ids.last() != Some(&id)) {
        Some(ids) => {
            ids.push(id);
            true
        }
        None => false,
    }
}
