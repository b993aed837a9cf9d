//! What a pack from outside says of itself, read through before git builds anything of it: how many
//! objects, how large each becomes, how deep deltas lie on each other. Small packs can name huge
//! objects. Whether the objects are sound is git's to say.

use flate2::bufread::ZlibDecoder;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// What is taken in, at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackLimits {
    pub objects: u64,
    /// Bytes of one object.
    pub object: u64,
    /// Bytes of all objects.
    pub total: u64,
    /// Deltas on deltas.
    pub depth: u32,
}

/// More than these are nobody's change.
pub(super) const LIMITS: PackLimits =
    PackLimits { objects: 2_000_000, object: 512 << 20, total: 4 << 30, depth: 5_000 };

/// Why a pack is not taken in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PackFault {
    #[error("the pack is cut short or damaged")]
    Damaged,
    #[error("the pack has {0} objects, more than {1}")]
    Objects(u64, u64),
    #[error("an object of the pack has {0} bytes, more than {1}")]
    Object(u64, u64),
    #[error("the objects of the pack have more than {0} bytes")]
    Total(u64),
    #[error("deltas of the pack lie deeper than {0}")]
    Depth(u32),
}

impl From<io::Error> for PackFault {
    fn from(_: io::Error) -> Self {
        Self::Damaged
    }
}

const OFFSET_DELTA: u8 = 6;
const REF_DELTA: u8 = 7;

/// Reads a pack from its beginning to its last object. Ids have so many bytes.
pub(super) fn check(pack: impl BufRead, id_len: usize, limits: PackLimits) -> Result<(), PackFault> {
    let mut pack = Counted { inner: pack, at: 0 };
    let mut header = [0; 12];
    pack.read_exact(&mut header)?;
    let (is_pack, count) = match header {
        [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, a, b, c, d] => (true, u32::from_be_bytes([a, b, c, d])),
        _ => (false, 0),
    };
    if !is_pack {
        return Err(PackFault::Damaged);
    }
    if u64::from(count) > limits.objects {
        return Err(PackFault::Objects(u64::from(count), limits.objects));
    }
    let mut depths: HashMap<u64, u32> = HashMap::new();
    let (mut data, mut total) = (0u64, 0u64);
    for _ in 0..count {
        let start = pack.at;
        let (kind, size) = entry(&mut pack)?;
        let depth = match kind {
            OFFSET_DELTA => {
                let base = start.checked_sub(offset(&mut pack)?).ok_or(PackFault::Damaged)?;
                depths.get(&base).ok_or(PackFault::Damaged)?.saturating_add(1)
            }
            REF_DELTA => {
                let mut id = vec![0; id_len];
                pack.read_exact(&mut id)?;
                1
            }
            1..=4 => 0,
            _ => return Err(PackFault::Damaged),
        };
        if depth > limits.depth {
            return Err(PackFault::Depth(limits.depth));
        }
        data = data.saturating_add(size);
        within(size, data, limits)?;
        let becomes = body(&mut pack, size, matches!(kind, OFFSET_DELTA | REF_DELTA))?;
        total = total.saturating_add(becomes);
        within(becomes, total, limits)?;
        depths.insert(start, depth);
    }
    Ok(())
}

fn within(object: u64, total: u64, limits: PackLimits) -> Result<(), PackFault> {
    if object > limits.object {
        return Err(PackFault::Object(object, limits.object));
    }
    if total > limits.total { Err(PackFault::Total(limits.total)) } else { Ok(()) }
}

/// The kind and the size of the entry that begins here.
fn entry(pack: &mut impl Read) -> Result<(u8, u64), PackFault> {
    let first = byte(pack)?;
    let (kind, mut size) = ((first >> 4) & 7, u64::from(first & 15));
    let (mut shift, mut more) = (4, first & 128 != 0);
    while more {
        let next = byte(pack)?;
        if shift > 56 {
            return Err(PackFault::Damaged);
        }
        size |= u64::from(next & 127) << shift;
        shift += 7;
        more = next & 128 != 0;
    }
    Ok((kind, size))
}

/// How far before the entry its base begins.
fn offset(pack: &mut impl Read) -> Result<u64, PackFault> {
    let mut next = byte(pack)?;
    let mut offset = u64::from(next & 127);
    while next & 128 != 0 {
        next = byte(pack)?;
        let higher = offset.checked_add(1).filter(|higher| *higher < 1 << 56).ok_or(PackFault::Damaged)?;
        offset = (higher << 7) | u64::from(next & 127);
    }
    Ok(offset)
}

/// Reads past an entry's compressed data; the size of the object it becomes.
fn body(pack: &mut impl BufRead, size: u64, is_delta: bool) -> Result<u64, PackFault> {
    let mut content = ZlibDecoder::new(pack).take(size.saturating_add(1));
    let (mut seen, mut head, mut buffer) = (0u64, Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = content.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let new = buffer.get(..read).unwrap_or_default();
        head.extend(new.iter().take(DELTA_HEADER.saturating_sub(head.len())));
        seen = seen.saturating_add(read as u64);
    }
    if seen != size {
        return Err(PackFault::Damaged);
    }
    if !is_delta {
        return Ok(size);
    }
    let mut head = head.as_slice();
    let _base = varint(&mut head)?;
    varint(&mut head)
}

/// A delta begins with the sizes of its base and of what it becomes.
const DELTA_HEADER: usize = 20;

fn varint(bytes: &mut impl Read) -> Result<u64, PackFault> {
    let (mut value, mut shift) = (0u64, 0u32);
    loop {
        let next = byte(bytes)?;
        if shift > 56 {
            return Err(PackFault::Damaged);
        }
        value |= u64::from(next & 127) << shift;
        shift += 7;
        if next & 128 == 0 {
            return Ok(value);
        }
    }
}

fn byte(bytes: &mut impl Read) -> Result<u8, PackFault> {
    let mut one = [0];
    bytes.read_exact(&mut one)?;
    Ok(one[0])
}

/// Knows how far it has been read.
struct Counted<R> {
    inner: R,
    at: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BranchName;
    use crate::system::git::Repository;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    const SMALL: PackLimits = PackLimits { objects: 10, object: 1_000, total: 3_000, depth: 3 };

    fn number(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value > 127 {
            bytes.push((value & 127) as u8 | 128);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn compressed(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// The header of an entry with that told size.
    fn told(kind: u8, size: u64) -> Vec<u8> {
        let more = if size > 15 { 128 } else { 0 };
        let mut bytes = vec![(kind << 4) | (size & 15) as u8 | more];
        if size > 15 {
            bytes.extend(number(size >> 4));
        }
        bytes
    }

    fn pack(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = b"PACK\0\0\0\x02".to_vec();
        bytes.extend((entries.len() as u32).to_be_bytes());
        entries.iter().for_each(|entry| bytes.extend(entry));
        bytes
    }

    fn blob(size: usize) -> Vec<u8> {
        [told(3, size as u64), compressed(&vec![0; size])].concat()
    }

    fn delta_to(size: u64) -> Vec<u8> {
        let data = [number(5), number(size), vec![0]].concat();
        [told(7, data.len() as u64), vec![0; 20], compressed(&data)].concat()
    }

    #[test]
    fn a_small_pack_that_becomes_huge_is_refused() {
        let checked = |entries: &[Vec<u8>]| check(pack(entries).as_slice(), 20, SMALL);
        assert_eq!(checked(&[blob(1_000), blob(900)]), Ok(()));
        assert_eq!(checked(&[blob(1_001)]), Err(PackFault::Object(1_001, 1_000)));
        assert_eq!(checked(&[delta_to(1 << 40)]), Err(PackFault::Object(1 << 40, 1_000)));
        assert_eq!(checked(&vec![blob(1_000); 4]), Err(PackFault::Total(3_000)));
        assert_eq!(checked(&vec![blob(0); 11]), Err(PackFault::Objects(11, 10)));
        // Says that it is small, and is not.
        let lies = [told(3, 10), compressed(&[0; 900_000])].concat();
        assert_eq!(checked(&[lies]), Err(PackFault::Damaged));
    }

    #[test]
    fn deep_deltas_are_refused() {
        let data = [number(5), number(5), vec![0]].concat();
        let first = blob(5);
        let mut entries = vec![first.clone()];
        let mut before = first.len() as u8;
        for _ in 0..4 {
            let entry = [told(6, data.len() as u64), vec![before], compressed(&data)].concat();
            before = entry.len() as u8;
            entries.push(entry);
        }
        assert_eq!(check(pack(&entries[..4]).as_slice(), 20, SMALL), Ok(()));
        assert_eq!(check(pack(&entries).as_slice(), 20, SMALL), Err(PackFault::Depth(3)));
    }

    #[test]
    fn what_git_wrote_passes_and_a_cut_pack_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(&dir.path().join("r"), &BranchName::new("main")).unwrap();
        let tree = repository.write_tree(&[]).unwrap();
        let author = crate::system::git::CommitAuthor { name: "A".to_owned(), email: "a@b".to_owned() };
        let mut commit = repository.write_commit(&tree, &[], &"begin ".repeat(500), &author).unwrap();
        for number in 0..20 {
            let message = format!("{number} {}", "again ".repeat(500));
            commit =
                repository.write_commit(&tree, std::slice::from_ref(&commit), &message, &author).unwrap();
        }
        let call = repository.git(["pack-objects", "--quiet", "--revs", "--delta-base-offset", "--stdout"]);
        let bytes = call.stdin(format!("{commit}\n")).success().unwrap().stdout;
        assert_eq!(check(bytes.as_slice(), 20, LIMITS), Ok(()));
        for end in [0, 11, 12, 40, bytes.len() / 2] {
            assert_eq!(check(&bytes[..end], 20, LIMITS), Err(PackFault::Damaged), "{end}");
        }
        assert_eq!(check([255; 64].as_slice(), 20, LIMITS), Err(PackFault::Damaged));
    }
}
