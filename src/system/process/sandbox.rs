//! A child that may write to few places: its command line behind `bwrap` (bubblewrap, Linux).
//!
//! It sees the file system read-only but for its workspace, its temporary directory, what git needs
//! of the repository to commit, and the places named to it. It sees no other process and no device
//! of the machine; the network is as it was. Refuses to start where bubblewrap does not work.

use super::{SpawnError, Spec};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

const REMEDY: &str = "install bubblewrap, or set agent.sandbox: none";

/// What of a repository's common directory a commit is written to. The configuration, the hooks
/// and other worktrees are not among it.
const GIT_PARTS: &[&str] = &["objects", "refs", "logs", "reftable", "lfs"];

/// The walls around a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    bwrap: PathBuf,
    common_dir: PathBuf,
    /// The user's own home. Another one was made for the child and is its own.
    home: Option<PathBuf>,
    places: Vec<&'static str>,
}

/// Why there can be no walls around agents here.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("agent.sandbox: bubblewrap works on Linux only: set agent.sandbox: none")]
    Unsupported,
    #[error("agent.sandbox: bwrap is not on PATH: {REMEDY}")]
    Missing,
    #[error("agent.sandbox: bubblewrap does not work here ({0}): allow it, or set agent.sandbox: none")]
    Refused(String),
    #[error("agent.sandbox: {}: {error}: {REMEDY}", .program.display())]
    Start {
        program: PathBuf,
        #[source]
        error: io::Error,
    },
}

impl Sandbox {
    /// Looks for the program on `path` and tries it once.
    pub fn open(
        path: Option<&OsStr>,
        common_dir: &Path,
        home: Option<PathBuf>,
    ) -> Result<Self, SandboxError> {
        if !cfg!(target_os = "linux") {
            return Err(SandboxError::Unsupported);
        }
        let bwrap = find(OsStr::new("bwrap"), path).ok_or(SandboxError::Missing)?;
        let tried = duct::cmd(
            &bwrap,
            walls().into_iter().chain(["--".into(), "/bin/sh".into(), "-c".into(), ":".into()]),
        )
        .stdin_null()
        .stdout_null()
        .stderr_capture()
        .unchecked()
        .run();
        match tried {
            Ok(output) if output.status.success() => {
                let places = Vec::new();
                Ok(Self { bwrap, common_dir: common_dir.to_owned(), home, places })
            }
            Ok(output) => {
                let words = String::from_utf8_lossy(&output.stderr);
                let words = words.lines().next().unwrap_or("it does not say why").to_owned();
                Err(SandboxError::Refused(words))
            }
            Err(error) => Err(SandboxError::Start { program: bwrap, error }),
        }
    }

    /// Lets the child write to these as well: `~/NAME` below its home, `$NAME` or
    /// `$NAME/BELOW` for what that variable of its names. One that ends with a slash is a folder, made where it is missing.
    #[must_use]
    pub fn with_places(&self, places: &[&'static str]) -> Self {
        Self { places: places.to_vec(), ..self.clone() }
    }

    /// The spec of the same child behind the walls.
    pub(super) fn confine(&self, spec: &Spec) -> Result<Spec, SpawnError> {
        let path = variable(spec, "PATH");
        let program = find(&spec.program, path.map(OsStr::new)).ok_or_else(|| SpawnError::Program {
            program: spec.program.to_string_lossy().into_owned(),
            error: io::ErrorKind::NotFound.into(),
        })?;
        for place in self.own(spec).filter(|place| place.as_os_str().as_encoded_bytes().ends_with(b"/")) {
            std::fs::create_dir_all(&place)
                .map_err(|error| SpawnError::File { path: place.clone(), error })?;
        }
        let writable = self.writable(spec, admin_dir(&spec.cwd, &self.common_dir));
        let mut confined = spec.clone();
        confined.program = self.bwrap.clone().into();
        confined.is_wrapper = true;
        confined.args = arguments(&writable, &spec.cwd);
        confined.args.push(program.into());
        confined.args.extend(spec.args.iter().cloned());
        Ok(confined)
    }

    /// Where the child may write; what is not there is left out by bubblewrap.
    fn writable(&self, spec: &Spec, admin_dir: Option<PathBuf>) -> Vec<PathBuf> {
        // Where there is no worktree of the repository there is nothing to commit to it.
        let parts = GIT_PARTS.iter().filter(|_| admin_dir.is_some());
        let git = parts.map(|part| self.common_dir.join(part)).chain(admin_dir.clone());
        let temporary = variable(spec, "TMPDIR").map(PathBuf::from);
        let home = variable(spec, "HOME").map(PathBuf::from).filter(|home| self.home.as_ref() != Some(home));
        let places = git.chain(home).chain(self.own(spec)).chain(temporary);
        places.chain([spec.cwd.clone()]).filter(|place| place.is_absolute()).collect()
    }

    fn own(&self, spec: &Spec) -> impl Iterator<Item = PathBuf> {
        self.places.iter().filter_map(|place| {
            let (root, below) = place.split_once('/').unwrap_or((place, ""));
            let root = variable(spec, if root == "~" { "HOME" } else { root.strip_prefix('$')? })?;
            Some(if below.is_empty() { root.into() } else { Path::new(root).join(below) })
        })
    }
}

/// Everything is there to be read; processes and devices are the child's own.
fn walls() -> Vec<OsString> {
    // As root there may be no user namespace; without its privileges root writes nowhere else either.
    ["--unshare-user-try", "--unshare-pid", "--cap-drop", "ALL", "--ro-bind", "/", "/"]
        .into_iter()
        .chain(["--dev", "/dev", "--proc", "/proc"])
        .map(OsString::from)
        .collect()
}

fn arguments(writable: &[PathBuf], cwd: &Path) -> Vec<OsString> {
    let mut args = walls();
    for place in writable {
        args.extend(["--bind-try".into(), place.into(), place.into()]);
    }
    args.extend(["--chdir".into(), cwd.into(), "--".into()]);
    args
}

/// Where git keeps what belongs to that worktree alone. The file that says it is in the child's
/// reach: what it says is believed only below the repository's own folder for worktrees.
fn admin_dir(workspace: &Path, common_dir: &Path) -> Option<PathBuf> {
    let told = std::fs::read_to_string(workspace.join(".git")).ok()?;
    let admin = Path::new(told.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
    let worktrees = common_dir.join("worktrees").canonicalize().ok()?;
    (admin.parent() == Some(&worktrees)).then_some(admin)
}

fn variable<'s>(spec: &'s Spec, name: &str) -> Option<&'s str> {
    let found = spec.env.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

fn find(program: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let is_there = |place: &PathBuf| place.is_file();
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(is_there);
    }
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox() -> Sandbox {
        Sandbox {
            bwrap: "/usr/bin/bwrap".into(),
            common_dir: "/r/.git".into(),
            home: Some("/home/me".into()),
            places: vec!["~/.claude/", "$CLAUDE_CONFIG_DIR", "$XDG_DATA_HOME/own"],
        }
    }

    fn spec(env: &[(&str, &str)]) -> Spec {
        let mut spec = Spec::new("/bin/sh", "/w/T-1");
        spec.env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        spec
    }

    fn writable(env: &[(&str, &str)]) -> Vec<String> {
        let places = sandbox().writable(&spec(env), Some("/r/.git/worktrees/T-1".into()));
        places.iter().map(|place| place.display().to_string()).collect()
    }

    #[test]
    fn a_child_may_write_to_its_workspace_and_to_what_a_commit_needs() {
        let env = [
            ("HOME", "/home/me"),
            ("TMPDIR", "/run/tmp"),
            ("CLAUDE_CONFIG_DIR", "/c"),
            ("XDG_DATA_HOME", "/x"),
        ];
        let git = ["objects", "refs", "logs", "reftable", "lfs", "worktrees/T-1"]
            .map(|part| format!("/r/.git/{part}"));
        let own = ["/home/me/.claude/", "/c", "/x/own", "/run/tmp", "/w/T-1"].map(str::to_owned);
        assert_eq!(writable(&env), [&git[..], &own[..]].concat());
    }

    #[test]
    fn a_child_in_no_worktree_of_the_repository_may_not_write_to_it() {
        let places = sandbox().writable(&spec(&[("TMPDIR", "/run/tmp")]), None);
        assert_eq!(places, ["/run/tmp", "/w/T-1"].map(PathBuf::from));
    }

    #[test]
    fn a_home_made_for_the_child_is_its_own_and_the_users_is_not() {
        assert!(!writable(&[("HOME", "/home/me")]).contains(&"/home/me".to_owned()));
        assert!(writable(&[("HOME", "/run/home")]).contains(&"/run/home".to_owned()));
    }

    #[test]
    fn what_is_not_absolute_or_empty_opens_nothing() {
        let without = writable(&[]);
        assert_eq!(writable(&[("TMPDIR", ""), ("CLAUDE_CONFIG_DIR", "relative")]), without);
    }

    #[test]
    fn the_walls_come_before_the_openings_and_the_program_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut spec = spec(&[("HOME", folder.path().to_str().unwrap())]);
        spec.args = vec!["-c".into(), "--bind / /".into()];
        let confined = sandbox().confine(&spec).unwrap();
        let args: Vec<&str> = confined.args.iter().map(|arg| arg.to_str().unwrap()).collect();
        let at = |arg: &str| args.iter().position(|other| *other == arg).unwrap();
        assert_eq!(confined.program, "/usr/bin/bwrap");
        assert!(at("--ro-bind") < at("--bind-try"));
        assert_eq!(args[at("--")..], ["--", "/bin/sh", "-c", "--bind / /"]);
        assert_eq!(args[at("--chdir") + 1], "/w/T-1");
        assert!(folder.path().join(".claude").is_dir());
    }

    #[test]
    fn a_program_that_is_not_there_is_told_as_such() {
        let mut spec = spec(&[("PATH", "/nowhere")]);
        spec.program = "claude".into();
        assert!(sandbox().confine(&spec).unwrap_err().is_missing_program());
    }

    #[test]
    fn a_workspace_that_points_elsewhere_opens_nothing_there() {
        let folder = tempfile::tempdir().unwrap();
        let (workspace, common) = (folder.path().join("w"), folder.path().join("r/.git"));
        for path in [&workspace, &common.join("worktrees/w"), &common.join("hooks")] {
            std::fs::create_dir_all(path).unwrap();
        }
        let told = |place: &str| {
            std::fs::write(workspace.join(".git"), format!("gitdir: {}\n", common.join(place).display()))
                .unwrap();
            admin_dir(&workspace, &common)
        };
        assert_eq!(told("worktrees/w"), Some(common.join("worktrees/w").canonicalize().unwrap()));
        for elsewhere in ["hooks", "worktrees/..", "worktrees/../..", "worktrees/gone"] {
            assert_eq!(told(elsewhere), None, "{elsewhere}");
        }
    }
}
