//! The files of a checkout, brought to the disk.

use super::marker::Marker;
use crate::system::git::Worktree;
use std::time::Duration;

/// How long after a checkout its files are brought to the disk.
const SYNC_AFTER: Duration = Duration::from_secs(10);

/// Brings the files of a checkout to the disk beside the work, and notes when they are there. It
/// waits first: a short run ends before, and the system has written most of it by then. A run that
/// ends earlier leaves a workspace that is sound as long as the machine stays up.
pub(super) fn sync_later(worktree: &Worktree, marker: &Marker) {
    let (worktree, marker) = (worktree.clone(), marker.clone());
    std::thread::spawn(move || {
        std::thread::sleep(SYNC_AFTER);
        let synced = worktree.sync().and_then(|()| marker.note_synced(worktree.admin()));
        if let Err(error) = synced {
            tracing::debug!("{}: not synced: {error}", worktree.path().display());
        }
    });
}
