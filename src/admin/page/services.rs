//! The services: a table for each proxy, with HAProxy's columns.

use std::io::Write;

use super::query::LivePart;
use super::row::{self, Manner};
use super::sheet::Form;
use super::table::Table;
use super::view::View;
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::stats::object::{Object, Position};
use crate::admin::stats::rows::{Filter, positions};

/// How many rows one slice looks at. The bytes of a slice are bounded as well.
const ROWS_PER_SLICE: usize = 1024;

/// The rows that are still to be written. Objects may change between two slices, so they are found
/// by their positions, which last as long as the process.
#[derive(Debug)]
pub(super) struct Services {
    filter: Filter,
    positions: Vec<Position>,
    /// The position in `positions` of the next row.
    next: usize,
    /// How many rows that the filter wants came before.
    shown: usize,
    /// The table that the last row belongs to.
    table: Option<Table>,
}

impl Services {
    /// All rows that the filter wants.
    pub(super) fn new(filter: Filter, context: &Context<'_>) -> Self {
        Self { filter, positions: positions(context), next: 0, shown: 0, table: None }
    }

    /// Appends the tables up to the length of a slice. Returns whether nothing is left.
    pub(super) fn advance(
        &mut self,
        view: &View,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        for _ in 0..ROWS_PER_SLICE {
            if out.len() >= SLICE_LEN_MAX {
                return false;
            }
            let Some(position) = self.positions.get(self.next) else {
                self.end_table(out);
                return true;
            };
            if let Some(object) = position.object(context) {
                self.step(&object, view, context, out);
            }
            self.next += 1;
        }
        false
    }

    fn step(&mut self, object: &Object<'_>, view: &View, context: &Context<'_>, out: &mut Vec<u8>) {
        if !self.filter.wants_proxy(object) {
            return;
        }
        let proxy = object.proxy_id();
        if self.table.as_ref().is_none_or(|table| table.proxy != proxy) {
            self.end_table(out);
            let table = self.table(object, view, context);
            table.begin(object, view, context, out);
            self.table = Some(table);
        }
        if self.filter.wants(object) {
            row::write(object, Manner::PAGE, view, context, out);
        }
    }

    /// The table that begins with this object.
    fn table(&self, first: &Object<'_>, view: &View, context: &Context<'_>) -> Table {
        let proxy = first.proxy_id();
        let rest = self.positions.get(self.next..).unwrap_or_default().iter();
        let rest = rest.map_while(|position| position.object(context));
        let mut table = Table { proxy, has_frontend: false, has_backend: false, has_form: false };
        for object in rest.take_while(|object| object.proxy_id() == proxy) {
            match object {
                Object::Frontend(_) | Object::Endpoint(_) => table.has_frontend = true,
                Object::Backend(_) => table.has_backend = true,
                Object::Listener(_) => {}
                Object::Server(_) => table.has_form = view.may_act,
            }
        }
        table
    }

    fn end_table(&mut self, out: &mut Vec<u8>) {
        if let Some(table) = self.table.take() {
            table.end(out);
        }
    }

    /// Appends the values of the rows that a reader sees, up to the length of a slice, and at last
    /// how many rows there are. Returns whether nothing is left.
    pub(super) fn advance_live(
        &mut self,
        view: &View,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let LivePart { first_row, rows, pointed_row, .. } = view.query.live;
        let seen = first_row..first_row.saturating_add(rows);
        while let Some(position) = self.positions.get(self.next) {
            if out.len() >= SLICE_LEN_MAX {
                return false;
            }
            self.next += 1;
            let Some(object) = position.object(context).filter(|o| self.filter.wants(o)) else {
                continue;
            };
            if seen.contains(&self.shown) {
                let has_titles = pointed_row == Some(self.shown);
                let manner = Manner { form: Form::Json, has_titles };
                row::write(&object, manner, view, context, out);
            }
            self.shown += 1;
        }
        // Writing to a vector cannot fail.
        let _ = write!(out, "],\"count\":{}", self.shown);
        true
    }
}
