//! The table entries that a command selects: by one key, or by up to four comparisons of stored
//! values.

use std::borrow::Cow;

use super::named_entries::NamedEntry;
use super::typed::command_line::{CommandLine, text};
use crate::config::data_type::DataType;
use crate::table::{Cell, StickTable, key};

/// The most comparisons in one command.
const CONDITIONS_MAX: usize = 4;

/// The entries that a command selects.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// All entries.
    All,
    /// The entry with this key.
    Key(Vec<u8>),
    /// The entries for which every comparison holds.
    Values(Vec<Condition>),
}

/// A comparison of a stored value with a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    element: Element,
    operator: Operator,
    operand: i64,
}

/// One element of the data that an entry stores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) cell: Cell,
    /// The number of the element in an array; 0 for other data.
    pub(super) number: u32,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Eq,
    Ne,
    Le,
    Ge,
    Lt,
    Gt,
}

impl Operator {
    fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"eq" => Self::Eq,
            b"ne" => Self::Ne,
            b"le" => Self::Le,
            b"ge" => Self::Ge,
            b"lt" => Self::Lt,
            b"gt" => Self::Gt,
            _ => return None,
        })
    }
}

/// Why the words of a command select no entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SelectionError {
    /// The word after the table is neither `key` nor `data.<type>`.
    Usage,
    /// There is no word after `key`.
    KeyMissing,
    /// The word after `key` is not a key of this table.
    Key,
    /// A comparison is wrong: its number from 1, and the mistake.
    Condition(usize, &'static str),
    /// There are too many comparisons: the number of the first word too many, from 1, and the word
    /// before it.
    Extra(usize, String),
}

impl SelectionError {
    /// The message for the client; `usage` is the command's own text.
    pub(super) fn text(&self, usage: &str) -> String {
        match self {
            Self::Usage => usage.to_owned(),
            Self::KeyMissing => "Key value expected".to_owned(),
            Self::Key => "Invalid key".to_owned(),
            Self::Condition(number, what) => format!("Filter entry #{number}: {what}"),
            Self::Extra(number, before) => {
                format!("Detected extra data in filter, {number}th word of input, after '{before}'")
            }
        }
    }
}

/// Reads the selection, which begins at the fourth word.
pub(super) fn parse(line: &CommandLine, table: &StickTable) -> Result<Selection, SelectionError> {
    match line.word(3) {
        None => Ok(Selection::All),
        Some(b"key") => parse_key(line, table).map(Selection::Key),
        Some(word) if word.starts_with(b"data.") => {
            parse_conditions(line, table).map(Selection::Values)
        }
        Some(_) => Err(SelectionError::Usage),
    }
}

/// Reads the key after `key`.
pub(super) fn parse_key(line: &CommandLine, table: &StickTable) -> Result<Vec<u8>, SelectionError> {
    let word = line.word(4).ok_or(SelectionError::KeyMissing)?;
    let declaration = table.declaration();
    key::parse(word, declaration.key_type, declaration.key_len).map_err(|_| SelectionError::Key)
}

fn parse_conditions(
    line: &CommandLine,
    table: &StickTable,
) -> Result<Vec<Condition>, SelectionError> {
    let mut conditions = Vec::new();
    let mut at = 3;
    while let Some(word) = line.word(at) {
        let fail = |what| SelectionError::Condition(conditions.len() + 1, what);
        if conditions.len() == CONDITIONS_MAX {
            let before = line.text(at - 1).map(Cow::into_owned);
            return Err(SelectionError::Extra(at + 1, before.unwrap_or_default()));
        }
        let element = parse_data(word, table).map_err(fail)?;
        let operator = line.word(at + 1).and_then(Operator::from_name).ok_or_else(|| {
            fail("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"")
        })?;
        let operand = line
            .text(at + 2)
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| fail("Require a valid integer value to compare against"))?;
        conditions.push(Condition { element, operator, operand });
        at += 3;
    }
    Ok(conditions)
}

/// Finds the stored data that `data.<name>` or `data.<name>[<element>]` names.
pub(super) fn parse_data(word: &[u8], table: &StickTable) -> Result<Element, &'static str> {
    const UNKNOWN: &str = "Unknown data type";
    let name = word.strip_prefix(b"data.").ok_or(UNKNOWN)?;
    let name = text(name);
    let (name, number) = match name.split_once('[') {
        None => (&*name, 0),
        Some((name, rest)) => {
            let number = rest.strip_suffix(']').and_then(|number| number.parse().ok());
            (name, number.ok_or(UNKNOWN)?)
        }
    };
    let data_type = DataType::from_name(name).ok_or(UNKNOWN)?;
    let cell = table.cell(data_type).ok_or("Data type not stored in this table")?;
    if number >= cell.elements() {
        return Err(UNKNOWN);
    }
    Ok(Element { cell, number })
}

/// Whether every comparison holds for an entry.
pub(super) fn matches(conditions: &[Condition], entry: &NamedEntry<'_>, now_ms: u64) -> bool {
    conditions.iter().all(|condition| {
        let Condition { element, operator, operand } = *condition;
        let Some(value) = entry.value(element.cell, element.number, now_ms) else { return false };
        let operand = i128::from(operand);
        match operator {
            Operator::Eq => value == operand,
            Operator::Ne => value != operand,
            Operator::Le => value <= operand,
            Operator::Ge => value >= operand,
            Operator::Lt => value < operand,
            Operator::Gt => value > operand,
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;

    #[test]
    fn filters_select_by_stored_values() {
        let mut fixture = Fixture::new();
        for (key, gpc) in [("1.0.0.1", 1), ("1.0.0.2", 2), ("1.0.0.3", 3)] {
            fixture.ask(&format!("set table web key {key} data.gpc0 {gpc} data.server_id -3"));
        }
        let mut keys = |filter: &str| -> Vec<String> {
            let answer = fixture.ask(&format!("show table web {filter}"));
            answer
                .lines()
                .filter_map(|line| Some(line.split_once("key=")?.1.split_once(' ')?.0.to_owned()))
                .collect()
        };
        assert_eq!(keys("data.gpc0 eq 2"), ["1.0.0.2"]);
        assert_eq!(keys("data.gpc0 ne 2"), ["1.0.0.1", "1.0.0.3"]);
        assert_eq!(keys("data.gpc0 ge 2 data.gpc0 lt 3"), ["1.0.0.2"]);
        assert_eq!(keys("data.gpc0 le 2"), ["1.0.0.1", "1.0.0.2"]);
        assert_eq!(keys("data.gpc0 gt 3"), [""; 0]);
        assert_eq!(keys("data.server_id lt 0"), ["1.0.0.1", "1.0.0.2", "1.0.0.3"]);
        assert_eq!(keys("data.server_key eq 0"), [""; 0]);
    }
}
