use crate::support::{HOSTILE, rendered};
use anstream::adapter::strip_str;
use conductor::model::Priority;
use conductor::model::plan::{
    Complexity, ComplexityClass, Difficulty, DifficultyLevel, Overlap, OverlapVerdict, Plan, PlannedFile,
    PlannedIssue, PlannedPreflight, Relation, Term,
};
use conductor::model::report::{KeptOut, KeptOutIssue, SkipReason};
use conductor::report::plan;

fn planned(issue: &str, title: &str) -> PlannedIssue {
    PlannedIssue {
        issue: issue.to_owned(),
        title: title.to_owned(),
        url: None,
        chosen: true,
        reason: None,
        detail: None,
        rank: Some(1),
        priority: Some(Priority::High),
        complexity: Some(Complexity {
            score: 2,
            class: ComplexityClass::Moderate,
            terms: vec![
                Term { name: "label_complex", points: 2, because: Some("feature".to_owned()) },
                Term { name: "priority_high", points: 1, because: None },
                Term { name: "label_simple", points: -1, because: Some("docs".to_owned()) },
            ],
        }),
        difficulty: Some(Difficulty {
            level: DifficultyLevel::Hard,
            confidence: 0.6,
            reasons: vec!["priority High".to_owned()],
        }),
        model: Some("sonnet".to_owned()),
        model_reason: Some("complexity 2 is moderate".to_owned()),
        overlaps: Vec::new(),
        files: Vec::new(),
        overlap: None,
        attempt: Some(2),
        advice: vec!["Run the tests as you go.".to_owned()],
    }
}

fn of(candidates: Vec<PlannedIssue>) -> Plan {
    Plan {
        schema: 1,
        deferred_until: None,
        deferred_because: None,
        candidates,
        kept_out: Vec::new(),
        kept_out_partial: false,
        preflight: None,
    }
}

fn plain(plan: &Plan) -> String {
    strip_str(&rendered(|out| plan::render(plan, false, out))).to_string()
}

#[test]
fn a_plan_tells_of_each_candidate_what_and_why() {
    let left = PlannedIssue {
        chosen: false,
        reason: Some(SkipReason::Overlap),
        detail: Some(
            "ENG-1, which goes first, probably changes a.rs too (probability 0.9, limit 0.3)".to_owned(),
        ),
        rank: Some(2),
        complexity: None,
        difficulty: None,
        model: None,
        overlaps: vec![Overlap {
            with: "ENG-1".to_owned(),
            relation: Relation::Selected,
            confidence: 0.9,
            files: vec!["a.rs".to_owned(), "b.rs".to_owned()],
            evidence: vec!["a.rs: named by the ticket; ENG-1: touched by commits like it".to_owned()],
        }],
        files: vec![
            PlannedFile {
                file: "a.rs".to_owned(),
                probability: 0.92,
                evidence: vec!["named by the ticket".to_owned()],
            },
            PlannedFile { file: "b.rs".to_owned(), probability: 0.4, evidence: Vec::new() },
        ],
        overlap: Some(OverlapVerdict {
            probability: 0.9,
            limit: Some(0.3),
            held_back: true,
            cycles: 2,
            patience: 6,
            change: vec!["the end of ENG-1".to_owned(), "4 more cycles (preflight.patience)".to_owned()],
        }),
        attempt: Some(1),
        advice: Vec::new(),
        ..planned("ENG-2", "Later")
    };
    let expected = "  1  take  ENG-1  Sort the list
       what priority High, attempt 2
       complexity moderate (2): label_complex +2 (feature), priority_high +1, label_simple -1 (docs)
       difficulty hard, confidence 0.6: priority High
       model sonnet: complexity 2 is moderate
       advice Run the tests as you go.
  2  overlap  ENG-2  Later
       why ENG-1, which goes first, probably changes a.rs too (probability 0.9, limit 0.3)
       next nothing: it is taken after the other; at once with `conductor once --issue ENG-2 --force`
       what priority High, attempt 1
       files a.rs 0.92 (named by the ticket), b.rs 0.4
       overlap ENG-1, which goes first, probability 0.9: a.rs, b.rs
       because a.rs: named by the ticket; ENG-1: touched by commits like it
       verdict probability 0.9, limit 0.3: held back, so far 2 cycles; goes with the end of ENG-1, or 4 more cycles (preflight.patience)
overlaps strictness normal, limit 0.3; calibrated on 400 commits: precision 0.61, recall 0.74, taken 0.66
plan: 1 of 2 candidates would be worked on; nothing was changed
";
    let preflight = PlannedPreflight {
        strictness: "normal",
        limit: Some(0.3),
        calibrated_on: 400,
        precision: Some(0.61),
        recall: Some(0.74),
        taken: Some(0.66),
    };
    let plan = of(vec![planned("ENG-1", "Sort the list"), left]);
    assert_eq!(plain(&Plan { preflight: Some(preflight), ..plan }), expected);
}

#[test]
fn nothing_to_plan_is_one_line() {
    assert_eq!(plain(&of(Vec::new())), "plan: 0 of 0 candidates would be worked on; nothing was changed\n");
    let deferred = Plan {
        deferred_until: Some(crate::support::at("2026-11-22T10:00:00Z")),
        deferred_because: Some("a limit\n::x".to_owned()),
        ..of(Vec::new())
    };
    assert_eq!(
        plain(&deferred),
        "deferred until 2026-11-22 10:00:00 UTC: a limit ::x: nothing would be dispatched\n"
    );
}

#[test]
fn a_matrix_is_one_line_of_the_chosen_and_at_most_256() {
    let left = PlannedIssue { chosen: false, ..planned("ENG-2", "x") };
    let few = rendered(|out| plan::render_matrix(&of(vec![planned("ENG-1", "x"), left]), out));
    assert_eq!(few, "{\"include\":[{\"issue\":\"ENG-1\"}]}\n");
    let many = (0..300).map(|number| planned(&format!("E-{number}"), "x")).collect();
    let text = rendered(|out| plan::render_matrix(&of(many), out));
    let matrix: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(matrix["include"].as_array().unwrap().len(), 256);
    assert_eq!(rendered(|out| plan::render_matrix(&of(Vec::new()), out)), "{\"include\":[]}\n");
}

#[test]
fn text_of_tickets_is_inert_in_a_plan() {
    let hostile = PlannedIssue {
        detail: Some(HOSTILE.to_owned()),
        model: Some(HOSTILE.to_owned()),
        advice: vec![HOSTILE.to_owned()],
        ..planned(HOSTILE, HOSTILE)
    };
    let left =
        PlannedIssue { chosen: false, reason: Some(SkipReason::State), ..planned("$(touch pwned)", "x") };
    let one =
        KeptOutIssue { issue: HOSTILE.to_owned(), title: HOSTILE.to_owned(), detail: HOSTILE.to_owned() };
    let detail = HOSTILE.to_owned();
    let kept_out = vec![KeptOut { reason: SkipReason::State, count: 1, detail, issues: vec![one] }];
    let plan = Plan { kept_out, ..of(vec![hostile, left]) };
    let text = strip_str(&rendered(|out| plan::render(&plan, true, out))).to_string();
    assert!(text.contains("kept out 1 ticket not active"), "{text}");
    assert!(text.contains("`conductor once --issue KEY --force`"), "nothing to paste: {text}");
    assert!(!text.contains('\u{1b}') && !text.contains("##[") && !text.contains('\u{202e}'), "{text}");
    assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
    for json in
        [rendered(|out| plan::render_json(&plan, out)), rendered(|out| plan::render_matrix(&plan, out))]
    {
        assert!(!json.contains("##["), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(read.to_string().contains("$(touch pwned)"));
    }
}
