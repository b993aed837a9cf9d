//! Walls by `sandbox-exec` on macOS: the same places, by a profile in its language. What is hidden
//! is denied after everything was allowed to be read; the network is all, nothing, or one port.

use super::network::Network;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const PROGRAM: &str = "/usr/bin/sandbox-exec";

/// What of the network is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    All,
    Nothing,
    /// A port of this machine.
    Port(u16),
}

impl Reach {
    pub fn of(network: &Network) -> Self {
        match network {
            Network::Open => Self::All,
            Network::None => Self::Nothing,
            Network::Hosts(proxy) => Self::Port(proxy.port()),
        }
    }

    pub fn port(self) -> Option<u16> {
        match self {
            Self::Port(port) => Some(port),
            Self::All | Self::Nothing => None,
        }
    }
}

/// `None` where there is none.
pub(super) fn find() -> Option<PathBuf> {
    let program = PathBuf::from(PROGRAM);
    (cfg!(target_os = "macos") && program.is_file()).then_some(program)
}

/// The beginning of a command line.
pub(super) fn front(
    program: &Path,
    writable: &[PathBuf],
    hidden: &[PathBuf],
    reach: &Reach,
) -> Vec<OsString> {
    // Places are judged without links: `/tmp` is one.
    let real = |paths: &[PathBuf]| -> Vec<PathBuf> {
        paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect()
    };
    let profile = profile(&real(writable), &real(hidden), *reach);
    vec![program.into(), "-p".into(), profile.into()]
}

/// The last rule that matches counts.
fn profile(writable: &[PathBuf], hidden: &[PathBuf], reach: Reach) -> String {
    let mut text = String::from("(version 1)\n(allow default)\n");
    text.push_str("(deny file-write*)\n");
    text.push_str("(allow file-write* (subpath \"/dev\"))\n");
    for place in writable {
        allow(&mut text, "(allow file-write*", place);
    }
    for place in hidden {
        allow(&mut text, "(deny file-read* file-write*", place);
    }
    text.push_str("(deny signal)\n(allow signal (target same-sandbox))\n");
    text.push_str("(deny process-info*)\n(allow process-info* (target same-sandbox))\n(allow process-info* (target self))\n");
    match reach {
        Reach::All => {}
        Reach::Nothing => text.push_str("(deny network*)\n"),
        Reach::Port(port) => {
            text.push_str("(deny network*)\n");
            // Writing to a text cannot fail.
            let _written = writeln!(text, "(allow network-outbound (remote ip \"localhost:{port}\"))");
        }
    }
    text
}

fn allow(text: &mut String, what: &str, place: &Path) {
    let path = place.to_string_lossy();
    // A name that would end its own quotes is no place of ours.
    if path.chars().any(char::is_control) {
        return;
    }
    let quoted = path.trim_end_matches('/').replace('\\', "\\\\").replace('"', "\\\"");
    let _written = writeln!(text, "{what} (subpath \"{quoted}\"))");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_denies_after_it_allows_and_hides_last() {
        let text =
            profile(&["/w/T-1".into(), "/a \"b\"/".into()], &["/home/me/.ssh".into()], Reach::Port(4128));
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
        assert!(at("(allow default)") < at("(deny file-write*)"));
        assert!(at("(deny file-write*)") < at("(allow file-write* (subpath \"/w/T-1\"))"));
        assert!(
            at("(subpath \"/a \\\"b\\\"\")")
                < at("(deny file-read* file-write* (subpath \"/home/me/.ssh\"))")
        );
        assert!(at("(deny network*)") < at("(allow network-outbound (remote ip \"localhost:4128\"))"));
        assert!(at("(deny signal)") < at("(allow signal (target same-sandbox))"));
    }

    #[test]
    fn the_network_is_all_nothing_or_one_port() {
        assert!(!profile(&[], &[], Reach::All).contains("network"));
        assert!(!profile(&[], &[], Reach::Nothing).contains("network-outbound"));
        assert!(profile(&[], &[], Reach::Nothing).contains("(deny network*)"));
        assert!(!profile(&["/a\n(allow default)".into()], &[], Reach::All).contains("/a"));
    }

    #[test]
    fn there_is_none_but_on_macos() {
        assert_eq!(find().is_some(), cfg!(target_os = "macos"));
    }
}
