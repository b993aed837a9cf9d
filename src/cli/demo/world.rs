//! The demo's world: a bare repository as the remote, a clone of it with a configuration, six
//! tickets, a folder for pull requests. All of it lies in one folder, and nothing outside is
//! touched.

use super::super::failure::{FAULT, Failure, USAGE};
use crate::files;
use crate::model::{BranchName, Sha};
use crate::system::git::{CommitAuthor, Entry, GitError, Repository};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where the remote's branches begin and pull requests go.
pub(super) const BASE: &str = "main";

/// The project the tickets are about: path, content.
const PROJECT: &[(&str, &str)] = &[
    ("README.md", include_str!("project/README.md")),
    ("commands/count.sh", include_str!("project/commands/count.sh")),
    ("commands/sum.sh", include_str!("project/commands/sum.sh")),
    ("tally", include_str!("project/tally")),
    ("tests/count.sh", include_str!("project/tests/count.sh")),
    ("tests/run", include_str!("project/tests/run")),
    ("tests/sum.sh", include_str!("project/tests/sum.sh")),
];

pub(super) const TICKETS: [(&str, &str); 6] = [
    ("TALLY-1", include_str!("tickets/TALLY-1.md")),
    ("TALLY-2", include_str!("tickets/TALLY-2.md")),
    ("TALLY-3", include_str!("tickets/TALLY-3.md")),
    ("TALLY-4", include_str!("tickets/TALLY-4.md")),
    ("TALLY-5", include_str!("tickets/TALLY-5.md")),
    ("TALLY-6", include_str!("tickets/TALLY-6.md")),
];

/// The folder a demo is played in.
pub(super) enum Place {
    /// For people to look around in afterwards.
    Kept(PathBuf),
    /// Gone when it is dropped.
    Passing(TempDir),
}

impl Place {
    /// A folder that is empty or does not exist yet.
    pub fn kept(folder: &Path) -> Result<Self, Failure> {
        let refuse = |what: String| Failure::new(USAGE, format!("--keep {}: {what}", folder.display()));
        match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => {
                return Err(refuse("is not empty: name a folder that is empty or does not exist".to_owned()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(refuse(error.to_string())),
        }
        fs::create_dir_all(folder).map_err(|error| refuse(error.to_string()))?;
        Ok(Self::Kept(folder.canonicalize().map_err(|error| refuse(error.to_string()))?))
    }

    pub fn passing(temp: &Path) -> Result<Self, Failure> {
        let fail = |error: std::io::Error| Failure::new(FAULT, format!("{}: {error}", temp.display()));
        let temp = temp.canonicalize().map_err(fail)?;
        let folder = tempfile::Builder::new()
            .prefix("conductor-demo-")
            .rand_bytes(4)
            .tempdir_in(temp)
            .map_err(fail)?;
        Ok(Self::Passing(folder))
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(folder) => folder.path(),
        }
    }

    /// Removes what is not to be kept.
    pub fn leave(self) -> Result<(), Failure> {
        let Self::Passing(folder) = self else { return Ok(()) };
        let path = folder.path().to_owned();
        folder
            .close()
            .map_err(|error| Failure::new(FAULT, format!("{} could not be removed: {error}", path.display())))
    }
}

/// What was made there.
pub(super) struct World {
    pub origin: Repository,
    /// The checkout with the configuration; nobody works in it.
    pub project: PathBuf,
    pub tickets: PathBuf,
    pub pulls: PathBuf,
}

impl World {
    /// `exe` becomes the agent.
    pub fn create(root: &Path, exe: &Path) -> Result<Self, Failure> {
        let tickets = root.join("tickets");
        let made = fs::create_dir(&tickets).and_then(|()| {
            TICKETS.iter().try_for_each(|(key, text)| files::write(&tickets.join(format!("{key}.md")), text))
        });
        made.map_err(|error| Failure::new(FAULT, format!("{}: {error}", tickets.display())))?;
        let origin = Repository::init_bare(&root.join("origin.git"), &BranchName::new(BASE)).map_err(git)?;
        let config = configuration(exe)?;
        let files: Vec<(&str, &str)> =
            PROJECT.iter().copied().chain([("conductor.yml", config.as_str())]).collect();
        first_commit(&origin, &files).map_err(git)?;
        let project = root.join("project");
        origin.clone_to(&project).map_err(git)?;
        Ok(Self { origin, project, tickets, pulls: root.join("pulls") })
    }
}

pub(super) fn git(error: GitError) -> Failure {
    Failure::new(FAULT, format!("the demo's world: {error}"))
}

fn configuration(exe: &Path) -> Result<String, Failure> {
    let text = exe.to_str().ok_or_else(|| {
        Failure::new(
            FAULT,
            format!("{}: the demo's agent is this program, and its path is no text", exe.display()),
        )
    })?;
    // A JSON string is a YAML string.
    let agent = serde_json::Value::from(text);
    Ok(include_str!("conductor.yml").replace("AGENT", &agent.to_string()))
}

fn first_commit(origin: &Repository, files: &[(&str, &str)]) -> Result<(), GitError> {
    let tree = write_tree(origin, files)?;
    let author = CommitAuthor { name: "Demo".to_owned(), email: "demo@localhost".to_owned() };
    let commit = origin.write_commit(&tree, &[], "One number out of many\n", &author)?;
    origin.update_ref(&BranchName::new(BASE).full_ref(), Some(&commit))
}

fn write_tree(origin: &Repository, files: &[(&str, &str)]) -> Result<Sha, GitError> {
    let mut entries = Vec::new();
    let mut folders: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (path, content) in files {
        match path.split_once('/') {
            Some((folder, rest)) => folders.entry(folder).or_default().push((rest, content)),
            None => {
                let mode = if content.starts_with("#!") { "100755" } else { "100644" };
                let id = origin.write_blob(content.as_bytes())?;
                entries.push(Entry { mode: mode.to_owned(), name: (*path).to_owned(), id });
            }
        }
    }
    for (folder, files) in folders {
        let id = write_tree(origin, &files)?;
        entries.push(Entry { mode: "40000".to_owned(), name: folder.to_owned(), id });
    }
    origin.write_tree(&entries)
}
