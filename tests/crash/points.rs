//! Where a run can be stopped: found by watching one run that is left alone.

use crate::scenario::Scene;
use crate::support::server::{Damage, Received, Reply};
use crate::support::{github, linear};
use crate::wrapper;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What happens next at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Linear,
    GitHub,
    /// A call of git, or a place an agent or a gate tells of.
    Program,
}

/// The `nth` step of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub kind: Kind,
    pub name: String,
    pub nth: usize,
    /// Its effect has happened.
    pub after: bool,
}

#[derive(Debug, Clone)]
pub struct Stop {
    pub point: Point,
    pub signal: Signal,
    /// The next runs are on another machine, when the lease is over.
    pub elsewhere: bool,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { kind, name, nth, after } = &self.point;
        let service = match kind {
            Kind::Linear => "linear ",
            Kind::GitHub => "github ",
            Kind::Program => "",
        };
        let moment = if *after { "after" } else { "before" };
        let signal = if self.signal == Signal::KILL { "KILL" } else { "TERM" };
        let place = if self.elsewhere { "then elsewhere" } else { "then here" };
        write!(f, "{service}{name} #{nth} {moment} {signal} {place}")
    }
}

/// Every point of a run that nothing happens to.
pub fn of_a_clean_run() -> Vec<Point> {
    let scene = Scene::new();
    scene.world.once(&[]).exits(0);
    let mut points = Vec::new();
    let count = |names: Vec<String>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        names.into_iter().for_each(|name| *counts.entry(name).or_default() += 1);
        counts
    };
    let linear = scene.world.linear().server().received().iter().map(linear::name_of).collect();
    let github = scene.world.github().server().received().iter().map(github::name_of).collect();
    let calls = fs::read_dir(scene.world.path().join(wrapper::CALLS)).unwrap();
    let calls = calls
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.rsplit_once('.').unwrap().0.to_owned())
        .collect();
    for (kind, names) in [(Kind::Linear, linear), (Kind::GitHub, github), (Kind::Program, calls)] {
        for (name, times) in count(names) {
            for nth in 1..=times {
                let at = |after| Point { kind, name: name.clone(), nth, after };
                points.push(at(false));
                // A place is told of; it has no effect of its own.
                if !name.starts_with("at ") {
                    points.push(at(true));
                }
            }
        }
    }
    points
}

impl Stop {
    /// From now on the world's next run is stopped there.
    pub fn arrange(&self, scene: &Scene) {
        let Point { kind, name, nth, after } = &self.point;
        let server = match kind {
            Kind::Linear => scene.world.linear().server(),
            Kind::GitHub => scene.world.github().server(),
            Kind::Program => {
                wrapper::arrange(scene.world.path(), name, *nth, *after, self.signal);
                return;
            }
        };
        let named: fn(&Received) -> String =
            if *kind == Kind::Linear { linear::name_of } else { github::name_of };
        let (name, nth, signal) = (name.clone(), *nth, self.signal);
        let (seen, send) = (AtomicUsize::new(0), scene.world.sender());
        // A run that was killed reads no answer; one that was asked to end must not wait for it.
        let damage = match after {
            true => Damage::Lost,
            false if signal == Signal::KILL => Damage::Instead(Reply::Drop),
            false => Damage::Hang,
        };
        server.damage(1, damage, move |request| {
            named(request) == name && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth && {
                send(signal);
                true
            }
        });
    }
}
