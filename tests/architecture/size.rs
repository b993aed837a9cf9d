//! How long functions and files are, and where the methods of a type stand.

use super::graph::Module;
use super::source::Token;
use std::collections::{BTreeMap, BTreeSet};

const FUNCTION: usize = 60;
const FILE: usize = 400;

/// Functions of more lines than a reader keeps in mind, from `fn` to the closing brace.
pub fn long_functions(modules: &[Module]) -> Vec<String> {
    let mut found = Vec::new();
    for module in modules {
        let text = |index: usize| module.code.get(index).map_or("", |token: &Token| token.text.as_str());
        for (index, token) in module.code.iter().enumerate().filter(|(_, token)| token.text == "fn") {
            let Some(end) = end_of_body(&module.code, index) else { continue };
            let lines = module.code[end].line - token.line + 1;
            if lines > FUNCTION {
                found.push(format!(
                    "src/{}:{}: `{}` has {lines} lines",
                    module.file,
                    token.line,
                    text(index + 1)
                ));
            }
        }
    }
    found
}

/// The index of the brace that closes the body of the function at `start`; `None` without a body.
fn end_of_body(code: &[Token], start: usize) -> Option<usize> {
    let (mut depth, mut inside) = (0_usize, false);
    for (index, token) in code.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "(" | "[" | "{" => {
                inside |= depth == 0 && token.text == "{";
                depth += 1;
            }
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && inside {
                    return Some(index);
                }
            }
            ";" if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// What is wrong with a file of so many lines: a long one tells its reason in its module comment.
pub fn long_file(file: &str, source: &str) -> Option<String> {
    let lines = source.lines().count();
    let comment: Vec<&str> = source.lines().take_while(|line| line.starts_with("//!")).collect();
    let has_reason = comment.iter().any(|line| line.contains("Long because "));
    (lines > FILE && !has_reason)
        .then(|| format!("src/{file}: {lines} lines, and no \"Long because …\" in its module comment"))
}

/// Methods of a type outside the file that defines it and its child modules.
pub fn strayed_methods(modules: &[Module]) -> Vec<String> {
    let mut homes: BTreeMap<(&str, &str), Vec<&[String]>> = BTreeMap::new();
    for module in modules {
        for name in defined(&module.code) {
            homes.entry((room(module), name)).or_default().push(&module.path);
        }
    }
    let mut found = Vec::new();
    for module in modules {
        for (name, line) in inherent(&module.code) {
            // What no file defines is made by a macro beside its methods.
            let Some(homes) = homes.get(&(room(module), name.as_str())) else { continue };
            if !homes.iter().any(|home| module.path.starts_with(home)) {
                found.push(format!(
                    "src/{}:{line}: methods of `{name}`, which another file defines",
                    module.file
                ));
            }
        }
    }
    found
}

fn room(module: &Module) -> &str {
    module.path.first().map_or("", String::as_str)
}

fn defined(code: &[Token]) -> BTreeSet<&str> {
    let pairs = code.windows(2).filter(|pair| ["struct", "enum", "union"].contains(&pair[0].text.as_str()));
    pairs.map(|pair| pair[1].text.as_str()).collect()
}

/// The types of `impl` blocks without a trait, each with its line.
fn inherent(code: &[Token]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (index, token) in code.iter().enumerate().filter(|(_, token)| token.text == "impl") {
        // In a signature or a type it is no block.
        let before = index.checked_sub(1).map_or("}", |before| code[before].text.as_str());
        if !["}", ";", "]", "unsafe"].contains(&before) {
            continue;
        }
        let mut depth = 0_i32;
        let mut name = None;
        for token in code[index + 1..].iter() {
            match token.text.as_str() {
                "<" => depth += 1,
                ">" => depth -= 1,
                "for" if depth == 0 => {
                    name = None;
                    break;
                }
                "{" | "where" if depth == 0 => break,
                word if depth == 0 && word.starts_with(|c: char| c.is_alphabetic()) => {
                    name = Some(word.to_owned());
                }
                _ => {}
            }
        }
        found.extend(name.map(|name| (name, token.line)));
    }
    found
}
