//! What speaks for a file: past commits whose messages are like the ticket, how lately and how often
//! it changes, words of its path, files that change with it, and the ticket's own naming of it.
//!
//! Everything can be asked as of an earlier moment: `since` newest commits have not happened yet.

use super::explicit::NamedFiles;
use super::index::{Id, Index};
use super::words::{Query, each_term};
use crate::model::calibration::FILE_FEATURES;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Commits of a word that are scored, the newest first.
const MAX_POSTINGS: usize = 300;
/// The likest commits, and files for each kind of evidence, that are looked at.
const MAX_COMMITS: usize = 40;
const MAX_FILES: usize = 60;
const MAX_BY_PATH: usize = 40;
const MAX_HOT: usize = 40;
const MAX_CHANGED_ALONG: usize = 20;
/// Newest commits among whose files the hot ones are.
const HOT_COMMITS: u32 = 60;
/// Commits of a word by which its focus is judged, and the focus of a word that one commit has.
const MAX_FOCUS: usize = 30;
const UNKNOWN_FOCUS: f64 = 0.3;
/// A word in more than so many paths says nothing.
const MAX_PATHS: usize = 3000;
/// Commits after which evidence counts half: of what is worked on now, of what is worked on at all,
/// of what a message said.
const RECENT: f64 = 15.0;
const LONG: f64 = 300.0;
const MESSAGE: f64 = 400.0;
/// A wider commit tells little about which files change together.
const MAX_WIDTH: usize = 15;
/// A word of a folder's name counts less than one of the file's.
const IN_FOLDER: f64 = 0.4;

/// The places of the evidence among the features.
pub(super) const RECENTLY: usize = 1;
pub(super) const LIKE: usize = 3;
pub(super) const PATH: usize = 4;
pub(super) const NAMED: usize = 6;
pub(super) const ALONG: usize = 7;
pub(super) const FOLDER: usize = 8;
pub(super) const AREA: usize = 9;
pub(super) const IMPORTS: usize = 10;

pub(super) type Features = [f64; FILE_FEATURES];

/// What a ticket is looked up with.
pub(super) struct Look<'a> {
    pub index: &'a Index,
    pub query: &'a Query,
    pub named: &'a NamedFiles,
    /// Named file → the files that import it.
    pub importers: &'a BTreeMap<String, BTreeSet<String>>,
    pub since: Id,
}

/// What each word of the query says in this repository: more where it is rare, and where it leads
/// to the same files again and again.
pub(super) type WordValues = Vec<f64>;

/// A past commit and how much it counts; 1 is a message of the very same words, just now.
struct Alike {
    commits: Vec<(Id, f64)>,
    total: f64,
}

impl Look<'_> {
    /// Every file that anything speaks for, and what.
    pub fn candidates(&self, values: &WordValues) -> Vec<(Id, Features)> {
        let alike = self.alike(values);
        let by_message = self.by_message(&alike);
        let by_path = self.by_path();
        let best = by_path.values().copied().fold(0.0, f64::max);
        let ids = |paths: &mut dyn Iterator<Item = &String>| -> BTreeSet<Id> {
            paths
                .filter_map(|path| self.index.id(path))
                .filter(|id| self.index.existed(*id, self.since))
                .collect()
        };
        let named = ids(&mut self.named.keys());
        let importers = ids(&mut self.named.keys().filter_map(|file| self.importers.get(file)).flatten());
        let mut files: BTreeSet<Id> = self.hot();
        files.extend(strongest(&by_message, MAX_FILES));
        files.extend(strongest(&by_path, MAX_BY_PATH));
        files.extend(named.iter().chain(&importers));
        let strength = |file: Id| {
            let at = |found: &HashMap<Id, f64>| found.get(&file).copied().unwrap_or(0.0);
            at(&by_message) + at(&by_path) + f64::from(u8::from(named.contains(&file)))
        };
        let along = self.changed_along(&files, strength);
        files.extend(strongest(&along, MAX_CHANGED_ALONG));
        let by_folder = self.by_folder(&alike);
        let area = self.area_words();
        let young = self.youth();
        let mut found = Vec::with_capacity(files.len());
        for file in files.into_iter().filter(|file| self.index.existed(*file, self.since)) {
            let at = |found: &HashMap<Id, f64>| found.get(&file).copied().unwrap_or(0.0);
            let slow = self.touched(file, LONG);
            let folder = self.index.folder(file).unwrap_or(Id::MAX);
            let share = slow / (self.folder_touched(folder) + 0.002);
            let by_path = at(&by_path);
            let is = |is_so: bool| f64::from(u8::from(is_so));
            found.push((
                file,
                [
                    1.0,
                    (self.touched(file, RECENT) + 0.01).ln(),
                    (slow + 0.003).ln(),
                    (at(&by_message) + 0.02 + 0.15 * young).ln(),
                    by_path,
                    if best > 0.0 { by_path / best * (best * 3.0).min(1.0) } else { 0.0 },
                    is(named.contains(&file)),
                    (at(&along) + 0.03).ln(),
                    (by_folder.get(&folder).copied().unwrap_or(0.0) * share.min(1.0) + 0.01 + 0.1 * young)
                        .ln(),
                    is(self.is_of_area(file, &area)),
                    is(importers.contains(&file)),
                ],
            ));
        }
        found
    }

    /// The evidence for a file that is not there yet and that the ticket names: as good as for one
    /// that commits like it touch, since nobody names a new file by accident.
    pub fn of_new_file() -> Features {
        [
            1.0,
            0.01_f64.ln(),
            0.003_f64.ln(),
            0.04_f64.ln(),
            0.0,
            0.0,
            1.0,
            0.03_f64.ln(),
            0.05_f64.ln(),
            0.0,
            0.0,
        ]
    }

    pub fn word_values(&self) -> WordValues {
        let all = self.index.commits().len();
        let value = |(word, weight): &(String, f64)| {
            let with = self.index.postings(word).map_or(0, |postings| postings.commits.len());
            weight * rarity(all, with) * self.focus(self.commits_with(word))
        };
        self.query.words.iter().map(value).collect()
    }

    /// The commits whose messages have the word; none when it is in every fourth message: that is a
    /// stop word of this repository.
    fn commits_with(&self, word: &str) -> &[Id] {
        let most = 20.max(self.index.commits().len() / 4);
        let ids = self.index.postings(word).map(|postings| &postings.commits);
        super::index::from(ids.filter(|ids| ids.len() <= most), self.since)
    }

    /// The commits whose messages are most like the query.
    fn alike(&self, values: &WordValues) -> Alike {
        let commits = self.index.commits();
        let mut scores = vec![0.0; commits.len()];
        let mut touched = Vec::new();
        let total: f64 = values.iter().sum();
        for ((word, _), value) in self.query.words.iter().zip(values) {
            for id in self.commits_with(word).iter().take(MAX_POSTINGS) {
                if let Some(score) = scores.get_mut(*id as usize) {
                    if *score == 0.0 {
                        touched.push(*id);
                    }
                    *score += value;
                }
            }
        }
        let weighed = touched.into_iter().filter_map(|id| {
            let commit = commits.get(id as usize)?;
            let length = 0.5 + 0.5 * f64::from(commit.length) / self.index.usual_length;
            let likeness = scores.get(id as usize)? / length / total.max(1e-9);
            Some((id, likeness * likeness * self.decay(id, MESSAGE)))
        });
        let mut found: Vec<(Id, f64)> = weighed.collect();
        keep_best(&mut found, MAX_COMMITS);
        let total = found.iter().map(|(_, weight)| weight).sum::<f64>() + 0.02;
        Alike { commits: found, total }
    }

    /// How probably two commits with a word share a file: what a repository says everywhere, of
    /// everything, is a stop word of its own.
    fn focus(&self, ids: &[Id]) -> f64 {
        let mut counts: HashMap<Id, f64> = HashMap::new();
        let mut commits = 0.0;
        for id in ids.iter().take(MAX_FOCUS) {
            commits += 1.0;
            for file in self.index.commits().get(*id as usize).into_iter().flat_map(|commit| &commit.files) {
                *counts.entry(*file).or_default() += 1.0;
            }
        }
        let pairs = |count: f64| count * (count - 1.0) / 2.0;
        let shared: f64 = counts.values().map(|count| pairs(*count)).sum();
        let all = pairs(commits);
        (shared.min(all) + UNKNOWN_FOCUS) / (all + 1.0)
    }

    fn by_message(&self, alike: &Alike) -> HashMap<Id, f64> {
        let mut found: HashMap<Id, f64> = HashMap::new();
        for (id, weight) in &alike.commits {
            for file in self.index.commits().get(*id as usize).into_iter().flat_map(|commit| &commit.files) {
                *found.entry(*file).or_default() += weight / alike.total;
            }
        }
        found
    }

    fn by_folder(&self, alike: &Alike) -> HashMap<Id, f64> {
        let mut found: HashMap<Id, f64> = HashMap::new();
        for (id, weight) in &alike.commits {
            let files = self.index.commits().get(*id as usize).into_iter().flat_map(|commit| &commit.files);
            let folders: BTreeSet<Id> = files.filter_map(|file| self.index.folder(*file)).collect();
            for folder in folders {
                *found.entry(folder).or_default() += weight / alike.total;
            }
        }
        found
    }

    fn by_path(&self) -> HashMap<Id, f64> {
        let most = 30.max(self.index.file_count() / 5).min(MAX_PATHS);
        let mut found: HashMap<Id, f64> = HashMap::new();
        let mut total = 0.0;
        for (word, weight) in &self.query.words {
            let postings = self.index.postings(word);
            let with = postings.map_or(0, |postings| postings.names.len() + postings.folders.len());
            let value = weight * rarity(self.index.file_count(), with);
            total += value;
            let Some(postings) = postings else { continue };
            if postings.names.len() + postings.folders.len() > most {
                continue;
            }
            postings.names.iter().for_each(|file| *found.entry(*file).or_default() += value);
            postings.folders.iter().for_each(|file| *found.entry(*file).or_default() += value * IN_FOLDER);
        }
        found.values_mut().for_each(|value| *value = (*value / total.max(1e-9)).min(1.0));
        found
    }

    /// What the newest commits touched.
    fn hot(&self) -> BTreeSet<Id> {
        let end = (self.since + HOT_COMMITS) as usize;
        let newest = self.index.commits().iter().take(end).skip(self.since as usize);
        let files: BTreeSet<Id> = newest.flat_map(|commit| &commit.files).copied().collect();
        let mut weighed: Vec<(Id, f64)> =
            files.into_iter().map(|file| (file, self.touched(file, RECENT))).collect();
        keep_best(&mut weighed, MAX_HOT);
        weighed.into_iter().map(|(file, _)| file).collect()
    }

    /// What changes when the files with the best evidence change.
    fn changed_along(&self, files: &BTreeSet<Id>, strength: impl Fn(Id) -> f64) -> HashMap<Id, f64> {
        let mut seeds: Vec<(Id, f64)> = files.iter().map(|file| (*file, strength(*file).min(1.0))).collect();
        keep_best(&mut seeds, 5);
        let mut found: HashMap<Id, f64> = HashMap::new();
        for (seed, value) in seeds.into_iter().filter(|(_, value)| *value >= 0.15) {
            let mut total = 1.0;
            let mut counts: HashMap<Id, f64> = HashMap::new();
            for id in self.index.touches(seed, self.since).iter().take(60) {
                let Some(commit) = self.index.commits().get(*id as usize) else { continue };
                if commit.files.len() > MAX_WIDTH {
                    continue;
                }
                let weight = self.decay(*id, MESSAGE);
                total += weight;
                for other in commit.files.iter().filter(|other| **other != seed) {
                    *counts.entry(*other).or_default() += weight;
                }
            }
            for (other, count) in counts {
                let known = found.entry(other).or_default();
                *known = known.max(value * count / total);
            }
        }
        found
    }

    /// The share of the newest commits that touched the file, the newest counting most.
    fn touched(&self, file: Id, half: f64) -> f64 {
        self.share(self.index.touches(file, self.since), half)
    }

    fn folder_touched(&self, folder: Id) -> f64 {
        self.share(self.index.folder_touches(folder, self.since), LONG)
    }

    fn share(&self, ids: &[Id], half: f64) -> f64 {
        let happened = self.happened();
        let step = (-1.0 / half).exp2();
        let all = (1.0 - step.powf(happened)) / (1.0 - step);
        let touched: f64 = ids.iter().take(MAX_POSTINGS).map(|id| self.decay(*id, half)).sum();
        // In a young repository nothing is known to be left alone.
        (touched + 0.2) / (all + 2.0)
    }

    /// How little history there is to ask, from 1: silence of a young repository says nothing.
    pub fn youth(&self) -> f64 {
        10.0 / (10.0 + self.happened())
    }

    fn happened(&self) -> f64 {
        (self.index.commits().len() as f64 - f64::from(self.since)).max(0.0)
    }

    fn decay(&self, id: Id, half: f64) -> f64 {
        (-f64::from(id.saturating_sub(self.since)) / half).exp2()
    }

    fn area_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        each_term(self.query.area.as_deref().unwrap_or_default(), |word| words.push(word.to_owned()));
        words
    }

    fn is_of_area(&self, file: Id, area: &[String]) -> bool {
        area.iter().filter_map(|word| self.index.postings(word)).any(|postings| {
            postings.names.binary_search(&file).is_ok() || postings.folders.binary_search(&file).is_ok()
        })
    }
}

/// How rare something is that so many of all have.
fn rarity(all: usize, with: usize) -> f64 {
    (1.0 + (all as f64 + 0.5) / (with as f64 + 0.5)).ln()
}

fn strongest(found: &HashMap<Id, f64>, most: usize) -> Vec<Id> {
    let mut all: Vec<(Id, f64)> = found.iter().map(|(id, value)| (*id, *value)).collect();
    keep_best(&mut all, most);
    all.into_iter().map(|(id, _)| id).collect()
}

/// Keeps the best, in an order that is the same in every run.
fn keep_best(all: &mut Vec<(Id, f64)>, most: usize) {
    let better = |a: &(Id, f64), b: &(Id, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if all.len() > most {
        all.select_nth_unstable_by(most, better);
        all.truncate(most);
    }
    all.sort_unstable_by(better);
}
