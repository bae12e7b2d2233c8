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

impl ServerIndex {
    /// No server: where clients are sent without a choice among the servers.
    pub const DISPATCH: Self = Self(u16::MAX);
}

ids! {
    /// A frontend's position in [`Config::frontends`](crate::config::Config::frontends).
    FrontendId(u16),
    /// A backend's position in [`Config::backends`](crate::config::Config::backends).
    BackendId(u16),
    /// A server's position in [`Backend::servers`](crate::config::Backend::servers), which is not
    /// its `id` in stick tables.
    ServerIndex(u16),
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
