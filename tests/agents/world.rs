//! A throwaway world: a bare remote, a clone, tickets, and whatever program the test puts in the
//! agent's place.

#![allow(dead_code)]

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub struct World {
    dir: TempDir,
    env: Vec<(String, String)>,
}

/// What one cycle did.
pub struct Ran {
    pub code: i32,
    pub report: Value,
    pub stderr: String,
}

impl Ran {
    /// The entry of the only issue that was dispatched.
    pub fn only(&self) -> &Value {
        let all = self.report["dispatched"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{}", self.told());
        &all[0]
    }

    pub fn word<'a>(&'a self, field: &str) -> &'a str {
        self.only()[field].as_str().unwrap_or("")
    }

    /// Everything, for a failed assertion.
    pub fn told(&self) -> String {
        format!("exit {}\n{:#}\n{}", self.code, self.report, self.stderr)
    }
}

impl World {
    /// One ticket, `T-1`, and the agent's section of the configuration; other sections may follow it.
    pub fn new(agent: &str) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), env: Vec::new() };
        for folder in ["issues", "pulls", "bin", "notes", "home"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        world.git(".", &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        world.git(".", &["init", "-q", "-b", "main", "clone"]);
        world.git("clone", &["remote", "add", "origin", "../origin.git"]);
        world.git("clone", &["config", "user.name", "Somebody"]);
        world.git("clone", &["config", "user.email", "somebody@example.com"]);
        world.configure(agent);
        world.git("clone", &["add", "-A"]);
        world.git("clone", &["commit", "-qm", "first"]);
        world.git("clone", &["push", "-q", "origin", "main"]);
        world.ticket("T-1");
        world
    }

    pub fn configure(&self, agent: &str) {
        let common = "tracker: {kind: local, path: ../issues}\nforge: {kind: local, path: ../pulls}\n\
                      workspace: {root: ../workspaces}\nretry: {base: 1ms, max: 1ms}\n";
        fs::write(self.path("clone/conductor.yml"), format!("{common}{agent}")).unwrap();
    }

    pub fn ticket(&self, key: &str) {
        let text = format!("---\ntitle: The ticket {key}\nstate: Todo\n---\nDo it.\n");
        fs::write(self.path(&format!("issues/{key}.md")), text).unwrap();
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// Puts a shell script on the agent's `PATH`. `$NOTES` in it is a folder outside the workspace.
    pub fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        let notes = self.path("notes");
        fs::write(&path, format!("#!/bin/sh\nNOTES='{}'\n{script}\n", notes.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A variable of Conductor's own environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What a script wrote to `$NOTES/NAME`; empty when it did not.
    pub fn note(&self, name: &str) -> String {
        fs::read_to_string(self.path("notes").join(name)).unwrap_or_default()
    }

    pub fn once(&self) -> Ran {
        self.once_with(&[])
    }

    pub fn once_with(&self, args: &[&str]) -> Ran {
        let output = self
            .command(env!("CARGO_BIN_EXE_conductor"), "clone")
            .args(["once", "--output", "json", "--no-progress"])
            .args(args)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?}\n{stderr}", output.status));
        Ran { code: output.status.code().unwrap(), report, stderr }
    }

    /// The state document on the remote.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.git("origin.git", &["show", "conductor/state:state.json"])).unwrap()
    }

    /// `field` of every recorded outcome, oldest first.
    pub fn outcomes(&self, field: &str) -> Vec<String> {
        let state = self.state();
        let outcomes = state["outcomes"].as_array().unwrap();
        outcomes.iter().map(|outcome| outcome[field].as_str().unwrap_or("-").to_owned()).collect()
    }

    /// A file on the branch on the remote.
    pub fn published(&self, key: &str, file: &str) -> String {
        self.git("origin.git", &["show", &format!("conductor/{key}:{file}")])
    }

    pub fn git(&self, folder: &str, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command("git", folder).args(args).output().unwrap();
        assert!(status.success(), "git {args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    fn command(&self, program: &str, folder: &str) -> Command {
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new(program);
        command
            .current_dir(self.path(folder))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.dir.path())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A recorded stream of a real program.
pub fn transcript(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/adapters/fixtures/transcripts/{name}.jsonl"))
}
