//! What overlap prediction is made of in one repository: the weights of its evidence, and from
//! which probability on a ticket is held back. Values only; policy fits them, the workspace keeps
//! them in Conductor's own folder.

use super::Time;
use serde::{Deserialize, Serialize};

/// Evidence for one file: see `policy::preflight::evidence`.
pub const FILE_FEATURES: usize = 11;
/// Evidence for two tickets: see `policy::preflight::pair`.
pub const PAIR_FEATURES: usize = 6;
/// The form of what is kept; another one is made anew.
pub const CALIBRATION_VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub version: u32,
    /// `None`: these are the defaults, fitted to other repositories.
    pub replayed: Option<Replayed>,
    pub file: [f64; FILE_FEATURES],
    pub pair: [f64; PAIR_FEATURES],
    /// A ticket against the real files of a change.
    pub real: [f64; 2],
    pub low: Cut,
    pub normal: Cut,
    pub high: Cut,
}

/// What the weights were fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    pub at: Time,
    pub commits: usize,
    /// `preflight.commits` at that time.
    pub depth: usize,
}

/// From which probability on tickets are held back, and what came of it in the replay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    pub limit: f64,
    /// Share of those held back that did touch the same files.
    pub precision: f64,
    /// Share of those that touch the same files that were held back.
    pub recall: f64,
    /// Share that was not held back.
    pub taken: f64,
}

impl Calibration {
    /// Whether every number is one: what is kept in a file may be anything.
    pub fn is_sound(&self) -> bool {
        let weights = self.file.iter().chain(&self.pair).chain(&self.real);
        let cuts = [self.low, self.normal, self.high];
        self.version == CALIBRATION_VERSION
            && weights.into_iter().all(|weight| weight.is_finite() && weight.abs() < 100.0)
            && cuts.iter().all(|cut| (0.0..=1.0).contains(&cut.limit))
    }
}
