//! Which files a ticket will probably change: a ranked list with probabilities, and what each rests on.

use super::evidence::{self, Features, Look, WordValues};
use super::explicit::{NamedFiles, named_in};
use super::fit::{score, sigmoid};
use super::generated::conflict_weight;
use super::index::{Id, Index};
use super::words::{Query, each_term};
use crate::model::issue::same_name;
use crate::model::{Calibration, Issue};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// From this many tickets on, a word in all their titles says nothing. Below it may be the very
/// thing two of them share.
const MANY: usize = 3;
/// Files of one prediction, and the least probable of them.
const MAX_FILES: usize = 60;
const LEAST: f64 = 0.01;
/// What is left of a busy file's probability when the ticket names others.
const ELSEWHERE: f64 = 0.4;
/// Of a repository with so few commits, about twenty, that they all seem to belong together.
const YOUNG: f64 = 0.3;

/// Why a file is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The ticket names it, perhaps with a line.
    Named(Option<u32>),
    /// It imports a file the ticket names.
    Imports,
    /// Commits with a message like the ticket touched it.
    Commits,
    /// Its path holds words of the ticket.
    Path,
    /// It changes together with files the ticket is about.
    Together,
    /// Its folder is what commits like the ticket touch.
    Folder,
    /// It is changed often these days.
    Recent,
}

impl Evidence {
    pub fn words(self) -> String {
        match self {
            Self::Named(None) => "named by the ticket".to_owned(),
            Self::Named(Some(line)) => format!("named by the ticket, line {line}"),
            Self::Imports => "imports a named file".to_owned(),
            Self::Commits => "touched by commits like it".to_owned(),
            Self::Path => "path has its words".to_owned(),
            Self::Together => "changes along with such files".to_owned(),
            Self::Folder => "in a folder of such commits".to_owned(),
            Self::Recent => "changed often lately".to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PredictedFile {
    pub path: String,
    pub probability: f64,
    /// The strongest first.
    pub evidence: Vec<Evidence>,
    /// How much an overlap in it counts.
    pub(super) weight: f64,
    pub(super) line: Option<u32>,
    pub(super) key: u64,
}

/// The files somebody will probably change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prediction {
    /// By key, so that two of them can be walked together.
    pub(super) files: Vec<PredictedFile>,
    /// The ticket's words with their weights in this repository, sorted.
    pub(super) words: Vec<(String, f64)>,
    pub(super) area: Option<String>,
}

impl Prediction {
    /// The most probable first.
    pub fn ranked(&self) -> Vec<&PredictedFile> {
        let mut files: Vec<&PredictedFile> = self.files.iter().collect();
        files.sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| a.path.cmp(&b.path)));
        files
    }
}

/// Predicts, by one index, the weights of its repository and one idea of what is common to all tickets.
#[derive(Debug)]
pub struct Predictor<'i> {
    pub index: &'i Index,
    pub calibration: &'i Calibration,
    /// [`common_words`] of all tickets there are.
    pub common: HashSet<String>,
    /// Named file → the files that import it.
    pub importers: BTreeMap<String, BTreeSet<String>>,
}

impl Predictor<'_> {
    pub fn predict(&self, issue: &Issue) -> Prediction {
        let query = Query::of(issue, &self.common);
        let named = named_in(&issue.title, &issue.description, self.index);
        let look =
            Look { index: self.index, query: &query, named: &named, importers: &self.importers, since: 0 };
        let values = look.word_values();
        let candidates = look.candidates(&values);
        let youth = look.youth();
        let mut files: Vec<PredictedFile> =
            candidates.iter().filter_map(|(id, features)| self.file(*id, features, &named, youth)).collect();
        for (path, line) in named.iter().filter(|(path, _)| !self.index.is_tracked(path)) {
            let probability = sigmoid(score(&self.calibration.file, &Look::of_new_file()));
            files.push(PredictedFile {
                path: path.clone(),
                probability,
                evidence: vec![Evidence::Named(*line)],
                weight: conflict_weight(path),
                line: *line,
                key: key(self.index, path),
            });
        }
        assembled(files, &query, &values)
    }

    fn file(&self, id: Id, features: &Features, named: &NamedFiles, youth: f64) -> Option<PredictedFile> {
        let path = self.index.path(id)?;
        let line = named.get(path).copied().flatten();
        let evidence = evidence_of(features, line, youth);
        let is_busy = |one: &Evidence| match one {
            Evidence::Recent | Evidence::Folder => true,
            Evidence::Together => youth > YOUNG,
            _ => false,
        };
        let is_only_busy = evidence.iter().all(is_busy);
        // A ticket that says where it is is not where merely much is going on.
        let elsewhere = if is_only_busy && !named.is_empty() { ELSEWHERE } else { 1.0 };
        let probability = sigmoid(score(&self.calibration.file, features)) * elsewhere;
        (probability >= LEAST).then(|| PredictedFile {
            path: path.to_owned(),
            probability,
            evidence,
            weight: conflict_weight(path),
            line,
            key: u64::from(id),
        })
    }
}

/// A prediction of the probable files, by weights that are being fitted.
pub(super) fn replayed(
    index: &Index,
    query: &Query,
    values: &WordValues,
    candidates: &[(Id, Features)],
    weights: &Features,
) -> Prediction {
    let files = candidates.iter().filter_map(|(id, features)| {
        let probability = sigmoid(score(weights, features));
        (probability >= LEAST).then(|| PredictedFile {
            path: String::new(),
            probability,
            evidence: Vec::new(),
            weight: index.path(*id).map_or(1.0, conflict_weight),
            line: None,
            key: u64::from(*id),
        })
    });
    assembled(files.collect(), query, values)
}

fn assembled(mut files: Vec<PredictedFile>, query: &Query, values: &WordValues) -> Prediction {
    if files.len() > MAX_FILES {
        files.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.key.cmp(&b.key)));
        files.truncate(MAX_FILES);
    }
    files.sort_by_key(|file| file.key);
    let words = query.words.iter().zip(values).map(|((word, _), value)| (word.clone(), *value)).collect();
    Prediction { files, words, area: query.area.clone() }
}

/// A number for a path: a tracked file's own, beyond them for any other.
pub(super) fn key(index: &Index, path: &str) -> u64 {
    index.id(path).map_or_else(
        || {
            let mut hasher = DefaultHasher::new();
            path.hash(&mut hasher);
            hasher.finish() | 1 << 63
        },
        u64::from,
    )
}

/// What of the evidence is worth telling.
fn evidence_of(features: &Features, line: Option<u32>, youth: f64) -> Vec<Evidence> {
    let at = |place: usize| features.get(place).copied().unwrap_or_default();
    let share = |place: usize, floor: f64| at(place).exp() - floor;
    let found = [
        (at(evidence::NAMED) > 0.0, Evidence::Named(line)),
        (at(evidence::IMPORTS) > 0.0, Evidence::Imports),
        (share(evidence::LIKE, 0.02 + 0.15 * youth) >= 0.05, Evidence::Commits),
        (at(evidence::PATH) >= 0.1 || at(evidence::AREA) > 0.0, Evidence::Path),
        (share(evidence::ALONG, 0.03) >= 0.1, Evidence::Together),
        (share(evidence::FOLDER, 0.01 + 0.1 * youth) >= 0.1, Evidence::Folder),
        (share(evidence::RECENTLY, 0.01) >= 0.1, Evidence::Recent),
    ];
    found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, evidence)| evidence).collect()
}

/// Words that every ticket carries, and the labels it must carry: they tell nobody from anybody.
pub fn common_words<'a>(issues: impl IntoIterator<Item = &'a Issue>, required: &[String]) -> HashSet<String> {
    let terms = |text: &str| {
        let mut words = BTreeSet::new();
        each_term(text, |word| {
            words.insert(word.to_owned());
        });
        words
    };
    let mut count = 0;
    let mut in_titles: HashMap<String, usize> = HashMap::new();
    let mut in_labels: HashMap<String, usize> = HashMap::new();
    for issue in issues {
        count += 1;
        for word in terms(&issue.title) {
            *in_titles.entry(word).or_default() += 1;
        }
        let labels: BTreeSet<String> = issue.labels.iter().map(|label| label.trim().to_lowercase()).collect();
        labels.into_iter().for_each(|label| *in_labels.entry(label).or_default() += 1);
    }
    let on_all = |label: &String, carriers: usize| {
        (count > 1 && carriers == count) || required.iter().any(|required| same_name(required, label))
    };
    let labels =
        in_labels.iter().filter(|(label, carriers)| on_all(label, **carriers)).map(|(label, _)| label);
    let mut common: HashSet<String> = labels.flat_map(|label| terms(label)).collect();
    if count >= MANY {
        common.extend(in_titles.into_iter().filter(|(_, carriers)| *carriers == count).map(|(word, _)| word));
    }
    common
}
