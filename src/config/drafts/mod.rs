//! What was typed, section by section, before names are resolved and numbers are given.

mod bind;
mod check_script;
mod check_step;
mod format;
mod http_check;
pub(super) mod keyword_names;
mod log;
pub(super) mod names;
mod pages;
mod paths;
mod peers;
mod proxy;
mod resolvers;
mod ring;
mod server;
mod shared_notes;
mod stick;
mod tls;
mod userlist;

use std::path::PathBuf;

use crate::config::Global;
use crate::config::text::diagnostic::Place;
use crate::config::text::environment::Environment;
use crate::config::text::gaps::Gaps;
use crate::config::text::lexer::Word;

pub(super) use bind::{BindDraft, UnixBind};
pub(super) use check_step::StepDraft;
pub(super) use format::{FormatDraft, FormatStyle, PartDraft};
pub(super) use log::{DestinationDraft, LogDraft, LogTargetDraft, SampleDraft};
pub(super) use pages::StatsDraft;
pub(super) use paths::{Begin, DefaultPath, path_of};
pub(super) use peers::{PeerDraft, PeerTemplateDraft, PeersDraft};
pub(super) use proxy::{
    InPages, ProxyDraft, ProxyKind, RuleKind, RuleLine, RuleStage, Said, Settings,
};
pub(super) use resolvers::ResolversDraft;
pub(super) use ring::RingDraft;
pub(super) use server::{InitAddr, ServerDraft, ServerWords};
pub(super) use stick::{StickRuleDraft, TableDraft};
pub(super) use tls::{TlsDefaults, TlsDraft, TlsLimits, Verify};
pub(super) use userlist::{GroupDraft, UserDraft, UserlistDraft};

/// Everything that was typed.
#[derive(Debug, Default)]
pub(in crate::config) struct Draft {
    pub(in crate::config) environment: Environment,
    pub(in crate::config) global: GlobalDraft,
    /// The name of the local peer from `-L`.
    pub(in crate::config) local_peer: Option<String>,
    /// The `defaults` sections.
    pub(in crate::config) defaults: Vec<ProxyDraft>,
    /// The proxies, in order.
    pub(in crate::config) proxies: Vec<ProxyDraft>,
    /// The `peers` sections, in order.
    pub(in crate::config) peers: Vec<PeersDraft>,
    /// The `resolvers` sections, in order.
    pub(in crate::config) resolvers: Vec<ResolversDraft>,
    /// The `ring` sections, in order.
    pub(in crate::config) rings: Vec<RingDraft>,
    /// The `userlist` sections, in order.
    pub(in crate::config) userlists: Vec<UserlistDraft>,
    /// Lines outside these sections that could not be read, and sections without a name.
    pub(in crate::config) gaps: Gaps,
}

/// The `global` sections.
#[derive(Debug, Default)]
pub(in crate::config) struct GlobalDraft {
    pub(in crate::config) global: Global,
    /// The `log` lines.
    pub(in crate::config) log: Vec<LogTargetDraft>,
    /// The host's name.
    pub(in crate::config) hostname: String,
    /// The settings of `unix-bind`.
    pub(in crate::config) unix_bind: UnixBind,
    /// What is said about TLS.
    pub(in crate::config) tls: TlsDefaults,
    /// The place of `hardening`.
    pub(in crate::config) hardening_place: Option<Place>,
    /// The places of the stats sockets.
    pub(in crate::config) stats_places: Vec<Place>,
    /// The lines about variables of the process.
    pub(in crate::config) variables: Vec<VariableLine>,
    /// Whether a peers section has begun, which uses the name of the local peer.
    pub(in crate::config) has_peers: bool,
    /// Where tables are saved whose lines do not say it, and how often, in milliseconds.
    pub(in crate::config) tables_dir: Option<(PathBuf, u32)>,
    /// Where relative names begin in the lines that follow.
    pub(in crate::config) default_path: DefaultPath,
    /// Where relative names begin, in the order of the places.
    pub(in crate::config) paths: Vec<Begin>,
}

/// A line that sets a variable of the process, to a sample or to a format string. The line is
/// read when every name is known.
#[derive(Debug)]
pub(in crate::config) struct VariableLine {
    pub(in crate::config) keyword: &'static str,
    pub(in crate::config) is_format: bool,
    pub(in crate::config) place: Place,
    pub(in crate::config) words: Vec<Word>,
}

impl GlobalDraft {
    /// The word that opens such a section.
    pub(in crate::config) const WORD: &str = "global";
}
