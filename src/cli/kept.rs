//! What is kept on the state branch (or beside the state's file), for commands that only read it.

use super::args::{GlobalArgs, OutputFormat};
use super::failure::{FAULT, Failure};
use super::show::printed;
use super::wire::{Surrounding, open_store};
use super::{look, terminal};
use crate::config::Config;
use crate::cycle::CycleError;
use crate::model::{Capture, Secret, State};
use crate::ports::{Folder, KeptFile};
use crate::report::json;
use crate::system::redact::Redactor;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

/// The state and what is kept beside it, as they are on the remote now.
pub(super) struct Kept {
    pub state: State,
    pub files: Vec<KeptFile>,
    redactor: Redactor,
}

impl Kept {
    pub fn load(global: &GlobalArgs, folder: Folder) -> Result<Self, Failure> {
        let config = look::config(global, &Surrounding::read()?)?;
        Self::of(&config, &config.secrets(), folder)
    }

    /// As that configuration says; the secrets are kept out of what is printed.
    pub fn of(config: &Config, secrets: &[Secret], folder: Folder) -> Result<Self, Failure> {
        let store = open_store(config)?;
        let snapshot = store.load().map_err(CycleError::from)?;
        let files = store.kept(&snapshot, folder, &|_| true).map_err(CycleError::from)?;
        Ok(Self { state: Arc::unwrap_or_clone(snapshot.state), files, redactor: Redactor::new(secrets) })
    }

    /// The captures, oldest first; those that cannot be read are told and left out.
    pub fn captures(&self, global: &GlobalArgs) -> Vec<Capture> {
        let mut captures = Vec::new();
        for file in &self.files {
            match serde_json::from_slice(&file.content) {
                Ok(capture) => captures.push(capture),
                Err(error) => terminal::say_warning(global, &format!("context/{}: {error}", file.name)),
            }
        }
        captures
    }

    /// Prints a document, or its rendering for people, redacted.
    pub fn print<T: Serialize>(
        &self,
        global: &GlobalArgs,
        document: &T,
        human: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<ExitCode, Failure> {
        let mut text = Vec::new();
        let written = match global.output {
            OutputFormat::Json => json::document(document, &mut text),
            OutputFormat::Human => human(&mut text),
        };
        written.map_err(|error| Failure::new(FAULT, error.to_string()))?;
        self.print_text(global, &String::from_utf8_lossy(&text))
    }

    /// Prints what is made safe to show already, redacted.
    pub fn print_text(&self, global: &GlobalArgs, text: &str) -> Result<ExitCode, Failure> {
        let mut out = terminal::stdout(global);
        let written = out.write_all(self.redactor.redact(text).as_bytes());
        printed(written, &mut out)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }
}
