use super::*;
use crate::model::settings::ModelsByClass;
use crate::policy::samples::issue;
use ComplexityClass::{Complex, Moderate, Simple};

/// Title, description's length, labels, priority, estimate, attempt → score, class.
type Case = (&'static str, usize, &'static [&'static str], i64, Option<f64>, u32, i32, ComplexityClass);

const CASES: &[Case] = &[
    // The description alone; 200 to 400 characters count for nothing.
    ("t", 0, &[], 0, None, 1, -1, Simple),
    ("t", 199, &[], 0, None, 1, -1, Simple),
    ("t", 200, &[], 0, None, 1, 0, Simple),
    ("t", 400, &[], 0, None, 1, 0, Simple),
    ("t", 401, &[], 0, None, 1, 1, Moderate),
    ("t", 800, &[], 0, None, 1, 1, Moderate),
    ("t", 801, &[], 0, None, 1, 2, Moderate),
    ("t", 9000, &[], 0, None, 1, 2, Moderate),
    // Labels, each by itself, contained, in any case.
    ("t", 300, &["bug"], 0, None, 1, -1, Simple),
    ("t", 300, &["fix"], 0, None, 1, -1, Simple),
    ("t", 300, &["typo"], 0, None, 1, -1, Simple),
    ("t", 300, &["chore"], 0, None, 1, -1, Simple),
    ("t", 300, &["docs"], 0, None, 1, -1, Simple),
    ("t", 300, &["hotfix"], 0, None, 1, -1, Simple),
    ("t", 300, &["Type: Bugfix"], 0, None, 1, -1, Simple),
    ("t", 300, &["bug", "docs"], 0, None, 1, -2, Simple),
    ("t", 300, &["feature"], 0, None, 1, 2, Moderate),
    ("t", 300, &["refactor"], 0, None, 1, 2, Moderate),
    ("t", 300, &["architecture"], 0, None, 1, 2, Moderate),
    ("t", 300, &["migration"], 0, None, 1, 2, Moderate),
    ("t", 300, &["security"], 0, None, 1, 2, Moderate),
    ("t", 300, &["performance"], 0, None, 1, 2, Moderate),
    ("t", 300, &["FEATURE-request"], 0, None, 1, 2, Moderate),
    ("t", 300, &["feature", "security"], 0, None, 1, 4, Complex),
    ("t", 300, &["bug", "security"], 0, None, 1, 1, Moderate),
    ("t", 300, &["security fix"], 0, None, 1, 1, Moderate),
    ("t", 300, &["frontend"], 0, None, 1, 0, Simple),
    // The title, once for each kind.
    ("Fix typo in the docs", 300, &[], 0, None, 1, -1, Simple),
    ("Refactor the performance tests", 300, &[], 0, None, 1, 1, Moderate),
    ("Fix security of login", 300, &[], 0, None, 1, 0, Simple),
    // Priority: urgent and high.
    ("t", 300, &[], 1, None, 1, 2, Moderate),
    ("t", 300, &[], 2, None, 1, 1, Moderate),
    ("t", 300, &[], 3, None, 1, 0, Simple),
    ("t", 300, &[], 4, None, 1, 0, Simple),
    // The estimate, when there is one.
    ("t", 300, &[], 0, Some(0.0), 1, -1, Simple),
    ("t", 300, &[], 0, Some(1.0), 1, -1, Simple),
    ("t", 300, &[], 0, Some(2.0), 1, 0, Simple),
    ("t", 300, &[], 0, Some(3.0), 1, 1, Moderate),
    ("t", 300, &[], 0, Some(4.9), 1, 1, Moderate),
    ("t", 300, &[], 0, Some(5.0), 1, 2, Moderate),
    ("t", 300, &[], 0, Some(13.0), 1, 2, Moderate),
    // A further attempt.
    ("t", 300, &[], 0, None, 2, 2, Moderate),
    ("t", 300, &[], 0, None, 7, 2, Moderate),
    ("t", 401, &[], 0, None, 2, 3, Complex),
    ("t", 0, &["bug"], 4, None, 2, 0, Simple),
    // Together.
    ("Fix something", 9, &["bug"], 4, None, 1, -3, Simple),
    ("t", 900, &["feature"], 1, Some(5.0), 1, 8, Complex),
    ("t", 500, &[], 3, Some(3.0), 1, 2, Moderate),
    ("Migration of all tables", 300, &["feature"], 0, None, 1, 3, Complex),
];

#[test]
fn complexity_is_the_sum_of_its_terms() {
    for (title, length, labels, priority, estimate, attempt, score, class) in CASES {
        let issue = Issue {
            title: (*title).to_owned(),
            description: "ä".repeat(*length),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            priority: Priority::from_number(*priority),
            estimate: *estimate,
            ..issue("ENG-1")
        };
        let found = assess(&issue, *attempt, &Weights::default());
        assert_eq!((found.score, found.class), (*score, *class), "{issue:?} {attempt}: {found:?}");
        assert_eq!(found.score, found.terms.iter().map(|term| term.points).sum::<i32>());
    }
}

#[test]
fn weights_by_name_replace_the_defaults() {
    let issue = Issue { labels: vec!["bug".to_owned()], ..issue("ENG-1") };
    let weights = Weights([("label_simple".to_owned(), 5), ("description_under_200".to_owned(), 0)].into());
    let found = assess(&issue, 1, &weights);
    assert_eq!((found.score, found.class), (5, Complex));
    let term = Term { name: "label_simple", points: 5, because: Some("bug".to_owned()) };
    assert_eq!(found.terms, [term], "a term that counts for nothing is not told");
}

#[test]
fn the_class_chooses_the_model_unless_one_is_named() {
    let of = |name: &str| name.to_owned();
    let models = ModelsByClass { simple: of("s"), moderate: of("m"), complex: of("c") };
    let auto = ModelRules { fixed: None, by_class: Some(models), weights: Weights::default() };
    let named = ModelRules { fixed: Some(of("opus")), ..auto.clone() };
    let agents_own = ModelRules { by_class: None, ..auto.clone() };
    for (score, class, model) in
        [(-3, Simple, "s"), (1, Moderate, "m"), (2, Moderate, "m"), (3, Complex, "c")]
    {
        let complexity = Complexity { score, class, terms: Vec::new() };
        assert_eq!(choose(Some(&complexity), &auto).model.as_deref(), Some(model));
        assert_eq!(choose(Some(&complexity), &named).model.as_deref(), Some("opus"));
        assert_eq!(choose(Some(&complexity), &agents_own).model, None);
    }
    assert_eq!(choose(None, &auto).model, None);
}

#[test]
fn a_retry_is_given_a_stronger_model() {
    let issue = Issue { description: "x".repeat(401), ..issue("ENG-1") };
    let class = |attempt| assess(&issue, attempt, &Weights::default()).class;
    assert_eq!((class(1), class(2)), (Moderate, Complex));
}
