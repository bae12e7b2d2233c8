//! Sample expressions as they are evaluated, with every name resolved to an id.

mod http;

use super::captures::CaptureSlot;
use super::constant::Constant;
use super::converter::{
    DateConverter, HashConverter, MqttField, MqttPacket, Notation, TextConverter, TimeUnit,
    VariableConverter,
};
use super::patterns::PatternsId;
use super::set_condition::SetCondition;
use crate::config::Direction;
use crate::config::data_type::DataType;
use crate::config::{BackendId, FrontendId, ServerIndex, TableId, Variable, VariableScope};
use crate::net::tls::facts::{SessionFact, TlsPeer};

pub use http::{HttpFetch, HttpList, HttpPart, Nth};

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
    /// Any of these: only the value itself has a type.
    Any,
}

/// What has to be known of a connection before a sample can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but what is always known.
    Nothing,
    /// The address that the client connected to.
    Destination,
    /// The backend that the connection goes to.
    Backend,
    /// What a line of the log says about the connection.
    LogLine,
    /// What the client has sent.
    Request,
    /// What the server has sent.
    Response,
    /// What the side that the rule is about has sent.
    Content,
    /// The request of a client of a page, as a whole.
    Page,
}

impl Needs {
    /// Whether it is what the other side sends than the one that a rule is about.
    pub(super) fn is_of_other_side(self, direction: Direction) -> bool {
        match self {
            Self::Request => direction == Direction::Response,
            Self::Response => direction == Direction::Request,
            Self::Nothing
            | Self::Destination
            | Self::Backend
            | Self::LogLine
            | Self::Page
            | Self::Content => false,
        }
    }

    /// Whether it is what a side has sent.
    pub fn is_content(self) -> bool {
        match self {
            Self::Request | Self::Response | Self::Content => true,
            Self::Nothing | Self::Destination | Self::Backend | Self::LogLine | Self::Page => false,
        }
    }
}

/// A sample, and what is made of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The sample.
    pub fetch: Fetch,
    /// The type of the sample's value.
    pub fetch_type: ValueType,
    /// What the sample needs.
    pub needs: Needs,
    /// The converters, in the order in which they are applied.
    pub converters: Vec<Converter>,
    /// The type of the value that the last converter gives.
    pub value_type: ValueType,
}

impl Expression {
    /// Whether the value can be told without a connection.
    pub(super) fn is_of_process(&self) -> bool {
        match &self.fetch {
            Fetch::Constant(_) | Fetch::Nothing | Fetch::Hostname | Fetch::Uuid => true,
            Fetch::Variable(variable, _) => variable.scope == VariableScope::Process,
            Fetch::Number(fetch) => match fetch {
                NumberFetch::Random(_)
                | NumberFetch::IsStopping
                | NumberFetch::Date(..)
                | NumberFetch::MicrosecondOfSecond
                | NumberFetch::Frontend(..)
                | NumberFetch::Backend(..)
                | NumberFetch::Server(..)
                | NumberFetch::TableUsed(_)
                | NumberFetch::TableFree(_) => true,
                NumberFetch::SourcePort
                | NumberFetch::SourceIsLocal
                | NumberFetch::DestinationPort
                | NumberFetch::DestinationIsLocal
                | NumberFetch::OwnSourcePort
                | NumberFetch::OwnSourceIsLocal
                | NumberFetch::OwnDestinationPort
                | NumberFetch::OwnDestinationIsLocal
                | NumberFetch::LastRuleLine
                | NumberFetch::SocketNumber
                | NumberFetch::HasHeader
                | NumberFetch::FrontendNumber
                | NumberFetch::PriorityClass
                | NumberFetch::PriorityOffset
                | NumberFetch::ClientTimeout
                | NumberFetch::ServerTimeout
                | NumberFetch::TunnelTimeout
                | NumberFetch::BackendNumber
                | NumberFetch::ServerNumber
                | NumberFetch::ServerSourcePort
                | NumberFetch::ServerPort
                | NumberFetch::Measured(_)
                | NumberFetch::Tracked(..)
                | NumberFetch::OfSource(..) => false,
            },
            Fetch::Source
            | Fetch::OwnSource
            | Fetch::OwnDestination
            | Fetch::Destination
            | Fetch::FrontendName
            | Fetch::DefaultBackendName
            | Fetch::BackendName
            | Fetch::ServerName
            | Fetch::ServerSource
            | Fetch::ServerAddress
            | Fetch::LastRuleFile
            | Fetch::Capture(_)
            | Fetch::SocketName
            | Fetch::HeaderAuthority
            | Fetch::HeaderUniqueId
            | Fetch::UniqueId
            | Fetch::Content(_)
            | Fetch::Tls(..)
            | Fetch::FailureNumber(_)
            | Fetch::FailureText(_)
            | Fetch::Http(_) => false,
        }
    }

    /// Whether it is the client's address, unchanged.
    pub fn is_source(&self) -> bool {
        matches!(self.fetch, Fetch::Source) && self.converters.is_empty()
    }
}

/// A sample: what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// A number, or true or false, that what the client sends does not change.
    Number(NumberFetch),
    /// A value that the configuration gives.
    Constant(Constant),
    /// No value.
    Nothing,
    /// The name of this machine.
    Hostname,
    /// A random UUID.
    Uuid,
    /// The client's address.
    Source,
    /// The address that the client connected to.
    Destination,
    /// The address of the client's own connection, whatever later rules have set.
    OwnSource,
    /// The address that this connection came to.
    OwnDestination,
    /// The name of the frontend.
    FrontendName,
    /// The name of the frontend's default backend.
    DefaultBackendName,
    /// The name of the backend.
    BackendName,
    /// The name of the server.
    ServerName,
    /// The address from which the server was connected to.
    ServerSource,
    /// The address at which the server was connected to.
    ServerAddress,
    /// A variable, and the value that stands in for a missing one.
    Variable(Variable, Option<Vec<u8>>),
    /// The file with the content rule that decided last.
    LastRuleFile,
    /// The text that a rule has kept for the log in this slot.
    Capture(CaptureSlot),
    /// The name of the listener.
    SocketName,
    /// The name of the host in the client's PROXY header.
    HeaderAuthority,
    /// The id of the connection in the client's PROXY header.
    HeaderUniqueId,
    /// The id that the frontend gives to the connection.
    UniqueId,
    /// What a side has sent.
    Content(ContentFetch),
    /// The client of a page.
    Http(HttpFetch),
    /// A fact about the TLS session with one peer.
    Tls(TlsPeer, SessionFact),
    /// The number of what has failed at a side.
    FailureNumber(TlsPeer),
    /// The same in words.
    FailureText(TlsPeer),
}

/// A sample of what a side has sent. The expression says which side: see [`Needs`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentFetch {
    /// The number of bytes that have been sent so far.
    Len,
    /// Bytes that have been sent: offset and length.
    Payload(u32, u32),
    /// Bytes with their length before them.
    Counted(CountedPart),
    /// What a TLS hello says.
    Hello(HelloPart),
    /// The cookie of an RDP client: the value of the one with this name, or of any.
    RdpCookie(Option<Box<str>>),
    /// The number of such cookies.
    RdpCookies(Option<Box<str>>),
    /// What the head of an HTTP request says.
    Http(HttpPart),
    /// Whether the rules wait for nothing more.
    WaitEnd,
}

/// Where bytes are that have their length before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedPart {
    /// The offset of the length.
    pub len_at: u32,
    /// The number of the bytes of the length.
    pub len_bytes: u32,
    /// Where the bytes begin.
    pub begin: u32,
}

/// What is asked of a TLS hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloPart {
    /// The type: 1 for a client's, 2 for a server's.
    Type,
    /// The version that a client's hello names.
    Version,
    /// The server name that the client asks for.
    ServerName,
    /// The names of the protocols that the client offers.
    Protocols,
    /// Whether the client names elliptic curves.
    Curves,
    /// Whether the client takes session tickets, and sends one.
    Ticket,
}

/// A sample that is a number, or true or false as 1 or 0. Most rules ask for such samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberFetch {
    /// The client's port.
    SourcePort,
    /// Whether the client is on this machine.
    SourceIsLocal,
    /// The port that the client connected to.
    DestinationPort,
    /// Whether the client connected to this machine.
    DestinationIsLocal,
    /// The port of the client's own connection, whatever later rules have set.
    OwnSourcePort,
    /// Whether the address of the client's own connection belongs to this machine.
    OwnSourceIsLocal,
    /// The port that this connection came to.
    OwnDestinationPort,
    /// Whether the address that this connection came to belongs to this machine.
    OwnDestinationIsLocal,
    /// Whether the process stops.
    IsStopping,
    /// For how long the client may be silent, in milliseconds.
    ClientTimeout,
    /// For how long the server may be silent, in milliseconds.
    ServerTimeout,
    /// For how long both sides of a tunnel may be silent, in milliseconds.
    TunnelTimeout,
    /// A random number below this.
    Random(u32),
    /// The time since 1970 with an offset, both in a unit.
    Date(i64, TimeUnit),
    /// The microseconds since the last full second.
    MicrosecondOfSecond,
    /// The line of the content rule that decided last.
    LastRuleLine,
    /// The number of the listener.
    SocketNumber,
    /// Whether the client has sent a PROXY header.
    HasHeader,
    /// The number of the frontend.
    FrontendNumber,
    /// The class of the connection in queues.
    PriorityClass,
    /// The milliseconds that are added to the time at which it joins a queue.
    PriorityOffset,
    /// The number of the backend.
    BackendNumber,
    /// The number of the server.
    ServerNumber,
    /// The port from which the server was connected to.
    ServerSourcePort,
    /// The port of the server.
    ServerPort,
    /// What the kernel has measured of the client's connection.
    Measured(Measurement),
    /// A fact about a frontend.
    Frontend(FrontendId, FrontendFact),
    /// A fact about a backend.
    Backend(BackendId, BackendFact),
    /// A fact about a server.
    Server(BackendId, ServerIndex, ServerFact),
    /// The entries of a table.
    TableUsed(TableId),
    /// The room in a table.
    TableFree(TableId),
    /// A fact about the entry that is tracked in a slot; with a table, about the entry with the
    /// same key there.
    Tracked(u8, Option<TableId>, EntryFact),
    /// A fact about the entry of the client's address in a table.
    OfSource(TableId, EntryFact),
}

/// What the kernel measures of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// The time of a round trip, in this unit.
    RoundTrip(TimeUnit),
    /// How much that time varies, in this unit.
    RoundTripVariance(TimeUnit),
    /// Segments that are not acknowledged.
    Unacked,
    /// Segments that are acknowledged selectively.
    Sacked,
    /// Segments that are taken for lost.
    Lost,
    /// Segments that were sent again.
    Retransmitted,
    /// Segments up to the last one that is acknowledged selectively.
    ForwardAcked,
    /// How far segments may come out of order.
    Reordering,
}

/// What is asked of a frontend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontendFact {
    /// Connections open now.
    Connections,
    /// New connections per second.
    Rate,
}

/// What is asked of a backend.
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
    /// The waiting connections divided by the usable servers.
    AverageQueue,
    /// Connections that servers still take.
    Free,
    /// Connections that servers and their queues still have room for.
    Slots,
}

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFact {
    /// Whether the server is up.
    IsUp,
    /// Connections open now.
    Connections,
    /// Connections that the server still takes.
    Free,
    /// Connections that wait for the server.
    Queue,
    /// New connections per second.
    Rate,
    /// The weight in effect.
    Weight,
    /// The weight as it was set, without what `slowstart` takes away.
    UserWeight,
    /// The weight in the configuration.
    InitialWeight,
}

/// What is asked of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFact {
    /// A stored value: a number, or the estimate of a rate.
    Stored(DataType, u32),
    /// A stored number of bytes in kilobytes.
    Kilobytes(DataType),
    /// A counter, after 1 was added to it.
    Increment(DataType, u32),
    /// A counter, before it is set to 0.
    Clear(DataType, u32),
    /// The number of connections, after 1 was added to it.
    CountConnection,
    /// Whether there is an entry.
    Exists,
    /// How many connections track the entry.
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

    /// The same fact about this element of the array.
    pub(super) fn of_element(self, element: u32) -> Self {
        match self {
            Self::Stored(data_type, _) => Self::Stored(data_type, element),
            Self::Increment(data_type, _) => Self::Increment(data_type, element),
            Self::Clear(data_type, _) => Self::Clear(data_type, element),
            Self::Kilobytes(_) | Self::CountConnection | Self::Exists | Self::Trackers => self,
        }
    }

    /// The type of a sample of this fact.
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

/// What is made of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Converter {
    /// Keeps these bits of an address. Without a mask for IPv6 an IPv6 address has no value.
    Mask(u32, Option<u128>),
    /// Arithmetic with a number.
    Arithmetic(Operation, Operand),
    /// A text of another text.
    Text(TextConverter),
    /// Another notation of the same bytes or number.
    Notation(Notation),
    /// A hash of the bytes.
    Hash(HashConverter),
    /// The text of a moment.
    Date(DateConverter),
    /// The value of a map, or the value for what is not in the map.
    Map(PatternsId, Option<Constant>),
    /// Whether it is 0.
    Not,
    /// Whether it is not 0.
    Bool,
    /// Whether the remainder of a division by 2 is this.
    Parity(i64),
    /// Its negative.
    Negative,
    /// Every bit inverted.
    Complement,
    /// A fact about the table's entry with this key.
    Lookup(TableId, EntryFact),
    /// A time of the table's entry with this key, or the number for a missing entry.
    EntryTime(TableId, EntryTime, Option<i64>),
    /// The usable servers of the backend with this name.
    UsableServers,
    /// The connections that wait for the server with this name.
    ServerQueue,
    /// What it makes together with a variable.
    WithVariable(VariableConverter),
    /// The same value, which a variable is set to; no value where the variable is not set.
    SetVariable(Variable, Vec<SetCondition>),
    /// The same value, which is kept for the log; no value without such a slot.
    Capture(CaptureSlot),
    /// The same value; a variable loses its own.
    UnsetVariable(Variable),
    /// Whether it begins with a first packet of MQTT.
    MqttIsValid,
    /// A field of such a packet.
    MqttField(MqttPacket, MqttField),
    /// Whether it begins with a message of FIX.
    FixIsValid,
    /// The value of a tag of such a message.
    FixTag(u32),
}

/// A time of an entry, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryTime {
    /// Until the entry expires.
    Left,
    /// Since the entry was touched.
    Idle,
}

/// The number that a value is calculated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// This number.
    Number(i64),
    /// What a variable holds.
    Variable(Variable),
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
