//! GitHub's description of its REST API, as a judge of what is sent and of what the fake answers.

use super::super::server::{Received, Reply, lock};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// The cut of the description, with its validators as they are needed.
pub struct Description {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Description {
    pub fn get() -> &'static Self {
        static DESCRIPTION: OnceLock<Description> = OnceLock::new();
        DESCRIPTION.get_or_init(|| {
            let text = include_str!("../../../adapters/fixtures/github-openapi.json");
            let document = serde_json::from_str(text).expect("the cut of GitHub's description");
            Self { document, validators: Mutex::default() }
        })
    }

    /// What is wrong with a request, in words.
    pub fn check_request(&self, request: &Received, path: &str) -> Vec<String> {
        let called = format!("{} {path}", request.method);
        let Some((template, operation)) = self.operation(&request.method, path) else {
            return vec![format!("{called}: no such operation")];
        };
        let mut wrong = Vec::new();
        if request.header("accept") != Some("application/vnd.github+json") {
            wrong.push(format!("{called}: accept is {:?}", request.header("accept")));
        }
        if request.header("x-github-api-version") != Some("2022-11-28") {
            wrong.push(format!("{called}: no API version"));
        }
        for (name, value) in request.query() {
            let known = operation["parameters"].as_array().into_iter().flatten();
            let known: Vec<&Value> = known
                .filter(|parameter| parameter["in"] == "query" && parameter["name"] == name.as_str())
                .collect();
            let Some(parameter) = known.first() else {
                wrong.push(format!("{called}: unknown parameter {name}"));
                continue;
            };
            let value = match (&parameter["schema"]["type"], value.parse::<i64>()) {
                (kind, Ok(number)) if kind == "integer" => json!(number),
                _ => json!(value),
            };
            let key = format!("{} {template} ?{name}", request.method);
            wrong.extend(self.faults(&key, &parameter["schema"], &value, &called));
        }
        if let Some(schema) = operation.get("requestBody") {
            let key = format!("{} {template} body", request.method);
            wrong.extend(self.faults(&key, schema, &request.json(), &called));
        }
        wrong
    }

    /// What is wrong with an answer of the fake, in words.
    pub fn check_reply(&self, request: &Received, path: &str, reply: &Reply) -> Vec<String> {
        let Reply::Answer { status, body, .. } = reply else { return Vec::new() };
        let Some((template, operation)) = self.operation(&request.method, path) else { return Vec::new() };
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let called = format!("answer {status} to {} {path}", request.method);
        // 401, 403 and 404 are everywhere and described almost nowhere.
        let basic = json!({"$ref": "#/$defs/basic-error"});
        match operation["responses"].get(status.to_string()) {
            Some(Value::Null) => Vec::new(),
            Some(schema) => {
                self.faults(&format!("{} {template} {status}", request.method), schema, &body, &called)
            }
            None if *status >= 400 => self.faults("basic-error", &basic, &body, &called),
            None => vec![format!("{called}: no such status")],
        }
    }

    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let matches = |template: &str| {
            let (wanted, given): (Vec<&str>, Vec<&str>) =
                (template.split('/').collect(), path.split('/').collect());
            wanted.len() == given.len()
                && wanted.iter().zip(&given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
        };
        let (template, methods) =
            self.document["paths"].as_object().unwrap().iter().find(|(template, _)| matches(template))?;
        Some((template, methods.get(method.to_lowercase())?))
    }

    fn faults(&self, key: &str, schema: &Value, value: &Value, called: &str) -> Vec<String> {
        let mut validators = lock(&self.validators);
        let validator = validators.entry(key.to_owned()).or_insert_with(|| {
            let whole = json!({"$defs": self.document["$defs"], "allOf": [schema]});
            Arc::new(jsonschema::draft202012::new(&whole).expect("a schema of GitHub's"))
        });
        let validator = Arc::clone(validator);
        drop(validators);
        validator
            .iter_errors(value)
            .take(5)
            .map(|error| format!("{called}: {} at {}", error, error.instance_path()))
            .collect()
    }
}

/// GitHub's own example of a pull request, in this repository.
pub fn pull_request(owner: &str, name: &str) -> Value {
    let example = Description::get().document["examples"]["pull-request"].to_string();
    let ours = example.replace("octocat/Hello-World", &format!("{owner}/{name}"));
    serde_json::from_str(&ours).unwrap()
}

/// GitHub's own example of a repository, under that name.
pub fn repository(full_name: &str) -> Value {
    let example = Description::get().document["examples"]["repository"].to_string();
    let mut repository: Value =
        serde_json::from_str(&example.replace("octocat/Hello-World", full_name)).unwrap();
    repository["name"] = json!(full_name.split('/').next_back());
    // Required by the schema, missing in the example.
    repository["language"] = Value::Null;
    repository
}

pub fn workflow_run(owner: &str, name: &str) -> Value {
    let example = Description::get().document["examples"]["workflow-run"].to_string();
    serde_json::from_str(&example.replace("octo-org/octo-repo", &format!("{owner}/{name}"))).unwrap()
}

pub fn label(name: &str) -> Value {
    let mut label = Description::get().document["examples"]["label"].clone();
    label["name"] = json!(name);
    label
}

pub fn team(slug: &str) -> Value {
    let mut team = Description::get().document["examples"]["pull-request"]["requested_teams"][0].clone();
    team["slug"] = json!(slug);
    // Required by the schema, missing in the example.
    team["type"] = json!("organization");
    team["parent"] = Value::Null;
    team
}
