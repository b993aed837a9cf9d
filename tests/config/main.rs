//! Configuration files as people write them: what is read, what is refused, and where it says so.

mod discovery;
mod support;
mod syntax;
mod values;
