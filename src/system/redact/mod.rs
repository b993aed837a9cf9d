//! Secrets out of text: exact values this process knows, in the forms they travel in, and tokens
//! known by their shape. Hides them in what is written and finds them in what is to be pushed.
//! Values under eight characters are ignored: they would hide ordinary words.

mod forms;
mod shapes;
mod writer;

pub use writer::RedactingWriter;

use crate::model::Secret;
use aho_corasick::{AhoCorasick, Input, MatchKind};
use shapes::{RARE_SHAPES, SHAPES, Shape};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

const STARS: &str = "***";

/// Knows the secrets; cheap to share by reference, costly to build.
#[derive(Clone)]
pub struct Redactor {
    /// The shapes' beginnings, then the exact values. `None`, should it ever fail to build, hides
    /// everything.
    needles: Option<AhoCorasick>,
    longest: usize,
    /// What only [`Self::find_hidden`] looks for, so that logs are written as fast as ever: built
    /// when it is first needed.
    hidden: OnceLock<Option<AhoCorasick>>,
    secrets: Vec<Secret>,
}

/// Where a secret stands, and what it is in words (never its value).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub at: Range<usize>,
    pub what: &'static str,
    /// Certain enough to refuse a push; passwords in URLs and authorisation headers are as often
    /// examples.
    pub is_firm: bool,
}

impl Redactor {
    pub fn new(secrets: &[Secret]) -> Self {
        let exact = forms::of_all(secrets);
        let longest = exact.iter().map(Vec::len).max().unwrap_or(0);
        let patterns = SHAPES.iter().map(|shape| shape.begins.as_bytes().to_vec()).chain(exact);
        let needles = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
        Self { needles: needles.ok(), longest, hidden: OnceLock::new(), secrets: secrets.to_vec() }
    }

    /// The text with stars for secrets.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(
                String::from_utf8(bytes)
                    .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
            ),
        }
    }

    /// As [`Self::redact`], for bytes that need not be text.
    pub fn redact_bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let mut hidden: Option<Vec<u8>> = None;
        let mut done = 0;
        for found in self.find(bytes) {
            let hidden = hidden.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
            hidden.extend_from_slice(bytes.get(done..found.at.start).unwrap_or_default());
            hidden.extend_from_slice(STARS.as_bytes());
            done = found.at.end;
        }
        match hidden {
            None => Cow::Borrowed(bytes),
            Some(mut hidden) => {
                hidden.extend_from_slice(bytes.get(done..).unwrap_or_default());
                Cow::Owned(hidden)
            }
        }
    }

    /// Every secret in the bytes, also those that are disguised by a simple encoding and tokens of
    /// services that are rarely met, in order: for what is to leave the machine.
    pub fn find_hidden(&self, bytes: &[u8]) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for one in self.find(bytes) {
            let within = bytes.get(one.at.clone()).filter(|_| !one.is_firm).unwrap_or_default();
            // What may be an example as a whole may hold a token that is none.
            let firm = self.find(within).filter(|found| found.is_firm).map(|inner| Found {
                at: one.at.start + inner.at.start..one.at.start + inner.at.end,
                ..inner
            });
            found.extend(firm);
            found.push(one);
        }
        let Some(needles) = self.hidden.get_or_init(|| self.build_hidden()) else {
            return vec![known(0..bytes.len())];
        };
        let more = needles.find_overlapping_iter(bytes).filter_map(|hit| {
            let Some(shape) = RARE_SHAPES.get(hit.pattern().as_usize()) else {
                return Some(known(hit.range()));
            };
            shape.range(bytes, hit.range()).map(|range| shaped(shape, range))
        });
        found.extend(more);
        found.sort_by_key(|found| found.at.start);
        found.dedup_by(|next, before| {
            let is_same = next.at.start < before.at.end;
            if is_same && next.is_firm && !before.is_firm {
                (before.is_firm, before.what) = (true, next.what);
            }
            is_same
        });
        found
    }

    fn build_hidden(&self) -> Option<AhoCorasick> {
        let shapes = RARE_SHAPES.iter().map(|shape| shape.begins.as_bytes().to_vec());
        AhoCorasick::new(shapes.chain(forms::disguised(&self.secrets))).ok()
    }

    /// Every secret in the bytes, in order, none overlapping another.
    pub fn find<'r>(&'r self, bytes: &'r [u8]) -> impl Iterator<Item = Found> + 'r {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.find_from(bytes, from)?;
            from = found.at.end;
            Some(found)
        })
    }

    fn find_from(&self, bytes: &[u8], from: usize) -> Option<Found> {
        let Some(needles) = &self.needles else {
            return (from < bytes.len()).then(|| known(from..bytes.len()));
        };
        let mut at = from;
        while at < bytes.len() {
            let hit = needles.find(Input::new(bytes).range(at..))?;
            let Some(shape) = SHAPES.get(hit.pattern().as_usize()) else {
                return Some(known(hit.range()));
            };
            if let Some(range) = shape.range(bytes, hit.range()) {
                return Some(self.with_known(bytes, hit.start() + 1, shaped(shape, range)));
            }
            at = hit.start() + 1;
        }
        None
    }

    /// A known value may begin within what a shape covers and reach beyond it: both are hidden.
    fn with_known(&self, bytes: &[u8], mut from: usize, mut found: Found) -> Found {
        while let Some(needles) = &self.needles
            && let Some(hit) = needles.find(Input::new(bytes).range(from..))
            && hit.start() < found.at.end
        {
            if hit.pattern().as_usize() >= SHAPES.len() {
                found = known(found.at.start.min(hit.start())..found.at.end.max(hit.end()));
            }
            from = hit.start() + 1;
        }
        found
    }
}

fn known(at: Range<usize>) -> Found {
    Found { at, what: "a secret of this run", is_firm: true }
}

fn shaped(shape: &Shape, at: Range<usize>) -> Found {
    Found { at, what: shape.what, is_firm: shape.is_firm }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    const VALUE: &str = "hunter2-Is/Not+Enough";

    fn knowing(values: &[&str]) -> Redactor {
        let secrets: Vec<Secret> = values.iter().map(|value| Secret::new(*value)).collect();
        Redactor::new(&secrets)
    }

    #[test]
    fn a_known_value_is_hidden_wherever_it_stands() {
        let redactor = knowing(&[VALUE]);
        assert_eq!(redactor.redact(&format!("a{VALUE}b {VALUE}")), "a***b ***");
        assert_eq!(
            redactor.redact_bytes(&[b"\xff".as_slice(), VALUE.as_bytes()].concat()),
            b"\xff***".as_slice()
        );
        assert!(matches!(redactor.redact("nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_known_value_is_hidden_in_the_forms_it_travels_in() {
        let redactor = knowing(&[VALUE, "quote\"back\\slash", "a value, with spaces"]);
        for before in ["", "x", "x-access-token:", "::"] {
            for text in [
                STANDARD.encode(format!("{before}{VALUE}")),
                URL_SAFE_NO_PAD.encode(format!("{before}{VALUE} and more")),
            ] {
                let hidden = redactor.redact(&text).into_owned();
                assert!(hidden.contains(STARS), "{text} → {hidden}");
                let left: usize = hidden.split(STARS).map(str::len).sum();
                assert!(left <= before.len() * 2 + 16, "{text} → {hidden}");
            }
        }
        assert_eq!(redactor.redact(r#"{"k":"quote\"back\\slash"}"#), r#"{"k":"***"}"#);
        assert_eq!(redactor.redact("?v=a%20value%2C%20with%20spaces&x"), "?v=***&x");
        assert_eq!(redactor.redact("?v=a%20value%2c%20with%20spaces&x"), "?v=***&x");
    }

    #[test]
    fn a_disguised_value_is_found_in_what_is_to_leave_the_machine() {
        let value = "tok_A/b\u{e9}9Zq";
        let redactor = knowing(&[value]);
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        let escaped: String = value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let percent: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let wide: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for text in [
            hex.clone().into_bytes(),
            hex.to_uppercase().into_bytes(),
            percent.to_lowercase().into_bytes(),
            percent.into_bytes(),
            escaped.into_bytes(),
            value.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>().into_bytes(),
            value.chars().rev().collect::<String>().into_bytes(),
            value.replace('/', "\\/").into_bytes(),
            wide,
            STANDARD.encode(format!("xy{value}")).into_bytes(),
            value.as_bytes().to_vec(),
        ] {
            let text = [b"a = '".as_slice(), &text, b"'".as_slice()].concat();
            let found = redactor.find_hidden(&text);
            assert_eq!(found.len(), 1, "{}: {found:?}", String::from_utf8_lossy(&text));
            assert!(found[0].is_firm && found[0].what == "a secret of this run");
        }
        assert_eq!(redactor.find_hidden(b"nothing of the kind 746f6b"), []);
        for header in [format!("Authorization: Bearer {hex}"), format!("https://me:{hex}@host/x")] {
            assert!(redactor.find_hidden(header.as_bytes())[0].is_firm, "{header}");
        }
    }

    #[test]
    fn a_token_is_one_although_it_stands_where_examples_stand() {
        let redactor = knowing(&[]);
        let token = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        for text in [format!("Authorization: Bearer {token}"), format!("https://x:{token}@github.com/a")] {
            let found = redactor.find_hidden(text.as_bytes());
            assert_eq!((found.len(), found[0].is_firm, found[0].what), (1, true, "a GitHub token"), "{text}");
        }
        let example = redactor.find_hidden(b"Authorization: Bearer 0123456789abcdefghij");
        assert_eq!((example.len(), example[0].is_firm), (1, false));
    }

    #[test]
    fn tokens_of_rarely_met_services_are_found_by_their_shape() {
        let redactor = knowing(&[]);
        let body = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        for begins in ["hf_", "sk_live_", "dckr_pat_", "pypi-", "glrt-", "dop_v1_", "ATATT3xFfGF0"] {
            let found = redactor.find_hidden(format!("({begins}{body})").as_bytes());
            assert_eq!(found.len(), 1, "{begins}: {found:?}");
        }
        for text in ["self_hf_model_name", "hf_short", "pypi-server", "glrt-"] {
            assert_eq!(redactor.find_hidden(text.as_bytes()), [], "{text}");
        }
    }

    #[test]
    fn tokens_of_every_length_github_has_had_are_found() {
        let redactor = knowing(&[]);
        let body = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        for token in [
            format!("ghs_{body}"),
            format!("ghs_{}.{}.{}", body.repeat(4), body.repeat(9), body.repeat(5)),
            format!("github_pat_11ABCDEFG0{}_{}", &body[..12], body.repeat(2)),
        ] {
            assert_eq!(redactor.redact(&format!("x={token};")), "x=***;");
        }
    }

    #[test]
    fn a_value_of_several_lines_is_hidden_line_by_line() {
        let value =
            "-----BEGIN THING-----\nMIIEvgIBADANBgkqhkiG9w0B\nsecondlineofthekey1234\n-----END THING-----\n";
        let redactor = knowing(&[value]);
        let hidden = redactor.redact("+secondlineofthekey1234\n+-----END THING-----").into_owned();
        assert_eq!(hidden, "+***\n+-----END THING-----");
        let json = serde_json::to_string(value).unwrap();
        assert!(!redactor.redact(&json).contains("MIIEvg"), "{}", redactor.redact(&json));
    }

    #[test]
    fn short_values_hide_nothing() {
        assert_eq!(knowing(&["", " ", "true", "1234567"]).redact("true 1234567"), "true 1234567");
    }

    #[test]
    fn tokens_are_known_by_their_shape() {
        let body = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        let redactor = knowing(&[]);
        for token in [
            format!("ghp_{body}"),
            format!("gho_{body}"),
            format!("ghs_{body}.x-y_{body}"),
            format!("github_pat_{body}_{body}"),
            format!("glpat-{body}"),
            format!("lin_api_{body}"),
            format!("lin_oauth_{body}"),
            format!("sk-ant-api03-{body}"),
            format!("sk-proj-{body}"),
            format!("sk-{body}"),
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            format!("xoxb-1234-5678-{body}"),
        ] {
            for (before, after) in [("", ""), ("x = \"", "\""), ("line\\n", "\\nnext"), ("(", ")")] {
                let hidden = redactor.redact(&format!("{before}{token}{after}")).into_owned();
                assert_eq!(hidden, format!("{before}***{after}"), "{token}");
            }
        }
    }

    #[test]
    fn prose_code_and_examples_are_no_tokens() {
        let redactor = knowing(&[]);
        for text in [
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "ghp_short lin_api_ sk-ant-",
            "a task-oriented-and-rather-long-kebab-case-name1",
            "sk-loading-spinner-container-wide-and-long-1",
            "disk-0123456789abcdef0123456789abcdef",
            "AKIATOOLONGTOBEAKEYREALLY12345",
            "if text.contains(\"-----BEGIN PRIVATE KEY-----\") { refuse() }",
            "the Authorization header is required here",
            "Authorization: Bearer ${TOKEN}",
            "Authorization: required",
            "https://example.org/a:b@c see user@host",
        ] {
            assert_eq!(redactor.redact(text), text);
        }
    }

    #[test]
    fn headers_and_urls_lose_their_credential_only() {
        let redactor = knowing(&["passw0rd$with$dollars"]);
        for (text, hidden) in [
            ("Authorization: Basic eDp5LXo5OTk=", "Authorization: Basic ***"),
            ("authorization: bearer abc.def-123_x, next", "authorization: bearer ***, next"),
            (r#"{"Authorization":"Bearer abcdefgh1"}"#, r#"{"Authorization":"Bearer ***"}"#),
            ("AUTHORIZATION: token 0123456789abcdef", "AUTHORIZATION: token ***"),
            ("https://bot:pa55@example.org/x.git", "https://bot:***@example.org/x.git"),
            ("Authorization: Bearer passw0rd$with$dollars!", "Authorization: Bearer ***!"),
        ] {
            assert_eq!(redactor.redact(text), hidden);
        }
    }

    #[test]
    fn a_private_key_is_hidden_to_its_last_line() {
        let body = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7\n".repeat(20);
        let redactor = knowing(&[]);
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
            let key = format!("-----BEGIN {kind}-----\n{body}-----END {kind}-----");
            assert_eq!(redactor.redact(&format!("a\n{key}\nb")), "a\n***\nb");
            let json = serde_json::to_string(&format!("{key} b")).unwrap();
            assert_eq!(redactor.redact(&json), "\"*** b\"");
        }
        let torn = format!("-----BEGIN PRIVATE KEY-----\n{body}");
        assert_eq!(redactor.redact(&torn), "***");
    }

    #[test]
    fn what_is_found_is_named_and_not_shown() {
        let redactor = knowing(&[VALUE]);
        let text = format!("{VALUE} AKIAIOSFODNN7EXAMPLE Authorization: Bearer abcdefgh12345");
        let found: Vec<(&str, bool)> = redactor.find(text.as_bytes()).map(|f| (f.what, f.is_firm)).collect();
        assert_eq!(
            found,
            [("a secret of this run", true), ("an AWS key", true), ("an authorisation header", false)]
        );
        assert_eq!(format!("{redactor:?}"), "Redactor(***)");
    }
}
