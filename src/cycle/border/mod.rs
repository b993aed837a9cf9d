//! The cycle as separate jobs. `claim` hands tickets out as assignments, `work` does one of them
//! without a key of tracker or forge, `publish` takes results in and delivers them. Each uses the
//! very stages of `once`; between them there are documents and bundles alone.

mod assign;
mod files;
mod perform;
mod publish;
mod taken_in;

pub use assign::{Order, claim};
pub use perform::{Bench, work};
pub use publish::{Brought, Published, publish};
