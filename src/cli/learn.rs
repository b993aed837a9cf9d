//! `conductor learn`: what the outcomes of the state and of its history teach.

use super::args::{GlobalArgs, LearnArgs};
use super::failure::Failure;
use super::kept::Kept;
use crate::policy::learn::{Scope, learn, read_history};
use crate::ports::Folder;
use crate::report::learn::render;
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs, args: &LearnArgs) -> Result<ExitCode, Failure> {
    let kept = Kept::load(global, Folder::History)?;
    let mut outcomes = kept.state.outcomes.clone();
    let mut unreadable = 0;
    for file in &kept.files {
        let (read, torn) = read_history(&file.content);
        outcomes.extend(read);
        unreadable += torn;
    }
    let scope = Scope { last: args.last.map(std::num::NonZeroUsize::get), failures_only: args.failures_only };
    let lessons = learn(outcomes, unreadable, scope);
    kept.print(global, &lessons, |out| render(&lessons, out))
}
