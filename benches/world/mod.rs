//! A small repository, its bare remote on the same disk, local tickets and pull requests, for
//! programs that measure Conductor from outside.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub struct World {
    root: TempDir,
}

impl World {
    /// Tickets are in `tickets`, pull requests in `pulls`, as the configuration has to say.
    pub fn new(config: &str, tickets: impl Iterator<Item = (String, String)>, files: usize) -> Self {
        let world = Self { root: TempDir::new().unwrap() };
        for folder in ["clone", "tickets", "pulls"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        for number in 0..files {
            let file = world.path(&format!("clone/file{number}.txt"));
            fs::write(file, format!("file {number}\n")).unwrap();
        }
        fs::write(world.path("clone/conductor.yml"), config).unwrap();
        for (key, text) in tickets {
            fs::write(world.path(&format!("tickets/{key}.md")), text).unwrap();
        }
        world.git("clone", "init -q --bare -b main ../origin.git");
        world.git("clone", "init -q -b main");
        world.git("clone", "remote add origin ../origin.git");
        world.git("clone", "add -A");
        world.git("clone", "commit -qm First");
        world.git("clone", "push -q origin main");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn git(&self, folder: &str, args: &str) {
        let mut git = self.command("git", &args.split(' ').collect::<Vec<_>>());
        assert!(git.current_dir(self.path(folder)).status().unwrap().success(), "git {args}");
    }

    pub fn conductor(&self, args: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_conductor"), args)
    }

    /// In the clone, away from the user's own git configuration, quiet.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path("clone"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Bench")
                .env(format!("GIT_{role}_EMAIL"), "bench@localhost");
        }
        command
    }
}
