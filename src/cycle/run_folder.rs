//! The folder of one run on this machine, where logs, traces and status files go. Trouble with the
//! disk never stops the work; the first of it is told.

use crate::model::safe_key;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct RunFolder<'w> {
    pub path: &'w Path,
    has_failed: AtomicBool,
}

impl<'w> RunFolder<'w> {
    pub fn new(path: &'w Path) -> Self {
        Self { path, has_failed: AtomicBool::new(false) }
    }

    /// Where the files of one ticket are.
    pub fn of_issue(&self, identifier: &str) -> PathBuf {
        self.path.join(safe_key(identifier))
    }

    /// Runs what needs the disk.
    pub fn try_to(&self, write: impl FnOnce() -> io::Result<()>) {
        if let Err(error) = write()
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            // Observers write here: an event about it would come back to them.
            tracing::warn!("the run's records in {} could not be written: {error}", self.path.display());
        }
    }
}
