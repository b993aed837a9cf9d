use super::*;
use crate::policy::fixtures::issue;
use ComplexityClass::{Complex, Moderate};

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
fn a_retry_is_given_a_stronger_model() {
    let issue = Issue { description: "x".repeat(401), ..issue("ENG-1") };
    let class = |attempt| assess(&issue, attempt, &Weights::default()).class;
    assert_eq!((class(1), class(2)), (Moderate, Complex));
}
