//! Who is stuck where: a form that asks for a key, the entries with this key, and what may be done
//! with them.

use std::io::Write;

use super::super::query::Lookup;
use super::super::text::{Duration, Escaped};
use super::super::view::View;
use super::frame;
use super::tables::shows;
use crate::admin::context::Context;
use crate::admin::status::tables::backends;
use crate::config::{BackendId, TableId};
use crate::table::{RowId, StickTable, key};

const HEADS: [&str; 3] = ["Key and table", "Server", "Forgotten in"];

/// Writes the part. There is one answer to a lookup for each table.
pub(in crate::admin::page) fn write(view: &View, context: &Context<'_>, out: &mut Vec<u8>) {
    frame::begin_part("stuck", "Who is stuck where", out);
    let tables = &context.shared.tables;
    let shown = tables.ids().filter(|id| shows(&tables.get(*id).declaration().name, view));
    let shown: Vec<TableId> = shown.collect();
    write_form(&shown, view, context, out);
    if let Some(lookup) = &view.query.lookup {
        let is_wanted = |id: &TableId| {
            lookup.table.is_empty() || tables.get(*id).declaration().name == lookup.table
        };
        write_answer(lookup, shown.into_iter().filter(is_wanted), view, context, out);
    }
    frame::end_part(out);
}

/// The form. A browser puts what it asks behind the uri.
fn write_form(shown: &[TableId], view: &View, context: &Context<'_>, out: &mut Vec<u8>) {
    let asked = view.query.lookup.as_ref();
    // Writing to a vector cannot fail, here and below.
    let _ = write!(
        out,
        "<form method=\"get\" action=\"{}#stuck\"><p>{}<label>Key: <input name=\"key\" size=\"24\" \
         maxlength=\"200\" required value=\"{}\"></label> <label>Table: <select name=\"table\">\
         <option value=\"\">all</option>",
        Escaped(&view.options.uri),
        view.hidden_pairs(),
        Escaped(asked.map_or("", |lookup| &lookup.key))
    );
    for id in shown {
        let name = &context.shared.tables.get(*id).declaration().name;
        let selected = match asked {
            Some(lookup) if lookup.table == *name => " selected",
            _ => "",
        };
        let _ = write!(out, "<option{selected}>{}</option>", Escaped(name));
    }
    out.extend_from_slice(b"</select></label> <input type=\"submit\" value=\"Find\"></p></form>\n");
}

fn write_answer(
    lookup: &Lookup,
    ids: impl Iterator<Item = TableId>,
    view: &View,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
    let tables = &context.shared.tables;
    let found: Vec<_> =
        ids.filter_map(|id| Some((id, find(lookup, tables.get(id), context.now_ms)?))).collect();
    if found.is_empty() {
        let _ = writeln!(
            out,
            "<p role=\"status\">No entry has the key <b>{}</b>: its client is new, and gets a \
             server as the balancing says.</p>",
            Escaped(&lookup.key)
        );
        return;
    }
    frame::begin_table("Entries with the key", &HEADS, "", out);
    for (id, row) in &found {
        write_entry(*id, *row, lookup, context, out);
    }
    frame::end_table(out);
    for (id, row) in found.into_iter().filter(|_| view.may_act) {
        write_actions(id, row, lookup, view, context, out);
    }
}

/// The entry with the key, if the table can have such a key.
fn find(lookup: &Lookup, table: &StickTable, now_ms: u64) -> Option<RowId> {
    let declaration = table.declaration();
    let key = key::parse(lookup.key.as_bytes(), declaration.key_type, declaration.key_len).ok()?;
    table.find(&key, now_ms)
}

fn write_entry(id: TableId, row: RowId, lookup: &Lookup, context: &Context<'_>, out: &mut Vec<u8>) {
    let table = context.shared.tables.get(id);
    let server = server_of(id, row, context);
    let server = server.map_or_else(|| "none".to_owned(), |(_, name)| name);
    let expires_in_ms = table.expires_in_ms(row, context.now_ms);
    let expiry = match expires_in_ms.filter(|_| table.declaration().expire_ms.is_some()) {
        Some(ms) => Duration(u64::from(ms) / 1000).to_string(),
        None => "never".to_owned(),
    };
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">{} in {}</th><td class=\"c\"><b>{}</b></td><td>{expiry}</td></tr>",
        Escaped(&lookup.key),
        Escaped(&table.declaration().name),
        Escaped(&server)
    );
}

/// The backend whose rules use the table, and the server that the entry names there.
fn server_of(id: TableId, row: RowId, context: &Context<'_>) -> Option<(BackendId, String)> {
    let tables = &context.shared.tables;
    backends(id, context).into_iter().find_map(|backend_id| {
        let backend = context.shared.backend(backend_id);
        let server = backend.stick.server_of_entry(id, row, tables)?;
        let name = &backend.servers.get(server)?.config.name;
        Some((backend_id, format!("{}/{name}", backend.config.name)))
    })
}

/// What may be done with an entry: forget it, or give it another server.
fn write_actions(
    id: TableId,
    row: RowId,
    lookup: &Lookup,
    view: &View,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
    let table = &context.shared.tables.get(id).declaration().name;
    let own = server_of(id, row, context);
    let _ = write!(
        out,
        "<form method=\"post\" action=\"{}\"><p><input type=\"hidden\" name=\"table\" value=\"{}\">\
         <input type=\"hidden\" name=\"key\" value=\"{}\">\
         <button name=\"action\" value=\"forget\">Forget it in {}</button>",
        Escaped(&view.link(&view.query)),
        Escaped(table),
        Escaped(&lookup.key),
        Escaped(table)
    );
    let users = backends(id, context);
    if !users.is_empty() {
        out.extend_from_slice(b" <label>or move it to <select name=\"to\">");
        for backend in users.into_iter().map(|id| context.shared.backend(id)) {
            for server in backend.servers.iter().take(SERVERS_MAX) {
                let name = format!("{}/{}", backend.config.name, server.config.name);
                let is_own = own.as_ref().is_some_and(|(_, own)| *own == name);
                let selected = if is_own { " selected" } else { "" };
                let _ = write!(out, "<option{selected}>{}</option>", Escaped(&name));
            }
        }
        out.extend_from_slice(
            b"</select></label> <button name=\"action\" value=\"move\">Move</button>",
        );
    }
    out.extend_from_slice(b"</p></form>\n");
}

/// The most servers of a backend that an entry can be moved to with the form.
const SERVERS_MAX: usize = 200;
