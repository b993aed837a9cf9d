//! The state's own text, without what a host could refuse or a terminal would obey: tokens known
//! by their shape, control characters. Keys and structure stay as they are.

use crate::model::State;
use crate::model::text::{is_unseen, visible};
use crate::system::redact::Redactor;
use serde_json::Value;
use std::borrow::Cow;

pub(super) struct Cleaner {
    shapes: Redactor,
}

impl Default for Cleaner {
    fn default() -> Self {
        Self { shapes: Redactor::new(&[]) }
    }
}

impl Cleaner {
    /// The state itself when there is nothing to clean.
    pub fn state<'s>(&self, state: &'s State) -> Cow<'s, State> {
        let Ok(text) = serde_json::to_string(state) else { return Cow::Borrowed(state) };
        if !self.is_suspicious(&text) {
            return Cow::Borrowed(state);
        }
        let cleaned = serde_json::from_str(&text).ok().and_then(|mut document: Value| {
            self.clean(&mut document);
            State::parse(serde_json::to_string(&document).ok()?.as_bytes()).ok()
        });
        cleaned.map_or(Cow::Borrowed(state), Cow::Owned)
    }

    /// One text.
    pub fn text(&self, text: &str) -> String {
        self.shapes.redact(&visible(text)).into_owned()
    }

    /// JSON writes control characters as escapes; others that show nothing stand for themselves.
    fn is_suspicious(&self, json: &str) -> bool {
        let escapes = ["\\u00", "\\b", "\\f", "\\r"];
        escapes.iter().any(|escape| json.contains(escape))
            || (!json.is_ascii() && json.chars().any(is_unseen))
            || self.shapes.find(json.as_bytes()).next().is_some()
    }

    fn clean(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.clean(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IssueId, IssueRecord, Stage};

    fn blocked_because(reason: &str) -> State {
        let mut state = State::empty();
        let record = IssueRecord::new("T-1", Stage::blocked(reason));
        state.issues.insert(IssueId::new("1"), record);
        state
    }

    fn reason(state: &State) -> &str {
        state.issues[&IssueId::new("1")].blocked_reason().unwrap()
    }

    #[test]
    fn tokens_and_control_characters_leave_the_state_and_the_rest_stays() {
        let token = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        let cleaner = Cleaner::default();
        let dirty = blocked_because(&format!("\u{1b}[31mused \"{token}\"\u{202e}\nnext line\u{0}"));
        assert_eq!(reason(&cleaner.state(&dirty)), "used \"***\"\nnext line");
        let plain = blocked_because("größe: \"C:\\users\\b\" stays\n\ttoo");
        assert_eq!(*cleaner.state(&plain), plain);
        assert!(matches!(cleaner.state(&blocked_because("plain")), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_out_of_the_ordinary_survive_the_cleaning() {
        let mut dirty = blocked_because("\u{7}");
        dirty.extra.insert("later".to_owned(), serde_json::json!({"count": u64::MAX, "half": 0.1}));
        let cleaned = Cleaner::default().state(&dirty).into_owned();
        assert_eq!(cleaned.extra, dirty.extra);
    }
}
