//! Rules as they are evaluated.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::captures::{CaptureSlot, CaptureSlots};
use super::condition::Condition;
use super::expression::{Expression, Needs};
use super::set_condition::SetCondition;
use crate::config::Direction;
use crate::config::data_type::DataType;
use crate::config::text::diagnostic::Place;
use crate::config::{BackendId, FormatString, LogLevel, ServerIndex, TableId, Variable};

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The client may go on.
    Accept,
    /// The client is refused.
    Reject,
    /// The client is refused without being told.
    SilentDrop,
    /// The server's connection is closed. What the server has sent still goes to the client.
    Close,
}

/// Where a rule stands in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulePlace {
    /// The position of the file among those that were read.
    pub file: u16,
    /// The line, from 1.
    pub line: NonZeroU32,
}

impl RulePlace {
    /// The place of a rule that follows from other lines.
    pub const NONE: Self = Self { file: u16::MAX, line: NonZeroU32::MIN };
}

impl From<Place> for RulePlace {
    fn from(place: Place) -> Self {
        let file = u16::try_from(place.file).unwrap_or(u16::MAX);
        Self { file, line: NonZeroU32::new(place.line).unwrap_or(NonZeroU32::MIN) }
    }
}

/// The action of a `tcp-request` rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// No further rule is looked at. The connection remembers the place of a content rule.
    Decide(Decision),
    /// The connection tracks the entry of a key.
    Track {
        /// Where it is remembered: 0 is `sc0`.
        slot: u8,
        /// The key.
        key: Expression,
        /// The table with the entry.
        table: TableId,
    },
    /// A stored counter of a tracked entry goes up by a number.
    Add {
        /// Where the entry is tracked: 0 is `sc0`.
        slot: u8,
        /// What is counted.
        counter: DataType,
        /// The element of an array.
        element: u32,
        /// By how much.
        by: Amount,
    },
    /// The line in the log has a severity of its own, or there is no line.
    SetLogLevel(LogLevel),
    /// The client has to begin with a PROXY header, as with `accept-proxy`.
    ExpectProxy,
    /// A text is kept for the log.
    Capture {
        /// The text.
        sample: Expression,
        /// Where the text is kept.
        slot: CaptureSlot,
        /// The most bytes that are kept.
        len: u32,
    },
    /// The connection's place in queues.
    SetPriority {
        /// What of it.
        part: PriorityPart,
        /// The number.
        value: Expression,
    },
    /// A variable is set.
    SetVariable {
        /// The variable.
        variable: Variable,
        /// What must hold.
        conditions: Vec<SetCondition>,
        /// The new value.
        value: NewValue,
    },
    /// A variable loses its value.
    UnsetVariable(Variable),
    /// An address or a port of the connection is another one from now on.
    SetEnd {
        /// What is set.
        end: ConnectionEnd,
        /// The new value.
        value: Expression,
    },
    /// The packets to the client carry a mark.
    SetMark(u32),
    /// The packets to the client carry a type of service.
    SetTos(u8),
    /// A stored tag of a tracked entry is set.
    SetTag {
        /// Where the entry is tracked: 0 is `sc0`.
        slot: u8,
        /// The tag.
        tag: DataType,
        /// The element of an array.
        element: u32,
        /// The new value.
        value: Amount,
    },
}

/// What decides the place of a connection in queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityPart {
    /// The class: lower ones go first.
    Class,
    /// Milliseconds that are added to the time at which it came.
    Offset,
}

impl RuleAction {
    /// The samples in its arguments.
    pub fn samples(&self) -> impl Iterator<Item = &Expression> {
        let format = match self {
            Self::SetVariable { value: NewValue::Format(format), .. } => Some(format),
            _ => None,
        };
        self.sample().into_iter().chain(format.into_iter().flat_map(FormatString::samples))
    }

    fn sample(&self) -> Option<&Expression> {
        match self {
            Self::Track { key: sample, .. }
            | Self::Capture { sample, .. }
            | Self::SetVariable { value: NewValue::Sample(sample), .. }
            | Self::SetEnd { value: sample, .. }
            | Self::SetPriority { value: sample, .. }
            | Self::Add { by: Amount::Sample(sample), .. }
            | Self::SetTag { value: Amount::Sample(sample), .. } => Some(sample),
            Self::Add { by: Amount::Fixed(_), .. }
            | Self::SetTag { value: Amount::Fixed(_), .. }
            | Self::Decide(_)
            | Self::SetVariable { value: NewValue::Format(_), .. }
            | Self::UnsetVariable(_)
            | Self::SetMark(_)
            | Self::SetTos(_)
            | Self::SetLogLevel(_)
            | Self::ExpectProxy => None,
        }
    }
}

/// A variable of the process that has a value from the start on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialVariable {
    /// The variable.
    pub variable: Variable,
    /// Its value.
    pub value: NewValue,
}

/// The value that a variable gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewValue {
    /// The value of a sample.
    Sample(Expression),
    /// A text that is made of samples.
    Format(FormatString),
}

/// What a rule chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<Id> {
    /// This.
    Known(Id),
    /// What has this name. If there is no such name, the rule chooses nothing.
    Named(FormatString),
}

impl<Id> Choice<Id> {
    /// The samples in the name.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Expression> {
        let format = match self {
            Self::Known(_) => None,
            Self::Named(format) => Some(format),
        };
        format.into_iter().flat_map(FormatString::samples)
    }
}

/// What a rule sets of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The client's address.
    Source,
    /// The client's port.
    SourcePort,
    /// The address that the client connected to.
    Destination,
    /// The port that the client connected to.
    DestinationPort,
}

impl ConnectionEnd {
    /// Whether the destination has to be known.
    pub fn is_destination(self) -> bool {
        matches!(self, Self::Destination | Self::DestinationPort)
    }
}

/// What a rule about persistence says of the server that a client had before. The first rule that
/// applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persist {
    /// The client goes to that server even if it is down.
    Force,
    /// Cookies are ignored. There are no cookies here, so that the rule has one effect: no later
    /// rule is looked at.
    Ignore,
}

/// A number in an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A fixed number.
    Fixed(u32),
    /// The value of a sample.
    Sample(Expression),
}

/// A rule: what to do, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// What to do.
    pub action: T,
    /// When to do it; always without.
    pub condition: Option<Condition>,
    /// Where it stands.
    pub place: RulePlace,
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
    pub backends: Vec<Rule<Choice<BackendId>>>,
    /// The backends by name, where such a rule makes a name of samples.
    pub backend_names: HashMap<String, BackendId>,
    /// `use-server`.
    pub servers: Vec<Rule<Choice<ServerIndex>>>,
    /// The servers of the section by name, where such a rule makes a name of samples.
    pub server_names: HashMap<String, ServerIndex>,
    /// The places of the texts that are kept for the log.
    pub captures: CaptureSlots,
    /// `force-persist` and `ignore-persist`.
    pub persist: Vec<Rule<Persist>>,
    /// Whether any sample needs what the client has sent.
    pub needs_payload: bool,
    /// Whether any sample needs the address that the client connected to.
    pub needs_destination: bool,
    /// Whether any sample, also about what the server sends, needs what the log is told.
    pub needs_log_line: bool,
    /// The rules about what the server sends.
    pub response: ResponseRules,
}

/// The `tcp-response` rules of a section, and what they and `stick store-response` look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseRules {
    /// `tcp-response content`.
    pub content: Vec<Rule<RuleAction>>,
    /// `tcp-response inspect-delay`, in milliseconds.
    pub inspect_delay_ms: Option<u32>,
    /// Whether any sample needs what the server has sent.
    pub needs_payload: bool,
    /// Whether any sample needs the address that the client connected to.
    pub needs_destination: bool,
}

impl Rules {
    /// Whether a rule marks packets.
    pub fn mark_packets(&self) -> bool {
        let lists = [&self.connection, &self.session, &self.content, &self.response.content];
        let marks = |rule: &Rule<RuleAction>| matches!(rule.action, RuleAction::SetMark(_));
        lists.into_iter().flatten().any(marks)
    }

    /// Remembers what a sample of the section needs, in a rule about one side.
    pub(super) fn add_needs_of(&mut self, expression: &Expression, direction: Direction) {
        self.needs_log_line |= expression.needs == Needs::LogLine;
        let (needs_payload, needs_destination) = match direction {
            Direction::Request => (&mut self.needs_payload, &mut self.needs_destination),
            Direction::Response => {
                (&mut self.response.needs_payload, &mut self.response.needs_destination)
            }
        };
        let needs = expression.needs;
        *needs_payload |= needs.is_content() && !needs.is_of_other_side(direction);
        *needs_destination |= needs == Needs::Destination;
    }

    /// The tables with entries that the rules track.
    pub fn tracked_tables(&self) -> impl Iterator<Item = TableId> {
        let lists = [&self.connection, &self.session, &self.content];
        lists.into_iter().flatten().filter_map(|rule| match &rule.action {
            RuleAction::Track { table, .. } => Some(*table),
            _ => None,
        })
    }
}
