//! Another user of this machine, whom root may start children as and give files to.

use crate::files;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    pub home: Option<PathBuf>,
}

impl User {
    /// By name or number, as the machine's own list has them; a number that is not there is a user
    /// without a home.
    pub fn find(text: &str) -> Option<Self> {
        let known = files::read_linked_text(Path::new("/etc/passwd"), files::SMALL).unwrap_or_default();
        let named = known
            .lines()
            .filter_map(Self::parse)
            .find(|user| user.name == text || text.parse::<u32>().is_ok_and(|uid| uid == user.uid));
        named.or_else(|| {
            let uid = text.parse().ok()?;
            Some(Self { uid, gid: uid, name: text.to_owned(), home: None })
        })
    }

    /// `name:password:uid:gid:words:home:shell`
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields.as_slice() else { return None };
        let home = Some(PathBuf::from(home)).filter(|home| home.is_absolute() && home.is_dir());
        Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()?, name: (*name).to_owned(), home })
    }

    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether this user can list that folder: asked of the system by a child that is this user.
    pub fn reads(&self, folder: &Path) -> bool {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", "cd \"$1\" && test -r . && test -x .", "sh"]).arg(folder).env_clear();
        command.current_dir("/").uid(self.uid).gid(self.gid);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    /// Lets this user's group through the folders that lead to a place, as far as they are below
    /// `root` or that itself, and no other user. They are who runs this process's.
    pub fn let_through(&self, root: &Path, place: &Path) -> io::Result<()> {
        // Either may be written with links in it.
        let place = place.ancestors().find_map(|folder| folder.canonicalize().ok());
        let (Ok(root), Some(place)) = (root.canonicalize(), place) else { return Ok(()) };
        for folder in place.ancestors().filter(|folder| folder.starts_with(&root)) {
            let Ok(found) = folder.symlink_metadata() else { continue };
            if found.is_dir() && found.uid() != self.uid {
                self.open(folder, &found, 0o010)?;
            }
        }
        Ok(())
    }

    /// Lets this user's group read a file.
    pub fn let_read(&self, file: &Path) -> io::Result<()> {
        let found = file.symlink_metadata()?;
        if found.is_file() && found.uid() != self.uid { self.open(file, &found, 0o040) } else { Ok(()) }
    }

    fn open(&self, place: &Path, found: &fs::Metadata, bit: u32) -> io::Result<()> {
        if found.mode() & (bit >> 3) != 0 || (found.gid() == self.gid && found.mode() & bit != 0) {
            return Ok(());
        }
        std::os::unix::fs::lchown(place, None, Some(self.gid))?;
        // The group's other rights were another group's.
        let mode = (found.mode() & 0o7707) | bit;
        fs::set_permissions(place, fs::Permissions::from_mode(mode))
    }

    /// Makes a folder and all in it this user's. Links are not followed, and a file that has a second
    /// name, which may be somewhere else, stays whose it is.
    pub fn own(&self, place: &Path) -> io::Result<()> {
        let found = place.symlink_metadata()?;
        let is_folder = found.is_dir();
        if found.uid() != self.uid && (is_folder || found.nlink() == 1) {
            std::os::unix::fs::lchown(place, Some(self.uid), Some(self.gid))?;
        }
        if is_folder {
            for entry in fs::read_dir(place)? {
                self.own(&entry?.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_name_and_number_and_an_unknown_number_has_no_home() {
        assert_eq!(User::find("root"), User::find("0"));
        assert!(User::find("root").unwrap().is_root());
        let unknown = User { uid: 4_000_001, gid: 4_000_001, name: "4000001".into(), home: None };
        assert_eq!(User::find("4000001"), Some(unknown));
        assert_eq!(User::find("no such user"), None);
        assert_eq!(User::parse("broken:x:1"), None);
    }
}
