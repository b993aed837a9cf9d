//! The relay behind walls with a network of their own: listens on the inner loopback and carries
//! each connection to the proxy's socket. It is this program once more, started by what stands in
//! front of the child and left behind by it.

use super::INNER_PORT;
use super::proxy::carry;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Among the words of the walls: the proxy's socket.
pub(in super::super) const RELAY: &str = "--relay";
/// The first argument that makes this program a relay.
pub const RELAY_MAIN: &str = "__relay";

/// Starts a relay that is nobody's child, and returns once it listens.
pub(in super::super) fn begin(socket: &OsStr) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", INNER_PORT))?;
    let mut command = itself();
    command.arg(socket).arg("start").stdin(OwnedFd::from(listener)).env_clear().current_dir("/");
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if ended.success() { Ok(()) } else { Err(io::Error::other("the relay to the proxy did not start")) }
}

fn itself() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(RELAY_MAIN);
    command
}

/// `__relay SOCKET start` leaves `__relay SOCKET` behind, which serves until it is ended. Standard
/// input is the listener.
pub fn relay_main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(socket) = args.next().map(PathBuf::from) else { return ExitCode::FAILURE };
    let done = match args.next() {
        Some(_) => leave_behind(&socket),
        None => serve(&socket),
    };
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn leave_behind(socket: &Path) -> io::Result<()> {
    let _leader_already = rustix::process::setsid();
    itself().arg(socket).stdin(Stdio::inherit()).spawn().map(drop)
}

fn serve(socket: &Path) -> io::Result<()> {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    for client in listener.incoming().flatten() {
        let socket = socket.to_owned();
        std::thread::Builder::new().spawn(move || carry(client, UnixStream::connect(socket)?))?;
    }
    Ok(())
}
