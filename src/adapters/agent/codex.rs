//! Codex: as an app server over its standard streams, or one `codex exec` per run.
//!
//! Commits are not its business: in the sandbox `workspace-write` the repository's own files are
//! read-only for it, and Conductor commits what it leaves. Its exit code says nothing in server
//! mode, so only the turn's own status counts.

mod exec;
mod item;
mod server;

pub use exec::CodexExecStream;
pub use server::{CodexServer, Conversation};

use super::Events;
use super::kept;
use super::probe;
use super::session::{self, Reader};
use crate::files;
use crate::model::settings::{CodexMode, CodexSettings};
use crate::ports::{Agent, AgentError, AgentSession, Assignment};
use crate::system::process::{Spec, Stdin, Supervisor};
use serde_json::Value;
use std::path::PathBuf;

/// Where it keeps its login, its settings and its threads.
pub const PLACES: &[&str] = &["~/.codex/", "$CODEX_HOME"];

/// What it needs of the network: its model, and logging in.
pub const HOSTS: &[&str] = &["api.openai.com", "auth.openai.com", "chatgpt.com"];

const REMEDY: &str = "install Codex or set agent.command to its path";

/// How to call it.
#[derive(Debug, Clone)]
pub struct CodexOptions {
    pub supervisor: Supervisor,
    /// The program; `codex` on the agent's `PATH` when `None`.
    pub command: Option<PathBuf>,
    /// Added to the adapter's own arguments.
    pub args: Vec<String>,
    /// Conductor's own environment, of which a probe gets what holds no credential.
    pub env: Vec<(String, String)>,
    pub settings: CodexSettings,
}

/// The adapter.
#[derive(Debug, Clone)]
pub struct Codex {
    options: CodexOptions,
}

impl Codex {
    pub fn new(options: CodexOptions) -> Self {
        Self { options }
    }

    fn spec(&self, assignment: &Assignment, args: Vec<String>) -> Spec {
        let program = self.program();
        let args = self.overrides().chain(args).chain(self.options.args.clone()).collect();
        session::spec(program, args, assignment)
    }

    fn program(&self) -> PathBuf {
        self.options.command.clone().unwrap_or_else(|| "codex".into())
    }

    /// Values are TOML there; what JSON and TOML have in common is enough for one value.
    fn overrides(&self) -> impl Iterator<Item = String> {
        self.options
            .settings
            .config
            .iter()
            .flat_map(|(key, value)| ["-c".to_owned(), format!("{key}={value}")])
    }

    fn serve(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError> {
        let prompt = files::read(&assignment.prompt_file, files::SMALL)
            .map_err(|error| AgentError::Start(format!("{}: {error}", assignment.prompt_file.display())))?;
        let mut spec = self.spec(assignment, vec!["app-server".to_owned()]);
        spec.stdin = Stdin::Pipe;
        let server = CodexServer::new(Conversation {
            cwd: assignment.workspace.to_string_lossy().into_owned(),
            prompt: String::from_utf8_lossy(&prompt).into_owned(),
            sandbox: self.options.settings.sandbox.clone(),
            approval_policy: self.options.settings.approval_policy.clone(),
            model: assignment.model.clone(),
            resume: assignment.resume.clone(),
        });
        session::start(&self.options.supervisor, &spec, server, REMEDY)
    }

    fn execute(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError> {
        let mut args: Vec<String> =
            ["exec", "--json", "--sandbox", &self.options.settings.sandbox].map(str::to_owned).into();
        args.extend([
            "-c".to_owned(),
            format!("approval_policy={}", Value::from(&*self.options.settings.approval_policy)),
        ]);
        if let Some(model) = &assignment.model {
            args.extend(["--model".to_owned(), model.clone()]);
        }
        // What is no worktree was made for this run: there is nobody's trust to be asked for.
        if !assignment.workspace.join(".git").exists() {
            args.push("--skip-git-repo-check".to_owned());
        }
        if let Some(thread) = session::resumed("codex", "thread", assignment)? {
            args.extend(["resume".to_owned(), thread.to_owned()]);
        }
        args.push("-".to_owned());
        let spec = self.spec(assignment, args);
        session::start(&self.options.supervisor, &spec, CodexExecStream::default(), REMEDY)
    }
}

impl Agent for Codex {
    fn name(&self) -> &str {
        "codex"
    }

    fn can_resume(&self) -> bool {
        true
    }

    /// Each thread is one file, in a folder of the day it began.
    fn has_session(&self, session: &str, env: &[(String, String)]) -> bool {
        kept::folder(env, "CODEX_HOME", ".codex")
            .is_some_and(|dir| kept::has_file(&dir.join("sessions"), 3, session, ".jsonl"))
    }

    fn probe(&self) -> Result<Option<String>, AgentError> {
        probe::version(&self.options.supervisor, self.program(), &self.options.env, REMEDY)
    }

    fn start(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError> {
        match self.options.settings.mode {
            CodexMode::AppServer => self.serve(assignment),
            CodexMode::Exec => self.execute(assignment),
        }
    }
}

impl Reader for CodexServer {
    fn line(&mut self, line: &[u8], events: &mut Events) {
        self.push(line, events);
    }

    fn replies(&mut self) -> Vec<String> {
        self.take_replies()
    }

    fn is_done(&self) -> bool {
        CodexServer::is_done(self)
    }
}

impl Reader for CodexExecStream {
    fn line(&mut self, line: &[u8], events: &mut Events) {
        self.push(line, events);
    }
}
