//! Ids: the positions of frontends, backends, servers, tables and peers sections in their lists.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($int:ty),)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $int);

        impl $name {
            /// The position in the list that the id belongs to.
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        })*
    };
}

/// A server of a backend: its place among the servers, and how many servers had that place before.
/// So what is left of a server that was deleted never means the server that came after it. It is
/// not the `id` in stick tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerIndex {
    place: u16,
    generation: u16,
}

impl ServerIndex {
    /// No server: where clients are sent without a choice among the servers.
    pub const DISPATCH: Self = Self::configured(u16::MAX);

    /// The server at this position in
    /// [`Backend::servers`](crate::config::Backend::servers).
    pub const fn configured(position: u16) -> Self {
        Self { place: position, generation: 0 }
    }

    /// The server that comes next to the place of this one; none if a place cannot be used any
    /// more, because the numbers are used up.
    pub fn successor(self) -> Option<Self> {
        Some(Self { generation: self.generation.checked_add(1)?, ..self })
    }

    /// Its place among the servers of its backend.
    pub fn index(self) -> usize {
        usize::from(self.place)
    }
}

ids! {
    /// A frontend's position in [`Config::frontends`](crate::config::Config::frontends).
    FrontendId(u16),
    /// A backend's position in [`Config::backends`](crate::config::Config::backends).
    BackendId(u16),
    /// A stick table's position in [`Config::tables`](crate::config::Config::tables).
    TableId(u16),
    /// A position in [`Config::userlists`](crate::config::Config::userlists).
    UserlistId(u16),
    /// A peers section's position in [`Config::peers`](crate::config::Config::peers).
    PeersId(u16),
    /// A position in [`Config::resolvers`](crate::config::Config::resolvers).
    ResolversId(u16),
    /// A ring's position in [`Config::rings`](crate::config::Config::rings).
    RingId(u16),
}

/// The side that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends.
    Request,
    /// What the server sends.
    Response,
}

impl Direction {
    /// Who sends this, in messages.
    pub(in crate::config) fn sender(self) -> &'static str {
        match self {
            Self::Request => "client",
            Self::Response => "server",
        }
    }
}
