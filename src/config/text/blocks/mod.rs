//! `.if`, `.elif`, `.else`, `.endif` and the messages between them: lines that count only where a
//! condition holds.

mod condition;

pub use condition::features;

use super::diagnostic::{Mistake, Parsed, Place};
use super::environment::Environment;
use super::lexer;
use super::line;
use super::line::Line;
use crate::config::text::report::Report;

/// The blocks that are open, the innermost last.
#[derive(Debug, Default)]
pub(in crate::config) struct Blocks {
    open: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    /// The place of the `.if`.
    place: Place,
    branch: Branch,
    has_else: bool,
}

/// What happens to the lines of the current branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    /// The lines are read.
    Taken,
    /// The lines are skipped. A later branch may be read.
    Waiting,
    /// The lines are skipped, and so are the lines of every later branch.
    Over,
}

/// The most nested blocks.
const DEPTH_MAX: usize = 1024;

impl Blocks {
    /// Whether lines are skipped.
    pub(in crate::config) fn is_passing(&self) -> bool {
        self.open.last().is_some_and(|block| block.branch != Branch::Taken)
    }

    /// Reads a line that begins with a dot.
    pub(in crate::config) fn read(
        &mut self,
        word: &str,
        line: &Line<'_>,
        environment: &Environment,
        report: &mut Report,
    ) -> Parsed {
        let is_passing = self.is_passing();
        match word {
            ".if" => return self.begin(line, environment),
            ".elif" | ".else" | ".endif" => return self.go_on(word, line, environment),
            _ if is_passing => return Ok(()),
            ".notice" | ".warning" | ".alert" | ".diag" => {}
            other => return Err(line.mistake(format!("unknown directive '{other}'"))),
        }
        one_word_at_most(word, line, 1)?;
        let message = line.get(0).map_or("", |message| message.value);
        match word {
            // HAProxy prints it only with a switch that stickd does not have.
            ".diag" => {}
            ".alert" => report.error(line.place, message),
            _ => report.warning(line.place, message),
        }
        Ok(())
    }

    fn begin(&mut self, line: &Line<'_>, environment: &Environment) -> Parsed {
        if self.open.len() >= DEPTH_MAX {
            return Err(line.mistake(format!("more than {DEPTH_MAX} blocks inside each other")));
        }
        let is_passing = self.is_passing();
        // The block is opened even if its condition cannot be read: the `.endif` needs a block.
        let (branch, result) = if is_passing {
            (Branch::Over, Ok(()))
        } else {
            match holds(line, environment) {
                Ok(true) => (Branch::Taken, Ok(())),
                Ok(false) => (Branch::Waiting, Ok(())),
                Err(mistake) => (Branch::Over, Err(mistake)),
            }
        };
        self.open.push(Block { place: line.place, branch, has_else: false });
        result
    }

    /// Opens a block with a condition that cannot be read, so that the `.endif` finds a block.
    pub(in crate::config) fn begin_unread(&mut self, place: Place) {
        self.open.push(Block { place, branch: Branch::Over, has_else: false });
    }

    fn go_on(&mut self, word: &str, line: &Line<'_>, environment: &Environment) -> Parsed {
        let Some(block) = self.open.last_mut() else {
            return Err(line.mistake(format!("'{word}' without '.if'")));
        };
        if block.has_else && word != ".endif" {
            return Err(line.mistake(format!("'{word}' after '.else'")));
        }
        if word == ".endif" {
            self.open.pop();
            return one_word_at_most(word, line, 0);
        }
        block.has_else = word == ".else";
        let was_waiting = block.branch == Branch::Waiting;
        block.branch = Branch::Over;
        if block.has_else {
            one_word_at_most(word, line, 0)?;
        }
        if was_waiting {
            let is_taken = block.has_else || holds(line, environment)?;
            block.branch = if is_taken { Branch::Taken } else { Branch::Waiting };
        }
        Ok(())
    }

    /// Ends the reading of a file: reports each block that is still open.
    pub(in crate::config) fn finish(&mut self, report: &mut Report) {
        for block in self.open.drain(..) {
            report.error(block.place, "'.if' without '.endif'");
        }
    }
}

/// Whether a condition is true; it is written as on an `.if` line.
///
/// # Errors
/// The condition cannot be read; the text says why.
pub fn condition_holds(text: &str, environment: &Environment) -> Result<bool, String> {
    let words = lexer::words(text.as_bytes(), environment)
        .map_err(|error| format!("condition '{text}': {}", error.message))?;
    let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let text = words.join(" ");
    condition::holds(&text, environment).map_err(|error| format!("condition '{text}': {error}"))
}

fn holds(line: &Line<'_>, environment: &Environment) -> Parsed<bool> {
    let text = line::joined(line.arguments);
    condition::holds(&text, environment)
        .map_err(|error| line.mistake(format!("condition '{text}': {error}")))
}

fn one_word_at_most(word: &str, line: &Line<'_>, most: usize) -> Parsed {
    match line.get(most) {
        Some(other) => {
            let message = format!("unexpected word '{}' after '{word}'", other.value);
            Err(Mistake::new(other.place, message))
        }
        None => Ok(()),
    }
}
