//! What the process may still do once its sockets are bound.

use std::path::PathBuf;

use super::bind;
use super::global::set_once;
use crate::config::KeptCapability;
use crate::config::drafts::GlobalDraft;
use crate::config::keywords::{Keyword, Scope, exactly, rows_of};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

rows_of!(Scope::GLOBAL, Global(GlobalDraft));

/// The capabilities that `setcap` knows.
const CAPABILITIES: [(&str, KeptCapability); 3] = [
    ("cap_net_admin", KeptCapability::NetAdmin),
    ("cap_net_bind_service", KeptCapability::NetBindService),
    ("cap_net_raw", KeptCapability::NetRaw),
];

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "user",
        exactly(1),
        "<name>",
        "Becomes the user of this name once the sockets are bound. The group stays, unless \
         `group` is given, too.",
        |draft, line, report| {
            set_once(&mut draft.global.uid, bind::user(line)?, line, report);
            Ok(())
        },
    )
    .by_default("the user who starts the process")
    .example("user nobody"),
    row(
        "uid",
        exactly(1),
        "<number>",
        "Becomes the user of this number once the sockets are bound.",
        |draft, line, report| {
            set_once(&mut draft.global.uid, line.number(0, 0..=u32::MAX - 1)?, line, report);
            Ok(())
        },
    )
    .by_default("the user who starts the process")
    .example("uid 65534"),
    row(
        "group",
        exactly(1),
        "<name>",
        "Becomes the group of this name once the sockets are bound.",
        |draft, line, report| {
            set_once(&mut draft.global.gid, bind::group(line)?, line, report);
            Ok(())
        },
    )
    .by_default("the group of whoever starts the process")
    .example("group daemon"),
    row(
        "gid",
        exactly(1),
        "<number>",
        "Becomes the group of this number once the sockets are bound.",
        |draft, line, report| {
            set_once(&mut draft.global.gid, line.number(0, 0..=u32::MAX - 1)?, line, report);
            Ok(())
        },
    )
    .by_default("the group of whoever starts the process")
    .example("gid 65534"),
    row(
        "chroot",
        exactly(1),
        "<directory>",
        "Locks the process into this directory once the sockets are bound.",
        |draft, line, report| {
            set_once(
                &mut draft.global.chroot,
                PathBuf::from(line.argument(0)?.value),
                line,
                report,
            );
            Ok(())
        },
    )
    .example("chroot /var/empty"),
    row(
        "setcap",
        exactly(1),
        "<name>[,<name>...]",
        "Keeps capabilities although the process becomes another user: `cap_net_bind_service` for \
         low ports that come with a reload, `cap_net_raw` for `usesrc` and `cap_net_admin` for \
         `set-mark`, or `none`. The process has to be started with them, as by root.",
        read_setcap,
    )
    .by_default("a process that becomes another user keeps no capability")
    .example("setcap cap_net_bind_service,cap_net_raw")
    .differs("HAProxy has it from version 2.9 on."),
    row(
        "insecure-setuid-wanted",
        exactly(0),
        "",
        "Lets programs of external checks gain privileges by their file, as `ping` does on some \
         systems. A process that starts its successor itself cannot take it up in a reload: it \
         has to be started anew.",
        |draft, line, _| {
            draft.global.setuid_wanted = !line.negated;
            Ok(())
        },
    )
    .can_be_negated()
    .by_default("whatever the process starts has no more privileges than the process")
    .example("insecure-setuid-wanted"),
    row(
        "set-dumpable",
        exactly(0),
        "",
        "Lets a crash leave a core file, and lets debuggers of the same user look into the \
         process, even after the process has given up privileges. A core file holds the stick \
         tables and the keys of certificates.",
        |draft, line, _| {
            draft.global.is_dumpable = !line.negated;
            Ok(())
        },
    )
    .can_be_negated()
    .by_default("there are no core files, and only root can look into the process")
    .example("set-dumpable")
    .differs(
        "Without the line HAProxy leaves core files to `ulimit -c`, as long as it does not become \
         another user.",
    ),
];

fn read_setcap(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let word = line.argument(0)?;
    let mut kept = Vec::new();
    for name in word.value.split(',').filter(|_| word.value != "none") {
        let known = CAPABILITIES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        let Some((_, capability)) = known else {
            let [admin, bind, raw] = CAPABILITIES.map(|(known, _)| known);
            let message = format!(
                "'setcap' does not know '{name}': there are '{admin}', '{bind}', '{raw}', or 'none'"
            );
            return Err(Mistake::new(word.place, message));
        };
        kept.push(*capability);
    }
    draft.global.kept_capabilities = kept;
    Ok(())
}
