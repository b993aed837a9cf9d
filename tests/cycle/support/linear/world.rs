//! What there is in a fake Linear, and what people do to it.

use serde_json::{Value, json};

/// Every row has an id of Linear's form, and the number in it says which row it is.
pub type Id = String;

#[derive(Debug)]
pub struct Team {
    pub id: Id,
    pub key: String,
    pub name: String,
}

#[derive(Debug)]
pub struct State {
    pub id: Id,
    pub team: Id,
    pub name: String,
    /// Linear's word: triage, backlog, unstarted, started, completed, canceled, duplicate.
    pub kind: String,
}

#[derive(Debug)]
pub struct User {
    pub id: Id,
    pub name: String,
    pub email: String,
}

#[derive(Debug)]
pub struct Named {
    pub id: Id,
    pub name: String,
}

#[derive(Debug)]
pub struct Issue {
    pub id: Id,
    pub identifier: String,
    pub team: Id,
    pub title: String,
    pub description: Option<String>,
    pub state: Id,
    pub priority: i64,
    pub estimate: Option<f64>,
    pub labels: Vec<Id>,
    pub assignee: Option<Id>,
    pub creator: Option<Id>,
    pub project: Option<Id>,
    pub created_at: i64,
    pub updated_at: i64,
    pub archived_at: Option<i64>,
}

#[derive(Debug)]
pub struct Relation {
    pub id: Id,
    pub kind: String,
    /// From this one …
    pub issue: Id,
    /// … to that one: `issue` blocks `related`.
    pub related: Id,
}

#[derive(Debug)]
pub struct Attachment {
    pub id: Id,
    pub issue: Id,
    pub url: String,
    pub title: String,
}

#[derive(Debug)]
pub struct Comment {
    pub id: Id,
    pub issue: Id,
    pub body: String,
    /// Who wrote it.
    pub user: Id,
    /// Its id stays taken.
    pub is_deleted: bool,
}

/// A ticket to add; labels, users and projects come into being by being named.
#[derive(Debug, Clone)]
pub struct Ticket<'a> {
    pub team: &'a str,
    pub title: &'a str,
    pub description: &'a str,
    pub state: &'a str,
    pub priority: i64,
    pub estimate: Option<f64>,
    pub labels: &'a [&'a str],
    /// E-mail addresses.
    pub assignee: Option<&'a str>,
    pub creator: Option<&'a str>,
    pub project: Option<&'a str>,
}

impl Default for Ticket<'_> {
    fn default() -> Self {
        Self {
            team: "ENG",
            title: "A ticket",
            description: "What is to be done.",
            state: "Todo",
            priority: 0,
            estimate: None,
            labels: &[],
            assignee: None,
            creator: None,
            project: None,
        }
    }
}

#[derive(Debug)]
pub struct World {
    /// Epoch milliseconds; a second goes by with every change.
    now: i64,
    rows: u64,
    pub teams: Vec<Team>,
    pub states: Vec<State>,
    pub users: Vec<User>,
    pub labels: Vec<Named>,
    pub projects: Vec<Named>,
    pub issues: Vec<Issue>,
    pub relations: Vec<Relation>,
    pub attachments: Vec<Attachment>,
    pub comments: Vec<Comment>,
    /// Identifiers of tickets whose title is missing from answers.
    pub malformed: Vec<String>,
}

/// Whose key it is.
pub const ME: &str = "conductor@example.com";

const USUAL_STATES: [(&str, &str); 7] = [
    ("Backlog", "backlog"),
    ("Todo", "unstarted"),
    ("In Progress", "started"),
    ("In Review", "started"),
    ("Done", "completed"),
    ("Canceled", "canceled"),
    ("Duplicate", "duplicate"),
];

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            now: 1_700_000_000_000,
            rows: 0,
            teams: Vec::new(),
            states: Vec::new(),
            users: Vec::new(),
            labels: Vec::new(),
            projects: Vec::new(),
            issues: Vec::new(),
            relations: Vec::new(),
            attachments: Vec::new(),
            comments: Vec::new(),
            malformed: Vec::new(),
        };
        world.user(ME);
        world.add_team("ENG", "Engineering");
        world
    }

    /// A team with the usual states.
    pub fn add_team(&mut self, key: &str, name: &str) {
        let id = self.next_id();
        self.teams.push(Team { id, key: key.to_owned(), name: name.to_owned() });
        for (name, kind) in USUAL_STATES {
            self.add_state(key, name, kind);
        }
    }

    pub fn add_state(&mut self, team: &str, name: &str, kind: &str) {
        let (id, team) = (self.next_id(), self.team(team));
        self.states.push(State { id, team, name: name.to_owned(), kind: kind.to_owned() });
    }

    pub fn rename_state(&mut self, team: &str, name: &str, to: &str) {
        let team = self.team(team);
        let state = self.states.iter_mut().find(|state| state.team == team && state.name == name);
        state.expect("the state").name = to.to_owned();
    }

    /// Adds it and says what it is called: `ENG-1`.
    pub fn add(&mut self, ticket: Ticket<'_>) -> String {
        let team = self.team(ticket.team);
        let number = 1 + self.issues.iter().filter(|issue| issue.team == team).count();
        let identifier = format!("{}-{number}", ticket.team);
        let id = self.next_id();
        let issue = Issue {
            id,
            identifier: identifier.clone(),
            state: self.state(&team, ticket.state),
            team,
            title: ticket.title.to_owned(),
            description: Some(ticket.description.to_owned()).filter(|text| !text.is_empty()),
            priority: ticket.priority,
            estimate: ticket.estimate,
            labels: ticket.labels.iter().map(|label| self.label(label)).collect(),
            assignee: ticket.assignee.map(|email| self.user(email)),
            creator: ticket.creator.map(|email| self.user(email)),
            project: ticket.project.map(|name| self.project(name)),
            created_at: self.now,
            updated_at: self.now,
            archived_at: None,
        };
        self.issues.push(issue);
        identifier
    }

    /// The ticket called that, or with that id.
    pub fn issue(&self, name: &str) -> &Issue {
        self.find(name).unwrap_or_else(|| panic!("no ticket {name}"))
    }

    pub fn find(&self, name: &str) -> Option<&Issue> {
        self.issues.iter().find(|issue| issue.id == name || issue.identifier.eq_ignore_ascii_case(name))
    }

    /// The ticket, to be changed: that counts as a change.
    pub fn change(&mut self, name: &str) -> &mut Issue {
        self.now += 1000;
        let now = self.now;
        let id = self.issue(name).id.clone();
        let issue = self.issues.iter_mut().find(|issue| issue.id == id).expect("the ticket");
        issue.updated_at = now;
        issue
    }

    pub fn move_to(&mut self, name: &str, state: &str) {
        let state = self.state(&self.issue(name).team.clone(), state);
        self.change(name).state = state;
    }

    pub fn add_label(&mut self, name: &str, label: &str) {
        let label = self.label(label);
        self.change(name).labels.push(label);
    }

    pub fn remove_label(&mut self, name: &str, label: &str) {
        let label = self.label(label);
        self.change(name).labels.retain(|known| *known != label);
    }

    pub fn assign(&mut self, name: &str, email: Option<&str>) {
        let user = email.map(|email| self.user(email));
        self.change(name).assignee = user;
    }

    pub fn archive(&mut self, name: &str) {
        let issue = self.change(name);
        issue.archived_at = Some(issue.updated_at);
    }

    /// Gone for good.
    pub fn delete(&mut self, name: &str) {
        let id = self.issue(name).id.clone();
        self.issues.retain(|issue| issue.id != id);
        self.relations.retain(|relation| relation.issue != id && relation.related != id);
    }

    pub fn block(&mut self, name: &str, by: &str) {
        self.relate(by, "blocks", name);
    }

    /// `from` is related to `to` in that way: `ENG-1 blocks ENG-2`.
    pub fn relate(&mut self, from: &str, kind: &str, to: &str) {
        let (id, issue, related) = (self.next_id(), self.issue(from).id.clone(), self.issue(to).id.clone());
        self.relations.push(Relation { id, kind: kind.to_owned(), issue, related });
        self.change(from);
        self.change(to);
    }

    pub fn state_of(&self, name: &str) -> &str {
        let id = &self.issue(name).state;
        &self.states.iter().find(|state| state.id == *id).expect("its state").name
    }

    /// The addresses attached to it.
    pub fn links_of(&self, name: &str) -> Vec<&str> {
        let id = &self.issue(name).id;
        self.attachments.iter().filter(|row| row.issue == *id).map(|row| row.url.as_str()).collect()
    }

    pub fn comments_of(&self, name: &str) -> Vec<&str> {
        let id = &self.issue(name).id;
        let of_issue = self.comments.iter().filter(|row| row.issue == *id && !row.is_deleted);
        of_issue.map(|row| row.body.as_str()).collect()
    }

    /// What somebody writes below a ticket; returns the comment's id.
    pub fn comment_by_hand(&mut self, name: &str, email: &str, body: &str) -> Id {
        let (id, user, issue) = (self.next_id(), self.user(email), self.issue(name).id.clone());
        let (body, is_deleted) = (body.to_owned(), false);
        self.comments.push(Comment { id: id.clone(), issue: issue.clone(), body, user, is_deleted });
        self.change(&issue);
        id
    }

    /// Somebody deletes all comments of a ticket.
    pub fn delete_comments(&mut self, name: &str) {
        let issue = self.issue(name).id.clone();
        for comment in self.comments.iter_mut().filter(|row| row.issue == issue) {
            comment.is_deleted = true;
        }
    }

    /// The label's id; it comes into being by being named.
    pub fn label(&mut self, name: &str) -> Id {
        if let Some(label) = self.labels.iter().find(|label| label.name == name) {
            return label.id.clone();
        }
        let id = self.next_id();
        self.labels.push(Named { id: id.clone(), name: name.to_owned() });
        id
    }

    /// One more label of that name, as each team may have one.
    pub fn add_label_of_another_team(&mut self, name: &str) {
        let id = self.next_id();
        self.labels.push(Named { id, name: name.to_owned() });
    }

    pub fn project(&mut self, name: &str) -> Id {
        if let Some(project) = self.projects.iter().find(|project| project.name == name) {
            return project.id.clone();
        }
        let id = self.next_id();
        self.projects.push(Named { id: id.clone(), name: name.to_owned() });
        id
    }

    pub fn user(&mut self, email: &str) -> Id {
        if let Some(user) = self.users.iter().find(|user| user.email == email) {
            return user.id.clone();
        }
        let id = self.next_id();
        let name = email.split('@').next().unwrap_or(email).to_owned();
        self.users.push(User { id: id.clone(), name, email: email.to_owned() });
        id
    }

    pub fn me(&self) -> &str {
        &self.users[0].id
    }

    pub(super) fn attach(&mut self, issue: &str, url: &str, title: &str) -> usize {
        let known = self.attachments.iter().position(|row| row.issue == issue && row.url == url);
        let at = known.unwrap_or_else(|| {
            let id = self.next_id();
            let (issue, url) = (issue.to_owned(), url.to_owned());
            self.attachments.push(Attachment { id, issue, url, title: String::new() });
            self.attachments.len() - 1
        });
        self.attachments[at].title = title.to_owned();
        self.change(issue);
        at
    }

    pub(super) fn comment(&mut self, id: Option<&str>, issue: &str, body: &str) -> Result<usize, String> {
        if id.is_some_and(|id| !is_uuid_v4(id)) {
            return Err("Argument Validation Error: id must be a UUID".to_owned());
        }
        if id.is_some_and(|id| self.comments.iter().any(|row| row.id == id)) {
            return Err("Entity Comment already exists".to_owned());
        }
        let id = id.map_or_else(|| self.next_id(), str::to_owned);
        let (issue, body, user) = (issue.to_owned(), body.to_owned(), self.me().to_owned());
        self.comments.push(Comment { id, issue: issue.clone(), body, user, is_deleted: false });
        self.change(&issue);
        Ok(self.comments.len() - 1)
    }

    pub(super) fn comment_at(&self, id: &str) -> Option<usize> {
        self.comments.iter().position(|row| row.id == id && !row.is_deleted)
    }

    pub(super) fn edit_comment(&mut self, at: usize, body: &str) {
        self.comments[at].body = body.to_owned();
        let issue = self.comments[at].issue.clone();
        self.change(&issue);
    }

    fn team(&self, key: &str) -> Id {
        self.teams.iter().find(|team| team.key == key).unwrap_or_else(|| panic!("no team {key}")).id.clone()
    }

    fn state(&self, team: &str, name: &str) -> Id {
        let state = self.states.iter().find(|state| state.team == team && state.name == name);
        state.unwrap_or_else(|| panic!("no state {name}")).id.clone()
    }

    fn next_id(&mut self) -> Id {
        self.rows += 1;
        self.now += 1000;
        format!("00000000-0000-4000-8000-{:012}", self.rows)
    }
}

/// A moment as Linear writes it.
pub fn written(at: i64) -> Value {
    let at = chrono::DateTime::from_timestamp_millis(at).expect("a moment");
    json!(at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

fn is_uuid_v4(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            14 => c == '4',
            19 => "89ab".contains(c),
            _ => c.is_ascii_hexdigit(),
        })
}
