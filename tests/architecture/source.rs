//! Rust source as tokens, and the paths in it. It knows just enough of the language to tell code
//! from comments, text and test modules.

use std::iter::Peekable;
use std::str::Chars;

/// A path as it is used somewhere, a nested `use` unfolded.
#[derive(Debug)]
pub struct Named {
    pub segments: Vec<String>,
    pub line: usize,
    /// Modules written in braces around it, within the file.
    pub inline: Vec<String>,
    pub renamed: bool,
    /// The name it has in this file from here on, where a `use` gives it one.
    pub alias: Option<String>,
    /// It stands in `pub(in …)`.
    pub is_visibility: bool,
}

pub fn paths(tokens: &[Token]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut modules: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut index, mut imports) = (0, 0, false);
    let text = |index: usize| tokens.get(index).map_or("", |token: &Token| token.text.as_str());
    while index < tokens.len() {
        match text(index) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                modules.retain(|(_, opened)| *opened < depth + 1);
            }
            "use" => imports = true,
            ";" => imports = false,
            "mod" if text(index + 2) == "{" => modules.push((text(index + 1).to_owned(), depth + 1)),
            word if is_word(word) && text(index + 1) == "::" => {
                let inline: Vec<String> = modules.iter().map(|(name, _)| name.clone()).collect();
                let line = tokens[index].line;
                let is_visibility = index > 1 && text(index - 1) == "in" && text(index - 2) == "(";
                index = tree(tokens, index, &[], &mut |segments, new_name| {
                    let renamed = new_name.is_some();
                    let alias = new_name.or_else(|| own_name(&segments)).filter(|_| imports);
                    found.push(Named {
                        segments,
                        line,
                        inline: inline.clone(),
                        renamed,
                        alias,
                        is_visibility,
                    });
                });
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// The name a `use` brings in: `a::b::c` and `a::b::c::self` bring `c`.
fn own_name(segments: &[String]) -> Option<String> {
    segments.iter().rev().find(|segment| *segment != "self").cloned()
}

/// Unfolds the path or use tree that begins at `index`; gives the index after it.
fn tree(
    tokens: &[Token],
    mut index: usize,
    prefix: &[String],
    add: &mut dyn FnMut(Vec<String>, Option<String>),
) -> usize {
    let text = |index: usize| tokens.get(index).map_or("", |token: &Token| token.text.as_str());
    let mut segments = prefix.to_vec();
    loop {
        match text(index) {
            "{" => {
                index += 1;
                while !["}", ""].contains(&text(index)) {
                    let next = tree(tokens, index, &segments, add);
                    index = if next == index || text(next) == "," { next + 1 } else { next };
                }
                return index + 1;
            }
            word if is_word(word) || word == "*" => segments.push(word.to_owned()),
            _ => break,
        }
        index += 1;
        let continues =
            text(index) == "::" && (is_word(text(index + 1)) || ["*", "{"].contains(&text(index + 1)));
        if !continues {
            break;
        }
        index += 1;
    }
    // `x::y as crate::z` in an expression renames nothing: the type is a path of its own.
    let renamed = text(index) == "as" && is_word(text(index + 1)) && text(index + 2) != "::";
    add(segments, renamed.then(|| text(index + 1).to_owned()));
    if renamed { index + 2 } else { index }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

pub struct Code {
    pub kept: Vec<Token>,
    /// `#[cfg(test)] mod name;`
    pub test_modules: Vec<String>,
}

pub fn without_tests(tokens: &[Token]) -> Code {
    let mut code = Code { kept: Vec::new(), test_modules: Vec::new() };
    let text = |index: usize| tokens.get(index).map_or("", |token: &Token| token.text.as_str());
    let mut index = 0;
    while index < tokens.len() {
        if text(index) == "#" && text(index + 1) == "[" {
            let end = closing(tokens, index + 1);
            let words: Vec<&str> = (index..end).map(text).collect();
            if words.get(2) == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not") {
                let mut item = end + 1;
                while text(item) == "#" {
                    item = closing(tokens, item + 1) + 1;
                }
                if text(item) == "mod" && text(item + 2) == ";" {
                    code.test_modules.push(text(item + 1).to_owned());
                }
                while !["{", ";", ""].contains(&text(item)) {
                    item = if ["(", "["].contains(&text(item)) { closing(tokens, item) } else { item } + 1;
                }
                index = closing(tokens, item) + 1;
                continue;
            }
        }
        code.kept.push(tokens[index].clone());
        index += 1;
    }
    code
}

/// The index of the bracket that closes the one at `open`; `open` itself when it is none.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len()
}

#[derive(Debug, Clone)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// Words, `::` and single signs; comments, text and characters are left out.
pub fn tokenize(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = source.chars().peekable();
    let mut line = 1;
    while let Some(c) = chars.next() {
        let text = match c {
            '\n' => {
                line += 1;
                continue;
            }
            _ if c.is_whitespace() => continue,
            '/' if chars.peek() == Some(&'/') => {
                while chars.peek().is_some_and(|next| *next != '\n') {
                    chars.next();
                }
                continue;
            }
            '/' if chars.peek() == Some(&'*') => {
                line += skip_block_comment(&mut chars);
                continue;
            }
            '"' => {
                line += skip_text(&mut chars);
                continue;
            }
            '\'' => {
                skip_character(&mut chars);
                continue;
            }
            ':' if chars.next_if_eq(&':').is_some() => "::".to_owned(),
            _ if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                if ["r", "br", "cr"].contains(&word.as_str()) && matches!(chars.peek(), Some('"' | '#')) {
                    line += skip_raw_text(&mut chars, &mut word);
                }
                if ["r", "b", "c", "br", "cr"].contains(&word.as_str()) && chars.peek() == Some(&'"') {
                    continue;
                }
                word
            }
            _ => c.to_string(),
        };
        if !text.is_empty() {
            tokens.push(Token { text, line });
        }
    }
    tokens
}

fn skip_block_comment(chars: &mut Peekable<Chars<'_>>) -> usize {
    let (mut depth, mut lines, mut last) = (0, 0, '/');
    for c in chars {
        lines += usize::from(c == '\n');
        last = match (last, c) {
            ('/', '*') => {
                depth += 1;
                ' '
            }
            ('*', '/') => {
                depth -= 1;
                ' '
            }
            _ => c,
        };
        if depth == 0 {
            break;
        }
    }
    lines
}

fn skip_text(chars: &mut Peekable<Chars<'_>>) -> usize {
    let mut lines = 0;
    while let Some(c) = chars.next() {
        match c {
            '\n' => lines += 1,
            '\\' => lines += usize::from(chars.next() == Some('\n')),
            '"' => break,
            _ => {}
        }
    }
    lines
}

/// Skips `#"…"#` after an `r`; a raw identifier (`r#type`) becomes its word instead.
fn skip_raw_text(chars: &mut Peekable<Chars<'_>>, word: &mut String) -> usize {
    let mut hashes = 0;
    while chars.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    word.clear();
    if chars.next_if_eq(&'"').is_none() {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let (mut seen, mut lines) = (String::new(), 0);
    for c in chars {
        lines += usize::from(c == '\n');
        seen.push(c);
        if seen.ends_with(&end) {
            break;
        }
    }
    lines
}

/// Skips a character; of a lifetime only its sign is gone.
fn skip_character(chars: &mut Peekable<Chars<'_>>) {
    let mut ahead = chars.clone();
    let first = ahead.next();
    if first == Some('\\') {
        chars.next();
        chars.next();
        while chars.next().is_some_and(|c| c != '\'') {}
    } else if ahead.next() == Some('\'') {
        chars.next();
        chars.next();
    }
}
