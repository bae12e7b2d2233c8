//! What `help` shows of commands, and the search for the commands that a line means.

use std::fmt::Write;

use super::command_line::CommandLine;

/// A command as `help` shows it.
#[derive(Clone, Copy, Debug)]
pub struct HelpRow {
    /// The words that the command begins with.
    pub words: &'static str,
    /// The arguments that follow these words; empty if there are none.
    pub arguments: &'static str,
    help: &'static str,
    is_in_every_list: bool,
}

impl HelpRow {
    /// A row of `help`, in HAProxy's words.
    pub const fn new(words: &'static str, arguments: &'static str, help: &'static str) -> Self {
        Self { words, arguments, help, is_in_every_list: false }
    }

    /// The same command with this line of `help`.
    pub(in crate::admin::commands) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// `help` lists the command at the end of every list.
    #[must_use]
    pub const fn in_every_list(self) -> Self {
        Self { is_in_every_list: true, ..self }
    }

    /// Whether a line begins with the command's words.
    pub fn is_named_by(&self, line: &CommandLine) -> bool {
        let mut given = line.from(0).iter();
        self.words.split(' ').all(|word| given.next().is_some_and(|given| given == word.as_bytes()))
    }

    /// Writes the line of `help`.
    fn write_help(&self, out: &mut String) {
        let usage = match self.arguments {
            "" => self.words.to_owned(),
            arguments => format!("{} {arguments}", self.words),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {usage:<40}: {}", self.help);
    }

    /// Whether the command's words begin with the given words, or the other way round.
    fn begins_like(&self, given: &[Vec<u8>]) -> bool {
        self.words.split(' ').zip(given).all(|(own, given)| own.as_bytes() == given.as_slice())
    }

    /// How many letters of the given words are wrong, compared with the command's words.
    fn distance(&self, given: &[Vec<u8>]) -> usize {
        let words = self.words.split(' ').count().min(given.len());
        let own: Vec<&str> = self.words.split(' ').take(words).collect();
        strsim::generic_levenshtein(
            &own.join(" ").into_bytes(),
            &given.iter().take(words).fold(Vec::new(), |mut joined, word| {
                if !joined.is_empty() {
                    joined.push(b' ');
                }
                joined.extend_from_slice(word.get(..32).unwrap_or(word));
                joined
            }),
        )
    }
}

/// The answer to `help`, whose further words are `given`.
pub fn help<'a>(rows: impl Iterator<Item = &'a HelpRow>, given: &[Vec<u8>]) -> String {
    let mut text = "The following commands are valid at this level:\n".to_owned();
    list(rows, given, &mut text);
    text
}

/// The answer to a line that is no command: the commands that it may mean.
pub fn unknown<'a>(rows: impl Iterator<Item = &'a HelpRow>, given: &[Vec<u8>]) -> String {
    let mut list_of_rows = String::new();
    let head = if list(rows, given, &mut list_of_rows) {
        "Unknown command, but maybe one of the following ones is a better match:\n"
    } else {
        "Unknown command. Please enter one of the following commands only:\n"
    };
    head.to_owned() + &list_of_rows
}

/// Appends the lines of `help` about the commands that the words may mean, or about all commands.
/// Returns whether the words mean some commands rather than others.
fn list<'a>(rows: impl Iterator<Item = &'a HelpRow>, given: &[Vec<u8>], out: &mut String) -> bool {
    let (always, others): (Vec<&HelpRow>, Vec<&HelpRow>) =
        rows.partition(|row| row.is_in_every_list);
    let matching = matching(&others, given);
    let is_narrow = matching.is_some();
    for command in matching.unwrap_or(others).into_iter().chain(always) {
        command.write_help(out);
    }
    is_narrow
}

/// The commands that begin like the given words, or else those with a similar spelling. None if
/// there are no such commands.
fn matching<'a>(commands: &[&'a HelpRow], given: &[Vec<u8>]) -> Option<Vec<&'a HelpRow>> {
    const ALIKE_MAX: usize = 5;
    let beginning_like = |given: &[Vec<u8>]| -> Vec<&'a HelpRow> {
        commands.iter().copied().filter(|command| command.begins_like(given)).collect()
    };
    if given.is_empty() {
        return None;
    }
    let related = beginning_like(given);
    if !related.is_empty() {
        return Some(related);
    }
    // The commands that begin with as many of the words as possible.
    let begun = (1..given.len()).rev().find_map(|len| {
        let begun = beginning_like(given.get(..len)?);
        (!begun.is_empty()).then_some(begun)
    });
    let mut alike = begun.unwrap_or_else(|| {
        let is_alike = |command: &&HelpRow| command.distance(given) * 2 < command.words.len();
        commands.iter().copied().filter(is_alike).collect()
    });
    if alike.len() > ALIKE_MAX {
        alike.sort_by_key(|command| command.distance(given));
        alike.truncate(ALIKE_MAX);
    }
    (!alike.is_empty()).then_some(alike)
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;

    #[test]
    fn help_is_laid_out_as_haproxys() {
        let mut fixture = Fixture::new();
        let everyones = [
            "  help [<command>]                        : list matching or all commands\n",
            "  prompt                                  : toggle interactive mode with prompt\n",
            "  quit                                    : disconnect\n\n",
        ]
        .concat();
        assert_eq!(
            fixture.ask("help show table"),
            format!(
                "The following commands are valid at this level:\n\
                 \u{20} show table <table> [<filter>]*  \
                 \u{20}       : report table usage stats or dump this table's contents (filter: \
                 data/key)\n{everyones}"
            )
        );
        let unknown = fixture.ask("");
        assert!(
            unknown
                .starts_with("Unknown command. Please enter one of the following commands only:\n")
        );
        assert!(unknown.ends_with(&everyones));
        for slip in ["show tabel", "shwo table", "sho", "show", "clear"] {
            let answer = fixture.ask(slip);
            assert!(
                answer.starts_with(
                    "Unknown command, but maybe one of the following ones is a better match:\n"
                ),
                "{slip}: {answer}"
            );
            assert!(answer.contains(" table <table> [<filter>]*") || slip == "sho", "{answer}");
        }
    }
}
