//! Reads the lines and the commands that set variables of the process, for which there is no
//! connection.

use crate::config::drafts::names::{Index, Names};
use crate::config::drafts::{Draft, ProxyDraft, ProxyKind, Settings, VariableLine};
use crate::config::rules::expression::Expression;
use crate::config::rules::format;
use crate::config::rules::read_expression;
use crate::config::rules::rule::{InitialVariable, NewValue};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed};
use crate::config::text::report::Report;
use crate::config::{Variable, VariableNames, VariableScope};

/// Reads the lines of `global` that set variables.
pub(in crate::config) fn process_variables(
    lines: &[VariableLine],
    names: Names<'_>,
    report: &mut Report,
) -> Vec<InitialVariable> {
    let read = |line: &VariableLine| {
        read_line(line, names).map_err(|mistake| report.mistake(mistake)).ok()
    };
    lines.iter().filter_map(read).collect()
}

fn read_line(line: &VariableLine, names: Names<'_>) -> Parsed<InitialVariable> {
    let place = |column| Place { column, ..line.place };
    let words = line.words.iter();
    let words: Vec<Placed<&str>> =
        words.map(|word| Placed { value: word.text.as_str(), place: place(word.column) }).collect();
    let wanted = || Mistake::new(line.place, format!("'{}' wants a variable", line.keyword));
    let (name, rest) = words.split_first().ok_or_else(wanted)?;
    let variable = variable(name.value, names.index);
    let variable = variable.map_err(|message| Mistake::new(name.place, message))?;
    if line.is_format {
        let [word] = rest else {
            let message = format!("'{}' wants one format string", line.keyword);
            return Err(Mistake::new(line.place, message));
        };
        return Ok(InitialVariable { variable, value: format(line.keyword, word, names)? });
    }
    let wanted = || Mistake::new(line.place, format!("'{}' wants a sample", line.keyword));
    let (word, rest) = read_expression::split_chain(rest).ok_or_else(wanted)?;
    if let Some(word) = rest.first() {
        return Err(Mistake::new(word.place, format!("unexpected word '{}'", word.value)));
    }
    let word = Placed { value: word.value.as_str(), place: word.place };
    let value = value(&word, names)?;
    Ok(InitialVariable { variable, value })
}

/// The variable of the process with this name.
fn variable(name: &str, index: &Index<'_>) -> Result<Variable, String> {
    let variable = index.variable(name)?;
    if variable.scope != VariableScope::Process {
        return Err(format!("'{name}': only a variable whose name begins with 'proc.' is known"));
    }
    Ok(variable)
}

/// A text that no connection is needed for.
fn format(keyword: &str, word: &Placed<&str>, names: Names<'_>) -> Parsed<NewValue> {
    let format = format::of_rule(keyword, word, names)?;
    format.samples().try_for_each(|sample| check(sample, word))?;
    Ok(NewValue::Format(format))
}

/// A value that no connection is needed for.
fn value(word: &Placed<&str>, names: Names<'_>) -> Parsed<NewValue> {
    let value = read_expression::read(word, names)?;
    check(&value, word)?;
    Ok(NewValue::Sample(value))
}

fn check(value: &Expression, word: &Placed<&str>) -> Parsed {
    if !value.is_of_process() {
        let message = format!("'{}' is about a connection, and there is none", word.value);
        return Err(Mistake::new(word.place, message));
    }
    Ok(())
}

/// Reads the variable of the process and the sample or the format string of a command. Samples
/// about frontends, backends and tables are not known in commands.
///
/// # Errors
///
/// The name, the sample or the format string is wrong: a message for the operator.
pub fn read_for_command(
    name: &str,
    text: &str,
    is_format: bool,
    known: &mut VariableNames,
) -> Result<InitialVariable, String> {
    let draft = Draft::default();
    let index = Index::of_command(&draft, std::mem::take(known));
    let nameless = Placed { value: String::new(), place: Place::default() };
    let outside = ProxyDraft::new(ProxyKind::Defaults, nameless, Settings::default());
    let names = Names { proxies: &[], current: &outside, tables: &[], index: &index };
    let read = variable(name, &index).and_then(|variable| {
        let word = Placed { value: text, place: Place::default() };
        let value = if is_format { format("set var", &word, names) } else { value(&word, names) };
        let value = value.map_err(|mistake| mistake.message)?;
        Ok(InitialVariable { variable, value })
    });
    *known = index.take_variables();
    if !index.patterns.take(&[]).is_empty() {
        return Err("a command cannot use a map".to_owned());
    }
    read
}
