//! What can happen to one answer on its way.
//!
//! ```text
//! server.damage(2, Damage::Lost, is_create);        // the 2nd such request from now on
//! for (name, damage) in Damage::every() { … }       // the columns of a fault matrix
//! ```

use super::{Received, Reply};
use serde_json::json;
use std::time::Duration;

/// One answer's fate. Whether the request is acted on all the same is part of it.
#[derive(Debug, Clone)]
pub enum Damage {
    /// Not acted on: this answer instead.
    Instead(Reply),
    /// Acted on, and then this answer: a proxy that lost patience.
    After(Reply),
    /// Not acted on: the connection is reset.
    Reset,
    /// Not acted on: no answer, and the connection stays open.
    Hang,
    /// Acted on: the connection ends without a word.
    Lost,
    /// Acted on: half of the answer, then the end.
    Truncated,
    /// Acted on: status 200 and nothing else.
    Empty,
    /// Acted on: the right answer, that much later.
    Slow(Duration),
}

impl Damage {
    /// Refused with that status, in JSON as both services write it.
    pub fn status(status: u16) -> Self {
        let message = format!("damaged on purpose: {status}");
        let errors = json!([{ "message": message, "extensions": {} }]);
        Self::Instead(Reply::json(status, &json!({ "message": message, "errors": errors })))
    }

    /// A page of a proxy's instead of the service's answer.
    pub fn page(status: u16) -> Self {
        let page = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";
        Self::Instead(Reply::html(status, page))
    }

    /// Every kind, with its name. `slow` is shorter than a client's patience.
    pub fn every(slow: Duration) -> Vec<(&'static str, Self)> {
        vec![
            ("500", Self::status(500)),
            ("502 page", Self::page(502)),
            ("502 after effect", Self::After(Reply::html(502, "<title>Bad Gateway</title>"))),
            ("401", Self::status(401)),
            ("403", Self::status(403)),
            ("404", Self::status(404)),
            ("409", Self::status(409)),
            ("422", Self::status(422)),
            ("429", Self::status(429)),
            ("reset", Self::Reset),
            ("truncated", Self::Truncated),
            ("slow", Self::Slow(slow)),
            ("hang", Self::Hang),
            ("empty", Self::Empty),
            ("lost", Self::Lost),
        ]
    }

    /// What is sent for the right answer, which is made only when it is acted on.
    pub(super) fn apply(self, right: impl FnOnce() -> Reply) -> Reply {
        match self {
            Self::Instead(reply) => reply,
            Self::After(reply) => {
                right();
                reply
            }
            Self::Reset => Reply::Reset,
            Self::Hang => Reply::Hang,
            Self::Lost => {
                right();
                Reply::Drop
            }
            Self::Truncated => Reply::Truncated(Box::new(right())),
            Self::Empty => {
                right();
                Reply::bytes(200, "application/json", Vec::new())
            }
            Self::Slow(delay) => right().after(delay),
        }
    }
}

type Matcher = dyn Fn(&Received) -> bool + Send + Sync;

/// A damage that waits for its requests.
pub(super) struct Plan {
    pub when: Box<Matcher>,
    /// Matching requests that pass unharmed first.
    pub skip: usize,
    pub times: usize,
    pub damage: Damage,
}

/// The damage that is due for that request; every plan counts it.
pub(super) fn due(plans: &mut [Plan], request: &Received) -> Option<Damage> {
    let mut found = None;
    for plan in plans.iter_mut().filter(|plan| plan.times > 0 && (plan.when)(request)) {
        if plan.skip > 0 {
            plan.skip -= 1;
        } else if found.is_none() {
            plan.times -= 1;
            found = Some(plan.damage.clone());
        }
    }
    found
}
