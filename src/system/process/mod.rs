//! Children that cannot outlive their run: agents, hooks, gates.
//!
//! Every child runs under a supervisor of its own (this program again, see [`supervise_main`]),
//! which ends the whole tree when it is told to, when the child exits, or when Conductor dies.
//! Output is read in bounded memory; no call here waits for the end of a pipe alone. Each has a
//! deadline of its own, which its supervisor keeps even where Conductor is stopped. What outlives
//! both is ended by the next run, see [`end_left`]. Calls of git have one watcher together. On macOS only the child's process group is ended:
//! there is no subreaper, and a descendant that called `setsid` survives there.

mod at_end;
mod begin;
mod bounded;
mod cgroup;
mod child;
mod lines;
mod log;
mod records;
mod spawn_error;
mod spec;
mod supervise;
mod tree;
mod wire;

pub use bounded::{Bounded, run_bounded};
pub use child::{Child, Line};
pub use lines::{DEFAULT_LINE_CAP, Lines, Piece};
pub use records::{CONTAINER_LABEL, Records, end_left};
pub use spawn_error::SpawnError;
pub use spec::{SUPERVISE, Spec, Stderr, Stdin};
pub use supervise::supervise_main;

use crate::system::redact::Redactor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Starts children, each under a supervisor.
#[derive(Debug, Clone)]
pub struct Supervisor {
    exe: PathBuf,
    redactor: Arc<Redactor>,
    walls: Option<Arc<dyn Confine>>,
    records: Option<Arc<Records>>,
    /// No child lives longer.
    lifetime: Option<Duration>,
    until: Option<Instant>,
}

/// A child that is started after the end of everything still gets that much.
const LEAST: Duration = Duration::from_secs(5);

/// Walls around a child.
pub trait Confine: std::fmt::Debug + Send + Sync {
    /// The spec of the same child behind the walls; its rules are for [`supervise_main`] to put on.
    fn confine(&self, spec: &Spec) -> Result<Spec, SpawnError>;
}

impl Supervisor {
    /// `exe` is the Conductor binary, absolute.
    pub fn new(exe: PathBuf) -> Self {
        Self {
            exe,
            redactor: Arc::new(Redactor::new(&[])),
            walls: None,
            records: None,
            lifetime: None,
            until: None,
        }
    }

    /// Knows these secrets as well when it writes what children print to their logs.
    pub fn hiding(self, redactor: Arc<Redactor>) -> Self {
        Self { redactor, ..self }
    }

    /// Starts its children behind these walls, if any.
    pub fn within(self, walls: Option<Arc<dyn Confine>>) -> Self {
        Self { walls, ..self }
    }

    /// Writes its children down for a later run.
    pub fn recording(self, records: Option<Arc<Records>>) -> Self {
        Self { records, ..self }
    }

    /// No child lives longer than that, whatever becomes of this process.
    pub fn lasting(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// No child lives past that, whatever becomes of this process.
    pub fn until(self, end: Option<Instant>) -> Self {
        Self { until: end, ..self }
    }

    /// Starts the child and waits until it runs (or cannot).
    pub fn spawn(&self, spec: &Spec) -> Result<Child, SpawnError> {
        let mut spec = match &self.walls {
            Some(walls) => walls.confine(spec)?,
            None => spec.clone(),
        };
        let left = self.until.map(|end| end.saturating_duration_since(Instant::now()).max(LEAST));
        spec.lifetime = [spec.lifetime, self.lifetime, left].into_iter().flatten().min();
        let mut child = child::spawn(&self.exe, &self.redactor, &spec)?;
        child.note(self.records.as_deref());
        Ok(child)
    }
}
