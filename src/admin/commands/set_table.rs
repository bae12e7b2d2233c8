//! The commands that change entries of a table: `set table` and `clear table`.

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::command_line::{CommandLine, text};
use super::filter;
use super::filter::{Selection, SelectionError};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_ROWS_MAX;
use crate::config::TableId;
use crate::config::data_type::Kind;
use crate::table::{Cell, Dictionary, NameId, Rate, RowId, RowStep, StickTable};

const SET_USAGE: &str = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";
const CLEAR_USAGE: &str = "Required arguments: <table> \"data.<store_data_type>\" <operator> \
                           <value> or <table> key <key>";
const IN_USE: &str = "Entry currently in use, cannot remove";
const NOT_A_NUMBER: &str = "Require a valid integer value to store";

/// `set table <table> key <key> [data.<type> <value>]*`: nothing is changed unless all of it can
/// be.
pub(super) fn set_table(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(name) = line.word(2) else { return Answer::error(SET_USAGE) };
    let Some(id) = context.shared.tables.by_name(&text(name)) else {
        return Answer::error("No such table");
    };
    match line.word(3) {
        Some(b"key") => {}
        Some(word) if word.starts_with(b"data.") => {
            return Answer::error(
                "content-based lookup is only supported with the \"show\" and \"clear\" actions",
            );
        }
        _ => return Answer::error(SET_USAGE),
    }
    match set_entry(id, line, context) {
        Ok(()) => Answer::text(""),
        Err(message) => Answer::error(message),
    }
}

fn set_entry(id: TableId, line: &CommandLine, context: &mut Context<'_>) -> Result<(), String> {
    let table = context.shared.tables.get(id);
    let key =
        filter::parse_key(line, table).map_err(|error: SelectionError| error.text(SET_USAGE))?;
    let mut values = Vec::new();
    for pair in line.from(5).chunks(2) {
        let (name, value) = match pair {
            [name, value] => (name, Some(value)),
            [name] => (name, None),
            _ => break,
        };
        if !name.starts_with(b"data.") {
            return Err("\"data.<type>\" followed by a value expected".to_owned());
        }
        let (cell, element) = filter::parse_data(name, context.shared.tables.get(id))?;
        let value = value
            .and_then(|value| parse_value(cell, value, context.now_ms))
            .ok_or_else(|| NOT_A_NUMBER.to_owned())?;
        values.push((cell, element, value));
    }
    let now_ms = context.now_ms;
    let tables = &mut context.shared.tables;
    tables.sweep_names(now_ms);
    let value = |(cell, element, value): (Cell, u32, Typed<'_>)| {
        Some((cell, element, value.known_to(tables.names_mut())?))
    };
    let values: Option<Vec<_>> = values.into_iter().map(value).collect();
    let values = values.ok_or("Not a server name, or too many of them are in use")?;
    let table = tables.get_mut(id);
    let Some((row, _)) = table.find_or_insert(&key, now_ms) else {
        return Err("Unable to allocate a new entry".to_owned());
    };
    for (cell, element, value) in values {
        value.store(table, row, cell, element);
    }
    table.touch_local(row, now_ms);
    table.settle(row); // the operator has decided
    Ok(())
}

/// A value as the command has it.
#[derive(Clone, Copy, Debug)]
enum Typed<'w> {
    Value(Value),
    /// A name, which comes into the dictionary once the whole command is in order.
    Name(&'w [u8]),
}

impl Typed<'_> {
    fn known_to(self, names: &mut Dictionary) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Name(name) => names.intern(name).map(|NameId(number)| Value::Narrow(number)),
        }
    }
}

/// A value to be stored.
#[derive(Clone, Copy, Debug)]
enum Value {
    Narrow(u32),
    Wide(u64),
    Rate(Rate),
}

impl Value {
    fn store(self, table: &mut StickTable, row: RowId, cell: Cell, element: u32) {
        match self {
            Self::Narrow(value) => table.set_u32(row, cell, element, value),
            Self::Wide(value) => table.set_u64(row, cell, element, value),
            Self::Rate(rate) => table.set_rate(row, cell, element, rate),
        }
    }
}

/// A value in the command's words. Negative numbers stand for their bits, as in HAProxy.
fn parse_value(cell: Cell, word: &[u8], now_ms: u64) -> Option<Typed<'_>> {
    let narrow =
        |word: &str| word.parse::<u32>().ok().or_else(|| word.parse().ok().map(i32::cast_unsigned));
    let word_text = text(word);
    let value = match cell.kind() {
        Kind::Signed => Value::Narrow(word_text.parse::<i32>().ok()?.cast_unsigned()),
        Kind::Unsigned => Value::Narrow(narrow(&word_text)?),
        Kind::Wide => Value::Wide(
            word_text.parse().ok().or_else(|| word_text.parse().ok().map(i64::cast_unsigned))?,
        ),
        // The whole number counts from now on and fades out in the period after.
        Kind::Rate => Value::Rate(Rate {
            start_ms: u32::try_from(now_ms & u64::from(u32::MAX)).unwrap_or_default(),
            current: narrow(&word_text)?,
            previous: 0,
        }),
        Kind::Name => return Some(Typed::Name(word)),
    };
    Some(Typed::Value(value))
}

/// `clear table <table> [key <key> | data.<type> <operator> <value>]`.
pub(super) fn clear_table(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(name) = line.word(2) else { return Answer::error(CLEAR_USAGE) };
    let Some(id) = context.shared.tables.by_name(&text(name)) else {
        return Answer::error("No such table");
    };
    let selection = match filter::parse(line, context.shared.tables.get(id)) {
        Ok(selection) => selection,
        Err(error) => return Answer::error(error.text(CLEAR_USAGE)),
    };
    if let Selection::Key(key) = &selection {
        let table = context.shared.tables.get_mut(id);
        let is_gone = table.find(key, context.now_ms).is_none_or(|row| table.remove(row));
        return if is_gone { Answer::text("") } else { Answer::error(IN_USE) };
    }
    Answer::job(TableClear { table: id, selection, cursor: None })
}

/// Removes entries, a bounded number of rows at a time.
#[derive(Debug)]
struct TableClear {
    table: TableId,
    selection: Selection,
    cursor: Option<RowId>,
}

impl Job for TableClear {
    fn advance(&mut self, context: &mut Context<'_>, _: &mut Vec<u8>) -> JobState {
        let now_ms = context.now_ms;
        let table = context.shared.tables.get_mut(self.table);
        for _ in 0..SLICE_ROWS_MAX {
            match table.next_row_within(self.cursor, SLICE_ROWS_MAX) {
                RowStep::Row(row) => {
                    self.cursor = Some(row);
                    let selected = match &self.selection {
                        Selection::All => true,
                        Selection::Key(key) => table.key(row) == key,
                        Selection::Values(conditions) => {
                            filter::matches(conditions, table, row, now_ms)
                        }
                    };
                    if selected {
                        table.remove(row);
                    }
                }
                RowStep::Pause(row) => {
                    self.cursor = Some(row);
                    return JobState::Unfinished;
                }
                RowStep::End => return JobState::Finished,
            }
        }
        JobState::Unfinished
    }
}
