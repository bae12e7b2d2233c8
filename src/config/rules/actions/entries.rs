//! The actions about the entries of stick tables. Those that change what an entry stores follow
//! from the data types.

use super::row::{ActionRow, Stages};
use super::words::ActionWords;
use crate::config::data_type::{DataType, Role};
use crate::config::rules::entry_samples::SLOTS;
use crate::config::rules::read_expression;
use crate::config::rules::rule::{Amount, RuleAction};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, TOLD, both};

pub(super) fn rows() -> Vec<ActionRow> {
    let mut rows: Vec<ActionRow> = (0..SLOTS).map(track_row).collect();
    let changes = DataType::ALL.iter().flat_map(|of| changes_of(*of));
    let mut changes: Vec<_> = changes.map(|row| row.in_stages(Stages::ALL)).collect();
    changes.sort_by(|first, second| first.name.cmp(&second.name));
    rows.extend(changes);
    rows
}

fn track_row(slot: u8) -> ActionRow {
    ActionRow::new(
        format!("track-sc{slot}"),
        "<key> [table <name>]",
        move |words| words.track(slot),
        format!(
            "Tracks the entry of the key as sc{slot}: the connection is counted in the entry \
                 until it ends. Without a name the table is the section's own."
        ),
        format!("tcp-request connection track-sc{slot} src table clients"),
    )
}

/// The actions that follow from a data type.
fn changes_of(data_type: DataType) -> Vec<ActionRow> {
    let name = data_type.name();
    let place = if data_type.is_array() { "(<element>,<slot>)" } else { "(<slot>)" };
    let valued = if data_type.is_array() {
        "(<element>,<slot>) <number or sample>"
    } else {
        "(<slot>) <number or sample>"
    };
    let of = if data_type.is_array() { "an element of " } else { "" };
    let of = format!("{of}{} in the entry that the slot tracks", data_type.help());
    let at = if data_type.is_array() { "(0,0)" } else { "(0)" };
    let example = |action: &str| format!("tcp-request content {action}-{name}{at}");
    match data_type.role() {
        Role::Tag => vec![ActionRow::new(
            format!("sc-set-{name}"),
            valued,
            move |words| words.set(data_type),
            format!("Sets {of}."),
            format!("{} 7", example("sc-set")),
        )],
        Role::Counter => {
            let increment = ActionRow::new(
                format!("sc-inc-{name}"),
                place,
                move |words| words.increment(data_type),
                format!("Adds 1 to {of}."),
                example("sc-inc"),
            );
            let add = ActionRow::new(
                format!("sc-add-{name}"),
                valued,
                move |words| words.add(data_type),
                format!("Adds a number to {of}."),
                format!("{} 7", example("sc-add")),
            );
            // HAProxy adds numbers to arrays alone.
            [increment].into_iter().chain(data_type.is_array().then_some(add)).collect()
        }
        Role::Server | Role::Traffic | Role::Bytes(_) | Role::Open | Role::Rate => Vec::new(),
    }
}

impl ActionWords<'_, '_, '_> {
    fn track(&mut self, slot: u8) -> Parsed<RuleAction> {
        let Some((key, rest)) = read_expression::split_chain(self.rest) else {
            return Err(self.mistake(format!("'{}' wants a key", self.word.value)));
        };
        let key = Placed { value: key.value.as_str(), place: key.place };
        let expression = read_expression::read(&key, self.names);
        let current = self.names.current;
        let (name, place, rest) = match rest {
            [table, name, rest @ ..] if table.value == "table" => (name.value, name.place, rest),
            rest => match &current.table {
                Some(_) => (current.name.as_str(), key.place, rest),
                None if current.may_miss_table() => {
                    return Err(Mistake::new(key.place, TOLD));
                }
                None => {
                    let message = "the section has no 'stick-table': name one with 'table'";
                    return Err(Mistake::new(key.place, message));
                }
            },
        };
        self.rest = rest;
        let table = self.names.table(name).map_err(|message| Mistake::new(place, message));
        let (expression, table) = both(expression, table)?;
        if let Some(declared) = self.names.tables.get(table.index()) {
            read_expression::check_key(&expression, declared, &key)?;
        }
        Ok(RuleAction::Track { slot, key: expression, table })
    }

    fn increment(&mut self, counter: DataType) -> Parsed<RuleAction> {
        let (element, slot) = self.element_and_slot(counter)?;
        Ok(RuleAction::Add { slot, counter, element, by: Amount::Fixed(1) })
    }

    fn add(&mut self, counter: DataType) -> Parsed<RuleAction> {
        let (element, slot) = self.element_and_slot(counter)?;
        Ok(RuleAction::Add { slot, counter, element, by: self.amount()? })
    }

    fn set(&mut self, tag: DataType) -> Parsed<RuleAction> {
        let (element, slot) = self.element_and_slot(tag)?;
        Ok(RuleAction::SetTag { slot, tag, element, value: self.amount()? })
    }

    /// The arguments in parentheses: the element of an array, and the slot of the tracked entry.
    fn element_and_slot(&mut self, data_type: DataType) -> Parsed<(u32, u8)> {
        let inside = self.inside.and_then(|inside| inside.strip_suffix(')'));
        let inside = inside.ok_or_else(|| self.wants("arguments in parentheses"))?;
        let mut numbers = inside.split(',').map(|text| text.trim().parse::<u32>().ok());
        let mut number = |what: &str, below: u32| {
            let number = numbers.next().flatten().filter(|number| *number < below);
            let wanted = || format!("{what}, a number below {below}, in parentheses");
            number.ok_or_else(|| self.wants(&wanted()))
        };
        let element =
            if data_type.is_array() { number("an element", DataType::ELEMENTS_MAX)? } else { 0 };
        let slot = u8::try_from(number("a counter", SLOTS.into())?).unwrap_or(0);
        match numbers.next() {
            Some(_) => Err(self.wants("fewer arguments")),
            None => Ok((element, slot)),
        }
    }
}
