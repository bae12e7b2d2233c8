//! `show table`: the list of tables, and the entries of one, in HAProxy's format.

use std::io::Write;

use super::filter;
use super::filter::Selection;
use super::words::{Words, text};
use crate::admin::link::output::OUTPUT_LEN_MAX;
use crate::admin::{Answer, Client, Job, Progress, ROWS_PER_SLICE, World};
use crate::config::data_type::Kind;
use crate::config::{Level, TableId};
use crate::table::{Cell, Dictionary, NameId, RowId, RowStep, StickTable, key};

/// So many entries that are over are removed before tables are shown.
const ROWS_EXPIRED_MAX: usize = 10_000;

const USAGE: &str = "Optional argument only supports \"data.<store_data_type>\" <operator> \
                     <value> and key <key>";

/// `show table [<table> [key <key> | data.<type> <operator> <value> …]]`.
pub(crate) fn show_table(words: &Words, client: &mut Client, world: &mut World<'_>) -> Answer {
    let Some(name) = words.get(2) else {
        drop_expired(world.shared.tables.ids(), world);
        let next = world.shared.tables.ids().count();
        return Answer::Job(Job::Tables(TableList { next }));
    };
    let Some(id) = world.shared.tables.by_name(&text(name)) else {
        return Answer::error("No such table");
    };
    drop_expired([id].into_iter(), world);
    let table = world.shared.tables.get(id);
    let selection = match filter::parse(words, table) {
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
        return show_key(id, key, world);
    }
    Answer::Job(Job::Rows(TableDump { table: id, selection, begun: false, cursor: None }))
}

/// `used:` counts occupied rows: not many of them should be over.
fn drop_expired(tables: impl Iterator<Item = TableId>, world: &mut World<'_>) {
    let mut budget = ROWS_EXPIRED_MAX;
    for id in tables {
        budget -= world.shared.tables.get_mut(id).expire(world.now_ms, budget);
    }
}

fn show_key(id: TableId, key: &[u8], world: &World<'_>) -> Answer {
    let table = world.shared.tables.get(id);
    let Some(row) = table.find(key, world.now_ms) else { return Answer::text("") };
    let mut out = Vec::new();
    write_head(&mut out, table);
    write_row(&mut out, id, table, row, world);
    Answer::Text(text(&out).into_owned())
}

/// The list of tables: HAProxy has the last one first.
#[derive(Debug)]
pub(crate) struct TableList {
    next: usize,
}

impl TableList {
    pub(crate) fn advance(&mut self, world: &World<'_>, out: &mut Vec<u8>) -> Progress {
        while let Some(index) = self.next.checked_sub(1) {
            if out.len() >= OUTPUT_LEN_MAX {
                return Progress::More;
            }
            self.next = index;
            if let Some(id) = world.shared.tables.ids().nth(index) {
                write_head(out, world.shared.tables.get(id));
            }
        }
        Progress::Done
    }
}

/// The entries of one table. The cursor is the last row seen: rows may come and go meanwhile.
#[derive(Debug)]
pub(crate) struct TableDump {
    table: TableId,
    selection: Selection,
    begun: bool,
    cursor: Option<RowId>,
}

impl TableDump {
    pub(crate) fn advance(&mut self, world: &World<'_>, out: &mut Vec<u8>) -> Progress {
        let table = world.shared.tables.get(self.table);
        if !self.begun {
            self.begun = true;
            write_head(out, table);
        }
        for _ in 0..ROWS_PER_SLICE {
            if out.len() >= OUTPUT_LEN_MAX {
                return Progress::More;
            }
            let row = match table.next_row_within(self.cursor, ROWS_PER_SLICE) {
                RowStep::Row(row) => row,
                RowStep::Pause(row) => {
                    self.cursor = Some(row);
                    return Progress::More;
                }
                RowStep::End => return Progress::Done,
            };
            self.cursor = Some(row);
            let selected = match &self.selection {
                Selection::Values(conditions) => {
                    filter::matches(conditions, table, row, world.now_ms)
                }
                Selection::All | Selection::Key(_) => true,
            };
            if selected && table.is_live(row, world.now_ms) {
                write_row(out, self.table, table, row, world);
            }
        }
        Progress::More
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
fn write_row(out: &mut Vec<u8>, id: TableId, table: &StickTable, row: RowId, world: &World<'_>) {
    let identity = (u64::from(id.0) + 1) << 36 | u64::from(row.number());
    let key = key::format(table.key(row), table.declaration().key_type);
    let uses = table.holders(row);
    let expires = table.expires_in_ms(row, world.now_ms).unwrap_or(0);
    // Writing to a vector cannot fail, here and below.
    let _ = write!(out, "{identity:#014x}: key={key} use={uses} exp={expires}");
    for cell in table.cells() {
        for element in 0..cell.elements() {
            write_name(out, *cell, element);
            write_value(
                out,
                (table, world.shared.tables.names()),
                row,
                (*cell, element),
                world.now_ms,
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
