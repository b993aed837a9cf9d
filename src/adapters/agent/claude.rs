//! Claude Code, the program itself: how it is found, called and understood.
//!
//! Its stream is read by [`ClaudeStream`], apart from any process. Its own success is only its
//! word; usage is taken from its running totals, never summed up from single messages, which
//! repeat and are not final.

pub mod sessions;
mod stream;
mod wire;

pub use stream::ClaudeStream;

use super::Events;
use super::kept;
use super::probe::{self, is_executable};
use super::session::{self, Reader};
use crate::ports::{Agent, AgentError, AgentSession, Assignment};
use crate::system::process::{Spec, Supervisor};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where it keeps its login, its settings and its sessions. It does without `~/.claude.json`, which
/// it replaces and never writes to in place.
pub const PLACES: &[&str] = &["~/.claude/", "$CLAUDE_CONFIG_DIR"];

/// What it needs of the network: its model, and logging in.
pub const HOSTS: &[&str] =
    &["api.anthropic.com", "console.anthropic.com", "platform.claude.com", "claude.ai"];

const REMEDY: &str = "install Claude Code or set agent.command to its path";

/// How to call it.
#[derive(Debug, Clone)]
pub struct ClaudeOptions {
    pub supervisor: Supervisor,
    /// The program; looked for when `None`.
    pub command: Option<PathBuf>,
    /// Added to the adapter's own arguments.
    pub args: Vec<String>,
    /// The user's home, where the program usually is.
    pub home: Option<PathBuf>,
    /// Conductor's own `PATH`, the last place to look.
    pub path: Option<OsString>,
    /// Conductor's own environment, of which a probe gets what holds no credential.
    pub env: Vec<(String, String)>,
    /// As root Claude Code refuses to skip permissions unless it is told that it is in a sandbox.
    pub running_as_root: bool,
}

/// The adapter.
#[derive(Debug, Clone)]
pub struct Claude {
    options: ClaudeOptions,
}

impl Claude {
    pub fn new(options: ClaudeOptions) -> Self {
        Self { options }
    }

    /// The program that would be run: the configured one, else the user's own installation before
    /// any wrapper on `PATH`.
    pub fn find(&self) -> Result<PathBuf, AgentError> {
        if let Some(command) = &self.options.command {
            return Ok(command.clone());
        }
        let home = self.options.home.iter().map(|home| home.join(".local/bin"));
        let usual = ["/usr/local/bin", "/opt/homebrew/bin"].into_iter().map(PathBuf::from);
        let on_path = self.options.path.iter().flat_map(std::env::split_paths);
        let mut places = home.chain(usual).chain(on_path).map(|dir| dir.join("claude"));
        places.find(|place| is_executable(place)).ok_or_else(|| {
            AgentError::NotFound(format!(
                "claude: not in ~/.local/bin, /usr/local/bin, /opt/homebrew/bin or PATH: {REMEDY}"
            ))
        })
    }

    fn spec(&self, assignment: &Assignment) -> Result<Spec, AgentError> {
        let mut spec = session::spec(self.find()?, self.arguments(assignment)?, assignment);
        spec.env = self.environment(assignment);
        Ok(spec)
    }

    fn arguments(&self, assignment: &Assignment) -> Result<Vec<String>, AgentError> {
        let mut args: Vec<String> =
            ["-p", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]
                .map(str::to_owned)
                .into();
        let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
        if let Some(model) = &assignment.model {
            option("--model", model.clone());
        }
        if let Some(turns) = assignment.max_turns {
            option("--max-turns", turns.to_string());
        }
        if let Some(usd) = assignment.max_usd {
            option("--max-budget-usd", format!("{usd:.4}"));
        }
        if let Some(session) = session::resumed("claude", "session", assignment)? {
            option("--resume", session.to_owned());
        }
        args.extend(self.options.args.iter().cloned());
        Ok(args)
    }

    /// What is given, and what Claude Code itself needs to stay quiet and in its place.
    fn environment(&self, assignment: &Assignment) -> Vec<(String, String)> {
        let mut env = assignment.env.clone();
        let own_tmp = env.iter().find(|(name, _)| name == "TMPDIR").map(|(_, value)| value.clone());
        let mut default = |name: &str, value: String| {
            if !env.iter().any(|(known, _)| known == name) {
                env.push((name.to_owned(), value));
            }
        };
        default("DISABLE_AUTOUPDATER", "1".to_owned());
        default("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned());
        own_tmp.into_iter().for_each(|dir| default("CLAUDE_CODE_TMPDIR", dir));
        if self.options.running_as_root {
            default("IS_SANDBOX", "1".to_owned());
        }
        env
    }
}

impl Agent for Claude {
    fn name(&self) -> &str {
        "claude"
    }

    fn can_resume(&self) -> bool {
        true
    }

    /// Each session is one file, in a folder named after where it ran; any of them will do.
    fn has_session(&self, session: &str, env: &[(String, String)]) -> bool {
        kept::folder(env, "CLAUDE_CONFIG_DIR", ".claude")
            .is_some_and(|dir| kept::has_file(&dir.join("projects"), 1, session, ".jsonl"))
    }

    fn probe(&self) -> Result<Option<String>, AgentError> {
        probe::version(&self.options.supervisor, self.find()?, &self.options.env, REMEDY)
    }

    fn start(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError> {
        let reader = ClaudeStream::going_on(assignment.resume.as_ref().map(|resume| resume.usage));
        session::start(&self.options.supervisor, &self.spec(assignment)?, reader, REMEDY)
    }
}

impl Reader for ClaudeStream {
    fn line(&mut self, line: &[u8], events: &mut Events) {
        self.push(line, events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Resume;
    use crate::system::process::Stdin;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    fn options(home: Option<&Path>, path: Option<&Path>) -> ClaudeOptions {
        ClaudeOptions {
            supervisor: Supervisor::new("/unused".into()),
            command: None,
            args: Vec::new(),
            home: home.map(Path::to_owned),
            path: path.map(|dir| dir.as_os_str().to_owned()),
            env: Vec::new(),
            running_as_root: false,
        }
    }

    fn assignment() -> Assignment {
        Assignment {
            issue: "ENG-1".into(),
            workspace: "/w".into(),
            prompt_file: "/p/prompt.md".into(),
            model: None,
            env: vec![("TMPDIR".into(), "/private".into())],
            log: "/p/output.log".into(),
            grace: Duration::from_secs(1),
            max_turns: None,
            max_usd: None,
            resume: None,
        }
    }

    fn resume(session: &str) -> Resume {
        Resume { session: session.to_owned(), usage: Default::default() }
    }

    #[test]
    fn the_users_own_installation_comes_before_a_wrapper_on_path() {
        let dir = tempfile::tempdir().unwrap();
        let (home, wrappers) = (dir.path().join("home"), dir.path().join("bin"));
        let own = home.join(".local/bin/claude");
        for program in [&own, &wrappers.join("claude")] {
            fs::create_dir_all(program.parent().unwrap()).unwrap();
            fs::write(program, "").unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let find = || Claude::new(options(Some(&home), Some(&wrappers))).find().unwrap();
        assert_eq!(find(), own);
        fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(find(), own, "a file that cannot be executed is no installation");
    }

    #[test]
    fn model_turns_and_session_become_arguments_and_the_prompt_does_not() {
        let mut options = options(None, None);
        options.command = Some("/opt/claude".into());
        options.args = vec!["--bare".into()];
        options.running_as_root = true;
        let mut assignment = assignment();
        assignment.model = Some("opus".into());
        assignment.max_turns = Some(40);
        assignment.max_usd = Some(1.5);
        assignment.resume = Some(resume("fabbf67f-1f41"));
        let spec = Claude::new(options).spec(&assignment).unwrap();
        assert_eq!(spec.program, "/opt/claude");
        assert_eq!(
            spec.args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" "),
            "-p --output-format stream-json --verbose --dangerously-skip-permissions --model opus \
             --max-turns 40 --max-budget-usd 1.5000 --resume fabbf67f-1f41 --bare"
        );
        assert_eq!(spec.stdin, Stdin::File("/p/prompt.md".into()));
        for (name, value) in [
            ("IS_SANDBOX", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_TMPDIR", "/private"),
        ] {
            assert!(spec.env.contains(&(name.into(), value.into())), "{name}");
        }
    }

    #[test]
    fn a_session_id_that_is_an_option_is_refused() {
        let mut options = options(None, None);
        options.command = Some("/opt/claude".into());
        for id in ["", "--dangerous x", "a b", "-x"] {
            let mut assignment = assignment();
            assignment.resume = Some(resume(id));
            assert!(Claude::new(options.clone()).spec(&assignment).is_err(), "{id:?}");
        }
    }
}
