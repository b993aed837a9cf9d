//! What the guards judge: a summary of all that would leave the machine.

use crate::model::text;

/// All that would leave the machine.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// From the base to the head, taken together.
    pub paths: &'a [ChangedPath],
    /// Size of the diff from the base to the head as text, in bytes.
    pub diff_size: u64,
    /// The patches of every commit to be pushed, not only their sum: what one commit adds and the
    /// next removes is pushed all the same. Attributes and configuration are the agent's to write,
    /// so the patches must be made as text whatever those say
    /// (`log -p --text --no-ext-diff --no-textconv --no-color --diff-merges=first-parent`). May be
    /// cut beyond what [`GuardRules::max_diff_size`] allows: such a change is refused anyway.
    pub patches: &'a [u8],
    /// The commits' messages with their authors, as they would be pushed.
    pub messages: &'a [String],
    pub branch: &'a str,
    pub title: &'a str,
    pub body: &'a str,
}

/// One path that differs between base and head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// Relative to the repository's root, with `/`.
    pub path: String,
    /// Where it came from, when it was renamed or copied.
    pub old_path: Option<String>,
    /// git's mode in the base, such as `0o100644`; 0 when it was not there.
    pub old_mode: u32,
    /// git's mode in the head; 0 when it was removed.
    pub mode: u32,
    /// The target, when the head has a symbolic link there.
    pub link_target: Option<String>,
}

/// Names for a reason: safe to show, the first few, and how many more.
pub(super) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let mut list: Vec<String> =
        names.iter().take(SHOWN).map(|name| text::cut(&text::one_line(name), 200).into_owned()).collect();
    if names.len() > SHOWN {
        list.push(format!("and {} more", names.len() - SHOWN));
    }
    list.join(", ")
}
