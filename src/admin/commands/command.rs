//! The form of a row in the table of commands.

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::typed::command_line::CommandLine;
use super::typed::help::HelpRow;
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
    row: HelpRow,
    syntax: Option<&'static str>,
    level: Level,
    change: Change,
    manual: &'static str,
    example: &'static str,
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
        row: HelpRow::new(words, arguments, ""),
        syntax: None,
        level,
        change: Change::Nothing,
        manual: "",
        example: "",
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
        Self { row: self.row.help(help), ..self }
    }

    /// What the reference says of the command, and an example.
    pub(super) const fn manual(self, manual: &'static str, example: &'static str) -> Self {
        Self { manual, example, ..self }
    }

    /// `help` lists the command at the end of every list.
    pub(super) const fn in_every_list(self) -> Self {
        Self { row: self.row.in_every_list(), ..self }
    }

    /// The words that the command begins with.
    pub fn words(&self) -> &'static str {
        self.row.words
    }

    /// The arguments that follow these words; empty if there are none.
    pub fn arguments(&self) -> &'static str {
        self.syntax.unwrap_or(self.row.arguments)
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

    /// The command as `help` shows it.
    pub(super) fn row(&self) -> &HelpRow {
        &self.row
    }

    /// Whether a line begins with the command's words.
    pub(super) fn is_named_by(&self, line: &CommandLine) -> bool {
        self.row.is_named_by(line)
    }
}
