//! What is behind the fake GitHub's REST interface: pull requests with GitHub's rules.

use super::description;
use super::{Pull, REPOSITORY_ID, Rules, is_write, refusal, rest_path};
use crate::support::server::{Received, Reply};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

pub struct World {
    pub bare: PathBuf,
    pub owner: String,
    pub name: String,
    pub token: String,
    pub rules: Rules,
    pub pulls: Vec<Pull>,
    pub last_write: Option<Instant>,
    pub violations: Vec<String>,
}

impl World {
    pub fn rest(&mut self, request: &Received) -> Reply {
        if request.header("user-agent").is_none() {
            return Reply::text(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
            );
        }
        let authorization = request.headers_named("authorization");
        if authorization.len() > 1 {
            return refusal(400, "Bad request");
        }
        let token = authorization.first().and_then(|value| value.split_once(' ')).map(|(_, token)| token);
        if token != Some(self.token.as_str()) {
            return refusal(401, "Bad credentials");
        }
        if self.rules.down {
            return Reply::html(502, "<html><head><title>Unicorn!</title></head></html>");
        }
        if self.rules.sso {
            let message = "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.";
            let url = format!("https://github.com/orgs/{}/sso?authorization_request=AZSCKtL4", self.owner);
            return refusal(403, message).with_header("x-github-sso", format!("required; url={url}"));
        }
        if let Some(limited) = self.limited(request) {
            return limited;
        }
        let path = rest_path(request);
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let [owner, name, parts @ ..] = parts.as_slice() else { return refusal(404, "Not Found") };
        let full_name = format!("{owner}/{name}");
        if !full_name.eq_ignore_ascii_case(&format!("{}/{}", self.owner, self.name)) {
            return self.elsewhere(request, &full_name, parts);
        }
        if self.rules.read_only && is_write(request) {
            return refusal(403, "Resource not accessible by personal access token");
        }
        let reply = match (request.method.as_str(), parts) {
            ("GET", []) => self.repository(&full_name, REPOSITORY_ID, false),
            ("GET", ["pulls"]) => self.list(request),
            ("POST", ["pulls"]) => self.create(request),
            ("GET", ["actions", "runs", id]) => self.run(id),
            ("POST", ["issues", number, "labels"]) => self.label(number, &request.json()),
            ("POST", ["pulls", number, "requested_reviewers"]) => self.review(number, request),
            _ => refusal(404, "Not Found"),
        };
        match self.rules.allowance {
            Some(left) => reply
                .with_header("x-ratelimit-remaining", left.to_string())
                .with_header("x-ratelimit-reset", self.rules.reset.to_string()),
            None => reply,
        }
    }

    /// What has another name: the same repository by an older one, another one, or nothing.
    fn elsewhere(&self, request: &Received, full_name: &str, parts: &[&str]) -> Reply {
        if self.rules.former_names.iter().any(|former| former.eq_ignore_ascii_case(full_name)) {
            let status = if request.method == "GET" { 301 } else { 307 };
            let rest: String = parts.iter().map(|part| format!("/{part}")).collect();
            let query = request.query_string();
            let query = if query.is_empty() { String::new() } else { format!("?{query}") };
            let location = format!("/repos/{}/{}{rest}{query}", self.owner, self.name);
            return Reply::text(status, "").with_header("location", location);
        }
        let other = self.rules.others.iter().find(|other| other.full_name.eq_ignore_ascii_case(full_name));
        match other {
            Some(other) if parts.is_empty() => self.repository(&other.full_name, other.id, other.is_fork),
            _ => refusal(404, "Not Found"),
        }
    }

    fn repository(&self, full_name: &str, id: u64, is_fork: bool) -> Reply {
        let mut wire = description::repository(full_name);
        wire["id"] = json!(id);
        wire["fork"] = json!(is_fork);
        if is_fork {
            let mut parent = description::pull_request(&self.owner, &self.name)["base"]["repo"].take();
            parent["id"] = json!(REPOSITORY_ID);
            wire["source"] = parent.clone();
            wire["parent"] = parent;
        }
        Reply::json(200, &wire)
    }

    fn limited(&mut self, request: &Received) -> Option<Reply> {
        if let Some(left) = &mut self.rules.allowance {
            if *left == 0 {
                let reply = refusal(403, "API rate limit exceeded for installation.");
                return Some(
                    reply
                        .with_header("x-ratelimit-remaining", "0")
                        .with_header("x-ratelimit-reset", self.rules.reset.to_string()),
                );
            }
            *left -= 1;
        }
        if !is_write(request) {
            return None;
        }
        let since =
            self.last_write.replace(request.at).map(|last| request.at.saturating_duration_since(last));
        let too_soon = since.zip(self.rules.write_gap).is_some_and(|(since, gap)| since < gap);
        too_soon.then(|| {
            refusal(
                403,
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            )
            .with_header("retry-after", self.rules.retry_after.to_string())
        })
    }

    fn list(&mut self, request: &Received) -> Reply {
        let state = request.query_value("state").unwrap_or_else(|| "open".to_owned());
        // As the real one: a head without its owner is no filter at all.
        let head = request.query_value("head");
        let head = head.as_deref().and_then(|head| head.split_once(':'));
        let base = request.query_value("base");
        let wanted = |pull: &Pull, owner: &str| {
            let from = pull.fork.as_deref().unwrap_or(owner);
            (state == "all" || (state == "open") == pull.open)
                && head.is_none_or(|(owner, branch)| from.eq_ignore_ascii_case(owner) && pull.head == branch)
                && base.as_deref().is_none_or(|base| pull.base == base)
        };
        let mut found: Vec<Pull> =
            self.pulls.iter().filter(|pull| wanted(pull, &self.owner)).cloned().collect();
        if request.query_value("direction").as_deref() != Some("asc") {
            found.reverse();
        }
        let number = |name: &str, default: usize| {
            request.query_value(name).and_then(|value| value.parse().ok()).unwrap_or(default)
        };
        let size = number("per_page", 30).min(100).min(self.rules.page_size);
        let page = number("page", 1);
        let pages = found.len().div_ceil(size).max(1);
        let shown: Vec<Value> =
            found.iter().skip((page - 1) * size).take(size).map(|pull| self.wire(pull, request)).collect();
        let reply = Reply::json(200, &Value::Array(shown));
        if pages == 1 { reply } else { reply.with_header("link", links(request, page, pages)) }
    }

    fn run(&self, id: &str) -> Reply {
        let status = id.parse().ok().and_then(|id: u64| self.rules.runs.get(&id));
        let Some(status) = status else { return refusal(404, "Not Found") };
        let mut run = description::workflow_run(&self.owner, &self.name);
        run["id"] = json!(id.parse::<u64>().unwrap());
        run["status"] = json!(status);
        run["conclusion"] = if *status == "completed" { json!("cancelled") } else { Value::Null };
        Reply::json(200, &run)
    }

    fn create(&mut self, request: &Received) -> Reply {
        let wanted = request.json();
        if self.rules.forbid_create {
            return refusal(403, "GitHub Actions is not permitted to create or approve pull requests.");
        }
        let text = |name: &str| wanted[name].as_str().unwrap_or_default().to_owned();
        let (title, body, base, head) = (text("title"), text("body"), text("base"), text("head"));
        let head = head.strip_prefix(&format!("{}:", self.owner)).unwrap_or(&head).to_owned();
        let draft = wanted["draft"].as_bool().unwrap_or(false);
        if let Some(error) = self.fault(&title, &body, &head, &base, draft) {
            return invalid(&error);
        }
        let number = self.next_number();
        self.pulls.push(Pull {
            number,
            title,
            body,
            head_sha: self.sha(&head).expect("checked"),
            head,
            base,
            open: true,
            merged: false,
            draft,
            labels: Vec::new(),
            reviewers: Vec::new(),
            team_reviewers: Vec::new(),
            fork: None,
        });
        let pull = self.pulls.last().unwrap().clone();
        Reply::json(201, &self.wire(&pull, request))
    }

    /// What stands against a new pull request.
    fn fault(&self, title: &str, body: &str, head: &str, base: &str, draft: bool) -> Option<Value> {
        let field =
            |field: &str, code: &str| json!({"resource": "PullRequest", "field": field, "code": code});
        let custom =
            |message: String| json!({"resource": "PullRequest", "code": "custom", "message": message});
        if title.is_empty() {
            return Some(field("title", "missing_field"));
        }
        if title.chars().count() > 256 {
            return Some(custom("title is too long (maximum is 256 characters)".to_owned()));
        }
        if body.chars().count() > 65_536 {
            return Some(custom("body is too long (maximum is 65536 characters)".to_owned()));
        }
        if self.sha(base).is_none() {
            return Some(field("base", "invalid"));
        }
        if self.sha(head).is_none() {
            return Some(field("head", "invalid"));
        }
        let same = |pull: &&Pull| pull.open && pull.fork.is_none() && pull.head == head && pull.base == base;
        if self.pulls.iter().any(|pull| same(&pull)) {
            let owner = &self.owner;
            return Some(custom(format!("A pull request already exists for {owner}:{head}.")));
        }
        if self.git(&["rev-list", "--count", &format!("refs/heads/{base}..refs/heads/{head}")])
            == Some("0".to_owned())
        {
            return Some(custom(format!("No commits between {base} and {head}")));
        }
        if draft && !self.rules.drafts_supported {
            return Some(custom("Draft pull requests are not supported in this repository.".to_owned()));
        }
        None
    }

    fn label(&mut self, number: &str, wanted: &Value) -> Reply {
        let names: Vec<String> = strings(&wanted["labels"]);
        let Some(pull) = self.numbered(number) else { return refusal(404, "Not Found") };
        for name in names {
            if !pull.labels.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                pull.labels.push(name);
            }
        }
        let labels: Vec<Value> = pull.labels.iter().map(|name| description::label(name)).collect();
        Reply::json(200, &Value::Array(labels))
    }

    fn review(&mut self, number: &str, request: &Received) -> Reply {
        let wanted = request.json();
        let (people, teams) = (strings(&wanted["reviewers"]), strings(&wanted["team_reviewers"]));
        let Rules { author, collaborators, .. } = self.rules.clone();
        if people.contains(&author) {
            return refusal(422, "Review cannot be requested from pull request author.");
        }
        if people.iter().any(|name| !collaborators.is_empty() && !collaborators.contains(name)) {
            return refusal(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the repository.",
            );
        }
        let Some(pull) = self.numbered(number) else { return refusal(404, "Not Found") };
        pull.reviewers.extend(people);
        pull.team_reviewers.extend(teams);
        let pull = pull.clone();
        Reply::json(201, &self.wire(&pull, request))
    }

    fn numbered(&mut self, number: &str) -> Option<&mut Pull> {
        self.pulls.iter_mut().find(|pull| pull.number.to_string() == number)
    }

    pub fn next_number(&self) -> u64 {
        self.pulls.iter().map(|pull| pull.number).max().unwrap_or(0) + 1
    }

    /// The pull request as GitHub writes it: its own example with our values.
    fn wire(&self, pull: &Pull, request: &Received) -> Value {
        let host = request.header("host").unwrap_or("github.invalid");
        let mut wire = description::pull_request(&self.owner, &self.name);
        // An open pull request follows its branch.
        let sha =
            Some(pull).filter(|pull| pull.open && pull.fork.is_none()).and_then(|pull| self.sha(&pull.head));
        wire["number"] = json!(pull.number);
        wire["html_url"] = json!(format!("http://{host}/{}/{}/pull/{}", self.owner, self.name, pull.number));
        wire["state"] = json!(if pull.open { "open" } else { "closed" });
        wire["title"] = json!(pull.title);
        wire["body"] = json!(pull.body);
        wire["draft"] = json!(pull.draft);
        wire["merged"] = json!(pull.merged);
        wire["merged_at"] = json!(pull.merged.then_some("2026-11-22T00:00:00Z"));
        wire["closed_at"] = json!((!pull.open).then_some("2026-11-22T00:00:00Z"));
        wire["labels"] = pull.labels.iter().map(|name| description::label(name)).collect();
        let person = wire["user"].clone();
        let named = |login: &String| {
            let mut user = person.clone();
            user["login"] = json!(login);
            user
        };
        wire["requested_reviewers"] = pull.reviewers.iter().map(named).collect();
        wire["requested_teams"] = pull.team_reviewers.iter().map(|slug| description::team(slug)).collect();
        wire["user"]["login"] = json!(self.rules.author);
        wire["base"]["ref"] = json!(pull.base);
        wire["base"]["repo"]["id"] = json!(REPOSITORY_ID);
        let owner = pull.fork.as_ref().unwrap_or(&self.owner);
        wire["head"]["label"] = json!(format!("{owner}:{}", pull.head));
        wire["head"]["ref"] = json!(pull.head);
        wire["head"]["sha"] = json!(sha.unwrap_or_else(|| pull.head_sha.clone()));
        wire["head"]["repo"]["id"] = json!(REPOSITORY_ID + u64::from(pull.fork.is_some()));
        wire["head"]["repo"]["full_name"] = json!(format!("{owner}/{}", self.name));
        wire
    }

    pub fn sha(&self, branch: &str) -> Option<String> {
        self.git(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}^{{commit}}")])
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git").arg("--git-dir").arg(&self.bare).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        output.status.success().then_some(text)
    }
}

fn invalid(error: &Value) -> Reply {
    let documentation = "https://docs.github.com/rest/pulls/pulls#create-a-pull-request";
    let body = json!({"message": "Validation Failed", "errors": [error], "documentation_url": documentation});
    Reply::json(422, &body)
}

fn links(request: &Received, page: usize, pages: usize) -> String {
    let host = request.header("host").unwrap_or_default();
    let others: Vec<&str> =
        request.query_string().split('&').filter(|pair| !pair.starts_with("page=")).collect();
    let link = |number: usize, rel: &str| {
        format!("<http://{host}{}?{}&page={number}>; rel=\"{rel}\"", request.path(), others.join("&"))
    };
    let mut all = Vec::new();
    if page > 1 {
        all.push(link(page - 1, "prev"));
    }
    if page < pages {
        all.push(link(page + 1, "next"));
        all.push(link(pages, "last"));
    }
    all.join(", ")
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
