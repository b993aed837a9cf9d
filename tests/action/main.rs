//! The action's own shell, run for real: its steps, its inputs and outputs, and fakes of `cargo`
//! and of the program that write down what they were given.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod job;

use conductor::model::report::{CycleReport, CycleStatus, Requests};
use conductor::report::github;
use job::{Action, Job};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

#[test]
fn inputs_and_outputs_are_those_of_the_contract() {
    let action = Action::read();
    let inputs: Vec<&str> = action.inputs.keys().map(String::as_str).collect();
    assert_eq!(
        inputs,
        [
            "config",
            "deadline",
            "dry-run",
            "fail-on",
            "harden",
            "issue",
            "max-concurrent",
            "version",
            "working-directory"
        ]
    );
    for (name, output) in &action.outputs {
        assert_eq!(output.value, format!("${{{{ steps.run.outputs.{name} }}}}"));
    }
    let report = CycleReport {
        schema: 1,
        run_id: "r".to_owned(),
        status: CycleStatus::Idle,
        started_at: "2026-11-22T10:00:00Z".parse().unwrap(),
        duration_ms: 1,
        deferred_until: None,
        deferred_because: None,
        dispatched: vec![],
        skipped: vec![],
        kept_out: Vec::new(),
        kept_out_partial: false,
        recovered: vec![],
        advanced: vec![],
        standing: vec![],
        sandbox: "none",
        requests: Requests::default(),
        timings: None,
    };
    let mut written = Vec::new();
    github::outputs(&report, "word", &mut written).unwrap();
    let written = String::from_utf8(written).unwrap();
    let written: BTreeSet<&str> =
        written.lines().filter_map(|line| line.split_once("<<")).map(|(name, _)| name).collect();
    assert_eq!(written, action.outputs.keys().map(String::as_str).collect());
}

#[test]
fn no_step_has_an_expression_in_its_script() {
    for step in Action::read().steps() {
        assert!(!step.run.contains("${{"), "{}", step.run);
        assert_eq!(step.shell, "bash");
    }
}

#[test]
fn without_inputs_it_is_a_plain_cycle() {
    let job = Job::new(&[]);
    assert_eq!(job.build().code, Some(0));
    assert_eq!(job.run().code, Some(0));
    assert_eq!(job.arguments("conductor"), ["once"]);
}

#[test]
fn every_input_becomes_its_argument() {
    let job = Job::new(&[
        ("config", "ci/conductor.yml"),
        ("issue", "ENG-1"),
        ("dry-run", "true"),
        ("max-concurrent", "2"),
        ("deadline", "45m"),
        ("working-directory", "services/api"),
    ]);
    job.build();
    assert_eq!(job.run().code, Some(0));
    let expected = [
        "once",
        "--directory=services/api",
        "--config=ci/conductor.yml",
        "--max-concurrent=2",
        "--deadline=45m",
        "--dry-run",
        "--issue=ENG-1",
    ];
    assert_eq!(job.arguments("conductor"), expected);
}

#[test]
fn several_issues_are_several_arguments() {
    let job = Job::new(&[("issue", "ENG-1, ENG-2\nENG-3\r\n\n ENG-4 ")]);
    job.build();
    job.run();
    assert_eq!(
        job.arguments("conductor"),
        ["once", "--issue=ENG-1", "--issue=ENG-2", "--issue=ENG-3", "--issue=ENG-4"]
    );
}

#[test]
fn hostile_inputs_arrive_as_they_are_and_run_nothing() {
    let hostile = "$(touch pwned) `touch pwned`; touch pwned\n\"'\\ * ~ && touch pwned #";
    let job = Job::new(&[
        ("config", hostile),
        ("deadline", "--force"),
        ("max-concurrent", "-1"),
        ("working-directory", "a b\nc"),
        ("issue", "$(touch${IFS}pwned) * --force"),
    ]);
    job.build();
    assert_eq!(job.run().code, Some(0));
    let expected = [
        "once".to_owned(),
        "--directory=a b\nc".to_owned(),
        format!("--config={hostile}"),
        "--max-concurrent=-1".to_owned(),
        "--deadline=--force".to_owned(),
        "--issue=$(touch${IFS}pwned)".to_owned(),
        "--issue=*".to_owned(),
        "--issue=--force".to_owned(),
    ];
    assert_eq!(job.arguments("conductor"), expected);
    assert_eq!(job.files_named("pwned"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_runner_is_hardened_before_anything_is_built_when_that_is_asked_for() {
    let job = Job::new(&[("harden", "true")]);
    assert_eq!(job.build().code, Some(0));
    let called = job.record("sudo");
    assert!(called.lines().next().is_some_and(|line| line == "-n true"), "{called}");
    assert!(called.lines().all(|line| line.starts_with("-n ")), "it never asks for a password: {called}");
    assert!(called.contains("apparmor_parser --replace") || called.contains("sysctl -q -w"), "{called}");
    let job = Job::new(&[]);
    job.build();
    assert_eq!(job.record("sudo"), "");
    let job = Job::new(&[("harden", "yes")]);
    assert_eq!(job.build().code, Some(2));
}

#[test]
fn the_source_of_the_action_is_built_and_not_what_the_checkout_says() {
    let job = Job::new(&[]);
    assert_eq!(job.build().code, Some(0));
    let manifest = format!("{}/Cargo.toml", job.action_path().display());
    let expected = ["build", "--release", "--locked", "--bin", "conductor", "--manifest-path", &manifest];
    assert_eq!(job.arguments("cargo"), expected);
    assert_eq!(job.recorded("cargo.directory").trim_end(), job.action_path().to_str().unwrap());
    assert!(
        job.environment("cargo")
            .contains(&format!("CARGO_TARGET_DIR={}/conductor-build", job.folder("tools").display()))
    );
}

#[test]
fn credentials_reach_the_run_and_not_the_build() {
    let job = Job::new(&[]);
    let secrets = [
        ("LINEAR_API_KEY", "lin_api_1"),
        ("GITHUB_TOKEN", "ghs_2"),
        ("db_password", "three"),
        ("MY_SECRET", "four"),
    ];
    let build = job.step("build", &secrets).output().unwrap();
    assert!(build.status.success(), "{build:?}");
    assert!(job.step("run", &secrets).output().unwrap().status.success());
    for (name, value) in secrets {
        let entry = format!("{name}={value}");
        assert!(!job.environment("cargo").contains(&entry), "{name} in the build");
        assert!(job.environment("conductor").contains(&entry), "{name} missing in the run");
    }
}

#[test]
fn a_failed_build_ends_the_action() {
    let job = Job::new(&[]);
    let built = job.step("build", &[("FAKE_CARGO_EXIT", "101")]).output().unwrap();
    assert_eq!(built.status.code(), Some(101));
    assert_eq!(job.outputs_of("build"), "");
}

#[test]
fn wrong_inputs_are_refused_before_anything_is_built() {
    for (input, value) in [
        ("version", "v1.2.3\n::add-mask::x"),
        ("version", "latest"),
        ("fail-on", "Never"),
        ("fail-on", ""),
        ("dry-run", "yes"),
    ] {
        let job = Job::new(&[(input, value)]);
        let ended = job.build();
        assert_eq!(ended.code, Some(2), "{input}={value:?}");
        assert!(
            ended.stdout.starts_with(&format!("::error title=Conductor::input '{input}' ")),
            "{}",
            ended.stdout
        );
        assert_eq!(ended.stdout.lines().count(), 1, "the value is not repeated: {}", ended.stdout);
        assert_eq!(job.files_named("cargo.arguments"), Vec::<std::path::PathBuf>::new());
    }
    for version in ["", "source"] {
        assert_eq!(Job::new(&[("version", version)]).build().code, Some(0));
    }
}

#[test]
fn the_programs_exit_code_is_the_steps() {
    for code in [0, 2, 3, 4, 5] {
        let job = Job::new(&[]);
        job.build();
        let ended = job.step("run", &[("FAKE_EXIT", &code.to_string())]).output().unwrap();
        assert_eq!(ended.status.code(), Some(code));
    }
}

#[test]
fn the_program_is_told_when_to_fail() {
    for fail_on in ["failure", "never"] {
        let job = Job::new(&[("fail-on", fail_on)]);
        job.build();
        job.run();
        assert!(job.environment("conductor").contains(&format!("CONDUCTOR_FAIL_ON={fail_on}")));
    }
}

#[test]
fn the_program_writes_its_outputs_into_the_steps_file() {
    let job = Job::new(&[]);
    job.build();
    job.run();
    assert_eq!(job.outputs_of("run"), "status=completed\n");
}

#[test]
fn a_signal_to_the_entry_process_reaches_the_program() {
    let job = Job::new(&[]);
    job.build();
    let mut child =
        job.step("run", &[("FAKE_WAIT", "yes")]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, format!("ready {}\n", child.id()), "the program has the shell's place");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(job.recorded("conductor.signal"), "SIGINT");
}
