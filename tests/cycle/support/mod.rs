//! What the tests stand on: servers with behaviour, real repositories, scripted agents.

#![allow(dead_code)]

pub mod github;
pub mod graphql;
pub mod linear;
pub mod server;
