//! The form of a row of the keyword tables: where a keyword can stand, how many words follow it,
//! and what reads it.

use crate::config::drafts::{
    BindDraft, Draft, GlobalDraft, InPages, PeersDraft, ProxyDraft, ProxyKind, ResolversDraft,
    RingDraft, ServerWords, UserlistDraft,
};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

/// The places in a configuration where a keyword can stand, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(u16);

impl Scope {
    /// No place.
    pub(in crate::config) const NOWHERE: Self = Self(0);
    /// The `global` section.
    pub const GLOBAL: Self = Self(1);
    /// A `defaults` section.
    pub const DEFAULTS: Self = Self(1 << 1);
    /// A `frontend` section, or a `listen` section.
    pub const FRONTEND: Self = Self(1 << 2);
    /// A `backend` section, or a `listen` section.
    pub const BACKEND: Self = Self(1 << 3);
    /// A `peers` section.
    pub const PEERS: Self = Self(1 << 4);
    /// A word after the address of a `bind` line.
    pub const BIND: Self = Self(1 << 5);
    /// A word after the address of a `stats socket` line.
    pub const STATS_SOCKET: Self = Self(1 << 6);
    /// A word after the address of a `server` line, or on a `default-server` line.
    pub const SERVER: Self = Self(1 << 7);
    /// A word of a `stick-table` line.
    pub const STICK_TABLE: Self = Self(1 << 8);
    /// A `ring` section.
    pub const RING: Self = Self(1 << 14);
    /// A word after the address of a `server` line of a ring.
    pub const RING_SERVER: Self = Self(1 << 15);
    /// A `resolvers` section.
    pub const RESOLVERS: Self = Self(1 << 10);
    /// A `userlist` section.
    pub const USERLIST: Self = Self(1 << 9);

    /// The sections that accept clients, and `defaults`.
    pub const FRONT: Self = Self::DEFAULTS.and(Self::FRONTEND);
    /// The sections that have servers, and `defaults`.
    pub const BACK: Self = Self::DEFAULTS.and(Self::BACKEND);
    /// Every proxy section, `defaults` included.
    pub const PROXY: Self = Self(Self::DEFAULTS.0 | Self::FRONTEND.0 | Self::BACKEND.0);
    /// Every section.
    pub(in crate::config) const LINES: Self = Self(
        Self::GLOBAL.0
            | Self::PROXY.0
            | Self::PEERS.0
            | Self::RING.0
            | Self::USERLIST.0
            | Self::RESOLVERS.0,
    );
    /// What can be listened on.
    pub const LISTENER: Self = Self(Self::BIND.0 | Self::STATS_SOCKET.0);

    /// Where the lines of such a section can stand.
    pub(in crate::config) const fn of(kind: ProxyKind) -> Self {
        match kind {
            ProxyKind::Defaults => Self::DEFAULTS,
            ProxyKind::Frontend => Self::FRONTEND,
            ProxyKind::Backend => Self::BACKEND,
            ProxyKind::Listen => Self::FRONTEND.and(Self::BACKEND),
        }
    }

    /// Whether the two sets have a place in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How many words a keyword takes after itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    /// The fewest.
    pub min: usize,
    /// The most.
    pub max: usize,
}

/// Shorthand for the rows: exactly `count` words.
pub(in crate::config) const fn exactly(count: usize) -> Arity {
    Arity { min: count, max: count }
}

/// Shorthand for the rows: at least `min` words.
pub(in crate::config) const fn at_least(min: usize) -> Arity {
    Arity { min, max: usize::MAX }
}

/// Why a keyword of HAProxy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// stickd will support it.
    NotYet,
    /// The keyword is about HTTP.
    HttpOnly,
    /// The keyword is about scripts or external programs.
    NeedsScripts,
    /// This reason.
    Because(&'static str),
}

impl Refusal {
    /// The reason as the end of a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotYet => "not supported yet",
            Self::HttpOnly => {
                "HTTP only: stickd is a TCP balancer, and 'mode http' serves only pages of its own"
            }
            Self::NeedsScripts => {
                "stickd runs no scripts, and no programs but those of 'external-check'"
            }
            Self::Because(reason) => reason,
        }
    }
}

/// What happens to a line with the keyword. Each kind of section has its own draft, so each has
/// its own kind of reader.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) enum Handling {
    /// A line of `global` that changes how later lines are read.
    Draft(fn(&mut Draft, &Line<'_>, &mut Report) -> Parsed),
    Global(fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed),
    Proxy(fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed),
    Peers(fn(&mut PeersDraft, &Line<'_>, &mut Report) -> Parsed),
    Resolvers(fn(&mut ResolversDraft, &Line<'_>, &mut Report) -> Parsed),
    Ring(fn(&mut RingDraft, &Line<'_>, &mut Report) -> Parsed),
    /// The reader of the `server` lines of rings reads the word.
    RingServer,
    Userlist(fn(&mut UserlistDraft, &Line<'_>, &mut Report) -> Parsed),
    Bind(fn(&mut BindDraft, &Line<'_>, &mut Report) -> Parsed),
    Server(fn(&mut ServerWords, &Line<'_>, &mut Report) -> Parsed),
    /// The reader of `stick-table` lines reads the word.
    StickTable,
    /// The arguments are checked, and the line has no effect.
    Inert(fn(&Line<'_>) -> Parsed),
    Refused(Refusal),
}

/// One row of the tables.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// The keyword, of one word or two (`timeout client`).
    pub name: &'static str,
    /// The places where the keyword can stand.
    pub scope: Scope,
    /// How many words follow the keyword.
    pub arity: Arity,
    /// The arguments, for the reference.
    pub arguments: &'static str,
    /// What the keyword does, in one line.
    pub help: &'static str,
    /// The value without the keyword; empty if there is no such value.
    pub default: &'static str,
    /// A line with the keyword; empty if the arguments say enough.
    pub example: &'static str,
    /// How HAProxy differs; empty if HAProxy does the same.
    pub difference: &'static str,
    pub(in crate::config) handling: Handling,
    can_be_negated: bool,
    pub(in crate::config) in_pages: InPages,
}

impl Keyword {
    /// A row without the optional parts of the reference.
    pub(in crate::config) const fn new(
        name: &'static str,
        scope: Scope,
        arity: Arity,
        arguments: &'static str,
        help: &'static str,
        handling: Handling,
    ) -> Self {
        let (default, example, difference) = ("", "", "");
        Self {
            name,
            scope,
            arity,
            arguments,
            help,
            default,
            example,
            difference,
            handling,
            can_be_negated: false,
            in_pages: InPages::Followed,
        }
    }

    /// A row for the sections of proxies, without the optional parts of the reference.
    pub(in crate::config) const fn of_proxy(
        name: &'static str,
        scope: Scope,
        arity: Arity,
        arguments: &'static str,
        help: &'static str,
        read: fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed,
    ) -> Self {
        Self::new(name, scope, arity, arguments, help, Handling::Proxy(read))
    }

    /// Lets `no` and `default` stand before the keyword, which every `option` does.
    pub(in crate::config) const fn can_be_negated(self) -> Self {
        Self { can_be_negated: true, ..self }
    }

    /// Says why the keyword has no effect in a section with pages.
    pub(in crate::config) const fn idle_in_pages(self, reason: &'static str) -> Self {
        Self { in_pages: InPages::NoEffect(reason), ..self }
    }

    /// Sets the value without the keyword.
    pub(in crate::config) const fn by_default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// Sets a line with the keyword.
    pub(in crate::config) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// Sets how HAProxy differs.
    pub(in crate::config) const fn differs(self, difference: &'static str) -> Self {
        Self { difference, ..self }
    }

    /// Why the keyword is refused; `None` if stickd takes the keyword.
    pub const fn refusal(&self) -> Option<Refusal> {
        match self.handling {
            Handling::Refused(refusal) => Some(refusal),
            Handling::Draft(_)
            | Handling::Global(_)
            | Handling::Proxy(_)
            | Handling::Peers(_)
            | Handling::Resolvers(_)
            | Handling::Ring(_)
            | Handling::RingServer
            | Handling::Userlist(_)
            | Handling::Bind(_)
            | Handling::Server(_)
            | Handling::StickTable
            | Handling::Inert(_) => None,
        }
    }

    /// Whether the keyword is accepted without effect.
    pub fn is_inert(&self) -> bool {
        matches!(self.handling, Handling::Inert(_))
    }

    /// Whether `no` and `default` can stand before the keyword.
    pub(in crate::config) fn is_negatable(&self) -> bool {
        self.can_be_negated || self.is_inert() || self.name.starts_with("option ")
    }

    /// How many words the name has: 1 or 2.
    pub(in crate::config) fn name_words(&self) -> usize {
        self.name.split(' ').count()
    }
}

/// The words that open a section.
pub(in crate::config) const SECTIONS: [&str; 9] = [
    GlobalDraft::WORD,
    ProxyKind::Defaults.word(),
    ProxyKind::Frontend.word(),
    ProxyKind::Backend.word(),
    ProxyKind::Listen.word(),
    PeersDraft::WORD,
    ResolversDraft::WORD,
    RingDraft::WORD,
    UserlistDraft::WORD,
];

/// Makes the function `row`, by which the table of a kind of section has its keywords: they stand
/// in `$scope`, and a function that `Handling::$handling` holds reads their words into a `$draft`.
macro_rules! rows_of {
    ($scope:expr, $handling:ident($draft:ty)) => {
        pub(in crate::config) const fn row(
            name: &'static str,
            arity: $crate::config::keywords::Arity,
            arguments: &'static str,
            help: &'static str,
            read: fn(
                &mut $draft,
                &$crate::config::text::line::Line<'_>,
                &mut $crate::config::text::report::Report,
            ) -> $crate::config::text::diagnostic::Parsed,
        ) -> $crate::config::keywords::Keyword {
            let handling = $crate::config::keywords::Handling::$handling(read);
            $crate::config::keywords::Keyword::new(name, $scope, arity, arguments, help, handling)
        }
    };
}

pub(in crate::config) use rows_of;
