//! Writes the mesh and the tables piece by piece, for people or as JSON: an answer may be long, and
//! clients are served between two pieces.

use std::io::Write;

use super::summary::Summary;
use super::{mesh, tables};
use crate::admin::context::Context;
use crate::admin::json::{END_OF_LIST, Object};
use crate::config::{PeersId, TableId};

/// Who is to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum Form {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// What is still to be written of a list of parts that have parts themselves.
#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    Head,
    /// A part of the list.
    Part(u16),
    /// A part of a part: the place of both.
    Inner(u16, usize),
    Done,
}

/// The mesh that is being written.
#[derive(Debug)]
pub(in crate::admin) struct MeshDump {
    form: Form,
    next: Next,
    /// Whether the section has a link that was written.
    has_links: bool,
}

impl MeshDump {
    pub(in crate::admin) fn new(form: Form) -> Self {
        Self { form, next: Next::Head, has_links: false }
    }

    /// Writes the next piece. Returns whether there was one.
    pub(in crate::admin) fn step(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        match self.next {
            Next::Head => {
                self.write_head(context, out);
                self.next = Next::Part(0);
            }
            Next::Part(at) => match mesh::section(PeersId(at), context) {
                Some(section) => {
                    self.write_section(&section, at, out);
                    self.has_links = false;
                    self.next = Next::Inner(at, 0);
                }
                None => {
                    if self.form == Form::Json {
                        out.extend_from_slice(END_OF_LIST);
                        out.push(b'\n');
                    }
                    self.next = Next::Done;
                }
            },
            Next::Inner(at, place) if place < mesh::places(PeersId(at), context) => {
                if let Some(link) = mesh::link(PeersId(at), place, context) {
                    self.write_link(&link, out);
                }
                self.next = Next::Inner(at, place + 1);
            }
            Next::Inner(at, _) => {
                if self.form == Form::Json {
                    out.extend_from_slice(END_OF_LIST);
                }
                self.next = Next::Part(at + 1);
            }
            Next::Done => return false,
        }
        true
    }

    fn write_head(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        let summary = Summary::new(context);
        let node = &context.process.node;
        match self.form {
            Form::Text => {
                // Writing to a vector cannot fail.
                let _ = writeln!(out, "{summary}\nnode {node}");
            }
            Form::Json => Object::write_open(out, "sections", |object| {
                object.text("node", node);
                object.number("at_ms", context.unix_ms());
                object.object("summary", |object| summary.write_json(object));
            }),
        }
    }

    fn write_section(&self, section: &mesh::Section, at: u16, out: &mut Vec<u8>) {
        match self.form {
            Form::Text => section.write(out),
            Form::Json => {
                separate(at > 0, out);
                Object::write_open(out, "links", |object| section.write_json(object));
            }
        }
    }

    fn write_link(&mut self, link: &mesh::Link, out: &mut Vec<u8>) {
        match self.form {
            Form::Text => link.write(out),
            Form::Json => {
                separate(std::mem::replace(&mut self.has_links, true), out);
                Object::write(out, |object| link.write_json(object));
            }
        }
    }
}

/// The stick tables that are being written.
#[derive(Debug)]
pub(in crate::admin) struct TablesDump {
    form: Form,
    next: Next,
    has_servers: bool,
}

impl TablesDump {
    pub(in crate::admin) fn new(form: Form) -> Self {
        Self { form, next: Next::Head, has_servers: false }
    }

    /// Writes the next piece. Returns whether there was one.
    pub(in crate::admin) fn step(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        match self.next {
            Next::Head => {
                if self.form == Form::Json {
                    Object::write_open(out, "tables", |object| {
                        object.number("at_ms", context.unix_ms());
                    });
                }
                self.next = Next::Part(0);
            }
            Next::Part(at) if usize::from(at) < context.shared.tables.ids().count() => {
                let table = tables::table(TableId(at), context);
                match self.form {
                    Form::Text => table.write(out),
                    Form::Json => {
                        separate(at > 0, out);
                        Object::write_open(out, "servers", |object| table.write_json(object));
                    }
                }
                self.has_servers = false;
                self.next = Next::Inner(at, 0);
            }
            Next::Part(_) => {
                if self.form == Form::Json {
                    out.extend_from_slice(END_OF_LIST);
                    out.push(b'\n');
                }
                self.next = Next::Done;
            }
            Next::Inner(at, place) => match tables::backends(TableId(at), context).get(place) {
                Some(backend) => {
                    for server in tables::servers(TableId(at), *backend, context) {
                        self.write_server(&server, out);
                    }
                    self.next = Next::Inner(at, place + 1);
                }
                None => {
                    if self.form == Form::Json {
                        out.extend_from_slice(END_OF_LIST);
                    }
                    self.next = Next::Part(at + 1);
                }
            },
            Next::Done => return false,
        }
        true
    }

    fn write_server(&mut self, server: &tables::ServerEntries<'_>, out: &mut Vec<u8>) {
        match self.form {
            Form::Text => server.write(out),
            Form::Json => {
                separate(std::mem::replace(&mut self.has_servers, true), out);
                Object::write(out, |object| server.write_json(object));
            }
        }
    }
}

/// Sets a part apart from the one before, if there is one.
fn separate(has_one_before: bool, out: &mut Vec<u8>) {
    if has_one_before {
        out.push(b',');
    }
}
