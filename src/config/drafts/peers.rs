//! A `peers` section as it was typed.

use std::collections::HashMap;

use ipnet::IpNet;

use super::bind::BindDraft;
use super::log::LogDraft;
use super::stick::TableDraft;
use super::tls::TlsDraft;
use crate::config::text::diagnostic::{Place, Placed};
use crate::config::text::gaps::Gaps;
use crate::config::{PeerAddress, PeerTls};
use crate::net::dns::name::Name;

/// One `peers` section.
#[derive(Debug)]
pub(in crate::config) struct PeersDraft {
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
    pub(in crate::config) disabled: bool,
    /// The name of the local peer at the beginning of the section.
    pub(in crate::config) local_name: String,
    pub(in crate::config) peers: Vec<PeerDraft>,
    pub(in crate::config) templates: Vec<PeerTemplateDraft>,
    /// The networks that callers may come from; any if there is none.
    pub(in crate::config) allowed: Vec<IpNet>,
    /// The place of each peer by name.
    pub(in crate::config) peer_places: HashMap<String, Place>,
    pub(in crate::config) binds: Vec<BindDraft>,
    pub(in crate::config) default_bind: BindDraft,
    /// The words about TLS of `default-server` lines.
    pub(in crate::config) default_tls: TlsDraft,
    pub(in crate::config) tables: Vec<TableDraft>,
    /// The place of each table by name.
    pub(in crate::config) table_places: HashMap<String, Place>,
    pub(in crate::config) log: Vec<LogDraft>,
    /// The place of the first `bind` or `server` line.
    pub(in crate::config) bind_style: Option<Place>,
    /// The place of the first `peer` line.
    pub(in crate::config) peer_style: Option<Place>,
    /// The lines of the section that could not be read.
    pub(in crate::config) gaps: Gaps,
}

impl PeersDraft {
    /// The word that opens such a section.
    pub(in crate::config) const WORD: &str = "peers";

    pub(in crate::config) fn new(name: &Placed<&str>, local_name: &str) -> Self {
        Self {
            name: name.value.to_owned(),
            place: name.place,
            disabled: false,
            local_name: local_name.to_owned(),
            peers: Vec::new(),
            templates: Vec::new(),
            allowed: Vec::new(),
            peer_places: HashMap::new(),
            binds: Vec::new(),
            default_bind: BindDraft::default(),
            default_tls: TlsDraft::default(),
            tables: Vec::new(),
            table_places: HashMap::new(),
            log: Vec::new(),
            bind_style: None,
            peer_style: None,
            gaps: Gaps::default(),
        }
    }
}

/// One `peer` or `server` line of a peers section.
#[derive(Debug)]
pub(in crate::config) struct PeerDraft {
    pub(in crate::config) name: Placed<String>,
    pub(in crate::config) address: Option<PeerAddress>,
    /// The section that looks its name up.
    pub(in crate::config) resolvers: Option<Placed<String>>,
    pub(in crate::config) prefers_ipv4: bool,
    /// The words about TLS.
    pub(in crate::config) tls: TlsDraft,
    /// What calls are made with, once the files have been read.
    pub(in crate::config) prepared: Option<PeerTls>,
}

/// A `peer-template` line of a peers section.
#[derive(Debug)]
pub(in crate::config) struct PeerTemplateDraft {
    pub(in crate::config) count: u16,
    pub(in crate::config) service: Name,
    pub(in crate::config) resolvers: Placed<String>,
    pub(in crate::config) prefers_ipv4: bool,
    /// The words about TLS.
    pub(in crate::config) tls: TlsDraft,
    /// What calls are made with, once the files have been read.
    pub(in crate::config) prepared: Option<PeerTls>,
}
