//! What must not cross the border: damaged and edited documents and bundles, results nobody asked
//! for, verdicts that are lies.

use crate::jobs::{Jobs, copy, document, refused};
use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::repo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// One ticket whose result waits to be published.
fn waiting() -> World {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    world
}

/// A damaged copy of the result.
fn damaged(world: &World, damage: impl FnOnce(&Path)) -> PathBuf {
    let folder = world.path().join("damaged");
    copy(&Jobs::of(world).result("T-1"), &folder);
    damage(&folder);
    folder
}

/// The copy is refused with these words; nothing anywhere changed, and it is still there.
#[track_caller]
fn is_refused(world: &World, damage: impl FnOnce(&Path), words: &str) -> Run {
    let folder = damaged(world, damage);
    let before = repo::refs(&world.origin());
    let run = Jobs::of(world).begin_publish(&[&folder]).wait().exits(2);
    let reasons = refused(&run);
    assert!(reasons.len() == 1 && reasons[0].contains(words), "{words:?}: {reasons:?}");
    assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{run}");
    assert_eq!(repo::refs(&world.origin()), before, "{words}");
    assert!(folder.join("result.json").symlink_metadata().is_ok());
    run
}

#[track_caller]
fn refuses_edit(world: &World, words: &str, edit: impl FnOnce(&mut Value)) {
    is_refused(world, |folder| Jobs::edit(&folder.join("result.json"), edit), words);
}

/// Tells of the bundle as it is now, as somebody would who edits both.
fn tell_bundle(folder: &Path, head: Option<&str>) {
    let bytes = fs::read(folder.join("change.bundle")).unwrap();
    let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Jobs::edit(&folder.join("result.json"), |result| {
        result["change"]["bytes"] = json!(bytes.len());
        result["change"]["sha256"] = json!(hex);
        if let Some(head) = head {
            result["change"]["head"] = json!(head);
        }
    });
}

/// The good result is taken after all that.
#[track_caller]
fn still_publishes(world: &World) {
    Jobs::of(world).publish().exits(0);
    assert_eq!(world.pulls().len(), 1);
    assert!(world.claims().is_empty());
}

#[test]
fn bundles_that_are_cut_or_replaced_are_refused() {
    let world = waiting();
    let cut = |folder: &Path| {
        let bundle = folder.join("change.bundle");
        let bytes = fs::read(&bundle).unwrap();
        fs::write(bundle, &bytes[..bytes.len() / 2]).unwrap();
    };
    is_refused(&world, cut, "was cut or edited");
    let cut_and_told = |folder: &Path| {
        cut(folder);
        tell_bundle(folder, None);
    };
    is_refused(&world, cut_and_told, "cut short or damaged");
    is_refused(&world, |folder| fs::remove_file(folder.join("change.bundle")).unwrap(), "cannot be read");
    let link = |folder: &Path| {
        let (bundle, aside) = (folder.join("change.bundle"), folder.join("aside"));
        fs::rename(&bundle, &aside).unwrap();
        std::os::unix::fs::symlink(aside, bundle).unwrap();
    };
    is_refused(&world, link, "cannot be read");
    let pipe = |folder: &Path| {
        let bundle = folder.join("change.bundle");
        fs::remove_file(&bundle).unwrap();
        make_pipe(&bundle);
    };
    is_refused(&world, pipe, "is a pipe, not a plain file");
    let flipped = |folder: &Path| {
        let bundle = folder.join("change.bundle");
        let mut bytes = fs::read(&bundle).unwrap();
        let last = bytes.len() - 30;
        bytes[last] ^= 1;
        fs::write(bundle, bytes).unwrap();
        tell_bundle(folder, None);
    };
    is_refused(&world, flipped, "");
    still_publishes(&world);
}

fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from(0o600), 0).unwrap();
}

/// A bundle made by git in the machine's clone, of these refs.
fn bundle_of(world: &World, folder: &Path, prepare: &[&[&str]], refs: &[&str]) -> String {
    let app = Jobs::of(world).clone_of("T-1").join("app");
    for arguments in prepare {
        repo::git(&app, arguments);
    }
    let bundle = folder.join("change.bundle");
    let all = [&["bundle", "create", "-q", bundle.to_str().unwrap()], refs].concat();
    repo::git(&app, &all);
    repo::git(&app, &["rev-parse", refs[0]])
}

const CARRIED: &str = "refs/conductor/carried/T-1";

#[test]
fn a_bundle_holds_the_one_ref_that_was_asked_for() {
    let world = waiting();
    let commit: &[&str] = &["commit", "-q", "--allow-empty", "-m", "Another"];
    let two = |folder: &Path| {
        let prepare: &[&[&str]] = &[commit, &["update-ref", CARRIED, "HEAD"]];
        let head = bundle_of(&world, folder, prepare, &[CARRIED, "refs/heads/main"]);
        tell_bundle(folder, Some(&head));
    };
    is_refused(&world, two, "2 refs");
    let other = |folder: &Path| {
        let head = bundle_of(&world, folder, &[], &["refs/heads/main"]);
        tell_bundle(folder, Some(&head));
    };
    is_refused(&world, other, "another ref");
    let other_head = |folder: &Path| {
        bundle_of(&world, folder, &[], &[CARRIED]);
        tell_bundle(folder, None);
    };
    is_refused(&world, other_head, "another than the one that was told");
    still_publishes(&world);
}

#[test]
fn commits_that_do_not_descend_from_the_base_are_refused() {
    let world = waiting();
    let orphan = |folder: &Path| {
        let prepare: &[&[&str]] = &[
            &["checkout", "-q", "--orphan", "other"],
            &["commit", "-q", "-m", "Begin anew"],
            &["update-ref", CARRIED, "HEAD"],
        ];
        let head = bundle_of(&world, folder, prepare, &[CARRIED]);
        tell_bundle(folder, Some(&head));
    };
    is_refused(&world, orphan, "do not descend");
    still_publishes(&world);
}

#[test]
fn a_small_bundle_that_would_become_huge_is_refused_before_git_reads_it() {
    let world = waiting();
    let bomb = |folder: &Path| {
        let head = "1".repeat(40);
        // A delta of seven bytes that says it becomes a terabyte.
        let delta = [5, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0];
        let mut pack = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
        pack.push((7 << 4) | delta.len() as u8);
        pack.extend([0; 20]);
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &delta).unwrap();
        pack.extend(encoder.finish().unwrap());
        pack.extend([0; 20]);
        let text = format!("# v2 git bundle\n{head} {CARRIED}\n\n");
        fs::write(folder.join("change.bundle"), [text.as_bytes(), &pack].concat()).unwrap();
        tell_bundle(folder, Some(&head));
    };
    is_refused(&world, bomb, "bytes, more than");
    still_publishes(&world);
}

#[test]
fn documents_that_are_no_result_of_this_version_are_refused() {
    let world = waiting();
    let file = |text: &'static str| move |folder: &Path| fs::write(folder.join("result.json"), text).unwrap();
    is_refused(&world, file("{"), "no JSON");
    is_refused(&world, file("[]"), "no version");
    is_refused(&world, file("{}"), "no version");
    is_refused(&world, file("{\"version\": 1}"), "cannot be understood");
    is_refused(&world, file("{\"version\": \"1\\u001b[31m\"}"), "its version is");
    let large = |folder: &Path| {
        let file = fs::File::create(folder.join("result.json")).unwrap();
        file.set_len(17 << 20).unwrap();
    };
    is_refused(&world, large, "is larger than");
    let pipe = |folder: &Path| {
        fs::remove_file(folder.join("result.json")).unwrap();
        make_pipe(&folder.join("result.json"));
    };
    is_refused(&world, pipe, "is a pipe, not a plain file");
    refuses_edit(&world, "its version is 2", |result| result["version"] = json!(2));
    for (field, value) in [
        ("branch", json!("-x")),
        ("branch", json!("conductor/T-1\nupdate refs/heads/main")),
        ("base_sha", json!("--output=x")),
        ("run_id", json!("a\u{1b}[2Jb")),
        ("issue_id", json!("")),
        ("attempts", json!("none")),
    ] {
        refuses_edit(&world, "cannot be understood", |result| result[field] = value);
    }
    refuses_edit(&world, "cannot be understood", |result| result["change"]["head"] = json!("HEAD"));
    still_publishes(&world);
}

#[test]
fn a_result_that_is_not_of_its_claim_is_refused() {
    let world = waiting();
    refuses_edit(&world, "another assignment", |result| result["assignment"] = json!("0".repeat(64)));
    refuses_edit(&world, "is gone", |result| result["issue_id"] = json!("T-9"));
    refuses_edit(&world, "claimed by run", |result| result["run_id"] = json!("another-run"));
    refuses_edit(&world, "was edited", |result| result["branch"] = json!("main"));
    refuses_edit(&world, "was edited", |result| result["issue"] = json!("T-2\u{1b}[31m"));
    let newer = repo::commit(&world.origin(), "main", "Meanwhile", &[("other.txt", "x")]);
    refuses_edit(&world, "was edited", |result| result["base_sha"] = json!(newer));
    refuses_edit(&world, "attempts", |result| result["attempts"] = json!([]));
    refuses_edit(&world, "not numbered", |result| result["attempts"][0]["number"] = json!(7));
    refuses_edit(&world, "holds no change", |result| result["change"] = json!(null));
    refuses_edit(&world, "attempts", |result| {
        let one = result["attempts"][0].clone();
        result["attempts"] = json!(vec![one; 101]);
    });
    still_publishes(&world);
}

#[test]
fn an_assignment_that_was_edited_makes_a_result_nobody_takes() {
    let mut world = World::new();
    world.set("gates", json!([{"name": "test", "run": "false"}]));
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    let kept = world.path().join("kept");
    copy(&jobs.assignment("T-1"), &kept);
    Jobs::edit(&jobs.assignment("T-1").join("assignment.json"), |it| it["rules"]["gates"] = json!([]));
    jobs.work("T-1").exits(0);
    assert_eq!(jobs.resulted("T-1")["attempts"][0]["outcome"], "success");
    let run = jobs.publish().exits(2);
    assert!(refused(&run)[0].contains("edited"), "{run}");
    assert!(world.pulls().is_empty());
    assert_eq!(world.claims(), ["T-1"]);
}

#[test]
fn a_result_for_a_claim_that_is_gone_or_another_s_is_refused_and_kept() {
    let world = waiting();
    let jobs = Jobs::of(&world);
    let kept = fs::read(jobs.result("T-1").join("change.bundle")).unwrap();
    world.command(&["release", "T-1", "--force"]).exits(0);
    let run = jobs.publish().exits(2);
    assert!(refused(&run)[0].contains("is gone"), "{run}");
    let mut state = world.state();
    state["claims"]["T-1"] = world.foreign_claim("T-1");
    world.write_state(&state);
    let run = jobs.publish().exits(2);
    assert!(refused(&run)[0].contains("claimed by run another-run on elsewhere"), "{run}");
    assert_eq!(fs::read(jobs.result("T-1").join("change.bundle")).unwrap(), kept);
    assert!(world.pulls().is_empty() && world.branches().is_empty());
}

#[test]
fn a_claim_that_still_stands_after_its_lease_is_published_all_the_same() {
    let world = waiting();
    let mut state = world.state();
    state["claims"]["T-1"]["lease_expires_at"] = json!("2026-01-01T00:00:00Z");
    world.write_state(&state);
    still_publishes(&world);
}

#[test]
fn a_verdict_of_the_other_side_is_not_believed() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::new().write(".github/workflows/ci.yml", "on: push\n").commit("Change the pipeline"));
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    assert_eq!(jobs.resulted("T-1")["attempts"][0]["failure"], "guard_refused");
    Jobs::edit(&jobs.result("T-1").join("result.json"), |result| {
        let last = result["attempts"].as_array().unwrap().last().unwrap().clone();
        result["attempts"] = json!([last]);
        let first = &mut result["attempts"][0];
        first["number"] = json!(1);
        first["outcome"] = json!("success");
        first["failure"] = json!(null);
    });
    let run = jobs.publish().exits(3);
    let told = &run.report()["published"][0];
    assert_eq!((&told["failure"], told["pull_request"].is_null()), (&json!("guard_refused"), true), "{run}");
    assert!(world.pulls().is_empty() && world.branches().is_empty());
    assert!(told["kept"]["bundle"].as_str().is_some(), "refused work is kept: {told}");
}

#[test]
fn a_secret_that_only_the_publishing_job_knows_stops_a_change() {
    let world = World::with_github();
    world.ticket("T-1");
    let token = crate::support::conductor::TOKEN;
    // Backwards it has no shape that the working job would know.
    let backwards: String = token.chars().rev().collect();
    world.agent(&Script::new().write("notes.txt", &backwards).commit("Take notes"));
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    assert_eq!(jobs.resulted("T-1")["attempts"][0]["outcome"], "success");
    let run = jobs.publish().exits(3);
    assert_eq!(run.report()["published"][0]["failure"], "guard_refused", "{run}");
    assert!(world.github().pulls().is_empty() && world.branches().is_empty());
    assert!(!run.stdout.contains(&backwards) && !run.stderr.contains(&backwards), "{run}");
}

#[test]
fn a_gate_that_is_not_told_to_have_passed_has_failed() {
    let mut world = World::new();
    world.set("gates", json!([{"name": "test", "run": "true"}]));
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    Jobs::edit(&jobs.result("T-1").join("result.json"), |result| result["attempts"][0]["gates"] = json!([]));
    let run = jobs.publish().exits(3);
    assert_eq!(run.report()["published"][0]["failure"], "gate_failed", "{run}");
    assert!(world.pulls().is_empty());
}

#[test]
fn hostile_words_of_a_result_reach_no_terminal_no_record_and_no_pull_request() {
    let world = waiting();
    let jobs = Jobs::of(&world);
    let hostile = "\u{1b}]0;owned\u{7}##[add-mask]x\u{202e}\r\n::set-output name=a::b";
    Jobs::edit(&jobs.result("T-1").join("result.json"), |result| {
        result["a_later_release"] = json!({"knows": "more"});
        result["warnings"] = json!([hostile]);
        result["sandbox"] = json!(hostile);
        result["conductor"] = json!(hostile);
        let attempt = &mut result["attempts"][0];
        attempt["model"] = json!(hostile);
        attempt["agent"] = json!(hostile);
        attempt["error"] = json!(hostile);
        attempt["error_tail"] = json!(hostile);
        attempt["gates"] = json!([{"name": hostile, "passed": true, "duration_ms": u64::MAX}]);
        attempt["session"] = json!({"agent": hostile, "id": "--resume=../../x"});
        attempt["usage"] = json!({"input_tokens": 1e300, "usd": -5});
        attempt["tool_calls"] = json!(u64::MAX);
        attempt["duration_ms"] = json!(u64::MAX);
        attempt["capture"]["last_words"] = json!(hostile);
        attempt["capture"]["title"] = json!(hostile);
        attempt["capture"]["decisions"] = json!([hostile]);
    });
    let run = jobs.publish().exits(0);
    for text in [&run.stdout, &run.stderr, &world.state().to_string(), &world.pulls().concat()] {
        for bad in ["\u{1b}", "\\u001b", "\u{7}", "\u{202e}", "--resume"] {
            assert!(!text.contains(bad), "{bad:?}: {text}");
        }
    }
    // The runner of GitHub obeys it anywhere in a line of its log.
    assert!(!run.stdout.contains("##[") && !run.stderr.contains("##["), "{run}");
    let contexts = repo::git(&world.origin(), &["ls-tree", "--name-only", "conductor/state:context"]);
    for name in contexts.lines() {
        let text = repo::file_at(&world.origin(), "conductor/state", &format!("context/{name}"));
        assert!(!text.contains("\\u001b") && !text.contains("\u{202e}"), "{text}");
    }
}

#[test]
fn assignments_that_cannot_be_worked_on_are_refused_before_anything_starts() {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    let folder = jobs.clone_of("T-1").join("carried");
    let is_refused = |words: &str, damage: &dyn Fn(&Path)| {
        copy(&jobs.assignment("T-1"), &folder);
        damage(&folder.join("assignment.json"));
        let run = jobs.begin_work("T-1", "T-1", &[]).wait().exits(2);
        assert!(run.stderr.contains(words), "{words}: {run}");
        assert!(!run.stderr.contains('\u{1b}'), "{run}");
    };
    let edit = |change: fn(&mut Value)| move |path: &Path| Jobs::edit(path, change);
    is_refused("version", &edit(|it| it["version"] = json!(9)));
    is_refused("no JSON", &|path| fs::write(path, "{").unwrap());
    is_refused("object id", &edit(|it| it["claim"]["base_sha"] = json!("--upload-pack=x")));
    is_refused("no branch name", &edit(|it| it["claim"]["branch"] = json!("-x")));
    is_refused("branch_prefix", &edit(|it| it["claim"]["branch"] = json!("main")));
    is_refused("base_branch", &edit(|it| it["rules"]["base_branch"] = json!("a\u{1b}\nb")));
    is_refused("remote", &edit(|it| it["rules"]["remote"] = json!("--upload-pack=x")));
    is_refused("two tickets", &edit(|it| it["issue"]["identifier"] = json!("T-2")));
    is_refused("no command", &edit(|it| it["rules"]["agent"]["argv"] = json!([])));
    is_refused("not in this repository", &edit(|it| it["claim"]["base_sha"] = json!("1".repeat(40))));
    is_refused("lease", &edit(|it| it["claim"]["lease_expires_at"] = json!("2026-01-01T00:00:00Z")));
    is_refused("is a pipe, not a plain file", &|path| {
        fs::remove_file(path).unwrap();
        make_pipe(path);
    });
    is_refused("earlier.bundle", &|path| {
        fs::write(path.with_file_name("earlier.bundle"), "x").unwrap();
        let told = json!({"head": "1".repeat(40), "sha256": "0".repeat(64), "bytes": 1});
        Jobs::edit(path, |it| it["earlier"] = told);
    });
    assert!(world.started().is_empty());
    copy(&jobs.assignment("T-1"), &folder);
    jobs.begin_work("T-1", "T-1", &[]).wait().exits(0);
    let other = jobs.clone_of("T-1").join("out/result.json");
    assert_eq!(document(&other)["attempts"][0]["outcome"], "success");
}

#[test]
fn folders_that_hold_something_else_are_named_before_anything_is_claimed_or_done() {
    let world = World::new();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    fs::create_dir_all(jobs.assignments().join("old")).unwrap();
    let run = jobs.claim().exits(2);
    assert!(run.stderr.contains("not empty"), "{run}");
    assert!(!world.has_state());
    fs::create_dir_all(jobs.results()).unwrap();
    let run = jobs.publish().exits(2);
    assert!(run.stderr.contains("neither a result nor an assignment"), "{run}");
    fs::remove_dir_all(jobs.assignments()).unwrap();
    jobs.claim().exits(0);
    let out = jobs.clone_of("T-1").join("out");
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("result.json"), "{}").unwrap();
    let run = jobs.begin_work("T-1", "T-1", &[]).wait().exits(2);
    assert!(run.stderr.contains("other work"), "{run}");
    assert!(world.started().is_empty());
}
