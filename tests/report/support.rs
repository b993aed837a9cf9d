//! Reports to render.

use conductor::model::report::{
    CycleReport, CycleStatus, Dispatched, Recovered, RecoveryAction, ReportedPullRequest, Requests,
    SkipReason, Skipped,
};
use conductor::model::{Failure, Outcome, Phase, Time, Usage};

/// Text that tries every format it may meet (shells, terminals, logs, Markdown, HTML).
pub const HOSTILE: &str = "$(touch pwned) `id` \"q\" 'q' --flag | a | b |\r\n::add-mask::main\n  ::set-output name=x::y\n\
    ##[error]boo \u{1b}[31mred\u{1b}]0;t\u{7} \u{202e}gnp.exe\u{2066} <script>alert(1)</script> <!-- x --> </pre></details> \
    @octocat #1 [link](javascript:x) ![i](https://evil.example/p.png) **b** https://evil.example www.evil.example :smile: &lt;";

pub fn at(text: &str) -> Time {
    text.parse().unwrap()
}

pub fn report(status: CycleStatus) -> CycleReport {
    CycleReport {
        schema: 1,
        run_id: "run-1".to_owned(),
        status,
        started_at: at("2026-11-22T10:00:00Z"),
        duration_ms: 125_000,
        deferred_until: None,
        deferred_because: None,
        dispatched: Vec::new(),
        skipped: Vec::new(),
        kept_out: Vec::new(),
        kept_out_partial: false,
        advanced: Vec::new(),
        standing: Vec::new(),
        sandbox: "none",
        recovered: Vec::new(),
        requests: Requests::default(),
        timings: None,
    }
}

pub fn succeeded(issue: &str, title: &str) -> Dispatched {
    Dispatched {
        issue: issue.to_owned(),
        title: title.to_owned(),
        url: Some(format!("https://tracker.example/issue/{issue}")),
        outcome: Some(Outcome::Success),
        failure: None,
        attempts: 1,
        phase: Some(Phase::Committing),
        branch: format!("conductor/{issue}"),
        head_sha: Some("a".repeat(40)),
        commits: 1,
        files_changed: 3,
        pull_request: Some(ReportedPullRequest {
            number: 17,
            url: "https://forge.example/o/r/pull/17".to_owned(),
            created: true,
        }),
        tool_calls: 12,
        model: Some("sonnet".to_owned()),
        model_reason: None,
        complexity: None,
        usage: Usage { input_tokens: 40_000, output_tokens: 5_000, usd: Some(0.42), ..Usage::default() },
        gates: Vec::new(),
        duration_ms: 61_000,
        error: None,
        blocked_reason: None,
        stage: None,
        fault: None,
        kept: None,
        log: Some(format!("/runs/run-1/{issue}/output.log")),
        warnings: Vec::new(),
    }
}

pub fn failed(issue: &str, title: &str, failure: Failure, error: &str) -> Dispatched {
    Dispatched {
        outcome: Some(Outcome::Failure),
        failure: Some(failure),
        phase: Some(Phase::Testing),
        attempts: 2,
        head_sha: None,
        pull_request: None,
        error: Some(error.to_owned()),
        ..succeeded(issue, title)
    }
}

pub fn skipped(issue: &str, reason: SkipReason, detail: &str) -> Skipped {
    Skipped { issue: issue.to_owned(), reason, detail: detail.to_owned() }
}

/// One of everything, in plain words.
pub fn ordinary() -> CycleReport {
    CycleReport {
        dispatched: vec![
            succeeded("ENG-42", "Add a retry to the fetcher"),
            failed(
                "ENG-43",
                "Sort the list",
                Failure::GateFailed,
                "running tests\n\ntest sorts ... FAILED\nexit 101\n",
            ),
        ],
        skipped: vec![
            skipped("ENG-44", SkipReason::BlockedBy, "ENG-40 is In Progress"),
            skipped("ENG-45", SkipReason::NoSlot, ""),
            skipped("ENG-46", SkipReason::NoSlot, ""),
        ],
        recovered: vec![Recovered { issue: "ENG-39".to_owned(), action: RecoveryAction::AdoptedBranch }],
        ..report(CycleStatus::Completed)
    }
}

/// The same in hostile ones, in every field an outsider can fill.
pub fn hostile() -> CycleReport {
    let mut bad = failed(HOSTILE, HOSTILE, Failure::AgentExit, HOSTILE);
    bad.url = Some("javascript:alert(1)".to_owned());
    bad.warnings = vec![HOSTILE.to_owned()];
    bad.log = Some(HOSTILE.to_owned());
    bad.pull_request =
        Some(ReportedPullRequest { number: 1, url: format!("https://x/{HOSTILE}"), created: true });
    CycleReport {
        dispatched: vec![bad, succeeded("ENG-1", &"long ".repeat(2_000))],
        skipped: vec![skipped(HOSTILE, SkipReason::Overlap, HOSTILE)],
        recovered: vec![Recovered { issue: HOSTILE.to_owned(), action: RecoveryAction::Released }],
        ..report(CycleStatus::Completed)
    }
}

/// Lines a runner would obey: its two parsers, as the runner has them.
pub fn commands(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect()
}

pub fn rendered(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}
