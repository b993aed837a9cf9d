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
    #[error("agent.sandbox: {}: {error}", .program.display())]
    Start {
        program: PathBuf,
        #[source]
        error: io::Error,
    },
}
