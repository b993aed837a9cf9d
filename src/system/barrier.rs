//! What a program of the agent's side is started behind: words in front of its command line, and
//! rules that the thread which starts it puts on itself, and so on the child. Neither costs a
//! process of its own.
//!
//! The thread is a new one that starts the child and ends: nothing of Conductor's is opened there.

use crate::system::user::User;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

/// In front of a child.
#[derive(Debug, Clone, Default)]
pub struct Barrier {
    /// The beginning of the command line.
    pub front: Vec<OsString>,
    pub rules: Option<Arc<dyn ThreadRules>>,
    /// Whom it runs as, when this process is root.
    pub user: Option<User>,
}

/// Rules a thread can put on itself for good, which its children inherit.
pub trait ThreadRules: std::fmt::Debug + Send + Sync {
    fn enforce(&self) -> io::Result<()>;
}

impl Barrier {
    /// Runs what starts a child where the child inherits the rules.
    pub fn start<T: Send>(&self, start: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        match &self.rules {
            None => start(),
            Some(rules) => in_own_thread(|| rules.enforce(), start),
        }
    }
}

/// Puts rules on a thread of its own and starts a child there.
pub fn in_own_thread<T: Send>(
    enforce: impl FnOnce() -> io::Result<()> + Send,
    start: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("start".to_owned());
        let started = thread.spawn_scoped(scope, || {
            enforce()?;
            start()
        })?;
        started.join().unwrap_or_else(|_| Err(io::Error::other("the thread that starts it ended")))
    })
}
