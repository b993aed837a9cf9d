//! Where a child behind the walls may write, and what it may not read.
//!
//! A place is written `~/NAME` below the child's home, `$NAME` or `$NAME/BELOW` for what that
//! variable of the child's names. One that ends with a slash is a folder, made where it is missing.

use crate::system::process::{SpawnError, Spec};
use crate::system::user::User;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// What package managers keep between builds. Nothing here is read by a login shell or is on a
/// `PATH`.
pub const CACHES: &[&str] = &[
    "~/.cache",
    "~/.bun/install/cache",
    "~/.bundle/cache",
    "~/.cargo/.global-cache",
    "~/.cargo/.package-cache",
    "~/.cargo/.package-cache-mutate",
    "~/.cargo/git",
    "~/.cargo/registry",
    "~/.composer/cache",
    "~/.gradle/caches",
    "~/.gradle/daemon",
    "~/.gradle/native",
    "~/.gradle/wrapper",
    "~/.hex",
    "~/.ivy2/cache",
    "~/.local/share/pnpm/store",
    "~/.m2/repository",
    "~/.npm",
    "~/.nuget/packages",
    "~/.pnpm-store",
    "~/.pub-cache",
    "~/.yarn/berry/cache",
    "~/go/pkg",
];

/// Sockets of what starts containers or programs for whoever may write to them: as good as root.
pub const SOCKETS: &[&str] = &[
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/snapd.socket",
    "$XDG_RUNTIME_DIR/docker.sock",
    "$XDG_RUNTIME_DIR/podman/podman.sock",
    "$XDG_RUNTIME_DIR/systemd/private",
    "$XDG_RUNTIME_DIR/bus",
    "~/.docker/run/docker.sock",
];

/// By which a workflow's steps tell a runner of GitHub Actions what later steps get.
const RUNNER_FILES: &[&str] =
    &["$GITHUB_ENV", "$GITHUB_PATH", "$GITHUB_OUTPUT", "$GITHUB_STATE", "$GITHUB_STEP_SUMMARY"];

/// The variables by which the same is kept in a private folder, and its name there. Maven is told by
/// an argument.
pub const PRIVATE_CACHES: &[(&str, &str)] = &[
    ("XDG_CACHE_HOME", "xdg"),
    ("BUN_INSTALL_CACHE_DIR", "bun"),
    ("BUNDLE_USER_CACHE", "bundle"),
    ("CARGO_HOME", "cargo"),
    ("COMPOSER_CACHE_DIR", "composer"),
    ("GOCACHE", "go-build"),
    ("GOMODCACHE", "go-mod"),
    ("GRADLE_USER_HOME", "gradle"),
    ("HEX_HOME", "hex"),
    ("NUGET_PACKAGES", "nuget"),
    ("PIP_CACHE_DIR", "pip"),
    ("PUB_CACHE", "pub"),
    ("UV_CACHE_DIR", "uv"),
    ("YARN_CACHE_FOLDER", "yarn"),
    ("npm_config_cache", "npm"),
    ("npm_config_store_dir", "pnpm"),
];

/// Names a file for the agent that is not in its workspace.
pub(super) const PROMPT_FILE: &str = "CONDUCTOR_PROMPT_FILE";

/// Files that let their reader in somewhere.
pub const CREDENTIALS: &[&str] = &[
    "~/.aws",
    "~/.azure",
    "~/.cargo/credentials",
    "~/.cargo/credentials.toml",
    "~/.conductor.env",
    "~/.config/conductor",
    "~/.config/gcloud",
    "~/.config/gh",
    "~/.config/git/credentials",
    "~/.config/glab-cli",
    "~/.config/hub",
    "~/.config/op",
    "~/.config/rclone",
    "~/.config/sops",
    "~/.docker/config.json",
    "~/.gem/credentials",
    "~/.git-credential-cache",
    "~/.git-credentials",
    "~/.gnupg",
    "~/.gradle/gradle.properties",
    "~/.kube",
    "~/.local/share/keyrings",
    "~/.m2/settings-security.xml",
    "~/.m2/settings.xml",
    "~/.mozilla",
    "~/.netrc",
    "~/.npmrc",
    "~/.password-store",
    "~/.pgpass",
    "~/.pypirc",
    "~/.ssh",
    "~/.terraform.d/credentials.tfrc.json",
    "~/.vault-token",
    "~/actions-runner/.credentials",
    "~/actions-runner/.credentials_rsaparams",
    "~/_netrc",
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The user's own home. Another one that was made for the child is its own.
    home: Option<PathBuf>,
    /// The home of who runs Conductor, where the child is another user's, and Conductor's folders
    /// that what is given to it is in.
    root_home: Option<PathBuf>,
    folders: Vec<PathBuf>,
    /// The agent's own.
    own: Vec<&'static str>,
    writable: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    sockets: Vec<PathBuf>,
    /// In the place of the user's own caches.
    private_caches: Option<PathBuf>,
}

impl Places {
    /// What is Conductor's own environment's to hide as well: sockets by which rights are gained, and
    /// what leads to the runner of a workflow.
    #[must_use]
    pub fn hiding_of(self, variable: &dyn Fn(&str) -> Option<String>, readable: &[PathBuf]) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named = |place: &str| match place.strip_prefix('/') {
            Some(_) => Some(PathBuf::from(place)),
            None => below(place, value),
        };
        let sockets: Vec<PathBuf> = SOCKETS.iter().filter_map(|place| named(place)).collect();
        let runner = RUNNER_FILES.iter().filter_map(|place| below(place, value));
        let all =
            sockets.iter().cloned().chain(runner).chain(value("RUNNER_TEMP").into_iter().flat_map(scripts));
        let more = all.filter(|place| place.is_absolute() && !readable.contains(place));
        let hidden = self.hidden.iter().cloned().chain(more).collect();
        Self { hidden, sockets, ..self }
    }

    /// A socket there is, by which this user gains rights.
    pub(super) fn open_socket(&self) -> Option<&Path> {
        let is_open = |place: &&PathBuf| {
            let is_socket = place.metadata().is_ok_and(|found| found.file_type().is_socket());
            is_socket && rustix::fs::access(place.as_path(), rustix::fs::Access::WRITE_OK).is_ok()
        };
        let hidden = self.sockets.iter().filter(|place| self.hidden.contains(place));
        hidden.filter(|place| !place.ends_with("bus")).find(is_open).map(PathBuf::as_path)
    }

    /// `writable` on top of the caches; `readable` takes from what is hidden: the files with
    /// credentials, and `hidden`.
    pub fn new(
        home: Option<PathBuf>,
        writable: &[PathBuf],
        readable: &[PathBuf],
        hidden: &[PathBuf],
    ) -> Self {
        let credentials = CREDENTIALS.iter().filter_map(|place| below(place, |_| home.clone()));
        let all = credentials.chain(hidden.iter().cloned());
        let hidden = all.filter(|place| !readable.contains(place)).collect();
        Self {
            home,
            root_home: None,
            folders: Vec::new(),
            own: Vec::new(),
            writable: writable.to_vec(),
            hidden,
            private_caches: None,
            sockets: Vec::new(),
        }
    }

    /// Lets the child write to these as well.
    #[must_use]
    pub fn with_own(self, own: &[&'static str]) -> Self {
        Self { own: own.to_vec(), ..self }
    }

    /// Hides these as well.
    #[must_use]
    pub(super) fn hiding(mut self, hidden: Vec<PathBuf>) -> Self {
        self.hidden.extend(hidden);
        self
    }

    /// The child is another user's than the one whose home that is, and who has these folders.
    #[must_use]
    pub fn away_from(self, root_home: Option<PathBuf>, folders: Vec<PathBuf>) -> Self {
        Self { root_home, folders, ..self }
    }

    /// Lets that user get there.
    pub(super) fn open_way(&self, user: &User, place: &Path) -> io::Result<()> {
        self.folders.iter().try_for_each(|folder| user.let_through(folder, place))
    }

    /// Keeps what package managers keep in that folder, and the user's own caches as they are.
    #[must_use]
    pub fn with_private_caches(self, folder: Option<PathBuf>) -> Self {
        Self { private_caches: folder, ..self }
    }

    /// Makes the folders that are missing of the child's own, and tells it where its caches are.
    pub(super) fn prepare(&self, spec: &mut Spec) -> Result<(), SpawnError> {
        let make =
            |path: PathBuf| std::fs::create_dir_all(&path).map_err(|error| SpawnError::File { path, error });
        if let Some(caches) = &self.private_caches {
            // The user's way there was opened with that to its temporary folder.
            for (name, value) in private_caches(caches) {
                tell(spec, name, &value);
            }
            make(caches.clone())?;
            if let Some((uid, gid)) = spec.user {
                let owned = std::os::unix::fs::lchown(caches, Some(uid), Some(gid));
                owned.map_err(|error| SpawnError::File { path: caches.clone(), error })?;
            }
        }
        for place in self.own.iter().filter(|place| place.ends_with('/')) {
            let Some(path) = named(place, spec) else { continue };
            make(path)?;
        }
        Ok(())
    }

    /// Makes the child another user's: what it is given is theirs, and it sees their home. A home
    /// that was made for the child stays.
    pub(super) fn give_to(&self, user: &User, spec: &mut Spec) -> Result<(), SpawnError> {
        spec.user = Some((user.uid, user.gid));
        let of_user = |path: &Path| {
            let given = self.open_way(user, path).and_then(|()| user.own(path));
            given.map_err(|error| SpawnError::File { path: path.to_owned(), error })
        };
        if let Some(prompt) = variable(spec, PROMPT_FILE).map(PathBuf::from) {
            let given = self.open_way(user, &prompt).and_then(|()| user.let_read(&prompt));
            given.map_err(|error| SpawnError::File { path: prompt, error })?;
        }
        of_user(&spec.cwd)?;
        let given = ["TMPDIR"].into_iter().filter_map(|name| variable(spec, name).map(PathBuf::from));
        given.filter(|path| path.is_dir()).try_for_each(|path| of_user(&path))?;
        if let Some(made) = variable(spec, "HOME").filter(|home| self.made_home(home)).map(PathBuf::from) {
            of_user(&made)?;
        } else {
            let home = user.home.as_deref().unwrap_or(Path::new("/nonexistent"));
            tell(spec, "HOME", &home.to_string_lossy());
            // They lead into the home of who runs Conductor.
            spec.env.retain(|(name, _)| !name.starts_with("XDG_"));
        }
        tell(spec, "USER", &user.name);
        tell(spec, "LOGNAME", &user.name);
        Ok(())
    }

    fn made_home(&self, home: &str) -> bool {
        self.root_home.as_deref().is_some_and(|own| own != Path::new(home))
    }

    /// Where the child may write; what is not there is left out by the walls.
    pub(super) fn writable(&self, spec: &Spec) -> Vec<PathBuf> {
        let temporary = variable(spec, "TMPDIR").map(PathBuf::from);
        let home = variable(spec, "HOME").map(PathBuf::from).filter(|home| self.home.as_ref() != Some(home));
        let caches = if self.private_caches.is_some() { &[] } else { CACHES };
        let told = self.own.iter().chain(caches).filter_map(|place| named(place, spec));
        let told = told.chain(self.private_caches.clone());
        let configured = self.writable.iter().cloned();
        let places =
            home.into_iter().chain(told).chain(configured).chain(temporary).chain([spec.cwd.clone()]);
        places.filter(|place| place.is_absolute()).collect()
    }

    pub(super) fn hidden(&self) -> Vec<PathBuf> {
        self.hidden.clone()
    }
}

/// What says to package managers where they keep what they keep.
fn private_caches(folder: &Path) -> impl Iterator<Item = (&'static str, String)> {
    let place = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let maven = format!("-Dmaven.repo.local={}", place("maven"));
    let told = PRIVATE_CACHES.iter().map(move |(variable, name)| (*variable, place(name)));
    told.chain([("MAVEN_ARGS", maven)])
}

/// The scripts of a workflow's steps, which may hold its secrets as text.
fn scripts(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.extension().is_some_and(|end| end == "sh" || end == "ps1"))
        .chain([folder.join("_runner_file_commands")])
        .collect()
}

/// Sets a variable of the child's.
fn tell(spec: &mut Spec, name: &str, value: &str) {
    spec.env.retain(|(known, _)| known != name);
    spec.env.push((name.to_owned(), value.to_owned()));
}

/// Where a place is for that child.
fn named(place: &str, spec: &Spec) -> Option<PathBuf> {
    below(place, |name| variable(spec, name).map(PathBuf::from))
}

/// Where a place is, by what the variables name.
fn below(place: &str, value: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let (root, rest) = place.split_once('/').unwrap_or((place, ""));
    let root = value(if root == "~" { "HOME" } else { root.strip_prefix('$')? })?;
    Some(if rest.is_empty() { root } else { root.join(rest) })
}

/// What a variable of the child's holds, when it is not empty.
pub(super) fn variable<'s>(spec: &'s Spec, name: &str) -> Option<&'s str> {
    let found = spec.env.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places::new(
            Some("/home/me".into()),
            &["/srv/cache".into()],
            &["/home/me/.npmrc".into()],
            &["/home/me/notes".into(), "/etc/secret".into()],
        )
        .with_own(&["~/.claude/", "$CLAUDE_CONFIG_DIR", "$XDG_DATA_HOME/own"])
    }

    fn spec(env: &[(&str, &str)]) -> Spec {
        let mut spec = Spec::new("/bin/sh", "/w/T-1");
        spec.env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        spec
    }

    /// Without the caches.
    fn writable(env: &[(&str, &str)]) -> Vec<String> {
        let caches: Vec<PathBuf> = CACHES.iter().filter_map(|place| named(place, &spec(env))).collect();
        let all = places().writable(&spec(env)).into_iter().filter(|place| !caches.contains(place));
        all.map(|place| place.display().to_string()).collect()
    }

    #[test]
    fn a_child_may_write_to_its_workspace_and_to_what_is_its_own() {
        let env = [
            ("HOME", "/home/me"),
            ("TMPDIR", "/run/tmp"),
            ("CLAUDE_CONFIG_DIR", "/c"),
            ("XDG_DATA_HOME", "/x"),
        ];
        let own = ["/home/me/.claude/", "/c", "/x/own", "/srv/cache", "/run/tmp", "/w/T-1"];
        assert_eq!(writable(&env), own);
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
    fn credentials_are_hidden_but_for_those_said_to_be_readable() {
        let hidden = places().hidden();
        for place in ["/home/me/.ssh", "/home/me/.config/gh", "/home/me/notes", "/etc/secret"] {
            assert!(hidden.contains(&PathBuf::from(place)), "{place}");
        }
        assert!(!hidden.contains(&PathBuf::from("/home/me/.npmrc")));
    }
}
