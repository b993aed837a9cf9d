//! The weights of a repository whose own history is too short to fit any: fitted to the histories of
//! nine public projects (C and C++ libraries and tools, 120 to 14,000 commits each).

use crate::model::Calibration;
use crate::model::calibration::{CALIBRATION_VERSION, Cut, FILE_FEATURES, PAIR_FEATURES};

/// For one, recent, frequent, likeness of messages, of the path, the same against the best path,
/// named, changes along, folder, area of the title, imports a named file.
const FILE: [f64; FILE_FEATURES] = [1.047, 0.195, 0.176, 1.065, -0.737, 2.613, 6.4, 0.111, 0.165, 0.637, 2.0];
/// For one, odds of a file of both, likeness of words, of files, same area, different areas.
const PAIR: [f64; PAIR_FEATURES] = [-2.11, 0.176, 1.62, 2.196, 0.658, -0.576];
const REAL: [f64; 2] = [0.633, 0.654];

pub fn defaults() -> Calibration {
    Calibration {
        version: CALIBRATION_VERSION,
        replayed: None,
        file: FILE,
        pair: PAIR,
        real: REAL,
        low: Cut { limit: 0.55, precision: 0.67, recall: 0.47, taken: 0.8 },
        normal: Cut { limit: 0.28, precision: 0.57, recall: 0.7, taken: 0.65 },
        high: Cut { limit: 0.17, precision: 0.42, recall: 0.86, taken: 0.5 },
    }
}
