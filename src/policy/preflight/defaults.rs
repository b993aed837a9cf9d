//! The weights of a repository whose own history is too short to fit any: fitted to the histories of
//! nine public projects (C and C++ libraries and tools, 120 to 14,000 commits each).

use crate::model::Calibration;
use crate::model::calibration::{CALIBRATION_VERSION, Cut, FILE_FEATURES, PAIR_FEATURES};

/// For one, recent, frequent, likeness of messages, of the path, the same against the best path,
/// named, changes along, folder, area of the title, imports a named file.
const FILE: [f64; FILE_FEATURES] = [1.254, 0.206, 0.204, 1.073, -0.694, 2.715, 5.2, 0.127, 0.164, 0.624, 1.5];
/// For one, odds of a file of both, likeness of words, of files, same area, different areas.
const PAIR: [f64; PAIR_FEATURES] = [-2.196, 0.167, 1.739, 2.218, 0.737, -0.517];
const REAL: [f64; 2] = [0.596, 0.646];

pub fn defaults() -> Calibration {
    Calibration {
        version: CALIBRATION_VERSION,
        replayed: None,
        file: FILE,
        pair: PAIR,
        real: REAL,
        low: Cut { limit: 0.55, precision: 0.67, recall: 0.47, taken: 0.8 },
        normal: Cut { limit: 0.3, precision: 0.54, recall: 0.72, taken: 0.64 },
        high: Cut { limit: 0.17, precision: 0.42, recall: 0.86, taken: 0.5 },
    }
}
