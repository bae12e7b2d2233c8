//! `show table`: the list of tables, or the entries of one table, in HAProxy's format.

use std::io::Write;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::filter;
use super::filter::{Element, Selection};
use super::named_entries::{NamedEntry, NamedTables};
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::slice::{SLICE_LEN_MAX, SLICE_ROWS_MAX};
use crate::config::data_type::Kind;
use crate::config::{Level, TableId};
use crate::table::{NameId, RowId, StickTable, Tables, WalkStep, key};

/// How many expired entries are removed before tables are shown.
const ROWS_EXPIRED_MAX: usize = 10_000;

const USAGE: &str = "Optional argument only supports \"data.<store_data_type>\" <operator> \
                     <value> and key <key>";

/// `show table [<table> [key <key> | data.<type> <operator> <value> …]]`.
pub(super) fn show_table(
    line: &CommandLine,
    client: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(name) = line.word(2) else {
        drop_expired(context.shared.tables.ids(), context);
        let next = context.shared.tables.ids().count();
        return Answer::job(TableList { next });
    };
    let Some(named) = NamedTables::find(&text(name), &context.shared.tables) else {
        return Answer::error("No such table");
    };
    drop_expired(named.ids(), context);
    let tables = &context.shared.tables;
    let table = tables.get(named.first);
    let selection = match filter::parse(line, table) {
        Ok(selection) => selection,
        Err(error) => return Answer::error(error.text(USAGE)),
    };
    if client.level < Level::Operator {
        if matches!(selection, Selection::Key(_)) {
            return Answer::denied();
        }
        let mut head = Vec::new();
        write_head(&mut head, &named, tables);
        let head = text(&head).into_owned();
        return Answer::Text(head + "# contents not dumped due to insufficient privileges\n");
    }
    if let Selection::Key(key) = &selection {
        return show_key(&named, key, context);
    }
    Answer::job(TableDump { named, at: 0, selection, begun: false, cursor: None })
}

/// Removes expired entries, because `used:` counts them too.
fn drop_expired(tables: impl Iterator<Item = TableId>, context: &mut Context<'_>) {
    let mut budget = ROWS_EXPIRED_MAX;
    for id in tables {
        budget -= context.shared.tables.get_mut(id).expire(context.now_ms, budget);
    }
}

fn show_key(named: &NamedTables, key: &[u8], context: &mut Context<'_>) -> Answer {
    named.fetch(key, &mut context.shared.tables, context.now_ms);
    let tables = &context.shared.tables;
    let Some(entry) = named.entry(key, tables, context.now_ms) else { return Answer::text("") };
    let mut out = Vec::new();
    write_head(&mut out, named, tables);
    write_entry(&mut out, named.first, &entry, context);
    Answer::Text(text(&out).into_owned())
}

/// The tables that are still to be listed. HAProxy lists the last table first.
#[derive(Debug)]
struct TableList {
    next: usize,
}

impl Job for TableList {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        while let Some(index) = self.next.checked_sub(1) {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            self.next = index;
            if let Some(id) = context.shared.tables.ids().nth(index) {
                let tables = &context.shared.tables;
                let sum = tables.get(id).declaration().sum_name();
                if let Some(sum) = sum.and_then(|sum| NamedTables::find(sum, tables)) {
                    write_head(out, &sum, tables);
                }
                write_head(out, &NamedTables::one(id), tables);
            }
        }
        JobState::Finished
    }
}

/// The entries that are still to be printed. The cursor is the last row that was looked at, because
/// rows may come and go between two slices.
#[derive(Debug)]
struct TableDump {
    named: NamedTables,
    /// The position of the table that is being printed.
    at: usize,
    selection: Selection,
    begun: bool,
    cursor: Option<RowId>,
}

impl TableDump {
    /// The entry in this row, unless it was printed with the entry of a table before.
    fn entry<'t>(
        &self,
        table: &'t StickTable,
        row: RowId,
        context: &'t Context<'_>,
    ) -> Option<NamedEntry<'t>> {
        if !table.is_live(row, context.now_ms) {
            return None;
        }
        if self.named.is_one_table() {
            return Some(NamedEntry::of_row(table, row));
        }
        let entry = self.named.entry(table.key(row), &context.shared.tables, context.now_ms)?;
        std::ptr::eq(entry.first.0, table).then_some(entry)
    }
}

impl Job for TableDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        if !self.begun {
            self.begun = true;
            write_head(out, &self.named, &context.shared.tables);
        }
        for _ in 0..SLICE_ROWS_MAX {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            let Some(id) = self.named.at(self.at) else { return JobState::Finished };
            let tables = &mut context.shared.tables;
            let row = match tables.next_row_of(id, self.cursor, SLICE_ROWS_MAX, context.now_ms) {
                WalkStep::Row { row, next } => {
                    self.cursor = Some(next);
                    row
                }
                WalkStep::Pause { next } => {
                    self.cursor = Some(next);
                    return JobState::Unfinished;
                }
                WalkStep::End => {
                    (self.at, self.cursor) = (self.at + 1, None);
                    continue;
                }
            };
            let table = context.shared.tables.get(id);
            let Some(entry) = self.entry(table, row, context) else { continue };
            let selected = match &self.selection {
                Selection::Values(conditions) => {
                    filter::matches(conditions, &entry, context.now_ms)
                }
                Selection::All | Selection::Key(_) => true,
            };
            if selected {
                write_entry(out, id, &entry, context);
            }
        }
        JobState::Unfinished
    }
}

/// Writes `# table: web, type: ip, size:20480, used:3`. Of a sum, the entries of the fullest part.
fn write_head(out: &mut Vec<u8>, named: &NamedTables, tables: &Tables) {
    let table = tables.get(named.first);
    let declaration = table.declaration();
    let sum = declaration.sum_name().filter(|_| !named.is_one_table());
    let name = sum.unwrap_or(&declaration.name);
    let (key_type, size) = (declaration.key_type.name(), table.size());
    let used = named.ids().map(|id| tables.used_of(id)).max().unwrap_or(0);
    // Writing to a vector cannot fail.
    let _ = writeln!(out, "# table: {name}, type: {key_type}, size:{size}, used:{used}");
}

/// Writes one entry. HAProxy prints an address first; stickd prints the number of the row in that
/// form.
fn write_entry(out: &mut Vec<u8>, id: TableId, entry: &NamedEntry<'_>, context: &Context<'_>) {
    let (table, row) = entry.first;
    let identity = (u64::from(id.0) + 1) << 36 | u64::from(row.number());
    let key = key::format(table.key(row), table.declaration().key_type);
    let uses = entry.holders();
    let expires = entry.expires_in_ms(context.now_ms);
    // Writing to a vector cannot fail, here and below.
    let _ = write!(out, "{identity:#014x}: key={key} use={uses} exp={expires}");
    for cell in table.cells() {
        for number in 0..cell.elements() {
            let element = Element { cell: *cell, number };
            write_name(out, element);
            write_value(out, entry, element, context);
        }
    }
    out.push(b'\n');
}

/// Writes ` gpc0=`, ` conn_rate(10000)=`, and for arrays ` gpc1=` or ` gpc1_rate(10000)=`.
fn write_name(out: &mut Vec<u8>, Element { cell, number }: Element) {
    let _ = write!(out, " {}", cell.data_type().element_name(number));
    let _ = match cell.kind() {
        Kind::Rate => write!(out, "({})=", cell.period_ms()),
        Kind::Signed | Kind::Unsigned | Kind::Wide | Kind::Name => write!(out, "="),
    };
}

fn write_value(out: &mut Vec<u8>, entry: &NamedEntry<'_>, element: Element, context: &Context<'_>) {
    let (table, row) = entry.first;
    let _ = match entry.value(element.cell, element.number, context.now_ms) {
        Some(value) => write!(out, "{value}"),
        None => {
            let name = NameId(table.get_u32(row, element.cell, element.number));
            out.write_all(context.shared.tables.names().name(name).unwrap_or(b"-"))
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::{Fixture, NOW_MS, without_addresses};
    use crate::admin::link::command_session::CommandSession;
    use crate::admin::link::session::Session;
    use crate::config::{Level, TableId};

    #[test]
    fn arrays_and_tables_without_expiry_are_printed_as_haproxy_does() {
        let mut fixture = Fixture::new();
        fixture.ask("set table t_int key 12 data.http_req_rate 17 data.gpc[1] 4");
        assert_eq!(
            without_addresses(&fixture.ask("show table t_int")),
            "# table: t_int, type: integer, size:200000, used:1\n\
             0xADDRESS: key=12 use=0 exp=0 http_req_rate(10000)=17 server_key=- gpt0=0 gpt1=0 \
             gpc0=0 gpc1=4 gpc2=0 gpc0_rate(10000)=0 gpc1_rate(10000)=0\n\n"
        );
        fixture.ask(r"set table t_str key a\ b;set table t_str key k=1\\2");
        let answer = fixture.ask("show table t_str");
        assert!(answer.contains(r" key=a\ b use=0 exp=30000 server_id=0 gpc0=0"), "{answer}");
        assert!(answer.contains(r" key=k\=1\\2 use=0"), "{answer}");
    }

    #[test]
    fn a_dump_is_the_same_whatever_the_size_of_its_slices() {
        let mut fixture = Fixture::new();
        for key in 0..100_000_u32 {
            fixture.insert(4, &key.to_be_bytes());
        }
        let mut dump = |window| {
            let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
            session.handle_received(b"show table t_int\n", NOW_MS);
            fixture.drain(&mut session, window)
        };
        let whole = dump(usize::MAX);
        assert_eq!(whole.lines().count(), 100_002);
        assert_eq!(dump(997), whole);
    }

    #[test]
    fn a_slice_is_bounded_whatever_matches() {
        let mut fixture = Fixture::new();
        for key in 0..100_000_u32 {
            fixture.insert(4, &key.to_be_bytes());
        }
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"show table t_int data.gpc gt 5\n", NOW_MS);
        let mut calls = 0;
        while session.is_busy() {
            let count = session.poll_transmit(&mut fixture.context()).len();
            session.handle_sent(count, NOW_MS);
            calls += 1;
        }
        assert!(calls > 90, "100,000 rows that do not match, in {calls} calls");
        session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"show table t_int\n", NOW_MS);
        while session.is_busy() {
            let count = session.poll_transmit(&mut fixture.context()).len();
            assert!(count < 17_000, "{count}");
            session.handle_sent(count, NOW_MS);
        }
    }

    #[test]
    fn a_table_may_change_while_it_is_dumped_and_cleared() {
        let mut fixture = Fixture::new();
        for key in 0..20_000_u32 {
            fixture.insert(4, &key.to_be_bytes());
        }
        let mut dump = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        let mut clear = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        dump.handle_received(b"show table t_int\n", NOW_MS);
        clear.handle_received(b"clear table t_int\n", NOW_MS);
        let mut key = 1_000_000_u32;
        while dump.is_busy() || clear.is_busy() {
            for session in [&mut dump, &mut clear] {
                let count = session.poll_transmit(&mut fixture.context()).len();
                session.handle_sent(count, NOW_MS);
            }
            key += 1;
            fixture.insert(4, &key.to_be_bytes());
        }
        let left = fixture.shared.tables.get(TableId(4)).used();
        assert!(left < 1000, "{left}");
    }

    #[test]
    fn an_entry_whose_time_is_over_is_not_shown() {
        let mut fixture = Fixture::new();
        fixture.ask("set table web key 1.0.0.1");
        fixture.now_ms += 600_001;
        assert!(!fixture.ask("show table web").contains("key="));
        assert_eq!(fixture.ask("show table web key 1.0.0.1"), "\n");
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.insert(0, &[127, 0, 0, 1]);
        fixture.converse(&[
            ("show table nope", "No such table"),
            ("show table web key", "Key value expected"),
            ("show table t_int key abc", "Invalid key"),
            (
                "show table web foo",
                "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and \
                 key <key>",
            ),
            ("show table web data.foo", "Filter entry #1: Unknown data type"),
            (
                "show table web data.gpc0 xx 1",
                "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \
                 \"lt\", \"gt\"",
            ),
            (
                "show table web data.gpc0 eq 12x",
                "Filter entry #1: Require a valid integer value to compare against",
            ),
            (
                "show table web data.http_req_cnt eq 1",
                "Filter entry #1: Data type not stored in this table",
            ),
            ("show table web data.gpc0 eq 0 data.foo", "Filter entry #2: Unknown data type"),
            (
                "show table web data.gpc0 eq 0 data.conn_cur gt 0 data.conn_cur lt 9 \
                 data.gpt0 eq 0 data.gpc1 eq 0",
                "Detected extra data in filter, 16th word of input, after '0'",
            ),
        ]);
        assert_eq!(fixture.shared.tables.get(TableId(0)).used(), 1, "nothing was made by halves");
    }
}
