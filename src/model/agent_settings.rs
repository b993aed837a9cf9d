//! Which agent works, with what around it: settings as plain values, already checked and resolved.

use super::network::NetworkRule;
use super::settings::CodexSettings;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentKind {
    Claude {
        /// The program: a bare name is looked for on PATH. `None`: the adapter finds it.
        program: Option<PathBuf>,
    },
    Codex {
        /// The program: a bare name is looked for on the agent's PATH. `None`: `codex`.
        program: Option<PathBuf>,
        settings: CodexSettings,
    },
    Opencode {
        /// The program: a bare name is looked for on the agent's PATH. `None`: `opencode`.
        program: Option<PathBuf>,
    },
    Command {
        /// Never empty.
        argv: Vec<String>,
    },
}

/// A second agent, of another kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FallbackConfig {
    pub kind: AgentKind,
    pub args: Vec<String>,
    /// `None`: the agent chooses.
    pub model: Option<String>,
}

/// What holds the agent's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentWalls {
    pub sandbox: AgentSandbox,
    pub network: NetworkRule,
    pub places: AgentPlaces,
    /// Package managers keep what they keep in a folder of this repository's own.
    pub private_caches: bool,
    /// Whom the agent's side runs as, when Conductor is root: a name or a number.
    pub user: Option<String>,
    /// With [`AgentSandbox::Container`].
    pub container: Option<AgentContainer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentContainer {
    pub image: String,
    /// `None`: the one that works here.
    pub engine: Option<ContainerEngine>,
    pub user: Option<String>,
    pub mounts: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerEngine {
    Docker,
    Podman,
}

/// What stands around the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentSandbox {
    /// The strongest that works where the run is.
    Auto,
    Landlock,
    Bubblewrap,
    Container,
    None,
}

/// What the walls leave open besides what they always do, and what they hide; absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentPlaces {
    pub writable: Vec<PathBuf>,
    /// Taken from what is hidden.
    pub readable: Vec<PathBuf>,
    pub hidden: Vec<PathBuf>,
}
