//! An entry of the manual, and the chapters that entries stand in.

use std::borrow::Cow;

/// The chapters, in the order of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chapter {
    Options,
    Signals,
    Files,
    ExitStatus,
    Language,
    Global,
    Proxies,
    Peers,
    Rings,
    Resolvers,
    Userlists,
    Listening,
    Servers,
    StickTables,
    DataTypes,
    Samples,
    Converters,
    Actions,
    Acls,
    Commands,
    MasterCommands,
    Columns,
    Fields,
    Metrics,
}

impl Chapter {
    pub(super) const ALL: [Self; 24] = [
        Self::Options,
        Self::Signals,
        Self::Files,
        Self::ExitStatus,
        Self::Language,
        Self::Global,
        Self::Proxies,
        Self::Peers,
        Self::Rings,
        Self::Resolvers,
        Self::Userlists,
        Self::Listening,
        Self::Servers,
        Self::StickTables,
        Self::DataTypes,
        Self::Samples,
        Self::Converters,
        Self::Actions,
        Self::Acls,
        Self::Commands,
        Self::MasterCommands,
        Self::Columns,
        Self::Fields,
        Self::Metrics,
    ];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Options => "Options",
            Self::Signals => "Signals",
            Self::Files => "Files",
            Self::ExitStatus => "Exit status",
            Self::Language => "Sections and the form of lines",
            Self::Global => "Keywords of global",
            Self::Proxies => "Keywords of defaults, frontend, listen and backend",
            Self::Peers => "Keywords of peers",
            Self::Rings => "Keywords of ring, and words of its server lines",
            Self::Resolvers => "Keywords of resolvers",
            Self::Userlists => "Keywords of userlist",
            Self::Listening => "Words of bind and stats socket lines",
            Self::Servers => "Words of server and default-server lines",
            Self::StickTables => "Words of stick-table and table lines",
            Self::DataTypes => "Data types of stick tables",
            Self::Samples => "Samples",
            Self::Converters => "Converters",
            Self::Actions => "Actions of tcp-request and tcp-response rules",
            Self::Acls => "Predefined acls",
            Self::Commands => "Commands of the Runtime API",
            Self::MasterCommands => "Commands of the master socket (-S)",
            Self::Columns => "Columns of show stat",
            Self::Fields => "Fields of show info",
            Self::Metrics => "Metrics",
        }
    }
}

/// Whether a word does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Works,
    /// The word is taken. The help says why it changes nothing.
    HasNoEffect,
    /// The help says why.
    IsRefused,
}

/// One word with all that is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) chapter: Chapter,
    pub(super) name: Cow<'static, str>,
    /// The name with its arguments.
    pub(super) syntax: String,
    pub(super) standing: Standing,
    pub(super) help: String,
    /// Further lines, each with its title. An empty text is not printed.
    pub(super) facts: Vec<(&'static str, String)>,
}

impl Entry {
    /// An entry of a word that works and has no arguments.
    pub(super) fn new(chapter: Chapter, name: impl Into<Cow<'static, str>>, help: &str) -> Self {
        let name = name.into();
        Self {
            chapter,
            syntax: name.clone().into_owned(),
            name,
            standing: Standing::Works,
            help: help.to_owned(),
            facts: Vec::new(),
        }
    }
}

impl Standing {
    /// What stands before the reason.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Works => "",
            Self::HasNoEffect => "No effect",
            Self::IsRefused => "Refused",
        }
    }
}
