//! Three machines that share nothing but the remote and what is carried between them.

use crate::support::conductor::{Run, Running, World};
use crate::support::repo;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The jobs of one world.
pub struct Jobs<'w> {
    pub world: &'w World,
}

impl<'w> Jobs<'w> {
    pub fn of(world: &'w World) -> Self {
        Self { world }
    }

    pub fn assignments(&self) -> PathBuf {
        self.world.path().join("assignments")
    }

    pub fn results(&self) -> PathBuf {
        self.world.path().join("results")
    }

    pub fn assignment(&self, key: &str) -> PathBuf {
        self.assignments().join(key)
    }

    pub fn result(&self, key: &str) -> PathBuf {
        self.results().join(key)
    }

    /// The claiming job, in a checkout of its own.
    pub fn begin_claim(&self, arguments: &[&str]) -> Running {
        let out = self.assignments().display().to_string();
        let mut all = vec!["claim", "--out", &out, "--output", "json"];
        all.extend(arguments);
        self.world.begin_in("claiming", &all)
    }

    pub fn claim(&self) -> Run {
        self.begin_claim(&[]).wait()
    }

    /// A machine that works: a clone without a login, and what was carried there.
    pub fn begin_work(&self, machine: &str, key: &str, env: &[(&str, &str)]) -> Running {
        let folder = self.clone_of(machine);
        let carried = folder.join("carried");
        if !carried.exists() {
            copy(&self.assignment(key), &carried);
        }
        let out = folder.join("out").display().to_string();
        self.world.begin_apart(
            &folder.join("app"),
            env,
            &["work", carried.to_str().unwrap(), "--out", &out, "--output", "json"],
        )
    }

    /// Works on a machine named as the ticket, and carries the result back.
    pub fn work(&self, key: &str) -> Run {
        let run = self.begin_work(key, key, &[]).wait();
        self.carry_back(key);
        run
    }

    /// What the machine of that name wrote becomes a result to publish.
    pub fn carry_back(&self, machine: &str) {
        let out = self.clone_of(machine).join("out");
        if out.exists() {
            copy(&out, &self.result(machine));
        }
    }

    /// The folder of a working machine.
    pub fn clone_of(&self, machine: &str) -> PathBuf {
        let folder = self.world.path().join(format!("machine-{machine}"));
        if !folder.exists() {
            fs::create_dir_all(&folder).unwrap();
            repo::checkout(self.world.origin().to_str().unwrap(), &folder.join("app"));
        }
        folder
    }

    pub fn begin_publish(&self, folders: &[&Path]) -> Running {
        let mut all = vec!["publish", "--output", "json"];
        all.extend(folders.iter().map(|folder| folder.to_str().unwrap()));
        self.world.begin_in("publishing", &all)
    }

    pub fn publish(&self) -> Run {
        self.begin_publish(&[&self.results()]).wait()
    }

    /// The document of an assignment.
    pub fn assigned(&self, key: &str) -> Value {
        document(&self.assignment(key).join("assignment.json"))
    }

    /// The document of a result.
    pub fn resulted(&self, key: &str) -> Value {
        document(&self.result(key).join("result.json"))
    }

    /// Edits a document.
    pub fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
        let mut value = document(path);
        change(&mut value);
        fs::write(path, serde_json::to_string_pretty(&value).unwrap()).unwrap();
    }
}

pub fn document(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `(reason, …)` of everything a publish refused.
pub fn refused(run: &Run) -> Vec<String> {
    let report = run.report();
    let all = report["refused"].as_array().unwrap();
    all.iter().map(|one| one["reason"].as_str().unwrap().to_owned()).collect()
}
