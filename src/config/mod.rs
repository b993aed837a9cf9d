//! YAML, environment and flags → one immutable value.
//!
//! Flags win over the environment, that over the file, that over the defaults. Everything is checked
//! before anything is done: [`load`] gives either a whole [`Config`] or every fault at once, each
//! with its file, line and key. Nothing here reads the process's environment, clock or network; what
//! is needed of them is passed in.

mod discover;
mod faults;
mod file;
mod formats;
mod keys;
mod options;
mod resolve;
mod resolved;
mod section;
mod unsupported;
mod values;
mod workflow;

pub use faults::{ConfigFaults, Fault};
pub use formats::parse_duration;
pub use keys::{HeldKey, keys};
pub use options::{LoadOptions, Overrides};
pub use resolved::{
    AgentConfig, AgentContainer, AgentKind, AgentPlaces, AgentSandbox, AgentWalls, Config, ContainerEngine,
    FallbackConfig, ForgeKind, TrackerConfig, TrackerKind,
};

use std::path::Path;

/// The configuration that holds here, or all that is wrong with it.
pub fn load(options: &LoadOptions<'_>) -> Result<Config, ConfigFaults> {
    let document = discover::find(options).and_then(|path| file::read(&path))?;
    resolve::resolve(&document, options)
}

/// The configuration that a Symphony `WORKFLOW.md` stands for, in our words.
pub fn load_workflow(file: &Path, options: &LoadOptions<'_>) -> Result<Config, ConfigFaults> {
    workflow::load(&values::without_dots(&options.directory.join(file)), options)
}
