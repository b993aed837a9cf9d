//! What loading a configuration is given: the environment, the folders, the command line.

use std::path::PathBuf;
use std::time::Duration;

/// What [`load`](super::load) works from.
pub struct LoadOptions<'a> {
    /// `--config`; relative to `directory`.
    pub explicit: Option<PathBuf>,
    /// Where to look for a file when none is named; absolute.
    pub directory: PathBuf,
    /// The environment: a variable's value, when it is set.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub overrides: Overrides,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// The system's folder for temporary files.
    pub temp_dir: PathBuf,
}

/// What the command line says instead of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub max_concurrent: Option<usize>,
    pub deadline: Option<Duration>,
}
