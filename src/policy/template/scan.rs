//! A template taken apart into text, outputs and tags, and the names in them; both languages
//! share this much of their form. Knows where strings begin and end, and nothing of meaning.

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// `{{ … }}`
    Output(Code<'a>),
    /// `{% … %}`
    Tag(Code<'a>),
    /// `{# … #}`
    Comment(&'a str),
}

/// What stands between two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code<'a> {
    pub text: &'a str,
    /// From 1: where the opening mark is.
    pub line: usize,
    /// `{{-` and `-}}`: white space around is dropped.
    pub trims: (bool, bool),
}

impl<'a> Code<'a> {
    /// The first word, and what follows it.
    pub fn split(&self) -> (&'a str, &'a str) {
        let text = self.text.trim();
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        (word, rest.trim())
    }
}

/// The pieces in their order, or the line of a mark that is never closed.
pub fn pieces(source: &str, has_comments: bool) -> Result<Vec<Piece<'_>>, usize> {
    let mut pieces = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some((start, mark)) = next_mark(rest, has_comments) {
        let (text, opened) = rest.split_at(start);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        line += lines(text);
        let inner = opened.get(2..).unwrap_or_default();
        let end = match mark {
            Mark::Comment => inner.find("#}"),
            Mark::Output => end_of_code(inner, "}}"),
            Mark::Tag => end_of_code(inner, "%}"),
        };
        let end = end.ok_or(line)?;
        let (whole, after) = inner.split_at(end);
        let (mut text, mut trims) = (whole, (false, false));
        if let Some(kept) = text.strip_prefix('-') {
            (text, trims.0) = (kept, true);
        }
        if let Some(kept) = text.strip_suffix('-') {
            (text, trims.1) = (kept, true);
        }
        let code = Code { text, line, trims };
        rest = after.get(2..).unwrap_or_default();
        line += lines(whole);
        match mark {
            Mark::Comment => pieces.push(Piece::Comment(whole)),
            Mark::Output => pieces.push(Piece::Output(code)),
            Mark::Tag => {
                pieces.push(Piece::Tag(code));
                if let (word @ ("raw" | "comment"), _) = code.split() {
                    // What is inside is not code, whatever it looks like.
                    let end = closing(rest, word).ok_or(line)?;
                    let (inside, after) = rest.split_at(end);
                    pieces.push(Piece::Text(inside));
                    line += lines(inside);
                    rest = after;
                }
            }
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// A name that must be known to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    Filter(&'a str),
    Test(&'a str),
    Tag(&'a str),
}

/// The filters, tests and tags of a template that parses, each with its line.
pub fn names(source: &str) -> Vec<(usize, Word<'_>)> {
    let mut found = Vec::new();
    for piece in pieces(source, true).unwrap_or_default() {
        let (Piece::Output(code) | Piece::Tag(code)) = piece else { continue };
        if let Piece::Tag(_) = piece {
            let (word, rest) = code.split();
            found.push((code.line, Word::Tag(word)));
            if word == "filter" {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                found.push((code.line, Word::Filter(&rest[..end])));
            }
        }
        let mut before = [Token::Other; 2];
        for (offset, token) in tokens(code.text) {
            let line = code.line + lines(&code.text[..offset]);
            if let Token::Word(name) = token {
                match before {
                    [_, Token::Bar] => found.push((line, Word::Filter(name))),
                    [Token::Word("is"), Token::Word("not")] => found.push((line, Word::Test(name))),
                    [_, Token::Word("is")] if name != "not" => found.push((line, Word::Test(name))),
                    _ => {}
                }
            }
            before = [before[1], token];
        }
    }
    found
}

/// A token of an expression, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    Word(&'a str),
    /// With its quotes.
    Text(&'a str),
    Number(&'a str),
    Bar,
    /// One or two characters: `==`, `.`, `[`.
    Sign(&'a str),
    Other,
}

/// The tokens of an expression with their offsets; a string is one token.
pub fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let run = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (length, token) = match c {
            '"' | '\'' => {
                let length = string_length(rest, c);
                (length, Token::Text(&rest[..length]))
            }
            _ if c.is_ascii_digit() => {
                let length = run(|c| c.is_ascii_digit());
                (length, Token::Number(&rest[..length]))
            }
            _ if c.is_alphabetic() || c == '_' => {
                let length = run(|c| c.is_alphanumeric() || c == '_');
                (length, Token::Word(&rest[..length]))
            }
            '|' => (1, Token::Bar),
            _ if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            _ => {
                let pairs = ["==", "!=", "<=", ">=", "<>", ".."];
                let pair = pairs.iter().find(|pair| rest.starts_with(**pair));
                let length = pair.map_or(c.len_utf8(), |pair| pair.len());
                (length, Token::Sign(&rest[..length]))
            }
        };
        found.push((at, token));
        at += length;
    }
    found
}

#[derive(Clone, Copy)]
enum Mark {
    Output,
    Tag,
    Comment,
}

fn next_mark(text: &str, has_comments: bool) -> Option<(usize, Mark)> {
    let marks = [("{{", Mark::Output), ("{%", Mark::Tag), ("{#", Mark::Comment)];
    let known = if has_comments { &marks[..] } else { &marks[..2] };
    known.iter().filter_map(|(sign, mark)| Some((text.find(sign)?, *mark))).min_by_key(|(start, _)| *start)
}

/// Where the closing mark is, strings apart.
fn end_of_code(text: &str, close: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(c) = text.get(at..)?.chars().next() {
        if text[at..].starts_with(close) {
            return Some(at);
        }
        at += match c {
            '"' | '\'' => string_length(&text[at..], c),
            _ => c.len_utf8(),
        };
    }
    None
}

/// The length of the string a text begins with, quotes included; one that never ends is a single
/// quote.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    1
}

/// Where the tag that ends a `raw` or `comment` begins.
fn closing(text: &str, word: &str) -> Option<usize> {
    let end = format!("end{word}");
    text.match_indices("{%")
        .find(|(start, _)| text[start + 2..].trim_start_matches('-').trim_start().starts_with(end.as_str()))
        .map(|(start, _)| start)
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}
