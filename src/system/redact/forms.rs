//! The forms in which a known value travels: as it is, line by line, escaped for JSON, encoded for
//! a URL, in base64 at each of its three alignments. And those in which it is hidden from a look that
//! knows only these: every byte as hexadecimal digits or as an escape, the value backwards, in UTF-16.

use crate::model::Secret;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;

/// Shorter values would hide ordinary words.
const SHORTEST: usize = 8;
/// Shorter lines of a longer value may be anybody's.
const SHORTEST_LINE: usize = 16;

/// All forms of all secrets, without repetition.
pub fn of_all(secrets: &[Secret]) -> Vec<Vec<u8>> {
    let forms: BTreeSet<Vec<u8>> = secrets.iter().flat_map(|secret| of(secret.reveal().trim())).collect();
    forms.into_iter().collect()
}

/// The forms nobody writes by accident, without repetition.
pub fn disguised(secrets: &[Secret]) -> Vec<Vec<u8>> {
    let values = secrets.iter().map(|secret| secret.reveal().trim());
    let long = values.filter(|value| value.chars().count() >= SHORTEST);
    let forms: BTreeSet<Vec<u8>> = long.flat_map(parts).flat_map(disguises).collect();
    forms.into_iter().collect()
}

fn disguises(part: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for digit in [lower as fn(u8) -> String, upper] {
        for before in ["", "%", "\\x"] {
            let bytes = part.bytes().map(|byte| format!("{before}{}", digit(byte)));
            forms.push(bytes.collect::<String>().into_bytes());
        }
        let units = part.encode_utf16().flat_map(u16::to_be_bytes).map(digit).collect::<Vec<_>>();
        let escaped = units.chunks(2).map(|unit| format!("\\u{}", unit.concat()));
        forms.push(escaped.collect::<String>().into_bytes());
    }
    forms.push(part.chars().rev().collect::<String>().into_bytes());
    forms.push(json_escaped(part).replace('/', "\\/").into_bytes());
    forms.push(part.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(part.encode_utf16().flat_map(u16::to_be_bytes).collect());
    forms
}

fn lower(byte: u8) -> String {
    format!("{byte:02x}")
}

fn upper(byte: u8) -> String {
    format!("{byte:02X}")
}

fn of(value: &str) -> Vec<Vec<u8>> {
    if value.chars().count() < SHORTEST {
        return Vec::new();
    }
    let mut forms = base64_forms(value.as_bytes());
    for part in parts(value) {
        forms.push(part.as_bytes().to_vec());
        forms.push(json_escaped(part).into_bytes());
        forms.push(url_encoded(part, "0123456789ABCDEF"));
        forms.push(url_encoded(part, "0123456789abcdef"));
    }
    forms
}

/// A value of several lines is known by each line that is long enough: logs and diffs come in
/// lines. A key's first and last line are no secret.
fn parts(value: &str) -> Vec<&str> {
    if !value.contains('\n') {
        return vec![value];
    }
    value
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"))
        .collect()
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).to_owned()
}

fn url_encoded(text: &str, digits: &str) -> Vec<u8> {
    let digit = |value: u8| digits.as_bytes().get(usize::from(value)).copied().unwrap_or(b'0');
    text.bytes()
        .flat_map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => vec![byte],
            _ => vec![b'%', digit(byte >> 4), digit(byte & 15)],
        })
        .collect()
}

/// What is the same of the value's base64 whatever stands before and after it: three alignments,
/// without the characters that neighbours have a part in, in both alphabets.
fn base64_forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for (before, shared) in [(0, 0), (1, 2), (2, 3)] {
        let padded = [&[0; 2][..before], value].concat();
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            let end = encoded.len() - usize::from(padded.len() % 3 != 0);
            forms.push(encoded.as_bytes().get(shared..end).unwrap_or_default().to_vec());
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}
