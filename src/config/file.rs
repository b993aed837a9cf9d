//! YAML text → a tree of ours in which every key and value knows its place.
//!
//! Scalars stay the text they were written as (`012` and `1.10` are not rounded through numbers);
//! what they mean is decided by the key that asks. Refuses what is not one small, sane YAML map:
//! duplicate keys, several documents, unknown tags, alias bombs, deep nesting.

use super::faults::{ConfigFaults, Fault, Position};
use crate::files;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::NonFiniteFloatPolicy;
use serde_yaml::{DuplicateKeyPolicy, Location, Options, RenderOptions, Spanned};
use std::fmt;
use std::path::{Path, PathBuf};

/// A configuration file as it was written.
#[derive(Debug)]
pub(super) struct Document {
    pub path: PathBuf,
    pub source: String,
    /// The top map's entries.
    pub entries: Vec<(Key, Node)>,
    /// Keys given twice: all but the first.
    pub repeated: Vec<Fault>,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub name: String,
    pub at: Position,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub value: Value,
    pub at: Position,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Scalar { kind: ScalarKind, text: String },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// What an unquoted scalar looks like to YAML 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarKind {
    Bool(bool),
    Number,
    Text,
}

impl Node {
    /// Whether both say the same, wherever they stand.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Scalar { text: a, .. }, Value::Scalar { text: b, .. }) => a == b,
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_the_same(b))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| {
                        b.iter().any(|(other, same)| other.name == key.name && value.says_the_same(same))
                    })
            }
            _ => false,
        }
    }
}

/// A configuration past this is a mistake.
const MAX_BYTES: u64 = 1024 * 1024;

pub(super) fn read(path: &Path) -> Result<Document, ConfigFaults> {
    parse(path, read_text(path)?)
}

/// A file of a sane size, as text.
pub(super) fn read_text(path: &Path) -> Result<String, ConfigFaults> {
    let refuse = |message: String| ConfigFaults::from(Fault::of_file(path, message));
    let bytes = files::read_linked(path, MAX_BYTES).map_err(|error| {
        refuse(match files::is_too_large(&error) {
            true => "larger than 1 MiB: this is not a configuration file".to_owned(),
            false => format!("cannot be read: {error}"),
        })
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        refuse(format!("line {line} is not UTF-8: save the file as UTF-8"))
    })
}

pub(super) fn parse(path: &Path, source: String) -> Result<Document, ConfigFaults> {
    let spanned: Spanned<Raw> = serde_yaml::from_str_with_options(&source, yaml_options())
        .map_err(|error| syntax_fault(path, &source, &error))?;
    let mut reading = Converting { path, source: &source, repeated: Vec::new() };
    let root = reading.node(spanned, "");
    let repeated = reading.repeated;
    let entries = match root.value {
        Value::Map(entries) => entries,
        Value::Null => {
            let message = "the file is empty; it needs at least `tracker: {kind: linear}`";
            return Err(Fault::of_file(path, message).into());
        }
        Value::List(_) | Value::Scalar { .. } => {
            let message = "the file is not a map of keys; it should begin with a key such as `tracker:`";
            return Err(Fault::at(path, &source, root.at, "", message.to_owned()).into());
        }
    };
    Ok(Document { path: path.to_owned(), source, entries, repeated })
}

/// A piece of YAML written in this program.
pub(super) fn literal(text: &str) -> Option<Node> {
    let spanned: Spanned<Raw> = serde_yaml::from_str_with_options(text, yaml_options()).ok()?;
    Some(Converting { path: Path::new(""), source: text, repeated: Vec::new() }.node(spanned, ""))
}

fn yaml_options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            flow_nesting_limit: 32,
            max_depth: 32,
            max_nodes: 20_000,
            max_events: 60_000,
            max_aliases: 200,
            max_anchors: 200,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn syntax_fault(path: &Path, source: &str, error: &serde_yaml::Error) -> ConfigFaults {
    let text = error.render_with_options(RenderOptions::new(&serde_yaml::UserMessageFormatter));
    let message = match error {
        serde_yaml::Error::MultipleDocuments { .. } => {
            "a second YAML document begins here; the configuration is one document: remove the `---`"
                .to_owned()
        }
        _ => match error.location() {
            Some(at) => text.replace(&format!(" at line {}, column {}", at.line(), at.column()), ""),
            None => text,
        },
    };
    match error.location() {
        Some(at) => Fault::at(path, source, position(at), "", message).into(),
        None => Fault::of_file(path, message).into(),
    }
}

fn position(location: Location) -> Position {
    Position { line: location.line(), column: location.column() }
}

struct Converting<'a> {
    path: &'a Path,
    source: &'a str,
    repeated: Vec<Fault>,
}

impl Converting<'_> {
    fn node(&mut self, spanned: Spanned<Raw>, key: &str) -> Node {
        let at = position(spanned.referenced);
        let value = match spanned.value {
            Raw::Null => Value::Null,
            Raw::Text(text) => Value::Scalar { kind: ScalarKind::Text, text },
            Raw::Bool(value) => {
                Value::Scalar { kind: ScalarKind::Bool(value), text: self.written(spanned.defined) }
            }
            Raw::Number => Value::Scalar { kind: ScalarKind::Number, text: self.written(spanned.defined) },
            Raw::List(items) => {
                let nodes = items.into_iter().enumerate();
                Value::List(nodes.map(|(index, item)| self.node(item, &format!("{key}[{index}]"))).collect())
            }
            Raw::Map(entries) => Value::Map(self.map(entries, key)),
        };
        Node { value, at }
    }

    fn map(&mut self, raw: Vec<(Spanned<String>, Spanned<Raw>)>, path: &str) -> Vec<(Key, Node)> {
        let mut entries: Vec<(Key, Node)> = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            let at = position(name.referenced);
            let dotted = dotted(path, &name.value);
            let node = self.node(value, &dotted);
            match entries.iter().find(|(key, _)| key.name == name.value) {
                Some((first, _)) => {
                    let message = format!("given twice, first in line {}: keep one of them", first.at.line);
                    self.repeated.push(Fault::at(self.path, self.source, at, &dotted, message));
                }
                None => entries.push((Key { name: name.value, at }, node)),
            }
        }
        entries
    }

    /// A scalar as it stands in the file.
    fn written(&self, location: Location) -> String {
        let span = location.span();
        let slice = || {
            let start = usize::try_from(span.byte_offset()?).ok()?;
            let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
            self.source.get(start..end)
        };
        slice().unwrap_or_default().trim().to_owned()
    }
}

/// A key under another.
pub(super) fn dotted(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What the YAML crate tells us of a value; numbers are read again from the source.
enum Raw {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
