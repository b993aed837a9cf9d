//! OpenCode, by `opencode run --format json`: how it is called and understood.
//!
//! The prompt goes over standard input. What its permissions would ask about is approved, as nobody
//! is there to be asked; what they deny stays denied.

mod stream;

pub use stream::OpencodeStream;

use super::Events;
use super::kept;
use super::probe;
use super::session::{self, Reader};
use crate::model::session::is_id;
use crate::ports::{Agent, AgentError, AgentSession, Assignment};
use crate::system::process::{Spec, Supervisor};
use std::path::PathBuf;

/// Where it keeps its login, its settings and its sessions.
pub const PLACES: &[&str] = &[
    "~/.config/opencode/",
    "~/.local/share/opencode/",
    "~/.local/state/opencode/",
    "~/.cache/opencode/",
    "$XDG_CONFIG_HOME/opencode",
    "$XDG_DATA_HOME/opencode",
    "$XDG_STATE_HOME/opencode",
    "$XDG_CACHE_HOME/opencode",
];

/// What it needs of the network: its model, and logging in.
pub const HOSTS: &[&str] = &["opencode.ai", "models.dev", "api.anthropic.com", "api.openai.com"];

const REMEDY: &str = "install OpenCode or set agent.command to its path";

/// How to call it.
#[derive(Debug, Clone)]
pub struct OpencodeOptions {
    pub supervisor: Supervisor,
    /// The program; `opencode` on the agent's `PATH` when `None`.
    pub command: Option<PathBuf>,
    /// Added to the adapter's own arguments.
    pub args: Vec<String>,
    /// Conductor's own environment, of which a probe gets what holds no credential.
    pub env: Vec<(String, String)>,
}

/// The adapter.
#[derive(Debug, Clone)]
pub struct Opencode {
    options: OpencodeOptions,
}

impl Opencode {
    pub fn new(options: OpencodeOptions) -> Self {
        Self { options }
    }

    fn program(&self) -> PathBuf {
        self.options.command.clone().unwrap_or_else(|| "opencode".into())
    }

    fn spec(&self, assignment: &Assignment) -> Result<Spec, AgentError> {
        let program = self.program();
        let mut args: Vec<String> = ["run", "--format", "json", "--auto"].map(str::to_owned).into();
        if let Some(model) = &assignment.model {
            args.extend(["--model".to_owned(), model.clone()]);
        }
        if let Some(session) = session::resumed("opencode", "session", assignment)? {
            args.extend(["--session".to_owned(), session.to_owned()]);
        }
        args.extend(self.options.args.iter().cloned());
        let mut spec = session::spec(program, args, assignment);
        if !spec.env.iter().any(|(name, _)| name == NO_UPDATE) {
            spec.env.push((NO_UPDATE.to_owned(), "1".to_owned()));
        }
        Ok(spec)
    }
}

const NO_UPDATE: &str = "OPENCODE_DISABLE_AUTOUPDATE";

impl Agent for Opencode {
    fn name(&self) -> &str {
        "opencode"
    }

    fn can_resume(&self) -> bool {
        true
    }

    /// A file each in a folder of its project; newer releases keep them all in one database.
    fn has_session(&self, session: &str, env: &[(String, String)]) -> bool {
        let Some(data) = kept::folder(env, "XDG_DATA_HOME", ".local/share") else { return false };
        let data = data.join("opencode");
        let in_database = is_id(session) && data.join("opencode.db").is_file();
        in_database || kept::has_file(&data.join("storage/session"), 1, session, ".json")
    }

    fn probe(&self) -> Result<Option<String>, AgentError> {
        probe::version(&self.options.supervisor, self.program(), &self.options.env, REMEDY)
    }

    fn start(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError> {
        let reader = OpencodeStream::going_on(assignment.resume.as_ref().map(|resume| resume.usage));
        session::start(&self.options.supervisor, &self.spec(assignment)?, reader, REMEDY)
    }
}

impl Reader for OpencodeStream {
    fn line(&mut self, line: &[u8], events: &mut Events) {
        self.push(line, events);
    }
}
