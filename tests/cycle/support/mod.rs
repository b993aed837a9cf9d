//! What the tests stand on: servers with behaviour, real repositories, scripted agents.

#![allow(dead_code)]

pub mod agent;
pub mod conductor;
pub mod github;
pub mod graphql;
pub mod linear;
pub mod repo;
pub mod server;
