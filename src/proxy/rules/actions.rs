//! Running a list of `tcp-request` rules.

use super::Context;
use super::entry;
use super::test::{Truth, holds};
use super::value::low_bits;
use crate::config::TableId;
use crate::config::data_type::DataType;
use crate::config::rules::expression::{Action, Amount, Expression, Rule};

/// What came of a list of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The client may go on.
    Accepted,
    /// The client is refused.
    Rejected,
    /// The client is refused and not told.
    Dropped,
    /// The rule at this position waits for more from the client.
    Waits(usize),
}

/// Runs rules from the position `first` on, until one decides.
pub fn run<'a>(rules: &'a [Rule<Action>], first: usize, context: &mut Context<'a, '_>) -> Verdict {
    for (position, rule) in rules.iter().enumerate().skip(first) {
        match holds(rule.condition.as_ref(), context) {
            Truth::No => continue,
            Truth::NotYet => return Verdict::Waits(position),
            Truth::Yes => {}
        }
        match &rule.action {
            Action::Accept => return Verdict::Accepted,
            Action::Reject => return Verdict::Rejected,
            Action::SilentDrop => return Verdict::Dropped,
            Action::ExpectProxy => context.expects_header = true,
            Action::Track { slot, key, table } => {
                if !context.track(*slot, key, *table) {
                    return Verdict::Waits(position);
                }
            }
            Action::Add { slot, counter, element, by } => {
                if let Some(by) = context.amount(by) {
                    context.add(*slot, *counter, *element, by);
                }
            }
            Action::SetTag { slot, tag, element, value } => {
                if let Some(value) = context.amount(value) {
                    context.set_tag(*slot, *tag, *element, value);
                }
            }
        }
    }
    Verdict::Accepted
}

impl<'a> Context<'a, '_> {
    /// Tracks the entry of a key. Returns whether the key was known for sure.
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
            let tracks = self.tracks.get_or_insert_default();
            tracks.start(slot, table, key.as_ref(), self.tables, self.now_ms);
        }
        true
    }

    /// A number, from what is known now: nothing is waited for.
    fn amount(&mut self, amount: &'a Amount) -> Option<u32> {
        match amount {
            Amount::Fixed(number) => Some(*number),
            Amount::Sample(expression) => {
                let is_final = std::mem::replace(&mut self.facts.is_final, true);
                let sample = self.sample(expression);
                self.facts.is_final = is_final;
                sample.value?.number().map(low_bits)
            }
        }
    }

    fn add(&mut self, slot: u8, counter: DataType, element: u32, by: u32) {
        let Some(track) = self.tracks.as_ref().and_then(|tracks| tracks.get(slot)) else { return };
        let table = self.tables.get_mut(track.table);
        entry::count(table, track.row, counter, element, u64::from(by), self.now_ms);
        table.touch_local(track.row, self.now_ms);
    }

    fn set_tag(&mut self, slot: u8, tag: DataType, element: u32, value: u32) {
        let Some(track) = self.tracks.as_ref().and_then(|tracks| tracks.get(slot)) else { return };
        let table = self.tables.get_mut(track.table);
        entry::set_tag(table, track.row, tag, element, value);
        table.touch_local(track.row, self.now_ms);
    }
}
