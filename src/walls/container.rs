//! Walls by a container of docker or podman: the image's own file system, with the places of the
//! child at the same paths as outside. Called with arguments, never through a shell; no socket of
//! the engine is mounted, and nothing the child could gain rights by is left.
//!
//! The client carries signals in. Whatever way a child ends, its supervisor removes the container
//! by its name, and the next run those of a run that is gone by their label.

use super::error::WallsError;
use super::front::WALLS;
use super::network::{Network, RELAY};
use super::places::{PROMPT_FILE, Places, variable};
use super::program::find;
use super::rules::PROGRAM;
use crate::model::ids::short_hash;
use crate::system::process::{CONTAINER_LABEL, Spec};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where what is Conductor's own is in the container.
const INNER_EXE: &str = "/.conductor/conductor";
const INNER_SOCKET: &str = "/.conductor/proxy";
/// Processes and threads of one.
const PIDS: &str = "16384";
/// Told to the client, which needs it to find its engine; what is not set is left out.
const CLIENT: &[&str] = &[
    "PATH",
    "HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "CONTAINER_HOST",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
];
/// The container's own, not the child's as it was told outside.
const INNER: &[&str] = &["PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Docker,
    Podman,
}

impl Engine {
    fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// As it is configured.
#[derive(Debug, Clone)]
pub struct ContainerOptions {
    pub image: String,
    /// `None`: docker where it is, else podman.
    pub engine: Option<Engine>,
    /// As `--user` takes it; `None`: who runs Conductor.
    pub user: Option<String>,
    /// As `--volume` takes them.
    pub mounts: Vec<String>,
    /// Where clones borrow objects. What a clone itself says may be an agent's word.
    pub objects: Vec<PathBuf>,
    /// Conductor's own environment, for the client.
    pub env: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub(super) struct Container {
    engine: PathBuf,
    kind: Engine,
    options: Arc<ContainerOptions>,
    run_id: String,
    /// So many were started.
    count: Arc<AtomicUsize>,
}

impl Container {
    /// Asks the engine whether it works, once.
    pub fn find(options: &ContainerOptions, path: Option<&OsStr>) -> Result<Self, WallsError> {
        let kinds = options.engine.map_or_else(|| vec![Engine::Docker, Engine::Podman], |kind| vec![kind]);
        let mut last = WallsError::NoEngine;
        for kind in kinds {
            let Some(engine) = find(OsStr::new(kind.program()), path) else { continue };
            let mut asked = duct::cmd(&engine, ["version", "--format", "{{.Server.Version}}"]);
            if kind == Engine::Podman {
                asked = duct::cmd(&engine, ["info", "--format", "{{.Host.OS}}"]);
            }
            match asked.stdin_null().stdout_null().stderr_capture().unchecked().run() {
                Ok(output) if output.status.success() => {
                    let options = Arc::new(options.clone());
                    let run_id = std::process::id().to_string();
                    return Ok(Self { engine, kind, options, run_id, count: Arc::default() });
                }
                Ok(output) => {
                    let words = String::from_utf8_lossy(&output.stderr);
                    let words =
                        words.lines().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
                    last = WallsError::Engine { engine: kind.program(), words: words.to_owned() };
                }
                Err(error) => last = WallsError::Start { program: engine, error },
            }
        }
        Err(last)
    }

    pub fn engine(&self) -> &Path {
        &self.engine
    }

    pub fn mark(&mut self, run_id: &str) {
        run_id.clone_into(&mut self.run_id);
    }

    /// The client in the place of the child.
    pub fn around(&self, spec: &Spec, exe: &Path, places: &Places, network: &Network) -> Spec {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("conductor-{}-{}-{number}", short_hash(&self.run_id), std::process::id());
        let mounts = mounts(spec, places, &self.options.objects);
        let mut words = self.base(&name, spec.user);
        words.extend(self.network(exe, network));
        words.extend(self.environment(spec));
        if let Some(home) =
            variable(spec, "HOME").filter(|home| !mounts.iter().any(|(place, _)| place == Path::new(home)))
        {
            // What is mounted below it stays.
            words.extend(["--tmpfs".into(), format!("{home}:mode=1777").into()]);
        }
        words.extend(mounts.iter().flat_map(|(place, mode)| volume(place, mode)));
        words.extend(self.options.mounts.iter().flat_map(|mount| ["--volume".into(), mount.into()]));
        words.extend(["--workdir".into(), spec.cwd.clone().into(), self.options.image.clone().into()]);
        if let Network::Hosts(_) = network {
            words.extend([INNER_EXE, WALLS, RELAY, INNER_SOCKET, PROGRAM].map(OsString::from));
        }
        words.push(inner_program(&spec.program, &mounts));
        words.extend(spec.args.iter().cloned());
        let remove = ["rm", "--force", "--volumes", &name].map(OsString::from);
        Spec {
            program: self.engine.clone().into(),
            args: words,
            env: self.client_env(spec),
            // Told to the engine, whose client is as it was.
            user: None,
            at_end: [self.engine.clone().into()].into_iter().chain(remove).collect(),
            ..spec.clone()
        }
    }

    fn base(&self, name: &str, user: Option<(u32, u32)>) -> Vec<OsString> {
        let label = format!("{CONTAINER_LABEL}={}", self.run_id);
        let mut words: Vec<OsString> =
            ["run", "--rm", "--interactive", "--name", name, "--label", &label].map(OsString::from).into();
        words.extend(
            ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", PIDS]
                .map(OsString::from),
        );
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let (is_root, own) = (uid.is_root(), user.unwrap_or((uid.as_raw(), gid.as_raw())));
        match (&self.options.user, self.kind) {
            (Some(user), _) => words.extend(["--user".into(), user.into()]),
            // Without root, podman's root inside is this user outside.
            (None, Engine::Podman) if !is_root => words.extend(["--userns".into(), "keep-id".into()]),
            (None, _) => words.extend(["--user".into(), format!("{}:{}", own.0, own.1).into()]),
        }
        words
    }

    fn network(&self, exe: &Path, network: &Network) -> Vec<OsString> {
        let mount = |from: &Path, to: &str, mode: &str| {
            let mut text = from.as_os_str().to_owned();
            text.push(format!(":{to}{mode}"));
            ["--volume".into(), text]
        };
        match network {
            Network::Open => Vec::new(),
            Network::None => vec!["--network".into(), "none".into()],
            Network::Hosts(proxy) => {
                let mut words: Vec<OsString> = vec!["--network".into(), "none".into()];
                words.extend(mount(exe, INNER_EXE, ":ro"));
                words.extend(mount(proxy.socket(), INNER_SOCKET, ""));
                words
            }
        }
    }

    /// Names only: values may be keys, and arguments are for everybody to see.
    fn environment(&self, spec: &Spec) -> Vec<OsString> {
        let told = spec.env.iter().filter(|(name, _)| !INNER.contains(&name.as_str()));
        told.flat_map(|(name, value)| {
            // The client's own may differ.
            let is_clients = CLIENT.contains(&name.as_str());
            let said = if is_clients { format!("{name}={value}") } else { name.clone() };
            ["--env".into(), said.into()]
        })
        .collect()
    }

    fn client_env(&self, spec: &Spec) -> Vec<(String, String)> {
        let own = self.options.env.iter().filter(|(name, _)| CLIENT.contains(&name.as_str()));
        let childs = spec.env.iter().filter(|(name, _)| !CLIENT.contains(&name.as_str()));
        own.chain(childs).cloned().collect()
    }
}

/// What is there of the child's places, as it may use them.
fn mounts(spec: &Spec, places: &Places, objects: &[PathBuf]) -> Vec<(PathBuf, &'static str)> {
    let writable = places.writable(spec).into_iter().map(|place| (place, ""));
    let prompt = variable(spec, PROMPT_FILE).map(|file| (PathBuf::from(file), ":ro"));
    let mut mounts: Vec<(PathBuf, &str)> =
        writable.chain(prompt).filter(|(place, _)| place.exists()).collect();
    mounts.extend(objects.iter().filter(|place| place.is_dir()).map(|place| (place.clone(), ":ro")));
    let is_hidden = |place: &Path| places.hidden().iter().any(|hidden| place.starts_with(hidden));
    mounts.retain(|(place, _)| !is_hidden(place) && !place.as_os_str().as_encoded_bytes().contains(&b':'));
    mounts.sort();
    mounts.dedup_by(|later, earlier| later.0 == earlier.0);
    mounts
}

fn volume(place: &Path, mode: &str) -> [OsString; 2] {
    let mut text = place.as_os_str().to_owned();
    text.push(":");
    text.push(place);
    text.push(mode);
    ["--volume".into(), text]
}

/// A program of this machine is not in the image; one of the same name is. What is mounted is the same.
fn inner_program(program: &OsStr, mounts: &[(PathBuf, &str)]) -> OsString {
    let path = Path::new(program);
    let is_mounted = mounts.iter().any(|(place, _)| path.starts_with(place));
    match path.file_name().filter(|_| path.is_absolute() && !is_mounted) {
        Some(name) => name.to_owned(),
        None => program.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(kind: Engine) -> Container {
        let options = ContainerOptions {
            image: "agents:1".into(),
            engine: Some(kind),
            user: None,
            mounts: vec!["/srv/models:/models:ro".into()],
            objects: Vec::new(),
            env: vec![("DOCKER_HOST".into(), "unix:///run/d".into()), ("TOKEN".into(), "t".into())],
        };
        let engine = PathBuf::from(format!("/usr/bin/{}", kind.program()));
        Container { engine, kind, options: Arc::new(options), run_id: "r1".into(), count: Arc::default() }
    }

    #[test]
    fn the_client_gets_words_and_no_value_of_the_childs_environment_is_among_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut spec = Spec::new("/opt/bin/agent", folder.path());
        spec.args = vec!["--model; rm -rf /".into()];
        spec.env = vec![("API_KEY".into(), "key-of-a-model".into()), ("PATH".into(), "/bin".into())];
        let around =
            container(Engine::Docker).around(&spec, Path::new("/c"), &Places::default(), &Network::None);
        let words: Vec<&str> = around.args.iter().map(|word| word.to_str().unwrap()).collect();
        let has = |part: &[&str]| words.windows(part.len()).any(|found| found == part);
        for part in [
            &["--network", "none"][..],
            &["--cap-drop", "ALL"],
            &["--security-opt", "no-new-privileges"],
            &["--env", "API_KEY"],
            &["--volume", "/srv/models:/models:ro"],
            &["--label", "conductor.run=r1"],
            &["agents:1", "agent", "--model; rm -rf /"],
        ] {
            assert!(has(part), "{part:?} in {words:?}");
        }
        assert!(!words.iter().any(|word| word.contains("key-of-a-model") || word.contains(".sock")));
        let told = |name: &str| around.env.iter().any(|(known, _)| known == name);
        assert!(told("API_KEY") && told("DOCKER_HOST") && !told("TOKEN") && !told("PATH"));
        let name = words[words.iter().position(|word| *word == "--name").unwrap() + 1];
        assert_eq!(around.at_end, ["/usr/bin/docker", "rm", "--force", "--volumes", name]);
    }
}
