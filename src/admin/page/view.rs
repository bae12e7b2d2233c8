//! What all parts of a page depend on.

use super::query::StatsQuery;
use super::text::Escaped;
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

    /// The pairs of the uri's own query for a form with the method `get`: such a form replaces
    /// what stands behind the question mark of its address.
    pub(super) fn hidden_pairs(&self) -> String {
        let pairs = self.options.uri.split_once('?').map_or("", |(_, pairs)| pairs).split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let pairs = pairs.filter(|(name, _)| !name.is_empty());
        let inputs = pairs.map(|(name, value)| {
            let (name, value) = (Escaped(name), Escaped(value));
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
        });
        inputs.collect()
    }
}
