//! A world of its own: a bare remote, a clone, local tickets and pull requests, an agent of a few
//! lines of shell.

#![allow(dead_code)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct World {
    root: TempDir,
}

impl World {
    /// `agent` is a shell's script; `rest` is added to the configuration.
    pub fn new(agent: &str, rest: &str) -> Self {
        let world = Self::bare(agent);
        world.write(
            "clone/conductor.yml",
            &format!(
                "tracker: {{kind: local, path: ../issues}}\nforge: {{kind: local, path: ../pulls}}\n\
                 agent: {{kind: command, sandbox: none, command: [sh, '{}/agent.sh']}}\nworkspace: {{root: ../ws}}\n{rest}",
                world.path().display()
            ),
        );
        world
    }

    /// Without a configuration.
    pub fn bare(agent: &str) -> Self {
        let world = Self { root: tempfile::tempdir().unwrap() };
        let root = world.path().to_owned();
        world.git(&root, &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        world.git(&root, &["init", "-q", "-b", "main", "clone"]);
        let clone = world.clone_path();
        world.git(&clone, &["config", "user.name", "Tester"]);
        world.git(&clone, &["config", "user.email", "tester@example.com"]);
        world.git(&clone, &["remote", "add", "origin", "../origin.git"]);
        world.write("clone/readme.txt", "hello\n");
        world.write("clone/old.txt", "old\n");
        world.git(&clone, &["add", "-A"]);
        world.git(&clone, &["commit", "-qm", "First"]);
        world.git(&clone, &["push", "-q", "origin", "main"]);
        for folder in ["issues", "tmp"] {
            fs::create_dir_all(world.path().join(folder)).unwrap();
        }
        world.agent(agent);
        world
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    pub fn clone_path(&self) -> PathBuf {
        self.path().join("clone")
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The script sees this world's folder as `$ROOT`.
    pub fn agent(&self, script: &str) {
        let root = self.path().display();
        self.write("agent.sh", &format!("set -e\nROOT='{root}'\n{script}\n"));
    }

    pub fn ticket(&self, key: &str, title: &str, description: &str) {
        let text =
            format!("---\ntitle: {title}\nstate: Todo\npriority: 2\nlabels: [bug]\n---\n{description}\n");
        self.write(&format!("issues/{key}.md"), &text);
    }

    pub fn conductor(&self, args: &[&str]) -> Ran {
        self.conductor_with(args, &[])
    }

    /// With these variables as well.
    pub fn conductor_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        Ran(self.command(args).envs(env.iter().copied()).output().unwrap())
    }

    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
        command
            .args(args)
            .current_dir(self.clone_path())
            .env("TMPDIR", self.path().join("tmp"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env_remove("GITHUB_ACTIONS")
            .env_remove("CONDUCTOR_CONFIG")
            .env_remove("LINEAR_API_KEY");
        command
    }

    pub fn signal(&self, name: &str, to: &Child) {
        let pid = to.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Whether there is such a process; one that only waits to be collected is none.
    pub fn lives(&self, pid: &str) -> bool {
        let output = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
        let stat = String::from_utf8(output.stdout).unwrap();
        !stat.trim().is_empty() && !stat.trim_start().starts_with('Z')
    }

    /// Waits until it is there.
    pub fn await_file(&self, name: &str) {
        let begun = Instant::now();
        while !self.path().join(name).exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{name} never came");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn git(&self, folder: &Path, args: &[&str]) -> String {
        let output = Command::new("git").args(args).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A file on the remote's state branch.
    pub fn on_state_branch(&self, path: &str) -> String {
        self.git(&self.path().join("origin.git"), &["show", &format!("conductor/state:{path}")])
    }
}

pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out())
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.out(), self.err()))
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{}\n{}", self.out(), self.err());
        self
    }
}
