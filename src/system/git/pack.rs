//! The commits at the beginning of a pack: git writes them first and mostly whole, so that they are
//! read on the way, without a call. A commit is known by the hash of what was read; whatever is not
//! found this way is asked of git.

use super::format::ObjectFormat;
use super::objects::Object;
use crate::model::Sha;
use flate2::bufread::ZlibDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

/// Larger commits are left to git.
const LARGEST: u64 = 1 << 20;
/// So are all beyond this many bytes.
const MOST: u64 = 16 << 20;

const COMMIT: u8 = 1;

/// The whole commits before the first object of another kind. The file stands at its beginning
/// afterwards.
pub(super) fn first_commits(pack: &mut File, format: ObjectFormat) -> io::Result<Vec<Object>> {
    pack.rewind()?;
    let mut reader = BufReader::new(&mut *pack);
    let mut commits = Vec::new();
    let mut header = [0; 12];
    // What cannot be read is none of this reader's business: git judges the pack.
    if reader.read_exact(&mut header).is_ok() && header.starts_with(b"PACK") {
        let mut left = MOST;
        while let Some(commit) = next_commit(&mut reader, format, left) {
            left = left.saturating_sub(commit.data.len() as u64);
            commits.push(commit);
        }
    }
    drop(reader);
    pack.rewind()?;
    Ok(commits)
}

fn next_commit(reader: &mut impl BufRead, format: ObjectFormat, left: u64) -> Option<Object> {
    let (kind, size) = entry(reader)?;
    if kind != COMMIT || size > LARGEST.min(left) {
        return None;
    }
    let mut data = Vec::new();
    let mut content = ZlibDecoder::new(reader).take(size + 1);
    content.read_to_end(&mut data).ok()?;
    if data.len() as u64 != size {
        return None;
    }
    let id = format.id(format!("commit {size}\0").as_bytes(), &data);
    Some(Object { id: Sha::new(id), kind: "commit".to_owned(), data })
}

/// The kind and the size of the object that begins here.
fn entry(reader: &mut impl BufRead) -> Option<(u8, u64)> {
    let mut byte = || {
        let mut one = [0];
        reader.read_exact(&mut one).ok().map(|()| one[0])
    };
    let first = byte()?;
    let kind = (first >> 4) & 7;
    let mut size = u64::from(first & 15);
    let (mut shift, mut more) = (4, first & 128 != 0);
    while more {
        let next = byte()?;
        size |= u64::from(next & 127).checked_shl(shift).filter(|_| shift < 60)?;
        shift += 7;
        more = next & 128 != 0;
    }
    Some((kind, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BranchName;
    use crate::system::git::Repository;
    use std::io::Write;

    #[test]
    fn commits_are_read_from_a_pack_that_git_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(&dir.path().join("r"), &BranchName::new("main")).unwrap();
        let tree = repository.write_tree(&[]).unwrap();
        let author = crate::system::git::CommitAuthor { name: "A".to_owned(), email: "a@b".to_owned() };
        let first = repository.write_commit(&tree, &[], &"first ".repeat(500), &author).unwrap();
        let second = repository.write_commit(&tree, std::slice::from_ref(&first), "second", &author).unwrap();
        let call = repository.git(["pack-objects", "--quiet", "--revs", "--stdout"]);
        let (mut pack, _) = call.stdin(format!("{second}\n")).spooled().unwrap();
        let read = first_commits(&mut pack, repository.format).unwrap();
        let asked = repository.raw_commits(&[second, first]).unwrap();
        assert_eq!(read.into_iter().map(Some).collect::<Vec<_>>(), asked);
    }

    #[test]
    fn what_is_no_pack_holds_no_commit() {
        for bytes in [b"".as_slice(), b"PACK", b"PACK\0\0\0\x02\0\0\0\x01\x9f", &[255; 64]] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            assert_eq!(first_commits(&mut file, ObjectFormat::Sha1).unwrap(), []);
        }
    }
}
