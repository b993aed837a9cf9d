//! Overlap prediction: which files a ticket will probably change, whether somebody else is at them,
//! and whether that is worth waiting for.
//!
//! [`Index`] holds the past, [`Predictor`] asks it for one ticket, [`Taken`] compares tickets,
//! [`WaitRules`] decide, [`calibrate`] fits all of it to one repository. Pure: history and branches
//! are read elsewhere.

mod decision;
mod defaults;
mod evidence;
mod explicit;
mod fit;
mod generated;
mod index;
mod overlap;
mod prediction;
mod replay;
mod words;

pub use decision::{WaitRules, nearness, planned, sentence};
pub use defaults::defaults;
pub use explicit::{NamedFiles, named_files};
pub use generated::conflict_weight;
pub use index::Index;
pub use overlap::{Holder, Taken};
pub use prediction::{Evidence, PredictedFile, Prediction, Predictor, common_words};
pub use replay::{Counts, calibrate};

#[cfg(test)]
mod tests;
