//! The actions that mark the packets to the client.

use super::row::{ActionRow, Stages};
use super::words::ActionWords;
use crate::config::rules::rule::RuleAction;
use crate::config::text::diagnostic::{Mistake, Parsed};

pub(super) fn rows() -> Vec<ActionRow> {
    vec![
        ActionRow::new(
            "set-mark",
            "<mark>",
            |words| words.number().map(RuleAction::SetMark),
            "Has the packets to the client carry a mark, which routes and the firewall of this \
             machine can ask for: a number, `0x` before hexadecimal digits. Needs the capability \
             CAP_NET_ADMIN; without it there is a warning at the start, and nothing is marked. It \
             does not go with `user` or `uid`.",
            "tcp-request connection set-mark 0x10 if { src 10.0.0.0/8 }",
        )
        .in_stages(Stages::ALL),
        ActionRow::new(
            "set-tos",
            "<tos>",
            |words| {
                let [.., tos] = words.number()?.to_be_bytes();
                Ok(RuleAction::SetTos(tos))
            },
            "Has the packets to the client carry this type of service: a number of 8 bits, `0x` \
             before hexadecimal digits.",
            "tcp-request content set-tos 0x10 if { src 10.0.0.0/8 }",
        )
        .in_stages(Stages::ALL),
    ]
}

impl ActionWords<'_, '_, '_> {
    /// A number: decimal, hexadecimal behind `0x`, octal behind `0`.
    fn number(&mut self) -> Parsed<u32> {
        let Some((word, rest)) = self.rest.split_first() else {
            return Err(self.wants("a number"));
        };
        self.rest = rest;
        let text = word.value;
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if text.len() > 1 && text.starts_with('0') => (text, 8),
            None => (text, 10),
        };
        u32::from_str_radix(digits, radix).map_err(|_| {
            let message = format!("'{}': '{text}' is not a number", self.name);
            Mistake::new(word.place, message)
        })
    }
}
