//! What templates may speak of. Text from outside is made safe here: one-line texts are cleaned
//! and cut; longer ones are cleaned, cut and put between marks the moment they are written out.

use super::super::prompt::{self, Brief, Told};
use super::words::Words;
use crate::model::settings::{Dialect, GateSpec};
use crate::model::text::{cut, one_line};
use crate::model::{
    Blocker, BranchName, Capture, CapturedCommit, Continuation, Failure, GateResult, Issue, IssueId, Outcome,
    OutcomeRecord, Phase, Priority, RunId, Sha, StateKind, TicketState, Time,
};
use minijinja::context;
use minijinja::value::{Object, ObjectRepr, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Text from outside that may have many lines.
#[derive(Debug)]
struct Fenced {
    what: &'static str,
    text: String,
    boundary: String,
}

impl Object for Fenced {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.text.is_empty()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            return Ok(());
        }
        f.write_str(prompt::fenced(self.what, &self.text, &self.boundary).trim_end())
    }
}

/// The variables of a prompt.
pub fn of_brief(brief: &Brief<'_>, dialect: Dialect) -> Value {
    let safe = Safe { boundary: brief.boundary };
    let prior: Vec<Value> = prompt::told(brief).iter().map(|told| safe.prior(told)).collect();
    let adjustments: Vec<String> = brief.adjustments.iter().map(|advice| one_line(advice)).collect();
    let gates: Vec<Value> = brief
        .gates
        .iter()
        .map(|gate| context! { name => gate.name.clone(), run => one_line(&gate.run), when => gate.when.clone() })
        .collect();
    let attempt = match dialect {
        Dialect::Jinja => Value::from(brief.attempt),
        // There the first attempt has no number and the first retry is 1.
        Dialect::Liquid if brief.attempt <= 1 => Value::from(()),
        Dialect::Liquid => Value::from(brief.attempt - 1),
    };
    context! {
        issue => safe.issue(brief, dialect),
        ticket => safe.fenced("ticket", &prompt::ticket(brief.issue)),
        attempt => attempt,
        prior => prior,
        adjustments => adjustments,
        gates => gates,
        base_branch => brief.base_branch,
        context_page => brief.page.map(one_line),
    }
}

/// The variables of a pull request's title and body.
pub fn of_words(words: &Words) -> Value {
    let words = words.clone();
    context! {
        issue => context! {
            identifier => words.identifier,
            title => words.title,
            url => words.url,
            priority => words.priority,
            labels => words.labels,
            state => words.state,
        },
        attempt => words.attempt,
        agent => words.agent,
        model => words.model,
        run => words.run,
        summary => words.summary,
    }
}

struct Safe<'a> {
    boundary: &'a str,
}

impl Safe<'_> {
    fn issue(&self, brief: &Brief<'_>, dialect: Dialect) -> Value {
        let issue = brief.issue;
        let mut labels: Vec<String> = prompt::labels(issue).iter().map(|label| self.line(label)).collect();
        let priority = match dialect {
            Dialect::Jinja => Value::from(issue.priority.word()),
            Dialect::Liquid => number_of(issue.priority).map_or(Value::from(()), Value::from),
        };
        if dialect == Dialect::Liquid {
            labels = labels.iter().map(|label| label.to_lowercase()).collect();
        }
        let blockers: Vec<Value> = issue.blocked_by.iter().map(|blocker| self.blocker(blocker)).collect();
        let time = |time: Option<Time>| time.map(|time| time.to_rfc3339());
        context! {
            id => self.line(issue.id.as_str()),
            identifier => self.line(&cut(&issue.identifier, 100)),
            title => self.line(&prompt::title(issue)),
            description => self.fenced("description", &prompt::description(issue)),
            url => issue.url.as_deref().map(|url| self.line(url)),
            state => self.line(&issue.state.name),
            priority => priority,
            labels => labels,
            estimate => issue.estimate,
            assignee => issue.assignee.as_ref().map(|person| self.line(&person.name)),
            blocked_by => blockers,
            branch_name => brief.branch,
            created_at => time(issue.created_at),
            updated_at => time(issue.updated_at),
        }
    }

    fn blocker(&self, blocker: &Blocker) -> Value {
        context! { identifier => self.line(&blocker.identifier), state => self.line(&blocker.state.name) }
    }

    fn prior(&self, told: &Told<'_>) -> Value {
        let outcome = told.outcome;
        let failed = outcome.gates.iter().filter(|gate| !gate.passed);
        let failed: Vec<String> = failed.map(|gate| self.line(&gate.name)).collect();
        let many = |pick: fn(&Capture) -> Vec<String>| -> Vec<String> {
            let all = told.capture.map(pick).unwrap_or_default();
            all.iter().take(50).map(|text| self.line(text)).collect()
        };
        context! {
            created => many(|capture| capture.created.clone()),
            changed => many(|capture| capture.changed.clone()),
            deleted => many(|capture| capture.deleted.clone()),
            commits => many(|capture| capture.commits.iter().map(|commit| commit.subject.clone()).collect()),
            decisions => many(|capture| capture.decisions.clone()),
            last_words => self.fenced("words", &prompt::last_words(told.capture)),
            notes => self.fenced("notes", &told.capture.map(prompt::notes).unwrap_or_default()),
            attempt => outcome.attempt,
            outcome => outcome.outcome.word(),
            failure => outcome.failure.map(Failure::word),
            phase => outcome.phase.word(),
            tool_calls => outcome.tool_calls,
            files_modified => outcome.files_modified,
            model => outcome.model.as_deref().map(|model| self.line(model)),
            failed_gates => failed,
            error => self.fenced("output", &prompt::error(outcome)),
        }
    }

    /// One visible line without the boundary.
    fn line(&self, text: &str) -> String {
        let line = one_line(&cut(text, 2000));
        if self.boundary.is_empty() { line } else { line.replace(self.boundary, "") }
    }

    fn fenced(&self, what: &'static str, text: &str) -> Value {
        let (text, boundary) = (text.trim().to_owned(), self.boundary.to_owned());
        Value::from_object(Fenced { what, text, boundary })
    }
}

/// 1 is the most urgent; none has no number.
fn number_of(priority: Priority) -> Option<u32> {
    match priority {
        Priority::Urgent => Some(1),
        Priority::High => Some(2),
        Priority::Medium => Some(3),
        Priority::Low => Some(4),
        Priority::None => None,
    }
}

/// Marks the fences of the samples.
pub const SAMPLE_BOUNDARY: &str = "5a3c81f0d97e426b";
/// What stands between fences in the rich samples, and nowhere else.
pub const SAMPLE_TEXTS: [&str; 4] = [
    "What the sample describes.",
    "How the sample failed.",
    "What the sample said.",
    "What the sample chose.",
];

/// A brief nobody gets: with everything a ticket can have, or with nothing it can lack.
pub fn sample_brief(attempt: u32, is_rich: bool, dialect: Dialect) -> Value {
    let issue = sample_issue(is_rich);
    let (prior, captures) = ([sample_outcome(is_rich)], [sample_capture()]);
    let advice = ["Build after each change.".to_owned()];
    let gates = [GateSpec {
        name: "test".to_owned(),
        run: "make test".to_owned(),
        timeout: Duration::from_secs(1),
        when: Vec::new(),
    }];
    let brief = Brief {
        issue: &issue,
        attempt,
        base_branch: "main",
        branch: "conductor/KEY-1",
        prior: if attempt > 1 && is_rich { &prior } else { &[] },
        captures: if is_rich { &captures } else { &[] },
        page: (attempt > 1).then_some("/page.md"),
        adjustments: if attempt > 1 && is_rich { &advice } else { &[] },
        continues: &Continuation::default(),
        gates: if is_rich { &gates } else { &[] },
        boundary: SAMPLE_BOUNDARY,
    };
    of_brief(&brief, dialect)
}

pub fn sample_words(is_rich: bool) -> Value {
    let issue = sample_issue(is_rich);
    of_words(&Words {
        identifier: issue.identifier,
        title: issue.title,
        url: issue.url,
        priority: issue.priority.word().to_owned(),
        labels: issue.labels,
        state: issue.state.name,
        attempt: 1,
        agent: "claude".to_owned(),
        model: is_rich.then(|| "sonnet".to_owned()),
        run: "run".to_owned(),
        summary: "summary".to_owned(),
    })
}

fn sample_issue(is_rich: bool) -> Issue {
    let state = |name: &str| TicketState { name: name.to_owned(), kind: StateKind::Unknown };
    let text = |text: &str| if is_rich { text.to_owned() } else { String::new() };
    Issue {
        id: IssueId::new("id"),
        identifier: "KEY-1".to_owned(),
        title: "Title".to_owned(),
        description: text(SAMPLE_TEXTS[0]),
        has_details: true,
        url: is_rich.then(|| "https://example.com/KEY-1".to_owned()),
        state: state("Todo"),
        team: None,
        priority: if is_rich { Priority::Urgent } else { Priority::None },
        labels: if is_rich { vec!["bug".to_owned()] } else { Vec::new() },
        estimate: is_rich.then_some(1.0),
        assignee: is_rich.then(|| crate::model::Person {
            id: "id".to_owned(),
            name: "Name".to_owned(),
            email: None,
            is_me: false,
        }),
        creator: None,
        blocked_by: if is_rich {
            vec![Blocker { identifier: "KEY-0".to_owned(), state: state("Done") }]
        } else {
            Vec::new()
        },
        created_at: is_rich.then_some(Time::UNIX_EPOCH),
        updated_at: is_rich.then_some(Time::UNIX_EPOCH),
        archived: false,
        elsewhere: None,
    }
}

fn sample_outcome(is_rich: bool) -> OutcomeRecord {
    OutcomeRecord {
        timestamp: Time::UNIX_EPOCH,
        run_id: RunId::new("run"),
        issue: "KEY-1".to_owned(),
        issue_id: IssueId::new("id"),
        attempt: 1,
        outcome: Outcome::Failure,
        failure: Some(Failure::GateFailed),
        phase: Phase::Testing,
        tool_calls: 1,
        files_modified: 1,
        tokens_used: 1,
        usd: None,
        duration_ms: 1,
        has_commits: is_rich,
        labels: Vec::new(),
        model: is_rich.then(|| "sonnet".to_owned()),
        branch: None,
        pull_request: None,
        gates: vec![GateResult::new("test", false, 1)],
        error_tail: Some(SAMPLE_TEXTS[1].to_owned()),
        session: None,
        extra: BTreeMap::new(),
    }
}

fn sample_capture() -> Capture {
    Capture {
        timestamp: Time::UNIX_EPOCH,
        run_id: RunId::new("run"),
        issue: "KEY-1".to_owned(),
        issue_id: IssueId::new("id"),
        title: "Title".to_owned(),
        attempt: 1,
        outcome: Outcome::Failure,
        failure: Some(Failure::GateFailed),
        phase: Phase::Testing,
        branch: BranchName::new("conductor/KEY-1"),
        base_sha: Sha::new("0"),
        head_sha: None,
        created: vec!["new.txt".to_owned()],
        changed: vec!["old.txt".to_owned()],
        deleted: vec!["gone.txt".to_owned()],
        commits: vec![CapturedCommit { sha: Sha::new("1"), subject: "Try".to_owned() }],
        commits_span_ms: None,
        decisions: vec![SAMPLE_TEXTS[3].to_owned()],
        gates: Vec::new(),
        error_tail: None,
        last_words: Some(SAMPLE_TEXTS[2].to_owned()),
        duration_ms: 1,
    }
}
