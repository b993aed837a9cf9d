//! Turns among the processes of one user on this machine, by a name: whoever has the name's
//! address has the turn, and its end, also by a crash, is seen by all who wait. Nothing is left on
//! disk. Where the system has no such addresses everybody has a turn at once.

use std::time::Duration;

/// The turn, until dropped.
#[derive(Debug)]
pub struct HostTurn {
    #[cfg(target_os = "linux")]
    _address: std::os::unix::net::UnixListener,
}

/// What asking for a turn came to.
#[derive(Debug)]
pub struct Asked {
    /// `None`: there is none to be had, or its holder does not get on.
    pub turn: Option<HostTurn>,
    /// Others had it first.
    pub has_waited: bool,
}

/// Waits while the holders change; one that keeps its turn longer than `patience` is not waited for.
#[cfg(target_os = "linux")]
pub fn take(name: &str, patience: Duration, is_stopped: &dyn Fn() -> bool) -> Asked {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    let user = rustix::process::geteuid();
    let Ok(address) = SocketAddr::from_abstract_name(format!("conductor/{}/{name}", user.as_raw())) else {
        return Asked { turn: None, has_waited: false };
    };
    let mut has_waited = false;
    loop {
        match UnixListener::bind_addr(&address) {
            Ok(listener) => return Asked { turn: Some(HostTurn { _address: listener }), has_waited },
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => has_waited = true,
            Err(_) => return Asked { turn: None, has_waited },
        }
        if is_stopped() || !outlasts_holder(&address, user, patience, is_stopped) {
            return Asked { turn: None, has_waited };
        }
    }
}

/// Whether the holder's turn ended within the time.
#[cfg(target_os = "linux")]
fn outlasts_holder(
    address: &std::os::unix::net::SocketAddr,
    user: rustix::process::Uid,
    patience: Duration,
    is_stopped: &dyn Fn() -> bool,
) -> bool {
    use std::io::{ErrorKind, Read};
    use std::time::Instant;

    const LOOK: Duration = Duration::from_millis(50);
    let begun = Instant::now();
    // Refused: it ended just now.
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect_addr(address) else { return true };
    let is_own = rustix::net::sockopt::socket_peercred(&stream).is_ok_and(|holder| holder.uid == user);
    if !is_own || stream.set_read_timeout(Some(LOOK)).is_err() {
        return false;
    }
    while begun.elapsed() < patience && !is_stopped() {
        match stream.read(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            _ => return true,
        }
    }
    false
}

#[cfg(not(target_os = "linux"))]
pub fn take(_: &str, _: Duration, _: &dyn Fn() -> bool) -> Asked {
    Asked { turn: Some(HostTurn {}), has_waited: false }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const LONG: Duration = Duration::from_secs(60);

    fn name(of: &str) -> String {
        format!("test-{}-{of}", std::process::id())
    }

    #[test]
    fn turns_come_one_after_the_other() {
        let (name, inside, most) = (name("order"), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    let asked = take(&name, LONG, &|| false);
                    assert!(asked.turn.is_some());
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(asked);
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    }

    #[test]
    fn a_holder_that_does_not_get_on_is_not_waited_for() {
        let name = name("stuck");
        let held = take(&name, LONG, &|| false);
        assert!(held.turn.is_some() && !held.has_waited);
        let asked = take(&name, Duration::from_millis(60), &|| false);
        assert!(asked.turn.is_none() && asked.has_waited);
        assert!(take(&name, LONG, &|| true).turn.is_none(), "a stop ends the wait");
        drop(held);
        assert!(take(&name, LONG, &|| false).turn.is_some());
    }
}
