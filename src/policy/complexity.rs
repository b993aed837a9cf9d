//! How much a ticket asks for, and which model is given to it. Scores are the sum of named terms,
//! each with a weight of its own; the choice says why.

use crate::model::plan::{Complexity, ComplexityClass, Term};
use crate::model::settings::{ModelRules, Weights};
use crate::model::{Issue, Priority};

/// The terms there are, with what each counts when nothing else is configured.
pub const WEIGHTS: &[(&str, i32)] = &[
    ("description_over_800", 2),
    ("description_over_400", 1),
    ("description_under_200", -1),
    ("label_simple", -1),
    ("label_complex", 2),
    ("title_simple", -1),
    ("title_complex", 1),
    ("priority_urgent", 2),
    ("priority_high", 1),
    ("estimate_from_5", 2),
    ("estimate_from_3", 1),
    ("estimate_up_to_1", -1),
    ("retry", 2),
];

const COMPLEX_FROM: i32 = 3;
const MODERATE_FROM: i32 = 1;

const SIMPLE_WORDS: &[&str] = &["bug", "fix", "typo", "chore", "docs", "hotfix"];
const COMPLEX_WORDS: &[&str] =
    &["feature", "refactor", "architecture", "migration", "security", "performance"];

/// A model, and why that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// `None`: the agent chooses.
    pub model: Option<String>,
    pub reason: String,
}

/// The score of an attempt at an issue whose details are known. A term that counts for nothing is
/// not told.
pub fn assess(issue: &Issue, attempt: u32, weights: &Weights) -> Complexity {
    let mut terms = Vec::new();
    let mut add = |name: &'static str, because: Option<String>| {
        let points = weight(name, weights);
        if points != 0 {
            terms.push(Term { name, points, because });
        }
    };
    let length = issue.description.chars().count();
    let told = Some(format!("{length} characters"));
    match length {
        801.. => add("description_over_800", told),
        401.. => add("description_over_400", told),
        0..200 => add("description_under_200", told),
        _ => {}
    }
    for label in &issue.labels {
        if holds(label, SIMPLE_WORDS).is_some() {
            add("label_simple", Some(label.clone()));
        }
        if holds(label, COMPLEX_WORDS).is_some() {
            add("label_complex", Some(label.clone()));
        }
    }
    if let Some(word) = holds(&issue.title, SIMPLE_WORDS) {
        add("title_simple", Some(word.to_owned()));
    }
    if let Some(word) = holds(&issue.title, COMPLEX_WORDS) {
        add("title_complex", Some(word.to_owned()));
    }
    match issue.priority {
        Priority::Urgent => add("priority_urgent", None),
        Priority::High => add("priority_high", None),
        Priority::Medium | Priority::Low | Priority::None => {}
    }
    let estimate = issue.estimate.map(|estimate| estimate.to_string());
    match issue.estimate {
        Some(points) if points >= 5.0 => add("estimate_from_5", estimate),
        Some(points) if points >= 3.0 => add("estimate_from_3", estimate),
        Some(points) if points <= 1.0 => add("estimate_up_to_1", estimate),
        _ => {}
    }
    if attempt > 1 {
        add("retry", Some(format!("attempt {attempt}")));
    }
    let score = terms.iter().fold(0i32, |score, term| score.saturating_add(term.points));
    Complexity { score, class: class_of(score), terms }
}

/// The model for an issue: the configured one, else that of its class.
pub fn choose(complexity: Option<&Complexity>, rules: &ModelRules) -> Choice {
    if let Some(model) = &rules.fixed {
        return Choice { model: Some(model.clone()), reason: "agent.model names it".to_owned() };
    }
    let Some(models) = &rules.by_class else {
        return Choice { model: None, reason: "the agent chooses".to_owned() };
    };
    let Some(Complexity { score, class, .. }) = complexity else {
        return Choice { model: None, reason: "the ticket's details are not known".to_owned() };
    };
    let model = match class {
        ComplexityClass::Simple => &models.simple,
        ComplexityClass::Moderate => &models.moderate,
        ComplexityClass::Complex => &models.complex,
    };
    Choice { model: Some(model.clone()), reason: format!("complexity {score} is {}", class.word()) }
}

fn class_of(score: i32) -> ComplexityClass {
    match score {
        COMPLEX_FROM.. => ComplexityClass::Complex,
        MODERATE_FROM.. => ComplexityClass::Moderate,
        _ => ComplexityClass::Simple,
    }
}

fn weight(name: &str, weights: &Weights) -> i32 {
    let default = || WEIGHTS.iter().find(|(known, _)| *known == name).map_or(0, |(_, points)| *points);
    weights.0.get(name).copied().unwrap_or_else(default)
}

/// The first of the words the text contains, wherever it stands.
pub(super) fn holds(text: &str, words: &[&'static str]) -> Option<&'static str> {
    let text = text.to_lowercase();
    words.iter().find(|word| text.contains(**word)).copied()
}

/// Whether a label or title speaks of something small, or of something large.
pub(super) fn is_small(text: &str) -> bool {
    holds(text, SIMPLE_WORDS).is_some()
}

pub(super) fn is_large(text: &str) -> bool {
    holds(text, COMPLEX_WORDS).is_some()
}

#[cfg(test)]
mod tests;
