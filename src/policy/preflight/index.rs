//! The past made searchable, in one pass: word → paths and commits. Built from a [`History`],
//! asked by keyword; answers are bounded, and a word that is everywhere answers nothing.

use super::words::{Keyword, each_word};
use crate::model::History;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

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
    words: BTreeMap<Box<str>, Postings>,
    /// Newest first; without files that are gone, and without those that every other commit touches.
    commits: Vec<Vec<Id>>,
}

#[derive(Debug, Default)]
struct Postings {
    paths: Vec<Id>,
    commits: Vec<Id>,
}

impl Index {
    pub fn new(history: History) -> Self {
        let History { files, commits: past, .. } = history;
        let mut words: HashMap<Box<str>, Postings> = HashMap::new();
        let mut in_folder = Vec::new();
        let mut folder = None;
        for (id, file) in (0..).zip(&files) {
            let (here, name) = file.rsplit_once('/').unwrap_or(("", file));
            if folder != Some(here) {
                in_folder.clear();
                each_word(here, |word| in_folder.push(word.to_owned()));
                folder = Some(here);
            }
            in_folder.iter().for_each(|word| note(&mut words, word, id, |p| &mut p.paths));
            each_word(name, |word| note(&mut words, word, id, |p| &mut p.paths));
        }
        for (number, commit) in (0..).zip(&past) {
            each_word(&commit.message, |word| note(&mut words, word, number, |p| &mut p.commits));
        }
        let commits = touched(&files, &past);
        Self { files, words: words.into_iter().collect(), commits }
    }

    /// Files that commits about the keyword touched, the most frequent first.
    pub fn in_history(&self, keyword: &Keyword) -> Vec<&str> {
        let commits = self.all_parts(keyword, |postings| &postings.commits);
        if commits.len() > too_many(MAX_COMMITS, self.commits.len() / 10) {
            return Vec::new();
        }
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
        let paths = self.all_parts(keyword, |postings| &postings.paths);
        if paths.len() > too_many(100, self.files.len() / 100) {
            return Vec::new();
        }
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
            let postings = self.words.get(word).map_or(const { &Vec::new() }, |postings| &postings.paths);
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

    /// What all parts of the keyword have, sorted.
    fn all_parts(&self, keyword: &Keyword, of: impl Fn(&Postings) -> &Vec<Id>) -> Vec<Id> {
        let mut common: Option<Vec<Id>> = None;
        for part in keyword.parts() {
            let mut ids = self.beginning_with(part, &of);
            if let Some(common) = common {
                ids.retain(|id| common.binary_search(id).is_ok());
            }
            common = Some(ids);
        }
        common.unwrap_or_default()
    }

    /// The postings of all words that begin with the part; of a short one, of it and its plural.
    fn beginning_with(&self, part: &str, of: impl Fn(&Postings) -> &Vec<Id>) -> Vec<Id> {
        let is_short = part.chars().count() < MIN_PREFIX;
        let range = self.words.range::<str, _>((Bound::Included(part), Bound::Unbounded));
        let mut ids: Vec<Id> = range
            .take_while(|(word, _)| word.starts_with(part))
            .filter(|(word, _)| !is_short || matches!(word.strip_prefix(part), Some("" | "s")))
            .flat_map(|(_, postings)| of(postings))
            .copied()
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// More than this is no answer: `few` are always one, `share` in a large repository.
fn too_many(few: usize, share: usize) -> usize {
    few.max(share)
}

fn note(
    words: &mut HashMap<Box<str>, Postings>,
    word: &str,
    id: Id,
    of: impl Fn(&mut Postings) -> &mut Vec<Id>,
) {
    if !words.contains_key(word) {
        words.insert(word.into(), Postings::default());
    }
    if let Some(ids) = words.get_mut(word).map(of).filter(|ids| ids.last() != Some(&id)) {
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
    let most = too_many(20, past.len() / 10);
    for commit in &mut commits {
        commit.retain(|id| counts.get(id).is_none_or(|count| *count <= most));
    }
    commits
}
