//! The Linear adapter against a Linear with behaviour.

use crate::support::linear::world::Ticket;
use crate::support::linear::{API_KEY, FakeLinear, OAUTH_TOKEN};
use crate::support::server::Reply;
use conductor::adapters::tracker::linear::{Linear, LinearOptions};
use conductor::model::settings::{AssigneeRule, TrackerRules};
use conductor::model::{Issue, IssueId, Priority, Secret, StateKind};
use conductor::ports::{Link, Tracker, TrackerError};
use conductor::system::http::{HttpClient, HttpOptions};
use std::sync::Arc;
use std::time::Duration;

pub fn rules() -> TrackerRules {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    TrackerRules {
        active_states: words(&["Todo"]),
        terminal_states: words(&["Done", "Canceled", "Cancelled", "Closed", "Duplicate"]),
        in_progress_state: "In Progress".to_owned(),
        in_review_state: "In Review".to_owned(),
        done_state: "Done".to_owned(),
        required_labels: Vec::new(),
        excluded_labels: Vec::new(),
        assignee: AssigneeRule::Any,
    }
}

pub fn options(linear: &FakeLinear) -> LinearOptions {
    let http = HttpOptions { retry_base: Duration::from_millis(1), ..HttpOptions::default() };
    LinearOptions {
        endpoint: linear.endpoint(),
        api_key: Secret::new(API_KEY),
        team: None,
        project: None,
        rules: rules(),
        http: Arc::new(HttpClient::new(http)),
    }
}

pub fn tracker(linear: &FakeLinear) -> Linear {
    Linear::new(options(linear))
}

pub fn tracker_with(linear: &FakeLinear, change: impl FnOnce(&mut LinearOptions)) -> Linear {
    let mut options = options(linear);
    change(&mut options);
    Linear::new(options)
}

pub fn active(tracker: &Linear) -> Vec<Issue> {
    tracker.candidates(&[]).unwrap().active
}

pub fn names(issues: &[Issue]) -> Vec<&str> {
    let mut names: Vec<&str> = issues.iter().map(|issue| issue.identifier.as_str()).collect();
    names.sort_by_key(|name| (name.len(), *name));
    names
}

pub fn ids(linear: &FakeLinear, names: &[String]) -> Vec<IssueId> {
    let world = linear.world();
    names.iter().map(|name| IssueId::new(&world.issue(name).id)).collect()
}

pub fn link(url: &str) -> Link {
    Link { url: url.to_owned(), title: "Pull request #17".to_owned(), body: "See **#17**.".to_owned() }
}

#[test]
fn a_ticket_comes_out_in_our_words() {
    let linear = FakeLinear::start();
    {
        let mut world = linear.world();
        world.add(Ticket { title: "First", ..Ticket::default() });
        world.add(Ticket {
            title: "Second",
            description: "All of it.",
            priority: 1,
            estimate: Some(3.0),
            labels: &["bug", "Agent"],
            assignee: Some("conductor@example.com"),
            creator: Some("ada@example.com"),
            ..Ticket::default()
        });
        world.block("ENG-2", "ENG-1");
    }
    let tracker = tracker(&linear);
    let light = active(&tracker).into_iter().find(|issue| issue.identifier == "ENG-2").unwrap();
    assert_eq!((light.title.as_str(), light.description.as_str(), light.has_details), ("Second", "", false));
    assert_eq!(light.priority, Priority::Urgent);
    assert_eq!(light.estimate, Some(3.0));
    let mut labels = light.labels.clone();
    labels.sort();
    assert_eq!(labels, ["Agent", "bug"]);
    let (assignee, creator) = (light.assignee.as_ref().unwrap(), light.creator.as_ref().unwrap());
    assert!(assignee.is_me && !creator.is_me);
    assert_eq!(creator.email.as_deref(), Some("ada@example.com"));
    assert_eq!((light.state.name.as_str(), light.state.kind), ("Todo", StateKind::Open));
    assert_eq!(light.blocked_by.len(), 1);
    assert_eq!(light.blocked_by[0].identifier, "ENG-1");
    assert_eq!(light.blocked_by[0].state.name, "Todo");
    assert!(!light.archived && light.created_at < light.updated_at);
    assert_eq!(light.url.as_deref(), Some("https://linear.app/fake/issue/ENG-2"));

    let whole = tracker.refresh(std::slice::from_ref(&light.id)).unwrap().remove(0);
    assert_eq!((whole.description.as_str(), whole.has_details), ("All of it.", true));
    assert_eq!(Issue { description: String::new(), has_details: false, ..whole }, light);
}

#[test]
fn an_idle_cycle_costs_one_request_and_a_ticket_seven_in_all() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket { labels: &["agent"], state: "Done", ..Ticket::default() });
    let tracker = tracker_with(&linear, |options| {
        options.rules.required_labels = vec!["agent".to_owned()];
        options.team = Some("eng".to_owned());
    });
    let recorded = ids(&linear, &["ENG-1".to_owned()]);
    let found = tracker.candidates(&recorded).unwrap();
    assert!(found.active.is_empty());
    assert_eq!(names(&found.also), ["ENG-1"]);
    assert_eq!(tracker.requests(), 1, "idle");

    linear.world().move_to("ENG-1", "Todo");
    let claimed = tracker.candidates(&recorded).unwrap().active.remove(0);
    let claimed = tracker.refresh(&[claimed.id]).unwrap().remove(0);
    tracker.move_to(&claimed, "In Progress").unwrap();
    let done = tracker.refresh(&[claimed.id]).unwrap().remove(0);
    tracker.link(&done, &link("https://github.com/o/r/pull/17")).unwrap();
    tracker.move_to(&done, "In Review").unwrap();
    assert_eq!(tracker.requests(), 1 + 7);
    assert_eq!(linear.world().state_of("ENG-1"), "In Review");
}

#[test]
fn every_request_stays_well_below_linears_limit_of_complexity() {
    let linear = FakeLinear::start();
    let names: Vec<String> =
        (0..120).map(|_| linear.world().add(Ticket { labels: &["agent"], ..Ticket::default() })).collect();
    for n in 0..30 {
        linear.world().add_label("ENG-1", &format!("label {n}"));
        linear.world().relate(&names[n + 10], "blocks", "ENG-1");
    }
    let tracker = tracker_with(&linear, |options| {
        options.project = Some("Apollo".to_owned());
        options.rules.required_labels = vec!["agent".to_owned()];
    });
    linear.world().project("Apollo");
    let ids = ids(&linear, &names);
    tracker.candidates(&ids).unwrap();
    let issues = tracker.refresh(&ids).unwrap();
    tracker.find("ENG-1").unwrap().unwrap();
    tracker.move_to(&issues[0], "In Progress").unwrap();
    tracker.link(&issues[0], &link("https://example.com/1")).unwrap();
    let requests = linear.requests();
    let dearest = requests.iter().max_by(|a, b| a.complexity.total_cmp(&b.complexity)).unwrap();
    assert!(
        dearest.complexity > 100.0 && dearest.complexity < 9_500.0,
        "{} costs {}",
        dearest.operation,
        dearest.complexity
    );
}

#[test]
fn all_pages_of_251_issues_are_read_and_51_ids_go_in_two_batches() {
    let linear = FakeLinear::start();
    let all: Vec<String> = (0..251).map(|_| linear.world().add(Ticket::default())).collect();
    let tracker = tracker(&linear);
    let found = active(&tracker);
    assert_eq!(found.len(), 251);
    assert_eq!(names(&found).len(), 251);
    assert_eq!(linear.operations(), ["Candidates", "Issues", "Issues"]);

    let ids = ids(&linear, &all[..51]);
    assert_eq!(names(&tracker.refresh(&ids).unwrap()), all[..51]);
    assert_eq!(linear.operations()[3..], ["Refresh", "Refresh"]);
    assert_eq!(names(&tracker.candidates(&ids).unwrap().also), all[..51]);
    assert_eq!(linear.operations()[5..], ["Candidates", "Issues", "Issues", "SomeIssues"]);
}

#[test]
fn three_hundred_labels_and_relations_on_one_issue_are_all_read() {
    let linear = FakeLinear::start();
    {
        let mut world = linear.world();
        let blocked = world.add(Ticket::default());
        for n in 0..301 {
            world.add_label(&blocked, &format!("label {n}"));
            let other = world.add(Ticket { state: "Backlog", ..Ticket::default() });
            // Relations of other kinds, and those that go the other way, are none of ours.
            let kind = if n % 17 == 0 { "related" } else { "blocks" };
            world.relate(&other, kind, &blocked);
            world.relate(&blocked, "blocks", &other);
        }
    }
    let tracker = tracker(&linear);
    let light = active(&tracker).remove(0);
    let whole = tracker.refresh(std::slice::from_ref(&light.id)).unwrap().remove(0);
    for issue in [light, whole] {
        assert_eq!(issue.labels.len(), 301);
        let mut blockers: Vec<&str> =
            issue.blocked_by.iter().map(|blocker| blocker.identifier.as_str()).collect();
        blockers.sort_unstable();
        blockers.dedup();
        assert_eq!(blockers.len(), 283);
    }
}

#[test]
fn a_next_page_without_a_cursor_is_an_error_and_not_a_partial_list() {
    let linear = FakeLinear::start();
    for _ in 0..101 {
        linear.world().add(Ticket::default());
    }
    let tracker = tracker(&linear);
    assert_eq!(active(&tracker).len(), 101);
    linear.hide_cursors();
    let error = tracker.candidates(&[]).unwrap_err();
    assert_eq!(error, TrackerError::Protocol("a list has a next page and no cursor to it".to_owned()));
}

#[test]
fn fifty_done_issues_in_front_of_three_todo_ones_do_not_hide_them() {
    let linear = FakeLinear::start();
    {
        let mut world = linear.world();
        for _ in 0..3 {
            world.add(Ticket::default());
        }
        for _ in 0..150 {
            world.add(Ticket { state: "Done", ..Ticket::default() });
        }
    }
    let tracker = tracker(&linear);
    assert_eq!(names(&active(&tracker)), ["ENG-1", "ENG-2", "ENG-3"]);
    assert_eq!(tracker.requests(), 1);
}

#[test]
fn a_rate_limit_is_told_by_its_body_and_its_reset_is_in_milliseconds() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    let reset = 1_900_000_000_123;
    linear.limit(1, reset);
    let tracker = tracker(&linear);
    active(&tracker);
    let error = tracker.candidates(&[]).unwrap_err();
    let TrackerError::RateLimited { until, detail } = error else { panic!("{error:?}") };
    // The one that is used up, not the one whose reset is later.
    assert_eq!(until.unwrap().timestamp_millis(), reset);
    assert!(detail.starts_with("Rate limit exceeded"), "{detail}");
    assert_eq!(tracker.requests(), 2, "no waiting, no second try");
}

#[test]
fn a_rate_limit_is_one_with_any_status() {
    let linear = FakeLinear::start();
    let body =
        serde_json::json!({"errors": [{"message": "slow down", "extensions": {"code": "RATELIMITED"}}]});
    for status in [200, 400, 429] {
        let tracker = tracker(&linear);
        let reply = Reply::json(status, &body)
            .with_header("date", "Tue, 14 Nov 2023 22:13:20 GMT")
            .with_header("retry-after", "90");
        linear.server().inject(1, reply, |_| true);
        let error = tracker.candidates(&[]).unwrap_err();
        let TrackerError::RateLimited { until, .. } = error else { panic!("{status}: {error:?}") };
        assert_eq!(until.unwrap().timestamp(), 1_700_000_090);
    }
    linear.server().inject(1, Reply::text(429, "too many"), |_| true);
    let error = tracker(&linear).candidates(&[]).unwrap_err();
    assert_eq!(error, TrackerError::RateLimited { until: None, detail: "HTTP 429: too many".to_owned() });
}

#[test]
fn data_with_errors_beside_it_is_a_failure() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    linear.fail_partly("Candidates", "could not resolve labels");
    let error = tracker(&linear).candidates(&[]).unwrap_err();
    assert_eq!(error, TrackerError::Protocol("Candidates: could not resolve labels".to_owned()));
}

#[test]
fn a_page_of_html_is_tried_again_and_then_reported_readably() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>oops</h1></body></html>";
    linear.server().inject(2, Reply::html(502, page), |_| true);
    let tracker = tracker(&linear);
    assert_eq!(active(&tracker).len(), 1, "the third try");
    linear.server().inject(3, Reply::html(502, page), |_| true);
    let error = tracker.candidates(&[]).unwrap_err();
    assert_eq!(error, TrackerError::unreachable("HTTP 502: 502 Bad Gateway"));
    assert_eq!(tracker.requests(), 6, "tries are counted");
}

#[test]
fn a_wrong_key_is_refused_and_not_shown() {
    let linear = FakeLinear::start();
    let tracker = tracker_with(&linear, |options| options.api_key = Secret::new("lin_api_wrong"));
    let error = tracker.candidates(&[]).unwrap_err();
    assert!(matches!(&error, TrackerError::Unauthorized(_)), "{error:?}");
    assert!(!error.to_string().contains("lin_api_wrong"));
    assert_eq!(tracker.requests(), 1);
}

#[test]
fn keys_go_bare_and_tokens_as_bearers() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    for key in [
        API_KEY,
        OAUTH_TOKEN,
        &format!("Bearer {OAUTH_TOKEN}"),
        &format!("Bearer {API_KEY}"),
        &format!("{API_KEY}\n"),
    ] {
        let tracker = tracker_with(&linear, |options| options.api_key = Secret::new(key));
        assert_eq!(active(&tracker).len(), 1, "{key}");
    }
}

#[test]
fn nobody_there_is_unreachable_and_a_foreign_plain_address_a_configuration_error() {
    let linear = FakeLinear::start();
    let endpoint = linear.endpoint();
    let gone = tracker(&linear);
    drop(linear);
    assert!(matches!(gone.candidates(&[]).unwrap_err(), TrackerError::Unreachable { .. }), "{endpoint}");

    let linear = FakeLinear::start();
    let plain =
        tracker_with(&linear, |options| options.endpoint = "http://linear.example/graphql".to_owned());
    let error = plain.candidates(&[]).unwrap_err();
    assert!(
        matches!(&error, TrackerError::Config(text) if text.starts_with("tracker.endpoint: ")),
        "{error:?}"
    );
    assert_eq!(plain.requests(), 0, "nothing was sent");
}

#[test]
fn state_names_are_found_without_regard_to_case_and_space() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    let tracker = tracker_with(&linear, |options| {
        options.rules.active_states = vec![" todo ".to_owned()];
        options.rules.in_progress_state = "IN PROGRESS".to_owned();
    });
    let issue = active(&tracker).remove(0);
    tracker.move_to(&issue, "in progress").unwrap();
    assert_eq!(linear.world().state_of("ENG-1"), "In Progress");
}

#[test]
fn a_state_is_the_one_of_the_issues_own_team() {
    let linear = FakeLinear::start();
    {
        let mut world = linear.world();
        world.add_team("OPS", "Operations");
        world.add(Ticket::default());
        world.add(Ticket { team: "OPS", ..Ticket::default() });
    }
    let tracker = tracker_with(&linear, |options| options.team = Some("ENG".to_owned()));
    assert_eq!(names(&active(&tracker)), ["ENG-1"]);
    for name in ["ENG-1", "OPS-1"] {
        let issue = tracker.find(name).unwrap().unwrap();
        tracker.move_to(&issue, "In Progress").unwrap();
        assert_eq!(linear.world().state_of(name), "In Progress");
    }
    assert_eq!(linear.operations()[1..], ["Find", "Move", "Find", "States", "Move"]);
}

#[test]
fn a_move_returns_the_time_of_the_change_and_one_that_changes_nothing_costs_nothing() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    let tracker = tracker(&linear);
    let issue = active(&tracker).remove(0);
    let moved = tracker.move_to(&issue, "In Review").unwrap().unwrap();
    assert_eq!(moved.timestamp_millis(), linear.world().issue("ENG-1").updated_at);
    let requests = tracker.requests();
    let issue = tracker.refresh(&[issue.id]).unwrap().remove(0);
    assert_eq!(issue.updated_at, Some(moved));
    assert_eq!(tracker.move_to(&issue, " in review ").unwrap(), None);
    assert_eq!(tracker.requests(), requests + 1, "the refresh only");
}

#[test]
fn a_state_that_does_not_exist_is_refused_with_those_that_do() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    type Change = fn(&mut TrackerRules);
    let cases: [(&str, Change); 3] = [
        ("tracker.active_states", |rules| rules.active_states.push("To Do".to_owned())),
        ("tracker.in_progress_state", |rules| rules.in_progress_state = "To Do".to_owned()),
        ("tracker.in_review_state", |rules| rules.in_review_state = "To Do".to_owned()),
    ];
    for (key, change) in cases {
        let tracker = tracker_with(&linear, |options| change(&mut options.rules));
        let expected = format!(
            "{key}: no state of team ENG `To Do`; there are Backlog, Canceled, Done, Duplicate, In Progress, In Review, Todo"
        );
        assert_eq!(tracker.candidates(&[]).unwrap_err(), TrackerError::Config(expected));
    }
}

#[test]
fn a_label_that_does_not_exist_is_refused_with_those_that_do() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket { labels: &["bug", "agents"], ..Ticket::default() });
    let with = |labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        tracker_with(&linear, |options| options.rules.required_labels = labels)
    };
    let error = with(&["BUG", "agent"]).candidates(&[]).unwrap_err();
    let expected = "tracker.required_labels: no label `agent`; there are agents, bug";
    assert_eq!(error, TrackerError::Config(expected.to_owned()));
    for n in 0..300 {
        linear.world().label(&format!("area {n}"));
    }
    let error = with(&["agent"]).candidates(&[]).unwrap_err().to_string();
    assert!(error.contains("there are agents, ") && error.ends_with("and 282 more"), "{error}");
}

#[test]
fn a_team_or_project_that_does_not_exist_is_refused_with_those_that_do() {
    let linear = FakeLinear::start();
    linear.world().add_team("OPS", "Operations");
    linear.world().project("Apollo");
    let config = |tracker: Linear| match tracker.candidates(&[]).unwrap_err() {
        TrackerError::Config(text) => text,
        other => panic!("{other:?}"),
    };
    let unknown = tracker_with(&linear, |options| options.team = Some("WEB".to_owned()));
    assert_eq!(config(unknown), "tracker.team: no team `WEB`; there are ENG (Engineering), OPS (Operations)");
    let several = tracker(&linear);
    assert_eq!(
        config(several),
        "tracker.team: say which of several teams: ENG (Engineering), OPS (Operations)"
    );
    let project = tracker_with(&linear, |options| {
        options.team = Some("OPS".to_owned());
        options.project = Some("Gemini".to_owned());
    });
    assert_eq!(config(project), "tracker.project: no project `Gemini`; there are Apollo");
}

#[test]
fn a_team_and_a_project_are_found_by_each_of_their_names() {
    let linear = FakeLinear::start();
    let (team, project, slug) = {
        let mut world = linear.world();
        world.add_team("OPS", "Operations");
        world.add(Ticket { project: Some("Apollo"), ..Ticket::default() });
        world.add(Ticket { project: Some("Gemini"), ..Ticket::default() });
        world.add(Ticket::default());
        world.add(Ticket { team: "OPS", project: Some("Apollo"), ..Ticket::default() });
        let project = world.project("Apollo");
        (world.teams[0].id.clone(), project.clone(), format!("apollo-{}", &project[24..]))
    };
    for team in [team, "ENG".to_owned(), "eng".to_owned()] {
        for project in [project.clone(), slug.clone(), "apollo".to_owned()] {
            let tracker = tracker_with(&linear, |options| {
                options.team = Some(team.clone());
                options.project = Some(project.clone());
            });
            assert_eq!(names(&active(&tracker)), ["ENG-1"], "{team} {project}");
        }
    }
}

#[test]
fn the_server_leaves_out_tickets_of_others_and_those_without_the_labels() {
    let linear = FakeLinear::start();
    {
        let mut world = linear.world();
        world.add(Ticket { labels: &["agent", "bug"], ..Ticket::default() });
        world.add(Ticket { labels: &["agent"], assignee: Some("ada@example.com"), ..Ticket::default() });
        world.add(Ticket {
            labels: &["Agent"],
            assignee: Some("conductor@example.com"),
            ..Ticket::default()
        });
        world.add(Ticket::default());
    }
    let found = |labels: &[&str], assignee: AssigneeRule| {
        let tracker = tracker_with(&linear, |options| {
            options.rules.required_labels = labels.iter().map(|label| (*label).to_owned()).collect();
            options.rules.assignee = assignee;
        });
        names(&active(&tracker)).join(" ")
    };
    assert_eq!(found(&["agent"], AssigneeRule::Any), "ENG-1 ENG-2 ENG-3");
    assert_eq!(found(&["agent", "bug"], AssigneeRule::Any), "ENG-1");
    assert_eq!(found(&[], AssigneeRule::Nobody), "ENG-1 ENG-4");
    assert_eq!(found(&[], AssigneeRule::Me), "ENG-3");
    assert_eq!(found(&[], AssigneeRule::Person("ADA@example.com".to_owned())), "ENG-2");
    assert_eq!(found(&[], AssigneeRule::Person("ada".to_owned())), "ENG-2");
}

#[test]
fn what_changes_after_the_poll_is_seen_at_the_refresh() {
    let linear = FakeLinear::start();
    {
        let mut world = linear.world();
        world.add(Ticket { labels: &["agent"], ..Ticket::default() });
        world.add(Ticket { state: "Done", ..Ticket::default() });
        world.block("ENG-1", "ENG-2");
        world.add(Ticket { state: "Backlog", ..Ticket::default() });
    }
    let tracker = tracker(&linear);
    let polled = active(&tracker).remove(0);
    assert_eq!(polled.blocked_by.len(), 1);
    assert_eq!(polled.blocked_by[0].state.kind, StateKind::Closed);

    linear.before("Refresh", |world, _| {
        world.remove_label("ENG-1", "agent");
        world.block("ENG-1", "ENG-3");
        // It blocks that one; that does not block it.
        world.block("ENG-3", "ENG-1");
        world.move_to("ENG-1", "Done");
    });
    let refreshed = tracker.refresh(std::slice::from_ref(&polled.id)).unwrap().remove(0);
    assert!(refreshed.labels.is_empty());
    assert_eq!(refreshed.state.kind, StateKind::Closed);
    let mut blockers: Vec<_> = refreshed
        .blocked_by
        .iter()
        .map(|blocker| (blocker.identifier.as_str(), blocker.state.kind))
        .collect();
    blockers.sort_by_key(|(name, _)| *name);
    assert_eq!(blockers, [("ENG-2", StateKind::Closed), ("ENG-3", StateKind::Open)]);
    assert!(refreshed.updated_at > polled.updated_at);
}

#[test]
fn an_archived_issue_is_no_candidate_and_is_still_found_by_id() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    linear.world().archive("ENG-1");
    let tracker = tracker(&linear);
    let ids = ids(&linear, &["ENG-1".to_owned()]);
    let found = tracker.candidates(&ids).unwrap();
    assert!(found.active.is_empty());
    assert!(found.also[0].archived);
    assert!(tracker.refresh(&ids).unwrap()[0].archived);
    assert!(tracker.find("ENG-1").unwrap().unwrap().archived);
}

#[test]
fn an_unknown_ticket_is_none_and_one_that_is_gone_is_missing() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    linear.world().add(Ticket::default());
    let tracker = tracker(&linear);
    assert_eq!(tracker.find("ENG-99").unwrap(), None);
    assert_eq!(tracker.find(" eng-1 ").unwrap().unwrap().identifier, "ENG-1");
    let issues = active(&tracker);
    linear.world().delete("ENG-1");
    let ids: Vec<IssueId> = issues.iter().map(|issue| issue.id.clone()).collect();
    assert_eq!(names(&tracker.refresh(&ids).unwrap()), ["ENG-2"]);
    assert_eq!(names(&tracker.candidates(&ids).unwrap().also), ["ENG-2"]);
    let gone = issues.iter().find(|issue| issue.identifier == "ENG-1").unwrap();
    assert!(matches!(tracker.move_to(gone, "In Progress").unwrap_err(), TrackerError::NotFound(_)));
    assert_eq!(tracker.refresh(&[]).unwrap(), []);
}

#[test]
fn a_pull_request_is_linked_and_told_of_once() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    let issue = active(&tracker(&linear)).remove(0);
    for _ in 0..3 {
        // As the next run would, knowing nothing of the one before.
        let tracker = tracker(&linear);
        let at = tracker.link(&issue, &link("https://github.com/o/r/pull/17")).unwrap().unwrap();
        assert_eq!(at.timestamp_millis(), linear.world().issue("ENG-1").updated_at);
        assert!(tracker.requests() <= 2);
    }
    tracker(&linear).link(&issue, &link("https://github.com/o/r/pull/18")).unwrap();
    let world = linear.world();
    assert_eq!(world.links_of("ENG-1"), ["https://github.com/o/r/pull/17", "https://github.com/o/r/pull/18"]);
    assert_eq!(world.comments_of("ENG-1").len(), 2);
}

#[test]
fn a_link_left_half_done_is_completed_by_the_next_one() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket::default());
    let tracker = tracker(&linear);
    let issue = active(&tracker).remove(0);
    let error = Reply::json(400, &serde_json::json!({"errors": [{"message": "no"}]}));
    linear.server().inject(1, error, |request| request.json()["operationName"] == "Comment");
    tracker.link(&issue, &link("https://github.com/o/r/pull/17")).unwrap_err();
    tracker.link(&issue, &link("https://github.com/o/r/pull/17")).unwrap();
    let world = linear.world();
    assert_eq!((world.links_of("ENG-1").len(), world.comments_of("ENG-1").len()), (1, 1));
}

#[test]
fn a_description_of_a_megabyte_and_hostile_text_arrive_whole() {
    let linear = FakeLinear::start();
    let description = "é\u{202e}$(touch pwned) \"`\\\n".repeat(1 << 16);
    assert!(description.len() > 1 << 20);
    let title = "::set-output name=x::y --flag \u{0}\u{7}";
    linear.world().add(Ticket { title, description: &description, ..Ticket::default() });
    let issue = tracker(&linear).find("ENG-1").unwrap().unwrap();
    assert!(issue.title == title && issue.description == description);
}

#[test]
fn an_answer_of_another_shape_is_not_believed() {
    let linear = FakeLinear::start();
    for body in ["{}", "[]", "null", "{\"data\": null}", "{\"data\": {\"teams\": 5}}", "{\"data\": {", ""] {
        linear.server().inject(1, Reply::bytes(200, "application/json", body.into()), |_| true);
        let error = tracker(&linear).candidates(&[]).unwrap_err();
        assert!(matches!(error, TrackerError::Protocol(_)), "{body}: {error:?}");
    }
}

#[test]
fn ids_that_are_not_linears_are_never_sent_to_it() {
    let linear = FakeLinear::start();
    linear.world().add(Ticket { title: "First", ..Ticket::default() });
    let tracker = tracker(&linear);
    let known = active(&tracker).remove(0).id;
    let local = [IssueId::new("T-1"), IssueId::new("notes/../x")];
    let before = tracker.requests();
    assert_eq!(tracker.refresh(&local).unwrap(), []);
    assert_eq!(tracker.requests(), before, "nothing is asked about tickets it cannot have");
    let both = [local[0].clone(), known];
    assert_eq!(tracker.refresh(&both).unwrap().len(), 1);
    assert_eq!(tracker.candidates(&both).unwrap().also.len(), 1);
    assert_eq!(tracker.candidates(&local).unwrap().also.len(), 0);
}
