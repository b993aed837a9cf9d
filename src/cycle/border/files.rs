//! Files of assignments and results: written aside, synced and renamed, so that a job that dies
//! leaves whole ones or none.

use crate::files;
use crate::model::Sha;
use crate::model::carried::{Bundle, hex};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::Path;

/// A log that is larger stays where it is.
const MOST_OF_A_LOG: u64 = 64 << 20;

/// Puts a whole document into its folder.
pub(super) fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    files::write_synced(&dir.join(name), bytes)
}

/// What is told of a bundle that was just written.
pub(super) fn bundle(path: &Path, head: &Sha) -> io::Result<Bundle> {
    let mut file = files::open(path)?;
    file.sync_all()?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                hash.update(buffer.get(..read).unwrap_or_default());
                bytes += read as u64;
            }
        }
    }
    Ok(Bundle { head: head.clone(), sha256: hex(&hash.finalize()), bytes })
}

/// Copies what a run wrote of a ticket. Folders of children and what is no plain file stay behind.
pub(super) fn copy_logs(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (name, found) = (entry.file_name(), entry.path().symlink_metadata()?);
        let is_childrens = ["tmp", "home"].iter().any(|child| name == *child);
        if found.is_dir() && !is_childrens {
            copy_logs(&entry.path(), &to.join(name))?;
        } else if found.is_file() && found.len() <= MOST_OF_A_LOG {
            files::copy_new(&entry.path(), &to.join(name))?;
        }
    }
    Ok(())
}
