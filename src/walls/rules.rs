//! What a child is kept to, and the words that carry it to the process that starts the child.

use super::front::WALLS;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const WRITE: &str = "--write";
const HIDE: &str = "--hide";
/// Between the rules and the program.
pub(super) const PROGRAM: &str = "--";

/// What a child is kept to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Files and folders it may write, change and delete; what is not there is left out.
    pub writable: Vec<PathBuf>,
    /// Files and folders it may not read.
    pub hidden: Vec<PathBuf>,
}

impl Rules {
    /// The command line of this program, `exe`, that stands in front of another program's.
    pub fn front(&self, exe: &Path) -> Vec<OsString> {
        let exe = [exe.into(), WALLS.into()].into_iter();
        exe.chain(self.words()).chain([PROGRAM.into()]).collect()
    }

    /// For a supervisor, see [`Self::read`].
    pub fn words(&self) -> Vec<OsString> {
        let named = |name: &'static str, paths: &[PathBuf]| {
            paths.iter().flat_map(move |path| [name.into(), path.into()]).collect::<Vec<OsString>>()
        };
        [named(WRITE, &self.writable), named(HIDE, &self.hidden)].concat()
    }

    /// The rules from their words.
    pub fn read(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut rules = Self::default();
        while let Some(name) = words.next() {
            let value = words.next()?;
            match name.to_str()? {
                WRITE => rules.writable.push(value.into()),
                HIDE => rules.hidden.push(value.into()),
                _ => return None,
            }
        }
        Some(rules)
    }
}
