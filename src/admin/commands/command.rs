//! The form of a row in the table of commands, and the search for the rows that a line means.

use std::fmt::Write;

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::command_line::CommandLine;
use crate::admin::context::Context;
use crate::config::Level;

/// The function that runs a command.
type Function = fn(&CommandLine, &mut ClientSettings, &mut Context<'_>) -> Answer;

/// What a command changes, and what a reload does with the change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Nothing that a new process has to know.
    Nothing,
    /// A new process takes the change over.
    HandedOver,
    /// A new process does not know the change, so the command is refused during a reload.
    Lost,
    /// The change is lost for the lines that the function picks, and handed over for others.
    LostIf(fn(&CommandLine) -> bool),
}

/// A command: one row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    words: &'static str,
    arguments: &'static str,
    syntax: Option<&'static str>,
    level: Level,
    change: Change,
    help: &'static str,
    manual: &'static str,
    example: &'static str,
    is_in_every_list: bool,
    function: Function,
}

/// A row. `arguments` are those that HAProxy's `help` shows.
pub(super) const fn command(
    words: &'static str,
    arguments: &'static str,
    level: Level,
    function: Function,
) -> Command {
    Command {
        words,
        arguments,
        syntax: None,
        level,
        change: Change::Nothing,
        help: "",
        manual: "",
        example: "",
        is_in_every_list: false,
        function,
    }
}

impl Command {
    /// The arguments, where HAProxy's `help` does not show them all.
    pub(super) const fn syntax(self, syntax: &'static str) -> Self {
        Self { syntax: Some(syntax), ..self }
    }

    /// What the command changes.
    pub(super) const fn changes(self, change: Change) -> Self {
        Self { change, ..self }
    }

    /// The line of `help`, in HAProxy's words.
    pub(super) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// What the reference says of the command, and an example.
    pub(super) const fn manual(self, manual: &'static str, example: &'static str) -> Self {
        Self { manual, example, ..self }
    }

    /// `help` lists the command at the end of every list.
    pub(super) const fn in_every_list(self) -> Self {
        Self { is_in_every_list: true, ..self }
    }

    /// The words that the command begins with.
    pub fn words(&self) -> &'static str {
        self.words
    }

    /// The arguments that follow these words; empty if there are none.
    pub fn arguments(&self) -> &'static str {
        self.syntax.unwrap_or(self.arguments)
    }

    /// The level that a client needs.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The meaning of the command, in one or more sentences.
    pub fn description(&self) -> &'static str {
        self.manual
    }

    /// A line that a client may send.
    pub fn example(&self) -> &'static str {
        self.example
    }

    pub(super) fn change(&self) -> Change {
        self.change
    }

    /// Runs the command.
    pub(super) fn run(
        &self,
        line: &CommandLine,
        client: &mut ClientSettings,
        context: &mut Context<'_>,
    ) -> Answer {
        (self.function)(line, client, context)
    }

    /// Whether a line begins with the command's words.
    pub(super) fn is_named_by(&self, line: &CommandLine) -> bool {
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

/// Appends the lines of `help` about the commands that the words may mean, or about all commands.
/// Returns whether the words mean some commands rather than others.
pub(super) fn list(commands: &[Command], given: &[Vec<u8>], out: &mut String) -> bool {
    let (always, others): (Vec<&Command>, Vec<&Command>) =
        commands.iter().partition(|command| command.is_in_every_list);
    let matching = matching(&others, given);
    let is_narrow = matching.is_some();
    for command in matching.unwrap_or(others).into_iter().chain(always) {
        command.write_help(out);
    }
    is_narrow
}

/// The commands that begin like the given words, or else those with a similar spelling. None if
/// there are no such commands.
fn matching<'a>(commands: &[&'a Command], given: &[Vec<u8>]) -> Option<Vec<&'a Command>> {
    const ALIKE_MAX: usize = 5;
    let beginning_like = |given: &[Vec<u8>]| -> Vec<&'a Command> {
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
        let is_alike = |command: &&Command| command.distance(given) * 2 < command.words.len();
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
