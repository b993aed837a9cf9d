//! Children that cannot outlive their run: agents, hooks, gates.
//!
//! Every child runs under a supervisor of its own (this program again, see [`supervise_main`]),
//! which ends the whole tree when it is told to, when the child exits, or when Conductor dies.
//! Output is read in bounded memory; no call here waits for the end of a pipe alone. Short-lived
//! git calls do not need this and do not use it. On macOS only the child's process group is ended:
//! there is no subreaper, and a descendant that called `setsid` survives there.

mod bounded;
mod child;
mod lines;
mod log;
mod spawn_error;
mod spec;
mod supervise;
mod tree;
mod wire;

pub use bounded::{Bounded, run_bounded};
pub use child::{Child, Line};
pub use lines::{DEFAULT_LINE_CAP, Lines, Piece};
pub use spawn_error::SpawnError;
pub use spec::{SUPERVISE, Spec, Stderr, Stdin};
pub use supervise::supervise_main;

use crate::system::redact::Redactor;
use std::path::PathBuf;
use std::sync::Arc;

/// Starts children, each under a supervisor.
#[derive(Debug, Clone)]
pub struct Supervisor {
    exe: PathBuf,
    redactor: Arc<Redactor>,
    walls: Option<Arc<dyn Confine>>,
}

/// Walls around a child.
pub trait Confine: std::fmt::Debug + Send + Sync {
    /// The spec of the same child behind the walls; its rules are for [`supervise_main`] to put on.
    fn confine(&self, spec: &Spec) -> Result<Spec, SpawnError>;
}

impl Supervisor {
    /// `exe` is the Conductor binary, absolute.
    pub fn new(exe: PathBuf) -> Self {
        Self { exe, redactor: Arc::new(Redactor::new(&[])), walls: None }
    }

    /// Knows these secrets as well when it writes what children print to their logs.
    pub fn hiding(self, redactor: Arc<Redactor>) -> Self {
        Self { redactor, ..self }
    }

    /// Starts its children behind these walls, if any.
    pub fn within(self, walls: Option<Arc<dyn Confine>>) -> Self {
        Self { walls, ..self }
    }

    /// Starts the child and waits until it runs (or cannot).
    pub fn spawn(&self, spec: &Spec) -> Result<Child, SpawnError> {
        match &self.walls {
            Some(walls) => child::spawn(&self.exe, &self.redactor, &walls.confine(spec)?),
            None => child::spawn(&self.exe, &self.redactor, spec),
        }
    }
}
