//! One write to one ticket, and the comment that is there once.

use crate::linear::{active, tracker, tracker_with};
use crate::support::linear::world::Ticket;
use crate::support::linear::{FakeLinear, name_of};
use crate::support::server::Damage;
use conductor::model::{Issue, Secret};
use conductor::ports::{
    Link, STATUS_MARKER, TicketComment, TicketUpdate, TicketUpdated, Tracker, TrackerError,
};

const URL: &str = "https://github.com/o/r/pull/17";

fn ticket(linear: &FakeLinear) -> Issue {
    linear.world().add(Ticket::default());
    active(&tracker(linear)).remove(0)
}

fn comment(id: Option<&str>, body: &str) -> TicketUpdate {
    let comment = TicketComment { id: id.map(str::to_owned), body: body.to_owned() };
    TicketUpdate { comment: Some(comment), ..TicketUpdate::default() }
}

fn all(body: &str) -> TicketUpdate {
    let link = Link { url: URL.to_owned(), title: "Pull request #17".to_owned(), body: String::new() };
    TicketUpdate { move_to: Some("In Review".to_owned()), link: Some(link), ..comment(None, body) }
}

fn id_of(done: &TicketUpdated) -> String {
    done.commented.clone().unwrap().unwrap()
}

/// The operations since then.
fn since(linear: &FakeLinear, before: usize) -> Vec<String> {
    linear.operations().split_off(before)
}

fn changed_at(linear: &FakeLinear) -> i64 {
    linear.world().issue("ENG-1").updated_at
}

#[test]
fn a_move_a_link_and_a_comment_are_one_request() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let tracker = tracker_with(&linear, |_| {});
    tracker.candidates(&[]).unwrap();
    let before = linear.operations().len();
    let done = tracker.update(&issue, &all("In review.")).unwrap();
    assert_eq!(since(&linear, before), ["Update"]);
    assert_eq!((&done.moved, &done.linked, done.error()), (&Some(Ok(())), &Some(Ok(())), None));
    assert_eq!(done.updated_at.unwrap().timestamp_millis(), changed_at(&linear));
    let world = linear.world();
    assert_eq!(world.state_of("ENG-1"), "In Review");
    assert_eq!(world.links_of("ENG-1"), [URL]);
    assert_eq!(world.comments_of("ENG-1"), [format!("{STATUS_MARKER}\nIn review.")]);
    assert_eq!(world.comments[0].id, id_of(&done));
}

#[test]
fn what_is_not_asked_for_is_not_done_and_not_told() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let tracker = tracker(&linear);
    let done = tracker.update(&issue, &TicketUpdate::default()).unwrap();
    assert_eq!(done, TicketUpdated::default());
    let there = TicketUpdate { move_to: Some(" todo ".to_owned()), ..TicketUpdate::default() };
    let done = tracker.update(&issue, &there).unwrap();
    assert_eq!(done, TicketUpdated { moved: Some(Ok(())), ..TicketUpdated::default() });
    assert_eq!(tracker.requests(), 0);
    let linked = TicketUpdate { link: all("").link, ..TicketUpdate::default() };
    let done = tracker.update(&issue, &linked).unwrap();
    assert_eq!((done.moved, done.linked, done.commented), (None, Some(Ok(())), None));
    let world = linear.world();
    assert_eq!((world.state_of("ENG-1"), world.comments_of("ENG-1").len()), ("Todo", 0));
}

#[test]
fn a_comment_is_written_once_and_edited_with_its_id_and_without() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let by_hand = linear.world().comment_by_hand("ENG-1", "ada@example.com", STATUS_MARKER);
    let id = id_of(&tracker(&linear).update(&issue, &comment(None, "Claimed.")).unwrap());
    let before = linear.operations().len();
    for (known, body) in [(Some(id.as_str()), "Working."), (None, "In review.")] {
        let done = tracker(&linear).update(&issue, &comment(known, body)).unwrap();
        assert_eq!(id_of(&done), id);
        assert_eq!(done.updated_at.unwrap().timestamp_millis(), changed_at(&linear));
        let world = linear.world();
        assert_eq!(world.comments_of("ENG-1"), [STATUS_MARKER, &format!("{STATUS_MARKER}\n{body}")]);
        assert_ne!(by_hand, id);
    }
    assert_eq!(since(&linear, before), ["Update", "Update", "StatusComment", "Update"]);
}

#[test]
fn a_deleted_comment_is_written_again_once() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let tracker = tracker(&linear);
    let first = id_of(&tracker.update(&issue, &comment(None, "Claimed.")).unwrap());
    linear.world().delete_comments("ENG-1");
    let second = id_of(&tracker.update(&issue, &comment(Some(&first), "Working.")).unwrap());
    assert_ne!(first, second);
    // The answer that told the second id got lost: what is known is the first one, or none.
    for known in [Some(first.as_str()), None, Some(second.as_str())] {
        assert_eq!(id_of(&tracker.update(&issue, &comment(known, "In review.")).unwrap()), second);
        assert_eq!(linear.world().comments_of("ENG-1"), [format!("{STATUS_MARKER}\nIn review.")]);
    }
    linear.world().delete_comments("ENG-1");
    let third = id_of(&tracker.update(&issue, &comment(Some(&second), "Merged.")).unwrap());
    assert!(third != second && third != first);
    assert_eq!(linear.world().comments_of("ENG-1").len(), 1);
}

#[test]
fn a_comment_of_another_credential_is_left_alone_and_an_own_one_written() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let old = linear.world().comment_by_hand("ENG-1", "old-bot@example.com", STATUS_MARKER);
    let done = tracker(&linear).update(&issue, &comment(Some(&old), "Working.")).unwrap();
    assert_ne!(id_of(&done), old);
    assert_eq!(linear.world().comments_of("ENG-1").len(), 2);
}

#[test]
fn a_lost_answer_gives_no_second_comment_link_or_move() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    for damage in
        [Damage::Lost, Damage::Truncated, Damage::After(crate::support::server::Reply::html(502, "no"))]
    {
        linear.server().damage(1, damage, |request| name_of(request) == "Update");
        let done = tracker(&linear).update(&issue, &all("In review.")).unwrap();
        assert_eq!(done.error(), None);
        let world = linear.world();
        assert_eq!((world.links_of("ENG-1").len(), world.comments_of("ENG-1").len()), (1, 1));
        assert_eq!(world.state_of("ENG-1"), "In Review");
    }
}

#[test]
fn one_part_that_fails_does_not_take_the_others_along() {
    for keeps_data in [false, true] {
        for (field, place) in [("issueUpdate", 0), ("attachmentCreate", 1), ("commentCreate", 2)] {
            let linear = FakeLinear::start();
            let issue = ticket(&linear);
            linear.set(|rules| rules.keeps_data = keeps_data);
            linear.fail_field(field, 9, "Linear is out of sorts");
            let done = tracker(&linear).update(&issue, &all("In review.")).unwrap();
            let comment = done.commented.clone().unwrap().map(drop);
            let parts = [done.moved.clone().unwrap(), done.linked.clone().unwrap(), comment];
            for (at, part) in parts.iter().enumerate() {
                match part {
                    Err(TrackerError::Protocol(text)) if at == place => {
                        assert_eq!(text, "Update: Linear is out of sorts");
                    }
                    other => assert!(other.is_ok() && at != place, "{field} {keeps_data}: {done:?}"),
                }
            }
            assert_eq!(
                done.updated_at.unwrap().timestamp_millis(),
                changed_at(&linear),
                "{field} {keeps_data}"
            );
            let world = linear.world();
            let expected = if place == 0 { "Todo" } else { "In Review" };
            assert_eq!(world.state_of("ENG-1"), expected);
            assert_eq!(world.links_of("ENG-1").len(), usize::from(place != 1));
            assert_eq!(world.comments_of("ENG-1").len(), usize::from(place != 2));
        }
    }
}

#[test]
fn a_state_the_team_does_not_have_fails_the_move_alone() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let update = TicketUpdate { move_to: Some("Shipped".to_owned()), ..all("In review.") };
    let done = tracker(&linear).update(&issue, &update).unwrap();
    let Some(Err(TrackerError::Config(text))) = &done.moved else { panic!("{done:?}") };
    assert!(text.contains("no state `Shipped`; there are Backlog, "), "{text}");
    assert_eq!(done.error(), done.moved.as_ref().unwrap().as_ref().err());
    assert!(done.linked == Some(Ok(())) && done.commented.is_some_and(|part| part.is_ok()));
}

#[test]
fn a_key_that_may_only_read_is_told_before_and_during_a_write() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let tracker = tracker(&linear);
    let before = linear.http_requests();
    tracker.check_access().unwrap();
    assert_eq!(linear.http_requests() - before, 1);
    assert_eq!(linear.world().attachments.len(), 0);

    linear.set(|rules| rules.read_only = true);
    let error = tracker.check_access().unwrap_err();
    let TrackerError::Forbidden(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("Invalid scope: `write` required") && text.contains("tracker.api_key"), "{text}");
    let done = tracker.update(&issue, &all("In review.")).unwrap();
    for part in [done.moved.unwrap(), done.linked.unwrap(), done.commented.unwrap().map(drop)] {
        assert!(matches!(part, Err(TrackerError::Forbidden(_))), "{part:?}");
    }
    assert_eq!(done.updated_at, None);
    assert_eq!(linear.world().state_of("ENG-1"), "Todo");

    linear.set(|rules| rules.revoked = true);
    let error = tracker.check_access().unwrap_err();
    assert!(matches!(error, TrackerError::Unauthorized(_)), "{error:?}");
}

#[test]
fn a_key_with_a_narrow_scope_is_told_by_the_look() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    linear.set(|rules| rules.forbidden_fields = vec!["attachmentCreate"]);
    let tracker = tracker(&linear);
    assert!(matches!(tracker.check_access().unwrap_err(), TrackerError::Forbidden(_)));
    let done = tracker.update(&issue, &all("In review.")).unwrap();
    assert!(matches!(done.linked, Some(Err(TrackerError::Forbidden(_)))), "{done:?}");
    assert!(done.moved == Some(Ok(())) && done.commented.is_some_and(|part| part.is_ok()));
}

#[test]
fn a_ticket_that_is_gone_fails_every_part_as_not_found() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    linear.world().delete("ENG-1");
    let done = tracker(&linear).update(&issue, &all("In review.")).unwrap();
    for part in [done.moved.unwrap(), done.linked.unwrap(), done.commented.unwrap().map(drop)] {
        assert!(matches!(part, Err(TrackerError::NotFound(_))), "{part:?}");
    }
    assert_eq!(done.updated_at, None);
}

#[test]
fn a_hostile_comment_arrives_as_text_below_the_marker() {
    let linear = FakeLinear::start();
    let issue = ticket(&linear);
    let body = format!("{STATUS_MARKER}\n\"}}) {{ viewer {{ id }} }} $body é\u{202e}");
    tracker(&linear).update(&issue, &comment(None, &body)).unwrap();
    assert_eq!(linear.world().comments_of("ENG-1"), [body]);
}

#[test]
fn a_credential_is_known_by_a_short_name_that_changes_with_it() {
    let linear = FakeLinear::start();
    let of = |key: &str, team: Option<&str>| {
        let tracker = tracker_with(&linear, |changed| {
            changed.api_key = Secret::new(key);
            changed.team = team.map(str::to_owned);
        });
        tracker.credential().unwrap()
    };
    let one = of("lin_api_one", None);
    assert_eq!(one, of("lin_api_one", None));
    assert_eq!(one.len(), 12);
    assert_ne!(one, of("lin_api_two", None));
    assert_ne!(one, of("lin_api_one", Some("ENG")));
}
