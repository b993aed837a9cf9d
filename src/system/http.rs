//! HTTP requests with bounds on everything: time, size, tries, redirects.
//!
//! Owns connections, repeats of safe requests and the count of what was really sent. Refuses plain
//! `http://` to anything but loopback, credentials inside URLs, and to carry a header to another
//! host on a redirect. What an answer means is its caller's business.

mod address;
mod answer;
mod classify;
mod error;
mod options;
mod request;
mod server_time;

pub use address::{encode_path, encode_query, is_loopback, same_host, same_origin};
pub use answer::{Response, epoch_seconds};
pub use error::HttpError;
pub use options::HttpOptions;
pub use request::{Method, Request};
pub use server_time::ServerTime;

use address::Target;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// Redirects followed for one request; a renamed repository needs one.
const MAX_REDIRECTS: u32 = 5;

/// Connections to one service, shared by threads. Nothing is set up before it is needed: TLS and
/// its certificates only for an `https://` request.
pub struct HttpClient {
    options: HttpOptions,
    lines: Mutex<Lines>,
    woken: Condvar,
    sent: AtomicU64,
}

/// The agents in use, and how often they were thrown away.
#[derive(Default)]
struct Lines {
    generation: u64,
    plain: Option<Agent>,
    secure: Option<Agent>,
    /// The system's certificates could not be used, the built-in ones are.
    built_in_roots: bool,
}

impl HttpClient {
    pub fn new(options: HttpOptions) -> Self {
        Self { options, lines: Mutex::default(), woken: Condvar::new(), sent: AtomicU64::new(0) }
    }

    /// Requests really sent, repeats and followed redirects included.
    pub fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends it, follows redirects, and repeats it where that is safe and useful. Any status is an
    /// answer, also the last 5xx.
    pub fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let generation = self.lines().generation;
        let tries = if generation == 0 { self.options.tries } else { 1 };
        let mut tried = 0;
        loop {
            tried += 1;
            let answer = self.follow(request, generation);
            let again = match &answer {
                Ok(response) => request.repeatable && response.is_transient(),
                Err(HttpError::Connect(_)) => true,
                Err(HttpError::Lost(_)) => request.repeatable,
                Err(_) => false,
            };
            if !again || tried >= tries {
                return answer;
            }
            let asked = answer.as_ref().ok().and_then(Response::retry_after_seconds);
            let wait = match asked {
                Some(asked) if asked > self.options.max_retry_after => return answer,
                Some(asked) => asked,
                None => jittered(self.options.retry_base.saturating_mul(1 << (tried - 1).min(8))),
            };
            tracing::debug!(?request, tried, ?wait, "sending it again");
            self.wait(wait, generation)?;
        }
    }

    /// Sleeps; [`HttpClient::interrupt`] ends it early.
    pub fn pause(&self, duration: Duration) -> Result<(), HttpError> {
        let generation = self.lines().generation;
        self.wait(duration, generation)
    }

    /// Ends every request and pause now in progress. Later ones work, over new connections and in
    /// less time: the clean-up after a signal needs them, and cannot wait for a service that hangs.
    pub fn interrupt(&self) {
        let mut lines = self.lines();
        lines.generation += 1;
        for agent in [lines.plain.take(), lines.secure.take()].into_iter().flatten() {
            agent.shutdown();
        }
        drop(lines);
        self.woken.notify_all();
    }

    fn wait(&self, duration: Duration, generation: u64) -> Result<(), HttpError> {
        let waited =
            self.woken.wait_timeout_while(self.lines(), duration, |lines| lines.generation == generation);
        let (lines, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(lines);
        if timeout.timed_out() { Ok(()) } else { Err(HttpError::Interrupted) }
    }

    /// Redirects are followed here rather than by ureq, which would turn a POST into a GET and go
    /// from https to http.
    fn follow(&self, request: &Request, generation: u64) -> Result<Response, HttpError> {
        let mut target = Target::parse(&request.url)?;
        let mut request = request.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.exchange(&request, &target, generation)?;
            let Some(location) = response.redirect() else { return Ok(response) };
            let next = target.join(location)?;
            if next.origin() != target.origin() {
                if request.method != Method::Get {
                    return Ok(response);
                }
                request.headers.clear();
            }
            if response.status == 303 {
                request.method = Method::Get;
                request.body = None;
            }
            target = next;
        }
        Err(HttpError::Lost(format!("{}: more than {MAX_REDIRECTS} redirects", target.shown())))
    }

    fn exchange(&self, request: &Request, target: &Target, generation: u64) -> Result<Response, HttpError> {
        let (started, asked) = (Instant::now(), chrono::Utc::now());
        let result = match self.run(request, target, generation) {
            // Raised before the handshake: the system's certificates could not be loaded.
            Err(Trouble::Http(ureq::Error::Rustls(error))) if self.use_built_in_roots(generation) => {
                tracing::warn!(%error, "the system's certificates cannot be used, using the built-in ones");
                self.run(request, target, generation)
            }
            result => result,
        };
        let interrupted = self.lines().generation != generation;
        let result = result.map_err(|trouble| match trouble {
            _ if interrupted => HttpError::Interrupted,
            Trouble::Interrupted => HttpError::Interrupted,
            Trouble::Http(error) => {
                classify::classified(&error, target, &self.options, self.timeout(generation))
            }
        });
        if !matches!(result, Err(HttpError::Connect(_) | HttpError::Address(_))) {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
        // What a cache kept says when it was kept.
        if let Ok(response) = &result
            && response.is_success()
            && response.header("age").is_none()
            && let Some(date) = response.header("date")
        {
            self.options.server_time.note(&target.shown(), date, asked, chrono::Utc::now());
        }
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(response) => tracing::debug!(?request, status = response.status, elapsed_ms, "http"),
            Err(error) => tracing::debug!(?request, %error, elapsed_ms, "http"),
        }
        result
    }

    fn run(&self, request: &Request, target: &Target, generation: u64) -> Result<Response, Trouble> {
        let agent = self.agent(target, generation)?;
        let mut builder = ureq::http::Request::builder().method(request.method.word()).uri(target.uri());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let answer = match &request.body {
            Some(body) => agent.run(builder.body(body.as_slice()).map_err(ureq::Error::Http)?)?,
            None => agent.run(builder.body(()).map_err(ureq::Error::Http)?)?,
        };
        let (parts, body) = answer.into_parts();
        // To the end: a connection with unread bytes is not used again.
        let body = body.into_with_config().limit(self.options.max_body).read_to_vec()?;
        Ok(Response::new(parts.status.as_u16(), &parts.headers, body))
    }

    fn agent(&self, target: &Target, generation: u64) -> Result<Agent, Trouble> {
        let mut lines = self.lines();
        if lines.generation != generation {
            return Err(Trouble::Interrupted);
        }
        let roots = if lines.built_in_roots { RootCerts::WebPki } else { RootCerts::PlatformVerifier };
        let agent = if target.is_secure() {
            lines.secure.get_or_insert_with(|| self.secure_agent(roots, generation))
        } else {
            lines.plain.get_or_insert_with(|| self.plain_agent(generation))
        };
        Ok(agent.clone())
    }

    /// True when this changed something, so that another try makes sense.
    fn use_built_in_roots(&self, generation: u64) -> bool {
        let mut lines = self.lines();
        if lines.generation != generation || lines.built_in_roots {
            return false;
        }
        lines.built_in_roots = true;
        lines.secure = None;
        true
    }

    /// For loopback only, so past any proxy.
    fn plain_agent(&self, generation: u64) -> Agent {
        self.agent_config(generation).proxy(None).build().new_agent()
    }

    fn secure_agent(&self, roots: RootCerts, generation: u64) -> Agent {
        let tls = TlsConfig::builder().root_certs(roots).build();
        self.agent_config(generation).https_only(true).tls_config(tls).build().new_agent()
    }

    fn agent_config(&self, generation: u64) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
        Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(&self.options.user_agent)
            .timeout_global(Some(self.timeout(generation)))
            .timeout_resolve(Some(self.options.connect_timeout))
            .timeout_connect(Some(self.options.connect_timeout))
            .max_idle_age(Duration::from_secs(60))
    }

    fn timeout(&self, generation: u64) -> Duration {
        match generation {
            0 => self.options.timeout,
            _ => self.options.timeout.min(self.options.hurried),
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An exchange that gave no answer, before it is put into words.
enum Trouble {
    Interrupted,
    Http(ureq::Error),
}

impl From<ureq::Error> for Trouble {
    fn from(error: ureq::Error) -> Self {
        Self::Http(error)
    }
}

/// Between half of it and all of it, so that runners started together drift apart.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0u8) % 512;
    wait / 2 + wait * u32::try_from(random).unwrap_or(0) / 1024
}
