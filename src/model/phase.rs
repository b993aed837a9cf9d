//! What an agent is doing, in five words, and how its tool calls tell it.

use serde::{Deserialize, Serialize};

/// What the agent is doing, as its tool calls tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Reading,
    Planning,
    Implementing,
    Testing,
    Committing,
}

impl Phase {
    /// The phase a tool call belongs to, from the tool's name and, for a shell, its command.
    /// The order of the rules is the ancestor's; `None` leaves the phase as it was.
    pub fn of_tool(name: &str, command: Option<&str>) -> Option<Self> {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["read", "glob", "grep", "search"]) {
            return Some(Self::Reading);
        }
        if has(&["todo"]) {
            return Some(Self::Planning);
        }
        if has(&["bash"]) && command.is_some_and(|c| c.contains("git commit") || c.contains("git add")) {
            return Some(Self::Committing);
        }
        if has(&["edit", "write", "bash"]) {
            return Some(Self::Implementing);
        }
        if has(&["test"]) {
            return Some(Self::Testing);
        }
        None
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Planning => "planning",
            Self::Implementing => "implementing",
            Self::Testing => "testing",
            Self::Committing => "committing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_follows_from_the_tool_and_its_command() {
        let cases = [
            ("Read", None, Some(Phase::Reading)),
            ("WebSearch", None, Some(Phase::Reading)),
            ("TodoWrite", None, Some(Phase::Planning)),
            ("Edit", None, Some(Phase::Implementing)),
            ("Bash", Some("cargo test"), Some(Phase::Implementing)),
            ("Bash", Some("git add . && git commit -m x"), Some(Phase::Committing)),
            ("run_tests", None, Some(Phase::Testing)),
            ("Task", None, None),
        ];
        for (name, command, phase) in cases {
            assert_eq!(Phase::of_tool(name, command), phase, "{name} {command:?}");
        }
    }
}
