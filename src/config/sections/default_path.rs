//! `default-path`: where relative names of files begin.

use crate::config::drafts::{DefaultPath, GlobalDraft};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

/// Reads `current`, `config`, `parent` or `origin <directory>`.
pub(super) fn read(draft: &mut GlobalDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let mode = line.argument(0)?;
    let default = match mode.value {
        "current" => DefaultPath::Current,
        "config" => DefaultPath::Config,
        "parent" => DefaultPath::Parent,
        "origin" => DefaultPath::Origin(line.argument(1)?.value.into()),
        other => {
            let message =
                format!("unknown word '{other}': 'current', 'config', 'parent' or 'origin'");
            return Err(Mistake::new(mode.place, message));
        }
    };
    if let (false, Some(word)) = (mode.value == "origin", line.get(1)) {
        let message = format!("'{} {}' takes no argument", line.keyword, mode.value);
        return Err(Mistake::new(word.place, message));
    }
    draft.default_path = default;
    let file = report.files().get(line.place.file).cloned().unwrap_or_default();
    draft.begin_paths(line.place, &file);
    Ok(())
}
