//! The rows of a fake Linear's world as GraphQL sees them: their fields, and whether a filter of
//! Linear's lets them through.

use super::world::{Issue, ME, World, written};
use serde_json::{Value, json};

/// A row of the world, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    Query,
    Mutation,
    /// What a mutation gives back, around the row it touched.
    Payload(&'static str, usize),
    Team(usize),
    State(usize),
    User(usize),
    Label(usize),
    Project(usize),
    Issue(usize),
    Relation(usize),
    Attachment(usize),
    Comment(usize),
}

pub enum Resolved {
    Leaf(Value),
    One(Option<Node>),
    /// Newest first.
    Many(Vec<Node>),
}

impl World {
    pub(super) fn is_archived(&self, node: Node) -> bool {
        match node {
            Node::Issue(at) => self.issues[at].archived_at.is_some(),
            Node::Comment(at) => self.comments[at].is_deleted,
            _ => false,
        }
    }

    pub(super) fn field(&self, node: Node, name: &str) -> Resolved {
        use Resolved::{Leaf, One};
        let world = self;
        match (node, name) {
            (Node::Payload(..), "success") => Leaf(json!(true)),
            (Node::Payload(_, at), "issue") => One(Some(Node::Issue(at))),
            (Node::Payload(_, at), "attachment") => One(Some(Node::Attachment(at))),
            (Node::Payload(_, at), "comment") => One(Some(Node::Comment(at))),
            (Node::Team(at), "id") => Leaf(json!(world.teams[at].id)),
            (Node::Team(at), "key") => Leaf(json!(world.teams[at].key)),
            (Node::Team(at), "name") => Leaf(json!(world.teams[at].name)),
            (Node::State(at), "id") => Leaf(json!(world.states[at].id)),
            (Node::State(at), "name") => Leaf(json!(world.states[at].name)),
            (Node::State(at), "type") => Leaf(json!(world.states[at].kind)),
            (Node::State(at), "team") => {
                One(place(&world.teams, &world.states[at].team, |row| &row.id, Node::Team))
            }
            (Node::User(at), "id") => Leaf(json!(world.users[at].id)),
            (Node::User(at), "name") => Leaf(json!(world.users[at].name)),
            (Node::User(at), "email") => Leaf(json!(world.users[at].email)),
            (Node::User(at), "isMe") => Leaf(json!(world.users[at].email == ME)),
            (Node::Label(at), "id") => Leaf(json!(world.labels[at].id)),
            (Node::Label(at), "name") => Leaf(json!(world.labels[at].name)),
            (Node::Project(at), "id") => Leaf(json!(world.projects[at].id)),
            (Node::Project(at), "name") => Leaf(json!(world.projects[at].name)),
            (Node::Project(at), "slugId") => Leaf(json!(&world.projects[at].id[24..])),
            (Node::Issue(at), _) => self.issue_field(&world.issues[at], name),
            (Node::Relation(at), "id") => Leaf(json!(world.relations[at].id)),
            (Node::Relation(at), "type") => Leaf(json!(world.relations[at].kind)),
            (Node::Relation(at), "issue") => One(self.issue_at(&world.relations[at].issue)),
            (Node::Relation(at), "relatedIssue") => One(self.issue_at(&world.relations[at].related)),
            (Node::Attachment(at), "id") => Leaf(json!(world.attachments[at].id)),
            (Node::Attachment(at), "url") => Leaf(json!(world.attachments[at].url)),
            (Node::Attachment(at), "issue") => One(self.issue_at(&world.attachments[at].issue)),
            (Node::Comment(at), "id") => Leaf(json!(world.comments[at].id)),
            (Node::Comment(at), "body") => Leaf(json!(world.comments[at].body)),
            (Node::Comment(at), "user") => {
                One(place(&world.users, &world.comments[at].user, |row| &row.id, Node::User))
            }
            (Node::Comment(at), "issue") => One(self.issue_at(&world.comments[at].issue)),
            (node, name) => panic!("the fake Linear has no {name} of {node:?}; add it"),
        }
    }

    fn issue_field(&self, issue: &Issue, name: &str) -> Resolved {
        use Resolved::{Leaf, Many, One};
        let world = self;
        let user = |id: &Option<String>| {
            One(id.as_ref().and_then(|id| place(&world.users, id, |row| &row.id, Node::User)))
        };
        match name {
            "id" => Leaf(json!(issue.id)),
            "identifier" => Leaf(json!(issue.identifier)),
            "title" if world.malformed.contains(&issue.identifier) => Leaf(Value::Null),
            "title" => Leaf(json!(issue.title)),
            "description" => Leaf(json!(issue.description)),
            "url" => Leaf(json!(format!("https://linear.app/fake/issue/{}", issue.identifier))),
            "priority" => Leaf(json!(issue.priority)),
            "estimate" => Leaf(json!(issue.estimate)),
            "createdAt" => Leaf(written(issue.created_at)),
            "updatedAt" => Leaf(written(issue.updated_at)),
            "archivedAt" => Leaf(issue.archived_at.map_or(Value::Null, written)),
            "trashed" => Leaf(Value::Null),
            "state" => One(place(&world.states, &issue.state, |row| &row.id, Node::State)),
            "team" => One(place(&world.teams, &issue.team, |row| &row.id, Node::Team)),
            "project" => One(issue
                .project
                .as_ref()
                .and_then(|id| place(&world.projects, id, |row| &row.id, Node::Project))),
            "assignee" => user(&issue.assignee),
            "creator" => user(&issue.creator),
            "labels" => {
                let labels = issue.labels.iter().rev();
                Many(labels.filter_map(|id| place(&world.labels, id, |row| &row.id, Node::Label)).collect())
            }
            "relations" => self.rows(world.relations.iter().map(|row| &row.issue), issue, Node::Relation),
            "inverseRelations" => {
                self.rows(world.relations.iter().map(|row| &row.related), issue, Node::Relation)
            }
            "attachments" => {
                self.rows(world.attachments.iter().map(|row| &row.issue), issue, Node::Attachment)
            }
            "comments" => self.rows(world.comments.iter().map(|row| &row.issue), issue, Node::Comment),
            other => panic!("the fake Linear's tickets have no {other}; add it"),
        }
    }

    fn rows<'w>(
        &self,
        owners: impl Iterator<Item = &'w String>,
        issue: &Issue,
        node: fn(usize) -> Node,
    ) -> Resolved {
        let own = owners.enumerate().filter(|(_, owner)| **owner == issue.id);
        let mut rows: Vec<Node> = own.map(|(at, _)| node(at)).collect();
        rows.reverse();
        Resolved::Many(rows)
    }

    fn issue_at(&self, id: &str) -> Option<Node> {
        place(&self.issues, id, |row| &row.id, Node::Issue)
    }

    /// A filter of Linear's: all its conditions hold.
    pub(super) fn matches(&self, node: Node, filter: &Value) -> bool {
        let Some(conditions) = filter.as_object() else { return true };
        conditions.iter().all(|(key, condition)| match key.as_str() {
            _ if condition.is_null() => true,
            "and" => each(condition).all(|filter| self.matches(node, filter)),
            // An empty `or` says nothing.
            "or" => {
                each(condition).next().is_none() || each(condition).any(|filter| self.matches(node, filter))
            }
            "null" => *condition == json!(false),
            _ => match self.field(node, key) {
                Resolved::Leaf(value) => self.compares(node, key, &value, condition),
                Resolved::One(Some(inner)) => self.matches(inner, condition),
                Resolved::One(None) => condition["null"] == json!(true),
                Resolved::Many(rows) => each_entry(condition).all(|(how, filter)| match how {
                    "some" => rows.iter().any(|row| self.matches(*row, filter)),
                    "every" => rows.iter().all(|row| self.matches(*row, filter)),
                    other => panic!("the fake Linear does not filter lists by {other}; add it"),
                }),
            },
        })
    }

    fn compares(&self, node: Node, key: &str, value: &Value, condition: &Value) -> bool {
        let lower = |value: &Value| value.as_str().map(str::to_lowercase);
        // Tickets may be named by what people call them where an id is wanted.
        let identifier = match node {
            Node::Issue(at) if key == "id" => json!(self.issues[at].identifier),
            _ => Value::Null,
        };
        let is = |wanted: &Value| value == wanted || (!identifier.is_null() && identifier == *wanted);
        each_entry(condition).all(|(how, wanted)| match how {
            "eq" => is(wanted),
            "neq" => !is(wanted),
            "in" => each(wanted).any(is),
            "nin" => !each(wanted).any(is),
            "startsWith" => {
                value.as_str().zip(wanted.as_str()).is_some_and(|(value, start)| value.starts_with(start))
            }
            "eqIgnoreCase" => lower(value) == lower(wanted),
            "neqIgnoreCase" => lower(value) != lower(wanted),
            "null" => value.is_null() == (*wanted == json!(true)),
            other => panic!("the fake Linear does not compare by {other}; add it"),
        })
    }
}

fn place<T>(rows: &[T], id: &str, id_of: impl Fn(&T) -> &String, node: fn(usize) -> Node) -> Option<Node> {
    rows.iter().position(|row| id_of(row) == id).map(node)
}

fn each(values: &Value) -> impl Iterator<Item = &Value> {
    values.as_array().into_iter().flatten()
}

fn each_entry(values: &Value) -> impl Iterator<Item = (&str, &Value)> {
    values.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}
