//! What the errors of Tracker and Forge share: the error below, and how its refusal reads.

use crate::model::Time;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The error an adapter met below its own. Shared, so that port errors stay cheap to copy; two of
/// them are equal when they read the same.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// The error itself, when it is of that type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Cause {}

/// ` until 2026-…`, where the time is known.
pub(super) fn until_time(time: Option<&Time>) -> String {
    time.map(|time| format!(" until {}", time.to_rfc3339())).unwrap_or_default()
}
