//! Tickets as a folder of `KEY.md` files: YAML front matter, then the description.
//!
//! Owns reading the folder, and changing single lines and the status comment of one file at a time.
//! Writers of this program exclude each other by a lock on the folder itself, so nothing but
//! tickets lies in it. Refuses to follow symbolic links, and to rewrite what it could not read back.

mod front_matter;
mod status;
mod ticket;

use crate::files;
use crate::model::issue::same_name;
use crate::model::settings::TrackerRules;
use crate::model::{Blocker, Issue, IssueId, StateKind, TicketState, Time};
use crate::ports::{
    Candidates, Link, Outside, TicketFault, TicketUpdate, TicketUpdated, Tracker, TrackerError,
};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use ticket::{Change, Front, Ticket, TicketFile};

/// What a ticket named in `blocked_by` and not in the folder is called: it blocks, visibly.
const MISSING: &str = "missing";
/// Likewise for one whose file cannot be read.
const UNREADABLE: &str = "unreadable";

pub struct LocalTracker {
    folder: PathBuf,
    rules: TrackerRules,
}

impl LocalTracker {
    pub fn new(folder: PathBuf, rules: TrackerRules) -> Self {
        Self { folder, rules }
    }

    /// The keys of all tickets in the folder, sorted. A name that is no text stands as it can be
    /// shown; reading it then says what is wrong.
    fn keys(&self) -> Result<Vec<String>, TrackerError> {
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|e| self.folder_error(&e))? {
            let entry = entry.map_err(|e| self.folder_error(&e))?;
            let path = entry.path();
            let Some(stem) = path.file_stem().filter(|_| path.extension().is_some_and(|e| e == "md")) else {
                continue;
            };
            let key = stem.to_string_lossy().into_owned();
            // Editors' and our own temporary files are hidden; folders, links and pipes are no tickets.
            if !key.starts_with('.') && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                keys.push(key);
            }
        }
        keys.sort();
        Ok(keys)
    }

    fn path_of(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.md"))
    }

    fn folder_error(&self, error: &io::Error) -> TrackerError {
        let folder = self.folder.display();
        match error.kind() {
            io::ErrorKind::NotFound => TrackerError::Config(format!(
                "tracker.path: the folder {folder} does not exist: create it, or name the one that holds the tickets"
            )),
            io::ErrorKind::NotADirectory => {
                TrackerError::Config(format!("tracker.path: {folder} is not a folder"))
            }
            _ => write_error(&self.folder, error),
        }
    }

    fn kind_of(&self, state: &str) -> StateKind {
        let is = |name: &String| same_name(name, state);
        if self.rules.terminal_states.iter().any(is) || is(&self.rules.done_state) {
            StateKind::Closed
        } else if is(&self.rules.in_progress_state) || is(&self.rules.in_review_state) {
            StateKind::Started
        } else if self.rules.active_states.iter().any(is) {
            StateKind::Open
        } else {
            StateKind::Unknown
        }
    }

    /// The state a ticket without one is in.
    fn default_state(&self) -> &str {
        self.rules.active_states.first().map_or("Todo", String::as_str)
    }

    /// Changes one key of a ticket's front matter. `None` when it has that value already.
    fn set(&self, id: &IssueId, change: &Change<'_>) -> Result<Option<Time>, TrackerError> {
        let path = self.path_of(id.as_str());
        let _lock = self.lock()?;
        let file = self.load(id)?;
        match self.changed(&path, &file.text, change)? {
            Some(text) => self.replace(&path, &file.metadata, &text),
            None => Ok(None),
        }
    }

    fn load(&self, id: &IssueId) -> Result<TicketFile, TrackerError> {
        let path = self.path_of(id.as_str());
        match ticket::load(&path, id.as_str()) {
            Ok(Some(file)) if is_file_name(id.as_str()) => Ok(file),
            Ok(_) => Err(TrackerError::NotFound(path.display().to_string())),
            Err(fault) => Err(TrackerError::Config(fault.detail)),
        }
    }

    /// The text with that change, everything else staying as it is byte for byte. `None` when it is
    /// made already.
    fn changed(&self, path: &Path, text: &str, change: &Change<'_>) -> Result<Option<String>, TrackerError> {
        let refused = |what: &dyn fmt::Display| TrackerError::Config(format!("{}: {what}", path.display()));
        let before = Front::read(text).map_err(|fault| refused(&fault))?;
        if change.is_made(&before, self.default_state()) {
            return Ok(None);
        }
        let text = change.apply(text).map_err(|fault| refused(&fault))?;
        if Front::read(&text).is_ok_and(|after| after == change.on(&before)) {
            return Ok(Some(text));
        }
        Err(refused(&format_args!("cannot be changed: write the front matter as one `key: value` a line")))
    }

    /// A reader sees the old text or the new one, whatever happens in between.
    fn replace(
        &self,
        path: &Path,
        metadata: &fs::Metadata,
        text: &str,
    ) -> Result<Option<Time>, TrackerError> {
        self.try_replace(path, metadata, text).map_err(|error| write_error(path, &error))
    }

    fn try_replace(&self, path: &Path, metadata: &fs::Metadata, text: &str) -> io::Result<Option<Time>> {
        let mut file = tempfile::Builder::new().prefix(".").suffix(".tmp").tempfile_in(&self.folder)?;
        file.write_all(text.as_bytes())?;
        fs::set_permissions(file.path(), metadata.permissions())?;
        // Not synced: a ticket survives a killed run by the rename, and waiting for the disk four times
        // a ticket costs more than all the rest of a cycle. What must survive is the state.
        let at = ticket::changed_at(&file.as_file().metadata()?);
        file.persist(path).map_err(|e| e.error)?;
        Ok(at)
    }

    /// Held until dropped. A lock on the folder, rather than on a file in it, leaves no litter and
    /// ends with the process.
    fn lock(&self) -> Result<fs::File, TrackerError> {
        let folder = files::open_folder(&self.folder).map_err(|e| self.folder_error(&e))?;
        folder.lock().map_err(|e| self.folder_error(&e))?;
        Ok(folder)
    }
}

impl Tracker for LocalTracker {
    fn candidates(&self, also: &[IssueId]) -> Result<Candidates, TrackerError> {
        let mut shelf = Shelf::new(self);
        let mut found = Candidates::default();
        for key in self.keys()? {
            match shelf.read(&key) {
                Ok(Some(ticket)) if self.rules.active_states.iter().any(|s| same_name(s, &ticket.state)) => {
                    found.active.push(shelf.issue(&ticket, false));
                }
                Ok(None) if key.contains(char::REPLACEMENT_CHARACTER) => {
                    let detail = format!("{}: its name is not UTF-8", self.path_of(&key).display());
                    found.faults.push(TicketFault { identifier: key, detail });
                }
                Ok(_) => {}
                Err(fault) => found.faults.push(fault),
            }
        }
        for id in also {
            if let Ok(Some(ticket)) = shelf.read(id.as_str()) {
                found.also.push(shelf.issue(&ticket, false));
            }
        }
        Ok(found)
    }

    fn outside(&self) -> Result<Outside, TrackerError> {
        let mut shelf = Shelf::new(self);
        let mut issues = Vec::new();
        for key in self.keys()? {
            if let Ok(Some(ticket)) = shelf.read(&key)
                && !self.rules.active_states.iter().any(|state| same_name(state, &ticket.state))
            {
                issues.push(shelf.issue(&ticket, false));
            }
        }
        Ok(Outside { issues, is_partial: false })
    }

    fn refresh(&self, ids: &[IssueId]) -> Result<Vec<Issue>, TrackerError> {
        let mut shelf = Shelf::new(self);
        // A ticket that cannot be read just now is like one that is gone: its neighbours go on.
        let tickets: Vec<Ticket> =
            ids.iter().filter_map(|id| shelf.read(id.as_str()).ok().flatten()).collect();
        Ok(tickets.iter().map(|ticket| shelf.issue(ticket, true)).collect())
    }

    fn find(&self, identifier: &str) -> Result<Option<Issue>, TrackerError> {
        let Some(key) = best_match(&self.keys()?, identifier) else { return Ok(None) };
        let mut shelf = Shelf::new(self);
        match shelf.read(&key) {
            Ok(Some(ticket)) => Ok(Some(shelf.issue(&ticket, true))),
            Ok(None) => Ok(None),
            Err(fault) => Err(TrackerError::Config(fault.detail)),
        }
    }

    /// All parts in one write of the file.
    fn update(&self, issue: &Issue, update: &TicketUpdate) -> Result<TicketUpdated, TrackerError> {
        let path = self.path_of(issue.id.as_str());
        let _lock = self.lock()?;
        let file = self.load(&issue.id)?;
        let mut text = file.text.clone();
        let mut make = |change: Change<'_>| -> Result<(), TrackerError> {
            if let Some(changed) = self.changed(&path, &text, &change)? {
                text = changed;
            }
            Ok(())
        };
        let mut done = TicketUpdated {
            moved: update.move_to.as_deref().map(|state| make(Change::State(state.trim()))),
            linked: update.link.as_ref().map(|link| make(Change::PullRequest(&link.url))),
            ..TicketUpdated::default()
        };
        if let Some(comment) = &update.comment {
            done.commented = Some(match ticket::with_comment(&text, comment.text()) {
                Ok(commented) => {
                    text = commented;
                    Ok(status::ID.to_owned())
                }
                Err(fault) => Err(TrackerError::Config(format!("{}: {fault}", path.display()))),
            });
        }
        if text != file.text {
            done.updated_at = self.replace(&path, &file.metadata, &text)?;
        }
        Ok(done)
    }

    /// Writes where tickets are written, and leaves nothing behind.
    fn check_access(&self) -> Result<(), TrackerError> {
        tempfile::tempfile_in(&self.folder).map(drop).map_err(|error| self.folder_error(&error))
    }

    fn credential(&self) -> Option<String> {
        None
    }

    fn move_to(&self, issue: &Issue, state: &str) -> Result<Option<Time>, TrackerError> {
        self.set(&issue.id, &Change::State(state.trim()))
    }

    fn link(&self, issue: &Issue, link: &Link) -> Result<Option<Time>, TrackerError> {
        self.set(&issue.id, &Change::PullRequest(&link.url))
    }

    /// Nothing here leaves the machine.
    fn requests(&self) -> u64 {
        0
    }
}

/// The tickets read for one question, each once.
struct Shelf<'a> {
    tracker: &'a LocalTracker,
    read: BTreeMap<String, Result<Option<Ticket>, TicketFault>>,
    keys: Option<Vec<String>>,
}

impl<'a> Shelf<'a> {
    fn new(tracker: &'a LocalTracker) -> Self {
        Self { tracker, read: BTreeMap::new(), keys: None }
    }

    fn read(&mut self, key: &str) -> Result<Option<Ticket>, TicketFault> {
        if let Some(known) = self.read.get(key) {
            return known.clone();
        }
        let read = if is_file_name(key) {
            Ticket::read(&self.tracker.path_of(key), key, self.tracker.default_state())
        } else {
            Ok(None)
        };
        self.read.insert(key.to_owned(), read.clone());
        read
    }

    fn issue(&mut self, ticket: &Ticket, with_details: bool) -> Issue {
        let blocked_by = ticket.blocked_by.iter().map(|key| self.blocker(key)).collect();
        let state = TicketState { kind: self.tracker.kind_of(&ticket.state), name: ticket.state.clone() };
        ticket.to_issue(state, blocked_by, with_details)
    }

    fn blocker(&mut self, key: &str) -> Blocker {
        let mut found = (key.to_owned(), self.read(key));
        if let (_, Ok(None)) = found {
            let tracker = self.tracker;
            let keys = self.keys.get_or_insert_with(|| tracker.keys().unwrap_or_default());
            if let Some(other) = best_match(keys, key) {
                found = (other.clone(), self.read(&other));
            }
        }
        let (identifier, read) = found;
        let state = match read {
            Ok(Some(ticket)) => TicketState { kind: self.tracker.kind_of(&ticket.state), name: ticket.state },
            Ok(None) => TicketState { name: MISSING.to_owned(), kind: StateKind::Unknown },
            Err(_) => TicketState { name: UNREADABLE.to_owned(), kind: StateKind::Unknown },
        };
        Blocker { identifier, state }
    }
}

/// A folder that may not be written to is for its owner to open; a full disk is not.
fn write_error(path: &Path, error: &io::Error) -> TrackerError {
    let detail = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            TrackerError::Forbidden(format!("{detail}; give this user the right to write to the folder"))
        }
        kind => {
            let cause = error.raw_os_error().map_or_else(|| kind.into(), io::Error::from_raw_os_error);
            TrackerError::unreached(detail, cause)
        }
    }
}

/// The key itself, else the one that differs only in case.
fn best_match(keys: &[String], wanted: &str) -> Option<String> {
    let wanted = wanted.trim();
    keys.iter().find(|key| *key == wanted).or_else(|| keys.iter().find(|key| same_name(key, wanted))).cloned()
}

/// An id from outside names a file of the folder, and nothing else.
fn is_file_name(key: &str) -> bool {
    !key.is_empty() && !key.starts_with('.') && !key.contains(['/', '\\', '\0'])
}
