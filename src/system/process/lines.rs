//! Bytes into lines, in bounded memory. A line past the cap is dropped whole and its length told;
//! bytes are not decoded, so a character split between two reads stays whole.

use std::io::{self, Read};
use std::ops::Range;

/// The longest line kept: 10 MB.
pub const DEFAULT_LINE_CAP: usize = 10 * 1024 * 1024;

/// One read; less for a small cap.
const READ: usize = 64 * 1024;
/// What an idle buffer may keep after a long line.
const KEEP: usize = 256 * 1024;

/// A growing buffer of unread lines.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Where the unread part begins.
    start: usize,
    /// Up to where the unread part has been searched for a newline.
    searched: usize,
    /// Where the buffer's valid bytes end.
    end: usize,
    cap: usize,
    /// Bytes of the current over-long line dropped so far.
    dropping: Option<u64>,
    finished: bool,
}

/// What the buffer has to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A line without its newline; see [`Lines::text`].
    Text(Range<usize>),
    /// A line of that many bytes was not kept.
    Skipped(u64),
}

impl Lines {
    pub fn new(cap: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, searched: 0, end: 0, cap, dropping: None, finished: false }
    }

    /// One read; the new bytes go to `copy` as well. `Ok(0)` is the end of the input.
    pub fn fill(&mut self, input: &mut impl Read, copy: impl FnOnce(&[u8])) -> io::Result<usize> {
        self.make_room();
        let read = input.read(&mut self.buffer[self.end..])?;
        copy(&self.buffer[self.end..self.end + read]);
        self.end += read;
        Ok(read)
    }

    /// No more input will come: what is left is a line.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next line, when a whole one is there.
    pub fn take(&mut self) -> Option<Piece> {
        if let Some(offset) = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]) {
            let at = self.searched + offset;
            let line = self.start..at;
            self.start = at + 1;
            self.searched = self.start;
            return Some(self.piece(line));
        }
        self.searched = self.end;
        let waiting = self.end - self.start;
        if waiting > self.cap || self.dropping.is_some() {
            self.dropping = Some(self.dropping.unwrap_or(0) + waiting as u64);
            self.clear();
        }
        if !self.finished {
            return None;
        }
        let line = self.start..self.end;
        self.start = self.end;
        (self.dropping.is_some() || !line.is_empty()).then(|| self.piece(line))
    }

    /// The bytes of a piece, until the next [`Lines::fill`].
    pub fn text(&self, line: Range<usize>) -> &[u8] {
        &self.buffer[line]
    }

    fn piece(&mut self, line: Range<usize>) -> Piece {
        let length = line.len() as u64;
        if let Some(dropped) = self.dropping.take() {
            return Piece::Skipped(dropped + length);
        }
        if line.len() > self.cap {
            return Piece::Skipped(length);
        }
        let carriage_return = self.buffer[line.clone()].ends_with(b"\r");
        Piece::Text(line.start..line.end - usize::from(carriage_return))
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            self.clear();
        }
        let read = self.cap.clamp(256, READ);
        if self.start > 0 && self.buffer.len() - self.end < read {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < read {
            let wanted = (self.buffer.len() * 2).clamp(2 * read, self.cap + 2 * read);
            let wanted = wanted.max(self.end + read);
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
    }

    fn clear(&mut self) {
        (self.start, self.searched, self.end) = (0, 0, 0);
        if self.buffer.len() > KEEP {
            self.buffer = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of a fixed size.
    struct Trickle<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let size = self.step.min(self.bytes.len()).min(into.len());
            into[..size].copy_from_slice(&self.bytes[..size]);
            self.bytes = &self.bytes[size..];
            Ok(size)
        }
    }

    fn read_all(bytes: &[u8], step: usize, cap: usize) -> (Vec<Result<Vec<u8>, u64>>, usize) {
        let (mut lines, mut input) = (Lines::new(cap), Trickle { bytes, step });
        let (mut found, mut largest, mut open) = (Vec::new(), 0, true);
        loop {
            while let Some(piece) = lines.take() {
                found.push(match piece {
                    Piece::Text(range) => Ok(lines.text(range).to_vec()),
                    Piece::Skipped(length) => Err(length),
                });
            }
            if !open {
                return (found, largest);
            }
            if lines.fill(&mut input, |_| ()).unwrap() == 0 {
                lines.finish();
                open = false;
            }
            largest = largest.max(lines.buffer.capacity());
        }
    }

    #[test]
    fn lines_come_whole_however_the_input_is_cut() {
        let text = "first\n\nsnow ☃ and \u{1F980}\r\n\0\u{fffd}\nno newline at the end ☃".as_bytes();
        let expected: Vec<_> = ["first", "", "snow ☃ and \u{1F980}", "\0\u{fffd}", "no newline at the end ☃"]
            .iter()
            .map(|line| Ok(line.as_bytes().to_vec()))
            .collect();
        for step in 1..40 {
            assert_eq!(read_all(text, step, 100).0, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn a_line_past_the_cap_is_skipped_with_its_length_and_the_next_one_is_whole() {
        let text = [&b"a\n"[..], &[b'x'; 1001], b"\nb\n", &[b'y'; 1000], b"\n", &[b'z'; 5000]].concat();
        let expected = vec![Ok(b"a".to_vec()), Err(1001), Ok(b"b".to_vec()), Ok(vec![b'y'; 1000]), Err(5000)];
        for step in [1, 7, 999, 1000, 1001, 1002, 4000, 100_000] {
            assert_eq!(read_all(&text, step, 1000).0, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn a_line_of_fifty_megabytes_passes_in_bounded_memory() {
        let mut text = vec![b'x'; 50 << 20];
        text.extend_from_slice(b"\nlast");
        let (found, largest) = read_all(&text, usize::MAX, DEFAULT_LINE_CAP);
        assert_eq!(found, vec![Err(50 << 20), Ok(b"last".to_vec())]);
        assert!(largest < 12 << 20, "{largest} bytes were kept");
    }
}
