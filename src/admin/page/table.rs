//! The frame of the table of a proxy: its name, the heads of its columns, and the form for actions
//! on its servers.

use std::io::Write;

use super::row::MODULES;
use super::text::Escaped;
use super::view::View;
use crate::admin::context::Context;
use crate::admin::stats::columns::Column;
use crate::admin::stats::object::Object;

/// A group of columns with their heads, and the class that says how wide the columns are.
struct Group {
    name: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

/// The groups of columns behind the name of the row, with HAProxy's heads.
const GROUPS: &[Group] = &[
    Group { name: "Queue", columns: &[("Cur", "n"), ("Max", "n"), ("Limit", "n")] },
    Group { name: "Session rate", columns: &[("Cur", "n"), ("Max", "n"), ("Limit", "n")] },
    Group {
        name: "Sessions",
        columns: &[
            ("Cur", "n"),
            ("Max", "n"),
            ("Limit", "m"),
            ("Total", "m"),
            ("LbTot", "m"),
            ("Last", "m"),
        ],
    },
    Group { name: "Bytes", columns: &[("In", "w"), ("Out", "w")] },
    Group { name: "Denied", columns: &[("Req", "n"), ("Resp", "n")] },
    Group { name: "Errors", columns: &[("Req", "n"), ("Conn", "n"), ("Resp", "n")] },
    Group { name: "Warnings", columns: &[("Retr", "n"), ("Redis", "n")] },
    Group {
        name: "Server",
        columns: &[
            ("Status", "x"),
            ("LastChk", "x"),
            ("Wght", "m"),
            ("Act", "s"),
            ("Bck", "s"),
            ("Chk", "n"),
            ("Dwn", "n"),
            ("Dwntme", "m"),
            ("Thrtle", "n"),
        ],
    },
];

/// The actions on servers: the value that is sent, and the words for it.
const ACTIONS: &[(&str, &str)] = &[
    ("ready", "State: ready"),
    ("drain", "State: drain"),
    ("maint", "State: maintenance"),
    ("dhlth", "Health checks: off"),
    ("ehlth", "Health checks: on"),
    ("hrunn", "Health: up"),
    ("hnolb", "Health: up, no new clients"),
    ("hdown", "Health: down"),
    ("dagent", "Agent checks: off"),
    ("eagent", "Agent checks: on"),
    ("arunn", "Agent: up"),
    ("adown", "Agent: down"),
    ("shutdown", "Close the sessions"),
    ("giveup", "Stick entries: give up 100 a second"),
    ("giveup-fast", "Stick entries: give up 1000 a second"),
    ("keep", "Stick entries: give up no more"),
];

/// The table of a proxy.
#[derive(Debug)]
pub(super) struct Table {
    /// The number of the proxy.
    pub(super) proxy: u32,
    pub(super) has_frontend: bool,
    pub(super) has_backend: bool,
    /// The client may choose servers and an action.
    pub(super) has_form: bool,
}

impl Table {
    /// Writes what comes before the rows.
    pub(super) fn begin(
        &self,
        first: &Object<'_>,
        view: &View,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) {
        if self.has_form {
            let action = view.link(&view.query);
            // Writing to a vector cannot fail, here and below.
            let _ = writeln!(out, "<form method=\"post\" action=\"{}\">", Escaped(&action));
        }
        out.extend_from_slice(b"<div class=\"proxy\">\n<h3 class=\"pxname\"");
        if view.options.show_legends {
            let kind = match (self.has_frontend, self.has_backend) {
                (true, true) => "listen",
                (true, false) => "frontend",
                (false, _) => "backend",
            };
            let mode = Column::Mode.value(first, context);
            let mode = mode.text().unwrap_or_default();
            let _ = write!(out, " title=\"{kind}, mode {mode}, id {}\"", self.proxy);
        }
        let name = Escaped(first.proxy_name());
        let _ = write!(out, "><a name=\"{name}\" href=\"#{name}\">{name}</a></h3>");
        if let Some(description) = first.description() {
            let _ = write!(out, "<p class=\"desc\">{}</p>", Escaped(description));
        }
        let _ = write!(
            out,
            "\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
             aria-label=\"Figures of {name}\">\n\
             <table class=\"stats\">\n"
        );
        write_heads(view, out);
        out.extend_from_slice(b"<tbody>\n");
    }

    /// Writes what comes after the rows.
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</tbody>\n</table>\n</div>\n</div>\n");
        if !self.has_form {
            return;
        }
        out.extend_from_slice(
            b"<p class=\"act\"><label>Action on the checked servers: \
              <select name=\"action\"><option value=\"\"></option>",
        );
        for (value, words) in ACTIONS {
            let _ = write!(out, "<option value=\"{value}\">{words}</option>");
        }
        let _ = write!(
            out,
            "</select></label> <input type=\"hidden\" name=\"b\" value=\"#{}\">\
             <input type=\"submit\" value=\"Apply\"></p>\n</form>\n",
            self.proxy
        );
    }
}

fn write_heads(view: &View, out: &mut Vec<u8>) {
    let modules: &[&str] = if view.options.show_modules { MODULES } else { &[] };
    out.extend_from_slice(b"<colgroup>");
    if view.may_act {
        out.extend_from_slice(b"<col class=\"s\">");
    }
    out.extend_from_slice(b"<col class=\"x\">");
    let columns = || GROUPS.iter().flat_map(|group| group.columns);
    for class in columns().map(|(_, class)| *class).chain(modules.iter().map(|_| "s")) {
        let _ = write!(out, "<col class=\"{class}\">");
    }
    out.extend_from_slice(b"</colgroup>\n<thead>\n<tr>");
    if view.may_act {
        out.extend_from_slice(b"<td rowspan=\"2\"></td>");
    }
    out.extend_from_slice(b"<td rowspan=\"2\"></td>");
    let groups = GROUPS.iter().map(|group| (group.name, group.columns.len()));
    let extra = Some(("Modules", modules.len())).filter(|(_, count)| *count > 0);
    for (name, count) in groups.chain(extra) {
        let _ = write!(out, "<th colspan=\"{count}\" scope=\"colgroup\">{name}</th>");
    }
    out.extend_from_slice(b"</tr>\n<tr>");
    for name in columns().map(|(name, _)| name).chain(modules) {
        let _ = write!(out, "<th scope=\"col\">{name}</th>");
    }
    out.extend_from_slice(b"</tr>\n</thead>\n");
}
