//! SIGINT and SIGTERM: the first asks the run to end and record itself, the second ends it now.
//! Agents end with it either way: their supervisors see their pipe close.

use crate::cycle::Interrupt;
use crate::system::git::GitStop;
use crate::system::http::HttpClient;
use std::sync::Arc;

/// Watches for signals until the process ends.
#[cfg(unix)]
pub(super) fn watch(
    interrupt: Arc<Interrupt>,
    clients: Vec<Arc<HttpClient>>,
    git: GitStop,
) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if interrupt.signal().is_some() {
                std::process::exit(128 + signal);
            }
            interrupt.request(signal);
            tracing::warn!(
                "signal {signal}: stopping the agents and recording the state; once more to end at once"
            );
            // Whoever waits for an answer now need not wait for it any longer.
            clients.iter().for_each(|client| client.interrupt());
            git.stop();
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn watch(_: Arc<Interrupt>, _: Vec<Arc<HttpClient>>, _: GitStop) -> std::io::Result<()> {
    Ok(())
}
