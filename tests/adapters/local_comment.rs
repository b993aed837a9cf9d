//! One write to one ticket file, and the comment in it.

use conductor::adapters::tracker::local::LocalTracker;
use conductor::model::Issue;
use conductor::ports::{
    Link, STATUS_MARKER, TicketComment, TicketUpdate, TicketUpdated, Tracker, TrackerError,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use tempfile::TempDir;

const TICKET: &str = "---\r\ntitle: x # mine\r\nstate: Todo\r\n---\r\n\r\nWhat to do.\r\n";
const END: &str = "<!-- /conductor:status -->";

fn scene(text: &str) -> (TempDir, LocalTracker) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("A-1.md"), text).unwrap();
    let tracker = LocalTracker::new(folder.path().to_owned(), crate::linear::rules());
    (folder, tracker)
}

fn issue(tracker: &LocalTracker) -> Issue {
    tracker.find("A-1").unwrap().unwrap()
}

fn text(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("A-1.md")).unwrap()
}

fn comment(body: &str) -> TicketUpdate {
    let comment = TicketComment { id: Some("status".to_owned()), body: body.to_owned() };
    TicketUpdate { comment: Some(comment), ..TicketUpdate::default() }
}

fn all(body: &str) -> TicketUpdate {
    let link = Link { url: "/pulls/1.md".to_owned(), title: String::new(), body: String::new() };
    TicketUpdate { move_to: Some("In Review".to_owned()), link: Some(link), ..comment(body) }
}

#[test]
fn a_move_a_link_and_a_comment_are_one_write_of_the_file() {
    let (folder, tracker) = scene(TICKET);
    let inode = |folder: &TempDir| fs::metadata(folder.path().join("A-1.md")).unwrap().ino();
    let before = inode(&folder);
    let done = tracker.update(&issue(&tracker), &all("In review.\n\nLook.")).unwrap();
    assert_eq!((&done.moved, &done.linked), (&Some(Ok(())), &Some(Ok(()))));
    assert_eq!(done.commented, Some(Ok("status".to_owned())));
    let expected = format!(
        "---\r\ntitle: x # mine\r\nstate: In Review\r\npull_request: \"/pulls/1.md\"\r\n---\r\n\r\nWhat to do.\r\n\r\n\
         {STATUS_MARKER}\r\nIn review.\r\n\r\nLook.\r\n{END}\r\n"
    );
    assert_eq!(text(&folder), expected);
    let after = issue(&tracker);
    assert_eq!(after.description, "What to do.", "the comment is not for agents");
    assert_eq!((after.updated_at, after.state.name.as_str()), (done.updated_at, "In Review"));

    let renamed = inode(&folder);
    assert_ne!(renamed, before);
    let again = tracker.update(&after, &all("In review.\n\nLook.")).unwrap();
    assert_eq!(again, TicketUpdated { updated_at: None, ..done });
    assert_eq!(inode(&folder), renamed, "nothing to write, nothing written");
}

#[test]
fn a_comment_survives_what_people_write_around_it_and_never_doubles() {
    let (folder, tracker) = scene(TICKET);
    tracker.update(&issue(&tracker), &comment("Claimed.")).unwrap();
    let edited = text(&folder).replace("What to do.", "What to do, in full.") + "\r\nAnd a note below.\r\n";
    fs::write(folder.path().join("A-1.md"), edited).unwrap();
    let done = tracker.update(&issue(&tracker), &comment("Working.")).unwrap();
    let after = issue(&tracker);
    assert_eq!(after.updated_at, done.updated_at);
    assert_eq!(after.description, "What to do, in full.\r\n\r\n\r\nAnd a note below.");
    let now = text(&folder);
    assert_eq!((now.matches(STATUS_MARKER).count(), now.matches(END).count()), (1, 1));
    assert!(now.contains("Working.") && !now.contains("Claimed."), "{now}");

    // Somebody deletes it, by the file's beginning being all there is.
    fs::write(folder.path().join("A-1.md"), "---\ntitle: x\n---").unwrap();
    tracker.update(&issue(&tracker), &comment("Working.")).unwrap();
    assert_eq!(text(&folder), format!("---\ntitle: x\n---\n{STATUS_MARKER}\nWorking.\n{END}\n"));
    assert_eq!(issue(&tracker).description, "");
}

#[test]
fn a_hostile_comment_stays_in_its_block() {
    let (folder, tracker) = scene(TICKET);
    let body = format!("{STATUS_MARKER}\n---\nstate: Done\n{END}\nrm -rf\n{STATUS_MARKER}\nx");
    for _ in 0..2 {
        tracker.update(&issue(&tracker), &comment(&body)).unwrap();
        let issue = issue(&tracker);
        assert_eq!((issue.state.name.as_str(), issue.description.as_str()), ("Todo", "What to do."));
    }
    assert_eq!(text(&folder).matches(END).count(), 1);
}

#[test]
fn a_part_that_cannot_be_written_does_not_stop_the_others() {
    let flow = "---\n{title: x}\n---\nText.\n";
    let (folder, tracker) = scene("---\ntitle: x\nstate: Todo\n---\nText.\n");
    let issue = issue(&tracker);
    fs::write(folder.path().join("A-1.md"), flow).unwrap();
    let done = tracker.update(&issue, &all("Working.")).unwrap();
    assert!(matches!(done.moved, Some(Err(TrackerError::Config(_)))), "{done:?}");
    assert_eq!(done.commented, Some(Ok("status".to_owned())));
    assert!(done.updated_at.is_some());
    assert_eq!(text(&folder), format!("{flow}\n{STATUS_MARKER}\nWorking.\n{END}\n"));

    fs::remove_file(folder.path().join("A-1.md")).unwrap();
    assert!(matches!(tracker.update(&issue, &all("x")).unwrap_err(), TrackerError::NotFound(_)));
}

#[test]
fn a_folder_is_looked_at_for_whether_it_can_be_written_to() {
    let (folder, tracker) = scene(TICKET);
    tracker.check_access().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    assert_eq!(tracker.credential(), None);
    let issue = issue(&tracker);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write everywhere.
    if tempfile::tempfile_in(folder.path()).is_err() {
        for error in
            [tracker.check_access().unwrap_err(), tracker.update(&issue, &comment("Working.")).unwrap_err()]
        {
            let TrackerError::Forbidden(text) = &error else { panic!("{error:?}") };
            assert!(
                text.contains(&*folder.path().to_string_lossy()) && text.contains("right to write"),
                "{text}"
            );
        }
    } else {
        eprintln!("skipped: a folder without write permission means nothing to root");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    drop(folder);
    assert!(matches!(tracker.check_access().unwrap_err(), TrackerError::Config(_)));
}
