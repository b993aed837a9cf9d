//! What holds the agent's side: agents, hooks and gates write in few places, read no credential
//! file, and reach no process outside. Linux itself builds the walls (Landlock), or bubblewrap.
//!
//! Owns which walls can be had here and what they leave open. Walls that were asked for and cannot
//! be had are an error, never left out. `docs` of the levels: README, "What holds an agent".

use crate::system::process::{Confine, SpawnError, Spec};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

mod bubblewrap;
mod error;
mod front;
#[cfg(target_os = "linux")]
mod grants;
#[cfg(target_os = "linux")]
mod landlock;
mod places;

pub use error::WallsError;
pub use front::WALLS;
pub use places::{CACHES, CREDENTIALS, Places};

use places::variable;

/// The walls around a child.
#[derive(Debug, Clone)]
pub struct Walls {
    kind: Kind,
    places: Places,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// With this program in front.
    Landlock { exe: PathBuf },
    /// Behind `bwrap`, and where the kernel has it behind Landlock too.
    Bubblewrap { bwrap: PathBuf, exe: Option<PathBuf> },
}

impl Walls {
    /// Landlock, where this kernel has it. Costs no process.
    pub fn landlock(exe: &Path, places: Places) -> Result<Self, WallsError> {
        if !cfg!(target_os = "linux") {
            return Err(WallsError::Unsupported { kind: "Landlock" });
        }
        if !has_landlock() {
            return Err(WallsError::NoLandlock);
        }
        Ok(Self { kind: Kind::Landlock { exe: exe.to_owned() }, places })
    }

    /// Looks for `bwrap` on `path` and tries it once.
    pub fn bubblewrap(exe: &Path, path: Option<&OsStr>, places: Places) -> Result<Self, WallsError> {
        if !cfg!(target_os = "linux") {
            return Err(WallsError::Unsupported { kind: "bubblewrap" });
        }
        let bwrap = find(OsStr::new("bwrap"), path).ok_or(WallsError::NoBubblewrap)?;
        bubblewrap::try_out(&bwrap)?;
        let exe = has_landlock().then(|| exe.to_owned());
        Ok(Self { kind: Kind::Bubblewrap { bwrap, exe }, places })
    }

    /// The strongest that works here without being set up.
    pub fn strongest(exe: &Path, path: Option<&OsStr>, places: Places) -> Option<Self> {
        let landlock = Self::landlock(exe, places.clone());
        landlock.or_else(|_| Self::bubblewrap(exe, path, places)).ok()
    }

    /// As the configuration and the report call it.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Landlock { .. } => "landlock",
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

    /// What stands in front of a program that may write to these places only, as a command line:
    /// the program and its arguments follow.
    pub fn front(&self, cwd: &Path, writable: Vec<PathBuf>) -> Vec<OsString> {
        let hidden = self.places.hidden();
        match &self.kind {
            Kind::Landlock { exe } => landlock_front(exe, writable, hidden),
            Kind::Bubblewrap { bwrap, exe } => {
                let mut words = bubblewrap::front(bwrap, cwd, &writable, &hidden);
                if let Some(exe) = exe {
                    // What bubblewrap covers is not there to be found a second time.
                    words.extend(landlock_front(exe, with_own_devices(&writable), Vec::new()));
                }
                words
            }
        }
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
        let mut words = self.front(&spec.cwd, self.places.writable(spec)).into_iter();
        let front = words.next().unwrap_or_default();
        let args = words.chain([program.into()]).chain(spec.args.iter().cloned()).collect();
        let is_wrapper = matches!(self.kind, Kind::Bubblewrap { .. });
        Ok(Spec { program: front, args, is_wrapper, ..spec.clone() })
    }
}

/// The start of this program as `conductor __walls …`: becomes the child, or says why not.
pub fn walls_main(args: impl Iterator<Item = OsString>) -> io::Error {
    #[cfg(target_os = "linux")]
    return landlock::stand_in_front(args);
    #[cfg(not(target_os = "linux"))]
    {
        drop(args);
        io::Error::from(io::ErrorKind::Unsupported)
    }
}

#[cfg(target_os = "linux")]
fn has_landlock() -> bool {
    landlock::is_there()
}

#[cfg(not(target_os = "linux"))]
fn has_landlock() -> bool {
    false
}

#[cfg(target_os = "linux")]
fn landlock_front(exe: &Path, writable: Vec<PathBuf>, hidden: Vec<PathBuf>) -> Vec<OsString> {
    landlock::Rules { writable, hidden }.front(exe)
}

#[cfg(not(target_os = "linux"))]
fn landlock_front(_exe: &Path, _writable: Vec<PathBuf>, _hidden: Vec<PathBuf>) -> Vec<OsString> {
    Vec::new()
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
