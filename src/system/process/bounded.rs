//! A child run to its end within a time limit: hooks, gates.

use super::{Line, SpawnError, Spec, Supervisor};
use crate::model::{Ending, StopReason};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much of the output is kept.
const OUTPUT_TAIL: usize = 16 * 1024;
/// The supervisor ends a tree by itself where nobody has told it to, so long after the time limit.
const OVERDUE: Duration = Duration::from_secs(2);
/// How often the caller is asked whether to go on.
const LOOK: Duration = Duration::from_millis(100);

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded {
    pub ending: Ending,
    /// The time limit ended it.
    pub timed_out: bool,
    /// The end of standard output, and of standard error where the spec merges them; lossily
    /// decoded.
    pub output_tail: String,
    pub duration: Duration,
}

impl Bounded {
    pub fn is_success(&self) -> bool {
        self.ending.is_clean_exit()
    }
}

/// Runs a child to its end. Past `timeout`, or once `cancel` gives a reason, its tree is ended;
/// so is whatever it leaves behind when it exits.
pub fn run_bounded(
    supervisor: &Supervisor,
    spec: &Spec,
    timeout: Duration,
    cancel: &dyn Fn() -> Option<StopReason>,
) -> Result<Bounded, SpawnError> {
    let begun = Instant::now();
    let lifetime = Some(timeout.saturating_add(OVERDUE));
    let mut child = supervisor.spawn(&Spec { lifetime, ..spec.clone() })?;
    let mut output = VecDeque::new();
    let (mut timed_out, mut stopping) = (false, false);
    loop {
        let left = timeout.saturating_sub(begun.elapsed());
        let wait = if stopping { LOOK } else { LOOK.min(left) };
        match child.next_line(wait) {
            Line::Text(line) => keep_tail(&mut output, line),
            Line::Skipped(length) => {
                keep_tail(&mut output, format!("({length} bytes in one line)").as_bytes());
            }
            Line::Quiet => {}
            Line::Ended(ending) => {
                let bytes: Vec<u8> = output.into();
                let output_tail = String::from_utf8_lossy(&bytes).into_owned();
                return Ok(Bounded { ending, timed_out, output_tail, duration: begun.elapsed() });
            }
        }
        if stopping {
            continue;
        }
        if let Some(reason) = cancel() {
            child.stop(reason);
            stopping = true;
        } else if begun.elapsed() >= timeout {
            child.stop(StopReason::Turn);
            (stopping, timed_out) = (true, true);
        }
    }
}

fn keep_tail(output: &mut VecDeque<u8>, line: &[u8]) {
    output.extend(&line[line.len().saturating_sub(OUTPUT_TAIL)..]);
    output.push_back(b'\n');
    output.drain(..output.len().saturating_sub(OUTPUT_TAIL));
}
