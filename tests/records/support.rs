//! A throwaway project to run the program in: local tracker and forge, a bare origin, one checkout,
//! an agent that is a script.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far beyond anything a test waits for when all is well.
const LONG: Duration = Duration::from_secs(60);

pub struct Project {
    dir: TempDir,
    env: Vec<(String, String)>,
}

/// `agent` is the agent's section of the configuration.
pub fn project(agent: &str, script: &str) -> Project {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    for name in ["issues", "pulls", "home", "tmp", "facts"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    git(at, &["init", "-q", "--bare", "-b", "main", "origin.git"]);
    git(at, &["init", "-q", "-b", "main", "clone"]);
    let clone = at.join("clone");
    for (key, value) in [("user.name", "Somebody"), ("user.email", "somebody@example.org")] {
        git(&clone, &["config", key, value]);
    }
    git(&clone, &["remote", "add", "origin", "../origin.git"]);
    git(&clone, &["commit", "-q", "--allow-empty", "-m", "Begin"]);
    git(&clone, &["push", "-q", "origin", "main"]);
    let config = format!(
        "tracker: {{kind: local, path: issues}}\nforge: {{kind: local, path: pulls}}\n\
         repository: {{path: clone}}\nworkspace: {{root: workspaces}}\npreflight: {{enabled: false}}\n{}\n",
        agent.replace("SCRIPT", &at.join("agent.sh").display().to_string())
    );
    fs::write(at.join("conductor.yml"), config).unwrap();
    let script = format!("#!/bin/sh\nFACTS='{}'\n{script}", at.join("facts").display());
    fs::write(at.join("agent.sh"), script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(at.join("agent.sh"), mode).unwrap();
    let env = [
        ("PATH", std::env::var("PATH").unwrap()),
        ("HOME", at.join("home").display().to_string()),
        ("TMPDIR", at.join("tmp").display().to_string()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
    ];
    Project { env: env.map(|(name, value)| (name.to_owned(), value)).into(), dir }
}

impl Project {
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn ticket(&self, key: &str) {
        let text = format!("---\ntitle: Work on {key}\nstate: Todo\n---\nDo it.\n");
        fs::write(self.path().join(format!("issues/{key}.md")), text).unwrap();
    }

    pub fn conductor(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
        command.args(arguments).current_dir(self.path()).env_clear().envs(self.env.iter().cloned());
        command
    }

    /// Runs it to its end, which is to be that exit code.
    pub fn run(&self, code: i32, arguments: &[&str]) -> Output {
        let output = self.conductor(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", both(&output));
        output
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(0, &[arguments, &["--output", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.conductor(arguments);
        Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    pub fn tell(&self, fact: &str) {
        fs::write(self.path().join("facts").join(fact), "").unwrap();
    }

    pub fn await_fact(&self, fact: &str) {
        assert!(comes_true(|| self.path().join("facts").join(fact).exists()), "{fact} never came");
    }

    /// Conductor's own files of the repository.
    pub fn files(&self) -> PathBuf {
        self.path().join("clone/.git/conductor")
    }

    /// A file of the only run's folder of that ticket.
    pub fn record(&self, key: &str, name: &str) -> PathBuf {
        let runs: Vec<_> = fs::read_dir(self.files().join("runs")).unwrap().flatten().collect();
        assert_eq!(runs.len(), 1);
        runs[0].path().join(key).join(name)
    }
}

/// A started program that is ended with the test.
pub struct Running(Option<Child>);

impl Running {
    pub fn kill(&mut self) {
        self.0.as_mut().unwrap().kill().unwrap();
    }

    /// Its output, once it has ended by itself.
    pub fn wait(mut self) -> Output {
        let mut child = self.0.take().unwrap();
        if !comes_true(|| child.try_wait().unwrap().is_some()) {
            child.kill().unwrap();
            panic!("it never ended: {}", both(&child.wait_with_output().unwrap()));
        }
        child.wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _gone = child.kill();
            let _status = child.wait();
        }
    }
}

pub fn both(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", both(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Looks again and again until it is so.
pub fn comes_true(mut fact: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        if fact() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Every file below the folder.
pub fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(all_files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}
