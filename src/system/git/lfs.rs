//! Large files that git keeps as pointers (git-lfs): taken over from its clone when their contents are what the pointer says.
//! A clone has a store of its own; Conductor's is in its own repository.

use super::{GitError, Repository, Worktree, protocol};
use crate::files;
use crate::model::Sha;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A pointer is smaller.
const POINTER: usize = 1024;
const VERSION: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
pub(super) const STORE: &str = "lfs/objects";

impl Repository {
    #[must_use]
    pub fn with_lfs(self, has_lfs: bool) -> Self {
        Self { has_lfs, ..self }
    }

    pub(super) fn has_lfs(&self) -> bool {
        self.has_lfs
    }

    /// Whether files of a commit are kept that way.
    pub(super) fn uses_lfs(&self, commit: &Sha) -> Result<bool, GitError> {
        if !self.has_lfs {
            return Ok(false);
        }
        let args = ["grep", "--quiet", "-e", "filter=lfs", commit.as_str(), "--", ":(glob)**/.gitattributes"];
        Ok(self.git(args).output()?.success)
    }

    /// The contents that commits point to which the remote does not have yet.
    pub(super) fn pointers(&self, heads: &[&Sha]) -> Result<BTreeSet<String>, GitError> {
        let args = ["rev-list", "--objects", "--no-object-names", "--stdin", "--not", "--remotes"];
        let wanted: String = heads.iter().map(|id| format!("{id}\n")).collect();
        let listed = self.git(args).stdin(wanted).text()?;
        let check = ["cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)"];
        let sizes = self.git(check).stdin(listed).text()?;
        let small: Vec<String> = sizes.lines().filter_map(small_blob).map(str::to_owned).collect();
        if small.is_empty() {
            return Ok(BTreeSet::new());
        }
        let blobs = self.objects(&small)?.into_iter().flatten();
        Ok(blobs.filter_map(|blob| pointed_to(&blob.data)).collect())
    }

    /// Takes over from a clone the large files that commits point to.
    pub fn import_large(&self, from: &Worktree, heads: &[&Sha]) -> Result<(), GitError> {
        let Some(newest) = heads.last() else { return Ok(()) };
        if !self.uses_lfs(newest)? {
            return Ok(());
        }
        let store = self.common_dir().join(STORE);
        for oid in self.pointers(heads)? {
            let to = place(&store, &oid);
            let source = place(&from.git_dir().join(STORE), &oid);
            if to.exists() || source.symlink_metadata().is_err() {
                continue;
            }
            copy_checked(&source, &to, &oid)
                .map_err(|error| protocol("lfs", format!("{}: {error}", source.display())))?;
        }
        Ok(())
    }
}

fn small_blob(line: &str) -> Option<&str> {
    let (id, rest) = line.split_once(' ')?;
    let size: usize = rest.strip_prefix("blob ")?.parse().ok()?;
    (size < POINTER).then_some(id)
}

/// The SHA-256 that a pointer names.
fn pointed_to(blob: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(blob.strip_prefix(VERSION)?).ok()?;
    let oid = text.lines().find_map(|line| line.strip_prefix("oid sha256:"))?;
    (oid.len() == 64 && oid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
        .then(|| oid.to_owned())
}

/// Where a store has it; `oid` has 64 digits.
pub(super) fn place(store: &Path, oid: &str) -> PathBuf {
    let (first, second) = (oid.get(..2).unwrap_or_default(), oid.get(2..4).unwrap_or_default());
    store.join(first).join(second).join(oid)
}

/// An agent may have put anything in its store: what is not the content itself is not taken.
fn copy_checked(from: &Path, to: &Path, oid: &str) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)?;
    let mut source = files::open(from)?;
    let mut target = tempfile::Builder::new().prefix(".conductor-").tempfile_in(folder)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let count = source.read(&mut buffer)?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        target.write_all(part)?;
    }
    let told: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if told != oid {
        return Err(io::Error::other("its content is not what its name says"));
    }
    target.persist(to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    pub(super) fn pointers_are_read_and_what_only_looks_like_one_is_not() {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let pointer =
            |oid: &str| format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n");
        assert_eq!(pointed_to(pointer(oid).as_bytes()).unwrap(), oid);
        for other in ["../../../../etc/passwd", "", &oid.to_uppercase(), &oid[1..]] {
            assert_eq!(pointed_to(pointer(other).as_bytes()), None, "{other}");
        }
        assert_eq!(pointed_to(b"oid sha256:x"), None);
    }

    #[test]
    fn only_the_content_itself_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("store/x"));
        std::fs::write(&from, "hello").unwrap();
        let oid = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        copy_checked(&from, &to, oid).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"hello");
        assert!(copy_checked(&from, &folder.path().join("store/y"), &oid.replace('2', "3")).is_err());
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert!(copy_checked(&folder.path().join("link"), &to, oid).is_err());
        assert_eq!(std::fs::read_dir(folder.path().join("store")).unwrap().count(), 1);
    }
}
