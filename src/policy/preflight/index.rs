//! The past made searchable, in one pass: word → paths and commits. Built from a [`History`],
//! asked by keyword; answers are bounded, and a word that is everywhere answers nothing.

use super::words::{Keyword, each_word};
use crate::model::History;
use std::borrow::Cow;
use std::collections::HashMap;

/// Newest matching commits that are looked at.
const MAX_COMMITS: usize = 50;
/// Most frequent files of those.
const MAX_HISTORY_FILES: usize = 20;
/// First matching paths.
const MAX_PATHS: usize = 10;
/// Paths that hold a word of at least this many letters at their words' beginnings count as well.
const MIN_PREFIX: usize = 4;

type Id = u32;

#[derive(Debug)]
pub struct Index {
    /// Sorted.
    files: Vec<String>,
    /// Sorted.
    words: Vec<(Box<str>, Postings)>,
    /// Newest first; without files that are gone, and without those that every other commit touches.
    commits: Vec<Vec<Id>>,
    /// Those of them that touched any file.
    telling: usize,
}

#[derive(Debug, Default)]
struct Postings {
    paths: Vec<Id>,
    commits: Vec<Id>,
}

impl Index {
    pub fn new(history: History) -> Self {
        let History { files, commits: past, .. } = history;
        let mut words = Words::default();
        let mut in_folder = Vec::new();
        let mut folder = None;
        for (id, file) in (0..).zip(&files) {
            let (here, name) = file.rsplit_once('/').unwrap_or(("", file));
            // Files come folder by folder: a folder's words are looked up once.
            if folder != Some(here) {
                in_folder.clear();
                each_word(here, |word| in_folder.push(words.number(word)));
                folder = Some(here);
            }
            in_folder.iter().for_each(|word| note(words.postings.get_mut(*word).map(|p| &mut p.paths), id));
            each_word(name, |word| note(words.of(word).map(|p| &mut p.paths), id));
        }
        // What touched nothing leads nowhere: merges, first commits.
        let telling = || (0..).zip(&past).filter(|(_, commit)| !commit.files.is_empty());
        for (number, commit) in telling() {
            each_word(&commit.message, |word| note(words.of(word).map(|p| &mut p.commits), number));
        }
        let telling = telling().count();
        let commits = touched(&files, &past);
        Self { files, words: words.sorted(), commits, telling }
    }

    /// Files that commits about the keyword touched, the most frequent first.
    pub fn in_history(&self, keyword: &Keyword) -> Vec<&str> {
        let most = usual(self.telling).min(MAX_COMMITS.max(self.commits.len() / 10));
        let commits = self.all_parts(keyword, most, |postings| &postings.commits);
        let mut counts: HashMap<Id, (usize, usize)> = HashMap::new();
        for (age, commit) in commits.iter().take(MAX_COMMITS).enumerate() {
            for file in self.commits.get(*commit as usize).into_iter().flatten() {
                counts.entry(*file).or_insert((0, age)).0 += 1;
            }
        }
        let mut files: Vec<(Id, (usize, usize))> = counts.into_iter().collect();
        files.sort_unstable_by_key(|(file, (count, age))| (std::cmp::Reverse(*count), *age, *file));
        files.into_iter().take(MAX_HISTORY_FILES).filter_map(|(file, _)| self.file(file)).collect()
    }

    /// The first paths that hold the keyword.
    pub fn in_paths(&self, keyword: &Keyword) -> Vec<&str> {
        let most = usual(self.files.len()).min(100.max(self.files.len() / 100));
        let paths = self.all_parts(keyword, most, |postings| &postings.paths);
        paths.into_iter().take(MAX_PATHS).filter_map(|file| self.file(file)).collect()
    }

    pub fn is_tracked(&self, path: &str) -> bool {
        self.files.binary_search_by(|file| file.as_str().cmp(path)).is_ok()
    }

    /// The tracked files whose path ends in that one; none when they are more than `most`.
    pub fn ending_in(&self, path: &str, most: usize) -> Vec<&str> {
        let is_end =
            |file: &&str| file.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        let mut rarest: Option<&Vec<Id>> = None;
        each_word(path, |word| {
            let postings = match self.from(word) {
                [(first, postings), ..] if **first == *word => &postings.paths,
                _ => const { &Vec::new() },
            };
            if rarest.is_none_or(|known| postings.len() < known.len()) {
                rarest = Some(postings);
            }
        });
        let found: Vec<&str> = match rarest {
            Some(ids) => ids.iter().filter_map(|id| self.file(*id)).filter(is_end).take(most + 1).collect(),
            None => self.files.iter().map(String::as_str).filter(is_end).take(most + 1).collect(),
        };
        if found.len() > most { Vec::new() } else { found }
    }

    fn file(&self, id: Id) -> Option<&str> {
        self.files.get(id as usize).map(String::as_str)
    }

    /// What all parts of the keyword have, sorted; nothing when it is more than `most`.
    fn all_parts(&self, keyword: &Keyword, most: usize, of: impl Fn(&Postings) -> &Vec<Id>) -> Vec<Id> {
        if let [part] = keyword.parts()
            && self.beginning_with(part).any(|postings| of(postings).len() > most)
        {
            return Vec::new();
        }
        let mut common: Option<Cow<'_, [Id]>> = None;
        for part in keyword.parts() {
            let ids = self.ids_of(part, &of);
            common = Some(match common {
                None => ids,
                Some(common) => Cow::Owned(in_both(&common, &ids)),
            });
        }
        common.filter(|ids| ids.len() <= most).unwrap_or_default().into_owned()
    }

    fn ids_of<'s>(&'s self, part: &str, of: impl Fn(&Postings) -> &Vec<Id>) -> Cow<'s, [Id]> {
        let mut found = self.beginning_with(part).map(of).filter(|ids| !ids.is_empty());
        let Some(first) = found.next() else { return Cow::Borrowed(&[]) };
        let mut more = found.peekable();
        if more.peek().is_none() {
            return Cow::Borrowed(first);
        }
        let mut ids: Vec<Id> = first.iter().chain(more.flatten()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        Cow::Owned(ids)
    }

    /// The postings of all words that begin with the part; of a short one, of it and its plural.
    fn beginning_with<'s, 'p>(&'s self, part: &'p str) -> impl Iterator<Item = &'s Postings> + use<'s, 'p> {
        let is_short = part.chars().count() < MIN_PREFIX;
        self.from(part)
            .iter()
            .take_while(move |(word, _)| word.starts_with(part))
            .filter(move |(word, _)| !is_short || matches!(word.strip_prefix(part), Some("" | "s")))
            .map(|(_, postings)| postings)
    }

    /// The words from this one on.
    fn from(&self, word: &str) -> &[(Box<str>, Postings)] {
        let start = self.words.partition_point(|(known, _)| **known < *word);
        self.words.get(start..).unwrap_or_default()
    }
}

/// How many of so many may have a word that tells something: fewer than three in four. In a small
/// repository, what all of it is about leads to all of it.
fn usual(all: usize) -> usize {
    (all.saturating_mul(3).saturating_sub(1) / 4).max(1)
}

/// What both sorted lists have.
fn in_both(one: &[Id], other: &[Id]) -> Vec<Id> {
    let mut others = other.iter().copied().peekable();
    let has = |id: &Id| {
        while others.next_if(|other| other < id).is_some() {}
        others.next_if_eq(id).is_some()
    };
    one.iter().copied().filter(has).collect()
}

/// Words while they are being gathered.
#[derive(Default)]
struct Words {
    numbers: HashMap<Box<str>, usize>,
    postings: Vec<Postings>,
}

impl Words {
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

    fn sorted(mut self) -> Vec<(Box<str>, Postings)> {
        let numbers = self.numbers.into_iter();
        let mut words: Vec<(Box<str>, Postings)> = numbers
            .filter_map(|(word, number)| Some((word, std::mem::take(self.postings.get_mut(number)?))))
            .collect();
        words.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        words
    }
}

/// Ids come in order: a word that is there twice is noted once.
fn note(ids: Option<&mut Vec<Id>>, id: Id) {
    if let Some(ids) = ids.filter(|ids| ids.last() != Some(&id)) {
        ids.push(id);
    }
}

/// Each commit's files that still exist, without the changelogs and lock files of this world: what
/// most changes touch tells none of them.
fn touched(files: &[String], past: &[crate::model::PastCommit]) -> Vec<Vec<Id>> {
    let known: HashMap<&str, Id> = files.iter().map(String::as_str).zip(0..).collect();
    let mut counts: HashMap<Id, usize> = HashMap::new();
    let mut commits: Vec<Vec<Id>> = Vec::with_capacity(past.len());
    for commit in past {
        let ids: Vec<Id> = commit.files.iter().filter_map(|file| known.get(file.as_str())).copied().collect();
        ids.iter().for_each(|id| *counts.entry(*id).or_default() += 1);
        commits.push(ids);
    }
    let most = 20.max(past.len() / 10);
    for commit in &mut commits {
        commit.retain(|id| counts.get(id).is_none_or(|count| *count <= most));
    }
    commits
}
