//! Liquid, as `WORKFLOW.md` files use it, in the engine's own language; every line stays where it
//! is. What is not understood is refused with its line, never guessed.
//!
//! One difference is meant: here, as in the engine, an empty text and an empty list are false.

use super::scan::{Code, Piece, Token, pieces, tokens};

type Fault = (usize, String);

/// The template in the engine's language.
pub fn translate(source: &str) -> Result<String, Fault> {
    let mut translation = Translation::default();
    let pieces = pieces(source, false).map_err(|line| (line, "`{{` or `{%` is never closed".to_owned()))?;
    for piece in pieces {
        translation.piece(piece)?;
    }
    match translation.open.last() {
        None => Ok(translation.text),
        Some(block) => Err((block.line, format!("`{}` is never closed", block.kind))),
    }
}

#[derive(Default)]
struct Translation<'a> {
    text: String,
    open: Vec<Block<'a>>,
}

/// A tag that waits for its end.
struct Block<'a> {
    kind: &'a str,
    line: usize,
    /// What a `case` compares; nothing before its first `when` is shown.
    subject: String,
    has_branch: bool,
}

impl<'a> Translation<'a> {
    fn piece(&mut self, piece: Piece<'a>) -> Result<(), Fault> {
        let block = self.open.last();
        match piece {
            Piece::Text(text) | Piece::Comment(text) => {
                match block {
                    Some(block) if block.kind == "comment" || (block.kind == "case" && !block.has_branch) => {
                        self.text.push_str(&"\n".repeat(line_ends(text)));
                    }
                    // The engine's comments are Liquid's plain text.
                    _ => self.text.push_str(&inert(text, block.is_some_and(|block| block.kind == "raw"))),
                }
                Ok(())
            }
            Piece::Output(code) => {
                let translated = filtered(code.text).map_err(|message| (code.line, message))?;
                self.emit(code, "{{", &translated, "}}");
                Ok(())
            }
            Piece::Tag(code) => self.tag(code).map_err(|message| (code.line, message)),
        }
    }

    fn tag(&mut self, code: Code<'a>) -> Result<(), String> {
        let (word, rest) = code.split();
        let tag = match word {
            "if" => self.begin(code, word, format!("if {}", condition(rest)?)),
            "unless" => self.begin(code, word, format!("if not ({})", condition(rest)?)),
            "elsif" => {
                self.inside(&["if", "unless"], word)?;
                format!("elif {}", condition(rest)?)
            }
            "else" => {
                self.inside(&["if", "unless", "case", "for"], word)?;
                if let Some(block) = self.open.last_mut() {
                    block.has_branch = true;
                }
                "else".to_owned()
            }
            "for" => self.begin(code, word, format!("for {}", iteration(rest)?)),
            "case" => {
                let subject = value(rest)?;
                self.begin(code, word, String::new());
                if let Some(block) = self.open.last_mut() {
                    block.subject = subject;
                }
                return self.blank(code);
            }
            "when" => self.when(rest)?,
            "assign" | "capture" => {
                if self.open.iter().any(|block| block.kind == "for") {
                    return Err(format!(
                        "`{word}` inside `for` is not understood: move it in front of the loop"
                    ));
                }
                let (name, rest) = name(rest)?;
                if word == "capture" {
                    self.begin(code, word, format!("set {name}"))
                } else {
                    let rest = rest.strip_prefix('=').ok_or("`assign` needs `name = value`")?;
                    format!("set {name} = {}", filtered(rest)?)
                }
            }
            "comment" | "raw" => {
                self.begin(code, word, String::new());
                return self.blank(code);
            }
            "" if code.text.trim_start().starts_with('#') => return self.blank(code),
            _ => match word.strip_prefix("end") {
                Some(kind) => match self.end(kind)? {
                    Some(end) => end.to_owned(),
                    None => return self.blank(code),
                },
                None => return Err(format!("the tag `{word}` is not understood here")),
            },
        };
        self.emit(code, "{%", &tag, "%}");
        Ok(())
    }

    fn begin(&mut self, code: Code<'a>, kind: &'a str, tag: String) -> String {
        self.open.push(Block { kind, line: code.line, subject: String::new(), has_branch: false });
        tag
    }

    fn end(&mut self, kind: &str) -> Result<Option<&'static str>, String> {
        let block = self.open.pop().filter(|block| block.kind == kind);
        let block = block.ok_or_else(|| format!("`end{kind}` ends nothing that is open"))?;
        Ok(match kind {
            "if" | "unless" => Some("endif"),
            "case" => block.has_branch.then_some("endif"),
            "for" => Some("endfor"),
            "capture" => Some("endset"),
            _ => None,
        })
    }

    fn when(&mut self, rest: &str) -> Result<String, String> {
        self.inside(&["case"], "when")?;
        let block = self.open.last_mut().ok_or("`when` stands outside `case`")?;
        let word = if std::mem::replace(&mut block.has_branch, true) { "elif" } else { "if" };
        let subject = block.subject.clone();
        let choices: Result<Vec<String>, String> = split(rest, &[Token::Sign(","), Token::Word("or")])
            .into_iter()
            .map(|choice| Ok(format!("{subject} == {}", value(choice)?)))
            .collect();
        Ok(format!("{word} {}", choices?.join(" or ")))
    }

    fn inside(&self, kinds: &[&str], word: &str) -> Result<(), String> {
        match self.open.last() {
            Some(block) if kinds.contains(&block.kind) => Ok(()),
            _ => Err(format!("`{word}` stands outside {}", kinds.join(", "))),
        }
    }

    /// The lines of a tag that says nothing to the engine.
    fn blank(&mut self, code: Code<'_>) -> Result<(), String> {
        self.text.push_str(&"\n".repeat(line_ends(code.text)));
        Ok(())
    }

    fn emit(&mut self, code: Code<'_>, open: &str, text: &str, close: &str) {
        let dash = |is_there| if is_there { "-" } else { "" };
        let (before, after) = (dash(code.trims.0), dash(code.trims.1));
        let missing = line_ends(code.text).saturating_sub(line_ends(text));
        let lines = "\n".repeat(missing);
        self.text.push_str(&format!("{open}{before} {text} {lines}{after}{close}"));
    }
}

/// Text of Liquid that the engine would read as code.
fn inert(text: &str, is_raw: bool) -> String {
    let text = text.replace("{#", "{{ '{#' }}");
    if is_raw { format!("{{% raw %}}{}{{% endraw %}}", text.replace("{{ '{#' }}", "{#")) } else { text }
}

/// `value | filter: a, b`
fn filtered(text: &str) -> Result<String, String> {
    let mut parts = split(text, &[Token::Bar]).into_iter();
    let mut result = value(parts.next().unwrap_or_default())?;
    for filter in parts {
        let (name, rest) = name(filter)?;
        let arguments: Vec<String> = match rest.strip_prefix(':') {
            Some(list) => {
                split(list, &[Token::Sign(",")]).into_iter().map(value).collect::<Result<_, _>>()?
            }
            None if rest.is_empty() => Vec::new(),
            None => return Err(format!("`{}` is not understood: write `| {name}: argument`", filter.trim())),
        };
        result = format!("{result}|{name}({})", arguments.join(", "));
    }
    Ok(result)
}

/// `a == b and c contains d`: without precedence, from the right.
fn condition(text: &str) -> Result<String, String> {
    let mut at = None;
    for (offset, token) in tokens(text) {
        if let Token::Word(word @ ("and" | "or")) = token {
            at = Some((offset, word));
            break;
        }
    }
    match at {
        Some((offset, word)) => {
            let (left, right) = text.split_at(offset);
            let right = right.get(word.len()..).unwrap_or_default();
            Ok(format!("({} {word} ({}))", comparison(left)?, condition(right)?))
        }
        None => comparison(text),
    }
}

fn comparison(text: &str) -> Result<String, String> {
    let signs = ["==", "!=", "<>", "<=", ">=", "<", ">"];
    let found = tokens(text).into_iter().find_map(|(offset, token)| match token {
        Token::Sign(sign) if signs.contains(&sign) => Some((offset, sign)),
        Token::Word("contains") => Some((offset, "contains")),
        _ => None,
    });
    let Some((offset, sign)) = found else { return value(text) };
    let (left, right) = text.split_at(offset);
    let left = value(left)?;
    let right = right.get(sign.len()..).unwrap_or_default().trim();
    let is_empty = matches!(right, "blank" | "empty" | "''" | "\"\"");
    Ok(match sign {
        "contains" => format!("({left}|has({}))", value(right)?),
        "==" if is_empty => format!("(not {left})"),
        "!=" | "<>" if is_empty => format!("({left})"),
        "==" if matches!(right, "nil" | "null") => format!("({left} is none)"),
        "!=" | "<>" if matches!(right, "nil" | "null") => format!("({left} is not none)"),
        "<>" => format!("({left} != {})", value(right)?),
        _ => format!("({left} {sign} {})", value(right)?),
    })
}

/// `label in issue.labels limit:3 offset:1 reversed`
fn iteration(text: &str) -> Result<String, String> {
    let (name, rest) = name(text)?;
    let rest = rest.strip_prefix("in ").ok_or("`for` needs `name in list`")?;
    let mut words = rest.split_whitespace();
    let mut list = value(words.next().unwrap_or_default())?;
    let (mut from, mut count, mut is_reversed) = (None, None, false);
    let options = words.collect::<Vec<_>>().join(" ").replace(": ", ":");
    for option in options.split_whitespace() {
        let number = |text: &str| text.parse::<usize>().map_err(|_| format!("`{option}` is not understood"));
        match option.split_once(':') {
            Some(("limit", text)) => count = Some(number(text)?),
            Some(("offset", text)) => from = Some(number(text)?),
            None if option == "reversed" => is_reversed = true,
            _ => return Err(format!("`{option}` after `for` is not understood")),
        }
    }
    if from.is_some() || count.is_some() {
        let count = count.map(|count| format!(", {count}")).unwrap_or_default();
        list = format!("{list}|slice({}{count})", from.unwrap_or(0));
    }
    if is_reversed {
        list.push_str("|reverse");
    }
    Ok(format!("{name} in {list}"))
}

/// One value: a literal, or a variable with what follows its dots.
fn value(text: &str) -> Result<String, String> {
    let text = text.trim();
    let found: Vec<Token<'_>> = tokens(text).into_iter().map(|(_, token)| token).collect();
    let refused = || format!("`{text}` is not understood");
    match found.as_slice() {
        [Token::Text(text)] if text.len() > 1 => Ok((*text).replace('\\', "\\\\")),
        [Token::Number(_)] | [Token::Number(_), Token::Sign("."), Token::Number(_)] => Ok(text.to_owned()),
        [Token::Sign("-"), Token::Number(_)] => Ok(text.to_owned()),
        [Token::Word("nil" | "null")] => Ok("none".to_owned()),
        [Token::Word("true" | "false")] => Ok(text.to_owned()),
        [Token::Word(first), rest @ ..] => {
            let mut path = (*first).to_owned();
            let mut filters = "";
            let mut rest = rest;
            loop {
                rest = match rest {
                    [] => break,
                    [Token::Sign("."), Token::Word(name @ ("size" | "first" | "last"))]
                        if *first != "forloop" =>
                    {
                        filters = name;
                        &[]
                    }
                    [Token::Sign("."), Token::Word(name), rest @ ..] => {
                        path.push_str(&format!(".{name}"));
                        rest
                    }
                    [Token::Sign("["), Token::Number(index), Token::Sign("]"), rest @ ..] => {
                        path.push_str(&format!("[{index}]"));
                        rest
                    }
                    [Token::Sign("["), Token::Text(name), Token::Sign("]"), rest @ ..] => {
                        path.push_str(&format!("[{name}]"));
                        rest
                    }
                    _ => return Err(refused()),
                };
            }
            if *first == "forloop" {
                path = path.replacen("forloop", "loop", 1).replace(".rindex", ".revindex");
            }
            Ok(if filters.is_empty() { path } else { format!("{path}|{filters}") })
        }
        _ => Err(refused()),
    }
}

/// A name, and what follows it.
fn name(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim();
    match tokens(text).first() {
        Some((0, Token::Word(name))) => Ok((name, text.get(name.len()..).unwrap_or_default().trim())),
        _ => Err(format!("a name is missing in `{text}`")),
    }
}

/// The parts between separators that are no part of a string.
fn split<'t>(text: &'t str, separators: &[Token<'_>]) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (offset, token) in tokens(text) {
        if separators.contains(&token) {
            parts.push(text.get(start..offset).unwrap_or_default());
            start = offset
                + match token {
                    Token::Word(text) | Token::Sign(text) => text.len(),
                    _ => 1,
                };
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn line_ends(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}
