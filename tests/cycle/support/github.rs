//! A GitHub that behaves: pull requests over REST and the repository over smart HTTP, on one
//! loopback server, both standing on a real bare repository.
//!
//! Every REST call and every answer is held against GitHub's own description; what does not match
//! fails the test when the fake is dropped.
//!
//! ```text
//! github.set(|rules| rules.forbid_create = true);   // a lasting state: see `Rules`
//! github.set(|rules| rules.sso = true);
//! github.set(|rules| rules.down = true);
//! github.server().damage(1, Damage::Lost, is_create);   // one answer: see `Damage`
//! github.server().received().iter().map(name_of)    // what came: "POST pulls", "git push", …
//! ```

mod description;
pub mod smart_http;
mod world;

use super::server::{Received, Reply, Server, lock};
use description::Description;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use world::World;

/// The id of the repository; a fork has another.
const REPOSITORY_ID: u64 = 1_296_269;

/// A pull request as the fake keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub head: String,
    /// The commit it had when last looked at.
    pub head_sha: String,
    pub base: String,
    pub open: bool,
    pub merged: bool,
    pub draft: bool,
    pub labels: Vec<String>,
    pub reviewers: Vec<String>,
    pub team_reviewers: Vec<String>,
    /// The owner of the fork it comes from.
    pub fork: Option<String>,
}

/// A repository beside the fake's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// `owner/name`
    pub full_name: String,
    pub id: u64,
    /// It is a fork of the fake's own.
    pub is_fork: bool,
}

/// How this GitHub is set up; the default says yes to everything.
#[derive(Debug, Clone)]
pub struct Rules {
    /// "Allow GitHub Actions to create pull requests" is off.
    pub forbid_create: bool,
    /// The token may read and not write: what a fine-grained or an App token is told.
    pub read_only: bool,
    /// The organization wants single sign-on, and the token has none.
    pub sso: bool,
    /// REST answers 502 with a page of HTML; git works.
    pub down: bool,
    /// Names the repository had before.
    pub former_names: Vec<String>,
    /// Other repositories, which have no pull requests.
    pub others: Vec<Repository>,
    pub drafts_supported: bool,
    /// Who opens the pull requests, and so cannot review them.
    pub author: String,
    /// Who may be asked for reviews; everybody when empty.
    pub collaborators: Vec<String>,
    /// Writes closer together than this hit the secondary limit.
    pub write_gap: Option<Duration>,
    /// What such a refusal says in `retry-after`.
    pub retry_after: u64,
    /// REST requests left until `reset` (epoch seconds).
    pub allowance: Option<u64>,
    pub reset: u64,
    /// The most a page of a list holds, whatever is asked for.
    pub page_size: usize,
    /// The status of each run of Actions it knows.
    pub runs: HashMap<u64, &'static str>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            forbid_create: false,
            read_only: false,
            sso: false,
            down: false,
            former_names: Vec::new(),
            others: Vec::new(),
            drafts_supported: true,
            author: "conductor-bot".to_owned(),
            collaborators: Vec::new(),
            write_gap: None,
            retry_after: 1,
            allowance: None,
            reset: 0,
            page_size: 100,
            runs: HashMap::new(),
        }
    }
}

pub struct FakeGitHub {
    server: Server,
    world: Arc<Mutex<World>>,
}

impl FakeGitHub {
    /// `repository` is `owner/name`; `bare` an existing bare repository.
    pub fn start(bare: &Path, repository: &str, token: &str) -> Self {
        let (owner, name) = repository.split_once('/').expect("owner/name");
        let world = Arc::new(Mutex::new(World {
            bare: bare.to_owned(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            token: token.to_owned(),
            rules: Rules::default(),
            pulls: Vec::new(),
            last_write: None,
            violations: Vec::new(),
        }));
        let server = Server::start({
            let world = Arc::clone(&world);
            move |request| answer(&world, request)
        });
        Self { server, world }
    }

    pub fn api_url(&self) -> String {
        self.server.url()
    }

    /// The same as an Enterprise server has it.
    pub fn enterprise_api_url(&self) -> String {
        format!("{}/api/v3", self.server.url())
    }

    /// For `git remote add`; wants the token as Basic auth.
    pub fn remote_url(&self) -> String {
        let world = lock(&self.world);
        format!("{}/{}/{}.git", self.server.url(), world.owner, world.name)
    }

    /// For faults and for looking at what came.
    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn set(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut lock(&self.world).rules);
    }

    pub fn pulls(&self) -> Vec<Pull> {
        lock(&self.world).pulls.clone()
    }

    /// What a person does with a pull request.
    pub fn close(&self, number: u64) {
        self.edit(number, |pull| pull.open = false);
    }

    pub fn merge(&self, number: u64) {
        self.edit(number, |pull| {
            pull.open = false;
            pull.merged = true;
        });
    }

    pub fn edit(&self, number: u64, change: impl FnOnce(&mut Pull)) {
        let mut world = lock(&self.world);
        change(world.pulls.iter_mut().find(|pull| pull.number == number).expect("such a pull request"));
    }

    /// A pull request somebody else opened; from a fork when `fork` names its owner.
    pub fn open_by_hand(&self, head: &str, base: &str, fork: Option<&str>) -> u64 {
        let mut world = lock(&self.world);
        let number = world.next_number();
        let head_sha = world.sha(head).unwrap_or_else(|| "f".repeat(40));
        world.pulls.push(Pull {
            number,
            title: format!("by hand: {head}"),
            body: String::new(),
            head: head.to_owned(),
            head_sha,
            base: base.to_owned(),
            open: true,
            merged: false,
            draft: false,
            labels: Vec::new(),
            reviewers: Vec::new(),
            team_reviewers: Vec::new(),
            fork: fork.map(str::to_owned),
        });
        number
    }

    /// REST requests that reached the fake.
    pub fn rest_requests(&self) -> usize {
        self.server.count(is_rest)
    }

    /// REST requests that write.
    pub fn writes(&self) -> Vec<Received> {
        self.server.received().into_iter().filter(|one| is_write(one) && !is_look(one)).collect()
    }

    /// Contacts of git with the repository: each fetch, push and ls-remote makes one (a second one
    /// when it comes without its credential first).
    pub fn git_contacts(&self) -> usize {
        // An older git asks without a login first, and is told that it takes one.
        let has_login = |request: &Received| request.header("authorization").is_some();
        self.server.count(|request| request.path().ends_with(".git/info/refs") && has_login(request))
    }

    /// Pushes that got as far as sending something.
    pub fn pushes(&self) -> usize {
        self.server.count(|request| request.path().ends_with(".git/git-receive-pack"))
    }

    /// From now on the repository refuses these refs, each by itself, as GitHub does for workflow
    /// files. `pattern` is a shell pattern of full names.
    pub fn refuse_refs(&self, pattern: &str, message: &str) {
        smart_http::refuse_refs(&lock(&self.world).bare, pattern, message);
    }

    /// Fails when anything sent or answered was not as GitHub describes it.
    pub fn assert_conforming(&self) {
        let violations = std::mem::take(&mut lock(&self.world).violations);
        assert!(violations.is_empty(), "not as GitHub describes it:\n{}", violations.join("\n"));
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_conforming();
        }
    }
}

pub fn is_rest(request: &Received) -> bool {
    rest_path(request).starts_with("/repos/")
}

pub fn is_write(request: &Received) -> bool {
    is_rest(request) && request.method != "GET"
}

/// What the request is for, without the repository's name and numbers: `POST pulls`,
/// `POST issues/N/labels`, `git fetch`, `git push`.
pub fn name_of(request: &Received) -> String {
    let path = rest_path(request);
    if !is_rest(request) {
        let service = request.query_value("service").unwrap_or_default();
        let is_push = path.ends_with("git-receive-pack") || service == "git-receive-pack";
        let step = if path.ends_with("/info/refs") { " refs" } else { "" };
        return format!("git {}{step}", if is_push { "push" } else { "fetch" });
    }
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = path.split('/').skip(4).map(|part| if is_number(&part) { "N" } else { part });
    format!("{} {}", request.method, parts.collect::<Vec<_>>().join("/")).trim_end().to_owned()
}

/// The request that opens a pull request.
pub fn is_create(request: &Received) -> bool {
    is_write(request) && request.path().ends_with("/pulls") && !is_look(request)
}

/// The request that finds out whether pull requests may be opened: it names no branch.
pub fn is_look(request: &Received) -> bool {
    is_write(request) && request.path().ends_with("/pulls") && request.json()["head"] == ""
}

fn rest_path(request: &Received) -> &str {
    request.path().strip_prefix("/api/v3").unwrap_or(request.path())
}

fn answer(world: &Mutex<World>, request: &Received) -> Reply {
    if is_rest(request) {
        let mut world = lock(world);
        let reply = world.rest(request);
        let description = Description::get();
        let mut violations = description.check_request(request, rest_path(request));
        // Redirects and a proxy's pages are described nowhere.
        if matches!(reply.status(), 200..300 | 400..500) {
            violations.extend(description.check_reply(request, rest_path(request), &reply));
        }
        world.violations.extend(violations);
        return reply;
    }
    // Outside the lock: git may take its time.
    let (bare, repository, token) = {
        let world = lock(world);
        (world.bare.clone(), format!("/{}/{}.git", world.owner, world.name), world.token.clone())
    };
    smart_http::answer(request, &bare, &repository, &token)
}

pub fn refusal(status: u16, message: &str) -> Reply {
    let documentation = "https://docs.github.com/rest";
    Reply::json(status, &json!({"message": message, "documentation_url": documentation}))
}
