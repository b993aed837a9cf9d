//! A small HTTP/1.1 server on loopback: threads, keep-alive, both kinds of request body. What it
//! answers is a closure's business; it records every request and can be told to damage answers.
//!
//! Dropping it closes every connection and joins every thread.

// Named in full: other tests include this file by its path.
#[path = "server/damage.rs"]
mod damage;

pub use damage::Damage;

use damage::Plan;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Names in lower case; repeated headers are repeated here.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Received {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn query_string(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The decoded query, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        let pairs = self.query_string().split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(k, v)| (decoded(k), decoded(v)))
            .collect()
    }

    pub fn query_value(&self, name: &str) -> Option<String> {
        self.query().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What happens next on the connection.
#[derive(Debug, Clone)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Nothing, until the client goes away or the server is dropped.
    Hang,
    /// The connection is closed without a word.
    Drop,
    /// The connection is reset.
    Reset,
    /// Half of that answer, then the connection is closed.
    Truncated(Box<Reply>),
    /// The same, later.
    After(Duration, Box<Reply>),
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json; charset=utf-8", body.to_string().into_bytes())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", body.as_bytes().to_vec())
    }

    pub fn html(status: u16, body: &str) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", body.as_bytes().to_vec())
    }

    pub fn bytes(status: u16, kind: &str, body: Vec<u8>) -> Self {
        Self::Answer { status, headers: vec![("content-type".to_owned(), kind.to_owned())], body }
    }

    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        match &mut self {
            Self::Answer { headers, .. } => headers.push((name.to_owned(), value.into())),
            Self::After(_, reply) | Self::Truncated(reply) => {
                **reply = reply.as_ref().clone().with_header(name, value);
            }
            Self::Hang | Self::Drop | Self::Reset => {}
        }
        self
    }

    pub fn after(self, delay: Duration) -> Self {
        Self::After(delay, Box::new(self))
    }

    pub fn status(&self) -> u16 {
        match self {
            Self::Answer { status, .. } => *status,
            Self::After(_, reply) | Self::Truncated(reply) => reply.status(),
            Self::Hang | Self::Drop | Self::Reset => 0,
        }
    }
}

type Handler = dyn Fn(&Received) -> Reply + Send + Sync;
struct Shared {
    handler: Box<Handler>,
    received: Mutex<Vec<Received>>,
    arrived: Condvar,
    plans: Mutex<Vec<Plan>>,
    connections: Mutex<HashMap<u64, TcpStream>>,
    opened: AtomicU64,
    stopping: AtomicBool,
}

pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port on loopback");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            received: Mutex::default(),
            arrived: Condvar::new(),
            plans: Mutex::default(),
            connections: Mutex::default(),
            opened: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Everything received so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    pub fn count(&self, matches: impl Fn(&Received) -> bool) -> usize {
        lock(&self.shared.received).iter().filter(|request| matches(request)).count()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.opened.load(Ordering::SeqCst)
    }

    /// Waits until that many such requests have arrived; false when they do not within a minute.
    pub fn wait_for(&self, count: usize, matches: impl Fn(&Received) -> bool) -> bool {
        let few = |all: &mut Vec<Received>| all.iter().filter(|request| matches(request)).count() < count;
        let all = lock(&self.shared.received);
        let waited = self.shared.arrived.wait_timeout_while(all, Duration::from_secs(60), few);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The next `times` requests that match get this reply instead of the handler's.
    pub fn inject(
        &self,
        times: usize,
        reply: Reply,
        when: impl Fn(&Received) -> bool + Send + Sync + 'static,
    ) {
        self.plan(0, times, Damage::Instead(reply), when);
    }

    /// The next `times` requests that match are acted on, and their answers get lost on the way.
    pub fn lose_answers(&self, times: usize, when: impl Fn(&Received) -> bool + Send + Sync + 'static) {
        self.plan(0, times, Damage::Lost, when);
    }

    /// The `nth` request from now on that matches is damaged; the first is 1.
    pub fn damage(
        &self,
        nth: usize,
        damage: Damage,
        when: impl Fn(&Received) -> bool + Send + Sync + 'static,
    ) {
        assert!(nth > 0, "requests are counted from 1");
        self.plan(nth - 1, 1, damage, when);
    }

    /// Every request that matches is damaged, until [`Server::repair`].
    pub fn damage_all(&self, damage: Damage, when: impl Fn(&Received) -> bool + Send + Sync + 'static) {
        self.plan(0, usize::MAX, damage, when);
    }

    /// Nothing is damaged from now on.
    pub fn repair(&self) {
        lock(&self.shared.plans).clear();
    }

    /// Damages that have not happened yet.
    pub fn pending(&self) -> usize {
        lock(&self.shared.plans).iter().filter(|plan| plan.times > 0).count()
    }

    fn plan(
        &self,
        skip: usize,
        times: usize,
        damage: Damage,
        when: impl Fn(&Received) -> bool + Send + Sync + 'static,
    ) {
        lock(&self.shared.plans).push(Plan { when: Box::new(when), skip, times, damage });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut workers: Vec<JoinHandle<()>> = Vec::new();
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let number = shared.opened.fetch_add(1, Ordering::SeqCst);
        lock(&shared.connections).insert(number, stream.try_clone().unwrap());
        workers.retain(|worker| !worker.is_finished());
        let shared = Arc::clone(shared);
        workers.push(std::thread::spawn(move || {
            // An error here is a client that went away, which is its right.
            let end = serve(&stream, &shared).unwrap_or(Next::Close);
            lock(&shared.connections).remove(&number);
            match end {
                Next::Reset => reset(stream),
                _ => drop(stream.shutdown(Shutdown::Both)),
            }
        }));
    }
    for stream in lock(&shared.connections).values() {
        drop(stream.shutdown(Shutdown::Both));
    }
    for worker in workers {
        drop(worker.join());
    }
}

/// What becomes of a connection after an answer.
enum Next {
    Read,
    Close,
    Reset,
}

fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<Next> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, stream)? {
        let last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let no_body = request.method == "HEAD";
        let damage = damage::due(&mut lock(&shared.plans), &request);
        lock(&shared.received).push(request.clone());
        shared.arrived.notify_all();
        let reply = match damage {
            Some(damage) => damage.apply(|| (shared.handler)(&request)),
            None => (shared.handler)(&request),
        };
        match perform(reply, stream, no_body)? {
            Next::Read if !last => {}
            Next::Reset => return Ok(Next::Reset),
            _ => break,
        }
    }
    Ok(Next::Close)
}

/// Closed so that the client gets a reset rather than an end.
fn reset(stream: TcpStream) {
    #[cfg(unix)]
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("linger of a socket");
    drop(stream);
}

fn perform(reply: Reply, mut stream: &TcpStream, no_body: bool) -> std::io::Result<Next> {
    match reply {
        Reply::Answer { status, headers, body } => {
            stream.write_all(&wire(status, &headers, &body, no_body))?;
            Ok(Next::Read)
        }
        Reply::Truncated(reply) => {
            if let Reply::Answer { status, headers, body } = *reply {
                let whole = wire(status, &headers, &body, no_body);
                stream.write_all(&whole[..whole.len() - body.len().div_ceil(2)])?;
            }
            Ok(Next::Close)
        }
        Reply::Hang => {
            stream.read_exact(&mut [0; 1])?;
            Ok(Next::Close)
        }
        Reply::Drop => Ok(Next::Close),
        Reply::Reset => Ok(Next::Reset),
        Reply::After(delay, reply) => {
            std::thread::sleep(delay);
            perform(*reply, stream, no_body)
        }
    }
}

fn wire(status: u16, headers: &[(String, String)], body: &[u8], no_body: bool) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut out = out.into_bytes();
    if !no_body {
        out.extend_from_slice(body);
    }
    out
}

fn read_request(reader: &mut BufReader<&TcpStream>, stream: &TcpStream) -> std::io::Result<Option<Received>> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Received {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
        at: Instant::now(),
    };
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = read_body(reader, &request)?;
    Ok(Some(request))
}

fn read_body(reader: &mut BufReader<&TcpStream>, request: &Received) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = read_line(reader)?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16);
            let size = size.map_err(std::io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            reader.read_exact(&mut body[start..])?;
            // The line end of the chunk, or of the (empty) trailer.
            read_line(reader)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    body.resize(length, 0);
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_line(reader: &mut BufReader<&TcpStream>) -> std::io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[at], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
