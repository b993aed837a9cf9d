//! Files that came from another job: read as what others may have written.

use super::failure::{Failure, USAGE};
use crate::files;
use crate::model::carried::{Bundle, MOST, hex};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// No bundle is larger.
const MOST_OF_A_BUNDLE: u64 = 1 << 30;

/// A document's text.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read(path, MOST).map_err(|error| Failure::new(USAGE, format!("{}: {error}", path.display())))
}

/// Whether a bundle is the one its document tells of; an error says why not.
pub(super) fn is_as_told(path: &Path, told: &Bundle) -> Result<(), String> {
    let opened = files::open_bounded(path, MOST_OF_A_BUNDLE);
    let (mut file, bytes) = opened.map_err(|error| format!("its bundle cannot be read: {error}"))?;
    if bytes != told.bytes {
        return Err(format!("its bundle has {bytes} bytes, {} were told: it was cut or edited", told.bytes));
    }
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hash.update(buffer.get(..read).unwrap_or_default()),
            Err(error) => return Err(format!("its bundle cannot be read: {error}")),
        }
    }
    if hex(&hash.finalize()) == told.sha256 {
        return Ok(());
    }
    Err("its bundle is another than the one that was told: it was edited".to_owned())
}
