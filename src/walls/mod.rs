//! What holds the agent's side: agents, hooks and gates write in few places, read no credential
//! file, and reach no process outside. Linux itself builds the walls (Landlock), or bubblewrap.
//!
//! Owns which walls can be had here and what they leave open. Walls that were asked for and cannot
//! be had are an error, never left out. `docs` of the levels: README, "What holds an agent".

use crate::system::barrier::{Barrier, ThreadRules};
use crate::system::process::{Confine, SpawnError, Spec};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

mod bubblewrap;
mod error;
mod front;
#[cfg(target_os = "linux")]
mod grants;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(not(target_os = "linux"))]
#[path = "no_landlock.rs"]
mod landlock;
mod places;
mod rules;

pub use error::WallsError;
pub use front::WALLS;
pub use places::{CACHES, CREDENTIALS, Places};

use places::variable;
use rules::{PROGRAM, Rules};

/// The walls around a child.
#[derive(Debug, Clone)]
pub struct Walls {
    kind: Kind,
    places: Places,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Landlock,
    /// Behind `bwrap`, and where the kernel has it behind Landlock too.
    Bubblewrap {
        bwrap: PathBuf,
        exe: Option<PathBuf>,
    },
}

impl Walls {
    /// Landlock, where this kernel has it. Costs no process.
    pub fn landlock(places: Places) -> Result<Self, WallsError> {
        if !cfg!(target_os = "linux") {
            return Err(WallsError::Unsupported { kind: "Landlock" });
        }
        if !landlock::is_there() {
            return Err(WallsError::NoLandlock);
        }
        Ok(Self { kind: Kind::Landlock, places })
    }

    /// Looks for `bwrap` on `path` and tries it once.
    pub fn bubblewrap(exe: &Path, path: Option<&OsStr>, places: Places) -> Result<Self, WallsError> {
        if !cfg!(target_os = "linux") {
            return Err(WallsError::Unsupported { kind: "bubblewrap" });
        }
        let bwrap = find(OsStr::new("bwrap"), path).ok_or(WallsError::NoBubblewrap)?;
        bubblewrap::try_out(&bwrap)?;
        let exe = landlock::is_there().then(|| exe.to_owned());
        Ok(Self { kind: Kind::Bubblewrap { bwrap, exe }, places })
    }

    /// The strongest that works here without being set up.
    pub fn strongest(exe: &Path, path: Option<&OsStr>, places: Places) -> Option<Self> {
        let landlock = Self::landlock(places.clone());
        landlock.or_else(|_| Self::bubblewrap(exe, path, places)).ok()
    }

    /// As the configuration and the report call it.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Landlock => "landlock",
            Kind::Bubblewrap { .. } => "bubblewrap",
        }
    }

    /// Lets the child write to these as well; see [`Places::with_own`].
    #[must_use]
    pub fn with_own(&self, own: &[&'static str]) -> Self {
        Self { places: self.places.clone().with_own(own), ..self.clone() }
    }

    /// Hides these from the child, whatever the configuration opens.
    #[must_use]
    pub fn hiding(&self, hidden: Vec<PathBuf>) -> Self {
        Self { places: self.places.clone().hiding(hidden), ..self.clone() }
    }

    /// What a program is started behind that may write to these places only.
    pub fn barrier(&self, cwd: &Path, writable: Vec<PathBuf>) -> Barrier {
        match &self.kind {
            Kind::Landlock => {
                let rules: Arc<dyn ThreadRules> = Arc::new(Landlocked(self.rules(writable)));
                Barrier { front: Vec::new(), rules: Some(rules) }
            }
            Kind::Bubblewrap { bwrap, exe } => {
                Barrier { front: self.bubble(bwrap, exe.as_deref(), cwd, &writable), rules: None }
            }
        }
    }

    fn rules(&self, writable: Vec<PathBuf>) -> Rules {
        Rules { writable, hidden: self.places.hidden() }
    }

    /// The beginning of a command line.
    fn bubble(&self, bwrap: &Path, exe: Option<&Path>, cwd: &Path, writable: &[PathBuf]) -> Vec<OsString> {
        let mut words = bubblewrap::front(bwrap, cwd, writable, &self.places.hidden());
        if let Some(exe) = exe {
            // What bubblewrap covers is not there to be found a second time.
            let rules = Rules { writable: with_own_devices(writable), hidden: Vec::new() };
            words.extend(rules.front(exe));
        }
        words
    }
}

impl Confine for Walls {
    fn confine(&self, spec: &Spec) -> Result<Spec, SpawnError> {
        let program = find(&spec.program, variable(spec, "PATH").map(OsStr::new)).ok_or_else(|| {
            SpawnError::Program {
                program: spec.program.to_string_lossy().into_owned(),
                error: io::ErrorKind::NotFound.into(),
            }
        })?;
        self.places.make_own(spec)?;
        let writable = self.places.writable(spec);
        let Kind::Bubblewrap { bwrap, exe } = &self.kind else {
            return Ok(Spec { program: program.into(), rules: self.rules(writable).words(), ..spec.clone() });
        };
        let mut words = self.bubble(bwrap, exe.as_deref(), &spec.cwd, &writable).into_iter();
        let front = words.next().unwrap_or_default();
        let args = words.chain([program.into()]).chain(spec.args.iter().cloned()).collect();
        Ok(Spec { program: front, args, is_wrapper: true, ..spec.clone() })
    }
}

/// The start of this program as `conductor __walls …`: becomes the child, or says why not.
pub fn walls_main(args: impl Iterator<Item = OsString>) -> io::Error {
    let mut words: Vec<OsString> = args.collect();
    let end = words.iter().position(|word| word == PROGRAM).unwrap_or(words.len());
    let mut program = words.split_off(end).into_iter().skip(1);
    let Some(name) = program.next() else { return unreadable() };
    match enforce(&words) {
        Ok(()) => Command::new(name).args(program).exec(),
        Err(error) => error,
    }
}

/// What this program as a supervisor puts on the thread that starts its child.
pub fn enforce(words: &[OsString]) -> io::Result<()> {
    landlock::close(&Rules::read(words.iter().cloned()).ok_or_else(unreadable)?)
}

/// Landlock around the thread that starts a call of git.
#[derive(Debug)]
struct Landlocked(Rules);

impl ThreadRules for Landlocked {
    fn enforce(&self) -> io::Result<()> {
        landlock::close(&self.0)
    }
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the rules of the sandbox cannot be read")
}

/// Behind bubblewrap the devices are the child's own, shared memory too.
fn with_own_devices(writable: &[PathBuf]) -> Vec<PathBuf> {
    writable.iter().cloned().chain([PathBuf::from("/dev")]).collect()
}

fn find(program: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let is_there = |place: &PathBuf| place.is_file();
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(is_there);
    }
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(is_there)
}
