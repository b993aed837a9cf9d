//! Lists read to their end: pages of a query, and the lists inside a ticket.

use super::documents;
use super::issue::{Listed, Lists, Relation, WireIssue};
use super::list::{Named, Page};
use super::scope::Scope;
use super::transport::Transport;
use super::wire::IssueData;
use crate::model::Issue;
use crate::ports::{TicketFault, TrackerError};
use serde_json::json;

/// Everything from that page on; `fetch` gets the page after a cursor.
pub fn all<T>(
    first: Page<T>,
    fetch: impl Fn(&str) -> Result<Page<T>, TrackerError>,
) -> Result<Vec<T>, TrackerError> {
    let mut next = first.next()?;
    let mut nodes = first.nodes;
    while let Some(cursor) = next {
        let page = fetch(&cursor)?;
        next = page.next()?;
        if next.as_ref() == Some(&cursor) {
            return Err(TrackerError::Protocol("a list's next page is the page itself".to_owned()));
        }
        nodes.extend(page.nodes);
    }
    Ok(nodes)
}

/// Tickets with everything that belongs to them, and those that cannot be understood.
#[derive(Default)]
pub struct Tickets {
    pub issues: Vec<Issue>,
    pub faults: Vec<TicketFault>,
}

/// A ticket that cannot be read, or that went away meanwhile, does not stop the others.
pub fn issues(transport: &Transport, scope: &Scope, found: Vec<Listed>) -> Result<Tickets, TrackerError> {
    let mut tickets = Tickets::default();
    for Listed(read) in found {
        let wire = match read {
            Ok(wire) => wire,
            Err(fault) => {
                tickets.faults.push(fault);
                continue;
            }
        };
        let identifier = wire.identifier().to_owned();
        match issue(transport, scope, wire) {
            Ok(issue) => tickets.issues.push(issue),
            Err(TrackerError::NotFound(_)) => {}
            Err(TrackerError::Protocol(detail)) => tickets.faults.push(TicketFault { identifier, detail }),
            Err(error) => return Err(error),
        }
    }
    Ok(tickets)
}

/// The ticket with all its labels and blockers; costs a request only when they did not fit.
pub fn issue(transport: &Transport, scope: &Scope, wire: WireIssue) -> Result<Issue, TrackerError> {
    let (mut issue, labels, relations) = wire.into_parts(scope);
    let id = issue.id.as_str();
    let gone = || TrackerError::Protocol(format!("{id}: a list inside the ticket was left out"));
    let more = |labels: Option<&str>, relations: Option<&str>| -> Result<Lists, TrackerError> {
        let variables = json!({
            "id": id,
            "withLabels": labels.is_some(), "labelsAfter": labels,
            "withRelations": relations.is_some(), "relationsAfter": relations,
        });
        let data: IssueData<Lists> = transport.run(&documents::REST_OF_ISSUE, &variables)?;
        Ok(data.issue)
    };
    let labels: Vec<Named> = all(labels, |cursor| more(Some(cursor), None)?.labels.ok_or_else(gone))?;
    let relations: Vec<Relation> =
        all(relations, |cursor| more(None, Some(cursor))?.inverse_relations.ok_or_else(gone))?;
    issue.labels = labels.into_iter().map(|label| label.name).collect();
    issue.blocked_by = relations.into_iter().filter_map(Relation::into_blocker).collect();
    Ok(issue)
}
