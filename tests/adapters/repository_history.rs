//! The repository's past as predictions need it: read in bulk, cached, brought up to date.

use crate::support::repo;
use conductor::model::{History, Sha};
use conductor::system::git::{Remote, Repository};
use conductor::workspace::Workspaces;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        repo::bare(&folder.path().join("origin.git"));
        Self { folder }
    }

    fn origin(&self) -> PathBuf {
        self.folder.path().join("origin.git")
    }

    fn commit(&self, message: &str, files: &[(&str, &str)]) -> Sha {
        Sha::new(repo::commit(&self.origin(), "main", message, files))
    }

    /// The origin is a repository as good as any for looking.
    fn workspaces(&self) -> Workspaces {
        let repository = Repository::open(&self.origin()).unwrap();
        let remote = Remote::new(&repository, ".", ".".to_owned());
        Workspaces::new(repository, remote, "main", self.folder.path().join("work"))
    }

    fn cache(&self) -> PathBuf {
        self.origin().join("conductor/cache/history")
    }
}

fn told(history: &History) -> Vec<(&str, Vec<&str>)> {
    let commits = history.commits.iter();
    commits.map(|one| (one.message.as_str(), one.files.iter().map(String::as_str).collect())).collect()
}

#[test]
fn history_is_read_newest_first_with_every_strange_path() {
    let place = Place::new();
    place.commit("Import", &[("everything", "1")]);
    place.commit("First\n\nwith a body", &[("a b.txt", "1"), ("größe/ü.rs", "2"), ("-x", "3")]);
    let head = place.commit("Second", &[("a b.txt", "2")]);
    let history = place.workspaces().history(&head, 2000, false).unwrap();
    assert_eq!(
        told(&history),
        [
            ("Second", vec!["a b.txt"]),
            ("First\n\nwith a body", vec!["-x", "a b.txt", "größe/ü.rs"]),
            ("Import", vec![])
        ]
    );
    assert_eq!(history.files, ["-x", "a b.txt", "everything", "größe/ü.rs"]);
    assert!(!place.cache().exists());
}

#[test]
fn a_change_too_wide_tells_nothing_about_its_files() {
    let place = Place::new();
    let names: Vec<String> = (0..150).map(|number| format!("f{number:03}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    place.commit("Begin", &[("f000", "y")]);
    let head = place.commit("Reformat", &files);
    let history = place.workspaces().history(&head, 2000, false).unwrap();
    assert_eq!((told(&history), history.files.len()), (vec![("Reformat", vec![]), ("Begin", vec![])], 150));
}

#[test]
fn a_cached_history_is_brought_up_to_date_as_if_read_anew() {
    let place = Place::new();
    let workspaces = place.workspaces();
    let first = place.commit("One", &[("a", "1"), ("b", "1")]);
    workspaces.history(&first, 3, true).unwrap();
    for number in 0..3 {
        place.commit(&format!("More {number}"), &[("c", &number.to_string()), ("d/e", "1")]);
    }
    let clone = place.folder.path().join("clone");
    repo::checkout("origin.git", &clone);
    repo::git(&clone, &["rm", "-q", "a"]);
    repo::git(&clone, &["commit", "-qm", "Without a"]);
    repo::git(&clone, &["push", "-q", "origin", "main"]);
    let head = Sha::new(repo::sha(&place.origin(), "main").unwrap());
    let updated = workspaces.history(&head, 3, true).unwrap();
    assert_eq!(updated.files, ["b", "c", "d/e"]);
    assert_eq!(told(&updated).len(), 3);
    let cached = workspaces.history(&head, 3, false).unwrap();
    std::fs::remove_file(place.cache()).unwrap();
    let anew = workspaces.history(&head, 3, false).unwrap();
    assert_eq!((&updated, &cached), (&anew, &anew));
}

#[test]
fn a_cache_that_does_not_fit_is_read_past() {
    let place = Place::new();
    let workspaces = place.workspaces();
    let first = place.commit("One", &[("a", "1")]);
    let lost = place.commit("Lost", &[("lost", "1")]);
    workspaces.history(&lost, 10, true).unwrap();
    repo::git(&place.origin(), &["update-ref", "refs/heads/main", first.as_str()]);
    let head = place.commit("Instead", &[("b", "1")]);
    let history = workspaces.history(&head, 10, true).unwrap();
    assert_eq!((told(&history).len(), history.files), (2, vec!["a".to_owned(), "b".to_owned()]));
    for broken in
        ["", "conductor history 1\0", "conductor history 2\0x\0", "conductor history 1\0x\09\0 999999999\0"]
    {
        std::fs::write(place.cache(), broken).unwrap();
        assert_eq!(workspaces.history(&head, 10, true).unwrap().commits.len(), 2);
    }
    assert_eq!(
        workspaces.history(&head, 1, true).unwrap().commits.len(),
        1,
        "another depth is another history"
    );
}

#[test]
fn branches_tell_what_they_changed_and_not_what_the_base_did() {
    let place = Place::new();
    let root = place.commit("Root", &[("a", "1")]);
    for (branch, file) in [("one", "b"), ("two", "c")] {
        repo::git(&place.origin(), &["update-ref", &format!("refs/heads/{branch}"), root.as_str()]);
        repo::commit(&place.origin(), branch, "Work", &[(file, "1")]);
        repo::commit(&place.origin(), branch, "More", &[("a", file)]);
    }
    let base = place.commit("Meanwhile", &[("d", "1")]);
    let heads: Vec<Sha> =
        ["one", "two"].iter().map(|name| Sha::new(repo::sha(&place.origin(), name).unwrap())).collect();
    let gone = Sha::new("0123456789012345678901234567890123456789");
    let workspaces = place.workspaces();
    let asked = [heads[0].clone(), gone.clone(), heads[1].clone(), root.clone()];
    let changed = workspaces.changed_files(&base, &asked).unwrap();
    let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(changed.get(&heads[0]), Some(&files(&["a", "b"])));
    assert_eq!(changed.get(&heads[1]), Some(&files(&["a", "c"])));
    assert_eq!((changed.get(&root), changed.get(&gone)), (Some(&files(&[])), None));
}

#[test]
fn importers_are_found_in_any_language() {
    let place = Place::new();
    let head = place.commit(
        "All",
        &[
            ("src/auth.rs", "pub fn f() {}"),
            ("src/lib.rs", "pub mod auth;\nmod author;"),
            ("src/user.rs", "use crate::auth::f;"),
            ("src/talk.rs", "// auth is elsewhere"),
            ("web/login/index.ts", "export {}"),
            ("web/app.tsx", "import { x } from './login';"),
            ("web/deep.js", "const l = require(\"../login\")"),
            ("web/style.css", "@import 'login'"),
            ("py/tokens.py", "x = 1"),
            ("py/run.py", "from py.tokens import x"),
            ("c/list.h", "int x;"),
            ("c/list.c", "#include \"list.h\""),
            ("go/utils.go", "package go"),
        ],
    );
    let files: BTreeSet<String> = [
        "src/auth.rs",
        "web/login/index.ts",
        "py/tokens.py",
        "c/list.h",
        "go/utils.go",
        "$(touch x).rs",
        "a.*",
    ]
    .map(str::to_owned)
    .into();
    let found = place.workspaces().importers(&head, &files).unwrap();
    let of = |file: &str| {
        found.get(file).map(|all| all.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_or_default()
    };
    assert_eq!(of("src/auth.rs"), ["src/lib.rs", "src/user.rs"]);
    assert_eq!(of("web/login/index.ts"), ["web/app.tsx", "web/deep.js"]);
    assert_eq!(of("py/tokens.py"), ["py/run.py"]);
    assert_eq!(of("c/list.h"), ["c/list.c"]);
    assert_eq!(found.len(), 4, "{found:?}");
}
