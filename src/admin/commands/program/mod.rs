//! Commands about the program itself: `show libs`, `show schema json` and `show startup-logs`.

use std::fmt::Write;

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::command::{Command, command};
use super::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::config::Level::{Operator, User};

/// The form of what `show info json` and `show stat json` print.
const SCHEMA: &str = include_str!("schema.json");

pub(super) const SHOW_LIBS: Command = command("show libs", "", Operator, show_libs)
    .help("show loaded object files and libraries")
    .manual(
        "Lists the program and the libraries that the process has loaded, with the addresses where \
         they stand. `chroot` hides them.",
        "show libs",
    );

pub(super) const SHOW_SCHEMA: Command =
    command("show schema json", "", User, show_schema).help("report schema used for stats").manual(
        "Prints the JSON schema of what `show info json` and `show stat json` print.",
        "show schema json",
    );

pub(super) const SHOW_STARTUP_LOGS: Command =
    command("show startup-logs", "", User, show_startup_logs)
        .help("report logs emitted during HAProxy startup")
        .manual(
            "Prints the warnings about the configuration with which this process began.",
            "show startup-logs",
        );

/// `show libs`: first and last address, size and path of what is mapped to be run.
fn show_libs(_: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    match std::fs::read_to_string("/proc/self/maps") {
        Ok(maps) => Answer::Text(objects(&maps)),
        Err(error) => Answer::error(format!("/proc/self/maps cannot be read: {error}")),
    }
}

/// The objects in a list of mappings. Each has several mappings in a row.
fn objects(maps: &str) -> String {
    let mut found: Vec<(u64, u64, &str, bool)> = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let range = words.next().and_then(|range| range.split_once('-'));
        let is_run = words.next().is_some_and(|rights| rights.contains('x'));
        let Some(path) = line.find('/').and_then(|at| line.get(at..)) else { continue };
        let number = |text| u64::from_str_radix(text, 16).ok();
        let Some((first, end)) = range.and_then(|(a, b)| number(a).zip(number(b))) else {
            continue;
        };
        match found.last_mut().filter(|(_, _, other, _)| *other == path) {
            Some((_, last_end, _, is_any_run)) => {
                *last_end = end;
                *is_any_run |= is_run;
            }
            None => found.push((first, end, path, is_run)),
        }
    }
    let mut out = String::new();
    for (first, end, path, _) in found.into_iter().filter(|(.., is_run)| *is_run) {
        let (last, len) = (end.saturating_sub(1), end.saturating_sub(first));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "0x{first:012x}-0x{last:012x} (0x{len:07x}) {path}");
    }
    out
}

/// `show schema json`.
fn show_schema(_: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    let lines = SCHEMA.lines().map(str::trim_start);
    Answer::Text(lines.collect::<String>() + "\n")
}

/// `show startup-logs`.
fn show_startup_logs(_: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    match context.process.startup_log.as_str() {
        "" => Answer::text("\n"),
        log => Answer::text(log),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::admin::fixture::Fixture;

    #[test]
    fn objects_stand_once_with_all_that_is_mapped_of_them() {
        let maps = "55000000-55001000 r--p 00000000 08:01 1   /usr/sbin/program\n\
                    55001000-55003000 r-xp 00001000 08:01 1   /usr/sbin/program\n\
                    55003000-55004000 rw-p 00000000 00:00 0   [heap]\n\
                    7f000000-7f001000 r--s 00000000 08:01 2   /etc/data\n\
                    7f002000-7f004000 r-xp 00000000 08:01 3   /lib/a library.so\n";
        assert_eq!(
            objects(maps),
            "0x000055000000-0x000055002fff (0x0003000) /usr/sbin/program\n\
             0x00007f002000-0x00007f003fff (0x0002000) /lib/a library.so\n"
        );
        assert!(Fixture::new().ask("show libs").starts_with("0x"));
    }

    #[test]
    fn the_schema_has_the_names_that_the_answers_have() {
        let mut fixture = Fixture::new();
        let schema = fixture.ask("show schema json");
        assert_eq!(schema.matches(['{', '[']).count(), schema.matches(['}', ']']).count());
        for command in ["show info json", "show stat json"] {
            let answer = fixture.ask(command);
            let quoted: BTreeSet<&str> = answer.split('"').skip(1).step_by(2).collect();
            // A word before a colon is the name of a property.
            let is_name = |word: &&str| answer.contains(&format!("\"{word}\":"));
            let names: Vec<&str> = quoted.into_iter().filter(is_name).collect();
            assert!(names.len() > 5, "{names:?}");
            for name in names {
                assert!(schema.contains(&format!("\"{name}\":")), "{command}: {name}");
            }
        }
    }

    #[test]
    fn warnings_of_the_start_are_kept() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.ask("show startup-logs"), "\n\n");
        fixture.process.startup_log = "[WARNING]  (7) : a.cfg:3: odd\n".to_owned();
        assert_eq!(fixture.ask("show startup-logs"), "[WARNING]  (7) : a.cfg:3: odd\n\n");
    }
}
