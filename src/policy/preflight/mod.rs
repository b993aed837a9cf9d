//! Pre-flight: which files a ticket will probably change, and whether somebody else is at them.
//!
//! Predicts from explicit paths, their importers, the commits and the paths that the ticket's words
//! lead to; compares with what is running, in review and already selected. Rank decides who goes
//! first, whoever overlaps waits. Pure: history and branches are read elsewhere.

mod explicit;
mod index;
mod words;

pub use explicit::named_files;
pub use index::Index;
pub use words::Keyword;

use crate::model::Issue;
use crate::model::issue::same_name;
use crate::model::plan::{Overlap, Relation};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// From this many tickets on, a word in all their titles says nothing. Below it may be the very
/// thing two of them share.
const MANY: usize = 3;
/// Files of an overlap that are told.
const TOLD: usize = 3;

/// What a prediction rests on; the later is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The path holds a word of the ticket, or the file imports one the ticket names.
    Likeness,
    /// Commits about the ticket's words touched it.
    History,
    /// The ticket names it, or the branch did change it.
    Explicit,
}

/// The files somebody will probably change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prediction {
    files: BTreeMap<String, Source>,
}

impl Prediction {
    /// What a branch did change.
    pub fn of_changes(files: BTreeSet<String>) -> Self {
        Self { files: files.into_iter().map(|file| (file, Source::Explicit)).collect() }
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, Source)> {
        self.files.iter().map(|(file, source)| (file.as_str(), *source))
    }

    fn add(&mut self, file: &str, source: Source) {
        match self.files.get_mut(file) {
            Some(known) => *known = (*known).max(source),
            None => {
                self.files.insert(file.to_owned(), source);
            }
        }
    }
}

/// Predicts, by one index and one idea of what is common to all tickets.
#[derive(Debug)]
pub struct Predictor<'i> {
    pub index: &'i Index,
    /// [`common_words`] of all tickets there are.
    pub common: HashSet<Keyword>,
    /// Named file → the files that import it.
    pub importers: BTreeMap<String, BTreeSet<String>>,
}

impl Predictor<'_> {
    pub fn predict(&self, issue: &Issue) -> Prediction {
        let mut prediction = Prediction::default();
        for keyword in words::telling(&issue.title, &issue.labels, &self.common) {
            let files = self.index.in_history(&keyword);
            files.into_iter().for_each(|file| prediction.add(file, Source::History));
            let files = self.index.in_paths(&keyword);
            files.into_iter().for_each(|file| prediction.add(file, Source::Likeness));
        }
        for file in named_files(issue, self.index) {
            for importer in self.importers.get(&file).into_iter().flatten() {
                prediction.add(importer, Source::Likeness);
            }
            prediction.add(&file, Source::Explicit);
        }
        prediction
    }
}

/// Words that every ticket carries, and the labels it must carry: they tell nobody from anybody.
pub fn common_words<'a>(
    issues: impl IntoIterator<Item = &'a Issue>,
    required: &[String],
) -> HashSet<Keyword> {
    let mut count = 0;
    let mut in_titles: HashMap<Keyword, usize> = HashMap::new();
    let mut in_labels: HashMap<String, usize> = HashMap::new();
    for issue in issues {
        count += 1;
        for keyword in words::keywords(&issue.title) {
            *in_titles.entry(keyword).or_default() += 1;
        }
        let labels: BTreeSet<String> = issue.labels.iter().map(|label| label.trim().to_lowercase()).collect();
        labels.into_iter().for_each(|label| *in_labels.entry(label).or_default() += 1);
    }
    let on_all = |label: &String, carriers: usize| {
        (count > 1 && carriers == count) || required.iter().any(|required| same_name(required, label))
    };
    let labels =
        in_labels.iter().filter(|(label, carriers)| on_all(label, **carriers)).map(|(label, _)| label);
    let mut common: HashSet<Keyword> = labels.flat_map(|label| words::keywords(label)).collect();
    if count >= MANY {
        common.extend(in_titles.into_iter().filter(|(_, carriers)| *carriers == count).map(|(word, _)| word));
    }
    common
}

/// Somebody whose files are spoken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub issue: String,
    pub relation: Relation,
}

/// Whose files are whose, as selection goes along.
#[derive(Debug, Default)]
pub struct Taken {
    holders: Vec<Holder>,
    files: HashMap<String, Vec<(usize, Source)>>,
}

impl Taken {
    pub fn add(&mut self, holder: Holder, prediction: &Prediction) {
        let number = self.holders.len();
        self.holders.push(holder);
        for (file, source) in &prediction.files {
            self.files.entry(file.clone()).or_default().push((number, *source));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    /// Whom the prediction meets, the surest first.
    pub fn overlaps(&self, prediction: &Prediction) -> Vec<Overlap> {
        let mut met: BTreeMap<usize, Vec<(f64, &str)>> = BTreeMap::new();
        for (file, source) in &prediction.files {
            for (holder, other) in self.files.get(file).into_iter().flatten() {
                met.entry(*holder).or_default().push((confidence(*source, *other), file));
            }
        }
        let mut overlaps: Vec<Overlap> = met
            .into_iter()
            .filter_map(|(holder, mut files)| {
                let holder = self.holders.get(holder)?;
                files.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
                Some(Overlap {
                    with: holder.issue.clone(),
                    relation: holder.relation,
                    confidence: files.first()?.0,
                    files: files.into_iter().map(|(_, file)| file.to_owned()).collect(),
                })
            })
            .collect();
        overlaps.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        overlaps
    }
}

/// How sure it is that both change the file: one of them names it, the past leads both to it, or
/// merely a likeness.
fn confidence(one: Source, other: Source) -> f64 {
    match (one, other) {
        (Source::Explicit, _) | (_, Source::Explicit) => 0.9,
        (Source::History, Source::History) => 0.7,
        _ => 0.3,
    }
}

/// For people: whom, on which files, how surely.
pub fn sentence(overlap: &Overlap) -> String {
    let told: Vec<&str> = overlap.files.iter().take(TOLD).map(String::as_str).collect();
    let more = match overlap.files.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let Overlap { with, relation, confidence, .. } = overlap;
    format!(
        "{with}, {}, probably changes {}{more} too (confidence {confidence})",
        relation.words(),
        told.join(", ")
    )
}

#[cfg(test)]
mod tests;
