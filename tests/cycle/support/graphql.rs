//! GraphQL for the tests: a schema, and documents and variables held against it. What a server
//! answers is the server's business.

use graphql_parser::query::{
    Definition, Directive, Document, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
    Type, TypeCondition, Value, VariableDefinition,
};
use graphql_parser::schema;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Text = String;

/// Types by name, as far as validation needs them.
pub struct Schema {
    types: HashMap<String, Kind>,
}

enum Kind {
    Output(HashMap<String, OutputField>),
    Input(HashMap<String, Type<'static, Text>>),
    Enum(Vec<String>),
    Scalar,
}

struct OutputField {
    kind: Type<'static, Text>,
    arguments: HashMap<String, Type<'static, Text>>,
}

impl Schema {
    pub fn parse(text: &str) -> Self {
        let document = schema::parse_schema::<Text>(text).expect("a schema").into_static();
        let mut types: HashMap<String, Kind> =
            ["Int", "Float", "String", "Boolean", "ID"].map(|name| (name.to_owned(), Kind::Scalar)).into();
        for definition in document.definitions {
            let schema::Definition::TypeDefinition(definition) = definition else { continue };
            let (name, kind) = match definition {
                schema::TypeDefinition::Object(object) => (object.name, Kind::Output(fields(object.fields))),
                schema::TypeDefinition::Interface(object) => {
                    (object.name, Kind::Output(fields(object.fields)))
                }
                schema::TypeDefinition::InputObject(object) => {
                    let fields = object.fields.into_iter().map(|field| (field.name, field.value_type));
                    (object.name, Kind::Input(fields.collect()))
                }
                schema::TypeDefinition::Enum(words) => {
                    (words.name, Kind::Enum(words.values.into_iter().map(|value| value.name).collect()))
                }
                schema::TypeDefinition::Scalar(scalar) => (scalar.name, Kind::Scalar),
                schema::TypeDefinition::Union(_) => continue,
            };
            types.insert(name, kind);
        }
        Self { types }
    }

    /// What is wrong with the document; nothing when it is valid.
    pub fn faults(&self, document: &Document<'static, Text>) -> Vec<String> {
        let mut check = Check { schema: self, fragments: HashMap::new(), faults: Vec::new() };
        for definition in &document.definitions {
            if let Definition::Fragment(fragment) = definition {
                check.fragments.insert(&fragment.name, fragment);
            }
        }
        let mut spread = BTreeSet::new();
        for definition in &document.definitions {
            if let Definition::Operation(operation) = definition {
                check.operation(operation, &mut spread);
            }
        }
        for name in check.fragments.keys() {
            if !spread.contains(*name) {
                check.faults.push(format!("fragment {name} is never used"));
            }
        }
        check.faults
    }

    /// What is wrong with the variables of the document's operation.
    pub fn variable_faults(&self, document: &Document<'static, Text>, variables: &Json) -> Vec<String> {
        let mut faults = Vec::new();
        for definition in &document.definitions {
            let Definition::Operation(operation) = definition else { continue };
            for variable in variables_of(operation) {
                let value = variables.get(&variable.name).unwrap_or(&Json::Null);
                if let Err(fault) = self.coerce(&variable.var_type, value) {
                    faults.push(format!("variable ${}: {fault}", variable.name));
                }
            }
        }
        faults
    }

    fn coerce(&self, kind: &Type<'_, Text>, value: &Json) -> Result<(), String> {
        match (kind, value) {
            (Type::NonNullType(_), Json::Null) => Err(format!("null is no {kind}")),
            (_, Json::Null) => Ok(()),
            (Type::NonNullType(inner), _) => self.coerce(inner, value),
            (Type::ListType(inner), Json::Array(values)) => {
                values.iter().try_for_each(|value| self.coerce(inner, value))
            }
            (Type::ListType(inner), _) => self.coerce(inner, value),
            (Type::NamedType(name), _) => self.coerce_named(name, value),
        }
    }

    fn coerce_named(&self, name: &str, value: &Json) -> Result<(), String> {
        let wrong = || Err(format!("{value} is no {name}"));
        match (self.types.get(name), value) {
            (Some(Kind::Input(fields)), Json::Object(values)) => {
                if let Some(unknown) = values.keys().find(|key| !fields.contains_key(*key)) {
                    return Err(format!("{name} has no field {unknown}"));
                }
                fields.iter().try_for_each(|(field, kind)| {
                    self.coerce(kind, values.get(field).unwrap_or(&Json::Null))
                        .map_err(|fault| format!("{field}: {fault}"))
                })
            }
            (Some(Kind::Enum(words)), Json::String(word)) if words.contains(word) => Ok(()),
            (Some(Kind::Scalar), Json::Object(_) | Json::Array(_)) if !name.starts_with("JSON") => wrong(),
            (Some(Kind::Scalar), _) => match name {
                "String" | "DateTime" if !value.is_string() => wrong(),
                "ID" if !value.is_string() && !value.is_i64() => wrong(),
                "Boolean" if !value.is_boolean() => wrong(),
                "Int" if !value.is_i64() => wrong(),
                "Float" if !value.is_number() => wrong(),
                _ => Ok(()),
            },
            _ => wrong(),
        }
    }

    fn field(&self, on: &str, name: &str) -> Option<&OutputField> {
        match self.types.get(on)? {
            Kind::Output(fields) => fields.get(name),
            _ => None,
        }
    }
}

fn fields(fields: Vec<schema::Field<'static, Text>>) -> HashMap<String, OutputField> {
    let output = |field: schema::Field<'static, Text>| {
        let arguments = field.arguments.into_iter().map(|argument| (argument.name, argument.value_type));
        (field.name, OutputField { kind: field.field_type, arguments: arguments.collect() })
    };
    fields.into_iter().map(output).collect()
}

pub fn variables_of<'b>(
    operation: &'b OperationDefinition<'static, Text>,
) -> &'b [VariableDefinition<'static, Text>] {
    match operation {
        OperationDefinition::Query(query) => &query.variable_definitions,
        OperationDefinition::Mutation(mutation) => &mutation.variable_definitions,
        OperationDefinition::Subscription(_) | OperationDefinition::SelectionSet(_) => &[],
    }
}

/// The name of a type without its lists and its exclamation marks.
pub fn base<'b>(kind: &'b Type<'_, Text>) -> &'b str {
    match kind {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => base(inner),
    }
}

struct Check<'a> {
    schema: &'a Schema,
    fragments: HashMap<&'a str, &'a FragmentDefinition<'static, Text>>,
    faults: Vec<String>,
}

/// What one operation declares and uses.
struct Scope<'a> {
    variables: HashMap<&'a str, &'a VariableDefinition<'static, Text>>,
    used: BTreeSet<String>,
    /// Fragments being walked: a second time is a circle.
    open: Vec<String>,
    spread: BTreeSet<String>,
}

impl<'a> Check<'a> {
    fn operation(
        &mut self,
        operation: &'a OperationDefinition<'static, Text>,
        spread: &mut BTreeSet<String>,
    ) {
        let (root, selection) = match operation {
            OperationDefinition::Query(query) => ("Query", &query.selection_set),
            OperationDefinition::Mutation(mutation) => ("Mutation", &mutation.selection_set),
            OperationDefinition::SelectionSet(selection) => ("Query", selection),
            OperationDefinition::Subscription(_) => return self.faults.push("a subscription".to_owned()),
        };
        let variables = variables_of(operation);
        for variable in variables {
            let known = self.schema.types.get(base(&variable.var_type));
            if matches!(known, None | Some(Kind::Output(_))) {
                self.faults.push(format!("${}: {} is no input type", variable.name, variable.var_type));
            }
        }
        let mut scope = Scope {
            variables: variables.iter().map(|variable| (variable.name.as_str(), variable)).collect(),
            used: BTreeSet::new(),
            open: Vec::new(),
            spread: BTreeSet::new(),
        };
        self.selection(root, selection, &mut scope);
        for name in scope.variables.keys() {
            if !scope.used.contains(*name) {
                self.faults.push(format!("variable ${name} is never used"));
            }
        }
        spread.extend(scope.spread);
    }

    fn selection(&mut self, on: &str, selection: &'a SelectionSet<'static, Text>, scope: &mut Scope<'a>) {
        let mut seen: BTreeMap<&str, &Field<'static, Text>> = BTreeMap::new();
        for item in &selection.items {
            match item {
                Selection::Field(field) => {
                    let name = field.alias.as_ref().unwrap_or(&field.name);
                    if let Some(other) = seen.insert(name, field)
                        && (other.name != field.name || other.arguments != field.arguments)
                    {
                        self.faults.push(format!("{on}.{name} means two things"));
                    }
                    self.field(on, field, scope);
                }
                Selection::FragmentSpread(fragment) => {
                    self.directives(&fragment.directives, scope);
                    self.fragment(on, &fragment.fragment_name, scope);
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives, scope);
                    let Some(TypeCondition::On(name)) = &fragment.type_condition else {
                        self.selection(on, &fragment.selection_set, scope);
                        continue;
                    };
                    self.selection(name, &fragment.selection_set, scope);
                }
            }
        }
    }

    fn fragment(&mut self, on: &str, name: &str, scope: &mut Scope<'a>) {
        let Some(fragment) = self.fragments.get(name).copied() else {
            return self.faults.push(format!("no fragment {name}"));
        };
        let TypeCondition::On(condition) = &fragment.type_condition;
        if condition != on {
            self.faults.push(format!("fragment {name} is on {condition}, not on {on}"));
        }
        if scope.open.iter().any(|open| open == name) {
            return self.faults.push(format!("fragment {name} spreads itself"));
        }
        scope.spread.insert(name.to_owned());
        scope.open.push(name.to_owned());
        self.selection(condition, &fragment.selection_set, scope);
        scope.open.pop();
    }

    fn field(&mut self, on: &str, field: &'a Field<'static, Text>, scope: &mut Scope<'a>) {
        self.directives(&field.directives, scope);
        if field.name == "__typename" {
            return;
        }
        let schema = self.schema;
        let Some(known) = schema.field(on, &field.name) else {
            return self.faults.push(format!("{on} has no field {}", field.name));
        };
        let place = format!("{on}.{}", field.name);
        for (name, value) in &field.arguments {
            match known.arguments.get(name) {
                Some(kind) => self.value(&format!("{place}({name})"), kind, value, scope),
                None => self.faults.push(format!("{place} takes no argument {name}")),
            }
        }
        for (name, kind) in &known.arguments {
            let given = field.arguments.iter().any(|(argument, _)| argument == name);
            if matches!(kind, Type::NonNullType(_)) && !given {
                self.faults.push(format!("{place} needs the argument {name}"));
            }
        }
        let inner = base(&known.kind);
        match (schema.types.get(inner), field.selection_set.items.is_empty()) {
            (None, _) => self.faults.push(format!("{place}: the schema has no {inner}")),
            (Some(Kind::Output(_)), true) => self.faults.push(format!("{place} needs a selection")),
            (Some(Kind::Output(_)), false) => self.selection(inner, &field.selection_set, scope),
            (Some(_), true) => {}
            (Some(_), false) => self.faults.push(format!("{place} has nothing to select from")),
        }
    }

    fn directives(&mut self, directives: &'a [Directive<'static, Text>], scope: &mut Scope<'a>) {
        let boolean = Type::NonNullType(Box::new(Type::NamedType("Boolean".to_owned())));
        for directive in directives {
            match directive.arguments.as_slice() {
                [(name, value)] if name == "if" && ["include", "skip"].contains(&directive.name.as_str()) => {
                    self.value(&format!("@{}", directive.name), &boolean, value, scope);
                }
                _ => self.faults.push(format!("@{} is not understood", directive.name)),
            }
        }
    }

    fn value(
        &mut self,
        place: &str,
        kind: &Type<'_, Text>,
        value: &Value<'static, Text>,
        scope: &mut Scope<'a>,
    ) {
        match (kind, value) {
            (_, Value::Variable(name)) => {
                scope.used.insert(name.clone());
                let Some(variable) = scope.variables.get(name.as_str()) else {
                    return self.faults.push(format!("{place}: ${name} is not declared"));
                };
                let has_default = variable.default_value.is_some();
                if !fits(&variable.var_type, kind, has_default) {
                    self.faults.push(format!("{place}: ${name} is {}, not {kind}", variable.var_type));
                }
            }
            (Type::NonNullType(_), Value::Null) => self.faults.push(format!("{place}: null is no {kind}")),
            (_, Value::Null) => {}
            (Type::NonNullType(inner), _) => self.value(place, inner, value, scope),
            (Type::ListType(inner), Value::List(values)) => {
                for value in values {
                    self.value(place, inner, value, scope);
                }
            }
            (Type::ListType(inner), _) => self.value(place, inner, value, scope),
            (Type::NamedType(name), Value::Object(values)) => {
                let Some(Kind::Input(fields)) = self.schema.types.get(name) else {
                    return self.faults.push(format!("{place}: an object is no {name}"));
                };
                for (field, value) in values {
                    match fields.get(field) {
                        Some(kind) => self.value(&format!("{place}.{field}"), kind, value, scope),
                        None => self.faults.push(format!("{place}: {name} has no field {field}")),
                    }
                }
                for (field, kind) in fields {
                    if matches!(kind, Type::NonNullType(_)) && !values.contains_key(field) {
                        self.faults.push(format!("{place}: {name} needs the field {field}"));
                    }
                }
            }
            (Type::NamedType(name), _) => {
                let json = match value {
                    Value::Enum(word) if matches!(self.schema.types.get(name), Some(Kind::Enum(_))) => {
                        Json::from(word.as_str())
                    }
                    Value::Enum(_) => return self.faults.push(format!("{place}: a word is no {name}")),
                    other => literal(other, &Json::Null),
                };
                if let Err(fault) = self.schema.coerce_named(name, &json) {
                    self.faults.push(format!("{place}: {fault}"));
                }
            }
        }
    }
}

/// Whether a variable of that type may stand where the other is wanted.
fn fits(variable: &Type<'_, Text>, wanted: &Type<'_, Text>, has_default: bool) -> bool {
    match (variable, wanted) {
        (Type::NonNullType(variable), Type::NonNullType(wanted)) => fits(variable, wanted, false),
        (Type::NonNullType(variable), wanted) => fits(variable, wanted, false),
        (variable, Type::NonNullType(wanted)) => has_default && fits(variable, wanted, false),
        (Type::ListType(variable), Type::ListType(wanted)) => fits(variable, wanted, false),
        (Type::NamedType(variable), Type::NamedType(wanted)) => variable == wanted,
        _ => false,
    }
}

/// A value of a document as JSON, its variables filled in.
pub fn literal(value: &Value<'_, Text>, variables: &Json) -> Json {
    match value {
        Value::Variable(name) => variables.get(name).cloned().unwrap_or(Json::Null),
        Value::Int(number) => number.as_i64().into(),
        Value::Float(number) => (*number).into(),
        Value::String(text) | Value::Enum(text) => text.as_str().into(),
        Value::Boolean(value) => (*value).into(),
        Value::Null => Json::Null,
        Value::List(values) => values.iter().map(|value| literal(value, variables)).collect(),
        Value::Object(values) => {
            values.iter().map(|(key, value)| (key.clone(), literal(value, variables))).collect()
        }
    }
}
