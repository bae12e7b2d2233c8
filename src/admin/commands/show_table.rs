//! `show table`: the list of tables, and the entries of one, in HAProxy's format.

use std::io::Write;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::command_line::{CommandLine, text};
use super::filter;
use super::filter::Selection;
use crate::admin::context::Context;
use crate::admin::slice::{SLICE_LEN_MAX, SLICE_ROWS_MAX};
use crate::config::data_type::Kind;
use crate::config::{Level, TableId};
use crate::table::{Cell, Dictionary, NameId, RowId, RowStep, StickTable, key};

/// So many entries that are over are removed before tables are shown.
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
    let Some(id) = context.shared.tables.by_name(&text(name)) else {
        return Answer::error("No such table");
    };
    drop_expired([id].into_iter(), context);
    let table = context.shared.tables.get(id);
    let selection = match filter::parse(line, table) {
        Ok(selection) => selection,
        Err(error) => return Answer::error(error.text(USAGE)),
    };
    if client.level < Level::Operator {
        if matches!(selection, Selection::Key(_)) {
            return Answer::denied();
        }
        let mut head = Vec::new();
        write_head(&mut head, table);
        let head = text(&head).into_owned();
        return Answer::Text(head + "# contents not dumped due to insufficient privileges\n");
    }
    if let Selection::Key(key) = &selection {
        return show_key(id, key, context);
    }
    Answer::job(TableDump { table: id, selection, begun: false, cursor: None })
}

/// `used:` counts occupied rows: not many of them should be over.
fn drop_expired(tables: impl Iterator<Item = TableId>, context: &mut Context<'_>) {
    let mut budget = ROWS_EXPIRED_MAX;
    for id in tables {
        budget -= context.shared.tables.get_mut(id).expire(context.now_ms, budget);
    }
}

fn show_key(id: TableId, key: &[u8], context: &Context<'_>) -> Answer {
    let table = context.shared.tables.get(id);
    let Some(row) = table.find(key, context.now_ms) else { return Answer::text("") };
    let mut out = Vec::new();
    write_head(&mut out, table);
    write_row(&mut out, id, table, row, context);
    Answer::Text(text(&out).into_owned())
}

/// The list of tables: HAProxy has the last one first.
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
                write_head(out, context.shared.tables.get(id));
            }
        }
        JobState::Finished
    }
}

/// The entries of one table. The cursor is the last row seen: rows may come and go meanwhile.
#[derive(Debug)]
struct TableDump {
    table: TableId,
    selection: Selection,
    begun: bool,
    cursor: Option<RowId>,
}

impl Job for TableDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        let table = context.shared.tables.get(self.table);
        if !self.begun {
            self.begun = true;
            write_head(out, table);
        }
        for _ in 0..SLICE_ROWS_MAX {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            let row = match table.next_row_within(self.cursor, SLICE_ROWS_MAX) {
                RowStep::Row(row) => row,
                RowStep::Pause(row) => {
                    self.cursor = Some(row);
                    return JobState::Unfinished;
                }
                RowStep::End => return JobState::Finished,
            };
            self.cursor = Some(row);
            let selected = match &self.selection {
                Selection::Values(conditions) => {
                    filter::matches(conditions, table, row, context.now_ms)
                }
                Selection::All | Selection::Key(_) => true,
            };
            if selected && table.is_live(row, context.now_ms) {
                write_row(out, self.table, table, row, context);
            }
        }
        JobState::Unfinished
    }
}

/// `# table: web, type: ip, size:20480, used:3`.
fn write_head(out: &mut Vec<u8>, table: &StickTable) {
    let declaration = table.declaration();
    let key_type = declaration.key_type.name();
    let (name, size, used) = (&declaration.name, table.size(), table.used());
    // Writing to a vector cannot fail.
    let _ = writeln!(out, "# table: {name}, type: {key_type}, size:{size}, used:{used}");
}

/// One entry. HAProxy prints its address first; here that is the row, in the same guise.
fn write_row(
    out: &mut Vec<u8>,
    id: TableId,
    table: &StickTable,
    row: RowId,
    context: &Context<'_>,
) {
    let identity = (u64::from(id.0) + 1) << 36 | u64::from(row.number());
    let key = key::format(table.key(row), table.declaration().key_type);
    let uses = table.holders(row);
    let expires = table.expires_in_ms(row, context.now_ms).unwrap_or(0);
    // Writing to a vector cannot fail, here and below.
    let _ = write!(out, "{identity:#014x}: key={key} use={uses} exp={expires}");
    for cell in table.cells() {
        for element in 0..cell.elements() {
            write_name(out, *cell, element);
            write_value(
                out,
                (table, context.shared.tables.names()),
                row,
                (*cell, element),
                context.now_ms,
            );
        }
    }
    out.push(b'\n');
}

/// ` gpc0=`, ` conn_rate(10000)=`, and for arrays ` gpc1=` or ` gpc1_rate(10000)=`.
fn write_name(out: &mut Vec<u8>, cell: Cell, element: u32) {
    let _ = write!(out, " {}", cell.data_type().element_name(element));
    let _ = match cell.kind() {
        Kind::Rate => write!(out, "({})=", cell.period_ms()),
        Kind::Signed | Kind::Unsigned | Kind::Wide | Kind::Name => write!(out, "="),
    };
}

fn write_value(
    out: &mut Vec<u8>,
    (table, names): (&StickTable, &Dictionary),
    row: RowId,
    (cell, element): (Cell, u32),
    now_ms: u64,
) {
    let _ = match cell.kind() {
        Kind::Signed => write!(out, "{}", table.get_u32(row, cell, element).cast_signed()),
        Kind::Unsigned => write!(out, "{}", table.get_u32(row, cell, element)),
        Kind::Wide => write!(out, "{}", table.get_u64(row, cell, element)),
        Kind::Rate => write!(out, "{}", table.rate(row, cell, element, now_ms)),
        Kind::Name => {
            let name = names.name(NameId(table.get_u32(row, cell, element)));
            out.write_all(name.unwrap_or(b"-"))
        }
    };
}
