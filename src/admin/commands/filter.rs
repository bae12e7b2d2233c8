//! Which entries of a table a command is about: one key, or up to four comparisons of stored
//! values.

use std::borrow::Cow;

use super::command_line::{CommandLine, text};
use crate::config::data_type::{DataType, Kind};
use crate::table::{Cell, RowId, StickTable, key};

/// The most comparisons.
const CONDITIONS_MAX: usize = 4;

/// The entries that a command is about.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// All of them.
    All,
    /// The one with this key.
    Key(Vec<u8>),
    /// Those for which every comparison holds.
    Values(Vec<Condition>),
}

/// A comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    cell: Cell,
    element: u32,
    operator: Operator,
    operand: i64,
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

/// Why a selection could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SelectionError {
    /// Neither `key` nor `data.`.
    Usage,
    /// Nothing after `key`.
    KeyMissing,
    /// Not a key of this table.
    Key,
    /// A comparison, by its number from 1.
    Condition(usize, &'static str),
    /// More than the comparisons allowed, at this word, from 1.
    Extra(usize, String),
}

impl SelectionError {
    /// What the client is told; `usage` is the command's own text.
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

/// Reads what follows the table's name: from the fourth word on.
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
        let (cell, element) = parse_data(word, table).map_err(fail)?;
        let operator = line.word(at + 1).and_then(Operator::from_name).ok_or_else(|| {
            fail("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"")
        })?;
        let operand = line
            .text(at + 2)
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| fail("Require a valid integer value to compare against"))?;
        conditions.push(Condition { cell, element, operator, operand });
        at += 3;
    }
    Ok(conditions)
}

/// Finds the stored data that `data.<name>` or `data.<name>[<element>]` names.
pub(super) fn parse_data(word: &[u8], table: &StickTable) -> Result<(Cell, u32), &'static str> {
    const UNKNOWN: &str = "Unknown data type";
    let name = word.strip_prefix(b"data.").ok_or(UNKNOWN)?;
    let name = text(name);
    let (name, element) = match name.split_once('[') {
        None => (&*name, 0),
        Some((name, rest)) => {
            let element = rest.strip_suffix(']').and_then(|number| number.parse().ok());
            (name, element.ok_or(UNKNOWN)?)
        }
    };
    let data_type = DataType::from_name(name).ok_or(UNKNOWN)?;
    let cell = table.cell(data_type).ok_or("Data type not stored in this table")?;
    if element >= cell.elements() {
        return Err(UNKNOWN);
    }
    Ok((cell, element))
}

/// Whether every comparison holds for an entry.
pub(super) fn matches(
    conditions: &[Condition],
    table: &StickTable,
    row: RowId,
    now_ms: u64,
) -> bool {
    conditions.iter().all(|condition| {
        let Condition { cell, element, operator, operand } = *condition;
        let Some(value) = value(table, row, cell, element, now_ms) else { return false };
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

/// A stored value as a number; none for a name.
fn value(table: &StickTable, row: RowId, cell: Cell, element: u32, now_ms: u64) -> Option<i128> {
    Some(match cell.kind() {
        Kind::Signed => i128::from(table.get_u32(row, cell, element).cast_signed()),
        Kind::Unsigned => i128::from(table.get_u32(row, cell, element)),
        Kind::Wide => i128::from(table.get_u64(row, cell, element)),
        Kind::Rate => i128::from(table.rate(row, cell, element, now_ms)),
        Kind::Name => return None,
    })
}
