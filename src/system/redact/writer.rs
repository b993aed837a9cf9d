//! A writer that hides secrets on the way, also those split over two writes.

use super::Redactor;
use super::shapes::{KEY_BEGINS, KEY_ENDS, LONGEST, LONGEST_KEY, find};
use std::borrow::Borrow;
use std::io::{self, Write};

/// A line longer than this goes out in parts.
const LONGEST_HELD: usize = 64 * 1024;

/// Hands on whole lines, redacted; the unfinished line waits for its end, for [`Self::finish`] or
/// for the drop. A private key waits for its last line.
pub struct RedactingWriter<W: Write, R: Borrow<Redactor>> {
    inner: W,
    redactor: R,
    held: Vec<u8>,
}

impl<W: Write, R: Borrow<Redactor>> RedactingWriter<W, R> {
    pub fn new(inner: W, redactor: R) -> Self {
        Self { inner, redactor, held: Vec::new() }
    }

    /// Writes what is held back, and tells whether that worked.
    pub fn finish(mut self) -> io::Result<()> {
        self.hand_on(self.held.len())?;
        self.inner.flush()
    }

    fn hand_on(&mut self, length: usize) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        let bytes = self.held.get(..length).unwrap_or_default();
        let result = self.inner.write_all(&self.redactor.borrow().redact_bytes(bytes));
        self.held.drain(..length);
        result
    }

    /// How much of what is held no later byte can make part of a secret.
    fn settled(&self) -> usize {
        let held = &self.held;
        let lines = held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let too_long = held.len() - lines > LONGEST_HELD + self.reach();
        let end = if too_long { held.len() - self.reach() } else { lines };
        let end = self.open_key().map_or(end, |key| end.min(key));
        if !too_long {
            return end;
        }
        match self.redactor.borrow().find(held).find(|found| found.at.end > end) {
            Some(found) => end.min(found.at.start),
            None => end,
        }
    }

    /// No secret is longer than this.
    fn reach(&self) -> usize {
        LONGEST.max(self.redactor.borrow().longest) + LONGEST_KEY
    }

    /// Where a private key begins that has not ended yet.
    fn open_key(&self) -> Option<usize> {
        let from = self.held.len().saturating_sub(LONGEST_KEY);
        let recent = self.held.get(from..)?;
        let begin = recent.windows(KEY_BEGINS.len()).rposition(|window| window == KEY_BEGINS.as_bytes())?;
        let ended = find(recent.get(begin..)?, KEY_ENDS.as_bytes()).is_some();
        (!ended).then_some(from + begin)
    }
}

impl<W: Write, R: Borrow<Redactor>> Write for RedactingWriter<W, R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        let is_due = bytes.contains(&b'\n') || self.held.len() > LONGEST_HELD + self.reach();
        if is_due {
            self.hand_on(self.settled())?;
        }
        Ok(bytes.len())
    }

    /// Flushes what was handed on; the unfinished line stays.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write, R: Borrow<Redactor>> Drop for RedactingWriter<W, R> {
    fn drop(&mut self) {
        let _ = self.hand_on(self.held.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn written(redactor: &Redactor, writes: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(&mut out, redactor);
        for bytes in writes {
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_secret_split_anywhere_is_hidden() {
        let redactor = Redactor::new(&[Secret::new("sup3r-secret-value")]);
        let text = "one sup3r-secret-value two\nthree sup3r-secret-value";
        for at in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(at);
            assert_eq!(written(&redactor, &[a, b]), "one *** two\nthree ***", "{at}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(written(&redactor, &bytes), "one *** two\nthree ***");
    }

    #[test]
    fn whole_lines_go_out_at_once() {
        let redactor = Redactor::new(&[]);
        let mut out = Vec::new();
        {
            let mut writer = RedactingWriter::new(&mut out, &redactor);
            writer.write_all(b"a whole line\nand a par").unwrap();
            assert_eq!(writer.held, b"and a par");
        }
        assert_eq!(out, b"a whole line\nand a par");
    }

    #[test]
    fn a_line_without_end_is_held_in_bounds_and_hides_its_secrets() {
        let secret = "sup3r-secret-value";
        let redactor = Redactor::new(&[Secret::new(secret)]);
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(&mut out, &redactor);
        let mut expected = String::new();
        for n in 0..40_000 {
            let filler = "y".repeat(n % 50);
            writer.write_all(format!("{filler} {secret} ").as_bytes()).unwrap();
            expected.push_str(&format!("{filler} *** "));
            assert!(writer.held.len() < 2 * LONGEST_HELD + 2 * LONGEST_KEY, "{}", writer.held.len());
        }
        writer.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_private_key_in_many_writes_is_hidden() {
        let redactor = Redactor::new(&[]);
        let mut lines = vec!["start\n", "-----BEGIN RSA PRIVATE KEY-----\n"];
        lines.extend(["MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7\n"; 30]);
        lines.extend(["-----END RSA PRIVATE KEY-----\n", "end\n"]);
        let writes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(written(&redactor, &writes), "start\n***\nend\n");
    }
}
