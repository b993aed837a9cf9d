//! Tickets that are no candidates. Open ones of the whole team, whatever their project; of the closed
//! ones only those changed last, since years of them would say nothing.

use super::issue::Listed;
use super::list::Page;
use super::scope::Scope;
use super::transport::Transport;
use super::wire::{IssuesData, OutsideData};
use super::{documents, filters, pages};
use crate::ports::{Outside, TrackerError};
use serde_json::{Value, json};

/// Further pages of open tickets that are read, at most.
const MAX_PAGES: usize = 4;

pub fn ask(transport: &Transport, scope: &Scope) -> Result<Outside, TrackerError> {
    let team = scope.team.as_deref().map(filters::team);
    let project = scope.project.as_deref().map(filters::project);
    let (open, closed) = (filters::open(team.as_ref()), filters::closed(team.as_ref(), project.as_ref()));
    let data: OutsideData = transport.run(&documents::OUTSIDE, &json!({ "open": open, "closed": closed }))?;
    let is_cut = data.closed.next()?.is_some();
    let (mut found, is_longer) = some_pages(transport, &open, data.issues)?;
    found.extend(data.closed.nodes);
    let tickets = pages::issues(transport, scope, found)?;
    Ok(Outside { issues: tickets.issues, is_partial: is_cut || is_longer })
}

/// The list as far as it is read, and whether it goes on.
fn some_pages(
    transport: &Transport,
    filter: &Value,
    first: Page<Listed>,
) -> Result<(Vec<Listed>, bool), TrackerError> {
    let mut next = first.next()?;
    let mut found = first.nodes;
    for _ in 0..MAX_PAGES {
        let Some(after) = next else { break };
        let variables = json!({ "issues": filter, "after": after });
        let data: IssuesData<Page<Listed>> = transport.run(&documents::ISSUES, &variables)?;
        next = data.issues.next()?;
        found.extend(data.issues.nodes);
    }
    Ok((found, next.is_some()))
}
