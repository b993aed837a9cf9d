use super::*;
use crate::model::issue::Elsewhere;
use crate::model::report::SkipReason;
use crate::model::settings::{AssigneeRule, TrackerRules};
use crate::model::{
    Blocker, BranchName, Claim, IssueRecord, IssueStatus, Person, Phase, RecordedPullRequest, Stage,
    StateKind, TicketState,
};
use crate::policy::fixtures::{at, claim, in_state, issue, limits, record, rules};
use chrono::TimeDelta;

/// A world of one issue; each test changes what it is about.
struct World {
    issue: Issue,
    state: State,
    tracker: TrackerRules,
    alive: bool,
    force: bool,
}

fn world() -> World {
    let state = State::empty();
    World { issue: issue("ENG-1"), state, tracker: rules(), alive: true, force: false }
}

impl World {
    fn judge(&self) -> Verdict {
        let alive = self.alive;
        let rules = Rules {
            tracker: &self.tracker,
            limits: &limits(),
            lease_skew: TimeDelta::minutes(5),
            now: at(1000),
            is_alive: &move |_| alive,
            force: self.force,
            max_wait: TimeDelta::hours(24),
        };
        assess(&self.issue, &self.state, &rules)
    }

    fn record(mut self, record: IssueRecord) -> Self {
        self.state.issues.insert(self.issue.id.clone(), record);
        self
    }

    fn claim(mut self, claim: Claim) -> Self {
        self.state.claims.insert(self.issue.id.clone(), claim);
        self
    }

    #[track_caller]
    fn is_skipped(&self, reason: SkipReason, detail: &str) {
        match self.judge() {
            Verdict::Skip(skip) => {
                assert_eq!(skip.reason, reason, "{}", skip.detail);
                assert!(skip.detail.contains(detail), "{:?} lacks {detail:?}", skip.detail);
            }
            verdict => panic!("{verdict:?} instead of {reason:?}"),
        }
    }

    #[track_caller]
    fn is_eligible(&self, anew: bool) {
        assert_eq!(self.judge(), Verdict::Eligible { anew });
    }
}

fn forced(world: World) -> World {
    World { force: true, ..world }
}

/// The ticket as a person changed it after it was recorded.
fn touched(mut world: World) -> World {
    world.issue.updated_at = Some(at(1));
    world
}

fn person(id: &str, is_me: bool) -> Option<Person> {
    let email = Some(format!("{id}@example.org"));
    Some(Person { id: id.to_owned(), name: format!("Name of {id}"), email, is_me })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_wait_that_no_clock_can_mean_is_not_believed() {
    let mut waits = record(IssueStatus::Failed);
    waits.stage = Stage::waiting("9999-01-01T00:00:00Z".parse().ok(), "its last attempt failed");
    world().record(waits.clone()).is_eligible(false);
    waits.stage = Stage::waiting(Some(at(1000 + 3600)), "its last attempt failed");
    world().record(waits).is_skipped(SkipReason::Backoff, "next attempt at");
}

#[test]
fn an_issue_nothing_speaks_against_is_eligible() {
    world().is_eligible(false);
}

#[test]
fn states_compare_without_regard_to_case() {
    let mut world = world();
    world.issue.state = in_state(" tODO ");
    world.is_eligible(false);
    world.issue.state = in_state("Backlog");
    world.is_skipped(SkipReason::State, "its state is Backlog, not one of Todo");
    forced(world).is_eligible(false);
}

#[test]
fn an_archived_issue_is_never_worked_on() {
    let mut world = world();
    world.issue.archived = true;
    world.is_skipped(SkipReason::State, "archived");
    forced(world).is_skipped(SkipReason::State, "archived");
}

#[test]
fn every_required_label_is_needed_and_no_excluded_one() {
    let mut world = world();
    world.tracker.required_labels = names(&["Agent", "ready"]);
    world.tracker.excluded_labels = names(&["human"]);
    world.issue.labels = names(&["agent"]);
    world.is_skipped(SkipReason::LabelMissing, "it lacks ready");
    world.issue.labels = names(&["agent", "READY "]);
    world.is_eligible(false);
    world.issue.labels.push("Human".to_owned());
    world.is_skipped(SkipReason::LabelExcluded, "it carries human");
    forced(world).is_eligible(false);
}

#[test]
fn the_assignee_is_who_the_rule_names() {
    let by = |who: &str| AssigneeRule::Person(who.to_owned());
    for (rule, assignee, is_fit) in [
        (AssigneeRule::Any, None, true),
        (AssigneeRule::Any, person("ann", false), true),
        (AssigneeRule::Nobody, None, true),
        (AssigneeRule::Nobody, person("ann", false), false),
        (AssigneeRule::Me, None, false),
        (AssigneeRule::Me, person("ann", false), false),
        (AssigneeRule::Me, person("bot", true), true),
        (by("ANN"), person("ann", false), true),
        (by("Ann@Example.org"), person("ann", false), true),
        (by("name of ann"), person("ann", false), true),
        (by("ann"), person("bob", false), false),
        (by("ann"), None, false),
    ] {
        let mut world = world();
        world.tracker.assignee = rule.clone();
        world.issue.assignee = assignee.clone();
        match is_fit {
            true => world.is_eligible(false),
            false => {
                world.is_skipped(SkipReason::Assignee, "it is assigned to");
                forced(world).is_skipped(SkipReason::Assignee, "it is assigned to");
            }
        }
    }
}

#[test]
fn only_open_blockers_block() {
    let blocker = |identifier: &str, name: &str, kind| Blocker {
        identifier: identifier.to_owned(),
        state: TicketState { name: name.to_owned(), kind },
    };
    let mut world = world();
    world.issue.blocked_by =
        vec![blocker("ENG-7", "done", StateKind::Unknown), blocker("ENG-8", "Shipped", StateKind::Closed)];
    world.is_eligible(false);
    world.issue.blocked_by.push(blocker("ENG-40", "In Progress", StateKind::Started));
    world.issue.blocked_by.push(blocker("ENG-41", "Someday", StateKind::Unknown));
    world.is_skipped(SkipReason::BlockedBy, "ENG-40 is In Progress, ENG-41 is Someday");
    forced(world).is_skipped(SkipReason::BlockedBy, "ENG-40");
}

#[test]
fn a_live_claim_of_another_run_stands_even_against_force() {
    let claimed = || world().claim(claim("run-9", at(1200)));
    claimed().is_skipped(
        SkipReason::Claimed,
        "running: claimed by run run-9 on runner-7 since 08:00 UTC (16m 40s ago), lease until 08:20 UTC",
    );
    forced(claimed()).is_skipped(SkipReason::Claimed, "run-9");
    World { alive: false, ..claimed() }.is_eligible(false);
}

#[test]
fn a_claim_dies_when_its_lease_and_the_skew_have_passed() {
    world().claim(claim("run-9", at(1000 - 299))).is_skipped(SkipReason::Claimed, "run-9");
    world().claim(claim("run-9", at(1000 - 300))).is_eligible(false);
}

#[test]
fn an_issue_without_a_title_is_told_so() {
    let mut world = world();
    world.issue.title = " \u{200b}\n".to_owned();
    world.is_skipped(SkipReason::Blocked, "the title is empty");
    forced(world).is_eligible(false);
}

#[test]
fn an_issue_in_review_comes_back_only_when_its_ticket_was_moved_back() {
    let mut pull = record(IssueStatus::InReview);
    pull.branch = Some(BranchName::new("conductor/ENG-1"));
    pull.pull_request = Some(RecordedPullRequest::new(17, "https://x/17"));
    let in_review = || world().record(pull.clone());
    in_review().is_skipped(SkipReason::InReview, "pull request #17 (https://x/17) awaits review");
    forced(in_review()).is_skipped(SkipReason::InReview, "#17");
    touched(in_review()).is_eligible(true);
    for state in ["In Review", "In Progress"] {
        let mut world = touched(in_review());
        world.issue.state = in_state(state);
        world.is_skipped(SkipReason::InReview, "#17");
    }
    let mut merged = touched(in_review());
    merged.issue.state = in_state("Done");
    merged.is_skipped(SkipReason::State, "its state is Done");
}

#[test]
fn a_done_issue_comes_back_only_when_its_ticket_was_moved_back() {
    let done = || world().record(record(IssueStatus::Done));
    done().is_skipped(SkipReason::Done, "recorded as done");
    touched(done()).is_eligible(true);
}

#[test]
fn unknown_times_of_change_prove_nothing() {
    let mut unknown = world().record(record(IssueStatus::Done));
    unknown.issue.updated_at = None;
    unknown.is_skipped(SkipReason::Done, "");
    let never = IssueRecord { issue_updated_at: None, ..record(IssueStatus::Done) };
    touched(world().record(never)).is_skipped(SkipReason::Done, "");
}

#[test]
fn a_failed_issue_waits_until_its_time() {
    let waiting = |until| {
        let mut failed = record(IssueStatus::Failed);
        failed.stage = Stage::waiting(Some(at(until)), "it failed");
        failed.failures_by_phase.insert(Phase::Testing, 1);
        world().record(failed)
    };
    waiting(1001).is_skipped(SkipReason::Backoff, "next attempt at 2027-01-15T08:16:41Z, after 1 failure");
    touched(waiting(1001)).is_skipped(SkipReason::Backoff, "");
    forced(waiting(1001)).is_eligible(true);
    waiting(1000).is_eligible(false);
}

#[test]
fn a_blocked_issue_is_skipped_with_its_reason_until_its_ticket_changes() {
    let mut blocked = record(IssueStatus::Blocked);
    blocked.stage = Stage::blocked("failed 2 times while testing");
    let blocked = || world().record(blocked.clone());
    blocked().is_skipped(SkipReason::Blocked, "failed 2 times while testing: change the ticket");
    touched(blocked()).is_eligible(true);
    forced(blocked()).is_eligible(true);
}

#[test]
fn an_issue_out_of_attempts_waits_for_its_ticket_to_change() {
    let mut spent = record(IssueStatus::Failed);
    spent.failures_by_phase.extend([(Phase::Testing, 1), (Phase::Reading, 1), (Phase::Planning, 1)]);
    let spent = || world().record(spent.clone());
    spent().is_skipped(SkipReason::AttemptsExhausted, "3 failures of 3 allowed");
    touched(spent()).is_eligible(true);
    forced(spent()).is_eligible(true);
}

#[test]
fn an_issue_without_anything_to_change_is_not_tried_again_before_it_changes() {
    let idle = || world().record(record(IssueStatus::NoChanges));
    idle().is_skipped(SkipReason::Blocked, "the agent found nothing to change");
    touched(idle()).is_eligible(true);
    forced(idle()).is_eligible(true);
}

#[test]
fn too_many_interruptions_block() {
    let interrupted =
        |times| world().record(IssueRecord { interruptions: times, ..record(IssueStatus::Running) });
    interrupted(3).is_eligible(false);
    interrupted(4).is_skipped(SkipReason::Blocked, "interrupted 4 times");
}

#[test]
fn a_ticket_of_another_project_stays_where_it_is_even_against_force() {
    let mut world = world();
    world.issue.elsewhere =
        Some(Elsewhere::Project { is: Some("Website".to_owned()), wanted: "Mobile".to_owned() });
    world.is_skipped(SkipReason::Project, "it is in the project Website, not in Mobile");
    forced(world).is_skipped(SkipReason::Project, "Website");
}

#[test]
fn what_is_kept_out_is_counted_by_rule_and_by_what_the_rule_looked_at() {
    let rules = TrackerRules { required_labels: names(&["agent"]), ..rules() };
    let one = |key: &str, state: &str, reason| {
        (Issue { state: in_state(state), ..issue(key) }, Skip::new(reason, format!("why {key}")))
    };
    let groups = kept_out(
        vec![
            one("E-1", "Done", SkipReason::State),
            one("E-2", "Backlog", SkipReason::State),
            one("E-3", "Todo", SkipReason::LabelMissing),
            one("E-4", "Backlog", SkipReason::State),
        ],
        &rules,
    );
    let told: Vec<(SkipReason, usize, &str)> =
        groups.iter().map(|group| (group.reason, group.count, group.detail.as_str())).collect();
    assert_eq!(told, [(SkipReason::State, 3, "Backlog 2, Done 1"), (SkipReason::LabelMissing, 1, "agent 1")]);
    assert_eq!((groups[0].issues[1].issue.as_str(), groups[0].issues[1].detail.as_str()), ("E-2", "why E-2"));
}
