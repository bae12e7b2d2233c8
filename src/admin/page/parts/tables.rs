//! The stick tables: how full they are now and were in the last hour, and the entries of each
//! server beside its weight.

use super::super::sheet::{Form, Sheet};
use super::super::view::View;
use super::frame;
use crate::admin::context::Context;
use crate::admin::status::summary::Share;
use crate::admin::status::tables::{Table, backends, servers, table};
use crate::config::TableId;

const TABLE_HEADS: [&str; 9] = [
    "Table",
    "Full",
    "Entries",
    "Room",
    "Forgotten early",
    "Expired",
    "Memory",
    "Digest",
    "Last hour",
];
const SERVER_HEADS: [&str; 5] =
    ["Table and server", "Entries", "Of the entries", "Weight", "Of the weights"];

/// How many servers one step writes.
const SERVERS_PER_STEP: usize = 64;

/// What is written next.
#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    Begin,
    /// The row of a table.
    Table(u16),
    /// Servers of a backend that uses a table.
    Servers {
        table: u16,
        backend: usize,
        server: usize,
    },
    Done,
}

/// The part, as far as it is still to be written.
#[derive(Debug, Default)]
pub(in crate::admin::page) struct Tables {
    next: Next,
}

impl Tables {
    /// Writes one table, or some servers. Returns whether nothing is left.
    pub(in crate::admin::page) fn step(
        &mut self,
        form: Form,
        view: &View,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_html = form == Form::Html;
        let count = context.shared.tables.ids().count();
        self.next = match self.next {
            Next::Begin => {
                if is_html {
                    frame::begin_part("tables", "Stick tables", out);
                    if count == 0 {
                        frame::note("No stick table is configured.", out);
                    }
                    frame::begin_table("Fill of the stick tables", &TABLE_HEADS, "", out);
                }
                Next::Table(0)
            }
            Next::Table(at) if usize::from(at) < count => {
                let table = table(TableId(at), context);
                if view.options.shows_table(&table.name) {
                    write_table(&table, &table_id(at), &mut Sheet::new(form, out));
                }
                Next::Table(at + 1)
            }
            Next::Table(_) => {
                if is_html {
                    frame::end_table(out);
                    let title = "Entries of each server, beside its weight";
                    frame::begin_details("shares", title, out);
                    frame::begin_table(title, &SERVER_HEADS, "", out);
                }
                match is_html || view.query.live.has_shares {
                    true => Next::Servers { table: 0, backend: 0, server: 0 },
                    false => Next::Done,
                }
            }
            Next::Servers { table, .. } if usize::from(table) >= count => {
                if is_html {
                    frame::end_table(out);
                    frame::end_details(out);
                    frame::end_part(out);
                }
                Next::Done
            }
            Next::Servers { table, backend, server } => {
                step_servers((table, backend, server), form, view, context, out)
            }
            Next::Done => Next::Done,
        };
        matches!(self.next, Next::Done)
    }
}

/// The name of a table's row.
fn table_id(at: u16) -> String {
    format!("t{at}")
}

fn write_table(table: &Table, id: &str, sheet: &mut Sheet<'_>) {
    let Table { name, size, used, forgotten_early, expired, bytes, digest, last_hour, .. } = table;
    sheet.begin(id, "");
    sheet.head(name);
    let share = Share { part: u64::from(*used), whole: u64::from(*size) };
    sheet.bar(&share.to_string(), share.part, share.whole);
    sheet.number(&used.to_string(), "");
    sheet.number(&size.to_string(), "");
    let class = if *forgotten_early > 0 { "middle" } else { "number" };
    sheet.words(&forgotten_early.to_string(), "", class);
    sheet.number(&expired.to_string(), "");
    sheet.words(&memory(*bytes), "", "number");
    sheet.words(&digest.to_string(), "", "number");
    sheet.curve(last_hour, *size);
    sheet.end();
}

/// Writes some servers of a backend that uses a table, and says what comes next.
fn step_servers(
    (table_at, backend_at, server_at): (u16, usize, usize),
    form: Form,
    view: &View,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) -> Next {
    let id = TableId(table_at);
    let backend = backends(id, context).get(backend_at).copied();
    let name = context.shared.tables.get(id).declaration().name.as_str();
    let Some(backend) = backend.filter(|_| view.options.shows_table(name)) else {
        return Next::Servers { table: table_at + 1, backend: 0, server: 0 };
    };
    let all = || servers(id, backend, context);
    let (count, entries, weights) = all().fold((0, 0, 0), |(count, entries, weights), server| {
        (count + 1, entries + u64::from(server.entries), weights + u64::from(server.weight))
    });
    let shown = all().enumerate().skip(server_at).take(SERVERS_PER_STEP);
    for (at, server) in shown {
        let mut sheet = Sheet::new(form, out);
        sheet.begin(&format!("t{table_at}.{backend_at}.{at}"), "");
        sheet.head(&format!("{name}: {}/{}", server.backend, server.server));
        for (part, whole) in [(server.entries, entries), (server.weight, weights)] {
            let part = u64::from(part);
            sheet.number(&part.to_string(), "");
            sheet.bar(&Share { part, whole }.to_string(), part, whole);
        }
        sheet.end();
    }
    match server_at + SERVERS_PER_STEP {
        next if next < count => {
            Next::Servers { table: table_at, backend: backend_at, server: next }
        }
        _ => Next::Servers { table: table_at, backend: backend_at + 1, server: 0 },
    }
}

/// Bytes in the unit that a reader grasps.
fn memory(bytes: u64) -> String {
    let units = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}
