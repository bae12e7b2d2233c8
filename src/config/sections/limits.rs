//! Words of `global` that bound or tune the process as a whole.

use crate::config::drafts::GlobalDraft;
use crate::config::keywords::{Handling, Keyword, Scope, exactly};
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
    let (scope, handling) = (Scope::GLOBAL, Handling::Global(read));
    Keyword::new(name, scope, exactly(words), arguments, help, handling)
}

/// A row of a limit on the size of variables.
macro_rules! size_row {
    ($name:literal, $help:literal, $field:ident) => {
        Keyword::new(
            $name,
            Scope::GLOBAL,
            exactly(1),
            "<size>",
            $help,
            Handling::Global(|draft, line, _| {
                let bytes = line.size(0, 0..=i32::MAX.unsigned_abs())?;
                let size = Some(bytes).filter(|bytes| *bytes > 0);
                draft.global.limits.variables.$field = size;
                Ok(())
            }),
        )
        .by_default("no limit; a text is stored up to 16384 bytes")
    };
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "maxconnrate",
        1,
        "Limits the connections that are accepted in a second; 0 means no limit.",
        |draft, line, _| {
            draft.global.limits.connection_rate = positive(line)?;
            Ok(())
        },
    )
    .by_default("no limit")
    .example("maxconnrate 5000"),
    row(
        "maxsessrate",
        1,
        "Limits the connections in a second that the rules of `tcp-request connection` let in; 0 \
         means no limit.",
        |draft, line, _| {
            draft.global.limits.session_rate = positive(line)?;
            Ok(())
        },
    )
    .by_default("no limit")
    .example("maxsessrate 2000"),
    row(
        "nosplice",
        0,
        "Moves no bytes through the kernel's pipes, whatever the options `splice-*` say.",
        |draft, _, _| {
            draft.global.limits.never_splices = true;
            Ok(())
        },
    )
    .example("nosplice"),
    row(
        "maxpipes",
        1,
        "Limits the pipes that move bytes inside the kernel; 0 is as if the line were missing.",
        |draft, line, _| {
            draft.global.limits.pipes = positive(line)?;
            Ok(())
        },
    )
    .by_default("a quarter of `maxconn`, and at least 16")
    .example("maxpipes 1000"),
    row(
        "tune.pipesize",
        1,
        "Asks the kernel for pipes of so many bytes; 0 leaves the size to the kernel.",
        |draft, line, _| {
            draft.global.limits.pipe_size = positive(line)?;
            Ok(())
        },
    )
    .by_default("the kernel's size")
    .example("tune.pipesize 65536"),
    row(
        "tune.maxpollevents",
        1,
        "Limits the events that are taken from the kernel at once, 1 to 1000000.",
        |draft, line, _| {
            draft.global.limits.poll_events = Some(line.number(0, 1..=1_000_000)?);
            Ok(())
        },
    )
    .by_default("1024")
    .example("tune.maxpollevents 200"),
    size_row!(
        "tune.vars.global-max-size",
        "Limits the variables of the process and of all connections, in bytes: each counts 80 and \
         the length of its text. 0 means no limit.",
        all
    )
    .example("tune.vars.global-max-size 10m"),
    size_row!(
        "tune.vars.proc-max-size",
        "Limits the same variables as `tune.vars.global-max-size`.",
        process
    )
    .example("tune.vars.proc-max-size 10m"),
    size_row!(
        "tune.vars.sess-max-size",
        "Limits the variables of one connection, in bytes; 0 means no limit.",
        session
    )
    .example("tune.vars.sess-max-size 4k"),
    size_row!(
        "tune.vars.txn-max-size",
        "Limits the variables of one connection with the scopes `txn`, `req` and `res`, in bytes; \
         0 means no limit.",
        transaction
    )
    .example("tune.vars.txn-max-size 2k"),
    size_row!(
        "tune.vars.reqres-max-size",
        "Limits the variables of one connection with the scopes `req` and `res`, in bytes; 0 means \
         no limit.",
        exchange
    )
    .example("tune.vars.reqres-max-size 1k"),
    row(
        "strict-limits",
        0,
        "Refuses to start when a limit of the system cannot be raised as far as the configuration \
         needs.",
        |draft, line, _| {
            draft.global.limits.are_strict = !line.negated;
            Ok(())
        },
    )
    .can_be_negated()
    .by_default("the process starts with less, and warns")
    .example("strict-limits")
    .differs("HAProxy refuses by default."),
];

/// Reads a count, where 0 is as if the line were missing.
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
