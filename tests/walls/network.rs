//! What of the network a hostile agent reaches: all, nothing, or the hosts that were named, with
//! servers on this machine.

use crate::world::{Ran, World};
use crate::{agent, has_bubblewrap, has_landlock};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A server that says a word and counts who asks.
struct Server {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start(word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _sent = client.read(&mut request);
                let length = word.len();
                let _read = write!(
                    client,
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{word}"
                );
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A server of datagrams: what a name server is.
fn datagrams() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (port, heard) = (socket.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let hearing = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok(count) = socket.recv(&mut bytes) {
            hearing.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
    });
    (port, heard)
}

/// Asks by itself, by the proxy, by plain HTTP and by datagram; `$1` is a port, `$2` one of datagrams.
const ASKS: &str = r#"
import os, socket, sys
allowed, forbidden, datagrams = map(int, sys.argv[1:])
told = []
def tell(name, what):
    try: told.append(name + "=" + what())
    except Exception as error: told.append(name + "=refused")
def direct(port):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return everything(s)
def everything(s):
    text = b""
    while piece := s.recv(4096): text += piece
    return text.split(b"\r\n\r\n")[-1].decode()
def proxy():
    host, port = os.environ["HTTPS_PROXY"].removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 10)
def tunnel(port, host="127.0.0.1"):
    with proxy() as s:
        s.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
        answer = s.recv(4096)
        if b" 200 " not in answer.split(b"\r\n")[0]: return "no"
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return everything(s)
def plain(port):
    with proxy() as s:
        s.sendall(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return everything(s).split(":")[0]
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"leak", ("127.0.0.1", datagrams)); return "sent"
tell("direct-allowed", lambda: direct(allowed)); tell("direct-forbidden", lambda: direct(forbidden))
tell("tunnel-allowed", lambda: tunnel(allowed)); tell("tunnel-forbidden", lambda: tunnel(forbidden))
tell("plain-allowed", lambda: plain(allowed)); tell("plain-forbidden", lambda: plain(forbidden))
tell("tunnel-name", lambda: tunnel(allowed, "localhost"))
tell("datagram", datagram)
open("told", "w").write("\n".join(told))
"#;

struct Asked {
    told: Vec<String>,
    forbidden: usize,
    heard: Vec<u8>,
    ran: Ran,
}

impl Asked {
    fn says(&self, line: &str) -> bool {
        self.told.iter().any(|told| told == line)
    }
}

/// An agent asks a server that is allowed where a list is, and one that is not.
fn ask(kind: &str, network: impl Fn(u16) -> Value) -> Asked {
    let (allowed, forbidden) = (Server::start("welcome"), Server::start("secret"));
    let (datagrams, heard) = datagrams();
    let script = format!(
        "python3 - {} {forbidden} {datagrams} <<'END'\n{ASKS}\nEND\ngit add -A; git commit -q -m 'Ask'",
        allowed.port,
        forbidden = forbidden.port
    );
    let world = World::new(&agent(kind, &script, &[("network", network(allowed.port))]));
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{kind}: {}\n{}", ran.stderr, world.log());
    let told = world.git("origin.git", &["show", "conductor/T-1:told"]).lines().map(str::to_owned).collect();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let heard = heard.lock().unwrap().clone();
    Asked { told, forbidden: forbidden.asked(), heard, ran }
}

fn by_list(port: u16) -> Value {
    json!([format!("127.0.0.1:{port}"), "*.example.org"])
}

#[test]
fn behind_bubblewrap_only_named_hosts_are_reached_and_only_by_the_proxy() {
    if !has_bubblewrap() {
        return;
    }
    let asked = ask("bubblewrap", by_list);
    for line in [
        "direct-allowed=refused",
        "direct-forbidden=refused",
        "tunnel-allowed=welcome",
        "tunnel-forbidden=no",
        "plain-allowed=welcome",
        "plain-forbidden=conductor",
        "tunnel-name=no",
    ] {
        assert!(asked.says(line), "{line}: {:?}", asked.told);
    }
    assert_eq!((asked.forbidden, asked.heard.as_slice()), (0, &b""[..]));
    assert!(asked.ran.stderr.contains("was refused to the agent's side"), "{}", asked.ran.stderr);
}

#[test]
fn with_landlock_no_connection_goes_past_the_proxy() {
    if !has_landlock() {
        return;
    }
    let asked = ask("landlock", by_list);
    for line in [
        "direct-allowed=refused",
        "direct-forbidden=refused",
        "tunnel-allowed=welcome",
        "tunnel-forbidden=no",
    ] {
        assert!(asked.says(line), "{line}: {:?}", asked.told);
    }
    assert_eq!(asked.forbidden, 0);
    // What it does not hold is said.
    assert!(asked.ran.stderr.contains("UDP, DNS and Unix sockets stay open"), "{}", asked.ran.stderr);
}

#[test]
fn without_a_network_nothing_is_reached() {
    if !has_bubblewrap() {
        return;
    }
    for kind in ["bubblewrap", "auto"] {
        let asked = ask(kind, |_| json!("none"));
        assert!(
            asked.told.iter().all(|line| line.ends_with("=refused") || line == "datagram=sent"),
            "{:?}",
            asked.told
        );
        assert_eq!((asked.forbidden, asked.heard.as_slice()), (0, &b""[..]));
        assert_eq!(asked.ran.report["sandbox"], "bubblewrap");
    }
}

/// The same agent reaches all of it where nothing holds it: the tests above can fail.
#[test]
fn an_open_network_is_open() {
    for kind in crate::kinds() {
        let asked = ask(kind, |_| json!("open"));
        assert!(asked.says("direct-forbidden=secret") && asked.says("datagram=sent"), "{:?}", asked.told);
        assert_eq!((asked.forbidden > 0, asked.heard.as_slice()), (true, &b"leak"[..]));
    }
}

#[test]
fn a_network_that_cannot_be_held_is_refused_before_anything_is_claimed() {
    for (kind, network, word) in [
        ("none", json!("none"), "cannot be held without a sandbox"),
        ("landlock", json!("none"), "cannot be held by agent.sandbox: landlock"),
        ("auto", json!(["https://a.b"]), "is no host"),
    ] {
        let world = World::new(&agent(kind, "true", &[("network", network)]));
        let ran = world.once();
        assert_eq!(ran.code, Some(2), "{kind}: {}", ran.report);
        assert!(ran.stderr.contains(word), "{kind}: {}", ran.stderr);
    }
}
