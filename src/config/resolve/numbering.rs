//! The automatic ids that HAProxy gives to servers and proxies without an `id`.

use std::collections::{HashMap, HashSet};

use crate::config::drafts::ProxyDraft;
use crate::config::text::diagnostic::Place;
use crate::config::text::report::Report;

/// The ids of a list in which some have a given id (peers protocol, section 12).
///
/// A counter starts at 1. An automatic id is the next value of the counter that is not in use.
/// After every item, with a given id or without, the counter goes up by one.
pub(super) fn numbers(forced: &[Option<u32>]) -> Vec<u32> {
    numbers_with_gap(forced, None)
}

/// The same, but the counter goes up by one more before the item at `gap`.
fn numbers_with_gap(forced: &[Option<u32>], gap: Option<usize>) -> Vec<u32> {
    let mut taken: HashSet<u32> = forced.iter().flatten().copied().collect();
    let mut counter = 1_u32;
    let mut numbers = Vec::with_capacity(forced.len());
    for (at, forced) in forced.iter().enumerate() {
        if gap == Some(at) {
            counter = counter.saturating_add(1);
        }
        numbers.push(forced.unwrap_or_else(|| {
            while taken.contains(&counter) {
                counter = counter.saturating_add(1);
            }
            taken.insert(counter);
            counter
        }));
        counter = counter.saturating_add(1);
    }
    numbers
}

/// The ids of all proxies. HAProxy counts the Runtime API as a proxy at the first `stats socket`
/// line.
pub(super) fn proxies(proxies: &[ProxyDraft], api: Option<Place>, report: &mut Report) -> Vec<u32> {
    let mut used: HashMap<u32, &ProxyDraft> = HashMap::new();
    for proxy in proxies {
        let Some(id) = &proxy.id else { continue };
        report.enter(proxy.label());
        if let Some(other) = used.insert(id.value, proxy) {
            let (kind, name, at) = (other.kind.word(), &other.name, report.name(other.place));
            let message = format!("id {} is used already, by {kind} '{name}' at {at}", id.value);
            report.error(id.place, message);
        }
    }
    let before = |place: Place| proxies.iter().take_while(|proxy| proxy.place < place).count();
    let forced: Vec<Option<u32>> =
        proxies.iter().map(|proxy| proxy.id.as_ref().map(|id| id.value)).collect();
    numbers_with_gap(&forced, api.map(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_items_are_counted_and_forced_ones_leave_gaps() {
        assert_eq!(numbers(&[None, None, None]), [1, 2, 3]);
        // The servers a, b id 1, c, d id 3, e of the protocol's description.
        assert_eq!(numbers(&[None, Some(1), None, Some(3), None]), [2, 1, 4, 3, 6]);
        // Seen in HAProxy 2.6 for: the Runtime API, f1, b1, l1 id 4, b2, f2, b3 id 2, b4, f9, l2.
        assert_eq!(
            numbers_with_gap(
                &[None, None, Some(4), None, None, Some(2), None, None, None],
                Some(0)
            ),
            [3, 5, 4, 7, 8, 2, 10, 11, 12]
        );
        // The Runtime API counts even if a proxy has the id 1.
        assert_eq!(numbers_with_gap(&[Some(1), None, None], Some(0)), [1, 3, 4]);
        assert_eq!(numbers_with_gap(&[None, None, Some(1), None], Some(0)), [2, 3, 1, 5]);
    }
}
