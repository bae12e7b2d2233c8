//! What samples and actions do with the entry of a table.

use crate::config::data_type::{DataType, Kind};
use crate::config::rules::EntryFact;
use crate::table::{Cell, RowId, StickTable};

/// Where a value is stored. Where a table stores an array instead of a single value, an element
/// of the array holds the value.
#[inline]
fn locate(table: &StickTable, data_type: DataType, element: u32) -> Option<(Cell, u32)> {
    let single = table.cell(data_type).map(|cell| (cell, element));
    let found = single.or_else(|| {
        let (array, element) = data_type.element_of()?;
        table.cell(array).map(|cell| (cell, element))
    });
    found.filter(|(cell, element)| *element < cell.elements())
}

/// Whether a sample of this fact changes the entry.
pub(super) fn changes(fact: EntryFact) -> bool {
    match fact {
        EntryFact::Increment(..) | EntryFact::Clear(..) | EntryFact::CountConnection => true,
        EntryFact::Stored(..)
        | EntryFact::Kilobytes(_)
        | EntryFact::Exists
        | EntryFact::Trackers => false,
    }
}

/// What a sample tells of an entry, or of a missing one; nothing where the table does not store
/// it.
pub(super) fn fact(
    table: &mut StickTable,
    row: Option<RowId>,
    fact: EntryFact,
    now_ms: u64,
) -> Option<i64> {
    let Some(row) = row else { return Some(0) };
    match fact {
        EntryFact::Exists => Some(1),
        EntryFact::Trackers => Some(i64::from(table.holders(row))),
        EntryFact::Stored(data_type, element) => stored(table, row, data_type, element, now_ms),
        EntryFact::Kilobytes(data_type) => {
            stored(table, row, data_type, 0, now_ms).map(|bytes| bytes >> 10)
        }
        EntryFact::Increment(counter, element) => {
            count(table, row, counter, element, 1, now_ms);
            table.touch_local(row, now_ms);
            let rate = || stored(table, row, counter.rate()?, element, now_ms);
            Some(stored(table, row, counter, element, now_ms).or_else(rate).unwrap_or(0))
        }
        EntryFact::CountConnection => {
            // HAProxy does not count in the rate here.
            let cell = table.cell(DataType::ConnCnt)?;
            let counted = table.get_u32(row, cell, 0).saturating_add(1);
            table.set_u32(row, cell, 0, counted);
            table.touch_local(row, now_ms);
            Some(i64::from(counted))
        }
        EntryFact::Clear(counter, element) => {
            let (cell, element) = locate(table, counter, element)?;
            let before = table.get_u32(row, cell, element);
            table.set_u32(row, cell, element, 0);
            table.touch_local(row, now_ms);
            Some(i64::from(before))
        }
    }
}

/// The value that a fact tells, in a table: where it is stored.
pub(super) fn told_cell(table: &StickTable, fact: EntryFact) -> Option<(Cell, u32)> {
    match fact {
        EntryFact::Exists | EntryFact::Trackers => None,
        EntryFact::Stored(data_type, element) | EntryFact::Clear(data_type, element) => {
            locate(table, data_type, element)
        }
        EntryFact::Kilobytes(data_type) => locate(table, data_type, 0),
        EntryFact::Increment(counter, element) => {
            let rate = || locate(table, counter.rate()?, element);
            locate(table, counter, element).or_else(rate)
        }
        EntryFact::CountConnection => locate(table, DataType::ConnCnt, 0),
    }
}

fn stored(
    table: &StickTable,
    row: RowId,
    data_type: DataType,
    element: u32,
    now_ms: u64,
) -> Option<i64> {
    let (cell, element) = locate(table, data_type, element)?;
    Some(match cell.kind() {
        Kind::Signed => i64::from(table.get_u32(row, cell, element).cast_signed()),
        Kind::Unsigned | Kind::Name => i64::from(table.get_u32(row, cell, element)),
        Kind::Wide => i64::try_from(table.get_u64(row, cell, element)).unwrap_or(i64::MAX),
        Kind::Rate => i64::from(table.rate(row, cell, element, now_ms)),
    })
}

/// Counts events in a counter and in its rate, as far as the table stores them. Returns whether it
/// stores either. The caller touches the entry.
pub(super) fn count(
    table: &mut StickTable,
    row: RowId,
    counter: DataType,
    element: u32,
    by: u64,
    now_ms: u64,
) -> bool {
    let by_u32 = u32::try_from(by).unwrap_or(u32::MAX);
    let rate = counter.rate().and_then(|rate| locate(table, rate, element));
    if let Some((cell, element)) = rate {
        table.count_rate(row, cell, element, by_u32, now_ms);
    }
    let counted = locate(table, counter, element);
    if let Some((cell, element)) = counted {
        if cell.kind() == Kind::Wide {
            let value = table.get_u64(row, cell, element).saturating_add(by);
            table.set_u64(row, cell, element, value);
        } else {
            let value = table.get_u32(row, cell, element).wrapping_add(by_u32);
            table.set_u32(row, cell, element, value);
        }
    }
    rate.is_some() || counted.is_some()
}

/// Counts one connection less.
pub(super) fn count_down(table: &mut StickTable, row: RowId, counter: DataType) {
    if let Some(cell) = table.cell(counter) {
        let value = table.get_u32(row, cell, 0).saturating_sub(1);
        table.set_u32(row, cell, 0, value);
    }
}

/// Sets a tag. The caller touches the entry.
pub(super) fn set_tag(table: &mut StickTable, row: RowId, tag: DataType, element: u32, value: u32) {
    if let Some((cell, element)) = locate(table, tag, element) {
        table.set_u32(row, cell, element, value);
    }
}
