use super::*;
use crate::model::plan::Relation;
use crate::model::{Calibration, History, Issue, PastCommit, Sha, Time};
use crate::policy::fixtures::issue;
use std::collections::{BTreeMap, BTreeSet, HashSet};

fn index(commits: &[(&str, &[&str])], files: &[&str]) -> Index {
    let owned = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>();
    let mut files = owned(files);
    files.sort();
    let past = |(message, files): &(&str, &[&str])| PastCommit {
        message: (*message).to_owned(),
        files: owned(files),
    };
    Index::new(History {
        head: Sha::new("0"),
        depth: 2000,
        commits: commits.iter().map(past).collect(),
        files,
    })
}

fn ticket(key: &str, title: &str, description: &str) -> Issue {
    Issue { title: title.to_owned(), description: description.to_owned(), ..issue(key) }
}

fn predicted(index: &Index, issue: &Issue) -> Vec<(String, f64, Vec<Evidence>)> {
    let calibration = defaults();
    let predictor =
        Predictor { index, calibration: &calibration, common: HashSet::new(), importers: BTreeMap::new() };
    let prediction = predictor.predict(issue);
    let told = |file: &PredictedFile| (file.path.clone(), file.probability, file.evidence.clone());
    prediction.ranked().into_iter().map(told).collect()
}

fn best(index: &Index, issue: &Issue) -> String {
    predicted(index, issue).into_iter().next().map(|(file, ..)| file).unwrap_or_default()
}

/// A repository of some age: two modules, each with its test, and a changelog everybody writes to.
fn aged() -> Index {
    let mut commits: Vec<(String, Vec<&str>)> = Vec::new();
    for number in 0..60 {
        let mut commit = match number % 3 {
            0 => (format!("Parser: read case {number}"), vec!["src/parse.rs", "tests/parse.rs"]),
            1 => (format!("Printer: write case {number}"), vec!["src/print.rs", "tests/print.rs"]),
            _ => (format!("Tidy the build, step {number}"), vec!["build.sh"]),
        };
        if number % 2 == 0 {
            commit.1.push("CHANGELOG.md");
        }
        commits.push(commit);
    }
    let commits: Vec<(&str, &[&str])> = commits.iter().map(|(m, f)| (m.as_str(), f.as_slice())).collect();
    let files =
        ["src/parse.rs", "tests/parse.rs", "src/print.rs", "tests/print.rs", "build.sh", "CHANGELOG.md"];
    index(&commits, &files)
}

#[test]
fn messages_like_the_ticket_lead_to_what_they_touched() {
    let found = predicted(&aged(), &ticket("A", "The parser loses a case", ""));
    let (files, probabilities): (Vec<&str>, Vec<f64>) =
        found.iter().map(|(file, probability, _)| (file.as_str(), *probability)).unzip();
    assert_eq!(BTreeSet::from([files[0], files[1]]), BTreeSet::from(["src/parse.rs", "tests/parse.rs"]));
    assert!(probabilities[1] > 0.4, "{found:?}");
    let other = found.iter().find(|(file, ..)| file == "src/print.rs").map_or(0.0, |(_, said, _)| *said);
    assert!(other < 0.15, "{found:?}");
    assert!(found[0].2.contains(&Evidence::Commits), "{found:?}");
}

#[test]
fn a_named_file_is_the_surest_of_all_and_one_to_be_made_counts_as_well() {
    let found =
        predicted(&aged(), &ticket("A", "Something is slow", "See `src/print.rs:12` and docs/setup.md"));
    let by_file: BTreeMap<&str, (f64, &Vec<Evidence>)> =
        found.iter().map(|(file, said, evidence)| (file.as_str(), (*said, evidence))).collect();
    assert_eq!(found[0].0, "src/print.rs");
    assert_eq!(by_file["src/print.rs"].1[0], Evidence::Named(Some(12)));
    assert!(by_file["src/print.rs"].0 > 0.7, "{found:?}");
    assert!(by_file["docs/setup.md"].0 > 0.6, "{found:?}");
}

#[test]
fn words_of_a_path_lead_to_it_where_history_says_nothing() {
    let tree = index(&[], &["app/login_form.tsx", "app/catalog.tsx", "app/table.tsx", "lib/dates.ts"]);
    assert_eq!(best(&tree, &ticket("A", "Broken login form", "")), "app/login_form.tsx");
    assert_eq!(best(&tree, &ticket("A", "Dates are wrong", "")), "lib/dates.ts");
}

#[test]
fn new_evidence_counts_more_than_old() {
    let mut commits: Vec<(&str, &[&str])> = vec![("Billing: new rates", &["new.rs"])];
    commits.extend(std::iter::repeat_n(("Other things", &["other.rs"][..]), 900));
    commits.push(("Billing: old rates", &["old.rs"]));
    let found =
        predicted(&index(&commits, &["new.rs", "old.rs", "other.rs"]), &ticket("A", "Billing rates", ""));
    let said = |file: &str| found.iter().find(|(path, ..)| path == file).map_or(0.0, |(_, said, _)| *said);
    assert!(said("new.rs") > 2.0 * said("old.rs"), "{found:?}");
}

#[test]
fn a_word_of_every_fourth_message_is_a_stop_word_of_its_repository() {
    let mut commits: Vec<(&str, &[&str])> = Vec::new();
    for number in 0..100 {
        commits.push(if number % 2 == 0 {
            ("Refactor the core", &["core.rs"])
        } else {
            ("Tune widget", &["w.rs"])
        });
    }
    let found = predicted(&index(&commits, &["core.rs", "w.rs"]), &ticket("A", "Refactor", ""));
    assert!(found.iter().all(|(_, _, evidence)| !evidence.contains(&Evidence::Commits)), "{found:?}");
}

#[test]
fn importers_of_a_named_file_come_along() {
    let index = index(&[], &["src/a.rs", "src/b.rs", "src/c.rs"]);
    let importers = BTreeMap::from([("src/a.rs".to_owned(), BTreeSet::from(["src/b.rs".to_owned()]))]);
    let calibration = defaults();
    let predictor = Predictor { index: &index, calibration: &calibration, common: HashSet::new(), importers };
    let prediction = predictor.predict(&ticket("A", "t", "src/a.rs"));
    let files: Vec<&str> = prediction.ranked().into_iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files[..2], ["src/a.rs", "src/b.rs"]);
    assert_eq!(prediction.ranked()[1].evidence[0], Evidence::Imports);
}

#[test]
fn a_ticket_names_files_in_many_ways() {
    let index = index(
        &[],
        &["src/a.rs", "src/deep/parser.py", "lib/mod.rs", "x/mod.rs", "y/mod.rs", "z/mod.rs", "Makefile"],
    );
    type Named<'f> = &'f [(&'f str, Option<u32>)];
    let cases: [(&str, Named<'_>); 15] = [
        ("see src/a.rs.", &[("src/a.rs", None)]),
        ("at `src/a.rs:12:5`, line", &[("src/a.rs", Some(12))]),
        ("(./src/a.rs#L3)", &[("src/a.rs", Some(3))]),
        ("src/a.rs:3 and src/a.rs:90", &[("src/a.rs", None)]),
        ("--- a/src/a.rs\n+++ b/src/a.rs", &[("src/a.rs", None)]),
        ("/src/a.rs", &[("src/a.rs", None)]),
        ("deep/parser.py", &[("src/deep/parser.py", None)]),
        ("in parser.py", &[("src/deep/parser.py", None)]),
        ("mod.rs", &[]),
        ("create docs/setup.md", &[("docs/setup.md", None)]),
        ("https://example.com/src/a.rs", &[]),
        ("example.com/index.html and/or e.g. v1.2", &[]),
        ("../../etc/passwd ~/.ssh/id", &[]),
        ("", &[]),
        ("\u{0}src/a.rs\u{0}", &[("src/a.rs", None)]),
    ];
    for (text, expected) in cases {
        let found: Vec<(String, Option<u32>)> =
            named_files(&ticket("A", "t", text), &index).into_iter().collect();
        let found: Vec<(&str, Option<u32>)> =
            found.iter().map(|(file, line)| (file.as_str(), *line)).collect();
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn words_that_every_ticket_carries_count_for_nothing() {
    let labelled = |key: &str, title: &str, labels: &[&str]| Issue {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        ..ticket(key, title, "")
    };
    let two =
        [labelled("A", "Payments crash", &["Agent", "team"]), labelled("B", "Payments hang", &["agent"])];
    let common = common_words(&two, &["team".to_owned()]);
    assert!(common.contains("agent") && common.contains("team"));
    assert!(!common.contains("payment"), "two may really share a word of their titles");
    let third = labelled("C", "Payments: refunds", &[]);
    assert!(common_words(two.iter().chain([&third]), &[]).contains("payment"));
}

/// How probably two tickets meet, by the defaults.
fn meet(index: &Index, one: &Issue, other: &Issue) -> f64 {
    let calibration = defaults();
    let common = common_words([one, other], &[]);
    let predictor = Predictor { index, calibration: &calibration, common, importers: BTreeMap::new() };
    let mut taken = Taken::new(&calibration);
    taken.add(holder("A", Relation::Selected), predictor.predict(one));
    taken.overlaps(&predictor.predict(other)).first().map_or(0.0, |overlap| overlap.confidence)
}

fn holder(issue: &str, relation: Relation) -> Holder {
    Holder { issue: issue.to_owned(), relation, nearness: 1.0 }
}

#[test]
fn two_at_one_thing_meet_and_two_at_different_things_do_not() {
    let past = aged();
    let limit = defaults().normal.limit;
    let parser = ticket("A", "Parser: numbers are cut", "");
    assert!(meet(&past, &parser, &ticket("B", "Parser: comments are lost", "")) > limit);
    assert!(meet(&past, &parser, &ticket("B", "Printer: lines are too long", "")) < limit);
    let named = ticket("A", "Numbers", "src/parse.rs");
    assert!(meet(&past, &named, &ticket("B", "Comments", "see parse.rs")) > limit);
}

#[test]
fn lines_far_apart_count_less_than_lines_side_by_side() {
    let past = index(&[], &["src/a.rs"]);
    let at = |line: u32| ticket("A", "t", &format!("src/a.rs:{line}"));
    assert!(meet(&past, &at(10), &at(20)) > meet(&past, &at(10), &at(2000)) + 0.1);
}

#[test]
fn a_changelog_of_both_is_no_reason_to_wait() {
    let past = index(&[], &["CHANGELOG.md", "src/a.rs", "src/b.rs"]);
    let one = ticket("A", "First thing", "CHANGELOG.md src/a.rs");
    let other = ticket("B", "Second matter", "CHANGELOG.md src/b.rs");
    assert!(meet(&past, &one, &other) < defaults().high.limit);
}

#[test]
fn work_in_review_counts_by_its_real_files_and_how_near_it_is() {
    let past = aged();
    let calibration = defaults();
    let predictor = Predictor {
        index: &past,
        calibration: &calibration,
        common: HashSet::new(),
        importers: BTreeMap::new(),
    };
    let prediction = predictor.predict(&ticket("A", "Numbers", "src/parse.rs"));
    let with = |files: &[&str], nearness: f64| {
        let mut taken = Taken::new(&calibration);
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        taken.add_real(Holder { nearness, ..holder("R", Relation::InReview) }, &files, &past);
        taken.overlaps(&prediction).into_iter().next()
    };
    let near = with(&["src/parse.rs", "README.md"], 1.0).unwrap();
    assert_eq!(near.files, ["src/parse.rs"]);
    assert_eq!(near.evidence, ["src/parse.rs: named by the ticket; R: changed there"]);
    let far = with(&["src/parse.rs"], 0.2).unwrap();
    assert!(near.confidence > 0.6 && far.confidence < 0.25, "{near:?} {far:?}");
    assert_eq!(with(&["src/elsewhere.rs"], 1.0), None);
}

/// A repository in which words decide: each topic has its two files.
fn regular(commits: usize) -> Index {
    let topics = ["alpha", "bravo", "carol", "delta", "eagle", "fancy", "glade", "haven"];
    let files: Vec<[String; 2]> =
        topics.iter().map(|topic| [format!("src/{topic}/one.rs"), format!("src/{topic}/two.rs")]).collect();
    let past: Vec<(String, Vec<&str>)> = (0..commits)
        .map(|number| {
            let topic = (number * 7 + number / 5) % topics.len();
            (format!("Make {} better", topics[topic]), files[topic].iter().map(String::as_str).collect())
        })
        .collect();
    let past: Vec<(&str, &[&str])> = past.iter().map(|(m, f)| (m.as_str(), f.as_slice())).collect();
    let files: Vec<&str> = files.iter().flatten().map(String::as_str).collect();
    index(&past, &files)
}

#[test]
fn a_history_is_replayed_and_says_how_good_its_prediction_is() {
    let now: Time = "2026-11-22T10:00:00Z".parse().unwrap();
    let calibration: Calibration = calibrate(&regular(300), 2000, now).unwrap();
    assert!(calibration.is_sound());
    assert_eq!(
        calibration.replayed.as_ref().map(|replayed| (replayed.at, replayed.commits)),
        Some((now, 260))
    );
    let normal = calibration.normal;
    assert!(normal.precision > 0.9 && normal.recall > 0.9, "what is regular is foreseen: {normal:?}");
    assert!(calibration.low.limit >= normal.limit && normal.limit >= calibration.high.limit);
    let text = serde_json::to_string(&calibration).unwrap();
    assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration);
}

#[test]
fn a_short_history_calibrates_nothing() {
    assert_eq!(calibrate(&regular(90), 2000, Time::default()), None);
}

#[test]
fn the_past_is_asked_without_what_came_later() {
    // Only the newest commit says where the word leads: replayed, it must not have known.
    let mut commits: Vec<(&str, &[&str])> = vec![("Zebra stripes", &["zebra.rs"])];
    commits.extend(std::iter::repeat_n(("Other things", &["other.rs"][..]), 99));
    let past = index(&commits, &["zebra.rs", "other.rs"]);
    let query = words::Query::of_message("Zebra stripes");
    let (named, importers) = (NamedFiles::new(), BTreeMap::new());
    let found = |since| {
        let look =
            evidence::Look { index: &past, query: &query, named: &named, importers: &importers, since };
        look.candidates(&look.word_values())
            .into_iter()
            .filter_map(|(id, _)| past.path(id))
            .collect::<Vec<_>>()
    };
    assert!(found(0).contains(&"zebra.rs"));
    assert!(!found(5).contains(&"zebra.rs"));
}

mod properties {
    use super::*;
    use crate::model::report::SkipReason;
    use crate::model::settings::{Limits, PreflightSettings, Strictness};
    use crate::policy::eligibility::Skip;
    use crate::policy::fixtures::limits;
    use crate::policy::slots::fill_unless;
    use proptest::prelude::*;

    const FILES: [&str; 6] =
        ["a/parse.rs", "a/print.rs", "b/check.rs", "b/token.rs", "c/store.rs", "c/paper.rs"];

    fn chosen<'a>(
        issues: &'a [Issue],
        predictor: &Predictor<'_>,
        limits: &Limits,
    ) -> (Vec<&'a Issue>, Vec<(&'a Issue, Skip)>) {
        let ranked: Vec<&Issue> = issues.iter().collect();
        let settings = PreflightSettings {
            enabled: true,
            strictness: Strictness::Normal,
            threshold: None,
            patience: 6,
            commits: 10,
        };
        let rules = WaitRules::new(settings, predictor.calibration, false, Time::default());
        let mut taken = Taken::new(predictor.calibration);
        let filled = fill_unless(&ranked, limits, &[], &mut |issue| {
            let prediction = predictor.predict(issue);
            let overlaps = taken.overlaps(&prediction);
            let verdict = rules.judge(issue, &overlaps, 0);
            if verdict.held_back {
                return Some(Skip::new(SkipReason::Overlap, sentence(&overlaps, &verdict)));
            }
            taken.add(holder(&issue.identifier, Relation::Selected), prediction);
            None
        });
        (filled.selected, filled.skipped)
    }

    proptest! {
        #[test]
        fn the_first_always_goes_the_choice_is_stable_and_whoever_waits_is_told_for_whom(
            named in prop::collection::vec(prop::collection::btree_set(0usize..6, 0..4), 0..12),
            per_cycle in prop::option::of(1usize..6),
        ) {
            let index = index(&[("tokens", &["b/token.rs", "a/parse.rs"])], &FILES);
            let calibration = defaults();
            let predictor = Predictor {
                index: &index, calibration: &calibration, common: HashSet::new(), importers: BTreeMap::new(),
            };
            let issues: Vec<Issue> = named
                .iter()
                .enumerate()
                .map(|(number, files)| {
                    let text: Vec<&str> = files.iter().map(|file| FILES[*file]).collect();
                    ticket(&format!("E-{number}"), "t", &text.join(" and "))
                })
                .collect();
            let limits = Limits { per_cycle, ..limits() };
            let (selected, skipped) = chosen(&issues, &predictor, &limits);
            prop_assert_eq!((&selected, &skipped), (&chosen(&issues, &predictor, &limits).0, &chosen(&issues, &predictor, &limits).1));
            prop_assert_eq!(selected.len() + skipped.len(), issues.len());
            prop_assert_eq!(selected.first().map(|issue| &issue.identifier), issues.first().map(|issue| &issue.identifier));
            let files = |issue: &Issue| named_files(issue, &index).into_keys().collect::<BTreeSet<_>>();
            // Two that name the very same files are never taken together.
            for (place, one) in selected.iter().enumerate() {
                for other in &selected[place + 1..] {
                    prop_assert!(files(one).is_empty() || files(one) != files(other));
                }
            }
            for (_, skip) in &skipped {
                match skip.reason {
                    SkipReason::Overlap => {
                        let is_told = |one: &&Issue| skip.detail.starts_with(&format!("{}, ", one.identifier));
                        prop_assert!(selected.iter().any(is_told), "{}", skip.detail);
                    }
                    _ => prop_assert_eq!(Some(selected.len()), per_cycle),
                }
            }
        }
    }
}
