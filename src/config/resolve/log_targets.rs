//! The log targets of a section.

use crate::config::LogTarget;
use crate::config::drafts::LogDraft;

/// The log targets of a section, with the tag of the section if there is one.
pub(super) fn targets(
    drafts: &[LogDraft],
    global: &[LogTarget],
    tag: Option<&String>,
) -> Vec<LogTarget> {
    let mut targets: Vec<LogTarget> = Vec::new();
    for draft in drafts {
        let named = match draft {
            LogDraft::Global => global,
            LogDraft::Target(target) => std::slice::from_ref(target),
        };
        let signed = |target: &LogTarget| LogTarget { tag: tag.cloned(), ..target.clone() };
        targets.extend(named.iter().map(signed));
    }
    targets
}
