//! What of the network a child reaches: all, nothing, or named hosts through a proxy in this
//! process. Names are looked up by the proxy; a child behind it needs none.

mod proxy;
mod relay;

pub use proxy::{Proxy, ProxyError};
pub(super) use relay::{RELAY, begin as begin_relay};
pub use relay::{RELAY_MAIN, relay_main};

use crate::system::process::Spec;
use std::sync::Arc;

/// Where the relay listens behind walls that have a network of their own.
pub(super) const INNER_PORT: u16 = 3128;

/// What a child reaches.
#[derive(Debug, Clone, Default)]
pub enum Network {
    #[default]
    Open,
    None,
    /// What that proxy lets through.
    Hosts(Arc<Proxy>),
}

impl Network {
    /// Tells the child where its proxy is.
    pub(super) fn announce(&self, spec: &mut Spec, port: u16) {
        let Self::Hosts(to) = self else { return };
        let proxy = format!("http://127.0.0.1:{port}");
        let named = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
        let told = named.into_iter().map(|name| (name, proxy.as_str()));
        // What the child runs itself is beside it; what was named of this machine is beyond the proxy.
        let beside = if to.names_this_machine() { "" } else { "localhost,127.0.0.1,::1" };
        let rest = [("NO_PROXY", beside), ("no_proxy", beside), ("NODE_USE_ENV_PROXY", "1")];
        for (name, value) in told.chain(rest) {
            spec.env.retain(|(known, _)| known != name);
            spec.env.push((name.to_owned(), value.to_owned()));
        }
    }
}
