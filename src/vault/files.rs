//! Files of the vault that Conductor itself writes.

use crate::files;
use crate::system::git::GitError;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Written only when it differs, and as a whole.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), GitError> {
    if files::read(path, files::SMALL).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(".conductor-")
            .permissions(std::fs::Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| failed(path, &error))
}

pub(super) fn failed(path: &Path, error: &io::Error) -> GitError {
    GitError::protocol("vault", format!("{}: {error}", path.display()))
}
