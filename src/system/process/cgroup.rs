//! A control group around one child's tree, where this user may make one below its own (cgroup v2).
//! What is in it is ended at once, however fast it forks, and its number of processes is bounded
//! where the controller is there. Without one a tree is found by descent alone.

use crate::files;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Processes and threads of one tree, where they can be bounded.
const MOST_PROCESSES: &str = "16384\n";
const MEMBERS: &str = "cgroup.procs";
const KILL: &str = "cgroup.kill";

/// The group of this process, below which others can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent(PathBuf);

/// The group of one tree.
#[derive(Debug)]
pub(super) struct Group(PathBuf);

impl Parent {
    /// `None` where there is no cgroup v2, or nothing in it is this user's to change.
    fn find() -> Option<Self> {
        let own = files::read_text(Path::new("/proc/self/cgroup"), files::SMALL).ok()?;
        let below = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let mounts = files::read_linked_text(Path::new("/proc/self/mounts"), files::SMALL).ok()?;
        let mount = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (place, kind) = (words.nth(1)?, words.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(place))
        })?;
        let parent = Self(mount.join(below));
        // Both are written: to put a child in, and to come back.
        let can_write = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        (can_write(&parent.0) && can_write(&parent.0.join(MEMBERS))).then_some(parent)
    }

    /// Looked for once.
    pub fn of_this_run() -> Option<&'static Path> {
        static FOUND: OnceLock<Option<Parent>> = OnceLock::new();
        FOUND.get_or_init(Self::find).as_ref().map(|parent| parent.0.as_path())
    }

    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The group of the tree below that supervisor.
    pub fn group_of(&self, supervisor: u32) -> Group {
        Group(self.0.join(format!("conductor-{supervisor}")))
    }

    /// Starts something in a group of its own, and comes back.
    pub fn start<T>(&self, group: &Group, start: impl FnOnce() -> T) -> T {
        let is_in = group.make().and_then(|()| enter(&group.0)).is_ok();
        let started = start();
        if is_in {
            // Back to where it was taken from: nobody else's limits are touched.
            let _stays = enter(&self.0);
        }
        started
    }
}

impl Group {
    fn make(&self) -> io::Result<()> {
        std::fs::create_dir(&self.0)?;
        // Only where the controller is there.
        let _without = write(&self.0.join("pids.max"), MOST_PROCESSES);
        Ok(())
    }

    /// SIGKILL for all that is in it.
    pub fn kill(&self) {
        let _gone = write(&self.0.join(KILL), "1\n");
    }

    /// Once it is empty. True when it is not there any more.
    pub fn remove(&self) -> bool {
        std::fs::remove_dir(&self.0).is_ok() || !self.0.exists()
    }
}

/// Moves this process there.
fn enter(group: &Path) -> io::Result<()> {
    write(&group.join(MEMBERS), "0\n")
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    files::append(path)?.write_all(text.as_bytes())
}
