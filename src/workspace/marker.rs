//! The file that says a workspace is whole, beside what else is noted of it: written when its files
//! are complete, dropped before anything takes the tree apart. What has none is half
//! made or half removed, and nobody's work.

use super::error::WorkspaceError;
use crate::files;
use crate::model::{BranchName, Sha};
use crate::system::host;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

const NAME: &str = "conductor-workspace";
/// What it is called while the tree is taken apart.
const DROPPED: &str = "conductor-workspace.dropped";
/// Says that the files of the checkout are on the disk, not only in memory.
const SYNCED: &str = "conductor-workspace.synced";
const VERSION: u32 = 1;
/// No marker is that long.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    version: u32,
    /// Tells this start of the workspace from others.
    id: String,
    pub key: String,
    pub branch: BranchName,
    /// What the work is reviewed against.
    pub base: Sha,
    /// The head at the start.
    pub head: Sha,
    /// The commit whose files were there at the start: the head, or saved work on top of it.
    pub start: Sha,
    /// What was saved of it last.
    #[serde(default)]
    pub saved: Option<Sha>,
    /// A guard refused what is in it: it is no start for anything.
    #[serde(default)]
    pub refused: bool,
    /// What hooks put there before the agent began, untracked.
    #[serde(default)]
    pub prepared: BTreeMap<String, Stamp>,
    pid: u32,
    pid_started: Option<String>,
    boot: Option<String>,
}

/// How a file looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    /// Nanoseconds since 1970.
    changed: Option<u64>,
}

impl Stamp {
    pub fn of(path: &Path) -> Option<Self> {
        let file = path.symlink_metadata().ok()?;
        let changed = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Some(Self { size: file.len(), changed: changed.and_then(|time| u64::try_from(time.as_nanos()).ok()) })
    }
}

impl Marker {
    /// Of a workspace that this process makes.
    pub fn new(key: &str, branch: &BranchName, base: &Sha, head: &Sha, start: &Sha) -> Self {
        let pid = std::process::id();
        Self {
            version: VERSION,
            id: format!("{:016x}", RandomState::new().build_hasher().finish()),
            key: key.to_owned(),
            branch: branch.clone(),
            base: base.clone(),
            head: head.clone(),
            start: start.clone(),
            saved: None,
            refused: false,
            prepared: BTreeMap::new(),
            pid,
            pid_started: host::process_started(pid),
            boot: boot(),
        }
    }

    /// The marker of `key` in an administrative folder; `None` when there is none that is valid.
    pub fn read(admin: &Path, key: &str) -> Option<Self> {
        let path = admin.join(NAME);
        let marker: Self = serde_json::from_slice(&files::read(&path, MAX_BYTES).ok()?).ok()?;
        let ids = [Some(&marker.base), Some(&marker.head), Some(&marker.start), marker.saved.as_ref()];
        let are_ids = ids.into_iter().flatten().all(is_object_id);
        (marker.version == VERSION && marker.key == key && are_ids).then_some(marker)
    }

    /// Puts it in its place as a whole, on the disk when this returns.
    pub fn write(&self, admin: &Path) -> Result<(), WorkspaceError> {
        let write = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".conductor-").tempfile_in(admin)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.as_file().sync_all()?;
            file.persist(admin.join(NAME))?;
            sync_folder(admin)
        };
        write().map_err(|error| io_error(admin, &error))
    }

    /// Writes it elsewhere, with what is known of the files.
    pub fn move_to(&self, from: &Path, to: &Path) -> Result<(), WorkspaceError> {
        if files::read_text(&from.join(SYNCED), files::SMALL).is_ok_and(|id| id == self.id) {
            self.note_synced(to).map_err(|error| io_error(to, &error))?;
        }
        self.write(to)
    }

    /// Takes it away before the tree is taken apart. None there is as good.
    pub fn drop_in(admin: &Path) -> Result<(), WorkspaceError> {
        match fs::rename(admin.join(NAME), admin.join(DROPPED)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_error(admin, &error)),
            Ok(()) => sync_folder(admin).map_err(|error| io_error(admin, &error)),
        }
    }

    /// Says that the files of the checkout are on the disk.
    pub fn note_synced(&self, admin: &Path) -> io::Result<()> {
        files::write_synced(&admin.join(SYNCED), &self.id)
    }

    /// Whether the files can be what they were at the start. After a loss of power those that
    /// were not on the disk yet are empty or missing, which would read as changes.
    pub fn tree_is_sound(&self, admin: &Path) -> bool {
        self.boot == boot()
            || files::read_text(&admin.join(SYNCED), files::SMALL).is_ok_and(|id| id == self.id)
    }

    /// Whether the process that made the workspace lives on this machine.
    pub fn maker_lives(&self) -> bool {
        self.pid_started.is_some() && host::process_started(self.pid) == self.pid_started
    }
}

pub(super) fn is_object_id(sha: &Sha) -> bool {
    let text = sha.as_str();
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Tells one start of this machine from another; `None` where the system does not say.
fn boot() -> Option<String> {
    let text = files::read_text(Path::new("/proc/sys/kernel/random/boot_id"), files::SMALL).ok()?;
    Some(text.trim().to_owned())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    files::sync_folder(folder)
}

fn io_error(path: &Path, error: &io::Error) -> WorkspaceError {
    WorkspaceError::Io(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        let sha = Sha::new("a".repeat(40));
        Marker::new("T-1", &BranchName::new("conductor/T-1"), &sha, &sha, &sha)
    }

    #[test]
    fn a_marker_is_read_as_it_was_written_and_is_gone_when_dropped() {
        let admin = tempfile::tempdir().unwrap();
        let mut marker = marker();
        marker.prepared.insert("cache".to_owned(), Stamp { size: 3, changed: Some(7) });
        marker.write(admin.path()).unwrap();
        marker.note_synced(admin.path()).unwrap();
        assert_eq!(Marker::read(admin.path(), "T-1").as_ref(), Some(&marker));
        assert_eq!(Marker::read(admin.path(), "T-2"), None);
        assert!(marker.maker_lives() && marker.tree_is_sound(admin.path()));

        Marker::drop_in(admin.path()).unwrap();
        Marker::drop_in(admin.path()).unwrap();
        assert_eq!(Marker::read(admin.path(), "T-1"), None);
    }

    #[test]
    fn a_torn_or_forged_marker_is_none() {
        let admin = tempfile::tempdir().unwrap();
        marker().write(admin.path()).unwrap();
        let file = admin.path().join(NAME);
        let whole = fs::read_to_string(&file).unwrap();
        let forged = whole.replacen(&"a".repeat(40), "--output=/etc/passwd", 1);
        let newer = whole.replace("\"version\":1", "\"version\":2");
        for text in ["", &whole[..whole.len() / 2], &forged, &newer] {
            fs::write(&file, text).unwrap();
            assert_eq!(Marker::read(admin.path(), "T-1"), None, "{text}");
        }
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert_eq!(Marker::read(admin.path(), "T-1"), None);
    }

    #[test]
    fn the_tree_of_an_earlier_boot_is_sound_only_when_it_was_on_the_disk() {
        let admin = tempfile::tempdir().unwrap();
        let mut marker = marker();
        marker.boot = Some("another".to_owned());
        assert!(!marker.tree_is_sound(admin.path()));
        // That of an earlier start of the same workspace tells nothing.
        self::marker().note_synced(admin.path()).unwrap();
        assert!(!marker.tree_is_sound(admin.path()));
        marker.note_synced(admin.path()).unwrap();
        assert!(marker.tree_is_sound(admin.path()));
    }
}
