//! `conductor status`: how things stand, from the state and the live run of this machine.

use super::args::GlobalArgs;
use super::failure::Failure;
use super::show::show;
use super::wire::{self, Surrounding, longest_wait};
use super::{look, terminal};
use crate::adapters::clock::SystemClock;
use crate::model::standing::Standing;
use crate::policy::integrity::Clocks;
use crate::policy::standing::{View, standing};
use crate::ports::Clock;
use crate::report::status::{self, Document};
use crate::system::host;
use std::process::ExitCode;

pub(super) fn run(global: &GlobalArgs) -> Result<ExitCode, Failure> {
    let surrounding = Surrounding::read()?;
    let config = look::config(global, &surrounding)?;
    let state = look::state(&config)?;
    let (now, host) = (SystemClock::new().now(), host::name());
    let view = View {
        clocks: Clocks { now, skew: config.state.lease_skew, max_wait: longest_wait(&config) },
        host: &host,
        is_alive: &|claim| wire::lives(claim, &host),
        rate_limit: config.rate_limit,
        budget: config.budget,
    };
    let standing = Standing { live: look::live_run(global, &surrounding)?, ..standing(&state, &view) };
    let secrets = wire::secrets(&config, &surrounding);
    show(global, &secrets, &Document::of(&standing), |out| {
        status::render(&standing, now, terminal::width(), out)
    })?;
    Ok(ExitCode::SUCCESS)
}
