//! The proxy: `CONNECT` and plain HTTP to named hosts, on a port of this machine's own address and
//! on a Unix socket in a private folder. It decides by the name that was asked for, looks it up
//! itself, and refuses addresses of this machine and its link that were not named as such.

use crate::model::network::{HostRule, split_port};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The head of a request may have so many bytes, and may take so long.
const HEAD: usize = 16 * 1024;
const HEAD_TIME: Duration = Duration::from_secs(20);
const CONNECT_TIME: Duration = Duration::from_secs(20);
/// Connections at the same moment.
const MOST: usize = 512;
const END: &[u8] = b"\r\n\r\n";

#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("agent.network: the proxy for allowed hosts cannot be opened: {0}")]
    Listen(#[source] io::Error),
}

/// A proxy that serves until this process ends.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    socket: PathBuf,
    names_this_machine: bool,
    /// The socket's.
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Gate {
    rules: Vec<HostRule>,
    open: AtomicUsize,
    /// Told once each.
    refused: Mutex<BTreeSet<String>>,
}

impl Proxy {
    /// `temp`: where the socket's folder is made.
    pub fn start(rules: Vec<HostRule>, temp: &Path) -> Result<Self, ProxyError> {
        let gate = Arc::new(Gate { rules, open: AtomicUsize::new(0), refused: Mutex::new(BTreeSet::new()) });
        Self::listen(&gate, temp).map_err(ProxyError::Listen)
    }

    fn listen(gate: &Arc<Gate>, temp: &Path) -> io::Result<Self> {
        // The name of a socket may have 107 bytes.
        let temp = if temp.as_os_str().len() > 70 { Path::new("/tmp") } else { temp };
        let folder = tempfile::Builder::new().prefix("conductor-net-").tempdir_in(temp)?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
        let socket = folder.path().join("proxy");
        let unix = UnixListener::bind(&socket)?;
        let tcp = TcpListener::bind(("127.0.0.1", 0))?;
        let port = tcp.local_addr()?.port();
        let (for_unix, for_tcp) = (Arc::clone(gate), Arc::clone(gate));
        let thread = || std::thread::Builder::new().name("proxy".to_owned());
        thread().spawn(move || unix.incoming().flatten().for_each(|client| for_unix.take(client)))?;
        thread().spawn(move || tcp.incoming().flatten().for_each(|client| for_tcp.take(client)))?;
        let names_this_machine = gate.rules.iter().any(HostRule::is_of_this_machine);
        Ok(Self { port, socket, names_this_machine, _folder: folder })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A host that is named is on this machine, or may be.
    pub fn names_this_machine(&self) -> bool {
        self.names_this_machine
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// Both ends of what the proxy carries.
pub(super) trait Stream: Read + Write + Send + Sized + 'static {
    fn second(&self) -> io::Result<Self>;
    fn end_writing(&self);
    fn limit(&self, time: Option<Duration>) -> io::Result<()>;
}

macro_rules! stream {
    ($kind:ty) => {
        impl Stream for $kind {
            fn second(&self) -> io::Result<Self> {
                self.try_clone()
            }

            fn end_writing(&self) {
                // The other side may have done it.
                let _ended = self.shutdown(Shutdown::Write);
            }

            fn limit(&self, time: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(time)
            }
        }
    };
}

stream!(TcpStream);
stream!(UnixStream);

impl Gate {
    /// Serves a client on a thread of its own.
    fn take<S: Stream>(self: &Arc<Self>, client: S) {
        if self.open.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let gate = Arc::clone(self);
        let serve = move || {
            // Its client sees the connection end.
            let _broken = gate.serve(client);
            gate.open.fetch_sub(1, Ordering::Relaxed);
        };
        if std::thread::Builder::new().name("proxied".to_owned()).spawn(serve).is_err() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn serve<S: Stream>(&self, mut client: S) -> io::Result<()> {
        client.limit(Some(HEAD_TIME))?;
        let (head, rest) = read_head(&mut client)?;
        let Some(request) = Request::parse(&head) else {
            return refuse(&mut client, "400 Bad Request", "this is no request of a proxy's client");
        };
        let (host, port) = (&request.host, request.port);
        if !self.rules.iter().any(|rule| rule.allows(host, port)) {
            self.tell_refused(host, port);
            let words = format!("agent.network does not name {host}:{port}");
            return refuse(&mut client, "403 Forbidden", &words);
        }
        let mut server = match self.connect(host, port) {
            Ok(server) => server,
            Err(error) => {
                return refuse(&mut client, "502 Bad Gateway", &format!("{host}:{port}: {error}"));
            }
        };
        client.limit(None)?;
        match &request.forwarded {
            Some(head) => server.write_all(head)?,
            None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?,
        }
        server.write_all(&rest)?;
        carry(client, server)
    }

    fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let is_meant = self.rules.iter().any(|rule| rule.is_of_this_machine() && rule.allows(host, port));
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in (host, port).to_socket_addrs()? {
            if !is_meant && is_near(address.ip()) {
                last =
                    io::Error::other("its address is of this machine or its link, and is not named itself");
                continue;
            }
            match TcpStream::connect_timeout(&address, CONNECT_TIME) {
                Ok(server) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn tell_refused(&self, host: &str, port: u16) {
        let name: String =
            format!("{host}:{port}").chars().filter(char::is_ascii_graphic).take(200).collect();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MOST && refused.insert(name.clone()) {
            tracing::warn!(
                "agent.network: {name} was refused to the agent's side: name it there to allow it"
            );
        }
    }
}

/// Of this machine, or told by the link: a cloud's metadata among them.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_near(IpAddr::V4(v4)),
            None => v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local(),
        },
    }
}

struct Request {
    host: String,
    port: u16,
    /// The head to send on; `None` for a tunnel.
    forwarded: Option<Vec<u8>>,
}

impl Request {
    fn parse(head: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let (line, headers) = text.split_once("\r\n")?;
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !version.starts_with("HTTP/1.") {
            return None;
        }
        if method == "CONNECT" {
            let (host, port) = split_port(target)?;
            return Some(Self { host: plain(host)?, port: port?, forwarded: None });
        }
        let rest = target.strip_prefix("http://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = split_port(authority)?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        let kept = headers.split("\r\n").filter(|header| !is_own(header) && !header.is_empty());
        let mut forwarded = format!("{method} {slash}{path} {version}\r\nHost: {authority}\r\n");
        kept.for_each(|header| {
            forwarded.push_str(header);
            forwarded.push_str("\r\n");
        });
        forwarded.push_str("Connection: close\r\n\r\n");
        let forwarded = Some(forwarded.into_bytes());
        Some(Self { host: plain(host)?, port: port.unwrap_or(80), forwarded })
    }
}

/// Headers that are between the client and this proxy, or said anew.
fn is_own(header: &str) -> bool {
    let name = header.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    name.starts_with("proxy-") || matches!(name.as_str(), "host" | "connection" | "keep-alive")
}

fn plain(host: &str) -> Option<String> {
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-' | b'_' | b':');
    (!host.is_empty() && host.len() < 256 && host.bytes().all(is_plain)).then(|| host.to_owned())
}

/// A request's head, and what came behind it.
fn read_head(client: &mut impl Read) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = head.windows(END.len()).position(|bytes| bytes == END) {
            let rest = head.split_off(end + END.len());
            return Ok((head, rest));
        }
        let count = client.read(&mut piece)?;
        if count == 0 || head.len() > HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

fn refuse(client: &mut impl Write, status: &str, words: &str) -> io::Result<()> {
    let body = format!("conductor: {words}\n");
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Carries bytes both ways until both sides have ended theirs.
pub(super) fn carry<A: Stream, B: Stream>(mut one: A, mut other: B) -> io::Result<()> {
    let (mut from, mut to) = (one.second()?, other.second()?);
    let there = std::thread::Builder::new().spawn(move || {
        let _broken = io::copy(&mut from, &mut to);
        to.end_writing();
    })?;
    let _broken = io::copy(&mut other, &mut one);
    one.end_writing();
    let _ended = there.join();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_of_a_proxys_client_are_read() {
        let read = |text: &str| Request::parse(text.as_bytes());
        let tunnel = read("CONNECT a.b:443 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!((tunnel.host.as_str(), tunnel.port, tunnel.forwarded), ("a.b", 443, None));
        let sent = read(
            "GET http://a.b/c?d HTTP/1.1\r\nHost: other\r\nProxy-Authorization: x\r\nAccept: */*\r\n\r\n",
        );
        let sent = sent.unwrap();
        assert_eq!(
            String::from_utf8(sent.forwarded.unwrap()).unwrap(),
            "GET /c?d HTTP/1.1\r\nHost: a.b\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        for text in
            ["GET / HTTP/1.1\r\n\r\n", "CONNECT a.b HTTP/1.1\r\n\r\n", "CONNECT a@b:1 HTTP/1.1\r\n\r\n", "x"]
        {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn this_machine_and_its_link_are_near() {
        for near in ["127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "::ffff:127.0.0.1", "fe80::1"] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        assert!(!is_near("10.0.0.1".parse().unwrap()));
    }
}
