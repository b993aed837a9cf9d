//! Reading a map key by key: each key asked for becomes known, each other one is a fault, and every
//! fault is collected with its place instead of ending the reading.

use super::LoadOptions;
use super::faults::{Fault, Position};
use super::file::{Document, Key, Node, ScalarKind, Value, dotted};
use std::cell::RefCell;
use std::path::Path;

/// One reading of one document.
pub(super) struct Reading<'a> {
    pub document: &'a Document,
    pub options: &'a LoadOptions<'a>,
    faults: RefCell<Vec<Fault>>,
}

/// A map of the file, while its keys are being asked for.
pub(super) struct Section<'a> {
    pub reading: &'a Reading<'a>,
    path: String,
    at: Position,
    entries: &'a [(Key, Node)],
    asked: RefCell<Vec<&'static str>>,
}

/// A value of the file, and which key it belongs to.
pub(super) struct Entry<'a> {
    pub reading: &'a Reading<'a>,
    pub key: String,
    pub node: &'a Node,
}

impl<'a> Reading<'a> {
    pub(super) fn new(document: &'a Document, options: &'a LoadOptions<'a>) -> Self {
        Self { document, options, faults: RefCell::new(document.repeated.clone()) }
    }

    /// Reads the whole document: `read` asks for every key there is.
    pub(super) fn top<T>(&'a self, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let start = Position { line: 1, column: 1 };
        self.map(String::new(), start, &self.document.entries, read)
    }

    pub(super) fn map<T>(
        &'a self,
        path: String,
        at: Position,
        entries: &'a [(Key, Node)],
        read: impl FnOnce(&Section<'a>) -> T,
    ) -> T {
        let section = Section { reading: self, path, at, entries, asked: RefCell::default() };
        let value = read(&section);
        section.refuse_unknown_keys();
        value
    }

    /// The folder that relative paths start from.
    pub(super) fn folder(&self) -> &Path {
        self.document.path.parent().unwrap_or(Path::new("/"))
    }

    pub(super) fn fault(&self, at: Position, key: &str, message: impl Into<String>) {
        let fault = Fault::at(&self.document.path, &self.document.source, at, key, message.into());
        self.faults.borrow_mut().push(fault);
    }

    /// Faults of another file that this one names.
    pub(super) fn faults_elsewhere(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.borrow_mut().extend(faults);
    }

    pub(super) fn has_fault_under(&self, key: &str) -> bool {
        self.faults.borrow().iter().filter_map(|fault| fault.key.as_deref()).any(|faulty| {
            faulty.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    pub(super) fn is_sound(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }
}

impl<'a> Section<'a> {
    /// The value of a key, when the key is there and not null.
    pub(super) fn given(&self, key: &'static str) -> Option<Entry<'a>> {
        self.entry(key).filter(|entry| !matches!(entry.node.value, Value::Null))
    }

    /// A key that has a default other than null: there must be a value when the key is there.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&Entry<'a>) -> Option<T>,
    ) -> Option<T> {
        let entry = self.entry(key)?;
        match entry.node.value {
            Value::Null => entry.refuse("is empty: give it a value or remove the key"),
            _ => parse(&entry),
        }
    }

    /// A key that may be null.
    pub(super) fn read_nullable<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&Entry<'a>) -> Option<T>,
    ) -> Option<T> {
        parse(&self.given(key)?)
    }

    /// A key that must be there.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        wanted: &str,
        parse: impl FnOnce(&Entry<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.given(key) {
            Some(entry) => parse(&entry),
            None => {
                self.fault(key, format!("is required: {wanted}"));
                None
            }
        }
    }

    /// Keys that are no mistake here, whether they are read or not.
    pub(super) fn know(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend(keys);
    }

    /// A map below this one; nothing in it is given when it is left out or empty.
    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let path = dotted(&self.path, key);
        let (at, entries): (Position, &'a [(Key, Node)]) = match self.given(key) {
            None => (self.at, &[]),
            Some(entry) => match &entry.node.value {
                Value::Map(entries) => (entry.node.at, entries),
                _ => {
                    let _: Option<()> = entry.wrong_type("a map of keys");
                    (entry.node.at, &[])
                }
            },
        };
        self.reading.map(path, at, entries, read)
    }

    /// A key that only another kind reads: left out, null or its default.
    pub(super) fn belongs_elsewhere(&self, key: &'static str, default: &str, kind: &str) {
        let Some(entry) = self.given(key) else { return };
        if !matches!(&entry.node.value, Value::Scalar { text, .. } if text == default) {
            entry.refuse::<()>(format!("has no effect with `kind: {kind}`: remove it"));
        }
    }

    /// A fault of the map itself, or of a key that is not there.
    pub(super) fn fault(&self, key: &'static str, message: impl Into<String>) {
        let at = self.entry(key).map_or(self.at, |entry| entry.node.at);
        self.reading.fault(at, &dotted(&self.path, key), message);
    }

    fn entry(&self, key: &'static str) -> Option<Entry<'a>> {
        self.asked.borrow_mut().push(key);
        let (_, node) = self.entries.iter().find(|(known, _)| known.name == key)?;
        Some(Entry { reading: self.reading, key: dotted(&self.path, key), node })
    }

    fn refuse_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.entries.iter().filter(|(key, _)| !asked.contains(&key.name.as_str())) {
            let message = match suggestion(&key.name, asked.iter().copied()) {
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => {
                    let mut known = asked.to_vec();
                    known.sort_unstable();
                    known.dedup();
                    format!("unknown key; known here: {}", known.join(", "))
                }
            };
            self.reading.fault(key.at, &dotted(&self.path, &key.name), message);
        }
    }
}

impl<'a> Entry<'a> {
    /// Records what is wrong with this value; always `None`.
    pub(super) fn refuse<T>(&self, message: impl Into<String>) -> Option<T> {
        self.reading.fault(self.node.at, &self.key, message);
        None
    }

    pub(super) fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let found = match &self.node.value {
            Value::Null => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar { kind: ScalarKind::Bool(_), .. } => "true or false",
            Value::Scalar { kind: ScalarKind::Number, .. } => "a number",
            Value::Scalar { kind: ScalarKind::Text, .. } => "text",
        };
        self.refuse(format!("must be {wanted}, not {found}"))
    }

    /// A scalar's text; `$NAME` as a whole value is read from the environment.
    pub(super) fn text(&self) -> Option<String> {
        let Value::Scalar { text, .. } = &self.node.value else {
            return self.wrong_type("text");
        };
        let Some(name) = variable(text) else {
            return Some(text.clone());
        };
        match (self.reading.options.env)(name).filter(|value| !value.is_empty()) {
            Some(value) => Some(value),
            None => self.refuse(format!("the environment variable {name} is not set or empty: set {name}")),
        }
    }

    /// The entries of a list.
    pub(super) fn items(&self) -> Option<Vec<Entry<'a>>> {
        let Value::List(nodes) = &self.node.value else {
            return self.wrong_type("a list");
        };
        let key = |index| format!("{}[{index}]", self.key);
        Some(
            nodes
                .iter()
                .enumerate()
                .map(|(index, node)| Entry { reading: self.reading, key: key(index), node })
                .collect(),
        )
    }

    /// The entries of a map whose keys are free.
    pub(super) fn pairs(&self) -> Option<Vec<(&'a Key, Entry<'a>)>> {
        let Value::Map(entries) = &self.node.value else {
            return self.wrong_type("a map");
        };
        let entry =
            |key: &Key, node| Entry { reading: self.reading, key: dotted(&self.key, &key.name), node };
        Some(entries.iter().map(|(key, node)| (key, entry(key, node))).collect())
    }

    /// The keys of a map inside a list.
    pub(super) fn fields<T>(&self, read: impl FnOnce(&Section<'a>) -> Option<T>) -> Option<T> {
        let Value::Map(entries) = &self.node.value else {
            return self.wrong_type("a map of keys");
        };
        self.reading.map(self.key.clone(), self.node.at, entries, read)
    }
}

/// `$NAME` → `NAME`.
pub(super) fn variable(text: &str) -> Option<&str> {
    text.strip_prefix('$').filter(|name| is_variable_name(name))
}

pub(super) fn is_variable_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| !c.is_ascii_digit())
}

/// The known word that was most likely meant.
pub(super) fn suggestion<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase().replace('-', "_");
    let near = |candidate: &&str| strsim::damerau_levenshtein(&word, candidate);
    // Short for it, such as `repo`.
    let is_part = |candidate: &str| word.len() >= 3 && candidate.starts_with(&word);
    let fits = |candidate: &&str| near(candidate) <= 1 + candidate.len() / 4 || is_part(candidate);
    known.filter(fits).min_by_key(near)
}
