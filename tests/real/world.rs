//! A remote, a clone, one ticket, and the real agent that works on it.

use serde_json::Value;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Far beyond anything a test waits for when all is well.
const LONG: Duration = Duration::from_secs(120);

pub struct World {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
    exe: PathBuf,
    /// Another user than the test's.
    user: Option<u32>,
}

/// What a run came to.
pub struct Ran {
    pub code: Option<i32>,
    pub report: Value,
    pub stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            report: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The one ticket's story.
    pub fn told(&self) -> &Value {
        &self.report["dispatched"][0]
    }

    /// Exit code, outcome and failure, for a table.
    pub fn verdict(&self) -> (Option<i32>, &str, &str) {
        let word = |key: &str| self.told()[key].as_str().unwrap_or("-");
        (self.code, word("outcome"), word("failure"))
    }
}

impl World {
    /// `agent` is what stands under `agent:` in the configuration.
    pub fn new(agent: &Value) -> Self {
        Self::within(&std::env::temp_dir(), agent)
    }

    /// The same in a folder there: another user may not get to the test's own temporary folder.
    pub fn within(place: &Path, agent: &Value) -> Self {
        let dir = tempfile::tempdir_in(place).unwrap();
        let world = Self { env: Vec::new(), exe: env!("CARGO_BIN_EXE_conductor").into(), user: None, dir };
        for folder in ["home", "tickets", "pulls"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        fs::write(world.path("home/.gitconfig"), "[user]\n\tname = T\n\temail = t@example.org\n").unwrap();
        fs::write(
            world.path("tickets/T-1.md"),
            "---\ntitle: Say hello\nstate: Todo\n---\nAdd a file hello.txt that says hello.\n",
        )
        .unwrap();
        world.git(".", &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        world.git(".", &["clone", "-q", "origin.git", "clone"]);
        let config = serde_json::json!({
            "tracker": {"kind": "local", "path": "../tickets"},
            "forge": {"kind": "local", "path": "../pulls"},
            "workspace": {"root": "../workspaces"},
            "agent": agent,
        });
        fs::write(world.path("clone/conductor.yml"), config.to_string()).unwrap();
        world.git("clone", &["add", "-A"]);
        world.git("clone", &["commit", "-q", "-m", "First commit"]);
        world.git("clone", &["push", "-q", "origin", "HEAD:main"]);
        world
    }

    /// Changes the configuration, which is committed as it was.
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("clone/conductor.yml");
        let mut config = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    /// Everything belongs to this user, and runs are this user's. Only root can do that.
    pub fn of_user(mut self, user: u32) -> Self {
        let exe = self.path("conductor");
        // By another process: one that another test starts meanwhile would inherit it open for writing.
        assert!(Command::new("cp").arg(&self.exe).arg(&exe).status().unwrap().success());
        self.exe = exe;
        let owner = format!("{user}:{user}");
        let chown = Command::new("chown").args(["-R", &owner]).arg(self.dir.path()).status().unwrap();
        assert!(chown.success());
        self.user = Some(user);
        self
    }

    /// A variable in Conductor's own environment.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn once(&self) -> Ran {
        Ran::of(&self.command().output().unwrap())
    }

    /// A run that gets SIGTERM as soon as that file is in the ticket's workspace.
    pub fn terminate_at(&self, name: &str) -> Ran {
        let child = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.wait_for(name);
        assert_ne!(self.left_over(), [""; 0], "what is looked for afterwards is seen now");
        let since = Instant::now();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        // It has six seconds; a busy machine gets more.
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
        ran
    }

    /// A run; when that file is in the ticket's workspace, something is done there.
    pub fn once_with(&self, name: &str, act: impl FnOnce(&Path)) -> Ran {
        let child = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.wait_for(name);
        act(find(&self.path("workspaces"), name).unwrap().parent().unwrap());
        Ran::of(&child.wait_with_output().unwrap())
    }

    /// A run that is not waited for.
    pub fn start(&self) -> std::process::Child {
        self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.exe);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.args(["once", "--output", "json", "--directory"]).arg(self.path("clone"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).env("TMPDIR", self.dir.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    pub fn git(&self, folder: &str, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(self.path(folder)).env("HOME", self.path("home"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The state document on the remote.
    pub fn state(&self) -> Value {
        let text = self.git("origin.git", &["show", "conductor/state:state.json"]);
        serde_json::from_str(&text).unwrap()
    }

    /// What the state says of the ticket.
    pub fn record(&self) -> Value {
        let state = self.state();
        state["issues"].as_object().unwrap().values().next().unwrap().clone()
    }

    pub fn pull_request(&self) -> Option<String> {
        fs::read_to_string(self.path("pulls/1.md")).ok()
    }

    pub fn wait_for(&self, name: &str) {
        let since = Instant::now();
        while find(&self.path("workspaces"), name).is_none() {
            assert!(since.elapsed() < LONG, "{name} did not come: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the agent printed, for a message.
    pub fn log(&self) -> String {
        let runs = self.path("clone/.git/conductor");
        ["output.log", "stderr.log"]
            .iter()
            .filter_map(|name| fs::read_to_string(find(&runs, name)?).ok())
            .collect::<Vec<_>>()
            .join("\n---\n")
    }

    /// Files named `out`, and what the shared part of the repository has that it should not have.
    pub fn changed_outside(&self) -> Vec<String> {
        let planted =
            find(self.dir.path(), "out").into_iter().chain(find(&self.path("clone/.git/hooks"), "pre-push"));
        let config = fs::read_to_string(self.path("clone/.git/config")).unwrap();
        let rewritten = config.contains("Evil").then(|| config.clone());
        planted.map(|path| path.display().to_string()).chain(rewritten).collect()
    }

    /// Processes that know of this world: by their environment, arguments or directory.
    pub fn left_over(&self) -> Vec<String> {
        let mark = self.dir.path().to_str().unwrap();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let known = processes.filter_map(|entry| {
            let about = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&about("cmdline")).replace('\0', " ");
            let place = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            let knows = String::from_utf8_lossy(&about("environ")).contains(mark)
                || text.contains(mark)
                || place.starts_with(mark);
            let name = entry.file_name().to_string_lossy().into_owned();
            (knows && name.parse::<u32>().is_ok()).then(|| format!("{name}: {text}"))
        });
        known.collect()
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files.into_iter().find(|path| path.file_name().is_some_and(|file| file == name));
    here.or_else(|| folders.iter().find_map(|folder| find(folder, name)))
}
