//! Linear's answers damaged, malformed and crowded.

use crate::linear::{active, names, options, tracker, tracker_with};
use crate::support::linear::world::Ticket;
use crate::support::linear::{FakeLinear, name_of};
use crate::support::server::Damage;
use conductor::adapters::tracker::linear::Linear;
use conductor::model::IssueId;
use conductor::ports::{Link, TicketComment, TicketUpdate, Tracker, TrackerError};
use conductor::system::http::{HttpClient, HttpOptions};
use std::sync::Arc;
use std::time::Duration;

/// A tracker with little patience, so that a hang is over soon.
fn hasty(linear: &FakeLinear) -> Linear {
    let http = HttpOptions {
        timeout: Duration::from_millis(400),
        retry_base: Duration::from_millis(2),
        ..HttpOptions::default()
    };
    let mut options = options(linear);
    options.http = Arc::new(HttpClient::new(http));
    Linear::new(options)
}

fn kind<T>(result: &Result<T, TrackerError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(TrackerError::Unreachable { .. }) => "unreachable",
        Err(TrackerError::Unauthorized(_)) => "unauthorized",
        Err(TrackerError::Forbidden(_)) => "forbidden",
        Err(TrackerError::RateLimited { .. }) => "limited",
        Err(TrackerError::Config(_)) => "config",
        Err(TrackerError::NotFound(_)) => "not found",
        Err(TrackerError::Protocol(_)) => "protocol",
    }
}

/// What comes of a damage that happens once, and of one that happens to every try.
const EXPECTED: [(&str, &str, &str); 15] = [
    ("500", "done", "unreachable"),
    ("502 page", "done", "unreachable"),
    ("502 after effect", "done", "unreachable"),
    ("401", "unauthorized", "unauthorized"),
    ("403", "forbidden", "forbidden"),
    ("404", "protocol", "protocol"),
    ("409", "protocol", "protocol"),
    ("422", "protocol", "protocol"),
    ("429", "limited", "limited"),
    ("reset", "done", "unreachable"),
    ("truncated", "done", "unreachable"),
    ("slow", "done", "done"),
    ("hang", "done", "unreachable"),
    ("empty", "protocol", "protocol"),
    ("lost", "done", "unreachable"),
];

#[test]
fn every_damage_to_a_write_has_its_error_and_the_next_write_completes_it() {
    let update = TicketUpdate {
        move_to: Some("In Review".to_owned()),
        link: Some(Link {
            url: "https://github.com/o/r/pull/1".to_owned(),
            title: "#1".to_owned(),
            body: String::new(),
        }),
        comment: Some(TicketComment { id: None, body: "In review.".to_owned() }),
    };
    let all = Damage::every(Duration::from_millis(50));
    assert_eq!(all.len(), EXPECTED.len());
    for ((name, damage), (expected_name, once, always)) in all.into_iter().zip(EXPECTED) {
        assert_eq!(name, expected_name);
        for (is_lasting, expected) in [(false, once), (true, always)] {
            let linear = FakeLinear::start();
            linear.world().add(Ticket::default());
            let issue = active(&tracker(&linear)).remove(0);
            let is_update = |request: &_| name_of(request) == "Update";
            match is_lasting {
                true => linear.server().damage_all(damage.clone(), is_update),
                false => linear.server().damage(1, damage.clone(), is_update),
            }
            let first = hasty(&linear).update(&issue, &update);
            assert_eq!(kind(&first), expected, "{name}, lasting {is_lasting}: {first:?}");
            linear.server().repair();
            let done = hasty(&linear).update(&issue, &update).unwrap();
            assert_eq!(done.error(), None, "{name}");
            let world = linear.world();
            assert_eq!(world.state_of("ENG-1"), "In Review", "{name}");
            assert_eq!((world.links_of("ENG-1").len(), world.comments_of("ENG-1").len()), (1, 1), "{name}");
        }
    }
}

#[test]
fn every_damage_to_a_look_has_its_error() {
    for ((name, damage), (_, once, _)) in Damage::every(Duration::from_millis(50)).into_iter().zip(EXPECTED) {
        let linear = FakeLinear::start();
        linear.world().add(Ticket::default());
        linear.server().damage(1, damage.clone(), |_| true);
        let found = hasty(&linear).candidates(&[]);
        assert_eq!(kind(&found), once, "{name}: {found:?}");
        // A graph that cannot be read says nothing about the key; the write itself will.
        let once = match name {
            "404" | "409" | "422" => "done",
            _ => once,
        };
        linear.server().damage(1, damage, |_| true);
        let looked = hasty(&linear).check_access();
        assert_eq!(kind(&looked), once, "{name}: {looked:?}");
    }
}

#[test]
fn one_malformed_ticket_is_named_and_does_not_hide_the_others() {
    let linear = FakeLinear::start();
    for _ in 0..3 {
        linear.world().add(Ticket::default());
    }
    let all: Vec<IssueId> = active(&tracker(&linear)).into_iter().map(|issue| issue.id).collect();
    linear.world().malformed.push("ENG-2".to_owned());
    let tracker = tracker(&linear);
    let found = tracker.candidates(&all).unwrap();
    assert_eq!((names(&found.active), names(&found.also)), (vec!["ENG-1", "ENG-3"], vec!["ENG-1", "ENG-3"]));
    assert_eq!(found.faults.len(), 1, "{:?}", found.faults);
    assert_eq!(found.faults[0].identifier, "ENG-2");
    assert!(found.faults[0].detail.contains("invalid type: null, expected a string"), "{:?}", found.faults);
    assert_eq!(names(&tracker.refresh(&all).unwrap()), ["ENG-1", "ENG-3"]);
    assert!(matches!(tracker.find("ENG-2").unwrap_err(), TrackerError::Protocol(_)));
}

#[test]
fn a_second_required_label_is_found_behind_sixty_of_one_name() {
    let linear = FakeLinear::start();
    {
        let mut world = linear.world();
        world.label("agent");
        // Newest first: these stand before it.
        for _ in 0..60 {
            world.add_label_of_another_team("bug");
        }
        world.add(Ticket { labels: &["agent", "bug"], ..Ticket::default() });
    }
    let with = |labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        tracker_with(&linear, |options| options.rules.required_labels = labels)
    };
    assert_eq!(names(&active(&with(&["bug", "AGENT"]))), ["ENG-1"]);
    assert_eq!(linear.operations(), ["Candidates", "Labels"]);
    let error = with(&["bug", "agents"]).candidates(&[]).unwrap_err();
    let expected = "tracker.required_labels: no label `agents`; there are agent, bug";
    assert_eq!(error, TrackerError::Config(expected.to_owned()));
}
