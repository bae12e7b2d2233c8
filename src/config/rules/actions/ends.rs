//! The actions that set an end of the connection.

use super::row::ActionRow;
use super::words::ActionWords;
use crate::config::rules::expression::ValueType;
use crate::config::rules::rule::{ConnectionEnd, RuleAction};
use crate::config::text::diagnostic::{Mistake, Parsed};

pub(super) fn rows() -> Vec<ActionRow> {
    vec![
        ActionRow::new(
            "set-src",
            "<sample>",
            |words| words.set_end(ConnectionEnd::Source),
            "Takes this address for the client's: rules, stick tables, logs and PROXY headers have \
             it from then on. The port stays.",
            "tcp-request connection set-src ipv4(192.0.2.7)",
        ),
        ActionRow::new(
            "set-src-port",
            "<sample>",
            |words| words.set_end(ConnectionEnd::SourcePort),
            "Takes this port for the client's.",
            "tcp-request connection set-src-port int(4000)",
        ),
        ActionRow::new(
            "set-dst",
            "<sample>",
            |words| words.set_end(ConnectionEnd::Destination),
            "Takes this address for the one that the client connected to, also where a server has \
             no address of its own. The port stays.",
            "tcp-request connection set-dst ipv4(192.0.2.8)",
        ),
        ActionRow::new(
            "set-dst-port",
            "<sample>",
            |words| words.set_end(ConnectionEnd::DestinationPort),
            "Takes this port for the one that the client connected to, also where a server has no \
             port of its own.",
            "tcp-request content set-dst-port int(8080)",
        ),
    ]
}

impl ActionWords<'_, '_, '_> {
    /// Sets an end to the value of the sample that follows.
    fn set_end(&mut self, end: ConnectionEnd) -> Parsed<RuleAction> {
        let (typed, value) = self.plain_sample()?;
        let is_port = matches!(end, ConnectionEnd::SourcePort | ConnectionEnd::DestinationPort);
        match value.value_type {
            ValueType::Integer | ValueType::Text => Ok(RuleAction::SetEnd { end, value }),
            ValueType::Address if !is_port => Ok(RuleAction::SetEnd { end, value }),
            _ => {
                let what = if is_port { "a number" } else { "an address" };
                Err(Mistake::new(typed.place, format!("'{}' is not {what}", typed.value)))
            }
        }
    }
}
