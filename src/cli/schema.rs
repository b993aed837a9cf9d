//! `conductor schema`: the JSON Schemas of documents that others may rely on.

use super::args::{GlobalArgs, SchemaOf};
use super::failure::{FAULT, Failure};
use super::show::show;
use crate::model::assignment::Assignment;
use crate::model::document::SCHEMA;
use crate::model::work_result::WorkResult;
use serde_json::Value;
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs, what: SchemaOf) -> Result<ExitCode, Failure> {
    let schema = match what {
        SchemaOf::State => serde_json::from_str::<Value>(SCHEMA).map(|schema| (schema, SCHEMA.to_owned())),
        SchemaOf::Assignment => Assignment::schema().and_then(pretty),
        SchemaOf::Result => WorkResult::schema().and_then(pretty),
    };
    let (schema, text) =
        schema.map_err(|error| Failure::new(FAULT, format!("the schema is damaged: {error}")))?;
    show(global, &[], &schema, |out| out.write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

fn pretty(schema: Value) -> Result<(Value, String), serde_json::Error> {
    let text = serde_json::to_string_pretty(&schema)?;
    Ok((schema, text + "\n"))
}
