//! Keeps the lines of pages that are read when all names are known.

use crate::config::drafts::{ProxyDraft, ProxyKind, RuleKind, RuleLine};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;

/// Keeps a line.
///
/// # Errors
/// The line stands in a `defaults` section.
pub(super) fn keep(proxy: &mut ProxyDraft, line: &Line<'_>, kind: RuleKind) -> Parsed {
    if proxy.kind == ProxyKind::Defaults {
        let message = format!("'{}' cannot stand in a 'defaults' section", line.keyword);
        return Err(line.mistake(message));
    }
    let words = line.arguments.to_vec();
    proxy.rules.push(RuleLine { kind, keyword: line.keyword, place: line.place, words });
    Ok(())
}
