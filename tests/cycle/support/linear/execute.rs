//! Carries out a document against the world: selections, arguments, filters, pages, mutations,
//! and what it costs.

use super::graphql::literal;
use super::rows::{Node, Resolved};
use super::world::{ME, World};
use super::{FieldFault, Reply, Rules, Value, json};
use graphql_parser::query::{
    Definition, Directive, Document, Field, FragmentDefinition, Selection, SelectionSet,
};
use serde_json::Map;
use std::collections::HashMap;

/// Rows of a list when `first` does not say, and the most it may say.
const DEFAULT_FIRST: usize = 50;
const MAX_FIRST: usize = 250;

/// An answer without data.
#[derive(Debug)]
pub struct Fault {
    status: u16,
    code: &'static str,
    message: String,
    friendly: Option<&'static str>,
    /// The field of the operation that failed.
    path: Option<String>,
}

impl Fault {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), friendly: None, path: None }
    }

    /// <https://github.com/linear/linear/issues/895>
    fn missing_scope() -> Self {
        Self::new(400, "FORBIDDEN", "Invalid scope: `write` required")
    }

    fn at(mut self, field: &str) -> Self {
        self.path.get_or_insert_with(|| field.to_owned());
        self
    }

    fn not_found(what: &str) -> Self {
        let friendly = Some("Could not find referenced entity.");
        Self { friendly, ..Self::new(200, "INPUT_ERROR", format!("Entity not found: {what}")) }
    }

    fn input(message: impl Into<String>) -> Self {
        Self::new(200, "INPUT_ERROR", message)
    }

    pub fn reply(&self) -> Reply {
        Reply::json(self.status, &json!({ "data": null, "errors": [self.error()] }))
    }

    pub fn error(&self) -> Value {
        let is_forbidden = self.code == "FORBIDDEN";
        let mut extensions = json!({
            "code": self.code, "statusCode": if is_forbidden { 403 } else { self.status }, "userError": true,
            "userPresentableMessage": self.friendly.unwrap_or(&self.message),
            "http": {"status": self.status},
        });
        if is_forbidden {
            extensions["type"] = json!("forbidden");
        }
        let mut error = json!({ "message": self.message, "extensions": extensions });
        if let Some(field) = &self.path {
            error["path"] = json!([field]);
        }
        error
    }
}

type Selected<'b> = &'b SelectionSet<'static, String>;

pub enum Operation<'b> {
    Query(Selected<'b>),
    Mutation(Selected<'b>),
}

pub struct Execution<'b> {
    world: &'b mut World,
    fragments: HashMap<&'b str, &'b FragmentDefinition<'static, String>>,
    variables: &'b Value,
    without_cursors: bool,
    rules: Rules,
    field_faults: Option<&'b mut Vec<FieldFault>>,
    /// Fields that failed beside others that did not.
    pub failed: Vec<Fault>,
}

impl<'b> Execution<'b> {
    pub fn new(
        world: &'b mut World,
        document: &'b Document<'static, String>,
        variables: &'b Value,
        without_cursors: bool,
    ) -> Self {
        let fragments = document.definitions.iter().filter_map(|definition| match definition {
            Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
            Definition::Operation(_) => None,
        });
        Self {
            fragments: fragments.collect(),
            world,
            variables,
            without_cursors,
            rules: Rules::default(),
            field_faults: None,
            failed: Vec::new(),
        }
    }

    /// What the key may do, and what fails in spite of it.
    pub fn allow(&mut self, rules: &Rules, faults: &'b mut Vec<FieldFault>) {
        self.rules = rules.clone();
        self.field_faults = Some(faults);
    }

    pub fn run(&mut self, operation: Operation<'b>) -> Result<Value, Fault> {
        let mut data = Map::new();
        match operation {
            Operation::Query(selection) => self.select(Node::Query, selection, &mut data)?,
            Operation::Mutation(selection) => self.select(Node::Mutation, selection, &mut data)?,
        }
        Ok(Value::Object(data))
    }

    /// Linear's count: 0.1 a property, 1 an object, a list as often as its `first` says.
    pub fn complexity(&self, operation: &Operation<'b>) -> f64 {
        let (Operation::Query(selection) | Operation::Mutation(selection)) = operation;
        self.cost(selection)
    }

    fn cost(&self, selection: Selected<'b>) -> f64 {
        let of_field = |field: &'b Field<'static, String>| {
            if field.selection_set.items.is_empty() {
                return 0.1;
            }
            let inner = self.cost(&field.selection_set);
            let is_list = field.selection_set.items.iter().any(
                |item| matches!(item, Selection::Field(field) if ["nodes", "edges"].contains(&field.name.as_str())),
            );
            if is_list { inner * self.first(field) as f64 } else { 1.0 + inner }
        };
        let of_item = |item: &'b Selection<'static, String>| match item {
            Selection::Field(field) => of_field(field),
            Selection::FragmentSpread(spread) => {
                self.cost(&self.fragments[spread.fragment_name.as_str()].selection_set)
            }
            Selection::InlineFragment(fragment) => self.cost(&fragment.selection_set),
        };
        selection.items.iter().map(of_item).sum()
    }

    fn first(&self, field: &Field<'_, String>) -> usize {
        let first = self.argument(field, "first").as_u64();
        first.map_or(DEFAULT_FIRST, |first| usize::try_from(first).expect("a small number"))
    }

    fn argument(&self, field: &Field<'_, String>, name: &str) -> Value {
        let value = field.arguments.iter().find(|(argument, _)| argument == name);
        value.map_or(Value::Null, |(_, value)| literal(value, self.variables))
    }

    fn select(
        &mut self,
        node: Node,
        selection: Selected<'b>,
        into: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        for item in &selection.items {
            match item {
                Selection::Field(field) if self.is_included(&field.directives) => {
                    let name = field.alias.as_ref().unwrap_or(&field.name);
                    let value = match self.value(node, field) {
                        Err(fault) if matches!(node, Node::Query | Node::Mutation) => {
                            if !self.rules.keeps_data {
                                return Err(fault.at(name));
                            }
                            self.failed.push(fault.at(name));
                            Value::Null
                        }
                        value => value?,
                    };
                    merge(into.entry(name.clone()).or_insert(Value::Null), value);
                }
                Selection::FragmentSpread(spread) if self.is_included(&spread.directives) => {
                    let fragment = self.fragments[spread.fragment_name.as_str()];
                    self.select(node, &fragment.selection_set, into)?;
                }
                Selection::InlineFragment(fragment) if self.is_included(&fragment.directives) => {
                    self.select(node, &fragment.selection_set, into)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_included(&self, directives: &[Directive<'_, String>]) -> bool {
        directives.iter().all(|directive| {
            let holds = literal(&directive.arguments[0].1, self.variables) == json!(true);
            holds == (directive.name == "include")
        })
    }

    fn value(&mut self, node: Node, field: &'b Field<'static, String>) -> Result<Value, Fault> {
        let resolved = match node {
            Node::Query => self.root(field)?,
            Node::Mutation => Resolved::One(Some(self.mutate(field)?)),
            _ => self.world.field(node, &field.name),
        };
        match resolved {
            Resolved::Leaf(value) => Ok(value),
            Resolved::One(None) => Ok(Value::Null),
            Resolved::One(Some(node)) => self.object(node, &field.selection_set),
            Resolved::Many(rows) => self.list(rows, field),
        }
    }

    fn object(&mut self, node: Node, selection: Selected<'b>) -> Result<Value, Fault> {
        let mut object = Map::new();
        self.select(node, selection, &mut object)?;
        Ok(Value::Object(object))
    }

    fn root(&self, field: &Field<'_, String>) -> Result<Resolved, Fault> {
        let rows =
            |count: usize, node: fn(usize) -> Node| Resolved::Many((0..count).rev().map(node).collect());
        Ok(match field.name.as_str() {
            "viewer" => {
                Resolved::One(self.world.users.iter().position(|user| user.email == ME).map(Node::User))
            }
            "teams" => rows(self.world.teams.len(), Node::Team),
            "workflowStates" => rows(self.world.states.len(), Node::State),
            "issueLabels" => rows(self.world.labels.len(), Node::Label),
            "projects" => rows(self.world.projects.len(), Node::Project),
            "issues" => rows(self.world.issues.len(), Node::Issue),
            "issue" => Resolved::One(Some(self.issue(&self.argument(field, "id"))?)),
            other => return Err(Fault::input(format!("this fake has no query {other}"))),
        })
    }

    fn issue(&self, id: &Value) -> Result<Node, Fault> {
        let found =
            id.as_str().and_then(|id| self.world.find(id)).ok_or_else(|| Fault::not_found("Issue"))?;
        let at = self.world.issues.iter().position(|issue| issue.id == found.id);
        Ok(Node::Issue(at.expect("its place")))
    }

    /// Scopes are looked at first, as Linear does: a key that may not write learns nothing else.
    fn permit(&mut self, field: &str) -> Result<(), Fault> {
        if self.rules.read_only || self.rules.forbidden_fields.contains(&field) {
            return Err(Fault::missing_scope());
        }
        let faults = self.field_faults.iter_mut().flat_map(|faults| faults.iter_mut());
        match faults.into_iter().find(|fault| fault.left > 0 && fault.field == field) {
            Some(fault) => {
                fault.left -= 1;
                Err(Fault::new(200, "INTERNAL_SERVER_ERROR", &fault.message))
            }
            None => Ok(()),
        }
    }

    fn mutate(&mut self, field: &Field<'_, String>) -> Result<Node, Fault> {
        self.permit(&field.name)?;
        let input = self.argument(field, "input");
        let text = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
        match field.name.as_str() {
            "issueUpdate" => {
                let node = self.issue(&self.argument(field, "id"))?;
                self.update(node, input.as_object().expect("an input"))?;
                let Node::Issue(at) = node else { unreachable!("an issue") };
                Ok(Node::Payload("issue", at))
            }
            "attachmentCreate" => {
                let Node::Issue(at) = self.issue(&input["issueId"])? else { unreachable!("an issue") };
                let issue = self.world.issues[at].id.clone();
                Ok(Node::Payload("attachment", self.world.attach(&issue, &text("url"), &text("title"))))
            }
            "commentCreate" => {
                let Node::Issue(at) = self.issue(&input["issueId"])? else { unreachable!("an issue") };
                let issue = self.world.issues[at].id.clone();
                let at =
                    self.world.comment(input["id"].as_str(), &issue, &text("body")).map_err(Fault::input)?;
                Ok(Node::Payload("comment", at))
            }
            "commentUpdate" => {
                let id = self.argument(field, "id");
                let at = self.world.comment_at(id.as_str().unwrap_or_default());
                let at = at.ok_or_else(|| Fault::not_found("Comment"))?;
                if self.world.comments[at].user != self.world.me() {
                    return Err(Fault::new(400, "FORBIDDEN", "Only its author can edit a comment"));
                }
                self.world.edit_comment(at, &text("body"));
                Ok(Node::Payload("comment", at))
            }
            other => Err(Fault::input(format!("this fake has no mutation {other}"))),
        }
    }

    fn update(&mut self, node: Node, input: &Map<String, Value>) -> Result<(), Fault> {
        let Node::Issue(at) = node else { unreachable!("an issue") };
        let id = self.world.issues[at].id.clone();
        for (key, value) in input {
            let texts =
                || value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            match key.as_str() {
                "stateId" => {
                    let state = self.world.states.iter().find(|state| json!(state.id) == *value);
                    let state = state.ok_or_else(|| Fault::not_found("WorkflowState"))?;
                    if state.team != self.world.issues[at].team {
                        let message =
                            "Discrepancy between issue state and team: the state is not of the issue's team";
                        return Err(Fault::input(message));
                    }
                    let state = state.id.clone();
                    self.world.change(&id).state = state;
                }
                "labelIds" => self.world.change(&id).labels = texts().collect(),
                "addedLabelIds" => self.world.change(&id).labels.extend(texts()),
                "removedLabelIds" => {
                    let removed: Vec<String> = texts().collect();
                    self.world.change(&id).labels.retain(|label| !removed.contains(label));
                }
                other => return Err(Fault::input(format!("this fake does not update {other}"))),
            }
        }
        Ok(())
    }

    fn list(&mut self, rows: Vec<Node>, field: &'b Field<'static, String>) -> Result<Value, Fault> {
        let first = self.first(field);
        if first > MAX_FIRST {
            return Err(Fault::input(format!("first: {first} is more than {MAX_FIRST}")));
        }
        let with_archived = self.argument(field, "includeArchived") == json!(true);
        let filter = self.argument(field, "filter");
        let mut rows: Vec<Node> =
            rows.into_iter().filter(|row| with_archived || !self.world.is_archived(*row)).collect();
        rows.retain(|row| self.world.matches(*row, &filter));
        if let Some(after) = self.argument(field, "after").as_str() {
            let known = rows.iter().position(|row| cursor(*row) == after);
            let known = known.ok_or_else(|| Fault::input("the cursor is not of this list"))?;
            rows.drain(..=known);
        }
        let has_next = rows.len() > first;
        rows.truncate(first);
        let end = rows.last().filter(|_| !(has_next && self.without_cursors)).map(|row| cursor(*row));
        let mut list = Map::new();
        for item in &field.selection_set.items {
            let Selection::Field(field) = item else { return Err(Fault::input("a list in a fragment")) };
            let value = match field.name.as_str() {
                "nodes" => {
                    let nodes = rows.iter().map(|row| self.object(*row, &field.selection_set));
                    Value::Array(nodes.collect::<Result<_, _>>()?)
                }
                _ => json!({ "hasNextPage": has_next, "endCursor": end }),
            };
            list.insert(field.name.clone(), value);
        }
        Ok(Value::Object(list))
    }
}

/// Opaque, and good for this row only.
fn cursor(node: Node) -> String {
    format!("{node:?}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Two selections of the same thing become one.
fn merge(into: &mut Value, value: Value) {
    match (into, value) {
        (Value::Object(into), Value::Object(value)) => {
            for (key, value) in value {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(value)) if into.len() == value.len() => {
            into.iter_mut().zip(value).for_each(|(into, value)| merge(into, value));
        }
        (into, value) => *into = value,
    }
}
