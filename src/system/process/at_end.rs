//! What a supervisor calls once its tree has ended, within a time limit.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What cleans up behind a tree has no longer.
const LIMIT: Duration = Duration::from_secs(15);
/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// A program that cleans up behind the tree.
pub(super) struct AtEnd {
    words: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl AtEnd {
    pub fn of(words: Vec<OsString>, env: Vec<(OsString, OsString)>) -> Option<Self> {
        (!words.is_empty()).then_some(Self { words, env })
    }

    pub fn call(&self) {
        let Some((program, args)) = self.words.split_first() else { return };
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir("/")
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut running) = command.spawn() else { return };
        let since = Instant::now();
        while matches!(running.try_wait(), Ok(None)) {
            if since.elapsed() > LIMIT {
                let _gone = running.kill();
                let _status = running.wait();
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}
