//! Whether an issue may be worked on now, and if not, by which rule. Looks at one issue alone:
//! slots, overlap and trust are judged elsewhere.

use crate::model::damaged::Place;
use crate::model::report::SkipReason;
use crate::model::settings::{AssigneeRule, Limits, TrackerRules};
use crate::model::{
    Blocker, Claim, Issue, IssueRecord, IssueStatus, RecordedPullRequest, Stage, State, StateKind, Time,
};
use chrono::{SecondsFormat, TimeDelta};

/// What an issue is judged by.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub tracker: &'a TrackerRules,
    pub limits: &'a Limits,
    pub lease_skew: TimeDelta,
    pub now: Time,
    /// Whether the claim's run still lives, as far as can be known beyond its lease: its process
    /// on this host, its CI run. A run's own claims are no obstacle to it: `false` for those.
    pub is_alive: &'a dyn Fn(&Claim) -> bool,
    /// An operator's word: sets aside the ticket's state and labels, backoff and blocks. Never
    /// another run's claim, an open blocker, or a pull request in review.
    pub force: bool,
    /// A wait on record is believed up to so far from now: the clock that wrote it may be wrong.
    pub max_wait: TimeDelta,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Eligible {
        /// What was recorded of the issue is about an earlier form of the ticket, or was set aside
        /// by force: its failures count no longer ([`super::retry::renewed`]).
        anew: bool,
    },
    Skip(Skip),
}

/// The rule that excludes an issue, and the facts for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    pub reason: SkipReason,
    pub detail: String,
}

impl Skip {
    pub fn new(reason: SkipReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// The first rule that excludes the issue decides.
pub fn assess(issue: &Issue, state: &State, rules: &Rules) -> Verdict {
    let record = state.issues.get(&issue.id);
    let changed = record.is_some_and(|record| has_changed_since(issue, record));
    let found = claimed(state.claims.get(&issue.id), rules)
        .or_else(|| damaged(issue, state))
        .or_else(|| archived(issue))
        .or_else(|| record.and_then(|record| finished(issue, record, changed, rules.tracker)))
        .or_else(|| in_another_state(issue, rules).filter(|_| !rules.force))
        .or_else(|| labelled(issue, rules.tracker).filter(|_| !rules.force))
        .or_else(|| assigned(issue, &rules.tracker.assignee))
        .or_else(|| blocked_by(issue, rules.tracker))
        .or_else(|| untitled(issue).filter(|_| !rules.force))
        .or_else(|| record.and_then(|record| held_back(record, changed, rules)).filter(|_| !rules.force));
    match found {
        Some(skip) => Verdict::Skip(skip),
        None => Verdict::Eligible { anew: record.is_some() && (changed || rules.force) },
    }
}

/// Whether a claim's lease, with the clocks' skew on top, has passed. Such a claim is dead
/// whatever else is known of its run.
pub fn lease_is_over(claim: &Claim, skew: TimeDelta, now: Time) -> bool {
    claim.lease_expires_at.checked_add_signed(skew).is_some_and(|end| now >= end)
}

/// Whether an open issue stands before this one.
pub fn is_open(blocker: &Blocker, rules: &TrackerRules) -> bool {
    blocker.state.kind != StateKind::Closed && !blocker.state.is_among(&rules.terminal_states)
}

/// Whether a person changed the ticket after we last wrote to it. Unknown times prove nothing.
fn has_changed_since(issue: &Issue, record: &IssueRecord) -> bool {
    matches!((issue.updated_at, record.issue_updated_at), (Some(now), Some(then)) if now > then)
}

fn claimed(claim: Option<&Claim>, rules: &Rules) -> Option<Skip> {
    let claim = claim
        .filter(|claim| !lease_is_over(claim, rules.lease_skew, rules.now) && (rules.is_alive)(claim))?;
    let detail =
        format!("run {} on {} holds it until {}", claim.run_id, claim.host, moment(claim.lease_expires_at));
    Some(Skip::new(SkipReason::Claimed, detail))
}

/// What is remembered of the ticket cannot be read: nobody knows what was done already.
fn damaged(issue: &Issue, state: &State) -> Option<Skip> {
    let id = issue.id.as_str();
    let found = state.damage_of(Place::Claim, id).or_else(|| state.damage_of(Place::Issue, id))?;
    let detail = format!(
        "{}; see `conductor state verify`, then `conductor retry {}`",
        found.sentence(),
        issue.identifier
    );
    Some(Skip::new(SkipReason::Damaged, detail))
}

fn archived(issue: &Issue) -> Option<Skip> {
    issue.archived.then(|| Skip::new(SkipReason::State, "it is archived: restore it first"))
}

/// A finished issue comes back only when a person moved its ticket back: one that is still where
/// Conductor itself puts tickets may have been touched by the pull request's own integration.
fn finished(issue: &Issue, record: &IssueRecord, changed: bool, rules: &TrackerRules) -> Option<Skip> {
    let where_we_put_it =
        issue.state.is_named(&rules.in_review_state) || issue.state.is_named(&rules.in_progress_state);
    if let Stage::Ready(_) | Stage::Pushed(_) | Stage::Proposed(_) = record.stage {
        return Some(undelivered(record));
    }
    if changed && !where_we_put_it {
        return None;
    }
    match record.status() {
        IssueStatus::InReview => {
            let what = pull_request(record.pull_request.as_ref());
            Some(Skip::new(SkipReason::InReview, format!("{what} awaits review")))
        }
        IssueStatus::Done => {
            let detail = match &record.pull_request {
                Some(pull) => format!("done with {}", pull.url),
                None => "recorded as done".to_owned(),
            };
            Some(Skip::new(SkipReason::Done, detail))
        }
        IssueStatus::Running | IssueStatus::Failed | IssueStatus::Blocked | IssueStatus::NoChanges => None,
    }
}

/// Accepted work is delivered, never done again.
fn undelivered(record: &IssueRecord) -> Skip {
    let step = match record.stage {
        Stage::Ready(_) => "its branch is still to be pushed",
        Stage::Pushed(_) => "its pull request is still to be opened",
        _ => "its ticket is still to be moved",
    };
    let detail = match &record.fault {
        Some(fault) => format!("its work is accepted, {step}: {}", fault.message),
        None => format!("its work is accepted, {step}"),
    };
    Skip::new(SkipReason::InReview, detail)
}

fn pull_request(pull: Option<&RecordedPullRequest>) -> String {
    match pull {
        Some(pull) => format!("pull request #{} ({})", pull.number, pull.url),
        None => "its work".to_owned(),
    }
}

fn in_another_state(issue: &Issue, rules: &Rules) -> Option<Skip> {
    let active = &rules.tracker.active_states;
    if issue.state.is_among(active) {
        return None;
    }
    let detail = format!("its state is {}, not one of {}", issue.state.name, active.join(", "));
    Some(Skip::new(SkipReason::State, detail))
}

fn labelled(issue: &Issue, rules: &TrackerRules) -> Option<Skip> {
    let carries =
        |wanted: &&String| issue.labels.iter().any(|label| crate::model::issue::same_name(label, wanted));
    let missing: Vec<&str> =
        rules.required_labels.iter().filter(|label| !carries(label)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Some(Skip::new(SkipReason::LabelMissing, format!("it lacks {}", missing.join(", "))));
    }
    let excluded: Vec<&str> = rules.excluded_labels.iter().filter(carries).map(String::as_str).collect();
    (!excluded.is_empty())
        .then(|| Skip::new(SkipReason::LabelExcluded, format!("it carries {}", excluded.join(", "))))
}

fn assigned(issue: &Issue, rule: &AssigneeRule) -> Option<Skip> {
    let person = issue.assignee.as_ref();
    let (fits, wanted) = match rule {
        AssigneeRule::Any => (true, ""),
        AssigneeRule::Nobody => (person.is_none(), "nobody"),
        AssigneeRule::Me => (person.is_some_and(|p| p.is_me), "the credential's owner"),
        AssigneeRule::Person(who) => {
            let is_who = |text: &str| crate::model::issue::same_name(text, who);
            let fits = person
                .is_some_and(|p| is_who(&p.id) || is_who(&p.name) || p.email.as_deref().is_some_and(is_who));
            (fits, who.as_str())
        }
    };
    if fits {
        return None;
    }
    let holder = person.map_or("nobody", |p| p.name.as_str());
    Some(Skip::new(SkipReason::Assignee, format!("it is assigned to {holder}, not to {wanted}")))
}

fn blocked_by(issue: &Issue, rules: &TrackerRules) -> Option<Skip> {
    let open: Vec<String> = issue
        .blocked_by
        .iter()
        .filter(|blocker| is_open(blocker, rules))
        .map(|blocker| format!("{} is {}", blocker.identifier, blocker.state.name))
        .collect();
    (!open.is_empty()).then(|| Skip::new(SkipReason::BlockedBy, open.join(", ")))
}

fn untitled(issue: &Issue) -> Option<Skip> {
    let title = crate::model::text::visible(&issue.title);
    title
        .trim()
        .is_empty()
        .then(|| Skip::new(SkipReason::Blocked, "the title is empty: say what is to be done"))
}

/// What earlier attempts mean for this one. A changed ticket lifts blocks; a wait it sits out.
fn held_back(record: &IssueRecord, changed: bool, rules: &Rules) -> Option<Skip> {
    if !changed && let Some(skip) = blocked(record, rules.limits) {
        return Some(skip);
    }
    let is_believed = |until: &Time| until.signed_duration_since(rules.now) <= rules.max_wait;
    let until = record.next_attempt_at().filter(|until| *until > rules.now).filter(is_believed)?;
    let detail = format!("next attempt at {}, after {}", moment(until), times(record.failures(), "failure"));
    Some(Skip::new(SkipReason::Backoff, detail))
}

fn blocked(record: &IssueRecord, limits: &Limits) -> Option<Skip> {
    const REMEDY: &str = "change the ticket, or name it with --issue and --force";
    let failures = record.failures();
    if failures >= limits.max_failures.max(1) {
        let detail = format!("{} of {} allowed: {REMEDY}", times(failures, "failure"), limits.max_failures);
        return Some(Skip::new(SkipReason::AttemptsExhausted, detail));
    }
    let why = match record.status() {
        IssueStatus::Blocked => record.blocked_reason().unwrap_or("recorded as blocked").to_owned(),
        IssueStatus::NoChanges => "the agent found nothing to change".to_owned(),
        _ if record.interruptions > limits.max_interruptions => {
            format!("interrupted {}", times(record.interruptions, "time"))
        }
        _ => return None,
    };
    Some(Skip::new(SkipReason::Blocked, format!("{why}: {REMEDY}")))
}

fn times(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A time for people, to the second.
fn moment(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BranchName, Person, Phase, TicketState};
    use crate::policy::samples::{at, claim, in_state, issue, limits, record, rules};

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
        world.issue.blocked_by = vec![
            blocker("ENG-7", "done", StateKind::Unknown),
            blocker("ENG-8", "Shipped", StateKind::Closed),
        ];
        world.is_eligible(false);
        world.issue.blocked_by.push(blocker("ENG-40", "In Progress", StateKind::Started));
        world.issue.blocked_by.push(blocker("ENG-41", "Someday", StateKind::Unknown));
        world.is_skipped(SkipReason::BlockedBy, "ENG-40 is In Progress, ENG-41 is Someday");
        forced(world).is_skipped(SkipReason::BlockedBy, "ENG-40");
    }

    #[test]
    fn a_live_claim_of_another_run_stands_even_against_force() {
        let claimed = || world().claim(claim("run-9", at(1200)));
        claimed()
            .is_skipped(SkipReason::Claimed, "run run-9 on runner-7 holds it until 2027-01-15T08:20:00Z");
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
        waiting(1001)
            .is_skipped(SkipReason::Backoff, "next attempt at 2027-01-15T08:16:41Z, after 1 failure");
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
}
