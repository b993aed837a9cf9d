//! Why there can be no walls of a kind here.

use std::io;
use std::path::PathBuf;

/// Why there can be no such walls here.
#[derive(Debug, thiserror::Error)]
pub enum WallsError {
    #[error("agent.sandbox: {kind} works on Linux only: set agent.sandbox: auto")]
    Unsupported { kind: &'static str },
    #[error(
        "agent.sandbox: this kernel has no Landlock that is new enough (Linux 6.2): set agent.sandbox: bubblewrap"
    )]
    NoLandlock,
    #[error("agent.sandbox: bwrap is not on PATH: install bubblewrap, or set agent.sandbox: auto")]
    NoBubblewrap,
    #[error("agent.sandbox: bubblewrap does not work here ({0}): allow it, or set agent.sandbox: auto")]
    Refused(String),
    #[error(
        "agent.network: none cannot be held by agent.sandbox: {sandbox}: install bubblewrap and set agent.sandbox: bubblewrap, or use a container"
    )]
    NetworkNeedsMore { sandbox: &'static str },
    #[error(
        "agent.network: this kernel's Landlock holds no connections (Linux 6.7): install bubblewrap, or set agent.network: open"
    )]
    NoTcpRules,
    #[error(
        "agent.sandbox: container: neither docker nor podman is on PATH: install one, or set agent.sandbox: auto"
    )]
    NoEngine,
    #[error(
        "agent.sandbox: container: {engine} does not work here ({words}): start it, or set agent.sandbox: auto"
    )]
    Engine { engine: &'static str, words: String },
    #[error(
        "agent.sandbox: container: git in a workspace runs outside of the container and needs Landlock or bubblewrap, and neither works here"
    )]
    NoWallsForGit,
    #[error("agent.sandbox: there is no sandbox-exec here")]
    NoSeatbelt,
    #[error("agent.sandbox: {}: {error}", .program.display())]
    Start {
        program: PathBuf,
        #[source]
        error: io::Error,
    },
}
