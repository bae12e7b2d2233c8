//! What the script of the page asks for once a second: the sentence, the rows of all parts, and the
//! rows of the services that the reader sees.
//!
//! ```text
//!   {"case":"whole","standing":"Serving, ...","memory":", ...",
//!    "rows":[["t0","",[7,["yes","","c"]]],...],"reloads":[],"events":[],
//!    "services":[["web/s1","active_up",[0,0,"-",...]],...],"count":12}
//! ```

use super::head::Sentence;
use super::parts::mesh::Mesh;
use super::parts::past::Past;
use super::parts::tables::Tables;
use super::services::Services;
use super::sheet::Form;
use super::view::View;
use crate::admin::context::Context;
use crate::admin::json;
use crate::admin::slice::SLICE_LEN_MAX;

/// A part of the answer, in its order.
#[derive(Debug)]
enum Part {
    Sentence,
    Mesh(Mesh),
    Tables(Tables),
    Past(Past),
    Services,
    Done,
}

/// An answer that is still to be written.
#[derive(Debug)]
pub(super) struct Live {
    view: View,
    services: Services,
    part: Part,
    /// The last byte that was written: what follows in a list begins with a comma or without one.
    last: u8,
}

impl Live {
    pub(super) fn new(view: View, services: Services) -> Self {
        Self { view, services, part: Part::Sentence, last: b' ' }
    }

    /// Appends the next slice. Returns whether it was the last slice.
    pub(super) fn advance(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        // A part writes behind the last byte of the slice before.
        let mut slice = vec![self.last];
        let is_over = self.write(context, &mut slice);
        self.last = slice.last().copied().unwrap_or_default();
        out.extend_from_slice(slice.get(1..).unwrap_or_default());
        is_over
    }

    fn write(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        let Self { view, services, part, .. } = self;
        while out.len() < SLICE_LEN_MAX {
            let is_over = match part {
                Part::Sentence => {
                    write_sentence(context, out);
                    true
                }
                Part::Mesh(mesh) => mesh.step(Form::Json, view, context, out),
                Part::Tables(tables) => tables.step(Form::Json, view, context, out),
                Part::Past(past) => past.step(Form::Json, view, context, out),
                Part::Services => services.advance_live(view, context, out),
                Part::Done => return true,
            };
            if is_over {
                part.enter_next(out);
            }
        }
        false
    }
}

impl Part {
    /// Begins the next part.
    fn enter_next(&mut self, out: &mut Vec<u8>) {
        let (next, between): (Self, &[u8]) = match self {
            Self::Sentence => (Self::Mesh(Mesh::default()), b",\"rows\":["),
            Self::Mesh(_) => (Self::Tables(Tables::default()), b""),
            Self::Tables(_) => (Self::Past(Past::new()), b"],\"reloads\":["),
            Self::Past(_) => (Self::Services, b"],\"services\":["),
            Self::Services | Self::Done => (Self::Done, b"}\n"),
        };
        out.extend_from_slice(between);
        *self = next;
    }
}

fn write_sentence(context: &Context<'_>, out: &mut Vec<u8>) {
    let Sentence { class, standing, memory } = Sentence::new(context);
    json::Object::write(out, |object| {
        object.text("case", class);
        object.text("standing", &standing);
        object.text("memory", &memory);
    });
    out.pop(); // more members follow
}
