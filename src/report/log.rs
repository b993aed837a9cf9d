//! An agent's log, shown: what a terminal or a CI runner would obey is taken out of it.

use crate::model::text::visible;
use std::io::{self, Write};

/// Writes a line, or a part of a long one, with whatever line end it has.
pub fn line(text: &str, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}", visible(text).replace("##[", "## ["))
}

/// Writes the log as one JSON document.
pub fn document(issue: &str, run_id: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let document = serde_json::json!({"schema": 1, "issue": issue, "run_id": run_id, "log": text});
    super::json::document(&document, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_words_and_loses_what_a_terminal_obeys() {
        let mut out = Vec::new();
        line("\u{1b}[2J{\"a\":\t1} ##[group]\u{202e}x\r\n", &mut out).unwrap();
        line("no end", &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a\":\t1} ## [group]x\nno end");
    }
}
