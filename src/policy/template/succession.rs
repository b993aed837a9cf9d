//! Whether one template may take the place of another: it must render, speak of everything the
//! other speaks of, and leave the fences around text from outside as they are.

use super::checked::check;
use super::scan::{Piece, Token, pieces, tokens};
use super::{Engine, values};
use crate::model::settings::Template;
use minijinja::value::Value;
use std::collections::BTreeSet;

/// A longer template is none a person reads.
const MAX_BYTES: usize = 64 * 1024;

/// Every reason why `proposal` must not take the place of `current`, which is sound. Those with a
/// line begin with it.
pub fn check_successor(current: &Template, proposal: &Template) -> Vec<String> {
    if proposal.source.len() > MAX_BYTES {
        return vec![format!("it is larger than {} KiB", MAX_BYTES / 1024)];
    }
    if proposal.source.trim().is_empty() {
        return vec!["the template is empty".to_owned()];
    }
    let faults = check(proposal);
    if !faults.is_empty() {
        return faults.iter().map(ToString::to_string).collect();
    }
    let (before, after) = (variables(current), variables(proposal));
    let mut reasons: Vec<String> =
        before.difference(&after).map(|name| format!("it no longer speaks of `{name}`")).collect();
    let (before, after) = (Shown::by(current), Shown::by(proposal));
    if reasons.is_empty() {
        // Spoken of, and yet not shown: behind a condition, or through a filter.
        reasons.extend(before.blocks.difference(&after.blocks).map(|block| {
            let begin = block.lines().next().unwrap_or_default().replace(values::SAMPLE_BOUNDARY, "…");
            format!("the text between `{begin}` and its end is left out or changed")
        }));
    }
    if !after.bare.is_subset(&before.bare) {
        let what = "text from outside loses the marks around it: write such a variable without filters";
        reasons.push(what.to_owned());
    }
    reasons
}

/// What a template speaks of: `issue.title`, and of a list's items `prior.error`.
pub fn variables(template: &Template) -> BTreeSet<String> {
    let Ok(engine) = Engine::new(template) else { return BTreeSet::new() };
    let Ok(parsed) = engine.environment.template_from_str(&engine.source) else { return BTreeSet::new() };
    let is_global = |path: &String| engine.environment.globals().any(|(name, _)| name == path);
    let mut found: BTreeSet<String> =
        parsed.undeclared_variables(true).into_iter().filter(|path| !is_global(path)).collect();
    found.extend(of_items(&engine.source));
    found
}

/// What is said of the items of lists, inside their loops.
fn of_items(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // The names of the loops around, each with its list.
    let mut around: Vec<(&str, String)> = Vec::new();
    for piece in pieces(source, true).unwrap_or_default() {
        let (Piece::Output(code) | Piece::Tag(code)) = piece else { continue };
        let words: Vec<Token<'_>> = tokens(code.text).into_iter().map(|(_, token)| token).collect();
        match words.as_slice() {
            [Token::Word("for"), Token::Word(name), Token::Word("in"), list @ ..] => {
                let condition = list.iter().position(|word| *word == Token::Word("if"));
                let (list, condition) = list.split_at(condition.unwrap_or(list.len()));
                found.extend(said(list, &around));
                let list = paths(list).into_iter().next().unwrap_or_default();
                let list = resolved(&list, &around).unwrap_or_else(|| list.join("."));
                around.push((name, list));
                found.extend(said(condition, &around));
            }
            // Of pairs nothing is known.
            [Token::Word("for"), ..] => around.push(("", String::new())),
            [Token::Word("endfor"), ..] => drop(around.pop()),
            words => found.extend(said(words, &around)),
        }
    }
    found
}

/// What an expression says of the items of the loops around it.
fn said(words: &[Token<'_>], around: &[(&str, String)]) -> Vec<String> {
    let paths = paths(words);
    paths.iter().filter(|path| path.len() > 1).filter_map(|path| resolved(path, around)).collect()
}

/// `p.error` is `prior.error` where `p` goes over `prior`.
fn resolved(path: &[&str], around: &[(&str, String)]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let (_, list) = around.iter().rev().find(|(name, _)| name == first)?;
    Some(rest.iter().fold(list.clone(), |list, part| format!("{list}.{part}")))
}

/// The names in an expression with what is asked of them: `p`, `error` for `p.error`.
fn paths<'a>(words: &[Token<'a>]) -> Vec<Vec<&'a str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    let mut before = Token::Other;
    for (at, word) in words.iter().enumerate() {
        if let Token::Word(name) = word {
            let is_part = before == Token::Sign(".") && at > 1 && matches!(words[at - 2], Token::Word(_));
            match found.last_mut().filter(|_| is_part) {
                Some(path) => path.push(name),
                None => found.push(vec![name]),
            }
        }
        before = *word;
    }
    found
}

/// What of the sample's text from outside comes through.
struct Shown {
    /// Whole fences.
    blocks: BTreeSet<String>,
    /// Texts that stand outside of any.
    bare: BTreeSet<&'static str>,
}

impl Shown {
    fn by(template: &Template) -> Self {
        let (mut blocks, mut bare) = (BTreeSet::new(), BTreeSet::new());
        for attempt in [1, 2] {
            let sample = values::sample_brief(attempt, true, template.dialect);
            let rendered = Engine::new(template).ok().and_then(|engine| engine.render(&sample).ok());
            let mut rest = rendered.unwrap_or_default();
            for block in fences(&sample) {
                if rest.contains(&block) {
                    rest = rest.replace(&block, "");
                    blocks.insert(block);
                }
            }
            let rest = rest.to_lowercase();
            bare.extend(values::SAMPLE_TEXTS.into_iter().filter(|text| {
                // Also a part of it, as a filter may leave.
                let words = text.trim_end_matches('.').to_lowercase();
                let (first, last) = (words.rsplit_once(' ').unwrap_or_default().0, words.as_str());
                rest.contains(last) || rest.contains(first)
            }));
        }
        Self { blocks, bare }
    }
}

/// The fenced texts of a sample, as a template shows them.
fn fences(sample: &Value) -> Vec<String> {
    let of = |value: &Value, name: &str| value.get_attr(name).unwrap_or_default();
    let mut fences = vec![of(sample, "ticket"), of(&of(sample, "issue"), "description")];
    for earlier in of(sample, "prior").try_iter().into_iter().flatten() {
        fences.extend(["error", "last_words", "notes"].map(|name| of(&earlier, name)));
    }
    fences.iter().map(ToString::to_string).filter(|block| !block.is_empty()).collect()
}

#[cfg(test)]
mod tests;
