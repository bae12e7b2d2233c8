//! The commands that change entries of a table: `set table` and `clear table`.

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::filter;
use super::filter::{Element, Selection, SelectionError};
use super::named_entries::{NamedEntry, NamedTables};
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_ROWS_MAX;
use crate::config::data_type::Kind;
use crate::config::{Counts, TableId};
use crate::table::{Author, Cell, Dictionary, NameId, Rate, RowId, StickTable, WalkStep};

const SET_USAGE: &str = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";
const CLEAR_USAGE: &str = "Required arguments: <table> \"data.<store_data_type>\" <operator> \
                           <value> or <table> key <key>";
const IN_USE: &str = "Entry currently in use, cannot remove";
const NOT_A_NUMBER: &str = "Require a valid integer value to store";

/// `set table <table> key <key> [data.<type> <value>]*`: nothing is changed unless all values can
/// be stored.
pub(super) fn set_table(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(name) = line.word(2) else { return Answer::error(SET_USAGE) };
    let Some(named) = NamedTables::find(&text(name), &context.shared.tables) else {
        return Answer::error("No such table");
    };
    let id = named.first;
    if context.shared.tables.get(id).declaration().counts == Counts::OfAnotherNode {
        return Answer::error("Another node counts in this table: set the entry there");
    }
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
        let element = filter::parse_data(name, context.shared.tables.get(id))?;
        let value = value
            .and_then(|value| parse_value(element.cell, value, context.now_ms))
            .ok_or_else(|| NOT_A_NUMBER.to_owned())?;
        values.push((element, value));
    }
    let now_ms = context.now_ms;
    let tables = &mut context.shared.tables;
    tables.sweep_names(now_ms);
    let value = |(element, value): (Element, Typed<'_>)| {
        Some((element, value.known_to(tables.names_mut())?))
    };
    let values: Option<Vec<_>> = values.into_iter().map(value).collect();
    let values = values.ok_or("Not a server name, or too many of them are in use")?;
    let table = tables.at_key(id, &key, now_ms);
    let Some((row, _)) = table.find_or_insert(&key, now_ms) else {
        return Err("Unable to allocate a new entry".to_owned());
    };
    table.set_author(Author::Command);
    for (element, value) in values {
        value.store(table, row, element);
    }
    table.touch_local(row, now_ms);
    table.settle(row); // the operator has decided
    Ok(())
}

/// A value in the form that the command gives.
#[derive(Clone, Copy, Debug)]
enum Typed<'w> {
    Value(Value),
    /// The name of a server. It is added to the dictionary when the whole command is valid.
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

/// A value in the form that the table stores.
#[derive(Clone, Copy, Debug)]
enum Value {
    Narrow(u32),
    Wide(u64),
    Rate(Rate),
}

impl Value {
    fn store(self, table: &mut StickTable, row: RowId, Element { cell, number }: Element) {
        match self {
            Self::Narrow(value) => table.set_u32(row, cell, number, value),
            Self::Wide(value) => table.set_u64(row, cell, number, value),
            Self::Rate(rate) => table.set_rate(row, cell, number, rate),
        }
    }
}

/// Reads a value from a word. As in HAProxy, the bits of a negative number are stored.
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
        // The number counts in full from now on and fades out in the next period.
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
    let Some(named) = NamedTables::find(&text(name), &context.shared.tables) else {
        return Answer::error("No such table");
    };
    let selection = match filter::parse(line, context.shared.tables.get(named.first)) {
        Ok(selection) => selection,
        Err(error) => return Answer::error(error.text(CLEAR_USAGE)),
    };
    if let Selection::Key(key) = &selection {
        let is_gone = remove(&named, key, context);
        return if is_gone { Answer::text("") } else { Answer::error(IN_USE) };
    }
    Answer::job(TableClear { named, at: 0, selection, cursor: None })
}

/// The entries that are still to be removed.
#[derive(Debug)]
struct TableClear {
    named: NamedTables,
    /// The position of the table that is looked through.
    at: usize,
    selection: Selection,
    cursor: Option<RowId>,
}

impl TableClear {
    /// Whether the entry in this row is to be removed.
    fn selects(&self, id: TableId, row: RowId, context: &Context<'_>) -> bool {
        let (tables, now_ms) = (&context.shared.tables, context.now_ms);
        let table = tables.get(id);
        let key = table.key(row);
        match &self.selection {
            Selection::All => true,
            Selection::Key(selected) => key == selected,
            Selection::Values(conditions) if self.named.is_one_table() => {
                filter::matches(conditions, &NamedEntry::of_row(table, row), now_ms)
            }
            Selection::Values(conditions) => {
                let entry = self.named.entry(key, tables, now_ms);
                entry.is_some_and(|entry| filter::matches(conditions, &entry, now_ms))
            }
        }
    }
}

impl Job for TableClear {
    fn advance(&mut self, context: &mut Context<'_>, _: &mut Vec<u8>) -> JobState {
        for _ in 0..SLICE_ROWS_MAX {
            let Some(id) = self.named.at(self.at) else { return JobState::Finished };
            let tables = &mut context.shared.tables;
            match tables.next_row_of(id, self.cursor, SLICE_ROWS_MAX, context.now_ms) {
                WalkStep::Row { row, next } => {
                    self.cursor = Some(next);
                    if !self.selects(id, row, context) {
                        continue;
                    }
                    if self.named.is_one_table() {
                        context.shared.tables.get_mut(id).remove(row);
                    } else {
                        let key = context.shared.tables.get(id).key(row).to_vec();
                        remove(&self.named, &key, context);
                    }
                }
                WalkStep::Pause { next } => {
                    self.cursor = Some(next);
                    return JobState::Unfinished;
                }
                WalkStep::End => (self.at, self.cursor) = (self.at + 1, None),
            }
        }
        JobState::Unfinished
    }
}

/// Removes the entries with this key. False if one is in use.
fn remove(named: &NamedTables, key: &[u8], context: &mut Context<'_>) -> bool {
    let now_ms = context.now_ms;
    named.fetch(key, &mut context.shared.tables, now_ms);
    named.ids().fold(true, |is_gone, id| {
        let table = context.shared.tables.get_mut(id);
        table.find(key, now_ms).is_none_or(|row| table.remove(row)) && is_gone
    })
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::{Fixture, NOW_MS, without_addresses};
    use crate::config::TableId;
    use crate::config::data_type::DataType;

    #[test]
    fn set_table_makes_an_entry_that_show_table_prints_as_haproxy_does() {
        let mut fixture = Fixture::new();
        let set = "set table web key 9.9.9.7 data.gpc0 5 data.conn_rate 7 \
                   data.bytes_in_cnt 12345678901 data.server_id 2 data.conn_cur 3 data.gpt0 -1";
        assert_eq!(fixture.ask(set), "\n");
        assert_eq!(
            without_addresses(&fixture.ask("show table web")),
            "# table: web, type: ip, size:20480, used:1\n\
             0xADDRESS: key=9.9.9.7 use=0 exp=600000 server_id=2 gpt0=4294967295 gpc0=5 \
             conn_rate(10000)=7 conn_cur=3 bytes_in_cnt=12345678901 bytes_in_rate(60000)=0 gpc1=0 \
             server_key=-\n\n"
        );
        let table = fixture.shared.tables.get(TableId(0));
        assert_eq!(table.last_update().0, 1, "a local change that peers are told");
        assert_eq!(fixture.ask("set table web key 9.9.9.7 data.server_key s2"), "\n");
        assert!(fixture.ask("show table web key 9.9.9.7").ends_with(" server_key=s2\n\n"));
        assert_eq!(fixture.ask("show table web key 1.1.1.1"), "\n");
    }

    #[test]
    fn commands_that_fail_change_nothing() {
        let mut fixture = Fixture::new();
        let names = fixture.shared.tables.names().len();
        for end in ["data.gpc0 x", "data.nope 1", "nonsense", "data.gpc0"] {
            let said = fixture.ask(&format!("set table web key 9.9.9.7 data.server_key new {end}"));
            assert_ne!(said, "\n", "{end}");
        }
        let long = "x".repeat(300);
        let said = fixture.ask(&format!("set table web key 9.9.9.7 data.server_key {long}"));
        assert!(said.contains("server name"), "{said}");
        assert_eq!(fixture.shared.tables.names().len(), names);
        assert_eq!(fixture.shared.tables.get(TableId(0)).used(), 0);
    }

    #[test]
    fn clear_table_removes_what_it_is_told() {
        let mut fixture = Fixture::new();
        for last in 1..=9 {
            fixture.ask(&format!("set table web key 1.0.0.{last} data.gpc0 {last}"));
        }
        let used = |fixture: &Fixture| fixture.shared.tables.get(TableId(0)).used();
        assert_eq!(fixture.ask("clear table web key 1.0.0.1"), "\n");
        assert_eq!(used(&fixture), 8);
        assert_eq!(fixture.ask("clear table web key 1.0.0.1"), "\n");
        assert_eq!(fixture.ask("clear table web data.gpc0 gt 6"), "\n");
        assert_eq!(used(&fixture), 5);
        assert_eq!(fixture.ask("clear table web"), "\n");
        assert_eq!(used(&fixture), 0);
    }

    #[test]
    fn a_full_table_that_evicts_nothing_refuses_the_entry() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.ask("set table t_bin key 01"), "\n");
        assert_eq!(fixture.ask("set table t_bin key 02"), "\n");
        assert_eq!(fixture.ask("set table t_bin key 03"), "Unable to allocate a new entry\n\n");
    }

    #[test]
    fn server_ids_are_stored_where_the_stick_rules_look() {
        let mut fixture = Fixture::new();
        fixture.ask("set table web key 127.0.0.1 data.server_id 2");
        let table = fixture.shared.tables.get(TableId(0));
        let row = table.find(&[127, 0, 0, 1], NOW_MS).unwrap();
        assert_eq!(table.get_u32(row, table.cell(DataType::ServerId).unwrap(), 0), 2);
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.insert(0, &[127, 0, 0, 1]);
        fixture.converse(&[
            (
                "clear table",
                "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or \
                 <table> key <key>",
            ),
            ("clear table nope", "No such table"),
            (
                "clear table web foo",
                "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or \
                 <table> key <key>",
            ),
            (
                "set table",
                "Required arguments: <table> key <key> [data.<store_data_type> <value>]*",
            ),
            ("set table nope", "No such table"),
            ("set table web key", "Key value expected"),
            (
                "set table web data.gpc0 1",
                "content-based lookup is only supported with the \"show\" and \"clear\" actions",
            ),
            ("set table web key 9.9.9.9 foo", "\"data.<type>\" followed by a value expected"),
            ("set table web key 9.9.9.9 data.foo 1", "Unknown data type"),
            ("set table web key 9.9.9.9 data.gpc0", "Require a valid integer value to store"),
            ("set table web key 9.9.9.9 data.gpc0 0x1", "Require a valid integer value to store"),
            ("set table web key 9.9.9.9 data.http_req_cnt 2", "Data type not stored in this table"),
        ]);
        assert_eq!(fixture.shared.tables.get(TableId(0)).used(), 1, "nothing was made by halves");
    }
}
