//! Files of one ticket's run that nobody else is to look into, and the word that fences what others
//! wrote in a prompt.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// A folder nobody else looks into.
pub(in crate::cycle) fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Words nobody outside can foresee.
pub(in crate::cycle) fn boundary() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}
