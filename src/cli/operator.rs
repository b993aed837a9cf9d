//! What operators' commands share: a world to act in, and how refusals and interruptions end.

use super::args::GlobalArgs;
use super::failure::{FAULT, Failure, USAGE};
use super::log::LogObserver;
use super::wire::{Surrounding, Wired, secrets, wire};
use super::{look, signals, terminal};
use crate::config::Config;
use crate::cycle::Interrupt;
use crate::cycle::operator::OperatorError;
use crate::model::Secret;
use crate::system::redact::Redactor;
use std::sync::Arc;

/// A world, with signals that end what hangs in it.
pub(super) struct Desk {
    pub config: Config,
    pub wired: Wired,
    pub interrupt: Arc<Interrupt>,
    pub secrets: Vec<Secret>,
}

pub(super) fn open(global: &GlobalArgs) -> Result<Desk, Failure> {
    let surrounding = Surrounding::read()?;
    let config = look::config(global, &surrounding)?;
    let secrets = secrets(&config, &surrounding);
    let display = Arc::new(terminal::progress(global));
    terminal::log(global, Arc::clone(&display), Redactor::new(&secrets));
    let mut wired = wire(&config, &surrounding, vec![display, Arc::new(LogObserver)])?;
    let interrupt = Arc::new(Interrupt::default());
    let clients = std::mem::take(&mut wired.clients);
    signals::watch(Arc::clone(&interrupt), clients, wired.git.clone())
        .map_err(|error| Failure::new(FAULT, format!("signals cannot be watched: {error}")))?;
    Ok(Desk { config, wired, interrupt, secrets })
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Refused(_) => Self::new(USAGE, error.to_string()),
            OperatorError::Cycle(error) => error.into(),
        }
    }
}
