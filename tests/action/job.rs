//! One job of a runner: action.yml read as the runner reads it, folders, fakes, and its steps.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

#[derive(Deserialize)]
pub struct Action {
    pub inputs: BTreeMap<String, Input>,
    pub outputs: BTreeMap<String, Output>,
    runs: Runs,
}

#[derive(Deserialize)]
pub struct Input {
    default: String,
}

#[derive(Deserialize)]
pub struct Output {
    pub value: String,
}

#[derive(Deserialize)]
struct Runs {
    steps: Vec<Step>,
}

#[derive(Deserialize, Clone)]
pub struct Step {
    id: String,
    pub shell: String,
    env: BTreeMap<String, String>,
    pub run: String,
}

impl Action {
    pub fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml");
        serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    pub fn steps(&self) -> &[Step] {
        &self.runs.steps
    }
}

/// `cargo` and the program. Run from where they are: a file written here could still be open for
/// writing in another test's child when it is executed.
const FAKES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/action/fakes");

pub struct Job {
    world: TempDir,
    action: Action,
    inputs: BTreeMap<String, String>,
}

pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
}

impl Job {
    pub fn new(inputs: &[(&str, &str)]) -> Self {
        let action = Action::read();
        let mut all: BTreeMap<String, String> =
            action.inputs.iter().map(|(name, input)| (name.clone(), input.default.clone())).collect();
        for (name, value) in inputs {
            assert!(all.insert((*name).to_owned(), (*value).to_owned()).is_some(), "no input {name}");
        }
        let job = Self { world: tempfile::tempdir().unwrap(), action, inputs: all };
        for folder in ["checkout", "action folder", "temp", "tools", "records", "home"] {
            fs::create_dir(job.world.path().join(folder)).unwrap();
        }
        job
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        self.world.path().canonicalize().unwrap().join(name)
    }

    pub fn action_path(&self) -> PathBuf {
        self.folder("action folder")
    }

    /// The step as a runner starts it, with `given` as the calling workflow's `env`.
    pub fn step(&self, id: &str, given: &[(&str, &str)]) -> Command {
        let step = self.action.steps().iter().find(|step| step.id == id).unwrap().clone();
        let script = self.folder(&format!("{id}.sh"));
        fs::write(&script, &step.run).unwrap();
        let output = self.folder(&format!("{id}.output"));
        fs::write(&output, "").unwrap();
        let path = format!("{FAKES}:{}", std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(script)
            .current_dir(self.folder("checkout"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder("home"))
            .env("RUNNER_TEMP", self.folder("temp"))
            .env("RUNNER_TOOL_CACHE", self.folder("tools"))
            .env("GITHUB_ACTION_PATH", self.action_path())
            .env("GITHUB_OUTPUT", output)
            .env("FAKES", FAKES)
            .env("RECORDS", self.folder("records"))
            .envs(given.iter().copied());
        for (name, value) in &step.env {
            command.env(name, self.evaluated(value));
        }
        command
    }

    /// What a fake wrote down of its calls.
    pub fn record(&self, name: &str) -> String {
        fs::read_to_string(self.folder("records").join(name)).unwrap_or_default()
    }

    pub fn build(&self) -> Ended {
        self.ended("build")
    }

    pub fn run(&self) -> Ended {
        self.ended("run")
    }

    fn ended(&self, id: &str) -> Ended {
        let output = self.step(id, &[]).output().unwrap();
        Ended { code: output.status.code(), stdout: String::from_utf8(output.stdout).unwrap() }
    }

    /// A value that is one expression, of the two kinds the action uses.
    fn evaluated(&self, value: &str) -> String {
        let expression = value.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")).unwrap();
        if let Some(input) = expression.strip_prefix("inputs.") {
            return self.inputs[input].clone();
        }
        let (step, name) = expression.strip_prefix("steps.").unwrap().split_once(".outputs.").unwrap();
        let file = self.outputs_of(step);
        let prefix = format!("{name}=");
        file.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
    }

    pub fn outputs_of(&self, step: &str) -> String {
        fs::read_to_string(self.folder(&format!("{step}.output"))).unwrap()
    }

    pub fn recorded(&self, file: &str) -> String {
        fs::read_to_string(self.folder("records").join(file)).unwrap()
    }

    pub fn arguments(&self, program: &str) -> Vec<String> {
        let text = self.recorded(&format!("{program}.arguments"));
        text.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
    }

    pub fn environment(&self, program: &str) -> Vec<String> {
        self.recorded(&format!("{program}.environment")).lines().map(str::to_owned).collect()
    }

    pub fn files_named(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.world.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().is_some_and(|file| file == name) {
                    found.push(path.clone());
                }
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        found
    }
}
