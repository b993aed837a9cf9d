//! A process beside the run that ends its git calls when the run is gone without a word, as by
//! SIGKILL, or stopped: git itself goes on, and a hook or a helper of it may hang for ever. It is
//! told of each group that begins and ends and how long it may last, and knows that the run is gone
//! when its input ends.

use super::group::{Ending, GRACE, own_group, signal_group};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The first argument that makes this program the watcher.
pub const WATCH: &str = "__watch-git";

/// Without anything to watch.
const IDLE: Duration = Duration::from_secs(3600);
/// Conductor ends a call at its limit itself, as long as it is not stopped.
const OVERDUE: Duration = Duration::from_secs(2);

/// This side of it.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    input: Mutex<Option<ChildStdin>>,
}

impl Watcher {
    /// Starts this program as a watcher. Without one everything works, but for what it is for.
    /// Returns its process id.
    pub fn start(&self, exe: &Path) -> std::io::Result<u32> {
        let mut command = Command::new(exe);
        // Nothing of the run is its business: not its folder, not its environment, not its terminal.
        command.arg(WATCH).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        own_group(&mut command);
        let mut child = command.spawn()?;
        *self.input.lock().unwrap_or_else(PoisonError::into_inner) = child.stdin.take();
        Ok(child.id())
    }

    /// `limit`: how long the call may take.
    pub fn began(&self, group: u32, limit: Duration) {
        self.tell('+', group, limit.saturating_add(OVERDUE).as_millis());
    }

    pub fn ended(&self, group: u32) {
        self.tell('-', group, 0);
    }

    fn tell(&self, what: char, group: u32, limit: u128) {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is gone has nothing to watch any more.
        if let Some(pipe) = input.as_mut()
            && writeln!(pipe, "{what}{group} {limit}").is_err()
        {
            *input = None;
        }
    }
}

/// The whole life of a watcher.
pub fn watch_main() -> ExitCode {
    #[cfg(unix)]
    let _leader_already = rustix::process::setsid();
    let mut groups = Groups::default();
    let (sender, lines) = channel();
    let _reader = std::thread::spawn(move || {
        let lines = BufReader::new(std::io::stdin()).lines();
        lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    loop {
        let wait = groups.next_due().map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
        match lines.recv_timeout(wait) {
            Ok(line) => groups.hear(&line, Instant::now()),
            Err(RecvTimeoutError::Timeout) => end(groups.take_due(Instant::now())),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    end(groups.due.into_keys().collect());
    ExitCode::SUCCESS
}

/// Each group of git in flight, and until when it may last.
#[derive(Debug, Default)]
struct Groups {
    due: BTreeMap<u32, Instant>,
}

impl Groups {
    fn hear(&mut self, line: &str, now: Instant) {
        let (group, limit) = line.get(1..).unwrap_or_default().split_once(' ').unwrap_or_default();
        let (Ok(group), Ok(limit)) = (group.parse::<u32>(), limit.parse().map(Duration::from_millis)) else {
            return;
        };
        match line.get(..1) {
            Some("+") => self.due.insert(group, now.checked_add(limit).unwrap_or(now + IDLE)),
            _ => self.due.remove(&group),
        };
    }

    fn next_due(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    fn take_due(&mut self, now: Instant) -> Vec<u32> {
        let due: Vec<u32> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(group, _)| *group).collect();
        self.due.retain(|group, _| !due.contains(group));
        due
    }
}

/// Politely, so that git removes its lock files, then for certain.
fn end(groups: Vec<u32>) {
    if groups.is_empty() {
        return;
    }
    groups.iter().for_each(|group| signal_group(*group, Ending::Ask));
    std::thread::sleep(GRACE);
    groups.iter().for_each(|group| signal_group(*group, Ending::Kill));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_due_at_its_limit_unless_it_has_ended() {
        let (mut groups, now) = (Groups::default(), Instant::now());
        for line in ["+7 1000", "+8 5000", "+9 500", "-9 0", "nonsense", "+x 1", ""] {
            groups.hear(line, now);
        }
        assert_eq!(groups.next_due(), Some(now + Duration::from_secs(1)));
        assert_eq!(groups.take_due(now), [0; 0]);
        assert_eq!(groups.take_due(now + Duration::from_secs(2)), [7]);
        assert_eq!(groups.next_due(), Some(now + Duration::from_secs(5)));
    }
}
