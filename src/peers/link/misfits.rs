//! Warnings of the tables that a peer has otherwise than this node: each at most once per interval,
//! however often the peer defines it.

use std::collections::BTreeMap;

use crate::reactor::throttle::Throttle;

/// What was said of one peer's tables, by their names. Only tables of this node can be otherwise
/// elsewhere, so there are never more of them than it has.
#[derive(Debug, Default)]
pub(super) struct Misfits(BTreeMap<Vec<u8>, Throttle>);

impl Misfits {
    /// Whether to say it now of this table: `Some` with the number of times it was not said since
    /// the last one.
    pub(super) fn permit(&mut self, table: &[u8], now_ms: u64) -> Option<u64> {
        self.0.entry(table.to_vec()).or_default().permit(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::throttle::INTERVAL_MS;

    #[test]
    fn each_table_is_said_once_per_interval_with_the_count_of_the_others() {
        let mut misfits = Misfits::default();
        assert_eq!(misfits.permit(b"web", 5), Some(0));
        assert_eq!(misfits.permit(b"api", 6), Some(0));
        assert_eq!(misfits.permit(b"web", 7), None);
        assert_eq!(misfits.permit(b"web", 8), None);
        assert_eq!(misfits.permit(b"web", 5 + INTERVAL_MS), Some(2));
        assert_eq!(misfits.permit(b"api", 6 + INTERVAL_MS), Some(0));
    }
}
