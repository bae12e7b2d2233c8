//! Words of `global` that bound or tune the process as a whole.

use crate::config::ProxyOptions;
use crate::config::keywords::{Action, Keyword, Scope, exactly};
use crate::config::text::diagnostic::{Parsed, Report};
use crate::config::text::draft::GlobalDraft;
use crate::config::text::line::Line;

/// What bounds and tunes the process beside `maxconn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most connections accepted in a second (`maxconnrate`).
    pub connection_rate: Option<u32>,
    /// The most of them in a second that rules let in (`maxsessrate`).
    pub session_rate: Option<u32>,
    /// No byte moves through a pipe (`nosplice`).
    pub never_splices: bool,
    /// The most pipes (`maxpipes`).
    pub pipes: Option<u32>,
    /// The size of a pipe, in bytes (`tune.pipesize`).
    pub pipe_size: Option<u32>,
    /// The most events taken from the kernel at once (`tune.maxpollevents`).
    pub poll_events: Option<u32>,
    /// Too low a limit of the system is an error (`strict-limits`).
    pub are_strict: bool,
}

impl ProxyOptions {
    /// Undoes every word that asks for pipes.
    pub(crate) fn forbid_splicing(&mut self) {
        (self.splice_auto, self.splice_request, self.splice_response) = (false, false, false);
    }
}

const fn row(
    name: &'static str,
    words: usize,
    help: &'static str,
    read: fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let arguments = if words == 0 { "" } else { "<count>" };
    let (scope, action) = (Scope::GLOBAL, Action::Global(read));
    Keyword { name, scope, arity: exactly(words), arguments, help, action }
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
    }),
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
