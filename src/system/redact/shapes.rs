//! Tokens known by their shape. Each shape needs more than its first letters: enough characters of
//! its alphabet, and not all the same, so that prose and examples (`ghp_xxxx…`) pass.

use std::ops::Range;

pub struct Shape {
    pub begins: &'static str,
    pub what: &'static str,
    pub is_firm: bool,
    body: Body,
}

enum Body {
    /// At least so many characters of the alphabet follow.
    Run {
        least: usize,
        extra: &'static [u8],
    },
    /// As `Run`, at the beginning of a word, and with a long stretch of letters and digits: the
    /// first letters alone are common.
    Word {
        least: usize,
        extra: &'static [u8],
    },
    /// Exactly so many capitals and digits, a word by themselves.
    Capitals(usize),
    PrivateKey,
    Authorization,
    UrlPassword,
}

/// No token is longer than this.
pub const LONGEST: usize = 4096;
/// No private key is longer than this.
pub const LONGEST_KEY: usize = 16 * 1024;
pub const KEY_BEGINS: &str = "-----BEGIN ";
pub const KEY_ENDS: &str = "-----END ";

pub const SHAPES: &[Shape] = &[
    run("ghp_", "a GitHub token", 30, b""),
    run("gho_", "a GitHub token", 30, b""),
    run("ghu_", "a GitHub token", 30, b""),
    run("ghr_", "a GitHub token", 30, b""),
    run("ghs_", "a GitHub token", 30, b"_-."),
    run("github_pat_", "a GitHub token", 40, b"_"),
    run("glpat-", "a GitLab token", 20, b"_-."),
    run("lin_api_", "a Linear key", 20, b""),
    run("lin_oauth_", "a Linear token", 20, b""),
    run("sk-ant-", "an Anthropic key", 20, b"_-"),
    run("npm_", "an npm token", 36, b""),
    Shape { begins: "sk-", what: "an API key", is_firm: true, body: Body::Word { least: 20, extra: b"_-" } },
    Shape {
        begins: "AIza",
        what: "a Google key",
        is_firm: true,
        body: Body::Word { least: 35, extra: b"_-" },
    },
    Shape { begins: "AKIA", what: "an AWS key", is_firm: true, body: Body::Capitals(16) },
    Shape { begins: "ASIA", what: "an AWS key", is_firm: true, body: Body::Capitals(16) },
    run("xoxa-", "a Slack token", 20, b"-"),
    run("xoxb-", "a Slack token", 20, b"-"),
    run("xoxe-", "a Slack token", 20, b"-"),
    run("xoxp-", "a Slack token", 20, b"-"),
    run("xoxr-", "a Slack token", 20, b"-"),
    run("xoxs-", "a Slack token", 20, b"-"),
    Shape { begins: KEY_BEGINS, what: "a private key", is_firm: true, body: Body::PrivateKey },
    header("uthorization"),
    header("UTHORIZATION"),
    Shape { begins: "://", what: "a password in a URL", is_firm: false, body: Body::UrlPassword },
];

/// Tokens of services that Conductor and its agents do not talk to: looked for in what is to leave
/// the machine.
pub const RARE_SHAPES: &[Shape] = &[
    run("glptt-", "a GitLab token", 20, b"_-."),
    run("gldt-", "a GitLab token", 20, b"_-."),
    run("glrt-", "a GitLab token", 20, b"_-."),
    run("glcbt-", "a GitLab token", 20, b"_-."),
    run("glsoat-", "a GitLab token", 20, b"_-."),
    run("ATATT3", "an Atlassian token", 40, b"_-="),
    run("ATCTT3", "an Atlassian token", 40, b"_-="),
    run("sk_live_", "a Stripe key", 20, b""),
    run("rk_live_", "a Stripe key", 20, b""),
    run("xapp-", "a Slack token", 30, b"-"),
    run("dckr_pat_", "a Docker token", 20, b"_-"),
    run("pypi-", "a PyPI token", 32, b"_-"),
    run("dop_v1_", "a DigitalOcean token", 32, b""),
    run("AGE-SECRET-KEY-1", "an age key", 50, b""),
    run("sntrys_", "a Sentry token", 40, b"_=+/"),
    run("shpat_", "a Shopify token", 32, b""),
    Shape {
        begins: "hf_",
        what: "a Hugging Face token",
        is_firm: true,
        body: Body::Word { least: 30, extra: b"" },
    },
];

const fn run(begins: &'static str, what: &'static str, least: usize, extra: &'static [u8]) -> Shape {
    Shape { begins, what, is_firm: true, body: Body::Run { least, extra } }
}

const fn header(begins: &'static str) -> Shape {
    Shape { begins, what: "an authorisation header", is_firm: false, body: Body::Authorization }
}

impl Shape {
    /// What is to be hidden when the shape's beginning stands at `begin`; `None` when it is not one.
    pub fn range(&self, text: &[u8], begin: Range<usize>) -> Option<Range<usize>> {
        let rest = text.get(begin.end..)?;
        match self.body {
            Body::Run { least, extra } => {
                let length = token(rest, least, extra)?;
                Some(begin.start..begin.end + length)
            }
            Body::Word { least, extra } => {
                let length = token(rest, least, extra)?;
                let body = rest.get(..length)?;
                let fits = begins_word(text, begin.start) && has_long_stretch(body);
                fits.then_some(begin.start..begin.end + length)
            }
            Body::Capitals(count) => {
                let is_capital = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
                let body = rest.get(..count)?;
                let ends = rest.get(count).is_none_or(|byte| !byte.is_ascii_alphanumeric());
                let fits = begins_word(text, begin.start) && body.iter().all(is_capital) && is_varied(body);
                (fits && ends).then_some(begin.start..begin.end + count)
            }
            Body::PrivateKey => private_key(rest).map(|length| begin.start..begin.end + length),
            Body::Authorization => within(begin.end, credential(rest)?),
            Body::UrlPassword => within(begin.end, url_password(rest)?),
        }
    }
}

fn within(offset: usize, range: Range<usize>) -> Option<Range<usize>> {
    Some(offset + range.start..offset + range.end)
}

/// The length of the token that begins here.
fn token(rest: &[u8], least: usize, extra: &[u8]) -> Option<usize> {
    let length = span(rest, |byte| byte.is_ascii_alphanumeric() || extra.contains(&byte));
    (length >= least && is_varied(rest.get(..length)?)).then_some(length)
}

fn span(rest: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    rest.iter().take(LONGEST).take_while(|byte| belongs(**byte)).count()
}

/// Whether it is more than a placeholder of few characters.
fn is_varied(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    body.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= 8
}

fn has_long_stretch(body: &[u8]) -> bool {
    body.split(|byte| !byte.is_ascii_alphanumeric())
        .any(|part| part.len() >= 16 && part.iter().any(u8::is_ascii_digit))
}

/// Whether no word runs on from before. In JSON a line's end is the letter `n` after a backslash.
fn begins_word(text: &[u8], start: usize) -> bool {
    let before = |distance: usize| start.checked_sub(distance).and_then(|at| text.get(at)).copied();
    match before(1) {
        Some(b'n' | b't' | b'r') if before(2) == Some(b'\\') => true,
        Some(byte) => !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-',
        None => true,
    }
}

/// The length of a private key's block after its `-----BEGIN `. A first line without a body, as
/// programs that read keys have it, is none.
fn private_key(rest: &[u8]) -> Option<usize> {
    let label = span(rest.get(..rest.len().min(60))?, |byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
    });
    let name = std::str::from_utf8(rest.get(..label)?).ok()?;
    if !name.contains("PRIVATE KEY") || !rest.get(label..)?.starts_with(b"-----") {
        return None;
    }
    let header = label + 5;
    let body = rest.get(header..rest.len().min(LONGEST_KEY))?;
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let has_body = body.get(..body.len().min(400))?.split(|byte| !is_key(byte)).any(|part| part.len() >= 32);
    if !has_body {
        return None;
    }
    if let Some(end) = find(body, KEY_ENDS.as_bytes()) {
        let tail = body.get(end + KEY_ENDS.len()..).unwrap_or_default();
        let close = find(tail, b"-----").map_or(0, |at| at + 5);
        return Some(header + end + KEY_ENDS.len() + close);
    }
    let belongs =
        |byte: &u8| is_key(byte) || matches!(byte, b'\n' | b'\r' | b'\\' | b'-' | b':' | b',' | b' ');
    Some(header + body.iter().take_while(|byte| belongs(byte)).count())
}

/// The credential of an `Authorization: SCHEME CREDENTIAL`, also as a JSON member.
fn credential(rest: &[u8]) -> Option<Range<usize>> {
    let quoted = |byte: u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'\\');
    let mut at = span(rest, quoted);
    if !matches!(rest.get(at), Some(b':' | b'=')) {
        return None;
    }
    at += 1;
    at += span(rest.get(at..)?, quoted);
    for scheme in ["basic ", "bearer ", "token "] {
        let word = rest.get(at..at + scheme.len()).unwrap_or_default();
        if word.eq_ignore_ascii_case(scheme.as_bytes()) {
            at += scheme.len();
            at += span(rest.get(at..)?, |byte| byte == b' ');
            break;
        }
    }
    let body = rest.get(at..)?;
    let length = span(body, |byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte));
    let body = body.get(..length)?;
    let fits = length >= 20 || (length >= 8 && body.iter().any(u8::is_ascii_digit));
    fits.then_some(at..at + length)
}

/// The password in `://user:password@`.
fn url_password(rest: &[u8]) -> Option<Range<usize>> {
    let length = span(rest, |byte| byte.is_ascii_graphic() && !b"/@\"'<>\\`".contains(&byte));
    let user = rest.get(..length).filter(|_| rest.get(length) == Some(&b'@'))?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    (colon + 1 < length).then_some(colon + 1..length)
}

pub fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
