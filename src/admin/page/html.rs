//! The page: its head, its tables, its end.

use super::head;
use super::query::StatsQuery;
use super::row;
use super::table::Table;
use super::view::View;
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::stats::object::{Object, Position};
use crate::admin::stats::rows::{Filter, positions};
use crate::config::StatsPageOptions;

/// How many rows one slice looks at. The bytes of a slice are bounded as well.
const ROWS_PER_SLICE: usize = 1024;

/// A page that is still to be written. Objects may change between two slices, so they are found by
/// their positions, which last as long as the process.
#[derive(Debug)]
pub(super) struct Html {
    view: View,
    filter: Filter,
    positions: Vec<Position>,
    /// The position in `positions` of the next row.
    next: usize,
    has_head: bool,
    /// The table that the last row belongs to.
    table: Option<Table>,
}

impl Html {
    pub(super) fn new(
        options: StatsPageOptions,
        query: StatsQuery,
        filter: Filter,
        may_act: bool,
        context: &Context<'_>,
    ) -> Self {
        Self {
            view: View { options, query, may_act },
            filter,
            positions: positions(context),
            next: 0,
            has_head: false,
            table: None,
        }
    }

    /// Appends the next slice. Returns whether it was the last slice.
    pub(super) fn advance(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        if !std::mem::replace(&mut self.has_head, true) {
            head::write(&self.view, context, out);
        }
        for _ in 0..ROWS_PER_SLICE {
            if out.len() >= SLICE_LEN_MAX {
                return false;
            }
            let Some(position) = self.positions.get(self.next) else {
                self.end_table(out);
                out.extend_from_slice(b"</body>\n</html>\n");
                return true;
            };
            if let Some(object) = position.object(context) {
                self.step(&object, context, out);
            }
            self.next += 1;
        }
        false
    }

    fn step(&mut self, object: &Object<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        if !self.filter.wants_proxy(object) {
            return;
        }
        let proxy = object.proxy_id();
        if self.table.as_ref().is_none_or(|table| table.proxy != proxy) {
            self.end_table(out);
            let table = self.table(object, context);
            table.begin(object, &self.view, context, out);
            self.table = Some(table);
        }
        if self.filter.wants(object) {
            row::write(object, &self.view, context, out);
        }
    }

    /// The table that begins with this object.
    fn table(&self, first: &Object<'_>, context: &Context<'_>) -> Table {
        let proxy = first.proxy_id();
        let rest = self.positions.get(self.next..).unwrap_or_default().iter();
        let rest = rest.map_while(|position| position.object(context));
        let mut table = Table { proxy, has_frontend: false, has_backend: false, has_form: false };
        for object in rest.take_while(|object| object.proxy_id() == proxy) {
            match object {
                Object::Frontend(_) | Object::Endpoint(_) => table.has_frontend = true,
                Object::Backend(_) => table.has_backend = true,
                Object::Listener(_) => {}
                Object::Server(_) => table.has_form = self.view.may_act,
            }
        }
        table
    }

    fn end_table(&mut self, out: &mut Vec<u8>) {
        if let Some(table) = self.table.take() {
            table.end(out);
        }
    }
}
