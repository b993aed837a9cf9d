//! What holds the agent's side: agents, hooks and gates write in few places, read no credential
//! file, and reach no process outside. Linux itself builds the walls (Landlock), or bubblewrap, or
//! a container; on macOS `sandbox-exec`.
//!
//! Owns which walls can be had here and what they leave open. Walls that were asked for and cannot
//! be had are an error, never left out. `docs` of the levels: README, "What holds an agent".

use crate::system::barrier::{Barrier, ThreadRules};
use crate::system::process::{Confine, SpawnError, Spec};
use crate::system::user::User;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

mod bubblewrap;
mod container;
mod error;
mod front;
#[cfg(target_os = "linux")]
mod grants;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(not(target_os = "linux"))]
#[path = "no_landlock.rs"]
mod landlock;
mod network;
mod places;
mod program;
mod rules;
mod seatbelt;

pub use container::{ContainerOptions, Engine};
pub use error::WallsError;
pub use front::WALLS;
pub use network::{Network, Proxy, ProxyError, RELAY_MAIN, relay_main};
pub use places::{CACHES, CREDENTIALS, Places};

use container::Container;
use network::{INNER_PORT, RELAY, begin_relay};
use places::variable;
use program::find;
use rules::{PROGRAM, Rules};

/// What walls are built from.
#[derive(Debug, Clone)]
pub struct Setup {
    /// This program.
    pub exe: PathBuf,
    /// Where programs are looked for.
    pub path: Option<OsString>,
    pub places: Places,
    pub network: Network,
    /// Whom the agent's side runs as, when this process is root.
    pub user: Option<User>,
}

/// The walls around a child.
#[derive(Debug, Clone)]
pub struct Walls {
    kind: Kind,
    exe: PathBuf,
    places: Places,
    network: Network,
    user: Option<User>,
}

#[derive(Debug, Clone)]
enum Kind {
    Landlock,
    /// Behind `bwrap`, and where the kernel has it behind Landlock too.
    Bubblewrap {
        bwrap: PathBuf,
        has_landlock: bool,
    },
    /// Calls of git are behind walls of this machine's own.
    Container {
        container: Container,
        git: Box<Walls>,
    },
    Seatbelt {
        program: PathBuf,
    },
}

impl Walls {
    /// Landlock, where this kernel has it. Costs no process.
    pub fn landlock(setup: &Setup) -> Result<Self, WallsError> {
        if !cfg!(target_os = "linux") {
            return Err(WallsError::Unsupported { kind: "Landlock" });
        }
        if !landlock::is_there() {
            return Err(WallsError::NoLandlock);
        }
        match setup.network {
            Network::None => return Err(WallsError::NetworkNeedsMore { sandbox: "landlock" }),
            Network::Hosts(_) if !landlock::holds_tcp() => return Err(WallsError::NoTcpRules),
            Network::Hosts(_) | Network::Open => {}
        }
        Ok(Self::of(Kind::Landlock, setup))
    }

    /// Looks for `bwrap` and tries it once.
    pub fn bubblewrap(setup: &Setup) -> Result<Self, WallsError> {
        if !cfg!(target_os = "linux") {
            return Err(WallsError::Unsupported { kind: "bubblewrap" });
        }
        let bwrap = find(OsStr::new("bwrap"), setup.path.as_deref()).ok_or(WallsError::NoBubblewrap)?;
        bubblewrap::try_out(&bwrap, !matches!(setup.network, Network::Open))?;
        Ok(Self::of(Kind::Bubblewrap { bwrap, has_landlock: landlock::is_there() }, setup))
    }

    /// Docker or podman around children; walls of this machine's own around calls of git.
    pub fn container(setup: &Setup, options: &ContainerOptions) -> Result<Self, WallsError> {
        let container = Container::find(options, setup.path.as_deref())?;
        let own = Setup { network: Network::Open, ..setup.clone() };
        let git = Self::strongest(&own)?.ok_or(WallsError::NoWallsForGit)?;
        Ok(Self::of(Kind::Container { container, git: Box::new(git) }, setup))
    }

    /// What macOS has.
    pub fn seatbelt(setup: &Setup) -> Result<Self, WallsError> {
        let program = seatbelt::find().ok_or(WallsError::NoSeatbelt)?;
        Ok(Self::of(Kind::Seatbelt { program }, setup))
    }

    /// The strongest that works here without being set up: of those that hold the network as well,
    /// where it is not open. `None` where there are none; an error where the network cannot be held.
    pub fn strongest(setup: &Setup) -> Result<Option<Self>, WallsError> {
        let seatbelt = |_: WallsError| Self::seatbelt(setup);
        match setup.network {
            Network::Open => {
                // Landlock does not close sockets.
                let bubblewrap = setup.places.open_socket().and_then(|_| Self::bubblewrap(setup).ok());
                let landlock = bubblewrap.map_or_else(|| Self::landlock(setup), Ok);
                Ok(landlock.or_else(|_| Self::bubblewrap(setup)).or_else(seatbelt).ok())
            }
            Network::None => {
                Self::bubblewrap(setup).or_else(|error| Self::seatbelt(setup).map_err(|_| error)).map(Some)
            }
            Network::Hosts(_) => {
                let bubblewrap = Self::bubblewrap(setup).or_else(seatbelt);
                bubblewrap.or_else(|_| Self::landlock(setup)).map(Some)
            }
        }
    }

    fn of(kind: Kind, setup: &Setup) -> Self {
        let Setup { exe, places, network, user, .. } = setup.clone();
        Self { kind, exe, places, network, user }
    }

    /// As the configuration and the report call it.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Landlock => "landlock",
            Kind::Bubblewrap { .. } => "bubblewrap",
            Kind::Container { .. } => "container",
            Kind::Seatbelt { .. } => "sandbox-exec",
        }
    }

    /// What it does not hold of what was asked for, for people.
    pub fn caveats(&self) -> Vec<String> {
        if !matches!(self.kind, Kind::Landlock) {
            return Vec::new();
        }
        let by_port = matches!(self.network, Network::Hosts(_)).then(|| {
            "agent.network: Landlock holds TCP by port only: UDP, DNS and Unix sockets stay open, and so does \
             the proxy's port on other hosts; install bubblewrap to close them"
                .to_owned()
        });
        let socket = self.places.open_socket().map(|socket| {
            let socket = socket.display();
            format!(
                "agent.sandbox: landlock does not close {socket}, by which the agent's side can gain rights: \
                 install bubblewrap, or close it to this user"
            )
        });
        by_port.into_iter().chain(socket).collect()
    }

    /// Programs are those of an image, and not this machine's.
    pub fn have_own_programs(&self) -> bool {
        matches!(self.kind, Kind::Container { .. })
    }

    /// What lists and ends containers of a run that is gone.
    pub fn engine(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Container { container, .. } => Some(container.engine()),
            _ => None,
        }
    }

    /// Marks containers as this run's.
    #[must_use]
    pub fn of_run(mut self, run_id: &str) -> Self {
        if let Kind::Container { container, .. } = &mut self.kind {
            container.mark(run_id);
        }
        self
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

    /// What a call of git is started behind that may write to these places only. It needs no network.
    pub fn barrier(&self, cwd: &Path, writable: Vec<PathBuf>) -> Barrier {
        let user = self.user.clone();
        if let Some(user) = &user {
            // Where that fails the call itself says so.
            let _closed = self.places.open_way(user, cwd);
        }
        let closed = |front| Barrier { front, rules: None, user: user.clone() };
        match &self.kind {
            Kind::Landlock => {
                let tcp = (!matches!(self.network, Network::Open)).then(Vec::new);
                let rules = Rules { tcp, ..self.rules(writable) };
                Barrier { rules: Some(Arc::new(Landlocked(rules))), ..closed(Vec::new()) }
            }
            Kind::Bubblewrap { bwrap, has_landlock } => {
                let bubble = Bubble { bwrap, has_landlock: *has_landlock, relay: None };
                closed(self.bubble(&bubble, cwd, &writable))
            }
            Kind::Container { git, .. } => git.barrier(cwd, writable),
            Kind::Seatbelt { program } => closed(seatbelt::front(
                program,
                &writable,
                &self.places.hidden(),
                &seatbelt::Reach::of(&self.network),
            )),
        }
    }

    fn rules(&self, writable: Vec<PathBuf>) -> Rules {
        let tcp = match &self.network {
            Network::Hosts(proxy) => Some(vec![proxy.port()]),
            Network::Open | Network::None => None,
        };
        Rules { writable, hidden: self.places.hidden(), tcp }
    }

    /// The beginning of a command line.
    fn bubble(&self, bubble: &Bubble<'_>, cwd: &Path, writable: &[PathBuf]) -> Vec<OsString> {
        let Bubble { bwrap, has_landlock, relay } = bubble;
        let is_apart = !matches!(self.network, Network::Open);
        let mut words = bubblewrap::front(bwrap, is_apart, cwd, writable, &self.places.hidden());
        let mut inner: Vec<OsString> = Vec::new();
        if let Some(socket) = relay {
            inner.extend([RELAY.into(), socket.into()]);
        }
        if *has_landlock {
            // What bubblewrap covers is not there to be found a second time.
            inner.extend(Rules { writable: with_own_devices(writable), ..Rules::default() }.words());
        }
        if !inner.is_empty() {
            words.extend([self.exe.clone().into(), WALLS.into()]);
            words.extend(inner);
            words.push(PROGRAM.into());
        }
        words
    }

    fn proxy_socket(&self) -> Option<&Path> {
        match &self.network {
            Network::Hosts(proxy) => Some(proxy.socket()),
            Network::Open | Network::None => None,
        }
    }
}

/// How bubblewrap is called.
struct Bubble<'a> {
    bwrap: &'a Path,
    has_landlock: bool,
    /// The proxy's socket.
    relay: Option<&'a Path>,
}

impl Confine for Walls {
    fn confine(&self, spec: &Spec) -> Result<Spec, SpawnError> {
        let mut spec = spec.clone();
        if let Some(user) = &self.user {
            self.places.give_to(user, &mut spec)?;
        }
        self.places.prepare(&mut spec)?;
        if let Kind::Container { container, .. } = &self.kind {
            self.network.announce(&mut spec, INNER_PORT);
            return Ok(container.around(&spec, &self.exe, &self.places, &self.network));
        }
        let program = find(&spec.program, variable(&spec, "PATH").map(OsStr::new)).ok_or_else(|| {
            SpawnError::Program {
                program: spec.program.to_string_lossy().into_owned(),
                error: io::ErrorKind::NotFound.into(),
            }
        })?;
        let writable = self.places.writable(&spec);
        let words = match &self.kind {
            Kind::Landlock | Kind::Container { .. } => {
                let rules = self.rules(writable);
                self.network.announce(&mut spec, rules.tcp.iter().flatten().next().copied().unwrap_or(0));
                return Ok(Spec { program: program.into(), rules: rules.words(), ..spec });
            }
            Kind::Bubblewrap { bwrap, has_landlock } => {
                self.network.announce(&mut spec, INNER_PORT);
                let bubble = Bubble { bwrap, has_landlock: *has_landlock, relay: self.proxy_socket() };
                self.bubble(&bubble, &spec.cwd, &writable)
            }
            Kind::Seatbelt { program } => {
                let reach = seatbelt::Reach::of(&self.network);
                self.network.announce(&mut spec, reach.port().unwrap_or(0));
                seatbelt::front(program, &writable, &self.places.hidden(), &reach)
            }
        };
        let is_wrapper = matches!(self.kind, Kind::Bubblewrap { .. });
        let mut words = words.into_iter();
        let front = words.next().unwrap_or_default();
        let args = words.chain([program.into()]).chain(spec.args.iter().cloned()).collect();
        Ok(Spec { program: front, args, is_wrapper, ..spec })
    }
}

/// The start of this program as `conductor __walls …`: becomes the child, or says why not.
pub fn walls_main(args: impl Iterator<Item = OsString>) -> io::Error {
    let mut words: Vec<OsString> = args.collect();
    let end = words.iter().position(|word| word == PROGRAM).unwrap_or(words.len());
    let mut program = words.split_off(end).into_iter().skip(1);
    let Some(name) = program.next() else { return unreadable() };
    match close(&words) {
        Ok(()) => Command::new(name).args(program).exec(),
        Err(error) => error,
    }
}

/// The relay first, which is not for the walls to hold.
fn close(words: &[OsString]) -> io::Result<()> {
    let rules = match words {
        [name, socket, rules @ ..] if name == RELAY => {
            begin_relay(socket)?;
            rules
        }
        rules => rules,
    };
    if rules.is_empty() { Ok(()) } else { enforce(rules) }
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
