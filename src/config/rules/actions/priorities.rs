//! The actions that set the place of a connection in queues.

use super::row::{ActionRow, Stages};
use super::words::ActionWords;
use crate::config::rules::expression::ValueType;
use crate::config::rules::rule::{PriorityPart, RuleAction};
use crate::config::text::diagnostic::{Mistake, Parsed};

pub(super) fn rows() -> Vec<ActionRow> {
    vec![
        ActionRow::new(
            "set-priority-class",
            "<sample>",
            |words| words.set_priority(PriorityPart::Class),
            "Sets the class of the connection in queues for servers, from -2047 to 2047. Lower \
             classes are served first.",
            "tcp-request content set-priority-class int(-1) if { src 10.0.0.0/8 }",
        )
        .in_stages(Stages::CONTENT),
        ActionRow::new(
            "set-priority-offset",
            "<sample>",
            |words| words.set_priority(PriorityPart::Offset),
            "Adds milliseconds to the time at which the connection joins a queue, from -524287 to \
             524287. Within a class the earliest is served first.",
            "tcp-request content set-priority-offset int(500) if { src 10.0.0.0/8 }",
        )
        .in_stages(Stages::CONTENT),
    ]
}

impl ActionWords<'_, '_, '_> {
    fn set_priority(&mut self, part: PriorityPart) -> Parsed<RuleAction> {
        let (typed, value) = self.plain_sample()?;
        match value.value_type {
            ValueType::Address | ValueType::Binary => {
                let message = format!("'{}' is not a number", typed.value);
                Err(Mistake::new(typed.place, message))
            }
            ValueType::Integer | ValueType::Text | ValueType::Bool | ValueType::Any => {
                Ok(RuleAction::SetPriority { part, value })
            }
        }
    }
}
