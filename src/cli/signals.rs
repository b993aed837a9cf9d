//! SIGINT, SIGTERM, SIGHUP and SIGQUIT: the first asks the run to end and record itself, the second ends it now.
//! Agents end with it either way: their supervisors see their pipe close.

use crate::cycle::Interrupt;
use crate::files;
use crate::system::git::GitStop;
use crate::system::http::HttpClient;
use std::path::Path;
use std::sync::Arc;

/// Watches for signals until the process ends.
#[cfg(unix)]
pub(super) fn watch(
    interrupt: Arc<Interrupt>,
    clients: Vec<Arc<HttpClient>>,
    git: GitStop,
) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let mut wanted = vec![SIGINT, SIGTERM, SIGQUIT];
    // `nohup` means that the end of the terminal is not the end of the run.
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
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

/// Whether whoever started this process had it ignore the signal.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = files::read_text(Path::new("/proc/self/status"), files::SMALL).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal - 1).is_ok_and(|bit| mask >> bit & 1 == 1)
}

#[cfg(not(unix))]
pub(super) fn watch(_: Arc<Interrupt>, _: Vec<Arc<HttpClient>>, _: GitStop) -> std::io::Result<()> {
    Ok(())
}
