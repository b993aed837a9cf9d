use super::*;
use crate::model::GateResult;
use crate::policy::fixtures::{at, outcome};

fn ended(count: usize, outcome_: Outcome, failure: Option<Failure>) -> Vec<OutcomeRecord> {
    (0..count).map(|_| outcome(1, outcome_, failure, "")).collect()
}

fn lessons(parts: &[Vec<OutcomeRecord>]) -> Lessons {
    learn(parts.concat(), 0, Scope::default())
}

fn settings(lessons: &Lessons) -> Vec<&str> {
    lessons.recommendations.iter().map(|one| one.setting.as_str()).collect()
}

#[test]
fn rates_count_what_was_the_work_s_own() {
    let lessons = lessons(&[
        ended(6, Outcome::Success, None),
        ended(1, Outcome::Failure, Some(Failure::TimedOut)),
        ended(1, Outcome::Partial, Some(Failure::GateFailed)),
        ended(3, Outcome::Failure, Some(Failure::RateLimited)),
        ended(2, Outcome::Interrupted, None),
        ended(1, Outcome::NoChanges, None),
    ]);
    assert_eq!((lessons.attempts, lessons.success_rate), (14, Some(0.75)));
    assert_eq!(lessons.outcomes[0], Count { name: "success".to_owned(), count: 6 });
    assert_eq!(lessons.failures_by_class[0], Count { name: "rate_limited".to_owned(), count: 3 });
    assert_eq!(lessons.failures_by_phase, [Count { name: "testing".to_owned(), count: 5 }]);
}

#[test]
fn averages_retries_models_labels_and_weeks_are_told() {
    let mut records = ended(4, Outcome::Success, None);
    for (index, record) in records.iter_mut().enumerate() {
        record.duration_ms = 1000;
        record.tokens_used = 10;
        record.labels = vec!["Bug".to_owned(), "bug".to_owned()];
        record.timestamp = at(7 * 86400 * i64::try_from(index).unwrap());
        record.usd = (index == 0).then_some(0.5);
    }
    records[3].attempt = 2;
    records[2].model = Some("sonnet".to_owned());
    records[2].outcome = Outcome::Failure;
    let lessons = lessons(&[records]);
    let averages = lessons.averages.unwrap();
    assert_eq!((averages.duration_ms, averages.tokens, averages.usd), (1000, 10, Some(0.5)));
    assert_eq!((lessons.retries.judged, lessons.retries.successes), (1, 1));
    assert_eq!((lessons.by_model[0].name.as_str(), lessons.by_model[0].success_rate), ("sonnet", Some(0.0)));
    assert_eq!(
        (lessons.by_label.len(), lessons.by_label[0].judged, lessons.by_label[0].successes),
        (1, 4, 3)
    );
    let weeks: Vec<&str> = lessons.by_week.iter().map(|week| week.name.as_str()).collect();
    assert_eq!(weeks, ["2027-W02", "2027-W03", "2027-W04", "2027-W05"]);
}

#[test]
fn the_scope_is_the_newest_or_the_failed() {
    let mut records = [ended(3, Outcome::Failure, None), ended(2, Outcome::Success, None)].concat();
    for (index, record) in records.iter_mut().enumerate() {
        record.timestamp = at(i64::try_from(index).unwrap());
    }
    records.reverse();
    let last = learn(records.clone(), 0, Scope { last: Some(3), failures_only: false });
    assert_eq!((last.attempts, last.retries.judged), (3, 0));
    assert_eq!(last.outcomes[0], Count { name: "success".to_owned(), count: 2 });
    let failed = learn(records, 0, Scope { last: Some(2), failures_only: true });
    assert_eq!((failed.attempts, failed.success_rate), (2, None));
    let nothing = learn(Vec::new(), 0, Scope::default());
    assert_eq!((nothing.attempts, nothing.averages, nothing.success_rate), (0, None, None));
}

#[test]
fn a_torn_line_is_skipped_and_counted_and_the_rest_stands() {
    let line = serde_json::to_string(&outcome(1, Outcome::Success, None, "")).unwrap();
    let half = line.split_at(40).0;
    let text = format!("{line}\n{half}\n{line}\n\n\u{0}\n{line}");
    let (outcomes, unreadable) = read_history(text.as_bytes());
    assert_eq!((outcomes.len(), unreadable), (3, 2));
    assert_eq!(read_history(b"\xff\xfe\n").1, 1);
}

#[test]
fn recommendations_name_the_setting() {
    let fine = ended(10, Outcome::Success, None);
    for (records, setting) in [
        (ended(5, Outcome::Failure, Some(Failure::TimedOut)), "agent.turn_timeout"),
        (ended(5, Outcome::Failure, Some(Failure::Stalled)), "agent.stall_timeout"),
        (ended(5, Outcome::Partial, Some(Failure::GuardRefused)), "guards"),
        (ended(5, Outcome::Failure, Some(Failure::HookFailed)), "hooks"),
        (ended(5, Outcome::Failure, Some(Failure::AgentExit)), "agent.command"),
        (ended(5, Outcome::Interrupted, None), "limits.deadline"),
        (ended(5, Outcome::NoChanges, None), "tracker.required_labels"),
    ] {
        assert_eq!(settings(&lessons(&[fine.clone(), records])), [setting]);
    }
    let limited = lessons(&[fine.clone(), ended(2, Outcome::Failure, Some(Failure::RateLimited))]);
    assert_eq!(settings(&limited), ["limits.max_concurrent"]);
    let mut gated = ended(5, Outcome::Failure, Some(Failure::GateFailed));
    for record in &mut gated {
        record.gates = vec![GateResult::new("lint", false, 1)];
    }
    let gated = lessons(&[fine.clone(), gated]);
    assert_eq!(settings(&gated), ["gates"]);
    assert!(gated.recommendations[0].text.contains("5 of 5 failures are of the check `lint`"));
    assert_eq!(
        settings(&lessons(&[fine, ended(4, Outcome::Failure, Some(Failure::TimedOut))])),
        Vec::<&str>::new()
    );
}

#[test]
fn retries_labels_and_models_that_do_badly_are_named() {
    let fine = ended(20, Outcome::Success, None);
    let mut retried = ended(6, Outcome::Failure, None);
    retried.iter_mut().for_each(|record| record.attempt = 2);
    assert!(settings(&lessons(&[fine.clone(), retried])).contains(&"agent.max_attempts"));
    let mut labelled = ended(6, Outcome::Failure, None);
    labelled.iter_mut().for_each(|record| record.labels = vec!["design".to_owned()]);
    assert!(settings(&lessons(&[fine.clone(), labelled])).contains(&"tracker.excluded_labels"));
    let (mut good, mut bad) = (fine, ended(6, Outcome::Failure, None));
    good.iter_mut().for_each(|record| record.model = Some("opus".to_owned()));
    bad.iter_mut().for_each(|record| record.model = Some("haiku".to_owned()));
    let lessons = lessons(&[good, bad]);
    let told = lessons.recommendations.iter().find(|one| one.setting == "agent.model").unwrap();
    assert_eq!(told.text, "opus succeeds 20 of 20 times, haiku 0 of 6: prefer the former");
}
