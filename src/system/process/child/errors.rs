//! A child's standard error, read beside its output: to the log without secrets, its end kept.

use crate::system::process::log::Log;
use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};

/// How much is kept for the ending.
const TAIL: usize = 4096;
/// One read.
const READ: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Errors {
    /// Without waiting; `None` after its end.
    pipe: Option<PipeReader>,
    log: Log,
    tail: VecDeque<u8>,
}

impl Errors {
    pub fn new(pipe: PipeReader, log: Log) -> Self {
        Self { pipe: Some(pipe), log, tail: VecDeque::new() }
    }

    /// To wait for.
    pub fn pipe(&self) -> Option<&PipeReader> {
        self.pipe.as_ref()
    }

    /// True when there was something to read.
    pub fn read(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        let mut bytes = [0; READ];
        match pipe.read(&mut bytes) {
            Ok(0) => {
                self.pipe = None;
                true
            }
            Ok(count) => {
                let read = bytes.get(..count).unwrap_or_default();
                self.log.write(read);
                self.tail.extend(read);
                self.tail.drain(..self.tail.len().saturating_sub(TAIL));
                true
            }
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }

    /// The log is whole then. Returns the end, lossily decoded.
    pub fn finish(self) -> String {
        let bytes: Vec<u8> = self.tail.into();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}
