//! `conductor schema`: the JSON Schemas of documents that others may rely on.

use super::args::{GlobalArgs, SchemaOf};
use super::failure::{FAULT, Failure};
use super::show::show;
use crate::model::document::SCHEMA;
use serde_json::Value;
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs, what: SchemaOf) -> Result<ExitCode, Failure> {
    let text = match what {
        SchemaOf::State => SCHEMA,
    };
    let schema: Value = serde_json::from_str(text)
        .map_err(|error| Failure::new(FAULT, format!("the schema is damaged: {error}")))?;
    show(global, &[], &schema, |out| out.write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}
