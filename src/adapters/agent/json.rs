//! Lines of JSON as programs really print them: numbers that JSON does not have (`NaN`, `Infinity`,
//! `1e999`) cost that number, not the line.

use crate::model::usage;
use serde_json::Value;
use std::borrow::Cow;

/// The line as a value; `None` when it is no JSON.
pub(super) fn parse(line: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(line) {
        return Some(value);
    }
    let text = String::from_utf8_lossy(line);
    serde_json::from_str(&without_odd_numbers(&text)?).ok()
}

/// The text with every number that JSON does not have replaced by `null`; `None` when it holds none
/// and so is not JSON for another reason.
pub(super) fn without_odd_numbers(text: &str) -> Option<String> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let (mut kept, mut rest, mut found) = (String::with_capacity(text.len()), text, false);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' | 'A'..='Z' | 'a'..='z' => {
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len())
            }
            other => other.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let shown = replaced(token);
        found |= matches!(shown, Cow::Owned(_));
        kept.push_str(&shown);
        rest = after;
    }
    found.then_some(kept)
}

fn replaced(token: &str) -> Cow<'_, str> {
    let is_word = matches!(token, "NaN" | "nan" | "Infinity" | "-Infinity" | "inf" | "-inf");
    let is_huge = token.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && token.parse::<f64>().is_ok_and(f64::is_infinite);
    if is_word || is_huge { Cow::Owned("null".to_owned()) } else { Cow::Borrowed(token) }
}

/// Up to and with the closing quote.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A told count of tokens; what is not a number counts nothing.
pub(super) fn tokens(value: &Value) -> u64 {
    value.as_f64().map_or(0, usage::tokens)
}

/// A told cost.
pub(super) fn dollars(value: &Value) -> Option<f64> {
    value.as_f64().and_then(usage::dollars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_that_json_does_not_have_cost_themselves_only() {
        let line = br#"{"a": NaN, "b": [-Infinity, 1e999, 2], "c": "NaN \" 1e999", "d": Infinity}"#;
        let expected = json!({"a": null, "b": [null, null, 2], "c": "NaN \" 1e999", "d": null});
        assert_eq!(parse(line), Some(expected));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "NaN", "{\"a\": nope}", "{\"a\": 1", "{\"a\": \"", "plain NaN text", "{'a': NaN}"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
