//! Who is stuck where: a form that asks for a key, the entries with this key, and what may be done
//! with them.

use std::io::Write;

use super::super::query::Lookup;
use super::super::text::Escaped;
use super::super::view::View;
use super::frame;
use crate::admin::context::Context;
use crate::admin::status::history::{Age, date_of};
use crate::admin::status::stuck::{self, Stuck};
use crate::admin::status::tables::backends;
use crate::config::TableId;

const HEADS: [&str; 6] = ["Key and table", "Server", "Since", "By", "Used", "Ends"];

/// The most servers of a backend that an entry can be moved to with the form.
const SERVERS_MAX: usize = 200;

/// Writes the part. There is one answer to a lookup for each table.
pub(in crate::admin::page) fn write(view: &View, context: &Context<'_>, out: &mut Vec<u8>) {
    frame::begin_part("stuck", "Who is stuck where", out);
    let name = |id: TableId| context.shared.tables.get(id).declaration().name.as_str();
    let is_shown = |id: &TableId| view.options.shows_table(name(*id));
    let shown: Vec<TableId> = stuck::tables(context).filter(is_shown).collect();
    write_form(&shown, view, context, out);
    if let Some(lookup) = &view.query.lookup {
        let is_wanted = |id: &TableId| lookup.table.is_empty() || lookup.table == name(*id);
        let wanted = shown.into_iter().filter(is_wanted);
        let found =
            wanted.filter_map(|id| Some((id, stuck::find(lookup.key.as_bytes(), id, context)?)));
        write_answer(lookup, &found.collect::<Vec<_>>(), view, context, out);
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
    found: &[(TableId, Stuck)],
    view: &View,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
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
    for (_, stuck) in found {
        write_entry(stuck, out);
    }
    frame::end_table(out);
    for (id, stuck) in found.iter().filter(|_| view.may_act) {
        write_actions(*id, stuck, view, context, out);
    }
}

fn write_entry(stuck: &Stuck, out: &mut Vec<u8>) {
    let ago = |ms: Option<u32>, before, after| match ms {
        Some(ms) => format!("{before}{}{after}", Age(ms.into())),
        None => "-".to_owned(),
    };
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">{} in {}</th><td class=\"c\"><b>{}</b></td><td class=\"c\">{}</td>\
         <td class=\"text\">{}</td><td class=\"c\">{}</td><td class=\"c\">{}</td></tr>",
        Escaped(&stuck.key),
        Escaped(&stuck.table),
        Escaped(&servers(stuck)),
        stuck.since_ms.map_or_else(|| "not kept".to_owned(), date_of),
        Escaped(&stuck.by.to_string()),
        ago(stuck.used_ago_ms, "", " ago"),
        match stuck.expires_in_ms {
            Some(_) => ago(stuck.expires_in_ms, "in ", ""),
            None => "never".to_owned(),
        }
    );
}

/// The servers that the entry names, or what it holds instead.
fn servers(stuck: &Stuck) -> String {
    match (stuck.places(), &stuck.stored_name) {
        (Some(places), _) => places,
        (None, Some(name)) => format!("{name}, which is not here"),
        (None, None) if stuck.stored_id > 0 => {
            format!("number {}, which is not here", stuck.stored_id)
        }
        (None, None) => "none".to_owned(),
    }
}

/// What may be done with an entry: forget it, or give it another server.
fn write_actions(
    id: TableId,
    stuck: &Stuck,
    view: &View,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
    let table = Escaped(&stuck.table);
    let _ = write!(
        out,
        "<form method=\"post\" action=\"{}\"><p>\
         <input type=\"hidden\" name=\"table\" value=\"{table}\">\
         <input type=\"hidden\" name=\"key\" value=\"{}\">\
         <button name=\"action\" value=\"forget\">Forget it in {table}</button>",
        Escaped(&view.link(&view.query)),
        Escaped(&stuck.key)
    );
    let users = backends(id, context);
    if !users.is_empty() {
        out.extend_from_slice(b" <label>or move it to <select name=\"to\">");
        let own = servers(stuck);
        for backend in users.into_iter().map(|id| context.shared.backend(id)) {
            for server in backend.servers.iter().take(SERVERS_MAX) {
                let name = format!("{}/{}", backend.config.name, server.config.name);
                let selected = if own == name { " selected" } else { "" };
                let _ = write!(out, "<option{selected}>{}</option>", Escaped(&name));
            }
        }
        out.extend_from_slice(
            b"</select></label> <button name=\"action\" value=\"move\">Move</button>",
        );
    }
    out.extend_from_slice(b"</p></form>\n");
}
