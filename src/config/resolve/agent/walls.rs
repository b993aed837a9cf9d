//! What holds the agent's side: the sandbox, its network, its places, its user.

use crate::config::section::{Entry, Section};
use crate::config::values::{boolean, choice, list, name, path, text};
use crate::config::{AgentContainer, AgentPlaces, AgentSandbox, AgentWalls, ContainerEngine};
use crate::model::network::{HostRule, NetworkRule};

const SANDBOXES: &[(&str, AgentSandbox)] = &[
    ("auto", AgentSandbox::Auto),
    ("landlock", AgentSandbox::Landlock),
    ("bubblewrap", AgentSandbox::Bubblewrap),
    ("container", AgentSandbox::Container),
    ("none", AgentSandbox::None),
];
const ENGINES: &[(&str, Option<ContainerEngine>)] =
    &[("auto", None), ("docker", Some(ContainerEngine::Docker)), ("podman", Some(ContainerEngine::Podman))];

pub(super) fn walls(s: &Section<'_>) -> AgentWalls {
    let sandbox = s.read("sandbox", |entry| choice(entry, SANDBOXES)).unwrap_or(AgentSandbox::Auto);
    let network = s.read("network", network).unwrap_or_default();
    if sandbox == AgentSandbox::None && network != NetworkRule::Open {
        s.fault("network", "cannot be held without a sandbox: set agent.sandbox: auto, or remove it");
    }
    let container = container(s);
    match (sandbox, &container) {
        (AgentSandbox::Container, None) => {
            s.fault("container", "names no image: write container: {image: NAME}");
        }
        (AgentSandbox::Container, Some(_)) | (_, None) => {}
        (_, Some(_)) => s.fault("container", "has no effect without `sandbox: container`: remove it"),
    }
    AgentWalls {
        sandbox,
        network,
        places: places(s),
        private_caches: s.read("private_caches", boolean).unwrap_or(false),
        user: s.read_nullable("user", name),
        container,
    }
}

fn places(s: &Section<'_>) -> AgentPlaces {
    let read = |key| s.read(key, |entry| list(entry, path)).unwrap_or_default();
    AgentPlaces { writable: read("writable"), readable: read("readable"), hidden: read("hidden") }
}

/// `open`, `none`, or a list of hosts.
fn network(entry: &Entry<'_>) -> Option<NetworkRule> {
    match &entry.node.value {
        crate::config::file::Value::List(_) => list(entry, host).map(NetworkRule::Hosts),
        _ => choice(entry, &[("open", false), ("none", true)])
            .map(|is_none| if is_none { NetworkRule::None } else { NetworkRule::Open }),
    }
}

fn host(entry: &Entry<'_>) -> Option<HostRule> {
    let named = text(entry)?;
    let found = HostRule::parse(&named);
    found.or_else(|| entry.refuse(format!("`{named}` is no host: write NAME, *.NAME or NAME:PORT")))
}

fn container(s: &Section<'_>) -> Option<AgentContainer> {
    let read = |s: &Section<'_>| {
        Some(AgentContainer {
            image: s.required("image", "the image agents run in", word)?,
            engine: s.read("engine", |entry| choice(entry, ENGINES)).flatten(),
            user: s.read_nullable("user", word),
            mounts: s.read("mounts", |entry| list(entry, word)).unwrap_or_default(),
        })
    };
    s.read_nullable("container", |entry| entry.fields(read))
}

/// What cannot be taken for an option of the engine's.
fn word(entry: &Entry<'_>) -> Option<String> {
    let word = text(entry)?;
    if word.is_empty() || word.starts_with('-') || word.contains(char::is_control) {
        return entry.refuse(format!("`{}` cannot stand here: write a plain word", word.escape_debug()));
    }
    Some(word)
}
