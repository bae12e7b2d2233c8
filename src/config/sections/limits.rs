//! Words of `global` that bound or tune the process as a whole.

use crate::config::drafts::GlobalDraft;
use crate::config::keywords::{Action, Keyword, Scope, exactly};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn row(
    name: &'static str,
    words: usize,
    help: &'static str,
    read: fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let arguments = if words == 0 { "" } else { "<count>" };
    let (scope, action) = (Scope::GLOBAL, Action::Global(read));
    Keyword::new(name, scope, exactly(words), arguments, help, action)
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    row("maxconnrate", 1, "most connections accepted in a second", |draft, line, _| {
        draft.global.limits.connection_rate = positive(line)?;
        Ok(())
    }),
    row("maxsessrate", 1, "the same, of those that rules let in", |draft, line, _| {
        draft.global.limits.session_rate = positive(line)?;
        Ok(())
    }),
    row("nosplice", 0, "move no bytes through pipes", |draft, _, _| {
        draft.global.limits.never_splices = true;
        Ok(())
    }),
    row("maxpipes", 1, "most pipes", |draft, line, _| {
        draft.global.limits.pipes = positive(line)?;
        Ok(())
    }),
    row("tune.pipesize", 1, "size of a pipe, in bytes", |draft, line, _| {
        draft.global.limits.pipe_size = positive(line)?;
        Ok(())
    }),
    row("tune.maxpollevents", 1, "most events taken at once", |draft, line, _| {
        draft.global.limits.poll_events = Some(line.number(0, 1..=1_000_000)?);
        Ok(())
    }),
    row("strict-limits", 0, "stop if a limit cannot be raised", |draft, line, _| {
        draft.global.limits.are_strict = !line.negated;
        Ok(())
    })
    .can_be_negated(),
];

/// A count in which 0 means "not given".
fn positive(line: &Line<'_>) -> Parsed<Option<u32>> {
    Ok(Some(line.number(0, 0..=i32::MAX.unsigned_abs())?).filter(|count| *count > 0))
}

#[cfg(test)]
mod tests {
    use crate::config::{Request, load_text_with};

    #[test]
    fn nothing_asks_for_pipes_where_they_are_forbidden() {
        let body = "defaults\n option splice-auto\n option splice-response\nlisten l\n bind :1\n";
        for (global, splices) in [("", true), ("global\n nosplice\n", false)] {
            let text = format!("{global}{body}");
            let loaded = load_text_with("a", &text, &Request::default(), |_| Vec::new()).unwrap();
            for options in [loaded.config.frontends[0].options, loaded.config.backends[0].options] {
                let found = (options.splice_auto, options.splice_response);
                assert_eq!(found, (splices, splices), "{global}");
            }
        }
    }
}
