//! Tickets in Linear, over GraphQL.
//!
//! Owns what is asked in how many requests: one for an idle cycle, one per ticket and step. Knows
//! that states belong to teams and that lists come in pages. Refuses a configuration Linear does
//! not know before anything is claimed, and half an answer always.

mod checks;
pub mod documents;
mod filters;
mod issue;
mod list;
mod outside;
mod pages;
mod scope;
mod transport;
mod update;
mod wire;

use crate::model::issue::same_name;
use crate::model::settings::TrackerRules;
use crate::model::{Issue, IssueId, Secret, Time};
use crate::ports::{Candidates, Link, Outside, TicketUpdate, TicketUpdated, Tracker, TrackerError};
use crate::system::http::HttpClient;
use documents::{BATCH, BATCH_BESIDE};
use issue::{Listed, WireIssue};
use list::{Few, Page};
use scope::Scope;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use transport::Transport;
use wire::{CandidatesData, CommentData, IssueData, IssuesData, LinkData, MoveData, State, StatesData};

/// The id of no ticket: of the right form, and not from Linear's generator.
const NO_ISSUE: &str = "00000000-0000-4000-8000-000000000000";

pub struct LinearOptions {
    pub endpoint: String,
    pub api_key: Secret,
    /// Key or id; the only team when left out.
    pub team: Option<String>,
    /// Slug, name or id.
    pub project: Option<String>,
    pub rules: TrackerRules,
    pub http: Arc<HttpClient>,
}

pub struct Linear {
    transport: Transport,
    scope: Scope,
    rules: TrackerRules,
    /// Team id → its states, as far as they were asked for.
    states: Mutex<HashMap<String, Vec<State>>>,
}

impl Linear {
    pub fn new(options: LinearOptions) -> Self {
        Self {
            transport: Transport::new(options.http, options.endpoint, &options.api_key),
            scope: Scope { team: options.team, project: options.project },
            rules: options.rules,
            states: Mutex::default(),
        }
    }

    /// Everything the configuration names is there, or the cycle ends here, with nothing claimed.
    fn check(&self, data: &mut CandidatesData, states_filter: &Value) -> Result<(), TrackerError> {
        let teams = std::mem::take(&mut data.teams.nodes);
        let team = checks::team(&self.transport, self.scope.team.as_deref(), teams)?;
        if let (Some(configured), Some(found)) = (&self.scope.project, &data.projects) {
            checks::project(&self.transport, configured, &found.nodes)?;
        }
        if let Some(found) = data.labels.take() {
            checks::labels(&self.transport, &self.rules.required_labels, found)?;
        }
        let first = std::mem::replace(&mut data.states, Page::empty());
        let mut states = pages::all(first, |after| self.states_page(states_filter, Some(after)))?;
        states.retain(|state| state.team.id == team.id);
        checks::states(&self.rules, &team, &states)?;
        self.known_states().insert(team.id, states);
        Ok(())
    }

    fn states_page(&self, filter: &Value, after: Option<&str>) -> Result<Page<State>, TrackerError> {
        let variables = json!({ "states": filter, "after": after });
        let data: StatesData = self.transport.run(&documents::STATES, &variables)?;
        Ok(data.states)
    }

    /// The id of that state among the states of the ticket's own team: the same name has another
    /// id in every team.
    fn state_id(&self, issue: &Issue, name: &str) -> Result<String, TrackerError> {
        let Some(team) = &issue.team else {
            return Err(TrackerError::Protocol(format!("{}: its team is not known", issue.identifier)));
        };
        if !self.known_states().contains_key(team) {
            let filter = json!({"team": {"id": {"eq": team}}});
            let first = self.states_page(&filter, None)?;
            let states = pages::all(first, |after| self.states_page(&filter, Some(after)))?;
            self.known_states().insert(team.clone(), states);
        }
        let known = self.known_states();
        let states = known.get(team).map_or(&[][..], Vec::as_slice);
        states.iter().find(|state| same_name(&state.name, name)).map(|state| state.id.clone()).ok_or_else(
            || {
                let names: Vec<String> = states.iter().map(|state| state.name.clone()).collect();
                TrackerError::Config(format!(
                    "{}: its team has no state `{name}`; there are {}",
                    issue.identifier,
                    checks::listed(name, &names)
                ))
            },
        )
    }

    fn known_states(&self) -> MutexGuard<'_, HashMap<String, Vec<State>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tracker for Linear {
    fn candidates(&self, also: &[IssueId]) -> Result<Candidates, TrackerError> {
        let team = self.scope.team.as_deref().map(filters::team);
        let project = self.scope.project.as_deref().map(filters::project);
        let states = team.as_ref().map_or(Value::Null, |team| json!({ "team": team }));
        let issues = filters::issues(&self.rules, team.as_ref(), project.as_ref());
        let also = filters::own_ids(also);
        let (also, later) = also.split_at(also.len().min(BATCH_BESIDE));
        let variables = json!({
            "team": team, "states": states, "issues": issues,
            "labels": filters::any_name(&self.rules.required_labels),
            "withLabels": !self.rules.required_labels.is_empty(),
            "project": project, "withProject": project.is_some(),
            "also": also, "withAlso": !also.is_empty(),
        });
        let mut data: CandidatesData = self.transport.run(&documents::CANDIDATES, &variables)?;
        self.check(&mut data, &states)?;

        let active = pages::all(data.issues, |after| {
            let variables = json!({ "issues": issues, "after": after });
            let data: IssuesData<Page<Listed>> = self.transport.run(&documents::ISSUES, &variables)?;
            Ok(data.issues)
        })?;
        let mut also = data.also.map_or_else(Vec::new, |also| also.nodes);
        for ids in later.chunks(BATCH) {
            let data: IssuesData<Few<Listed>> =
                self.transport.run(&documents::SOME_ISSUES, &json!({ "ids": ids }))?;
            also.extend(data.issues.nodes);
        }
        let active = pages::issues(&self.transport, &self.scope, active)?;
        let also = pages::issues(&self.transport, &self.scope, also)?;
        let mut faults = active.faults;
        // A ticket may stand in both lists.
        faults.extend(also.faults);
        faults.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        faults.dedup();
        Ok(Candidates { active: active.issues, also: also.issues, faults })
    }

    fn outside(&self) -> Result<Outside, TrackerError> {
        outside::ask(&self.transport, &self.scope)
    }

    fn refresh(&self, ids: &[IssueId]) -> Result<Vec<Issue>, TrackerError> {
        let mut issues = Vec::new();
        for ids in filters::own_ids(ids).chunks(BATCH) {
            let data: IssuesData<Few<Listed>> =
                self.transport.run(&documents::REFRESH, &json!({ "ids": ids }))?;
            let tickets = pages::issues(&self.transport, &self.scope, data.issues.nodes)?;
            for fault in tickets.faults {
                tracing::warn!(issue = %fault.identifier, "{}", fault.detail);
            }
            issues.extend(tickets.issues);
        }
        Ok(issues)
    }

    fn find(&self, identifier: &str) -> Result<Option<Issue>, TrackerError> {
        let variables = json!({ "id": identifier.trim() });
        match self.transport.run::<IssueData<WireIssue>>(&documents::FIND, &variables) {
            Ok(data) => pages::issue(&self.transport, &self.scope, data.issue).map(Some),
            Err(TrackerError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn update(&self, issue: &Issue, update: &TicketUpdate) -> Result<TicketUpdated, TrackerError> {
        let state = match update.move_to.as_deref() {
            Some(name) if !issue.state.is_named(name) => Some(self.state_id(issue, name)),
            _ => None,
        };
        match state {
            Some(Err(error)) if !matches!(error, TrackerError::Config(_) | TrackerError::Protocol(_)) => {
                Err(error)
            }
            state => update::update(&self.transport, issue, update, state),
        }
    }

    fn check_access(&self) -> Result<(), TrackerError> {
        let variables = json!({
            "issue": NO_ISSUE, "url": "https://example.invalid/conductor", "title": "Conductor: may this key write?",
        });
        let fields = self.transport.run_fields(&documents::WRITE_ACCESS, &variables)?;
        let refused = fields.errors.into_iter().map(|(_, error)| error);
        // Any other error means that the key got as far as the ticket that is not there.
        refused.filter(|error| matches!(error, TrackerError::Forbidden(_))).map(Err).next().unwrap_or(Ok(()))
    }

    fn credential(&self) -> Option<String> {
        Some(self.transport.fingerprint(self.scope.team.as_deref().unwrap_or_default()))
    }

    fn move_to(&self, issue: &Issue, state: &str) -> Result<Option<Time>, TrackerError> {
        if issue.state.is_named(state) {
            return Ok(None);
        }
        let variables = json!({ "id": issue.id, "state": self.state_id(issue, state)? });
        let data: MoveData = self.transport.run(&documents::MOVE, &variables)?;
        if !data.update.success {
            return Err(TrackerError::Protocol(format!("{}: the move was not made", issue.identifier)));
        }
        Ok(data.update.issue.map(|issue| issue.updated_at))
    }

    /// Once per URL: an attachment is by Linear's own rule, the comment by an id made from both.
    fn link(&self, issue: &Issue, link: &Link) -> Result<Option<Time>, TrackerError> {
        let comment = comment_id(issue, link);
        let attachment = json!({ "issueId": issue.id, "url": link.url, "title": link.title });
        let variables = json!({ "attachment": attachment, "comment": comment });
        let data: LinkData = self.transport.run(&documents::LINK, &variables)?;
        let attached = data.create.attachment.issue;
        if !data.create.success {
            return Err(TrackerError::Protocol(format!("{}: the link was not made", issue.identifier)));
        }
        if link.body.trim().is_empty() || !attached.comments.nodes.is_empty() {
            return Ok(Some(attached.updated_at));
        }
        let comment = json!({ "id": comment, "issueId": issue.id, "body": link.body });
        let data: CommentData = self.transport.run(&documents::COMMENT, &json!({ "comment": comment }))?;
        if !data.create.success {
            return Err(TrackerError::Protocol(format!("{}: the comment was not made", issue.identifier)));
        }
        Ok(Some(data.create.comment.issue.map_or(attached.updated_at, |issue| issue.updated_at)))
    }

    fn requests(&self) -> u64 {
        self.transport.requests()
    }
}

/// An id of the form Linear wants (UUID, version 4), the same for the same ticket and URL.
fn comment_id(issue: &Issue, link: &Link) -> String {
    update::uuid_of(&format!("conductor comment\n{}\n{}", issue.id, link.url))
}
