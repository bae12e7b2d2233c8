//! What the process may still do once its sockets are bound.

use std::path::PathBuf;

use super::bind;
use super::global::set_once;
use crate::config::drafts::GlobalDraft;
use crate::config::keywords::{Keyword, Scope, exactly, rows_of};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{Hardening, KeptCapability};

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
        "hardening",
        exactly(1),
        "on|off|log",
        "Confines the process once it has started. A worker (`-W`) may then make the system calls \
         that serving takes and no others, opens no file but those of the system's libraries, and \
         signals nobody: its supervisor reads the configuration and starts the next worker. A \
         process that starts programs, which are its successor without `-W`, external checks, or \
         what looks up a peer's name, is refused what none of them needs: debugging, mounting, \
         namespaces, keys, kernel modules and their like. What is refused fails with EPERM and is \
         logged once. With `log` nothing is refused, and the kernel logs the calls; files stay \
         open. `show info` tells what is in force.",
        read_hardening,
    )
    .by_default("off")
    .example("hardening on")
    .differs("HAProxy has no such line."),
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

fn read_hardening(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let word = line.argument(0)?;
    draft.global.hardening = match word.value {
        "on" => Hardening::On,
        "off" => Hardening::Off,
        "log" => Hardening::Log,
        other => {
            let message = format!("'hardening' is 'on', 'off' or 'log', and not '{other}'");
            return Err(Mistake::new(word.place, message));
        }
    };
    draft.hardening_place = Some(line.place);
    Ok(())
}

/// Finds lines that exclude each other.
pub(in crate::config) fn check(draft: &GlobalDraft, report: &mut Report) {
    if let Some(place) = draft.hardening_place
        && draft.global.hardening != Hardening::Off
        && draft.global.setuid_wanted
    {
        let message = "'hardening' and 'insecure-setuid-wanted' exclude each other: the system \
                       confines only processes whose programs gain no privileges";
        report.error(place, message);
    }
}

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

#[cfg(test)]
mod tests {
    use crate::config::{Request, load_text_with};

    fn mistakes(global: &str) -> Vec<String> {
        let text =
            format!("global\n {global}\nlisten l\n mode tcp\n bind :1\n server s 127.0.0.1:1\n");
        match load_text_with("a", &text, &Request::default(), |_| Vec::new()) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_cannot_be_confined_is_refused() {
        for setuid in
            ["insecure-setuid-wanted\n hardening on", "hardening log\n insecure-setuid-wanted"]
        {
            assert!(
                mistakes(setuid).iter().any(|said| said.contains("exclude each other")),
                "{setuid}"
            );
        }
        assert_eq!(mistakes("insecure-setuid-wanted\n hardening off"), [""; 0]);
        assert_eq!(mistakes("no insecure-setuid-wanted\n hardening on"), [""; 0]);
    }

    #[test]
    fn words_that_are_not_known_are_refused_with_those_that_are() {
        let said = mistakes("setcap cap_net_raw,cap_sys_admin");
        assert!(
            said[0].contains("does not know 'cap_sys_admin': there are 'cap_net_admin'"),
            "{said:?}"
        );
        let said = mistakes("hardening yes");
        assert!(said[0].contains("'hardening' is 'on', 'off' or 'log', and not 'yes'"), "{said:?}");
    }
}
