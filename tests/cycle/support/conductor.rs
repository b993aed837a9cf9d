//! A world to run the program in: an origin, a checkout, tickets, an agent, a configuration, all in
//! one folder; and what is found there afterwards.
//!
//! When a world ends, nothing of it may live on: no process, no file in the temporary folder.

use super::agent::{Script, prelude};
use super::github::{FakeGitHub, is_create};
use super::linear::{API_KEY, FakeLinear};
use super::repo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const TOKEN: &str = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";
/// Nothing here takes that long, except when it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    folder: TempDir,
    config: Value,
    env: BTreeMap<String, String>,
    github: Option<FakeGitHub>,
    linear: Option<FakeLinear>,
    runs: std::cell::Cell<u32>,
}

impl World {
    /// Local tracker, local forge, a bare origin, one checkout, an agent that works.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("conductor-cycle-").tempdir().unwrap();
        let at = folder.path();
        for name in ["issues", "pulls", "home", "tmp", "facts", "out"] {
            fs::create_dir(at.join(name)).unwrap();
        }
        let bare = at.join("origin.git");
        repo::bare(&bare);
        repo::commit(&bare, "main", "Begin", &[("README.md", "# A project\n"), ("src/app.txt", "one\n")]);
        repo::checkout("origin.git", &at.join("clone"));
        let config = json!({
            "tracker": {"kind": "local", "path": "issues"},
            "forge": {"kind": "local", "path": "pulls"},
            // Scripted agents note what they did beside their workspace.
            "agent": {"kind": "command", "command": ["sh", at.join("agent.sh")], "grace_period": "1s", "sandbox": "none"},
            "retry": {"base": "1ms", "max": "1ms"},
            "preflight": {"enabled": false},
        });
        let env = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", at.join("home").display().to_string()),
            ("TMPDIR", at.join("tmp").display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let world = Self { config, env, github: None, linear: None, runs: 0.into(), folder };
        world.agent(&Script::works());
        world
    }

    /// The same with a GitHub for its forge and its remote.
    pub fn with_github() -> Self {
        let mut world = Self::new();
        let github = FakeGitHub::start(&world.origin(), "acme/app", TOKEN);
        world.point_at(&github.api_url(), &github.remote_url());
        world.github = Some(github);
        world
    }

    /// A GitHub, and a Linear for its tracker.
    pub fn with_linear() -> Self {
        let mut world = Self::with_github();
        let linear = FakeLinear::start();
        world.set(
            "tracker",
            json!({"kind": "linear", "endpoint": linear.endpoint(), "api_key": "$LINEAR_API_KEY"}),
        );
        world.env("LINEAR_API_KEY", API_KEY);
        world.linear = Some(linear);
        world
    }

    fn point_at(&mut self, api_url: &str, remote: &str) {
        self.set("forge", json!({"kind": "github", "api_url": api_url, "token": "$GITHUB_TOKEN"}));
        self.env("GITHUB_TOKEN", TOKEN);
        repo::git(&self.checkout(), &["remote", "set-url", "origin", remote]);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn origin(&self) -> PathBuf {
        self.path().join("origin.git")
    }

    pub fn checkout(&self) -> PathBuf {
        self.path().join("clone")
    }

    /// Conductor's own repository beside the checkout.
    pub fn vault(&self) -> PathBuf {
        self.checkout().join(".git/conductor/vault.git")
    }

    /// Where the workspaces of the checkout of that name are.
    pub fn workspaces(&self) -> PathBuf {
        self.path().join("clone-work")
    }

    pub fn github(&self) -> &FakeGitHub {
        self.github.as_ref().expect("World::with_github")
    }

    pub fn linear(&self) -> &FakeLinear {
        self.linear.as_ref().expect("World::with_linear")
    }

    /// Sets a dotted key of the configuration.
    pub fn set(&mut self, key: &str, value: Value) {
        let mut at = &mut self.config;
        for part in key.split('.') {
            at = &mut at[part];
        }
        *at = value;
    }

    pub fn env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    pub fn without_env(&mut self, name: &str) {
        self.env.remove(name);
    }

    pub fn agent(&self, script: &Script) {
        fs::write(self.path().join("agent.sh"), script.text(self.path())).unwrap();
    }

    /// An executable the agent or a hook may call by that name in the world's folder.
    pub fn script(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.path().join(name);
        write_executable(&path, &format!("#!/bin/sh\n{}{lines}\n", prelude(self.path())));
        path
    }

    /// What the origin does around a push.
    pub fn origin_hook(&self, name: &str, lines: &str) {
        let path = self.origin().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_executable(&path, &format!("#!/bin/sh\n{}{lines}\n", prelude(self.path())));
    }

    pub fn without_origin_hook(&self, name: &str) {
        fs::remove_file(self.origin().join("hooks").join(name)).unwrap();
    }

    // Tickets

    /// A ticket in Todo.
    pub fn ticket(&self, key: &str) {
        self.ticket_file(key, &format!("---\ntitle: The work of {key}\nstate: Todo\n---\nDo it.\n"));
    }

    pub fn ticket_file(&self, key: &str, text: &str) {
        fs::write(self.path().join("issues").join(format!("{key}.md")), text).unwrap();
    }

    pub fn ticket_text(&self, key: &str) -> String {
        fs::read_to_string(self.path().join("issues").join(format!("{key}.md"))).unwrap()
    }

    /// The state written in the ticket's file.
    pub fn ticket_state(&self, key: &str) -> String {
        let text = self.ticket_text(key);
        let line = text.lines().find_map(|line| line.strip_prefix("state:"));
        line.unwrap_or_default().trim().to_owned()
    }

    /// A person moves the ticket.
    pub fn move_ticket(&self, key: &str, state: &str) {
        let text = self.ticket_text(key);
        let now = self.ticket_state(key);
        self.ticket_file(key, &text.replacen(&format!("state: {now}"), &format!("state: {state}"), 1));
    }

    // Runs

    /// `conductor once --output json` to its end.
    pub fn once(&self, arguments: &[&str]) -> Run {
        self.start(arguments).wait()
    }

    /// The same, started by another program that becomes it.
    pub fn once_by(&self, starter: &[&str]) -> Run {
        let (folder, file) = self.configured("clone");
        let arguments = ["once", "--output", "json", "--config", file.to_str().unwrap()];
        self.spawn_by(starter, &arguments, &folder).wait()
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_in("clone", arguments)
    }

    /// The same in another checkout, which is made when it is not there.
    pub fn start_in(&self, checkout: &str, arguments: &[&str]) -> Running {
        let (folder, file) = self.configured(checkout);
        let mut all = vec!["once", "--config", file.to_str().unwrap()];
        if !arguments.contains(&"--output") {
            all.extend(["--output", "json"]);
        }
        all.extend(arguments);
        self.spawn(&all, &folder)
    }

    /// `conductor plan --output json` to its end.
    pub fn plan(&self, arguments: &[&str]) -> Run {
        let (folder, file) = self.configured("clone");
        let mut all = vec!["plan", "--output", "json", "--config", file.to_str().unwrap()];
        all.extend(arguments);
        self.spawn(&all, &folder).wait()
    }

    /// Another command of the program to its end.
    pub fn command(&self, arguments: &[&str]) -> Run {
        let (folder, file) = self.configured("clone");
        let mut all = arguments.to_vec();
        all.extend(["--config", file.to_str().unwrap()]);
        self.spawn(&all, &folder).wait()
    }

    /// Another command in another checkout, which is made when it is not there.
    pub fn begin_in(&self, checkout: &str, arguments: &[&str]) -> Running {
        let (folder, file) = self.configured(checkout);
        let mut all = arguments.to_vec();
        all.extend(["--config", file.to_str().unwrap()]);
        self.spawn(&all, &folder)
    }

    /// A command in a folder and in an environment of its own: of the world's it has `PATH` alone.
    /// Its home and its temporary folder are beside the folder.
    pub fn begin_apart(&self, folder: &Path, env: &[(&str, &str)], arguments: &[&str]) -> Running {
        let mut apart: BTreeMap<String, String> = BTreeMap::new();
        for name in ["PATH", "GIT_CONFIG_NOSYSTEM", "LC_ALL"] {
            apart.insert(name.to_owned(), self.env[name].clone());
        }
        for (name, own) in [("HOME", "home"), ("TMPDIR", "tmp")] {
            let path = folder.with_file_name(own);
            fs::create_dir_all(&path).unwrap();
            apart.insert(name.to_owned(), path.display().to_string());
        }
        apart.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.spawn_in_env(&apart, &[], arguments, folder)
    }

    /// A checkout and the configuration for it; both are made when they are not there.
    fn configured(&self, checkout: &str) -> (PathBuf, PathBuf) {
        let folder = self.path().join(checkout);
        if !folder.exists() {
            repo::checkout("origin.git", &folder);
            let url = repo::git(&self.checkout(), &["remote", "get-url", "origin"]);
            if self.github.is_some() {
                repo::git(&folder, &["remote", "set-url", "origin", &url]);
            }
        }
        let mut config = self.config.clone();
        config["repository"]["path"] = json!(checkout);
        config["workspace"]["root"] = json!(format!("{checkout}-work"));
        let file = self.path().join(format!("{checkout}.yml"));
        let text = serde_json::to_string_pretty(&config).unwrap();
        // Another run may be reading it just now.
        if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
            fs::write(&file, text).unwrap();
        }
        (folder, file)
    }

    /// The program with exactly these arguments.
    pub fn spawn(&self, arguments: &[&str], folder: &Path) -> Running {
        self.spawn_by(&[], arguments, folder)
    }

    /// Another program starts it, and becomes it.
    fn spawn_by(&self, starter: &[&str], arguments: &[&str], folder: &Path) -> Running {
        self.spawn_in_env(&self.env, starter, arguments, folder)
    }

    fn spawn_in_env(
        &self,
        env: &BTreeMap<String, String>,
        starter: &[&str],
        arguments: &[&str],
        folder: &Path,
    ) -> Running {
        let number = self.runs.replace(self.runs.get() + 1);
        let out = |what: &str| self.path().join("out").join(format!("{number}.{what}"));
        let file = |what: &str| fs::File::create(out(what)).unwrap();
        let words = [starter, &[env!("CARGO_BIN_EXE_conductor")], arguments].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(folder).env_clear().envs(env);
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        // Scripts that kill the program wait for this; an earlier one's number is not its own.
        let pid = self.path().join("pid");
        drop(fs::remove_file(&pid));
        let child = command.spawn().unwrap();
        fs::write(pid, child.id().to_string()).unwrap();
        Running { child: Some(child), out: out("out"), err: out("err") }
    }

    /// Waits for a fact a script tells.
    #[track_caller]
    pub fn await_fact(&self, fact: &str) {
        let path = self.path().join("facts").join(fact);
        assert!(comes_true(|| path.exists()), "{fact} never came");
    }

    pub fn tell(&self, fact: &str) {
        fs::write(self.path().join("facts").join(fact), "").unwrap();
    }

    pub fn knows(&self, fact: &str) -> bool {
        self.path().join("facts").join(fact).exists()
    }

    // What is found afterwards

    /// The attempts that agents were started for: `T-1 1`, sorted.
    pub fn started(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path().join("started")).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    pub fn has_state(&self) -> bool {
        repo::sha(&self.origin(), "conductor/state").is_some()
    }

    /// The state document on the origin.
    #[track_caller]
    pub fn state(&self) -> Value {
        serde_json::from_str(&repo::file_at(&self.origin(), "conductor/state", "state.json")).unwrap()
    }

    /// What is remembered of an issue; null when nothing is.
    #[track_caller]
    pub fn record(&self, key: &str) -> Value {
        let state = self.state();
        let issues = state["issues"].as_object().cloned().unwrap_or_default();
        issues
            .into_iter()
            .map(|(_, record)| record)
            .find(|record| record["identifier"] == key)
            .unwrap_or_default()
    }

    /// `(issue, outcome, failure)` of every attempt, oldest first.
    pub fn outcomes(&self) -> Vec<(String, String, String)> {
        let state = self.state();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let outcomes = state["outcomes"].as_array().cloned().unwrap_or_default();
        outcomes
            .iter()
            .map(|one| (text(&one["issue"]), text(&one["outcome"]), text(&one["failure"])))
            .collect()
    }

    /// The issues that are claimed.
    pub fn claims(&self) -> Vec<String> {
        let state = self.state();
        let claims = state["claims"].as_object().cloned().unwrap_or_default();
        claims.values().map(|claim| claim["identifier"].as_str().unwrap().to_owned()).collect()
    }

    /// Subjects of the state's commits, newest first.
    pub fn audit(&self) -> Vec<String> {
        let log = repo::git(&self.origin(), &["log", "--format=%s", "conductor/state"]);
        log.lines().map(str::to_owned).collect()
    }

    /// Replaces the state document, as another run would.
    pub fn write_state(&self, state: &Value) {
        repo::commit(
            &self.origin(),
            "conductor/state",
            "by another run",
            &[("state.json", &state.to_string())],
        );
    }

    /// Branches of the origin beside `main` and the state.
    pub fn branches(&self) -> BTreeMap<String, String> {
        let refs = repo::refs(&self.origin()).into_iter();
        refs.filter_map(|(name, sha)| Some((name.strip_prefix("refs/heads/")?.to_owned(), sha)))
            .filter(|(name, _)| name != "main" && name != "conductor/state")
            .collect()
    }

    pub fn head_of(&self, branch: &str) -> Option<String> {
        repo::sha(&self.origin(), &format!("refs/heads/{branch}"))
    }

    /// The local forge's pull requests, by number.
    pub fn pulls(&self) -> Vec<String> {
        let mut found: Vec<(u64, String)> = fs::read_dir(self.path().join("pulls"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter_map(|path| {
                let number = path.file_stem()?.to_str()?.parse().ok()?;
                Some((number, fs::read_to_string(&path).unwrap()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, text)| text).collect()
    }

    /// A file of a run's own folder, of the only run that has one.
    pub fn log_of(&self, key: &str, name: &str) -> String {
        let runs = self.checkout().join(".git/conductor/runs");
        let mut found: Vec<PathBuf> = fs::read_dir(runs)
            .unwrap()
            .map(|entry| entry.unwrap().path().join(key).join(name))
            .filter(|path| path.exists())
            .collect();
        found.sort();
        fs::read_to_string(found.last().expect("such a file")).unwrap()
    }

    /// Processes that have to do with this world, by what they were started as.
    pub fn processes(&self) -> Vec<String> {
        processes_of(self.path())
    }

    /// What kills the program of the latest run, from inside a server.
    pub fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let send = self.sender();
        move || send(rustix::process::Signal::KILL)
    }

    /// What sends a signal to the program of the latest run, from inside a server.
    pub fn sender(&self) -> impl Fn(rustix::process::Signal) + Send + Sync + 'static {
        let file = self.path().join("pid");
        move |signal| {
            let pid = || fs::read_to_string(&file).ok()?.parse().ok();
            assert!(comes_true(|| pid().is_some()));
            let pid = rustix::process::Pid::from_raw(pid().unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
        }
    }

    /// A run that is killed when GitHub has opened its pull request, before it hears of it.
    pub fn dies_with_its_pull_request_open(&self) {
        let kill = self.killer();
        self.github().server().lose_answers(1, move |request| {
            is_create(request) && {
                kill();
                true
            }
        });
        self.start(&[]).wait().exits(-1);
    }

    /// The claim of a run far away, which ends an hour from now.
    pub fn foreign_claim(&self, key: &str) -> Value {
        let now = chrono::Utc::now();
        json!({
            "identifier": key, "run_id": "another-run", "host": "elsewhere", "pid": 1, "pid_started": null,
            "ci_run_url": null, "claimed_at": now, "lease_expires_at": now + chrono::TimeDelta::hours(1),
            "attempt": 1, "branch": format!("conductor/{key}"),
            "base_sha": repo::sha(&self.origin(), "main").unwrap(),
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(comes_true(|| self.processes().is_empty()), "still alive: {:#?}", self.processes());
        for folder in ["tmp", "home"] {
            let left: Vec<PathBuf> =
                fs::read_dir(self.path().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(left.is_empty(), "left behind: {left:?}");
        }
    }
}

/// A run under way. Dropped before its end, it is killed.
pub struct Running {
    child: Option<Child>,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    #[track_caller]
    pub fn wait(mut self) -> Run {
        let status = self.end();
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Run { status, stdout: read(&self.out), stderr: read(&self.err) }
    }

    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let mut status = None;
        let ended = comes_true(|| {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it hung; it had said: {}", fs::read_to_string(&self.err).unwrap_or_default());
        }
        status.unwrap()
    }

    /// SIGINT, SIGTERM, …
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGKILL, and its end.
    pub fn kill(mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.end();
    }

    pub fn is_over(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A run that ended.
#[derive(Debug)]
pub struct Run {
    status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The exit code; `-1` when a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    pub fn ended_by_signal(&self) -> bool {
        self.status.code().is_none()
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self}");
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub fn report(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    #[track_caller]
    pub fn status(&self) -> String {
        self.report()["status"].as_str().unwrap().to_owned()
    }

    /// The report's entry of an issue that was worked on.
    #[track_caller]
    pub fn dispatched(&self, key: &str) -> Value {
        let report = self.report();
        let all = report["dispatched"].as_array().unwrap();
        all.iter().find(|one| one["issue"] == key).cloned().unwrap_or_else(|| panic!("no {key}: {self}"))
    }

    /// The keys of the issues that were worked on.
    #[track_caller]
    pub fn worked_on(&self) -> Vec<String> {
        let report = self.report();
        let all = report["dispatched"].as_array().unwrap();
        all.iter().map(|one| one["issue"].as_str().unwrap().to_owned()).collect()
    }

    /// Why an issue was left: its reason and the detail.
    #[track_caller]
    pub fn skipped(&self, key: &str) -> (String, String) {
        let report = self.report();
        let all = report["skipped"].as_array().unwrap();
        let one = all.iter().find(|one| one["issue"] == key).unwrap_or_else(|| panic!("no {key}: {self}"));
        (one["reason"].as_str().unwrap().to_owned(), one["detail"].as_str().unwrap().to_owned())
    }

    /// `(issue, action)` of what was recovered.
    #[track_caller]
    /// `(issue, from, to)` of every change that was brought on without an agent.
    pub fn advanced(&self) -> Vec<(String, String, String)> {
        let report = self.report();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = report["advanced"].as_array().unwrap();
        all.iter().map(|one| (text(&one["issue"]), text(&one["from"]), text(&one["to"]))).collect()
    }

    pub fn recovered(&self) -> Vec<(String, String)> {
        let report = self.report();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = report["recovered"].as_array().unwrap();
        all.iter().map(|one| (text(&one["issue"]), text(&one["action"]))).collect()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\nstdout: {}\nstderr: {}", self.status, self.stdout, self.stderr)
    }
}

/// Looks until it is so, for a while.
pub fn comes_true(mut fact: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !fact() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Every process but our own whose command line, environment or folder names that path.
fn processes_of(path: &Path) -> Vec<String> {
    let wanted = path.to_str().unwrap().as_bytes();
    let names = |bytes: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let line = read("cmdline");
        let folder = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if names(&line) || names(&read("environ")) || folder.starts_with(path) {
            found.push(format!("{name}: {}", String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

fn write_executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
