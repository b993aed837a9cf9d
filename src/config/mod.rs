//! YAML, environment and flags → one immutable value.
