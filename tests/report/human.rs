use crate::support::{
    HOSTILE, at, commands, failed, hostile, ordinary, rendered, report, skipped, succeeded,
};
use anstream::adapter::strip_str;
use conductor::model::Failure;
use conductor::model::report::{CycleReport, CycleStatus, SkipReason};
use conductor::report::human;

fn plain(report: &CycleReport, width: Option<usize>) -> String {
    strip_str(&rendered(|out| human::render(report, human::Skips::Counted, width, out))).to_string()
}

#[test]
fn a_cycle_is_a_table_the_failures_and_a_closing_line() {
    let expected = "\
outcome  issue   title                       attempts   time  tokens   cost  pull request
success  ENG-42  Add a retry to the fetcher            1m 1s   45.0k  $0.42  https://forge.example/o/r/pull/17
failure  ENG-43  Sort the list                      2  1m 1s   45.0k  $0.42

ENG-43: failure (gate_failed) while testing, 2 attempts
  | running tests
  | test sorts ... FAILED
  | exit 101
  log  /runs/run-1/ENG-43/output.log
  next the log shows the gate's output; nothing was pushed

recovered ENG-39: a lost run's pushed branch was adopted
skipped 1 blocked_by: ENG-44 (ENG-40 is In Progress)
skipped 2 no_slot: ENG-45; ENG-46
1 succeeded, 1 failed, 1 recovered, 3 skipped in 2m 5s, 90.0k tokens, $0.84
";
    assert_eq!(plain(&ordinary(), None), expected);
}

#[test]
fn a_ticket_that_is_blocked_now_is_not_said_to_be_tried_again() {
    let mut ended = report(CycleStatus::Completed);
    ended.dispatched = vec![failed("ENG-43", "Sort", Failure::AgentExit, "exit 1")];
    let text = plain(&ended, None);
    assert!(text.contains("  next read the log; a later cycle tries again\n"), "{text}");
    ended.dispatched[0].blocked_reason = Some("failed 2 times while testing".to_owned());
    let text = plain(&ended, None);
    let told = "  next read the log\n  blocked failed 2 times while testing; edit the ticket, or use --issue and --force\n";
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_column_with_nothing_in_it_is_left_out() {
    let mut free = report(CycleStatus::Completed);
    free.dispatched = vec![succeeded("ENG-42", "Add a retry")];
    free.dispatched[0].usage.usd = None;
    let text = plain(&free, None);
    assert!(text.starts_with("outcome  issue   title         time  tokens  pull request\n"), "{text}");
}

#[test]
fn outcomes_are_coloured_and_a_plain_sink_takes_the_colour_out() {
    let report = ordinary();
    let coloured = rendered(|out| human::render(&report, human::Skips::Counted, None, out));
    assert!(coloured.contains("\u{1b}[32msuccess\u{1b}[0m  ENG-42"), "{coloured}");
    assert!(coloured.contains("\u{1b}[31mfailure\u{1b}[0m  ENG-43"), "{coloured}");
    let mut stripped = Vec::new();
    human::render(
        &report,
        human::Skips::Counted,
        None,
        &mut anstream::StripStream::new(&mut stripped as &mut dyn std::io::Write),
    )
    .unwrap();
    assert_eq!(String::from_utf8(stripped).unwrap(), plain(&report, None));
}

#[test]
fn an_idle_cycle_is_one_line() {
    let mut idle = report(CycleStatus::Idle);
    assert_eq!(
        plain(&idle, None),
        "nothing to do: no ticket is waiting; `conductor plan` tells what keeps tickets out\n"
    );
    idle.skipped = vec![skipped("ENG-43", SkipReason::BlockedBy, "ENG-40 is In Progress")];
    assert_eq!(plain(&idle, None), "nothing to do: blocked_by, ENG-43 (ENG-40 is In Progress)\n");
    idle.skipped.push(skipped("ENG-44", SkipReason::InReview, "pull request #17"));
    idle.skipped.push(skipped("ENG-45", SkipReason::InReview, "pull request #18"));
    assert_eq!(plain(&idle, None), "nothing to do: 1 blocked_by, 2 in_review\n");
}

#[test]
fn a_deferred_cycle_says_until_when() {
    let mut deferred = report(CycleStatus::Deferred);
    deferred.deferred_until = Some(at("2026-11-22T11:11:00Z"));
    assert_eq!(plain(&deferred, None), "deferred until 2026-11-22 11:11:00 UTC: nothing was dispatched\n");
    deferred.deferred_because = Some("budget.usd_per_day:\n5.50 of 5.00 US dollars are spent today".into());
    assert_eq!(
        plain(&deferred, None),
        "deferred until 2026-11-22 11:11:00 UTC: budget.usd_per_day: 5.50 of 5.00 US dollars are spent today\n"
    );
}

#[test]
fn a_dry_run_says_that_nothing_was_changed() {
    let mut dry = report(CycleStatus::DryRun);
    let mut would = succeeded("ENG-42", "Add a retry");
    would.outcome = None;
    would.pull_request = None;
    dry.dispatched.push(would);
    let text = plain(&dry, None);
    assert!(text.starts_with("outcome    issue   title"), "{text}");
    assert!(text.contains("\nwould run  ENG-42  Add a retry"), "{text}");
    assert!(
        text.ends_with("dry run: 1 ticket would be worked on, 0 skipped; nothing was changed\n"),
        "{text}"
    );
}

#[test]
fn a_title_is_cut_to_the_terminal_and_a_row_stays_one_line() {
    let mut wide = report(CycleStatus::Completed);
    wide.dispatched = vec![
        succeeded("ENG-1", &"日本語".repeat(50)),
        succeeded("ENG-2", &"word ".repeat(2_000)),
        failed("ENG-3", "", Failure::Stalled, ""),
    ];
    for row in plain(&wide, Some(100)).lines().take(4) {
        assert!(conductor::report::text::width(row) <= 100, "{row}");
    }
    let narrow = plain(&wide, Some(20));
    assert!(narrow.lines().any(|line| line.contains("ENG-1") && line.ends_with("/pull/17")), "{narrow}");
}

#[test]
fn hostile_text_stays_on_its_line_and_commands_nothing() {
    let text = rendered(|out| human::render(&hostile(), human::Skips::Counted, Some(120), out));
    let plain = strip_str(&text).to_string();
    assert!(HOSTILE.contains('\u{1b}') && plain.chars().all(|c| c == '\n' || !c.is_control()), "{plain}");
    assert!(!plain.contains(['\u{202e}', '\u{2066}']), "{plain}");
    assert_eq!(commands(&plain), Vec::<&str>::new());
    assert_eq!(
        text.matches("\u{1b}[").count(),
        text.matches('\u{1b}').count(),
        "only styles of ours:\n{text}"
    );
    assert_eq!(plain.lines().count(), 15, "{plain}");
}

#[test]
fn each_ticket_that_was_asked_for_has_its_reason_and_the_next_step() {
    let mut report = report(CycleStatus::Idle);
    report.skipped = vec![
        skipped("ENG-1", SkipReason::Assignee, "it is assigned to Ann, not to nobody"),
        skipped("ENG-2", SkipReason::Blocked, "failed 2 times while testing: change the ticket"),
    ];
    let each = |report: &CycleReport| {
        strip_str(&rendered(|out| human::render(report, human::Skips::Each, None, out))).to_string()
    };
    assert_eq!(
        each(&report),
        "left out ENG-1, assignee: it is assigned to Ann, not to nobody\n  \
         next assign it, or change tracker.assignee\n\
         left out ENG-2, blocked: failed 2 times while testing: change the ticket\n\
         nothing to do: 1 assignee, 1 blocked\n"
    );
    let hostile = each(&hostile());
    assert_eq!(commands(&hostile), Vec::<&str>::new(), "{hostile}");
}
