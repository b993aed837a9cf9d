//! Lines for programs that read the log: each becomes one JSON object, shaped as tracing shapes its
//! own. It writes nothing but whole lines.

use crate::report::text;
use chrono::{SecondsFormat, Utc};
use serde_json::json;
use std::io::{self, Write};

/// What is said, as an object of the log.
pub(super) fn event(level: &str, message: &str) -> String {
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    json!({"timestamp": now, "level": level, "fields": {"message": message}}).to_string()
}

/// A sink for plain lines.
pub(super) struct JsonLines<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> JsonLines<W> {
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }
}

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let said = text::one_line(&String::from_utf8_lossy(&line));
            writeln!(self.out, "{}", event("INFO", &said))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_object_however_it_arrives() {
        let mut out = Vec::new();
        let mut lines = JsonLines::new(&mut out);
        for piece in ["T-1: ", "\u{1b}[1msays\u{1b}[0m \"x\"\nT-2", ": more\nnot yet whole"] {
            lines.write_all(piece.as_bytes()).unwrap();
        }
        let said: Vec<String> = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|event| format!("{}: {}", event["level"], event["fields"]["message"]))
            .collect();
        assert_eq!(said, [r#""INFO": "T-1: says \"x\"""#, r#""INFO": "T-2: more""#]);
    }
}
