use crate::support::{
    HOSTILE, at, commands, failed, hostile, ordinary, rendered, report, skipped, succeeded,
};
use conductor::model::Failure;
use conductor::model::report::{CycleReport, CycleStatus, KeptWork, SkipReason};
use conductor::report::github;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `$GITHUB_OUTPUT` as the runner reads it.
fn outputs(report: &CycleReport, random: &str) -> BTreeMap<String, String> {
    let file = rendered(|out| github::outputs(report, random, out));
    let mut lines = file.lines();
    let mut read = BTreeMap::new();
    while let Some(head) = lines.next() {
        let (name, delimiter) = head.split_once("<<").expect("a heredoc");
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        assert_eq!(read.insert(name.to_owned(), value.join("\n")), None, "{name} twice");
    }
    read
}

#[test]
fn the_outputs_are_those_of_the_action() {
    let outputs = outputs(&ordinary(), "r4nd0m");
    let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
    assert_eq!(names, ["dispatched", "failed", "kept", "pull-requests", "report", "status", "succeeded"]);
    assert_eq!(outputs["status"], "completed");
    assert_eq!([&*outputs["dispatched"], &*outputs["succeeded"], &*outputs["failed"]], ["2", "1", "1"]);
    assert_eq!(outputs["kept"], "[]");
    assert_eq!(outputs["pull-requests"], r#"["https://forge.example/o/r/pull/17"]"#);
    let document: Value = serde_json::from_str(&outputs["report"]).unwrap();
    assert_eq!(document, serde_json::to_value(ordinary()).unwrap());
}

#[test]
fn a_value_that_knows_the_delimiter_cannot_end_its_output() {
    let mut report = hostile();
    report.dispatched[0].title = "x\nconductor_r4nd0m\nstatus<<E\nforged\nE\nconductor_r4nd0m_".to_owned();
    let outputs = outputs(&report, "r4nd0m");
    assert_eq!(outputs.len(), 7);
    assert_eq!(outputs["status"], "completed");
    let document: Value = serde_json::from_str(&outputs["report"]).unwrap();
    assert_eq!(document["dispatched"][0]["title"], report.dispatched[0].title);
}

#[test]
fn a_report_too_long_for_an_output_is_cut_and_stays_json() {
    let mut long = report(CycleStatus::Completed);
    long.skipped =
        (0..20_000).map(|n| skipped(&format!("ENG-{n}"), SkipReason::Overlap, &"x".repeat(100))).collect();
    long.dispatched =
        (0..300).map(|n| failed(&format!("E-{n}"), &"t".repeat(10_000), Failure::Stalled, "e")).collect();
    let outputs = outputs(&long, "r");
    assert!(outputs["report"].len() < 1_000_000);
    let document: Value = serde_json::from_str(&outputs["report"]).unwrap();
    assert_eq!(document["dispatched"].as_array().unwrap().len(), 300);
    assert_eq!(outputs["failed"], "300");
}

#[test]
fn the_summary_is_a_table_with_links() {
    let text = rendered(|out| github::summary(&ordinary(), out));
    assert!(text.starts_with("## Conductor: completed, 2 tickets, 1 failed, 2m 5s\n\n| outcome |"), "{text}");
    assert!(text.contains(
        "| ✅ success | <a href=\"https&#58;&#47;&#47;tracker&#46;example&#47;issue&#47;ENG&#45;42\">ENG&#45;42</a> \
         | <code>Add a retry to the fetcher</code> \
         | <a href=\"https&#58;&#47;&#47;forge&#46;example&#47;o&#47;r&#47;pull&#47;17\">&#35;17</a> | 1m 1s | 45.0k | &#36;0&#46;42 |\n"
    ), "{text}");
    assert!(
        text.contains("<details><summary><code>ENG&#45;43</code>: gate_failed while testing</summary>"),
        "{text}"
    );
    assert!(
        text.contains("| <code>ENG&#45;44</code> | blocked_by | <code>ENG&#45;40 is In Progress</code> |"),
        "{text}"
    );
}

#[test]
fn hostile_text_is_inert_in_the_summary() {
    let text = rendered(|out| github::summary(&hostile(), out));
    // Only markup of ours is left once every tag we write is taken out.
    let mut rest = text.clone();
    for tag in ["code", "pre", "details", "summary"] {
        rest = rest.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
    }
    rest = rest.replace("<a href=\"https&#58;&#47;&#47;", "").replace("</a>", "").replace("\">", "");
    for mark in ["<", "`", "@", "](", "![", "**", "://", "www.", ":smile:", "$(", "\u{202e}", "\u{1b}", "\r"]
    {
        assert!(!rest.contains(mark), "{mark:?} in\n{rest}");
    }
    assert!(!text.contains("javascript&#58;alert"), "a link that is no web address:\n{text}");
    let cells: Vec<usize> =
        text.lines().filter(|line| line.starts_with('|')).map(|l| l.matches('|').count()).collect();
    assert_eq!(cells, [8, 8, 8, 8, 4, 4, 4], "{text}");
    assert_eq!(text.matches("</details>").count(), 2, "{text}");
    assert_eq!(text.matches("</pre>").count(), 1, "{text}");
    assert!(text.contains("touch pwned"), "the text itself is shown");
}

#[test]
fn the_summary_never_grows_past_what_github_takes() {
    let mut long = hostile();
    long.dispatched = vec![long.dispatched[0].clone(); 2_000];
    long.skipped = vec![long.skipped[0].clone(); 5_000];
    let text = rendered(|out| github::summary(&long, out));
    assert!(text.len() < 1_048_576, "{}", text.len());
    assert!(text.trim_end().ends_with("more entries are left out here; the `report` output has them."));
    assert!(text.contains("\n</details>\n"));
}

#[test]
fn failures_warnings_and_recoveries_are_annotations() {
    let mut report = ordinary();
    report.dispatched[0].warnings = vec!["reviewer octocat: not a collaborator".to_owned()];
    let text = rendered(|out| github::annotations(&report, out));
    let expected = "\
::warning title=ENG-42::reviewer octocat: not a collaborator
::error title=ENG-43%3A gate_failed::running tests%0Atest sorts ... FAILED%0Aexit 101
::notice title=ENG-39::a lost run's pushed branch was adopted
";
    assert_eq!(text, expected);
}

#[test]
fn a_deferral_is_an_annotation_and_an_idle_cycle_is_none() {
    let mut deferred = report(CycleStatus::Deferred);
    deferred.deferred_until = Some(at("2026-11-22T11:11:00Z"));
    let text = rendered(|out| github::annotations(&deferred, out));
    assert_eq!(text, "::warning title=deferred::nothing was dispatched; until 2026-11-22 11:11:00 UTC\n");
    assert_eq!(rendered(|out| github::annotations(&report(CycleStatus::Idle), out)), "");
}

#[test]
fn a_fault_before_any_report_is_an_annotation_too() {
    let text =
        rendered(|out| github::fault("conductor.yml:3:5: tracker.kindd: unknown\n::add-mask::x\n", out));
    assert_eq!(text, "::error title=Conductor::conductor.yml:3:5: tracker.kindd: unknown%0A::add-mask::x\n");
}

#[test]
fn hostile_text_cannot_leave_its_annotation() {
    let mut report = hostile();
    report.dispatched[0].issue = "E,file=x::y%0A\n::add-mask::z".to_owned();
    report.dispatched[0].error = Some(format!("100%\n{HOSTILE}"));
    let text = rendered(|out| github::annotations(&report, out));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let title = "title=E%2Cfile=x%3A%3Ay%250A %3A%3Aadd-mask%3A%3Az%3A agent_exit::";
    assert!(lines[0].starts_with(&format!("::error {title}100%25%0A$(touch pwned)")), "{text}");
    assert!(lines[1].starts_with("::warning title=") && lines[2].starts_with("::notice title="), "{text}");
    assert!(!text.contains("##["), "{text}");
}

#[test]
fn what_is_fenced_commands_nothing() {
    let word = github::random_word();
    let log = rendered(|out| {
        github::fence(&word, out, |out| write!(out, "::add-mask::x\n##[error]y\nno line break"))
    });
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.first(), Some(&&*format!("::stop-commands::{word}")));
    assert_eq!(lines.last(), Some(&&*format!("::{word}::")));
    assert_eq!(commands(&log).len(), 4, "all between the two marks:\n{log}");
}

#[test]
fn the_fence_closes_when_writing_fails() {
    let mut log = Vec::new();
    let failed: std::io::Result<()> =
        github::fence("word", &mut log, |_| Err(std::io::Error::other("the report could not be written")));
    assert!(failed.is_err());
    assert!(String::from_utf8(log).unwrap().ends_with("\n::word::\n"));
}

#[test]
fn random_words_are_long_and_differ() {
    let words: std::collections::BTreeSet<String> = (0..100).map(|_| github::random_word()).collect();
    assert_eq!(words.len(), 100);
    assert!(words.iter().all(|word| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit())));
}

#[test]
fn a_dry_run_dispatches_nothing_and_says_so() {
    let mut dry = report(CycleStatus::DryRun);
    let mut would = succeeded("ENG-42", "Add a retry");
    (would.outcome, would.pull_request) = (None, None);
    dry.dispatched.push(would);
    let outputs = outputs(&dry, "r");
    assert_eq!(
        json!([outputs["status"], outputs["dispatched"], outputs["succeeded"]]),
        json!(["dry_run", "1", "0"])
    );
    let text = rendered(|out| github::summary(&dry, out));
    assert!(
        text.contains("## Conductor: dry run, 1 ticket would be worked on") && text.contains("| would run |"),
        "{text}"
    );
}

#[test]
fn refused_work_is_named_in_an_output() {
    let mut report = ordinary();
    report.dispatched[1].kept = Some(KeptWork {
        name: "refs/conductor/refused/ENG-2/1234567".to_owned(),
        bundle: Some("/runs/run-1/ENG-2/refused.bundle".to_owned()),
        on_remote: false,
    });
    let kept: Value = serde_json::from_str(&outputs(&report, "r4nd0m")["kept"]).unwrap();
    let issue = &report.dispatched[1].issue;
    assert_eq!(
        kept,
        json!([{
            "issue": issue,
            "ref": "refs/conductor/refused/ENG-2/1234567",
            "bundle": "/runs/run-1/ENG-2/refused.bundle",
            "on_remote": false,
        }])
    );
}
