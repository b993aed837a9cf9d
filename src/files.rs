//! Files that others may have written: agents, hooks, collaborators, other users of a shared folder.
//!
//! Everything Conductor reads or writes by itself goes through here; `tests/architecture.rs` holds
//! it. Only plain files are opened, without following a link in the last place, without waiting for
//! a pipe, and no more is read than the caller can use. What is written is written beside its place
//! and renamed, so that what was there, a link or a pipe too, is replaced and never written through.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// More than that is no settings file, prompt or status.
pub const SMALL: u64 = 16 << 20;
/// More than that is no log, trace or list of objects.
pub const LARGE: u64 = 1 << 30;

/// Why a file is not read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("is {0}, not a plain file")]
    NotAFile(&'static str),
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    #[error("is no text in UTF-8")]
    NotText,
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::NotAFile(_) => ErrorKind::InvalidInput,
            Refusal::TooLarge(_) | Refusal::NotText => ErrorKind::InvalidData,
        };
        Self::new(kind, refusal)
    }
}

/// Whether a file was refused for its size.
pub fn is_too_large(error: &io::Error) -> bool {
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>());
    matches!(refusal, Some(Refusal::TooLarge(_)))
}

/// Whether to go where a link in the last place leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    Refused,
    /// For files that a person named, who may have linked them.
    Followed,
}

/// Opens a plain file to read it.
pub fn open(path: &Path) -> io::Result<File> {
    plain(path, OpenOptions::new().read(true), Links::Refused)
}

/// The same of one of at most so many bytes; and its size.
pub fn open_bounded(path: &Path, most: u64) -> io::Result<(File, u64)> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    if size > most { Err(Refusal::TooLarge(most).into()) } else { Ok((file, size)) }
}

/// The whole of a plain file of at most so many bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    bounded(open(path)?, most)
}

/// The same as text; what is not UTF-8 is an error.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    text(read(path, most)?)
}

/// The whole of a file that a person named: a link is followed to the plain file it leads to.
pub fn read_linked(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    bounded(plain(path, OpenOptions::new().read(true), Links::Followed)?, most)
}

/// The same as text.
pub fn read_linked_text(path: &Path, most: u64) -> io::Result<String> {
    text(read_linked(path, most)?)
}

/// Opens a plain file to add to it; makes it where there is none.
pub fn append(path: &Path) -> io::Result<File> {
    plain(path, OpenOptions::new().append(true).create(true), Links::Refused)
}

/// The same of a file of Conductor's own: what somebody put in its place is replaced.
pub fn append_own(path: &Path) -> io::Result<File> {
    match append(path) {
        Err(error) if path.symlink_metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) => {
            tracing::warn!("{}: {error}; a new one is made in its place", path.display());
            std::fs::remove_file(path)?;
            create_new(path)
        }
        opened => opened,
    }
}

/// Makes a file that is not there yet, not even as a link.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(path)
}

/// Writes a file that is not there yet.
pub fn write_new(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    create_new(path)?.write_all(bytes.as_ref())
}

/// Writes a file as a whole: readers see the old one or the new one.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    put(path, bytes.as_ref(), 0o666, false)
}

/// The same, on the disk when this returns.
pub fn write_synced(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    put(path, bytes.as_ref(), 0o666, true)
}

/// The same as [`write`] for this user's eyes only.
pub fn write_private(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    put(path, bytes.as_ref(), 0o600, false)
}

/// Copies a plain file to where none is yet; the new one.
pub fn copy_new(from: &Path, to: &Path) -> io::Result<File> {
    let (mut from, mut to) = (open(from)?, create_new(to)?);
    io::copy(&mut from, &mut to)?;
    Ok(to)
}

/// A folder, opened to be locked or synced.
pub fn open_folder(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(bits(flags)).open(path)
}

/// A name is on the disk when its folder is.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    open_folder(path)?.sync_all()
}

fn plain(path: &Path, options: &mut OpenOptions, links: Links) -> io::Result<File> {
    let mut flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    if links == Links::Refused {
        flags |= rustix::fs::OFlags::NOFOLLOW;
    }
    let file = options.custom_flags(bits(flags)).open(path).map_err(|error| told(path, links, error))?;
    match kind_of(&file.metadata()?.file_type()) {
        None => Ok(file),
        Some(kind) => Err(Refusal::NotAFile(kind).into()),
    }
}

/// In words what the system says of a link, or of a pipe nobody reads.
fn told(path: &Path, links: Links, error: io::Error) -> io::Error {
    let found = match links {
        Links::Refused => path.symlink_metadata(),
        Links::Followed => path.metadata(),
    };
    match found.ok().and_then(|found| kind_of(&found.file_type())) {
        Some(kind) if error.kind() != ErrorKind::PermissionDenied => Refusal::NotAFile(kind).into(),
        _ => error,
    }
}

/// What it is when it is no plain file.
fn kind_of(kind: &std::fs::FileType) -> Option<&'static str> {
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    })
}

fn bits(flags: rustix::fs::OFlags) -> i32 {
    // The flags of `open` are an `int`; rustix keeps the same bits as unsigned.
    flags.bits().cast_signed()
}

fn bounded(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(Refusal::TooLarge(most).into()) } else { Ok(bytes) }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| Refusal::NotText.into())
}

fn put(path: &Path, bytes: &[u8], mode: u32, is_synced: bool) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".conductor-")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    if is_synced {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    if is_synced { sync_folder(folder) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    /// One of each kind that is no plain file of an allowed size, by what is said of it.
    fn hostile(folder: &Path) -> Vec<(PathBuf, &'static str)> {
        let at = |name: &str| folder.join(name);
        std::fs::write(at("outside"), "precious").unwrap();
        symlink(at("outside"), at("link")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        symlink("loop", at("loop")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::File::create(at("huge")).unwrap().set_len(1 << 40).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(pipe.success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        vec![
            (at("link"), "a link"),
            (at("endless"), "a link"),
            (at("loop"), "a link"),
            (at("folder"), "a folder"),
            (at("huge"), "larger than"),
            (at("pipe"), "a pipe"),
            (at("socket"), "a socket"),
            (PathBuf::from("/dev/zero"), "a device"),
        ]
    }

    #[test]
    fn only_plain_files_of_a_sane_size_are_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        for (path, words) in hostile(folder.path()) {
            let told = read(&path, SMALL).unwrap_err().to_string();
            assert!(told.contains(words), "{}: {told}", path.display());
        }
        assert_eq!(read_text(&folder.path().join("outside"), 8).unwrap(), "precious");
        assert!(read(&folder.path().join("outside"), 7).is_err());
        assert_eq!(read(&folder.path().join("none"), 7).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_link_of_a_persons_is_followed_to_a_plain_file_and_to_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        hostile(folder.path());
        let read = |name: &str| read_linked_text(&folder.path().join(name), SMALL);
        assert_eq!(read("link").unwrap(), "precious");
        for name in ["endless", "loop", "folder", "huge", "pipe", "socket"] {
            assert!(read(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_in_a_files_place_is_replaced_and_never_written_through() {
        for (how, name) in [("write", "new"), ("append", "new")] {
            let folder = tempfile::tempdir().unwrap();
            for (path, words) in hostile(folder.path()) {
                if words == "a device" || words == "larger than" {
                    continue;
                }
                let done = match how {
                    "write" => write(&path, name),
                    _ => append_own(&path).and_then(|mut file| file.write_all(name.as_bytes())),
                };
                assert_eq!(done.is_err(), words == "a folder", "{how} {}: {done:?}", path.display());
                if done.is_ok() {
                    assert_eq!(read_text(&path, 8).unwrap(), name);
                }
            }
            assert_eq!(read_text(&folder.path().join("outside"), 8).unwrap(), "precious");
        }
    }

    #[test]
    fn what_is_not_ones_own_is_not_added_to_through_a_link_and_nothing_is_made_twice() {
        let folder = tempfile::tempdir().unwrap();
        for (path, words) in hostile(folder.path()) {
            if words != "larger than" {
                assert!(append(&path).is_err(), "{}", path.display());
            }
            assert!(write_new(&path, "new").is_err(), "{}", path.display());
        }
        assert_eq!(read_text(&folder.path().join("outside"), 8).unwrap(), "precious");
    }
}
