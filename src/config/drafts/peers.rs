//! A `peers` section as it was typed.

use std::collections::HashMap;

use super::bind::BindDraft;
use super::proxy::LogDraft;
use super::stick::TableDraft;
use crate::config::PeerAddress;
use crate::config::text::diagnostic::{Place, Placed};
use crate::config::text::gaps::Gaps;

/// One `peers` section.
#[derive(Debug)]
pub(crate) struct PeersDraft {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) disabled: bool,
    /// The name of the local peer at the beginning of the section.
    pub(crate) local_name: String,
    pub(crate) peers: Vec<PeerDraft>,
    /// The place of each peer by name.
    pub(crate) peer_places: HashMap<String, Place>,
    pub(crate) binds: Vec<BindDraft>,
    pub(crate) default_bind: BindDraft,
    pub(crate) tables: Vec<TableDraft>,
    /// The place of each table by name.
    pub(crate) table_places: HashMap<String, Place>,
    pub(crate) log: Vec<LogDraft>,
    /// The place of the first `bind` or `server` line.
    pub(crate) bind_style: Option<Place>,
    /// The place of the first `peer` line.
    pub(crate) peer_style: Option<Place>,
    /// The lines of the section that could not be read.
    pub(crate) gaps: Gaps,
}

impl PeersDraft {
    /// The word that opens such a section.
    pub(crate) const WORD: &str = "peers";

    pub(crate) fn new(name: &Placed<&str>, local_name: &str) -> Self {
        Self {
            name: name.value.to_owned(),
            place: name.place,
            disabled: false,
            local_name: local_name.to_owned(),
            peers: Vec::new(),
            peer_places: HashMap::new(),
            binds: Vec::new(),
            default_bind: BindDraft::default(),
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
pub(crate) struct PeerDraft {
    pub(crate) name: Placed<String>,
    pub(crate) address: Option<PeerAddress>,
}
