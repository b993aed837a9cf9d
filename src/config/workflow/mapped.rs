//! A configuration in the words of this product, put together key by key from another's.

use crate::config::faults::Position;
use crate::config::file::{Key, Node, Value};

/// What a front matter became.
pub(super) struct Mapped {
    pub entries: Vec<(Key, Node)>,
    /// What has no effect, and why.
    pub notes: Vec<(Position, String)>,
}

impl Mapped {
    /// Sets `section.key`; what was said before is replaced.
    pub fn put(&mut self, section: &str, key: &str, node: Node) {
        let at = node.at;
        let found = self.entries.iter().position(|(known, _)| known.name == section);
        let index = found.unwrap_or_else(|| {
            let key = Key { name: section.to_owned(), at };
            self.entries.push((key, Node { value: Value::Map(Vec::new()), at }));
            self.entries.len() - 1
        });
        if let Some((_, Node { value: Value::Map(entries), .. })) = self.entries.get_mut(index) {
            entries.retain(|(known, _)| known.name != key);
            entries.push((Key { name: key.to_owned(), at }, node));
        }
    }

    pub fn note(&mut self, at: Position, text: impl Into<String>) {
        self.notes.push((at, text.into()));
    }

    /// The words of `conductor:` over everything else.
    pub fn overlay(&mut self, entries: &[(Key, Node)]) {
        for (key, node) in entries {
            match &node.value {
                Value::Map(inner) if !inner.is_empty() => {
                    for (inner_key, inner_node) in inner {
                        self.put(&key.name, &inner_key.name, inner_node.clone());
                    }
                }
                _ => {
                    self.entries.retain(|(known, _)| known.name != key.name);
                    self.entries.push((key.clone(), node.clone()));
                }
            }
        }
    }
}
