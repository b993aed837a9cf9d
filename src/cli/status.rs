//! `conductor status`: how things stand, from the state and the live run of this machine.

use super::args::GlobalArgs;
use super::failure::Failure;
use super::show::show;
use super::wire::{self, Surrounding, longest_wait};
use super::{look, terminal};
use crate::adapters::clock::SystemClock;
use crate::config::Config;
use crate::model::State;
use crate::model::standing::Standing;
use crate::policy::integrity::{self, Clocks};
use crate::policy::standing::{View, standing};
use crate::ports::Clock;
use crate::report::status::{self, Document};
use crate::system::host;
use crate::system::http::ServerTime;
use std::collections::{BTreeSet, HashSet};
use std::process::ExitCode;
use std::sync::Arc;

/// CI runs asked about, at most.
const MAX_RUNS: usize = 20;

pub(super) fn run(global: &GlobalArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let config = look::config(global, &surrounding)?;
    let state = look::state(&config)?;
    let (over, servers) = ended_runs(&config, &state)?;
    let offset = servers.offset();
    let (now, host) = (SystemClock::corrected_by(servers).now(), host::name());
    let view = View {
        is_over: &|page| over.contains(page),
        clocks: Clocks { now, skew: config.state.lease_skew, max_wait: longest_wait(&config) },
        host: &host,
        is_alive: &|claim| wire::lives(claim, &host),
        rate_limit: config.rate_limit,
        budget: config.budget,
    };
    let mut standing = Standing { live: look::live_run(global, &surrounding)?, ..standing(&state, &view) };
    standing.clocks.extend(integrity::own_clock(offset));
    let secrets = wire::secrets(&config, &surrounding);
    show(global, &secrets, &Document::of(&standing), |out| {
        status::render(&standing, now, terminal::width(), out)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The pages of CI runs that hold claims and are over, as the forge says. What it cannot be asked is
/// left to the leases.
fn ended_runs(config: &Config, state: &State) -> Result<(HashSet<String>, Arc<ServerTime>), Failure> {
    let pages: BTreeSet<&String> =
        state.claims.values().filter_map(|claim| claim.ci_run_url.as_ref()).collect();
    if pages.is_empty() {
        return Ok((HashSet::new(), Arc::default()));
    }
    let (forge, servers) = wire::open_forge(config)?;
    let is_over = |page: &&String| match forge.is_run_over(page) {
        Ok(over) => over == Some(true),
        Err(error) => {
            tracing::debug!("whether {page} is over cannot be told: {error}");
            false
        }
    };
    let over = pages.into_iter().take(MAX_RUNS).filter(is_over).cloned().collect();
    Ok((over, servers))
}
