//! What a child is kept to, and the words that carry it to the process that starts the child.

use std::ffi::OsString;
use std::path::PathBuf;

const WRITE: &str = "--write";
const HIDE: &str = "--hide";
const TCP: &str = "--tcp";
/// Between the rules and the program.
pub(super) const PROGRAM: &str = "--";

/// What a child is kept to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Files and folders it may write, change and delete; what is not there is left out.
    pub writable: Vec<PathBuf>,
    /// Files and folders it may not read.
    pub hidden: Vec<PathBuf>,
    /// The ports it may connect to by TCP; `None`: all.
    pub tcp: Option<Vec<u16>>,
}

impl Rules {
    /// For a supervisor, see [`Self::read`].
    pub fn words(&self) -> Vec<OsString> {
        let named = |name: &'static str, paths: &[PathBuf]| {
            paths.iter().flat_map(move |path| [name.into(), path.into()]).collect::<Vec<OsString>>()
        };
        let ports = self.tcp.as_ref().map(|ports| {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            vec![TCP.into(), ports.join(",").into()]
        });
        [named(WRITE, &self.writable), named(HIDE, &self.hidden), ports.unwrap_or_default()].concat()
    }

    /// The rules from their words.
    pub fn read(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut rules = Self::default();
        while let Some(name) = words.next() {
            let value = words.next()?;
            match name.to_str()? {
                WRITE => rules.writable.push(value.into()),
                HIDE => rules.hidden.push(value.into()),
                TCP => {
                    let ports = value.to_str()?.split(',').filter(|port| !port.is_empty());
                    rules.tcp = Some(ports.map(|port| port.parse().ok()).collect::<Option<_>>()?);
                }
                _ => return None,
            }
        }
        Some(rules)
    }
}
