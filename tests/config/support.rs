//! A configuration in a folder of its own, loaded with an environment of its own.

use conductor::config::{self, Config, ConfigFaults, LoadOptions, Overrides};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub struct World {
    pub folder: TempDir,
    pub env: HashMap<String, String>,
    pub overrides: Overrides,
    pub explicit: Option<PathBuf>,
}

impl World {
    /// An empty folder, and the two credentials most configurations need.
    pub fn new() -> Self {
        let env = [("LINEAR_API_KEY", "lin_api_test"), ("GITHUB_TOKEN", "ghp_test")];
        Self {
            folder: tempfile::tempdir().unwrap(),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            overrides: Overrides::default(),
            explicit: None,
        }
    }

    pub fn with_file(name: &str, text: impl AsRef<[u8]>) -> Self {
        let world = Self::new();
        world.write(name, text);
        world
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn load(&self) -> Result<Config, ConfigFaults> {
        self.load_from(self.path())
    }

    pub fn load_from(&self, directory: &Path) -> Result<Config, ConfigFaults> {
        config::load(&LoadOptions {
            explicit: self.explicit.clone(),
            directory: directory.to_owned(),
            env: &|name| self.env.get(name).cloned(),
            overrides: self.overrides.clone(),
            home: Some(PathBuf::from("/home/somebody")),
            temp_dir: PathBuf::from("/tmp/of-the-system"),
        })
    }
}

/// A local tracker and forge, and whatever else is given.
pub fn local(rest: &str) -> World {
    World::with_file("conductor.yml", format!("tracker: {{kind: local}}\nforge: {{kind: local}}\n{rest}"))
}

/// The configuration of a whole file.
pub fn config(text: &str) -> Config {
    World::with_file("conductor.yml", text).load().unwrap_or_else(|faults| panic!("{faults}"))
}

/// The faults of a whole file as `line:column key: message`.
pub fn faults(text: impl AsRef<[u8]>) -> Vec<String> {
    let faults = World::with_file("conductor.yml", text).load().expect_err("this should be refused");
    faults.faults.iter().map(told).collect()
}

pub fn told(fault: &config::Fault) -> String {
    let place = match (fault.line, fault.column) {
        (Some(line), Some(column)) => format!("{line}:{column} "),
        _ => String::new(),
    };
    let key = fault.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
    format!("{place}{key}{}", fault.message)
}

/// The one fault of a local configuration with `rest`; lines count from `rest`.
pub fn local_fault(rest: &str) -> String {
    let faults = local(rest).load().expect_err(&format!("this should be refused:\n{rest}"));
    let told: Vec<String> = faults
        .faults
        .iter()
        .map(|fault| {
            let mut fault = fault.clone();
            fault.line = fault.line.map(|line| line - 2);
            told(&fault)
        })
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    told.into_iter().next().unwrap()
}
