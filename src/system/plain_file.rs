//! Files that others may have written: opened without following a link at the end of the path and
//! without waiting for a pipe's other end, taken for a file only when it is one, read up to a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file of at most `most` bytes; and its size.
pub fn open(path: &Path, most: u64) -> io::Result<(File, u64)> {
    let file = open_untouched(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.len() > most {
        return Err(io::Error::other(format!("it has {} bytes, at most {most} are read", found.len())));
    }
    Ok((file, found.len()))
}

/// Reads a regular file of at most `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, _) = open(path, most)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it grows, at most {most} bytes are read")));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn open_untouched(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open_untouched(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_a_sane_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("plain"), "text").unwrap();
        assert_eq!(read(&path("plain"), 4).unwrap(), b"text");
        assert!(read(&path("plain"), 3).is_err());
        std::os::unix::fs::symlink(path("plain"), path("link")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from(0o600),
            0,
        )
        .unwrap();
        for name in ["link", "pipe", "none"] {
            assert!(read(&path(name), 100).is_err(), "{name}");
        }
        assert!(read(folder.path(), 100).is_err());
        assert!(read(Path::new("/dev/zero"), 100).is_err());
    }
}
