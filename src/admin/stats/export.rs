//! The statistics as comma-separated values, in HAProxy's typed form or as JSON: what `show stat`
//! prints, and what a statistics page exports.

use super::columns::Column;
use super::object::{Object, Position};
use super::rows::{Filter, positions};
use super::typed::{Figure, Format};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;

/// The rows that are still to be printed.
#[derive(Debug)]
pub(in crate::admin) struct Export {
    filter: Filter,
    format: Format,
    has_meanings: bool,
    positions: Vec<Position>,
    /// The position in `positions` of the next row.
    next: usize,
    /// What comes before all rows was written.
    has_begun: bool,
    /// A row was written.
    has_written: bool,
}

impl Export {
    /// All rows that the filter wants, with the meanings of the columns if `has_meanings`.
    pub(in crate::admin) fn new(
        filter: Filter,
        format: Format,
        has_meanings: bool,
        context: &Context<'_>,
    ) -> Self {
        let positions = positions(context);
        Self {
            filter,
            format,
            has_meanings,
            positions,
            next: 0,
            has_begun: false,
            has_written: false,
        }
    }

    /// The form of the rows.
    pub(in crate::admin) fn format(&self) -> Format {
        self.format
    }

    /// Appends the next slice. Returns whether it was the last slice.
    pub(in crate::admin) fn advance(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        if !std::mem::replace(&mut self.has_begun, true) {
            match self.format {
                Format::Plain => write_header(out),
                Format::Typed => {}
                Format::Json => out.push(b'['),
            }
        }
        while let Some(position) = self.positions.get(self.next).copied() {
            if out.len() >= SLICE_LEN_MAX {
                return false;
            }
            self.next += 1;
            if let Some(object) = position.object(context)
                && self.filter.wants(&object)
            {
                self.write(&object, context, out);
            }
        }
        if self.format == Format::Json {
            out.extend_from_slice(b"]\n");
        }
        true
    }

    fn write(&mut self, object: &Object<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Plain => write_line(object, context, out),
            Format::Typed => {
                let start = typed_start(object);
                self.for_figures(object, context, |figure| figure.write_typed(&start, out));
            }
            Format::Json => {
                out.extend_from_slice(if self.has_written { b",[" } else { b"[" });
                let start = json_start(object);
                let mut is_first = true;
                self.for_figures(object, context, |figure| {
                    if !std::mem::replace(&mut is_first, false) {
                        out.push(b',');
                    }
                    figure.write_json(&start, out);
                });
                out.push(b']');
            }
        }
        self.has_written = true;
    }

    /// Calls `write` for every column that has a value.
    fn for_figures(
        &self,
        object: &Object<'_>,
        context: &Context<'_>,
        mut write: impl FnMut(Figure<'_>),
    ) {
        for column in Column::ALL {
            if let Some(text) = column.value(object, context).text() {
                write(Figure {
                    number: column.number(),
                    name: column.name(),
                    tags: column.tags(object),
                    value_type: column.value_type(),
                    value: &text,
                    meaning: Some(column.meaning()).filter(|_| self.has_meanings),
                });
            }
        }
    }
}

/// The beginning of a line of the typed form.
fn typed_start(object: &Object<'_>) -> String {
    let proxy = object.proxy_id();
    match object {
        Object::Frontend(_) | Object::Endpoint(_) => format!("F.{proxy}.0."),
        Object::Backend(_) => format!("B.{proxy}.0."),
        Object::Server(server) => format!("S.{proxy}.{}.", server.config.id),
        Object::Listener(listener) => format!("L.{proxy}.{}.", listener.listener.number()),
    }
}

/// The beginning of an object of the JSON form.
fn json_start(object: &Object<'_>) -> String {
    let (kind, server) = match object {
        Object::Frontend(_) | Object::Endpoint(_) => ("Frontend", 0),
        Object::Backend(_) => ("Backend", 0),
        Object::Server(server) => ("Server", server.config.id),
        Object::Listener(listener) => ("Listener", listener.listener.number()),
    };
    format!("\"objType\":\"{kind}\",\"proxyId\":{},\"id\":{server},", object.proxy_id())
}

fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# ");
    for column in Column::ALL {
        write_separator(*column, out);
        out.extend_from_slice(column.name().as_bytes());
        out.push(b',');
    }
    out.push(b'\n');
}

/// Writes one row of comma-separated values.
fn write_line(object: &Object<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
    for column in Column::ALL {
        write_separator(*column, out);
        if let Some(text) = column.value(object, context).text() {
            write_text(out, &text);
        }
        out.push(b',');
    }
    out.push(b'\n');
}

/// HAProxy separates the columns of its modules from the others.
fn write_separator(column: Column, out: &mut Vec<u8>) {
    if column == Column::FIRST_OF_MODULES {
        out.extend_from_slice(b"-,");
    }
}

/// Writes a text, in quotes where it would break the row.
fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"', '\n']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}
