//! What rules do for a connection: the lists of `tcp-request` rules, and the keys of stick rules.

use std::borrow::Cow;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;

use super::condition::{applies, holds};
use super::context::{Context, Facts};
use super::entry;
use super::truth::Truth;
use super::value::{Value, key_of, low_bits};
use crate::config::TableId;
use crate::config::data_type::DataType;
use crate::config::rules::{
    Amount, CaptureSlot, ConnectionEnd, Decision, Expression, NewValue, PriorityPart, Rule,
    RuleAction,
};
use crate::net::connection;
use crate::proxy::backend::stick::StickKeyRule;
use crate::table::key::{Key, address_key};

/// What a list of rules decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesVerdict {
    /// The client may go on.
    Accepted,
    /// The client is refused.
    Rejected,
    /// The client is refused without being told.
    Dropped,
    /// The server's connection is closed, after what it has sent.
    Closed,
    /// Nothing yet: a rule needs more from the client. Then the rules go on at this position.
    Waits(usize),
}

/// Runs rules from the position `first` on, until one of them decides. Every kind of action has
/// one arm here.
pub fn run<'a>(
    rules: &'a [Rule<RuleAction>],
    first: usize,
    context: &mut Context<'a, '_>,
) -> RulesVerdict {
    for (position, rule) in rules.iter().enumerate().skip(first) {
        match applies(rule, context) {
            Truth::No => continue,
            // As with HAProxy, all rules are looked at again: what they found may have changed.
            Truth::NotYet => return RulesVerdict::Waits(0),
            Truth::Yes => {}
        }
        match &rule.action {
            RuleAction::Decide(decision) => {
                if context.has_transaction {
                    context.memory.last_rule = Some(rule.place);
                }
                return match decision {
                    Decision::Accept => RulesVerdict::Accepted,
                    Decision::Reject => RulesVerdict::Rejected,
                    Decision::SilentDrop => RulesVerdict::Dropped,
                    Decision::Close => RulesVerdict::Closed,
                };
            }
            RuleAction::SetLogLevel(level) => context.log_level = Some(*level),
            RuleAction::SetMark(mark) => context.mark(|socket| connection::set_mark(socket, *mark)),
            RuleAction::SetTos(tos) => context.mark(|socket| connection::set_tos(socket, *tos)),
            RuleAction::ExpectProxy => context.expects_header = true,
            RuleAction::SetEnd { end, value } => context.set_end(*end, value),
            RuleAction::Track { slot, key, table } => {
                if !context.track(*slot, key, *table) {
                    return RulesVerdict::Waits(position);
                }
            }
            RuleAction::Add { slot, counter, element, by } => {
                if let Some(by) = context.amount(by) {
                    context.add(*slot, *counter, *element, by);
                }
            }
            RuleAction::Capture { sample, slot, len } => {
                if let Some(value) = context.value_now(sample) {
                    context.memory.keep(*slot, &value.text(), *len);
                }
            }
            RuleAction::SetVariable { variable, conditions, value } => {
                if let Some(value) = context.new_value(value) {
                    context.set_variable(*variable, conditions, &value);
                }
            }
            RuleAction::SetPriority { part, value } => context.set_priority(*part, value),
            RuleAction::UnsetVariable(variable) => context.unset_variable(*variable),
            RuleAction::SetTag { slot, tag, element, value } => {
                if let Some(value) = context.amount(value) {
                    context.set_tag(*slot, *tag, *element, value);
                }
            }
        }
    }
    RulesVerdict::Accepted
}

impl<'a> Context<'a, '_> {
    /// The key of a stick rule, if the rule applies to this connection.
    pub fn stick_key(&mut self, rule: &'a StickKeyRule) -> Option<Key> {
        let truth = holds(rule.condition.as_ref(), self);
        self.note_rule(rule.place, truth);
        if truth != Truth::Yes {
            return None;
        }
        match &rule.expression {
            Some(expression) => {
                let value = self.sample(expression).value;
                self.note_made(value.as_ref());
                key_of(&value?, rule.key_type)
            }
            None => address_key(self.facts.client?.ip(), rule.key_type).map(Key::Address),
        }
    }

    /// Marks the packets to the client, if the system lets it. As with HAProxy, a rule that cannot
    /// do that does nothing: whether it may was looked at when the process started.
    fn mark(&self, set: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>) {
        if let Some(socket) = self.facts.sockets.client {
            let _ = set(socket);
        }
    }

    /// Tracks the entry of a key. Returns whether the key is final.
    fn track(&mut self, slot: u8, key: &'a Expression, table: TableId) -> bool {
        let key = if key.is_source() {
            self.source_key(table)
        } else {
            let sample = self.sample(key);
            if sample.may_change {
                return false;
            }
            sample.value.as_ref().and_then(|value| self.key(value, table))
        };
        if let Some(key) = key {
            let tracks = self.memory.tracks.get_or_insert_default();
            tracks.start(slot, table, key.as_ref(), self.tables, self.now_ms);
        }
        true
    }

    /// Sets an end of the connection, if the sample has a value that fits.
    fn set_end(&mut self, end: ConnectionEnd, value: &'a Expression) {
        let is_final = std::mem::replace(&mut self.facts.is_final, true);
        let sample = self.sample(value);
        self.facts.is_final = is_final;
        let Some(value) = sample.value else { return };
        let Facts { client, destination, .. } = &mut self.facts;
        let place = if end.is_destination() { destination } else { client };
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut address = place.unwrap_or(unknown);
        match end {
            ConnectionEnd::Source | ConnectionEnd::Destination => {
                let Some(ip) = value.address() else { return };
                address.set_ip(ip);
            }
            ConnectionEnd::SourcePort | ConnectionEnd::DestinationPort => {
                let Some(number) = value.number() else { return };
                let [.., high, low] = number.to_be_bytes();
                address.set_port(u16::from_be_bytes([high, low]));
            }
        }
        let replaced = place.replace(address).filter(|_| !self.is_at_connection);
        if let Some(replaced) = replaced {
            let own = self.memory.own_ends.get_or_insert_default();
            let own = if end.is_destination() { &mut own.destination } else { &mut own.client };
            own.get_or_insert(replaced);
        }
        self.has_set_ends = true;
    }

    /// The number that an action uses, by what is known now: an amount waits for nothing.
    fn amount(&mut self, amount: &'a Amount) -> Option<u32> {
        match amount {
            Amount::Fixed(number) => Some(*number),
            Amount::Sample(expression) => self.value_now(expression)?.number().map(low_bits),
        }
    }

    /// The value that a variable gets, by what is known now.
    pub(super) fn new_value(&mut self, value: &'a NewValue) -> Option<Value<'a>> {
        match value {
            NewValue::Sample(expression) => self.value_now(expression),
            NewValue::Format(format) => Some(Value::Text(Cow::Owned(self.formatted(format)))),
        }
    }

    /// The value of a sample by what is known now.
    pub(super) fn value_now(&mut self, expression: &'a Expression) -> Option<Value<'a>> {
        let is_final = std::mem::replace(&mut self.facts.is_final, true);
        let sample = self.sample(expression);
        self.facts.is_final = is_final;
        sample.value
    }

    /// Sets the place in queues, if the sample is a number now.
    fn set_priority(&mut self, part: PriorityPart, value: &'a Expression) {
        let Some(number) = self.value_now(value).and_then(|value| value.number()) else { return };
        match part {
            PriorityPart::Class => self.memory.priority.set_class(number),
            PriorityPart::Offset => self.memory.priority.set_offset(number),
        }
    }

    /// Keeps a text for the log, if the frontend has such a slot and the content rules have begun.
    pub(super) fn capture(&mut self, slot: CaptureSlot, text: &[u8]) -> Option<()> {
        let frontend = self.frontends.get(self.facts.frontend.index())?;
        let len = frontend.config.rules.captures.len(slot).filter(|_| self.has_transaction)?;
        self.memory.keep(slot, text, len);
        Some(())
    }

    fn add(&mut self, slot: u8, counter: DataType, element: u32, by: u32) {
        let Some(track) = self.memory.tracks.as_ref().and_then(|tracks| tracks.get(slot)) else {
            return;
        };
        let table = self.tables.get_mut(track.table);
        entry::count(table, track.row, counter, element, u64::from(by), self.now_ms);
        table.touch_local(track.row, self.now_ms);
    }

    fn set_tag(&mut self, slot: u8, tag: DataType, element: u32, value: u32) {
        let Some(track) = self.memory.tracks.as_ref().and_then(|tracks| tracks.get(slot)) else {
            return;
        };
        let table = self.tables.get_mut(track.table);
        entry::set_tag(table, track.row, tag, element, value);
        table.touch_local(track.row, self.now_ms);
    }
}
