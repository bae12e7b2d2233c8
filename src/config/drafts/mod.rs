//! What was typed, section by section, before names are resolved and numbers are given.

mod bind;
mod check_script;
mod health;
mod http_request;
pub(super) mod keyword_names;
pub(super) mod names;
mod peers;
mod proxy;
mod server;
mod stick;

use crate::config::Global;
use crate::config::text::diagnostic::Place;
use crate::config::text::environment::Environment;
use crate::config::text::gaps::Gaps;

pub(super) use bind::{BindDraft, UnixBind};
pub(super) use check_script::{Message, StepDraft};
pub(super) use health::{AgentDraft, HealthDraft, ObserveDraft};
pub(super) use http_request::{Format, Request};
pub(super) use peers::{PeerDraft, PeersDraft};
pub(super) use proxy::{
    InExporter, LogDraft, ProxyDraft, ProxyKind, RuleKind, RuleLine, RuleStage, Said, Settings,
};
pub(super) use server::{InitAddr, ServerDraft, ServerSettings};
pub(super) use stick::{StickRuleDraft, TableDraft};

/// Everything that was typed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) environment: Environment,
    pub(crate) global: GlobalDraft,
    /// The name of the local peer from `-L`.
    pub(crate) local_peer: Option<String>,
    /// The `defaults` sections.
    pub(crate) defaults: Vec<ProxyDraft>,
    /// The proxies, in order.
    pub(crate) proxies: Vec<ProxyDraft>,
    /// The `peers` sections, in order.
    pub(crate) peers: Vec<PeersDraft>,
    /// Lines outside these sections that could not be read, and sections without a name.
    pub(crate) gaps: Gaps,
}

/// The `global` sections.
#[derive(Debug, Default)]
pub(crate) struct GlobalDraft {
    pub(crate) global: Global,
    /// The host's name.
    pub(crate) hostname: String,
    /// The settings of `unix-bind`.
    pub(crate) unix_bind: UnixBind,
    /// The places of the stats sockets.
    pub(crate) stats_places: Vec<Place>,
    /// Whether a peers section has begun, which uses the name of the local peer.
    pub(crate) has_peers: bool,
}

impl GlobalDraft {
    /// The word that opens such a section.
    pub(crate) const WORD: &str = "global";
}
