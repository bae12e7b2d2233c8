//! Sample expressions, tests and conditions as they are evaluated: compiled once, every name
//! resolved to an id.

use std::net::IpAddr;

use crate::config::data_type::DataType;
use crate::config::{BackendId, FrontendId, HashFunction, ServerIndex, TableId};
use crate::net::regex::Regex;

/// An access list's position in [`crate::config::Config::acls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AclId(pub u32);

/// The type of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// True or false.
    Bool,
    /// A signed number.
    Integer,
    /// An address.
    Address,
    /// A text.
    Text,
    /// Bytes.
    Binary,
}

/// A value that the configuration gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// True or false.
    Bool(bool),
    /// A signed number.
    Integer(i64),
    /// An address.
    Address(IpAddr),
    /// A text.
    Text(Vec<u8>),
    /// Bytes.
    Binary(Vec<u8>),
}

/// A sample: what is fetched, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// What is fetched.
    pub fetch: Fetch,
    /// What is done with it, in this order.
    pub converters: Vec<Converter>,
    /// What comes out.
    pub value_type: ValueType,
}

impl Expression {
    /// Whether it is the client's address as it is.
    pub fn is_source(&self) -> bool {
        matches!(self.fetch, Fetch::Source) && self.converters.is_empty()
    }
}

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// A value that the configuration gives.
    Constant(Constant),
    /// The client's address.
    Source,
    /// The client's port.
    SourcePort,
    /// Whether the client is on this machine.
    SourceIsLocal,
    /// The address that the client connected to.
    Destination,
    /// The port that the client connected to.
    DestinationPort,
    /// Whether the client connected to this machine.
    DestinationIsLocal,
    /// A random number below this.
    Random(u32),
    /// The name of the frontend.
    FrontendName,
    /// The name of the backend.
    BackendName,
    /// The number of the frontend.
    FrontendNumber,
    /// The number of the backend.
    BackendNumber,
    /// Something of a frontend.
    Frontend(FrontendId, FrontendFact),
    /// Something of a backend.
    Backend(BackendId, BackendFact),
    /// Something of a server.
    Server(BackendId, ServerIndex, ServerFact),
    /// The entries of a table.
    TableUsed(TableId),
    /// The room in a table.
    TableFree(TableId),
    /// Something of the entry that a counter tracks, or of the one with its key in this table.
    Tracked(u8, Option<TableId>, EntryFact),
    /// Something of the entry of the client's address in this table.
    OfSource(TableId, EntryFact),
    /// The number of bytes that the client has sent so far.
    RequestLen,
    /// Bytes that the client has sent: offset and length.
    Payload(u32, u32),
    /// The server name that a TLS client asks for.
    ServerName,
    /// The type of the client's TLS hello.
    HelloType,
    /// The highest version that a TLS client offers.
    HelloVersion,
    /// Whether nothing more is waited for.
    WaitEnd,
}

/// Something of a frontend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontendFact {
    /// Connections open now.
    Connections,
    /// New connections per second.
    Rate,
}

/// Something of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendFact {
    /// Connections open now.
    Connections,
    /// New connections per second.
    Rate,
    /// Usable servers.
    Usable,
    /// Connections that wait for a server.
    Queue,
    /// The same for each usable server.
    AverageQueue,
    /// What servers and their queues still have room for.
    Slots,
}

/// Something of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFact {
    /// Whether it is up.
    IsUp,
    /// Connections open now.
    Connections,
    /// Connections that it still takes.
    Free,
    /// Connections that wait for it.
    Queue,
    /// New connections per second.
    Rate,
}

/// Something of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFact {
    /// A stored value: a number, or a rate's estimate.
    Stored(DataType, u32),
    /// A stored number of bytes in kilobytes.
    Kilobytes(DataType),
    /// A counter, one higher than before.
    Increment(DataType, u32),
    /// A counter before it is set to 0.
    Clear(DataType, u32),
    /// The number of connections, one higher than before.
    CountConnection,
    /// Whether there is an entry.
    Exists,
    /// How many connections track it.
    Trackers,
}

impl EntryFact {
    /// Whether it is about an element of an array.
    pub(super) fn is_of_array(self) -> bool {
        match self {
            Self::Stored(data_type, _)
            | Self::Increment(data_type, _)
            | Self::Clear(data_type, _) => data_type.is_array(),
            Self::Kilobytes(_) | Self::CountConnection | Self::Exists | Self::Trackers => false,
        }
    }

    /// The same about this element of the array.
    pub(super) fn of_element(self, element: u32) -> Self {
        match self {
            Self::Stored(data_type, _) => Self::Stored(data_type, element),
            Self::Increment(data_type, _) => Self::Increment(data_type, element),
            Self::Clear(data_type, _) => Self::Clear(data_type, element),
            Self::Kilobytes(_) | Self::CountConnection | Self::Exists | Self::Trackers => self,
        }
    }

    /// The type of a sample that tells it.
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Exists => ValueType::Bool,
            Self::Stored(..)
            | Self::Kilobytes(_)
            | Self::Increment(..)
            | Self::Clear(..)
            | Self::CountConnection
            | Self::Trackers => ValueType::Integer,
        }
    }
}

/// What is done with a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Converter {
    /// Keeps these bits of an address; of the IPv6 family none is kept without a mask for it.
    Mask(u32, Option<u128>),
    /// Arithmetic with a number.
    Arithmetic(Operation, i64),
    /// To lower case.
    Lower,
    /// To upper case.
    Upper,
    /// The number of bytes.
    Length,
    /// Bytes as hexadecimal digits.
    Hex,
    /// A hash, and whether every bit of it is to depend on every bit of the sample.
    Hash(HashFunction, bool),
    /// A part: offset and length.
    Bytes(u32, Option<u32>),
    /// Not.
    Not,
    /// Whether it is not 0.
    Bool,
    /// Whether it leaves this when divided by 2.
    Parity(i64),
    /// Its negative.
    Negative,
    /// Every bit inverted.
    Complement,
    /// Something of the entry with this key; for no entry this value.
    Lookup(TableId, EntryFact),
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Adds.
    Add,
    /// Subtracts.
    Subtract,
    /// Multiplies.
    Multiply,
    /// Divides.
    Divide,
    /// The rest of a division.
    Modulo,
    /// Bits in both.
    And,
    /// Bits in either.
    Or,
    /// Bits in one.
    Xor,
}

/// A sample and what it must be for the test to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The sample.
    pub sample: Expression,
    /// What it must be.
    pub matcher: Matcher,
}

/// What a sample must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// There.
    Found,
    /// True, or a number other than 0.
    True,
    /// A number within one of these ranges, ends included.
    Within(Vec<(i64, i64)>),
    /// Of a length within one of these ranges.
    LengthWithin(Vec<(i64, i64)>),
    /// An address in one of these networks.
    In(Networks),
    /// A text that compares to one of these.
    Text(TextMatch),
    /// A text that one of these matches.
    Regex(Vec<Regex>),
    /// One of these.
    Binary(Vec<Vec<u8>>),
}

/// Networks, sorted by family and length for a search that does not depend on their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// For each length of a prefix the networks, in ascending order. IPv4 addresses are mapped.
    pub by_len: Vec<(u8, Vec<u128>)>,
}

impl Networks {
    /// Adds a network; `len` counts from the left of the address's own family.
    pub fn add(&mut self, address: IpAddr, len: u8) {
        let (bits, len) = match address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), len.saturating_add(96)),
            IpAddr::V6(v6) => (v6.to_bits(), len),
        };
        let network = bits & prefix_mask(len);
        let place = match self.by_len.iter().position(|(other, _)| *other == len) {
            Some(place) => place,
            None => {
                self.by_len.push((len, Vec::new()));
                self.by_len.len() - 1
            }
        };
        if let Some((_, networks)) = self.by_len.get_mut(place) {
            networks.push(network);
        }
    }

    /// Makes the search possible.
    pub fn sort(&mut self) {
        for (_, networks) in &mut self.by_len {
            networks.sort_unstable();
        }
    }

    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let bits = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mut lens = self.by_len.iter();
        lens.any(|(len, networks)| networks.binary_search(&(bits & prefix_mask(*len))).is_ok())
    }
}

/// The first `len` bits of an address.
pub fn prefix_mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)
}

/// Texts to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMatch {
    /// Which part must be the same.
    pub part: TextPart,
    /// Whether the case of letters is the same to it; the patterns are in lower case then.
    pub ignores_case: bool,
    /// The texts, in ascending order.
    pub patterns: Vec<Vec<u8>>,
}

/// Which part of a text must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPart {
    /// All of it.
    Whole,
    /// Its beginning.
    Beginning,
    /// Its end.
    End,
    /// Any part.
    Inside,
}

/// One word of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The access list.
    pub acl: AclId,
    /// Whether it must not hold.
    pub negated: bool,
}

/// When a rule applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// `unless`.
    pub negated: bool,
    /// One of these must hold, in which every term must.
    pub alternatives: Vec<Vec<Term>>,
}

/// An action of a rule of `tcp-request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// No further rule is looked at.
    Accept,
    /// The client is refused.
    Reject,
    /// The client is refused and not told.
    SilentDrop,
    /// A counter tracks the entry of a key.
    Track {
        /// The counter.
        slot: u8,
        /// The key.
        key: Expression,
        /// Where the entry is.
        table: TableId,
    },
    /// A stored counter of a tracked entry goes up by a number.
    Add {
        /// The counter that tracks the entry.
        slot: u8,
        /// What is counted.
        counter: DataType,
        /// The element of an array.
        element: u32,
        /// By how much.
        by: Amount,
    },
    /// The client has to begin with a PROXY header, as with `accept-proxy`.
    ExpectProxy,
    /// A stored tag of a tracked entry is set.
    SetTag {
        /// The counter that tracks the entry.
        slot: u8,
        /// The tag.
        tag: DataType,
        /// The element of an array.
        element: u32,
        /// To what.
        value: Amount,
    },
}

impl RuleAction {
    /// The sample that it is about.
    pub fn sample(&self) -> Option<&Expression> {
        match self {
            Self::Track { key: sample, .. }
            | Self::Add { by: Amount::Sample(sample), .. }
            | Self::SetTag { value: Amount::Sample(sample), .. } => Some(sample),
            Self::Add { by: Amount::Fixed(_), .. }
            | Self::SetTag { value: Amount::Fixed(_), .. }
            | Self::Accept
            | Self::Reject
            | Self::SilentDrop
            | Self::ExpectProxy => None,
        }
    }
}

/// What the first rule about persistence that applies says of a client's own server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persist {
    /// It is gone to even if it is down.
    Force,
    /// What cookies say is not looked at, and no later rule: there are no cookies here.
    Ignore,
}

/// A number in an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A fixed one.
    Fixed(u32),
    /// What a sample says.
    Sample(Expression),
}

/// A rule: what to do, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// What to do.
    pub action: T,
    /// When; always without.
    pub condition: Option<Condition>,
}

/// The `tcp-request` rules of a section, and what they wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `tcp-request connection`.
    pub connection: Vec<Rule<RuleAction>>,
    /// `tcp-request session`.
    pub session: Vec<Rule<RuleAction>>,
    /// `tcp-request content`.
    pub content: Vec<Rule<RuleAction>>,
    /// `tcp-request inspect-delay`, in milliseconds.
    pub inspect_delay_ms: Option<u32>,
    /// `use_backend`.
    pub backends: Vec<Rule<BackendId>>,
    /// `use-server`.
    pub servers: Vec<Rule<ServerIndex>>,
    /// `force-persist` and `ignore-persist`.
    pub persist: Vec<Rule<Persist>>,
    /// Whether a sample is about what the client has sent.
    pub needs_payload: bool,
    /// Whether a sample is about the address that the client connected to.
    pub needs_destination: bool,
}

impl Rules {
    /// The tables with entries that the rules track.
    pub fn tracked_tables(&self) -> impl Iterator<Item = TableId> {
        let lists = [&self.connection, &self.session, &self.content];
        lists.into_iter().flatten().filter_map(|rule| match &rule.action {
            RuleAction::Track { table, .. } => Some(*table),
            _ => None,
        })
    }
}
