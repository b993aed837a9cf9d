//! Every document the Linear adapter sends, held against Linear's schema.
//!
//! `fixtures/linear-schema.graphql` is a cut of the schema Linear publishes
//! (<https://github.com/linear/linear>, `packages/sdk/src/schema.graphql`). To renew it:
//! `LINEAR_SCHEMA=path/to/schema.graphql cargo test --test adapters linear_schema`.

use crate::support::graphql::{self, Schema};
use crate::support::linear::SCHEMA_TEXT;
use conductor::adapters::tracker::linear::documents::documents;
use graphql_parser::query::{Type, parse_query};
use graphql_parser::schema;
use std::collections::BTreeSet;

/// What the documents and the fake speak of; fields that lead elsewhere are left out of the cut.
const TYPES: [&str; 47] = [
    "Attachment",
    "AttachmentPayload",
    "Comment",
    "CommentConnection",
    "CommentPayload",
    "Issue",
    "IssueConnection",
    "IssueLabel",
    "IssueLabelConnection",
    "IssuePayload",
    "IssueRelation",
    "IssueRelationConnection",
    "PageInfo",
    "Project",
    "ProjectConnection",
    "Team",
    "TeamConnection",
    "User",
    "WorkflowState",
    "WorkflowStateConnection",
    "PaginationOrderBy",
    "AttachmentCreateInput",
    "CommentCreateInput",
    "CommentUpdateInput",
    "IssueUpdateInput",
    "SLADayCountType",
    "CommentFilter",
    "IssueCollectionFilter",
    "IssueFilter",
    "IssueLabelCollectionFilter",
    "IssueLabelFilter",
    "NullableIssueFilter",
    "NullableProjectFilter",
    "NullableTeamFilter",
    "NullableUserFilter",
    "ProjectFilter",
    "TeamFilter",
    "UserFilter",
    "WorkflowStateFilter",
    "BooleanComparator",
    "DateComparator",
    "IDComparator",
    "IssueIDComparator",
    "NullableDateComparator",
    "NullableStringComparator",
    "NumberComparator",
    "StringComparator",
];

/// Of `Query` and `Mutation` only these.
const ROOTS: [&str; 11] = [
    "attachmentCreate",
    "commentCreate",
    "commentUpdate",
    "issue",
    "issueLabels",
    "issueUpdate",
    "issues",
    "projects",
    "teams",
    "viewer",
    "workflowStates",
];

#[test]
fn every_document_is_valid_against_linears_schema() {
    let (whole, cut) = match std::env::var_os("LINEAR_SCHEMA") {
        Some(path) => {
            let whole = std::fs::read_to_string(path).unwrap();
            let cut = cut(&whole);
            let fixture =
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/fixtures/linear-schema.graphql");
            std::fs::write(fixture, &cut).unwrap();
            (whole, cut)
        }
        None => (SCHEMA_TEXT.to_owned(), SCHEMA_TEXT.to_owned()),
    };
    for text in [whole, cut] {
        let schema = Schema::parse(&text);
        for document in documents() {
            let parsed = parse_query::<String>(document.text).unwrap().into_static();
            assert_eq!(schema.faults(&parsed), Vec::<String>::new(), "{}", document.name);
        }
    }
}

#[test]
fn every_document_holds_one_operation_of_its_own_name() {
    for document in documents() {
        let operations: Vec<&str> = document
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("query ").or_else(|| line.strip_prefix("mutation ")))
            .map(|rest| rest.split('(').next().unwrap())
            .collect();
        assert_eq!(operations, [document.name]);
    }
}

#[test]
fn a_document_the_schema_does_not_allow_is_told_from_one_it_does() {
    let schema = Schema::parse(SCHEMA_TEXT);
    let faults = |text: &str| schema.faults(&parse_query::<String>(text).unwrap().into_static()).join("; ");
    for (text, fault) in [
        ("query Q { issues { nodes { id } } }", ""),
        ("query Q { issues { nodes { shoeSize } } }", "Issue has no field shoeSize"),
        ("query Q { issues(limit: 5) { nodes { id } } }", "Query.issues takes no argument limit"),
        ("query Q { issue { id } }", "Query.issue needs the argument id"),
        ("query Q { issue(id: 5) { id } }", "Query.issue(id): 5 is no String"),
        ("query Q { issue(id: \"ENG-1\") { state } }", "Issue.state needs a selection"),
        ("query Q { issue(id: \"ENG-1\") { title { text } } }", "Issue.title has nothing to select from"),
        ("query Q($id: String) { issue(id: $id) { id } }", "Query.issue(id): $id is String, not String!"),
        ("query Q($id: Shoe!) { issue(id: $id) { id } }", "$id: Shoe! is no input type"),
        ("query Q($id: String!, $x: Int) { issue(id: $id) { id } }", "variable $x is never used"),
        ("query Q { issue(id: $id) { id } }", "Query.issue(id): $id is not declared"),
        ("query Q { issues(first: \"ten\") { nodes { id } } }", "Query.issues(first): \"ten\" is no Int"),
        (
            "query Q { issues(filter: { name: { eq: \"x\" } }) { nodes { id } } }",
            "Query.issues(filter): IssueFilter has no field name",
        ),
        (
            "query Q { issues(filter: { state: { name: { inIgnoreCase: [\"x\"] } } }) { nodes { id } } }",
            "Query.issues(filter).state.name: StringComparator has no field inIgnoreCase",
        ),
        (
            "query Q { issues { nodes { ...F } } } fragment F on Team { id }",
            "fragment F is on Team, not on Issue",
        ),
        ("query Q { issues { nodes { ...F } } }", "no fragment F"),
        ("query Q { viewer { id } } fragment F on Issue { id }", "fragment F is never used"),
        (
            "mutation M { issueUpdate(id: \"x\") { success } }",
            "Mutation.issueUpdate needs the argument input",
        ),
        (
            "mutation M { commentCreate(input: { text: \"x\" }) { success } }",
            "Mutation.commentCreate(input): CommentCreateInput has no field text",
        ),
        ("query Q { viewer { id: name id } }", "User.id means two things"),
    ] {
        assert!(
            faults(text).starts_with(fault) && faults(text).is_empty() == fault.is_empty(),
            "{text}: {}",
            faults(text)
        );
    }
}

/// The part of a schema that is made of [`TYPES`]: what leads to others is left out, as are
/// descriptions.
fn cut(text: &str) -> String {
    use schema::{Definition, TypeDefinition};
    let mut document = schema::parse_schema::<String>(text).expect("a schema");
    let scalars: BTreeSet<String> = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::TypeDefinition(TypeDefinition::Scalar(scalar)) => Some(scalar.name.clone()),
            _ => None,
        })
        .chain(["Int", "Float", "String", "Boolean", "ID"].map(str::to_owned))
        .collect();
    let stays = |kind: &Type<'_, String>| {
        scalars.contains(graphql::base(kind)) || TYPES.contains(&graphql::base(kind))
    };
    let inputs = |fields: &mut Vec<schema::InputValue<'_, String>>| {
        fields.retain(|field| stays(&field.value_type));
        for field in fields {
            field.description = None;
            field.directives.clear();
        }
    };
    document.definitions.retain_mut(|definition| match definition {
        Definition::TypeDefinition(TypeDefinition::Scalar(scalar)) => {
            scalar.description = None;
            scalar.directives.clear();
            true
        }
        Definition::TypeDefinition(TypeDefinition::Object(object)) => {
            let is_root = ["Query", "Mutation"].contains(&object.name.as_str());
            object.fields.retain(|field| match is_root {
                true => ROOTS.contains(&field.name.as_str()),
                false => stays(&field.field_type),
            });
            for field in &mut object.fields {
                field.description = None;
                field.directives.clear();
                inputs(&mut field.arguments);
            }
            object.description = None;
            object.implements_interfaces.clear();
            is_root || TYPES.contains(&object.name.as_str())
        }
        Definition::TypeDefinition(TypeDefinition::InputObject(object)) => {
            inputs(&mut object.fields);
            object.description = None;
            TYPES.contains(&object.name.as_str())
        }
        Definition::TypeDefinition(TypeDefinition::Enum(words)) => {
            words.description = None;
            words.values.iter_mut().for_each(|value| value.description = None);
            TYPES.contains(&words.name.as_str())
        }
        _ => false,
    });
    let whole = document.to_string();
    // A scalar nothing speaks of any more.
    let unused = |line: &str| {
        line.strip_prefix("scalar ")
            .is_some_and(|name| !whole.contains(&format!(": {name}")) && !whole.contains(&format!("[{name}")))
    };
    let lines = whole.lines().filter(|line| !unused(line)).collect::<Vec<_>>().join("\n");
    lines.replace("\n\n\n", "\n\n") + "\n"
}
