//! Why a child did not start.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a child did not start. None of these is an exit code.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// The program cannot be executed: not found, not executable, arguments too long.
    #[error("{}", refusal(.program, .error))]
    Program {
        program: String,
        #[source]
        error: io::Error,
    },
    /// The working directory is not there.
    #[error("working directory {}: {error}", .path.display())]
    Directory {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    /// A file for input, log or standard error cannot be opened.
    #[error("{}: {error}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    /// The walls around it could not be closed, so that it was not started.
    #[error("the agent's sandbox could not be closed: {0}")]
    Sandbox(#[source] io::Error),
    /// The supervisor itself failed.
    #[error("supervisor: {0}")]
    Supervisor(#[source] io::Error),
}

impl SpawnError {
    /// Whether the program is missing or cannot be executed, as against a passing trouble.
    pub fn is_missing_program(&self) -> bool {
        let is_missing = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
            ) || is_no_program(error)
        };
        matches!(self, Self::Program { error, .. } if is_missing(error))
    }
}

/// A file that is marked as executable and is none: of another machine, or without `#!`.
fn is_no_program(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

/// The words for a program that cannot be executed.
fn refusal(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{program}: not found, or its interpreter is missing"),
        io::ErrorKind::PermissionDenied => format!("{program}: not executable"),
        _ if is_no_program(error) => {
            format!("{program}: not a program of this machine, or a script without `#!`")
        }
        io::ErrorKind::ArgumentListTooLong => format!("{program}: arguments and environment too long"),
        _ => format!("{program}: {error}"),
    }
}
