//! The house rules, held by reading `src`: who may import whom, and what only the edge may do.
//!
//! It works on tokens, without comments, text and `#[cfg(test)]` items, so that neither a nested
//! `use` nor a path in the middle of an expression gets past it.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the source should fail there")]

#[path = "architecture/graph.rs"]
mod graph;
#[path = "architecture/size.rs"]
mod size;
#[path = "architecture/source.rs"]
mod source;

use source::{Named, Token, paths, tokenize, without_tests};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room, and the rooms it may import besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "config",
            "adapters",
            "cycle",
            "report",
            "ports",
            "vault",
            "workspace",
            "gates",
            "guards",
            "policy",
            "system",
            "walls",
            "files",
            "model",
        ],
    ),
    ("cycle", &["ports", "workspace", "gates", "guards", "policy", "files", "model"]),
    ("adapters", &["ports", "system", "files", "model"]),
    ("walls", &["system", "files", "model"]),
    ("vault", &["system", "files", "model"]),
    ("workspace", &["system", "files", "model"]),
    ("gates", &["system", "model"]),
    ("guards", &["system", "model"]),
    ("config", &["policy", "files", "model"]),
    ("report", &["model"]),
    ("policy", &["model"]),
    ("ports", &["model"]),
    ("system", &["files", "model"]),
    ("files", &[]),
    ("model", &[]),
];

/// Where the clock and the environment are read; everybody else is given what they need.
const EDGE: &[&str] = &["cli/", "system/", "adapters/clock.rs"];
const PROCESSES: &[&str] = &["system/", "walls/"];
const PRINTING: &[&str] = &["cli/", "report/"];
/// The supervisor hands streams through; it still may not print.
const STREAMS: &[&str] = &["cli/", "report/", "system/"];

/// The one place that opens files, and what may do so besides, with the reason.
const FILES: &[(&str, &str)] = &[
    ("files.rs", "it is the place"),
    ("cli/learn.rs", "`--export` writes where a person says, be it a pipe or a device"),
    ("cli/once.rs", "the runner's own command files, which the runner names"),
    ("system/git/program.rs", "whether there is a terminal, which is a device"),
    ("system/process/child/start.rs", "the null device for a child's input"),
    ("system/process/supervise.rs", "the null device for a supervisor's streams"),
];

#[test]
fn the_source_keeps_the_house_rules() {
    let found = house_violations(&src());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn src() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

#[test]
fn the_map_in_lib_names_every_room() {
    let lib = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    assert_eq!(rooms_missing_from(&lib), Vec::<&str>::new());
}

#[test]
fn no_file_and_no_module_uses_itself_in_a_circle() {
    let found = graph::circles(&modules(&src()));
    assert!(found.is_empty(), "{} circles\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_function_is_longer_than_sixty_lines() {
    let found = size::long_functions(&modules(&src()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_file_of_more_than_four_hundred_lines_tells_why() {
    let files = files_of(&src());
    let found: Vec<String> = files
        .iter()
        .filter_map(|(file, _)| {
            let source = fs::read_to_string(src().join(file)).unwrap();
            size::long_file(&file.display().to_string(), &source)
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_methods_of_a_type_stand_where_it_is_defined() {
    let found = size::strayed_methods(&modules(&src()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every file of `src` that is no test, and its code without tests.
fn modules(src: &Path) -> Vec<graph::Module> {
    files_of(src)
        .iter()
        .map(|(file, tokens)| graph::Module {
            path: module_path(file),
            file: file.display().to_string(),
            code: without_tests(tokens).kept,
        })
        .collect()
}

fn house_violations(src: &Path) -> Vec<String> {
    files_of(src).iter().flat_map(|(path, tokens)| violations(path, tokens)).collect()
}

/// The files of `src` that are no tests.
fn files_of(src: &Path) -> Vec<(PathBuf, Vec<Token>)> {
    let files: Vec<(PathBuf, Vec<Token>)> = rust_files(src)
        .into_iter()
        .map(|path| {
            let tokens = tokenize(&fs::read_to_string(&path).unwrap());
            (path.strip_prefix(src).unwrap().to_owned(), tokens)
        })
        .collect();
    assert!(files.len() > 20, "src was not found: {}", src.display());
    let mut test_files = BTreeSet::new();
    for (path, tokens) in &files {
        let folder = module_folder(path);
        test_files.extend(without_tests(tokens).test_modules.iter().map(|name| folder.join(name)));
    }
    let is_test = |path: &Path| test_files.iter().any(|test| path.with_extension("").starts_with(test));
    files.iter().filter(|(path, _)| !is_test(path)).cloned().collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn rooms_missing_from(lib: &str) -> Vec<&'static str> {
    let names = |room: &str, line: &str| line.starts_with("//!") && line.contains(&format!("[`{room}`]"));
    let rooms = ROOMS.iter().map(|(room, _)| *room).filter(|room| *room != "main");
    rooms
        .filter(|room| {
            !lib.lines().any(|line| names(room, line))
                || !lib.lines().any(|line| line == format!("pub mod {room};"))
        })
        .collect()
}

/// What opens, reads or writes a file by its name.
const OPENING: &[[&str; 2]] = &[
    ["File", "open"],
    ["File", "create"],
    ["File", "create_new"],
    ["File", "options"],
    ["OpenOptions", "new"],
    ["fs", "OpenOptions"],
    ["fs", "read"],
    ["fs", "read_to_string"],
    ["fs", "write"],
    ["fs", "copy"],
];

/// What one file of `src` does against the rules; `file` is relative to `src`.
fn violations(file: &Path, tokens: &[Token]) -> Vec<String> {
    let module = module_path(file);
    let room = module.first().map_or("lib", String::as_str);
    let tell = |line: usize, what: String| format!("src/{}:{line}: {what}", file.display());
    let allowed = match ROOMS.iter().find(|(known, _)| *known == room) {
        Some((_, allowed)) => *allowed,
        None if room == "lib" => &[],
        None => return vec![tell(1, format!("`{room}` is not a known room: see the map in lib.rs"))],
    };
    let within = |places: &[&str]| {
        let shown = file.to_string_lossy();
        places
            .iter()
            .any(|place| shown.starts_with(place) || *shown == format!("{}.rs", place.trim_end_matches('/')))
    };
    let code = without_tests(tokens).kept;
    let mut found = Vec::new();
    for path in paths(&code) {
        let mut refuse = |what: String| found.push(tell(path.line, what));
        let (text, last) = (path.segments.join("::"), path.segments.last().map_or("", String::as_str));
        if let Some(target) = target_room(&path, &module)
            && target != room
            && !allowed.contains(&target.as_str())
        {
            refuse(format!("{room} must not import {target}: {text}"));
        }
        let has = |pair: [&str; 2]| path.segments.windows(2).any(|window| window == pair);
        let clocks = ["Utc", "Local", "SystemTime", "Instant"];
        if !within(EDGE)
            && (clocks.iter().any(|clock| has([clock, "now"])) || (path.renamed && clocks.contains(&last)))
        {
            refuse(format!("reads the clock: {text}"));
        }
        if !within(EDGE) && reads_environment(&path) {
            refuse(format!("reads the environment: {text}"));
        }
        let opens = OPENING.iter().any(|pair| has(*pair));
        if opens && !FILES.iter().any(|(place, _)| file == Path::new(place)) {
            refuse(format!("opens a file outside `files`: {text}"));
        }
        let starts = has(["Command", "new"]) || has(["process", "Command"]) || has(["process", "*"]);
        if !within(PROCESSES) && (starts || path.segments[0] == "duct") {
            refuse(format!("starts processes outside `system`: {text}"));
        }
        if !within(STREAMS)
            && ["stdout", "stderr"].iter().any(|stream| has(["io", stream]) || has(["anstream", stream]))
        {
            refuse(format!("takes a standard stream: {text}"));
        }
    }
    for pair in code.windows(2).filter(|pair| pair[1].text == "!") {
        let prints = ["print", "println", "eprint", "eprintln", "dbg"].contains(&pair[0].text.as_str());
        if prints && !within(PRINTING) {
            found.push(tell(pair[0].line, format!("prints: {}!", pair[0].text)));
        }
    }
    found
}

/// Any of `std::env` but what only takes a value apart.
fn reads_environment(path: &Named) -> bool {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match segments.strip_prefix(&["std"]).unwrap_or(&segments) {
        ["env"] | ["env", "self"] => path.renamed,
        ["env", name, ..] => !["split_paths", "join_paths", "consts"].contains(name),
        _ => false,
    }
}

/// `cycle/mod.rs` → `cycle`; `cycle/claim.rs` → `cycle`, `claim`; `lib.rs` → nothing.
fn module_path(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] {
        parts.pop();
    }
    parts
}

/// Where the files of a file's child modules are.
fn module_folder(file: &Path) -> PathBuf {
    module_path(file).iter().collect()
}

/// The room a path leads to, when it is one of this crate's.
fn target_room(path: &Named, module: &[String]) -> Option<String> {
    let mut at: Vec<&str> = module.iter().chain(&path.inline).map(String::as_str).collect();
    let mut segments = path.segments.iter().map(String::as_str).peekable();
    match segments.peek().copied()? {
        "crate" | "conductor" => {
            segments.next();
            at.clear();
        }
        "super" => {}
        _ => return None,
    }
    for segment in segments {
        match segment {
            "super" => drop(at.pop()),
            "self" => {}
            other => at.push(other),
        }
    }
    Some(at.first().copied().unwrap_or("the whole crate").to_owned())
}

/// What is found in a snippet that stands in that file.
fn found_in(file: &str, snippet: &str) -> Vec<String> {
    violations(Path::new(file), &tokenize(snippet))
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    let bad = [
        ("model/issue.rs", "use crate::system::git;"),
        ("model/mod.rs", "use super::system::git;"),
        ("model/issue.rs", "use super::super::ports::Tracker;"),
        ("model/issue.rs", "use super::{state, super::ports};"),
        ("policy/prompt.rs", "use crate::{model::Issue, cycle::{self}};"),
        ("policy/prompt.rs", "use {crate::model::Issue, crate::cycle};"),
        ("cycle/work.rs", "fn f() { let x = crate::adapters::clock::System; }"),
        ("cycle/work.rs", "fn f() -> Vec<crate::system::git::Git> { vec![] }"),
        ("cycle/mod.rs", "pub use crate::config::Config;"),
        ("cycle/mod.rs", "macro_rules! m { () => { $crate::system::git::run() } }"),
        ("adapters/clock.rs", "use crate::\n    policy\n::environment;"),
        ("report/json.rs", "use crate::r#ports::*;"),
        ("gates.rs", "use crate::workspace;"),
        ("gates.rs", "fn f(x: a::B) { a::b(x) as crate::cycle::Number; }"),
        ("gates.rs", "use crate::{model::Sha as S, cycle::record as r};"),
        ("gates.rs", "mod inner { use super::super::cycle; }"),
        ("config/mod.rs", "use crate::cli::args::Cli;"),
        ("system/git.rs", "use crate::model::Sha; use crate::ports::Clock;"),
        ("model/ids.rs", "use crate::*;"),
        ("main.rs", "use conductor::cycle;"),
        ("ports.rs", "#[cfg(not(test))] use crate::system::git;"),
    ];
    for (file, snippet) in bad {
        let found = found_in(file, snippet);
        assert!(found.len() == 1 && found[0].contains("must not import"), "{file}: {snippet}: {found:?}");
    }
}

#[test]
fn a_file_that_is_opened_elsewhere_is_found_however_it_is_written() {
    let bad = [
        "fn f() { std::fs::read(p); }",
        "use std::fs; fn f() { fs::write(p, b); }",
        "use std::fs::read_to_string;",
        "use std::fs::File; fn f() { File::open(p); }",
        "fn f() { std::fs::File::options().append(true); }",
        "use std::fs::OpenOptions as Open;",
        "fn f() { fs::copy(a, b); }",
    ];
    for snippet in bad {
        let found = found_in("cycle/work.rs", snippet);
        assert!(found.len() == 1 && found[0].contains("opens a file"), "{snippet}: {found:?}");
        assert_eq!(found_in("files.rs", snippet), [""; 0]);
    }
    for (place, _) in FILES {
        assert!(src().join(place).is_file(), "{place} is no exception: it is not there");
    }
    assert_eq!(
        found_in("cycle/work.rs", "use std::fs; fn f() { fs::read_dir(p); fs::remove_file(p); }"),
        [""; 0]
    );
}

#[test]
fn an_import_that_points_downwards_is_fine() {
    let good = [
        ("model/issue.rs", "use super::{IssueId, Time}; use crate::model::state;"),
        ("gates.rs", "use crate::{model::settings::GateSpec, system::process};"),
        ("gates.rs", "mod inner { use super::run; fn f() { super::run() } }"),
        (
            "adapters/agent/claude.rs",
            "use super::super::clock; use crate::ports::{Agent, AgentError as Fault};",
        ),
        ("config/resolve/mod.rs", "use super::file; use crate::policy::environment;"),
        ("main.rs", "fn main() { conductor::cli::run() }"),
        (
            "policy/prompt.rs",
            "// use crate::cycle;\n/* crate::cycle /* nested */ crate::cycle */ const A: &str = \"crate::cycle\";",
        ),
        (
            "policy/prompt.rs",
            r####"const A: &str = r#"crate::cycle "quoted" crate::cycle"#; const B: char = '"'; fn f<'a>(x: &'a str) {}"####,
        ),
        (
            "policy/prompt.rs",
            "#[cfg(test)]\n#[expect(dead_code)]\nmod tests { use crate::cycle; fn f() { println!(\"\") } }",
        ),
    ];
    for (file, snippet) in good {
        assert_eq!(found_in(file, snippet), Vec::<String>::new(), "{file}: {snippet}");
    }
}

#[test]
fn what_only_the_edge_may_do_is_found_elsewhere_and_allowed_there() {
    let cases = [
        ("fn f() { let a = chrono::Utc::now(); }", "cycle/mod.rs", "cli/once.rs", "reads the clock"),
        (
            "fn f() { std::time::Instant::now(); }",
            "adapters/forge/github.rs",
            "adapters/clock.rs",
            "reads the clock",
        ),
        ("fn f() { SystemTime::now(); }", "workspace.rs", "system/process.rs", "reads the clock"),
        ("use std::time::Instant as Moment;", "policy/prompt.rs", "system/http.rs", "reads the clock"),
        ("fn f() { std::env::var(\"X\"); }", "config/mod.rs", "cli/mod.rs", "reads the environment"),
        ("use std::{env::{self as e}, fs};", "config/mod.rs", "cli/mod.rs", "reads the environment"),
        ("fn f() { env::vars_os(); }", "report/human.rs", "system/process.rs", "reads the environment"),
        ("fn f() { Command::new(\"sh\"); }", "gates.rs", "system/process.rs", "starts processes"),
        ("use std::process::{Command as C, ExitCode};", "cli/mod.rs", "system/git.rs", "starts processes"),
        ("use duct::cmd;", "adapters/agent/command.rs", "system/process.rs", "starts processes"),
        ("fn f() { println!(\"x\"); }", "system/git.rs", "report/human.rs", "prints"),
        ("fn f() { anstream::eprintln!(\"x\"); }", "cycle/mod.rs", "cli/mod.rs", "prints"),
        (
            "fn f() { writeln!(std::io::stderr(), \"x\"); }",
            "cycle/mod.rs",
            "report/human.rs",
            "takes a standard stream",
        ),
    ];
    for (snippet, bad, good, what) in cases {
        let found = found_in(bad, snippet);
        assert!(found.len() == 1 && found[0].contains(what), "{bad}: {snippet}: {found:?}");
        assert_eq!(found_in(good, snippet), Vec::<String>::new(), "{good}: {snippet}");
    }
}

#[test]
fn an_unknown_room_and_a_hole_in_the_map_are_found() {
    assert!(found_in("utils/mod.rs", "")[0].contains("not a known room"));
    assert!(found_in("helpers.rs", "")[0].contains("not a known room"));
    assert_eq!(found_in("lib.rs", "pub mod cli;"), Vec::<String>::new());
    let full: String = ROOMS.iter().map(|(room, _)| format!("//! [`{room}`]\npub mod {room};\n")).collect();
    assert_eq!(rooms_missing_from(&full), Vec::<&str>::new());
    assert_eq!(rooms_missing_from(&full.replace("[`gates`]", "gates")), ["gates"]);
    assert_eq!(rooms_missing_from(&full.replace("pub mod policy;", "mod policy;")), ["policy"]);
}

#[test]
fn a_fault_is_told_with_its_line() {
    let found =
        found_in("cycle/mod.rs", "// one\nconst A: &str = \"two\nthree\";\nuse crate::system::git;\n");
    assert_eq!(found, ["src/cycle/mod.rs:4: cycle must not import system: crate::system::git"]);
}

#[test]
fn only_files_declared_as_test_modules_are_left_out() {
    let code =
        without_tests(&tokenize("#[cfg(test)]\nmod tests;\nmod other;\n#[cfg(test)]\nuse x::y;\nfn f() {}"));
    assert_eq!(code.test_modules, ["tests"]);
    let kept: Vec<&str> = code.kept.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(kept, ["mod", "other", ";", "fn", "f", "(", ")", "{", "}"]);
}

/// A crate of these files, each a path and its code.
fn crate_of(files: &[(&str, &str)]) -> Vec<graph::Module> {
    let module = |(file, code): &(&str, &str)| graph::Module {
        path: module_path(Path::new(file)),
        file: (*file).to_owned(),
        code: without_tests(&tokenize(code)).kept,
    };
    files.iter().map(module).collect()
}

#[test]
fn a_circle_is_found_however_it_is_written_and_shown_step_by_step() {
    let circles: &[&[(&str, &str)]] = &[
        &[("a/x.rs", "use super::y::Y;"), ("a/y.rs", "fn f() { crate::a::x::go() }")],
        // A parent that calls its child, which takes something of the parent's.
        &[("a/mod.rs", "mod x; pub struct A; fn f() { x::go() }"), ("a/x.rs", "use super::A;")],
        // Through a re-export, and under another name.
        &[
            ("a/mod.rs", "mod x; mod y; pub use y::Y as Z;"),
            ("a/x.rs", "use super::Z;"),
            ("a/y.rs", "use super::x; fn f() { x::go() }"),
        ],
        &[("a/mod.rs", "mod x; pub use x::X; struct A(X);"), ("a/x.rs", "fn f() { super::help() }")],
    ];
    for files in circles {
        let found = graph::circles(&crate_of(files));
        assert!(found.iter().any(|circle| circle.starts_with("files in a circle")), "{files:?}: {found:?}");
    }
    let found = graph::circles(&crate_of(circles[0]));
    assert_eq!(
        found[0],
        "files in a circle:\n  a/x.rs uses a/y.rs (line 1: super::y::Y)\n  \
         a/y.rs uses a/x.rs (line 1: crate::a::x::go)"
    );
}

#[test]
fn modules_whose_files_use_each_other_are_a_circle_although_no_file_is_in_one() {
    let found = graph::circles(&crate_of(&[
        ("a/mod.rs", "mod p; mod q;"),
        ("a/p/mod.rs", "mod one; mod two;"),
        ("a/p/one.rs", "use super::super::q::one::Q;"),
        ("a/p/two.rs", ""),
        ("a/q/mod.rs", "mod one; mod two;"),
        ("a/q/one.rs", ""),
        ("a/q/two.rs", "use crate::a::p::two::P;"),
    ]));
    let [circle] = &found[..] else { panic!("{found:?}") };
    assert!(
        circle.starts_with(
            "modules in a circle:\n  p uses q (line 1: super::super::q::one::Q in src/a/p/one.rs)"
        )
    );
}

#[test]
fn what_is_only_declared_re_exported_or_tested_makes_no_circle() {
    let found = graph::circles(&crate_of(&[
        ("a/mod.rs", "mod x; pub mod y; pub use x::X; pub struct A;"),
        (
            "a/x.rs",
            "use super::A; pub(in crate::a) struct X; #[cfg(test)] mod tests { use super::super::y::Y; }",
        ),
        ("a/y.rs", "use super::X; use std::fmt; fn f(x: fmt::Error) { x.a() }"),
    ]));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn long_functions_long_files_and_strayed_methods_are_found() {
    let lines = "    work();\n";
    let function =
        |count: usize| format!("fn f<T>(a: [u8; 2]) -> T\nwhere T: Fn() {{\n{}}}\n", lines.repeat(count));
    let found = |code: &str| size::long_functions(&crate_of(&[("a.rs", code)]));
    assert_eq!(found(&function(57)), Vec::<String>::new());
    assert_eq!(found(&format!("trait X {{ fn a(); }}\n{}", function(58))), ["src/a.rs:2: `f` has 61 lines"]);

    let file =
        |comment: &str, count: usize| size::long_file("a.rs", &format!("{comment}\n{}", "x\n".repeat(count)));
    assert_eq!(file("//! A.", 399), None);
    assert!(file("//! A.", 400).is_some_and(|found| found.starts_with("src/a.rs: 401 lines")));
    assert_eq!(file("//! A.\n//! Long because it is a table.", 500), None);

    let found = size::strayed_methods(&crate_of(&[
        ("a/mod.rs", "pub struct A<T>(T); impl<T: Into<u8>> A<T> { fn f() {} }"),
        ("a/x.rs", "impl super::A<u8> { fn g(&self) -> impl Fn() {} }"),
        ("a/y.rs", "struct Y; impl Y {} impl From<A> for Y {}"),
        ("a/z.rs", "impl Y { fn h() {} }"),
    ]));
    assert_eq!(found, ["src/a/z.rs:1: methods of `Y`, which another file defines"]);
}
