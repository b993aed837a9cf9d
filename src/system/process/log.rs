//! A copy of what a child prints, appended to a file without secrets. Lines go out whole, so that
//! a secret in two writes is seen as one; what is held back is bounded.

use crate::files;
use crate::system::redact::{RedactingWriter, Redactor};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Dropping it writes the last, unfinished line.
pub(super) struct Log(Option<RedactingWriter<File, Arc<Redactor>>>);

impl Log {
    pub fn open(path: &Path, redactor: &Arc<Redactor>) -> io::Result<Self> {
        let file = files::append_own(path)?;
        Ok(Self(Some(RedactingWriter::new(file, Arc::clone(redactor)))))
    }

    pub fn write(&mut self, bytes: &[u8]) {
        // A full disk must not end the agent: what cannot be copied is still parsed.
        if self.0.as_mut().is_some_and(|writer| writer.write_all(bytes).is_err()) {
            self.0 = None;
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}
