//! A process beside the run that ends its git calls when the run is gone without a word, as by
//! SIGKILL: git itself goes on, and a hook or a helper of it may hang for ever. It is told of each
//! group that begins and ends, and knows that the run is gone when its input ends.

use super::group::{Ending, GRACE, own_group, signal_group};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

/// The first argument that makes this program the watcher.
pub const WATCH: &str = "__watch-git";

/// This side of it.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    input: Mutex<Option<ChildStdin>>,
}

impl Watcher {
    /// Starts this program as a watcher. Without one everything works, but for what it is for.
    pub fn start(&self, exe: &Path) -> std::io::Result<()> {
        let mut command = Command::new(exe);
        // Nothing of the run is its business: not its folder, not its environment, not its terminal.
        command.arg(WATCH).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        own_group(&mut command);
        let mut child = command.spawn()?;
        *self.input.lock().unwrap_or_else(PoisonError::into_inner) = child.stdin.take();
        Ok(())
    }

    pub fn began(&self, group: u32) {
        self.tell('+', group);
    }

    pub fn ended(&self, group: u32) {
        self.tell('-', group);
    }

    fn tell(&self, what: char, group: u32) {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is gone has nothing to watch any more.
        if let Some(pipe) = input.as_mut()
            && writeln!(pipe, "{what}{group}").is_err()
        {
            *input = None;
        }
    }
}

/// The whole life of a watcher.
pub fn watch_main() -> ExitCode {
    #[cfg(unix)]
    let _leader_already = rustix::process::setsid();
    let mut groups: BTreeSet<u32> = BTreeSet::new();
    for line in BufReader::new(std::io::stdin()).lines() {
        let Ok(line) = line else { break };
        match (line.strip_prefix('+'), line.strip_prefix('-')) {
            (Some(group), _) => groups.extend(group.parse::<u32>()),
            (_, Some(group)) => {
                group.parse().ok().map(|group: u32| groups.remove(&group));
            }
            _ => {}
        }
    }
    if groups.is_empty() {
        return ExitCode::SUCCESS;
    }
    groups.iter().for_each(|group| signal_group(*group, Ending::Ask));
    std::thread::sleep(GRACE);
    groups.iter().for_each(|group| signal_group(*group, Ending::Kill));
    ExitCode::SUCCESS
}
