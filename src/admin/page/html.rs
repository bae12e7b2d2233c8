//! The page: its head, its parts, its end.

use super::head;
use super::parts::mesh::Mesh;
use super::parts::past::Past;
use super::parts::stuck;
use super::parts::tables::Tables;
use super::services::Services;
use super::sheet::Form;
use super::view::View;
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;

/// A part of the page, in the order of the page.
#[derive(Debug)]
enum Part {
    Head,
    Mesh(Mesh),
    Tables(Tables),
    Stuck,
    BeforeServices,
    Services,
    Past(Past),
    Foot,
    Done,
}

/// A page that is still to be written.
#[derive(Debug)]
pub(super) struct Html {
    view: View,
    services: Services,
    part: Part,
}

impl Html {
    pub(super) fn new(view: View, services: Services) -> Self {
        Self { view, services, part: Part::Head }
    }

    /// Appends the next slice. Returns whether it was the last slice.
    pub(super) fn advance(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        let Self { view, services, part } = self;
        while out.len() < SLICE_LEN_MAX {
            let is_over = match part {
                Part::Head => {
                    head::write(view, context, out);
                    true
                }
                Part::Mesh(mesh) => mesh.step(Form::Html, view, context, out),
                Part::Tables(tables) => tables.step(Form::Html, view, context, out),
                Part::Stuck => {
                    stuck::write(view, context, out);
                    true
                }
                Part::BeforeServices => {
                    head::write_services(view, out);
                    true
                }
                Part::Services => services.advance(view, context, out),
                Part::Past(past) => past.step(Form::Html, view, context, out),
                Part::Foot => {
                    head::write_foot(context, out);
                    true
                }
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
        *self = match self {
            Self::Head => Self::Mesh(Mesh::default()),
            Self::Mesh(_) => Self::Tables(Tables::default()),
            Self::Tables(_) => Self::Stuck,
            Self::Stuck => Self::BeforeServices,
            Self::BeforeServices => Self::Services,
            Self::Services => {
                out.extend_from_slice(b"</section>\n");
                Self::Past(Past::new())
            }
            Self::Past(_) => Self::Foot,
            Self::Foot | Self::Done => Self::Done,
        };
    }
}
