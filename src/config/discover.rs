//! Which file is the configuration: the one that was named, else the nearest one upwards to the
//! repository's root. Never looks outside the repository, where anybody may have put a file.

use super::LoadOptions;
use super::faults::{ConfigFaults, Fault};
use super::values::without_dots;
use std::path::{Path, PathBuf};

const NAMES: [&str; 3] = ["conductor.yml", ".conductor.yml", ".github/conductor.yml"];
/// What people write instead.
const NEAR_MISSES: [&str; 3] = ["conductor.yaml", ".conductor.yaml", ".github/conductor.yaml"];

pub(super) fn find(options: &LoadOptions<'_>) -> Result<PathBuf, ConfigFaults> {
    if let Some(explicit) = &options.explicit {
        let path = without_dots(&options.directory.join(explicit));
        if !path.exists() {
            return Err(
                Fault::of_file(&path, "there is no such file; --config names the configuration").into()
            );
        }
        return Ok(path);
    }
    let folders = folders_to_search(&options.directory);
    let found =
        folders.iter().flat_map(|folder| NAMES.map(|name| folder.join(name))).find(|path| path.is_file());
    found.ok_or_else(|| nothing_found(&folders).into())
}

/// The nearest folder from there upwards that holds `.git`.
pub(super) fn repository_root(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|ancestor| ancestor.join(".git").exists())
}

fn folders_to_search(directory: &Path) -> Vec<&Path> {
    match repository_root(directory) {
        Some(root) => directory.ancestors().take_while(|folder| folder.starts_with(root)).collect(),
        None => vec![directory],
    }
}

fn nothing_found(folders: &[&Path]) -> Fault {
    let mut places = folders.first().map(|folder| folder.display().to_string()).unwrap_or_default();
    if let [_, .., root] = folders {
        places.push_str(&format!(" and upwards to {}", root.display()));
    }
    let near = folders
        .iter()
        .flat_map(|folder| NEAR_MISSES.map(|name| folder.join(name)))
        .find(|path| path.is_file());
    let remedy = match near {
        Some(path) => format!("{} is there: rename it to end in .yml", path.display()),
        None => "create conductor.yml there, with at least `tracker: {kind: linear}`, or name a file with \
                 --config; `conductor demo` needs none"
            .to_owned(),
    };
    Fault::general(format!("no configuration: looked for {} in {places}; {remedy}", NAMES.join(", ")))
}
