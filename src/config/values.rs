//! Readers of single values. Each takes an entry and gives the value, or records what is wrong and
//! gives nothing.

use super::file::{ScalarKind, Value};
use super::formats::{parse_duration, parse_size, ref_fault, sound_address, sound_secret};
use super::section::{Entry, suggestion};
use crate::model::Secret;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub(super) fn duration(entry: &Entry<'_>) -> Option<Duration> {
    parse_duration(&entry.text()?).map_or_else(|message| entry.refuse(message), Some)
}

/// A duration that leaves time for something.
pub(super) fn time_limit(entry: &Entry<'_>) -> Option<Duration> {
    match duration(entry)? {
        Duration::ZERO => entry.refuse("must be longer than nothing"),
        limit => Some(limit),
    }
}

pub(super) fn size(entry: &Entry<'_>) -> Option<u64> {
    match parse_size(&entry.text()?) {
        Ok(0) => entry.refuse("must be at least one byte"),
        Ok(size) => Some(size),
        Err(message) => entry.refuse(message),
    }
}

/// A whole number, 0 included.
pub(super) fn count<N: FromStr>(entry: &Entry<'_>) -> Option<N> {
    let text = number_text(entry, "a whole number")?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => entry.refuse(format!("must be a whole number, not `{text}`")),
    }
}

/// A whole number from 1.
pub(super) fn at_least_one<N: FromStr + Default + PartialEq>(entry: &Entry<'_>) -> Option<N> {
    match count(entry)? {
        zero if zero == N::default() => entry.refuse("must be at least 1"),
        number => Some(number),
    }
}

/// An amount above zero.
pub(super) fn amount(entry: &Entry<'_>) -> Option<f64> {
    let text = number_text(entry, "a number")?;
    match text.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount > 0.0 => Some(amount),
        _ => entry.refuse(format!("must be a number above 0, not `{text}`")),
    }
}

/// A number as written, or as an environment variable has it.
fn number_text(entry: &Entry<'_>, wanted: &str) -> Option<String> {
    match &entry.node.value {
        Value::Scalar { kind: ScalarKind::Number, text } => Some(text.clone()),
        Value::Scalar { kind: ScalarKind::Text, text } if text.starts_with('$') => entry.text(),
        Value::Scalar { kind: ScalarKind::Text, text } => {
            entry.refuse(format!("must be {wanted}, not the text `{text}`"))
        }
        _ => entry.wrong_type(wanted),
    }
}

pub(super) fn boolean(entry: &Entry<'_>) -> Option<bool> {
    match &entry.node.value {
        Value::Scalar { kind: ScalarKind::Bool(value), .. } => Some(*value),
        Value::Scalar { kind: ScalarKind::Text, text } if text.starts_with('$') => {
            match entry.text()?.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                other => entry.refuse(format!("must be true or false, not `{other}`")),
            }
        }
        Value::Scalar { text, .. } => entry.refuse(format!("must be true or false, not `{text}`")),
        _ => entry.wrong_type("true or false"),
    }
}

/// Text with something in it.
pub(super) fn text(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text()?;
    if text.trim().is_empty() {
        return entry.refuse("is empty: give it a value or remove the key");
    }
    if text.contains('\0') {
        return entry.refuse("holds a NUL character: remove it");
    }
    Some(text)
}

/// One line of text, without the spaces around it.
pub(super) fn name(entry: &Entry<'_>) -> Option<String> {
    let text = text(entry)?;
    let name = text.trim();
    if name.chars().any(char::is_control) {
        return entry.refuse("must be one line of plain text");
    }
    Some(name.to_owned())
}

pub(super) fn list<'a, T>(entry: &Entry<'a>, item: impl Fn(&Entry<'a>) -> Option<T>) -> Option<Vec<T>> {
    Some(entry.items()?.iter().filter_map(item).collect())
}

pub(super) fn names(entry: &Entry<'_>) -> Option<Vec<String>> {
    list(entry, name)
}

/// At least one name.
pub(super) fn some_names(entry: &Entry<'_>) -> Option<Vec<String>> {
    match entry.items()?.len() {
        0 => entry.refuse("is an empty list: name at least one"),
        _ => names(entry),
    }
}

/// One of a closed set of words.
pub(super) fn choice<T: Copy>(entry: &Entry<'_>, words: &[(&'static str, T)]) -> Option<T> {
    let text = entry.text()?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let near = suggestion(&text, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    entry.refuse(format!("`{text}` is not one of {}{}", known.join(", "), near.unwrap_or_default()))
}

/// A path, absolute: `~` is the home folder, relative ones start from the file's folder.
pub(super) fn path(entry: &Entry<'_>) -> Option<PathBuf> {
    let text = text(entry)?;
    let path = match text.strip_prefix('~') {
        None => PathBuf::from(&text),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match &entry.reading.options.home {
            Some(home) => home.join(rest.trim_start_matches('/')),
            None => {
                return entry.refuse("`~` needs a home folder, and HOME is not set: write the whole path");
            }
        },
        Some(_) => {
            return entry.refuse("only `~/` is understood, not another person's home: write the whole path");
        }
    };
    Some(without_dots(&entry.reading.folder().join(path)))
}

/// A program: a bare name is left for PATH, anything with a slash is a path.
pub(super) fn program(entry: &Entry<'_>) -> Option<PathBuf> {
    let name = text(entry)?;
    if name.contains('/') { path(entry) } else { Some(PathBuf::from(name)) }
}

/// Leaves out each `.`; `..` stays, since what it means depends on links.
pub(super) fn without_dots(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

/// A name in a folder, and no more.
pub(super) fn file_name(entry: &Entry<'_>) -> Option<PathBuf> {
    let path = without_dots(Path::new(&name(entry)?));
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Some(path),
        _ => entry.refuse("must be a file's name without a folder, such as `state.json`"),
    }
}

/// A credential. What it holds is never part of a fault.
pub(super) fn secret(entry: &Entry<'_>) -> Option<Secret> {
    let text = entry.text()?;
    match sound_secret(&text) {
        Ok(secret) => Some(secret),
        Err(message) => entry.refuse(message),
    }
}

/// An `https://` address, or `http://` to this machine, without a slash at its end.
pub(super) fn address(entry: &Entry<'_>) -> Option<String> {
    let text = name(entry)?;
    match sound_address(&text) {
        Ok(address) => Some(address),
        Err(message) => entry.refuse(message),
    }
}

/// A git remote: its name, a path or a URL.
pub(super) fn remote(entry: &Entry<'_>) -> Option<String> {
    let remote = name(entry)?;
    if remote.starts_with('-') || remote.contains(char::is_whitespace) {
        return entry.refuse("must be a remote's name or URL; it must not begin with `-` or hold spaces");
    }
    if remote.contains("::") && !remote.contains("[") {
        return entry.refuse("git's remote helpers (`helper::address`) are not accepted");
    }
    match remote.split_once("://") {
        Some((scheme, _)) if scheme.to_ascii_lowercase().starts_with("http") => {
            sound_address(&remote).map_or_else(|message| entry.refuse(message), Some)
        }
        _ => Some(remote),
    }
}

/// The name of a branch, as git allows them.
pub(super) fn branch(entry: &Entry<'_>) -> Option<String> {
    let branch = name(entry)?;
    match ref_fault(&branch) {
        Some(fault) => entry.refuse(format!("`{branch}` is not a branch name: {fault}")),
        None => Some(branch),
    }
}

/// What every ticket's branch begins with.
pub(super) fn branch_prefix(entry: &Entry<'_>) -> Option<String> {
    let prefix = name(entry)?;
    match ref_fault(&format!("{prefix}KEY")) {
        Some(fault) => entry.refuse(format!("`{prefix}` cannot begin a branch name: {fault}")),
        None => Some(prefix),
    }
}
