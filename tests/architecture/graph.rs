//! Which file of `src` uses which, by the paths in them, and the circles among them. A name that a
//! file re-exports leads to the file that defines it.

use super::source::{Named, Token, paths};
use std::collections::{BTreeMap, BTreeSet};

/// A file as a module of the crate.
pub struct Module {
    /// `cycle::work::turns` in parts; nothing for `lib.rs`.
    pub path: Vec<String>,
    /// Relative to `src`.
    pub file: String,
    /// Its code without tests.
    pub code: Vec<Token>,
}

/// From a file to each file it uses, with the line and the path of the first use.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// The circles of files, and those of modules that stand beside each other in one folder.
pub fn circles(modules: &[Module]) -> Vec<String> {
    let uses = uses(modules);
    let mut found = told(&uses, "files");
    let paths: BTreeMap<&str, &Vec<String>> =
        modules.iter().map(|module| (module.file.as_str(), &module.path)).collect();
    let folders: BTreeSet<&[String]> =
        modules.iter().filter_map(|module| module.path.split_last().map(|(_, folder)| folder)).collect();
    for folder in folders {
        found.extend(told(&siblings(&uses, &paths, folder), "modules"));
    }
    found
}

/// The uses between the modules of one folder, each taken as a whole.
fn siblings(uses: &Uses, paths: &BTreeMap<&str, &Vec<String>>, folder: &[String]) -> Uses {
    let child = |file: &str| paths[file].strip_prefix(folder)?.first().cloned();
    let mut between = Uses::new();
    for (from, targets) in uses {
        for (to, how) in targets {
            let (Some(from_child), Some(to_child)) = (child(from), child(to)) else { continue };
            if from_child != to_child {
                let how = format!("{how} in src/{from}");
                between.entry(from_child).or_default().entry(to_child).or_insert(how);
            }
        }
    }
    between
}

fn uses(modules: &[Module]) -> Uses {
    let crate_map = CrateMap::of(modules);
    let mut uses = Uses::new();
    for module in modules {
        let found = uses.entry(module.file.clone()).or_default();
        let words = words_outside_imports(&module.code);
        for path in &crate_map.paths[&module.path] {
            // A module that is brought in is used where its name is.
            let Some((target, is_module)) = crate_map.target(module, path) else { continue };
            let is_only_named = match &path.alias {
                // What is brought in is used where its name is; a re-export alone uses nothing.
                Some(name) => is_module || !words.contains(name.as_str()) && is_public(module, path),
                None => is_module && path.is_visibility,
            };
            if target.file != module.file && !is_only_named {
                let how = format!("line {}: {}", path.line, path.segments.join("::"));
                found.entry(target.file.clone()).or_insert(how);
            }
        }
    }
    uses
}

/// Every word of the code but those in `use` items.
fn words_outside_imports(code: &[Token]) -> BTreeSet<&str> {
    let mut imports = false;
    let outside = code.iter().filter(|token| {
        // What is declared is not used thereby.
        imports = (imports && token.text != ";") || ["use", "mod"].contains(&token.text.as_str());
        !imports
    });
    outside.map(|token| token.text.as_str()).collect()
}

/// Whether a path of a `use` stands in a `pub use`.
fn is_public(module: &Module, path: &Named) -> bool {
    let before = module.code.iter().rposition(|token| token.text == "use" && token.line <= path.line);
    let Some(before) = before.and_then(|index| index.checked_sub(1)) else { return false };
    ["pub", ")"].contains(&module.code[before].text.as_str())
}

struct CrateMap<'m> {
    modules: BTreeMap<&'m [String], &'m Module>,
    paths: BTreeMap<Vec<String>, Vec<Named>>,
    /// What `use` brings into each module, by name, as it is written there.
    names: BTreeMap<&'m [String], BTreeMap<String, Vec<String>>>,
}

impl<'m> CrateMap<'m> {
    fn of(modules: &'m [Module]) -> Self {
        let mut map = Self { modules: BTreeMap::new(), paths: BTreeMap::new(), names: BTreeMap::new() };
        for module in modules {
            map.modules.insert(&module.path, module);
            map.paths.insert(module.path.clone(), paths(&module.code));
        }
        for module in modules {
            let names = map.paths[&module.path].iter().filter_map(|path| {
                let child = || {
                    let first = [module.path.as_slice(), &path.segments[..1]].concat();
                    let is_module = map.modules.contains_key(first.as_slice());
                    is_module.then(|| [module.path.as_slice(), &path.segments].concat())
                };
                Some((path.alias.clone()?, absolute(path, &module.path).or_else(child)?))
            });
            map.names.insert(&module.path, names.collect());
        }
        map
    }

    /// The file a path leads to, and whether it ends at the module itself.
    fn target(&self, from: &Module, path: &Named) -> Option<(&'m Module, bool)> {
        let (first, rest) = path.segments.split_first()?;
        let start = match absolute(path, &from.path) {
            Some(absolute) => absolute,
            None => {
                let child = [from.path.as_slice(), std::slice::from_ref(first)].concat();
                let brought = self.names[from.path.as_slice()].get(first).filter(|_| path.alias.is_none());
                let start = match brought {
                    Some(brought) => brought.clone(),
                    None if self.modules.contains_key(child.as_slice()) => child,
                    None => return None,
                };
                [start.as_slice(), rest].concat()
            }
        };
        self.follow(start, 0)
    }

    fn follow(&self, path: Vec<String>, depth: usize) -> Option<(&'m Module, bool)> {
        let known = (0..=path.len()).rev().find(|end| self.modules.contains_key(&path[..*end]))?;
        let (module, rest) = path.split_at(known);
        let target = self.modules[module];
        let Some((name, rest)) = rest.split_first() else { return Some((target, true)) };
        match self.names[module].get(name) {
            Some(real) if depth < 16 && *real != path => {
                self.follow([real.as_slice(), rest].concat(), depth + 1)
            }
            _ => Some((target, name == "self")),
        }
    }
}

/// The path from the crate's root, when it is written as one that starts in this crate.
fn absolute(path: &Named, module: &[String]) -> Option<Vec<String>> {
    let mut at: Vec<String> = module.iter().chain(&path.inline).cloned().collect();
    match path.segments.first()?.as_str() {
        "crate" | "conductor" => at.clear(),
        "super" => drop(at.pop()),
        "self" => {}
        _ => return None,
    }
    for segment in &path.segments[1..] {
        match segment.as_str() {
            "super" => drop(at.pop()),
            "self" => {}
            other => at.push(other.to_owned()),
        }
    }
    Some(at)
}

/// A shortest circle through each group of nodes that reach each other.
fn told(uses: &Uses, what: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for start in uses.keys() {
        if seen.contains(start) {
            continue;
        }
        if let Some(circle) = shortest(uses, start) {
            let steps: Vec<String> = circle
                .iter()
                .zip(circle.iter().cycle().skip(1))
                .map(|(from, to)| format!("  {from} uses {to} ({})", uses[from][to]))
                .collect();
            found.push(format!("{what} in a circle:\n{}", steps.join("\n")));
            seen.extend(circle);
        }
    }
    found
}

fn shortest(uses: &Uses, start: &str) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in uses.get(at).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut circle = vec![at.to_owned()];
                let mut here = at;
                while here != start {
                    here = came_from[here];
                    circle.push(here.to_owned());
                }
                circle.reverse();
                return Some(circle);
            }
            if next != start && !came_from.contains_key(next.as_str()) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}
