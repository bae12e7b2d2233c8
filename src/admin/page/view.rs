//! What all parts of a page depend on.

use super::query::StatsQuery;
use crate::config::StatsPageOptions;

/// What all parts of a page depend on.
#[derive(Debug)]
pub(super) struct View {
    pub(super) options: StatsPageOptions,
    pub(super) query: StatsQuery,
    /// The client may change the state of servers.
    pub(super) may_act: bool,
}

impl View {
    /// The address of the page with these wishes.
    pub(super) fn link(&self, query: &StatsQuery) -> String {
        format!("{}{}", self.options.uri, query.words())
    }
}
