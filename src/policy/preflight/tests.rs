use super::*;
use crate::model::{History, PastCommit, Sha};
use crate::policy::fixtures::issue;

fn index(commits: &[(&str, &[&str])], files: &[&str]) -> Index {
    let owned = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>();
    let mut files = owned(files);
    files.sort();
    Index::new(History {
        head: Sha::new("0"),
        depth: 2000,
        commits: commits
            .iter()
            .map(|(message, files)| PastCommit { message: (*message).to_owned(), files: owned(files) })
            .collect(),
        files,
    })
}

fn ticket(key: &str, title: &str, description: &str) -> Issue {
    Issue { title: title.to_owned(), description: description.to_owned(), ..issue(key) }
}

fn predicted(index: &Index, issue: &Issue) -> Vec<(String, Source)> {
    let predictor = Predictor { index, common: HashSet::new(), importers: BTreeMap::new() };
    predictor.predict(issue).files().map(|(file, source)| (file.to_owned(), source)).collect()
}

fn files(index: &Index, issue: &Issue) -> Vec<String> {
    predicted(index, issue).into_iter().map(|(file, _)| file).collect()
}

#[test]
fn history_leads_from_words_to_files() {
    let index = index(
        &[
            ("Login: refuse empty tokens", &["src/auth.rs", "src/gone.rs"]),
            ("Speed up the parser", &["src/parse.rs"]),
            ("login again", &["src/auth.rs", "src/session.rs"]),
        ],
        &["src/auth.rs", "src/parse.rs", "src/session.rs"],
    );
    assert_eq!(
        predicted(&index, &ticket("A", "Login fails", "")),
        [("src/auth.rs".into(), Source::History), ("src/session.rs".into(), Source::History)]
    );
    assert_eq!(files(&index, &ticket("A", "Parsers", "")), ["src/parse.rs"]);
    assert_eq!(files(&index, &ticket("A", "Fix it for all", "")), [""; 0]);
}

#[test]
fn a_keyword_predicts_at_most_its_twenty_most_frequent_files_and_ten_paths() {
    let many: Vec<String> = (0..40).map(|n| format!("src/m{n:02}.x")).collect();
    let names: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut commits: Vec<(&str, &[&str])> = vec![("billing", &names)];
    let frequent = ["src/m39.x"];
    commits.push(("billing", &frequent));
    commits.push(("other", &frequent));
    let past = index(&commits, &names);
    let found = files(&past, &ticket("A", "Billing", ""));
    assert_eq!(found.len(), 20);
    assert!(found.contains(&"src/m39.x".to_owned()) && !found.contains(&"src/m38.x".to_owned()), "{found:?}");
    let paths: Vec<String> =
        (0..60).map(|n| format!("{}/m{n:02}.x", if n < 40 { "billing" } else { "sales" })).collect();
    let tree = index(&[], &paths.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(files(&tree, &ticket("A", "Billing", "")), paths[..10]);
}

#[test]
fn a_keyword_s_newest_fifty_commits_and_a_ticket_s_first_eight_keywords_are_looked_up() {
    let words = ["alpha", "bravo", "carol", "delta", "eagle", "fancy", "glade", "haven", "igloo"];
    let names: Vec<String> = words.iter().map(|word| format!("{word}.x")).collect();
    let tree = index(&[], &names.iter().map(String::as_str).collect::<Vec<_>>());
    let labelled = Issue {
        labels: vec!["haven".to_owned(), "igloo".to_owned()],
        ..ticket("A", &format!("{} and a bug", words[..7].join(" ")), "")
    };
    assert_eq!(files(&tree, &labelled), names[..8], "title before labels; stop words take no place");

    let touched: Vec<String> = (0..1000).map(|n| format!("m{n:03}.x")).collect();
    let past: Vec<(&str, Vec<&str>)> = touched
        .iter()
        .enumerate()
        .map(|(n, file)| match n % 10 {
            0 if n >= 500 => ("billing", vec![file.as_str(), "m999.x"]),
            0 => ("billing", vec![file.as_str()]),
            _ => ("other", vec![file.as_str()]),
        })
        .collect();
    let past: Vec<(&str, &[&str])> = past.iter().map(|(m, f)| (*m, f.as_slice())).collect();
    let index = index(&past, &touched.iter().map(String::as_str).collect::<Vec<_>>());
    let found = index.in_history(&words::keywords("billing")[0]);
    assert_eq!((found.len(), found[0], found[19]), (20, "m000.x", "m190.x"), "older ones' files are not");
}

/// Whether two tickets would wait for each other, at the default threshold.
fn meet(index: &Index, one: &Issue, other: &Issue) -> bool {
    let common = common_words([one, other], &[]);
    let predictor = Predictor { index, common, importers: BTreeMap::new() };
    let mut taken = Taken::default();
    taken.add(Holder { issue: "A".to_owned(), relation: Relation::Selected }, &predictor.predict(one));
    taken.overlaps(&predictor.predict(other)).iter().any(|overlap| overlap.confidence >= 0.3)
}

#[test]
fn in_a_small_repository_what_all_of_it_is_about_brings_nobody_together() {
    // A first commit, of which no files are known, and two more.
    let past: &[(&str, &[&str])] = &[
        ("Add the page about us", &["pages/about.html"]),
        ("Add the start page", &["pages/start.html"]),
        ("First page", &[]),
    ];
    let web = index(past, &["pages/about.html", "pages/start.html", "pages/style.css"]);
    let header = ticket("A", "A page header that sticks", "");
    assert!(!meet(&web, &header, &ticket("B", "Dark page colours", "")));
    assert!(meet(&web, &ticket("A", "Start: greet people", ""), &ticket("B", "Start is too wide", "")));

    let calc = index(&[], &["calc/__init__.py", "calc/add.py", "calc/divide.py", "tests/test_add.py"]);
    assert!(!meet(&calc, &ticket("A", "Calc: modulo", ""), &ticket("B", "Calc crashes on empty input", "")));
    assert!(!meet(&calc, &ticket("A", "Test modulo", ""), &ticket("B", "Tests for empty input", "")));
    assert!(meet(&calc, &ticket("A", "Divide by zero", ""), &ticket("B", "Divide large numbers", "")));

    let only = index(&[], &["parse.py"]);
    assert!(meet(&only, &ticket("A", "Parse dates", ""), &ticket("B", "Parse times", "")));
}

#[test]
fn paths_that_hold_a_word_are_the_weakest_prediction() {
    let index =
        index(&[], &["app/login_form.tsx", "app/LoginForm.test.tsx", "app/form.tsx", "catalog/login.rs"]);
    let found = predicted(&index, &ticket("A", "Broken login-form", ""));
    assert_eq!(
        found,
        [
            ("app/LoginForm.test.tsx".into(), Source::Likeness),
            ("app/login_form.tsx".into(), Source::Likeness)
        ]
    );
    assert_eq!(files(&index, &ticket("A", "log", "")), [""; 0]);
}

#[test]
fn what_is_everywhere_tells_nothing() {
    let all: Vec<String> = (0..300).map(|n| format!("src/component/f{n}.x")).collect();
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    let past: Vec<(String, Vec<&str>)> =
        (0..100).map(|n| (format!("release {n}"), vec!["CHANGELOG.md", names[n]])).collect();
    let mut past: Vec<(&str, &[&str])> = past.iter().map(|(m, f)| (m.as_str(), f.as_slice())).collect();
    past.push(("topic", &["CHANGELOG.md", "src/component/f7.x"]));
    let mut names = names.clone();
    names.push("CHANGELOG.md");
    let index = index(&past, &names);
    assert_eq!(files(&index, &ticket("A", "component", "")), [""; 0]);
    assert_eq!(files(&index, &ticket("A", "release", "")), [""; 0]);
    assert_eq!(files(&index, &ticket("A", "topic", "")), ["src/component/f7.x"]);
}

#[test]
fn a_ticket_names_files_in_many_ways() {
    let index = index(
        &[],
        &["src/a.rs", "src/deep/parser.py", "lib/mod.rs", "x/mod.rs", "y/mod.rs", "z/mod.rs", "Makefile"],
    );
    let cases: [(&str, &[&str]); 14] = [
        ("see src/a.rs.", &["src/a.rs"]),
        ("at `src/a.rs:12:5`, line", &["src/a.rs"]),
        ("(./src/a.rs#L3)", &["src/a.rs"]),
        ("--- a/src/a.rs\n+++ b/src/a.rs", &["src/a.rs"]),
        ("/src/a.rs", &["src/a.rs"]),
        ("deep/parser.py", &["src/deep/parser.py"]),
        ("in parser.py", &["src/deep/parser.py"]),
        ("mod.rs", &[]),
        ("create docs/setup.md", &["docs/setup.md"]),
        ("https://example.com/src/a.rs", &[]),
        ("example.com/index.html and/or e.g. v1.2", &[]),
        ("../../etc/passwd ~/.ssh/id", &[]),
        ("", &[]),
        ("\u{0}src/a.rs\u{0}", &["src/a.rs"]),
    ];
    for (text, expected) in cases {
        let found: Vec<String> = named_files(&ticket("A", "t", text), &index).into_iter().collect();
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn importers_of_a_named_file_come_along() {
    let index = index(&[], &["src/a.rs", "src/b.rs"]);
    let importers = BTreeMap::from([("src/a.rs".to_owned(), BTreeSet::from(["src/b.rs".to_owned()]))]);
    let predictor = Predictor { index: &index, common: HashSet::new(), importers };
    let prediction = predictor.predict(&ticket("A", "t", "src/a.rs"));
    let found: Vec<(&str, Source)> = prediction.files().collect();
    assert_eq!(found, [("src/a.rs", Source::Explicit), ("src/b.rs", Source::Likeness)]);
}

#[test]
fn words_that_every_ticket_carries_count_for_nothing() {
    let labelled = |key: &str, title: &str, labels: &[&str]| Issue {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        ..ticket(key, title, "")
    };
    let index = index(&[], &["agent/x.rs", "payments/y.rs", "refunds/z.rs"]);
    let two =
        [labelled("A", "Payments crash", &["Agent", "team"]), labelled("B", "Payments hang", &["agent"])];
    let common = common_words(&two, &["team".to_owned()]);
    let predictor = Predictor { index: &index, common, importers: BTreeMap::new() };
    let found =
        |issue: &Issue| predictor.predict(issue).files().map(|(f, _)| f.to_owned()).collect::<Vec<_>>();
    assert_eq!(found(&two[0]), ["payments/y.rs"], "two may really share a word of their titles");
    let third = labelled("C", "Payments: refunds", &[]);
    let common = common_words(two.iter().chain([&third]), &["agent".to_owned()]);
    let predictor = Predictor { index: &index, common, importers: BTreeMap::new() };
    assert_eq!(predictor.predict(&third).files().map(|(f, _)| f).collect::<Vec<_>>(), ["refunds/z.rs"]);
    assert_eq!(predictor.predict(&two[0]).files().count(), 0);
}

#[test]
fn confidence_follows_the_better_source_of_either_side() {
    use Source::{Explicit, History, Likeness};
    for (one, other, expected) in [
        (Explicit, Explicit, 0.9),
        (Explicit, History, 0.9),
        (Explicit, Likeness, 0.9),
        (History, History, 0.7),
        (History, Likeness, 0.3),
        (Likeness, Likeness, 0.3),
    ] {
        assert_eq!(confidence(one, other), expected);
        assert_eq!(confidence(other, one), expected);
    }
}

#[test]
fn an_overlap_names_whom_and_up_to_three_files() {
    let of = |files: &[(&str, Source)]| Prediction {
        files: files.iter().map(|(file, source)| ((*file).to_owned(), *source)).collect(),
    };
    let mut taken = Taken::default();
    let holder = |issue: &str, relation| Holder { issue: issue.to_owned(), relation };
    taken.add(holder("E-1", Relation::Running), &of(&[("z", Source::History), ("q", Source::Likeness)]));
    taken.add(
        holder("E-2", Relation::InReview),
        &Prediction::of_changes(["a", "b", "c", "d"].map(String::from).into()),
    );
    let met = taken.overlaps(&of(&[
        ("a", Source::Likeness),
        ("b", Source::Likeness),
        ("c", Source::Likeness),
        ("d", Source::Likeness),
        ("z", Source::History),
        ("q", Source::History),
    ]));
    assert_eq!(
        met.iter().map(|o| (o.with.as_str(), o.confidence)).collect::<Vec<_>>(),
        [("E-2", 0.9), ("E-1", 0.7)]
    );
    assert_eq!(met[1].files, ["z", "q"], "the surest first");
    assert_eq!(
        sentence(&met[0]),
        "E-2, which is in review, probably changes a, b, c and 1 more too (confidence 0.9)"
    );
    assert_eq!(taken.overlaps(&of(&[("other", Source::Explicit)])), []);
}

mod properties {
    use super::*;
    use crate::model::report::SkipReason;
    use crate::model::settings::Limits;
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
        taken: &mut Taken,
    ) -> (Vec<&'a Issue>, Vec<(&'a Issue, Skip)>) {
        let ranked: Vec<&Issue> = issues.iter().collect();
        let filled = fill_unless(&ranked, limits, &[], &mut |issue| {
            let prediction = predictor.predict(issue);
            if let Some(overlap) = taken.overlaps(&prediction).first() {
                return Some(Skip::new(SkipReason::Overlap, sentence(overlap)));
            }
            taken.add(Holder { issue: issue.identifier.clone(), relation: Relation::Selected }, &prediction);
            None
        });
        (filled.selected, filled.skipped)
    }

    proptest! {
        #[test]
        fn nobody_chosen_meets_anybody_and_whoever_waits_meets_somebody_chosen(
            named in prop::collection::vec(prop::collection::btree_set(0usize..6, 0..4), 0..12),
            per_cycle in prop::option::of(1usize..6),
        ) {
            let index = index(&[("tokens", &["b/token.rs", "a/parse.rs"])], &FILES);
            let predictor = Predictor { index: &index, common: HashSet::new(), importers: BTreeMap::new() };
            let issues: Vec<Issue> = named
                .iter()
                .enumerate()
                .map(|(number, files)| {
                    let text: Vec<&str> = files.iter().map(|file| FILES[*file]).collect();
                    ticket(&format!("E-{number}"), "t", &text.join(" and "))
                })
                .collect();
            let limits = Limits { per_cycle, ..limits() };
            let (selected, skipped) = chosen(&issues, &predictor, &limits, &mut Taken::default());
            let again = chosen(&issues, &predictor, &limits, &mut Taken::default());
            prop_assert_eq!((&selected, &skipped), (&again.0, &again.1));
            prop_assert_eq!(selected.len() + skipped.len(), issues.len());
            prop_assert_eq!(selected.first().map(|issue| &issue.identifier), issues.first().map(|issue| &issue.identifier));
            let files = |issue: &Issue| named_files(issue, &index);
            for (place, one) in selected.iter().enumerate() {
                for other in &selected[place + 1..] {
                    prop_assert!(files(one).is_disjoint(&files(other)));
                }
            }
            for (issue, skip) in &skipped {
                match skip.reason {
                    SkipReason::Overlap => prop_assert!(selected.iter().any(|one| !files(one).is_disjoint(&files(issue)))),
                    _ => prop_assert_eq!(Some(selected.len()), per_cycle),
                }
            }
        }
    }
}
