//! One ticket file, read: what its front matter says in our words.
//!
//! Refuses what it would have to guess at: no title, a priority that is none, a state it could not
//! change later. The refusal names the file and the line.

use super::front_matter::{self, Document, Fault};
use super::status;
use crate::files;
use crate::model::issue::same_name;
use crate::model::{Blocker, Issue, IssueId, Person, Priority, TicketState, Time};
use crate::ports::TicketFault;
use chrono::{DateTime, SubsecRound, Utc};
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::Path;

/// Longer files are not tickets; a description of a megabyte is.
const MAX_FILE: u64 = 8 * 1024 * 1024;

const STATE: &str = "state";
const PULL_REQUEST: &str = "pull_request";

/// The keys Conductor knows. All others are a person's own.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Front {
    title: Option<String>,
    state: Option<String>,
    priority: Option<String>,
    labels: Option<Vec<String>>,
    estimate: Option<f64>,
    blocked_by: Option<Vec<String>>,
    assignee: Option<String>,
    pull_request: Option<String>,
}

impl Front {
    pub fn read(text: &str) -> Result<Self, Fault> {
        front_matter::split(text)?.parse()
    }
}

/// A change of one key.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    State(&'a str),
    PullRequest(&'a str),
}

impl Change<'_> {
    pub fn is_made(&self, front: &Front, default_state: &str) -> bool {
        match self {
            Self::State(state) => same_name(front.state.as_deref().unwrap_or(default_state), state),
            Self::PullRequest(url) => front.pull_request.as_deref() == Some(url),
        }
    }

    pub fn apply(&self, text: &str) -> Result<String, Fault> {
        let document = front_matter::split(text)?;
        Ok(match self {
            Self::State(state) => document.with(STATE, state),
            Self::PullRequest(url) => document.with(PULL_REQUEST, url),
        })
    }

    /// What the changed file must read as.
    pub fn on(&self, front: &Front) -> Front {
        let mut front = front.clone();
        match self {
            Self::State(state) => front.state = Some((*state).to_owned()),
            Self::PullRequest(url) => front.pull_request = Some((*url).to_owned()),
        }
        front
    }
}

/// The file with that status comment below its front matter.
pub fn with_comment(text: &str, comment: &str) -> Result<String, Fault> {
    let document = front_matter::split(text)?;
    let body = document.body();
    let front = &text[..text.len() - body.len()];
    // A file may end with the closing fence.
    let newline = document.newline();
    let fence = if front.ends_with('\n') { "" } else { newline };
    Ok(format!("{front}{fence}{}", status::with(body, comment, newline)))
}

#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    pub key: String,
    pub title: String,
    pub description: String,
    pub state: String,
    pub priority: Priority,
    pub labels: Vec<String>,
    pub estimate: Option<f64>,
    pub blocked_by: Vec<String>,
    pub assignee: Option<String>,
    pub changed_at: Option<Time>,
}

impl Ticket {
    /// `None` when there is no such ticket.
    pub fn read(path: &Path, key: &str, default_state: &str) -> Result<Option<Self>, TicketFault> {
        let Some(file) = load(path, key)? else { return Ok(None) };
        // A page about the folder, not a ticket.
        if key.eq_ignore_ascii_case("readme") && !front_matter::is_present(&file.text) {
            return Ok(None);
        }
        let fault = |fault: Fault| fault_of(path, key, &fault.to_string());
        let document = front_matter::split(&file.text).map_err(fault)?;
        let front = document.parse().map_err(fault)?;
        let changed_at = changed_at(&file.metadata);
        Self::from_front(key, front, &document, default_state, changed_at).map(Some).map_err(fault)
    }

    fn from_front(
        key: &str,
        front: Front,
        document: &Document<'_>,
        default_state: &str,
        changed_at: Option<Time>,
    ) -> Result<Self, Fault> {
        let title = front.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
        let Some(title) = title else {
            return Err(Fault::on(document.line_of("title"), "`title` is missing or empty"));
        };
        if !document.can_change(STATE, front.state.as_deref()) {
            return Err(Fault::on(document.line_of(STATE), "`state` must stand on one line: `state: Todo`"));
        }
        let priority = match front.priority.as_deref() {
            None => Priority::None,
            Some(word) => priority(word).ok_or_else(|| {
                let what = format!("`priority: {word}` is none of urgent, high, medium, low, none, 0 to 4");
                Fault::on(document.line_of("priority"), what)
            })?,
        };
        if front.estimate.is_some_and(|estimate| !estimate.is_finite()) {
            return Err(Fault::on(document.line_of("estimate"), "`estimate` is not a number"));
        }
        let words = |list: Option<Vec<String>>| -> Vec<String> {
            let words = list.unwrap_or_default().into_iter().map(|word| word.trim().to_owned());
            words.filter(|word| !word.is_empty()).collect()
        };
        Ok(Self {
            key: key.to_owned(),
            title: title.to_owned(),
            description: status::without(document.body()).trim().to_owned(),
            state: front.state.as_deref().unwrap_or(default_state).trim().to_owned(),
            priority,
            labels: words(front.labels),
            estimate: front.estimate,
            blocked_by: words(front.blocked_by),
            assignee: front.assignee.filter(|name| !name.trim().is_empty()),
            changed_at,
        })
    }

    pub fn to_issue(&self, state: TicketState, blocked_by: Vec<Blocker>, with_details: bool) -> Issue {
        let person = |name: &String| Person {
            id: name.clone(),
            name: name.clone(),
            email: name.contains('@').then(|| name.clone()),
            is_me: false,
        };
        Issue {
            id: IssueId::new(&self.key),
            identifier: self.key.clone(),
            title: self.title.clone(),
            description: if with_details { self.description.clone() } else { String::new() },
            has_details: with_details,
            url: None,
            state,
            team: None,
            priority: self.priority,
            labels: self.labels.clone(),
            estimate: self.estimate,
            assignee: self.assignee.as_ref().map(person),
            creator: None,
            blocked_by,
            created_at: None,
            updated_at: self.changed_at,
            archived: false,
            elsewhere: None,
        }
    }
}

/// A file as it lies there.
pub struct TicketFile {
    pub text: String,
    pub metadata: fs::Metadata,
}

/// `None` when there is no such file, or it is not a plain one.
pub fn load(path: &Path, key: &str) -> Result<Option<TicketFile>, TicketFault> {
    let unreadable = |error: io::Error| fault_of(path, key, &error.to_string());
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let bytes = files::read(path, MAX_FILE).map_err(|error| match files::is_too_large(&error) {
        true => fault_of(path, key, &format!("longer than {} MB", MAX_FILE >> 20)),
        false => unreadable(error),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        fault_of(path, key, &format!("line {line}: not UTF-8"))
    })?;
    Ok(Some(TicketFile { text, metadata }))
}

/// The time of the last change, cut to milliseconds like every other time.
pub fn changed_at(metadata: &fs::Metadata) -> Option<Time> {
    metadata.modified().ok().map(|at| DateTime::<Utc>::from(at).trunc_subsecs(3))
}

fn fault_of(path: &Path, key: &str, what: &str) -> TicketFault {
    TicketFault { identifier: key.to_owned(), detail: format!("{}: {what}", path.display()) }
}

/// Words as people write them, and Linear's numbers.
fn priority(word: &str) -> Option<Priority> {
    match word.trim().to_lowercase().as_str() {
        "urgent" | "1" => Some(Priority::Urgent),
        "high" | "2" => Some(Priority::High),
        "medium" | "normal" | "3" => Some(Priority::Medium),
        "low" | "4" => Some(Priority::Low),
        "none" | "no priority" | "0" | "" => Some(Priority::None),
        _ => None,
    }
}
