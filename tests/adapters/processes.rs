//! Supervised children, with real processes: whatever they do, nothing of them is left.

use conductor::model::{Ending, StopReason};
use conductor::system::process::{
    Child, Line, Records, SpawnError, Spec, Stderr, Stdin, Supervisor, end_left, run_bounded,
};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Far beyond anything a test waits for when all is well.
const LONG: Duration = Duration::from_secs(60);

fn supervisor() -> Supervisor {
    Supervisor::new(env!("CARGO_BIN_EXE_conductor").into())
}

fn shell(dir: &Path, script: &str) -> Spec {
    let mut spec = Spec::new("sh", dir);
    spec.args = vec!["-c".into(), script.into()];
    spec.env = vec![("PATH".into(), std::env::var("PATH").unwrap())];
    spec.grace = Duration::from_millis(300);
    spec
}

/// All lines up to the end.
fn finish(child: &mut Child) -> (Vec<String>, Ending) {
    let begun = Instant::now();
    let mut lines = Vec::new();
    loop {
        match child.next_line(Duration::from_millis(200)) {
            Line::Text(line) => lines.push(String::from_utf8_lossy(line).into_owned()),
            Line::Skipped(length) => lines.push(format!("skipped {length}")),
            Line::Quiet => assert!(begun.elapsed() < LONG, "no end; so far {lines:?}"),
            Line::Ended(ending) => return (lines, ending),
        }
    }
}

fn run(spec: &Spec) -> (Vec<String>, Ending) {
    finish(&mut supervisor().spawn(spec).unwrap())
}

fn first_line(child: &mut Child) -> String {
    match child.next_line(LONG) {
        Line::Text(line) => String::from_utf8_lossy(line).into_owned(),
        other => panic!("{other:?} instead of a first line"),
    }
}

pub fn is_alive(pid: &str) -> bool {
    // A zombie has ended; only its parent, gone or about to go, has not looked.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

pub fn pid_in(file: &Path) -> String {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.ends_with('\n') {
            return text.trim().to_owned();
        }
        assert!(begun.elapsed() < LONG, "{} was never written", file.display());
        std::thread::yield_now();
    }
}

#[test]
fn an_ending_tells_the_exact_code_or_signal() {
    let dir = tempfile::tempdir().unwrap();
    let (lines, ending) = run(&shell(dir.path(), "echo one; printf two; exit 7"));
    assert_eq!(lines, ["one", "two"]);
    assert_eq!(ending, Ending { exit_code: Some(7), ..Ending::default() });
    let (_, ending) = run(&shell(dir.path(), "kill -SEGV $$"));
    assert_eq!(ending, Ending { signal: Some(11), ..Ending::default() });
}

#[test]
fn the_environment_and_the_directory_are_exactly_the_given_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = Spec::new("/usr/bin/env", dir.path());
    spec.env = vec![("A".into(), "1 é".into()), ("EMPTY".into(), String::new())];
    let (mut lines, _) = run(&spec);
    lines.sort();
    assert_eq!(lines, ["A=1 é", "EMPTY="]);
    let (lines, _) = run(&shell(dir.path(), "pwd -P; test -t 0 || echo no terminal"));
    assert_eq!(lines[0], fs::canonicalize(dir.path()).unwrap().to_str().unwrap());
}

#[test]
fn a_program_that_cannot_be_executed_is_told_apart_from_an_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plain"), "no program").unwrap();
    let error = |spec: &Spec| supervisor().spawn(spec).unwrap_err();

    let missing = error(&Spec::new("no-such-program", dir.path()));
    assert!(missing.is_missing_program(), "{missing}");
    assert!(missing.to_string().starts_with("no-such-program: not found"), "{missing}");

    let plain = error(&Spec::new(dir.path().join("plain"), dir.path()));
    assert!(plain.is_missing_program() && plain.to_string().ends_with("not executable"), "{plain}");

    let mut long = shell(dir.path(), "true");
    long.args.push("x".repeat(3 << 20).into());
    assert!(error(&long).to_string().ends_with("too long"), "{}", error(&long));
    assert!(!error(&long).is_missing_program());

    let nowhere = error(&Spec::new("true", dir.path().join("gone")));
    assert!(matches!(nowhere, SpawnError::Directory { .. }), "{nowhere}");

    let mut unread = shell(dir.path(), "true");
    unread.stdin = Stdin::File(dir.path().join("no prompt"));
    assert!(matches!(error(&unread), SpawnError::File { .. }));
    unread.stdin = Stdin::Null;
    unread.stderr = Stderr::File(dir.path().join("no/folder"));
    assert!(matches!(error(&unread), SpawnError::File { .. }));

    let lost = Supervisor::new(dir.path().join("gone")).spawn(&shell(dir.path(), "true")).unwrap_err();
    assert!(matches!(lost, SpawnError::Supervisor(_)), "{lost}");
}

#[test]
fn input_comes_from_a_file_whatever_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let prompt = dir.path().join("prompt.md");
    fs::write(&prompt, "p".repeat(1 << 20)).unwrap();
    let mut spec = shell(dir.path(), "wc -c");
    spec.stdin = Stdin::File(prompt);
    assert_eq!(run(&spec).0[0].trim(), (1 << 20).to_string());
}

#[test]
fn lines_written_to_a_child_reach_it_even_when_both_pipes_are_full() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = Spec::new("cat", dir.path());
    spec.env = vec![("PATH".into(), std::env::var("PATH").unwrap())];
    spec.stdin = Stdin::Pipe;
    let mut child = supervisor().spawn(&spec).unwrap();
    let line = "x".repeat(400_000);
    for _ in 0..5 {
        child.write_line(line.as_bytes());
    }
    for _ in 0..5 {
        assert_eq!(first_line(&mut child), line);
    }
    child.stop(StopReason::ResultStands);
    let (_, ending) = finish(&mut child);
    assert_eq!((ending.signal, ending.stopped), (Some(15), Some(StopReason::ResultStands)));
}

#[test]
fn every_byte_goes_to_the_log_and_the_end_of_standard_error_into_the_ending() {
    let dir = tempfile::tempdir().unwrap();
    let (log, errors) = (dir.path().join("output.log"), dir.path().join("stderr.log"));
    let mut spec = shell(dir.path(), r"printf 'a\377\000b\nlong line past the cap\nlast'; seq 100000 >&2");
    (spec.log, spec.stderr, spec.line_cap) = (Some(log.clone()), Stderr::File(errors), 10);
    let (lines, ending) = run(&spec);
    assert_eq!(lines, ["a\u{fffd}\0b", "skipped 22", "last"]);
    assert_eq!(fs::read(log).unwrap(), b"a\xff\0b\nlong line past the cap\nlast");
    assert_eq!(ending.lines_skipped, 1);
    assert!(ending.stderr_tail.ends_with("99999\n100000") && ending.stderr_tail.len() < 5000);
}

#[test]
fn a_child_that_ignores_sigterm_is_killed_after_the_grace() {
    let dir = tempfile::tempdir().unwrap();
    let mut child =
        supervisor().spawn(&shell(dir.path(), "trap '' TERM; echo up; while :; do sleep 60; done")).unwrap();
    assert_eq!(first_line(&mut child), "up");
    let begun = Instant::now();
    child.stop(StopReason::Stalled);
    child.stop(StopReason::Deadline);
    let (_, ending) = finish(&mut child);
    assert!(begun.elapsed() >= Duration::from_millis(300), "the grace was not given");
    assert_eq!((ending.signal, ending.stopped), (Some(9), Some(StopReason::Stalled)));
    assert_eq!(child.next_line(LONG), Line::Ended(ending));
}

#[test]
fn a_child_may_end_well_within_the_grace() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec =
        shell(dir.path(), "trap 'echo saved; exit 3' TERM; echo up; while :; do sleep 60 & wait; done");
    spec.grace = LONG;
    let mut child = supervisor().spawn(&spec).unwrap();
    assert_eq!(first_line(&mut child), "up");
    child.stop(StopReason::Interrupted);
    let (lines, ending) = finish(&mut child);
    assert_eq!(lines, ["saved"]);
    assert_eq!((ending.exit_code, ending.stopped), (Some(3), Some(StopReason::Interrupted)));
}

/// Starts: one that ignores SIGTERM, one in a session of its own, a daemon that forked twice with
/// a clean environment and every descriptor but the pipe closed. Their ids go to files.
const ESCAPING: &str = r#"
(trap '' TERM; sh -c 'echo $PPID' > stubborn; while :; do sleep 60; done) &
setsid sh -c 'echo $$ > session; trap "" TERM HUP; while :; do sleep 60; done' &
(setsid env -i sh -c '(trap "" TERM HUP; cd /; exec 2>&-; sh -c "echo \$PPID" > "$1/daemon"; while :; do sleep 60; done) & exit' sh "$PWD" &)
while test ! -s stubborn || test ! -s session || test ! -s daemon; do sleep 0.02; done
"#;

fn escaped(dir: &Path) -> Vec<String> {
    ["stubborn", "session", "daemon"].iter().map(|name| pid_in(&dir.join(name))).collect()
}

fn assert_all_gone(dir: &Path) {
    for pid in escaped(dir) {
        assert!(!is_alive(&pid), "{pid} survived");
    }
}

#[test]
fn nothing_that_escaped_survives_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("trap '' TERM; {ESCAPING} echo up; while :; do sleep 60; done");
    let mut child = supervisor().spawn(&shell(dir.path(), &script)).unwrap();
    assert_eq!(first_line(&mut child), "up");
    for pid in escaped(dir.path()) {
        assert!(is_alive(&pid), "{pid} never lived");
    }
    child.stop(StopReason::Turn);
    assert_eq!(finish(&mut child).1.signal, Some(9));
    assert_all_gone(dir.path());
}

#[test]
fn nothing_survives_a_normal_exit_though_a_background_job_holds_the_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let (lines, ending) = run(&shell(dir.path(), &format!("{ESCAPING} echo done; exit 0")));
    assert_eq!(lines, ["done"]);
    assert!(ending.is_clean_exit(), "{ending:?}");
    assert!(begun.elapsed() < LONG);
    assert_all_gone(dir.path());
}

#[test]
fn dropping_a_child_ends_its_tree() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("{ESCAPING} echo up; while :; do sleep 60; done");
    let mut child = supervisor().spawn(&shell(dir.path(), &script)).unwrap();
    assert_eq!(first_line(&mut child), "up");
    drop(child);
    assert_all_gone(dir.path());
}

#[test]
fn ending_one_tree_leaves_another_alone() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo up; while :; do sleep 60; done";
    let mut one = supervisor().spawn(&shell(dir.path(), script)).unwrap();
    let mut other = supervisor().spawn(&shell(dir.path(), script)).unwrap();
    assert_eq!((first_line(&mut one), first_line(&mut other)), ("up".into(), "up".into()));
    one.stop(StopReason::Turn);
    finish(&mut one);
    assert_eq!(other.next_line(Duration::from_millis(300)), Line::Quiet);
    assert!(is_alive(&other.pid().to_string()));
}

/// The control socket's other end dies with its owner: here a process that plays Conductor and is
/// killed with SIGKILL.
#[test]
fn nothing_survives_when_conductor_itself_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("agent.sh"),
        format!("trap '' TERM; {ESCAPING} echo $$ > agent; while :; do sleep 60; done"),
    )
    .unwrap();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::plays_conductor", "--nocapture"])
        .env("PLAY_CONDUCTOR_IN", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let agent = pid_in(&dir.path().join("agent"));
    assert!(is_alive(&agent));
    let supervisor = parent_of(&agent);
    owner.kill().unwrap();
    owner.wait().unwrap();
    let begun = Instant::now();
    while is_alive(&supervisor) {
        assert!(begun.elapsed() < LONG, "the supervisor lives on");
        std::thread::yield_now();
    }
    assert!(!is_alive(&agent));
    assert_all_gone(dir.path());
}

#[test]
fn plays_conductor() {
    let Some(dir) = std::env::var_os("PLAY_CONDUCTOR_IN") else { return };
    let mut spec = shell(Path::new(&dir), ". ./agent.sh");
    spec.lifetime = std::env::var_os("PLAY_LIFETIME").map(|_| Duration::from_millis(300));
    spec.env.push(("CONDUCTOR_RUN_ID".into(), RUN.into()));
    let records = Records::open(&Path::new(&dir).join("children"), RUN, None).unwrap();
    let supervisor = supervisor().recording(Some(Arc::new(records)));
    let mut child = supervisor.spawn(&spec).unwrap();
    finish(&mut child);
}

const RUN: &str = "20261127T120000Z-0a1b2c3d";

/// A process that plays Conductor, its agent's process id and that one's supervisor's.
fn played(dir: &Path, env: &[(&str, &str)]) -> (std::process::Child, String, String) {
    let deaf = format!("trap '' TERM; {ESCAPING} echo $$ > agent; while :; do sleep 60; done");
    fs::write(dir.join("agent.sh"), deaf).unwrap();
    let owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::plays_conductor", "--nocapture"])
        .env("PLAY_CONDUCTOR_IN", dir)
        .envs(env.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let agent = pid_in(&dir.join("agent"));
    let supervisor = parent_of(&agent);
    (owner, agent, supervisor)
}

#[test]
fn a_child_ends_at_its_own_deadline_while_conductor_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (mut owner, agent, supervisor) = played(dir.path(), &[("PLAY_LIFETIME", "")]);
    signal(&owner.id().to_string(), "-STOP");
    let begun = Instant::now();
    while is_alive(&supervisor) {
        assert!(begun.elapsed() < LONG, "the supervisor lives on");
        std::thread::yield_now();
    }
    assert!(!is_alive(&agent));
    assert_all_gone(dir.path());
    owner.kill().unwrap();
    owner.wait().unwrap();
}

#[test]
fn the_next_run_ends_what_a_stopped_supervisor_kept_after_conductor_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let children = dir.path().join("children");
    let (mut owner, agent, supervisor) = played(dir.path(), &[]);
    signal(&supervisor, "-STOP");
    assert_eq!(end_left(&children), 0);
    assert!(is_alive(&agent), "a run that lives is left alone");
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(is_alive(&agent), "nobody else ends it");
    assert_eq!(end_left(&children), 0);
    assert!(!is_alive(&agent) && !is_alive(&supervisor));
    assert_all_gone(dir.path());
    assert_eq!(fs::read_dir(&children).unwrap().count(), 0);
}

#[test]
fn the_next_run_ends_what_was_left_when_supervisor_and_conductor_were_killed_together() {
    let dir = tempfile::tempdir().unwrap();
    let (mut owner, agent, supervisor) = played(dir.path(), &[]);
    signal(&owner.id().to_string(), "-STOP");
    signal(&supervisor, "-KILL");
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(is_alive(&agent), "nobody else ends it");
    assert_eq!(end_left(&dir.path().join("children")), 0);
    assert!(!is_alive(&agent));
    assert_all_gone(dir.path());
}

/// Only what is in the group can be ended at once: a tree that forks faster than it is looked for.
#[test]
fn a_tree_that_keeps_forking_is_ended_at_once_where_there_are_control_groups() {
    let dir = tempfile::tempdir().unwrap();
    let script = "cat /proc/self/cgroup; f() { (trap '' TERM; setsid sh -c \"$1\" sh \"$1\" & ) ; }
        echo up; f 'trap \"\" TERM; while :; do setsid sh -c \"sleep 0.02\" & sleep 0.01; done'; sleep 60";
    let mut child = supervisor().spawn(&shell(dir.path(), script)).unwrap();
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "up") {
        lines.push(first_line(&mut child));
    }
    let group =
        lines.iter().find_map(|line| line.strip_prefix("0::")?.contains("/conductor-").then_some(line));
    let Some(group) = group.cloned() else {
        eprintln!("skipped: there is no cgroup v2 this user may write to: {lines:?}");
        return;
    };
    child.stop_within(StopReason::Turn, Duration::ZERO);
    assert_eq!(finish(&mut child).1.stopped, Some(StopReason::Turn));
    let groups = fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = groups.lines().find(|line| line.contains(" cgroup2 ")).unwrap().split(' ').nth(1).unwrap();
    let place = Path::new(mount).join(group.trim_start_matches("0::/"));
    assert!(!place.exists(), "{} is empty and removed", place.display());
}

fn parent_of(pid: &str) -> String {
    let status = fs::File::open(format!("/proc/{pid}/status")).unwrap();
    let mut lines = BufReader::new(status).lines().map(Result::unwrap);
    lines.find_map(|line| Some(line.strip_prefix("PPid:")?.trim().to_owned())).unwrap()
}

fn signal(pid: &str, signal: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

#[test]
fn a_supervisor_that_is_told_to_end_ends_its_tree_first() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("{ESCAPING} echo up; while :; do sleep 60; done");
    let mut child = supervisor().spawn(&shell(dir.path(), &script)).unwrap();
    assert_eq!(first_line(&mut child), "up");
    signal(&parent_of(&child.pid().to_string()), "-TERM");
    let (_, ending) = finish(&mut child);
    assert_eq!((ending.signal, ending.stopped), (Some(15), None));
    assert_all_gone(dir.path());
}

/// A process that ends what a dead supervisor left takes the other tests' orphans for it: such a test
/// runs in a process of its own. True there.
fn is_alone(test: &str) -> bool {
    if std::env::var_os("TEST_RUNS_ALONE").is_some() {
        return true;
    }
    let alone = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("processes::{test}")])
        .env("TEST_RUNS_ALONE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    assert!(alone.status.success() && said.contains("1 passed"), "{said}");
    false
}

#[test]
fn a_supervisor_that_was_killed_is_told_and_what_escaped_is_ended_with_its_session() {
    if !is_alone("a_supervisor_that_was_killed_is_told_and_what_escaped_is_ended_with_its_session") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = supervisor()
        .spawn(&shell(dir.path(), &format!("trap '' TERM; {ESCAPING} echo up; kill -9 $PPID; sleep 60")))
        .unwrap();
    assert_eq!(first_line(&mut child), "up");
    let agent = child.pid().to_string();
    let (_, ending) = finish(&mut child);
    assert_eq!((ending.exit_code, ending.signal), (None, None));
    assert!(ending.stderr_tail.contains("supervisor was killed"), "{ending:?}");
    assert!(!is_alive(&agent), "{agent} survived");
    assert_all_gone(dir.path());
}

#[test]
fn a_supervisor_its_child_stopped_goes_on_when_the_tree_is_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("{ESCAPING} echo up; kill -STOP $PPID; exit 0");
    let mut child = supervisor().spawn(&shell(dir.path(), &script)).unwrap();
    assert_eq!(first_line(&mut child), "up");
    assert_eq!(child.next_line(Duration::from_millis(100)), Line::Quiet);
    child.stop(StopReason::Turn);
    assert_eq!(finish(&mut child).1.exit_code, Some(0));
    assert_all_gone(dir.path());
}

#[test]
fn a_supervisor_stopped_before_it_said_a_word_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let begun = Instant::now();
        let mut child = supervisor().spawn(&shell(dir.path(), "kill -STOP $PPID; exec sleep 60")).unwrap();
        child.stop(StopReason::Turn);
        assert_eq!(finish(&mut child).1.stopped, Some(StopReason::Turn));
        assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    }
}

#[test]
fn dropping_a_child_that_keeps_its_supervisor_from_ending_ends_its_tree_too() {
    if !is_alone("dropping_a_child_that_keeps_its_supervisor_from_ending_ends_its_tree_too") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = format!("trap '' TERM; {ESCAPING} echo up; while :; do kill -STOP $PPID; done");
    let mut child = supervisor().spawn(&shell(dir.path(), &script)).unwrap();
    assert_eq!(first_line(&mut child), "up");
    drop(child);
    assert_all_gone(dir.path());
}

#[test]
fn a_supervisor_that_is_stopped_again_and_again_is_done_without() {
    if !is_alone("a_supervisor_that_is_stopped_again_and_again_is_done_without") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = format!("trap '' TERM; {ESCAPING} echo up; while :; do kill -STOP $PPID; done");
    let mut child = supervisor().spawn(&shell(dir.path(), &script)).unwrap();
    assert_eq!(first_line(&mut child), "up");
    child.stop(StopReason::Turn);
    let (_, ending) = finish(&mut child);
    assert_eq!(ending.stopped, Some(StopReason::Turn));
    assert_all_gone(dir.path());
}

#[test]
fn an_endless_line_does_not_keep_its_reader() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = shell(dir.path(), "exec cat /dev/zero");
    spec.line_cap = 1000;
    let mut child = supervisor().spawn(&spec).unwrap();
    for _ in 0..20 {
        assert_eq!(child.next_line(Duration::from_millis(5)), Line::Quiet);
    }
    child.stop(StopReason::Turn);
    let (lines, _) = finish(&mut child);
    assert!(lines[0].starts_with("skipped "), "{lines:?}");
}

#[test]
fn a_hook_that_backgrounds_a_child_holding_its_output_ends_with_the_hook() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = shell(dir.path(), "(sleep 60; echo late) & echo started; exit 0");
    spec.stderr = Stderr::Merged;
    let done = run_bounded(&supervisor(), &spec, LONG, &|| None).unwrap();
    assert!(done.is_success() && !done.timed_out, "{done:?}");
    assert_eq!(done.output_tail, "started\n");
    assert!(done.duration < LONG / 2);
}

#[test]
fn a_hook_past_its_time_limit_is_ended_with_its_tree_and_its_output_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = shell(
        dir.path(),
        "seq 20000; echo wrong >&2; setsid sh -c 'echo $$ > child; sleep 60' & while :; do sleep 60; done",
    );
    spec.stderr = Stderr::Merged;
    let done = run_bounded(&supervisor(), &spec, Duration::from_secs(1), &|| None).unwrap();
    assert!(done.timed_out && !done.is_success(), "{done:?}");
    assert_eq!(done.ending.signal, Some(15));
    assert!(done.output_tail.ends_with("20000\nwrong\n"), "{}", done.output_tail);
    assert!(done.output_tail.len() <= 16 * 1024);
    assert!(!is_alive(&pid_in(&dir.path().join("child"))));
}

#[test]
fn a_hook_ends_early_when_the_run_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let spec = shell(dir.path(), "while :; do sleep 60; done");
    let done = run_bounded(&supervisor(), &spec, LONG, &|| Some(StopReason::Interrupted)).unwrap();
    assert_eq!(done.ending.stopped, Some(StopReason::Interrupted));
    assert!(!done.timed_out && done.duration < LONG);
}

/// A pipe of the usual size has room for sixteen writes of this size: a child that is not read at
/// once would wait with its end for its reader.
#[cfg(target_os = "linux")]
#[test]
fn a_child_writes_a_hundred_lines_and_ends_without_waiting_for_its_reader() {
    let dir = tempfile::tempdir().unwrap();
    let script = "line=$(head -c 3000 /dev/zero | tr '\\0' x)\n\
                  i=0; while [ $i -lt 100 ]; do echo $line; i=$((i+1)); done; echo $$ > written";
    let mut child = supervisor().spawn(&shell(dir.path(), script)).unwrap();
    pid_in(&dir.path().join("written"));
    let (lines, ending) = finish(&mut child);
    assert_eq!((lines.len(), ending.exit_code), (100, Some(0)));
}
