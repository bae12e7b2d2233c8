//! Checks by a program beside this process: `option external-check` and its command.

use super::check_script::row;
use crate::config::ScriptKind;
use crate::config::drafts::GlobalDraft;
use crate::config::keywords::{Handling, Keyword, Scope, exactly};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn global(
    name: &'static str,
    help: &'static str,
    read: fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, Scope::GLOBAL, exactly(0), "", help, Handling::Global(read))
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    global("external-check", "Allows `option external-check`.", |draft, _, _| {
        draft.global.external_check = true;
        Ok(())
    })
    .example("external-check"),
    global(
        "insecure-fork-wanted",
        "Says that programs may be started, which `option external-check` does.",
        |draft, line, _| {
            draft.global.fork_wanted = !line.negated;
            Ok(())
        },
    )
    .can_be_negated()
    .example("insecure-fork-wanted")
    .differs(
        "HAProxy cannot start programs without the line unless it is root; here the line only \
         spares a warning.",
    ),
    row(
        "option external-check",
        exactly(0),
        "",
        "Checks servers by a program, which tells by its exit status 0 that the server works. The \
         `global` section has to allow it with `external-check`. The program gets the address and \
         port of the section and of the server, and more in the variables that begin with \
         `HAPROXY_`. Its time is that of `inter`, or with `timeout check` that of `timeout \
         connect` if that is shorter.",
        |proxy, line, _| {
            if line.negated {
                return Err(line.mistake("'no' cannot stand before 'option external-check'"));
            }
            proxy.settings.script.choose(ScriptKind::Program);
            Ok(())
        },
    )
    .example("option external-check")
    .differs(
        "Here at most 32 programs run at a time, and a program that is late is killed together \
         with what it has started. HAProxy leaves programs behind when it stops.",
    ),
    row(
        "external-check command",
        exactly(1),
        "<path>",
        "Names the program of `option external-check`.",
        |proxy, line, _| {
            let script = &mut proxy.settings.script;
            script.program.command = Some(line.argument(0)?.value.to_owned());
            script.program.place.get_or_insert(line.place);
            Ok(())
        },
    )
    .example("external-check command /usr/local/bin/check-db"),
    row(
        "external-check path",
        exactly(1),
        "<path>",
        "Sets the variable `PATH` of the program of `option external-check`.",
        |proxy, line, _| {
            let script = &mut proxy.settings.script;
            script.program.path = Some(line.argument(0)?.value.to_owned());
            script.program.place.get_or_insert(line.place);
            Ok(())
        },
    )
    .by_default("the variable is empty")
    .example("external-check path /usr/bin:/bin"),
];
