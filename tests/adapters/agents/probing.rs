//! What is known of an agent's program before a ticket is claimed.

use super::{command, fake_claude, supervisor};
use conductor::adapters::agent::claude::{Claude, ClaudeOptions};
use conductor::adapters::agent::codex::{Codex, CodexOptions};
use conductor::adapters::agent::command::{CommandAgent, CommandOptions};
use conductor::adapters::agent::opencode::{Opencode, OpencodeOptions};
use conductor::model::settings::CodexSettings;
use conductor::ports::{Agent, AgentError};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn program(dir: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Every kind that runs a program of its own, with that program.
fn kinds(program: &Path, env: &[(String, String)]) -> Vec<Box<dyn Agent>> {
    let (command, env) = (Some(program.to_owned()), env.to_vec());
    let claude = ClaudeOptions {
        supervisor: supervisor(),
        command: command.clone(),
        args: Vec::new(),
        home: None,
        path: None,
        env: env.clone(),
        running_as_root: false,
    };
    let codex = CodexOptions {
        supervisor: supervisor(),
        command: command.clone(),
        args: Vec::new(),
        env: env.clone(),
        settings: CodexSettings::default(),
    };
    let opencode = OpencodeOptions { supervisor: supervisor(), command, args: Vec::new(), env };
    vec![Box::new(Claude::new(claude)), Box::new(Codex::new(codex)), Box::new(Opencode::new(opencode))]
}

fn not_found(probed: Result<Option<String>, AgentError>) -> String {
    match probed {
        Err(AgentError::NotFound(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_tells_its_version_without_seeing_a_credential() {
    let dir = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\nenv > \"$HOME/env\"; pwd > \"$HOME/pwd\"; echo; echo \"$1 2.1.330 (Some Agent)\"; echo more\n";
    let path = program(dir.path(), "agent", text, 0o755);
    let env = [
        ("PATH", std::env::var("PATH").unwrap()),
        ("HOME", dir.path().display().to_string()),
        ("ANTHROPIC_API_KEY", "sk-secret".to_owned()),
        ("OPENAI_API_KEY", "sk-secret".to_owned()),
        ("GITHUB_TOKEN", "sk-secret".to_owned()),
        ("HTTPS_PROXY", "http://user:sk-secret@proxy".to_owned()),
    ];
    let env: Vec<(String, String)> = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for agent in kinds(&path, &env) {
        assert_eq!(
            agent.probe().unwrap().as_deref(),
            Some("--version 2.1.330 (Some Agent)"),
            "{}",
            agent.name()
        );
        let seen = fs::read_to_string(dir.path().join("env")).unwrap();
        assert!(!seen.contains("sk-secret"), "{seen}");
        let place = fs::read_to_string(dir.path().join("pwd")).unwrap();
        assert!(!Path::new(place.trim()).exists(), "the folder it was started in is gone: {place}");
    }
}

#[test]
fn a_program_that_is_missing_or_none_is_told_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let plain = program(dir.path(), "plain", "#!/bin/sh\n", 0o644);
    for (path, why) in [
        (dir.path().join("none"), "not found"),
        (plain.clone(), "not executable"),
        (dir.path().to_owned(), "not executable"),
        (plain.join("below"), ""),
    ] {
        for agent in kinds(&path, &[]) {
            let text = not_found(agent.probe());
            assert!(text.contains(&path.display().to_string()) && text.contains(why), "{text}");
            assert!(text.contains("set agent.command to its path"), "{text}");
        }
    }
}

#[test]
fn a_program_that_does_not_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path(), "agent", "#!/bin/sh\necho 'node: not found' >&2; exit 127\n", 0o755);
    for agent in kinds(&path, &[]) {
        let Err(AgentError::NotFound(text)) = agent.probe() else { panic!("it started") };
        assert!(text.contains("--version` exited with code 127: node: not found"), "{text}");
        assert!(text.contains("set agent.command"), "{text}");
    }
    let terminal = fake_claude(dir.path(), "printf '\\033]0;title\\007 1.2\\n'");
    assert_eq!(terminal.probe().unwrap().as_deref(), Some("]0;title 1.2"), "nothing a terminal obeys");
}

#[test]
fn a_command_is_looked_for_and_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let ran = format!("#!/bin/sh\ntouch '{}'\n", dir.path().join("ran").display());
    let good = program(dir.path(), "good", &ran, 0o755);
    program(dir.path(), "plain", "", 0o644);
    let probe = |program: &str| {
        let argv = vec![program.to_owned(), "-x".to_owned()];
        let path = Some(dir.path().as_os_str().to_owned());
        CommandAgent::new(CommandOptions { supervisor: supervisor(), argv, args: Vec::new(), path }).probe()
    };
    assert_eq!(probe("good"), Ok(None));
    assert_eq!(probe(&good.display().to_string()), Ok(None));
    assert_eq!(probe("./made/by/the/repository.sh"), Ok(None), "it is below the workspace");
    assert!(!dir.path().join("ran").exists());
    for (program, why) in [
        ("missing".to_owned(), "missing: not found on PATH"),
        ("plain".to_owned(), "plain: not executable"),
        (dir.path().join("plain").display().to_string(), "not executable"),
        (dir.path().join("no").display().to_string(), "No such file"),
    ] {
        let text = not_found(probe(&program));
        assert!(text.contains(why) && text.contains("set agent.command"), "{text}");
    }
    let empty = CommandOptions { supervisor: supervisor(), argv: vec![], args: vec![], path: None };
    assert!(not_found(CommandAgent::new(empty).probe()).contains("name a program"));
    assert!(matches!(command("true").probe(), Err(AgentError::NotFound(_))), "no PATH, nothing found");
}
