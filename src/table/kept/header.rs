//! The beginning of a table's file: how its rows are laid out, and what its owner was about to do.
//!
//! ```text
//!  0      8        12         16        20       24     28          32      36         40
//!  | magic | format | key type | key len | stride | size | expire_ms | fresh | changing | pushed |
//!  44      48
//!  | cells | data type, elements, period_ms of each cell ... |
//!  2048
//!  | part |
//! ```
//! All fields are four bytes in the machine's order but for the magic, which has eight. `fresh`,
//! `changing` and `pushed` change as the table is used, the others never.

use std::io;

use super::invalid;
use crate::config::data_type::{DataType, StoredData};
use crate::config::{KeyType, StickTable};
use crate::table::layout::{Layout, word};

/// The bytes in front of the rows: one page.
pub(in crate::table) const HEADER: usize = 4096;

const MAGIC: &[u8; 8] = b"stickd T";
/// What the rest means. Another layout of header or rows gets another number.
const FORMAT: u32 = 1;

/// No row from this number on is occupied.
pub(in crate::table) const FRESH: usize = 32;
/// The number plus one of the row that is being changed, 0 if there is none.
pub(in crate::table) const CHANGING: usize = 36;
/// Some peer was sent the changes of the update log up to this id.
pub(in crate::table) const PUSHED: usize = 40;

const CELLS: usize = 48;
const CELL: usize = 12;
/// 1 if the table is this node's part of a sum (`aggregate`), else 0.
const PART: usize = 2048;

/// The types of keys, by the number that stands for each.
const KEY_TYPES: [KeyType; 5] =
    [KeyType::Integer, KeyType::Ipv4, KeyType::Ipv6, KeyType::String, KeyType::Binary];

/// What the header says of the rows.
#[derive(Debug)]
pub(in crate::table) struct Description {
    pub(in crate::table) layout: Layout,
    /// Whether entries end by time.
    pub(in crate::table) expires: bool,
    /// How many rows there is room for.
    pub(in crate::table) size: u32,
    /// The rows from this number on are free.
    pub(in crate::table) fresh: u32,
    /// The number plus one of the row that was being changed.
    pub(in crate::table) changing: u32,
    /// See [`PUSHED`].
    pub(in crate::table) pushed: u32,
    /// Whether it is this node's part of a sum: its counts are not those of all nodes.
    pub(in crate::table) is_part: bool,
}

/// Describes a new table in its first [`HEADER`] bytes, which are zero.
pub(in crate::table) fn write(bytes: &mut [u8], declaration: &StickTable, layout: &Layout) {
    let key_type = KEY_TYPES.iter().position(|known| *known == layout.key_type).unwrap_or(0);
    let fields = [
        FORMAT,
        field(key_type),
        field(layout.key_len),
        field(layout.stride),
        declaration.size,
        declaration.expire_ms.unwrap_or(0),
        0,
        0,
        0,
        field(layout.cells.len()),
    ];
    let cells = layout.cells.iter();
    let cells = cells
        .flat_map(|cell| [u32::from(cell.data_type().number()), cell.elements(), cell.period_ms()]);
    let words = fields.into_iter().chain(cells).flat_map(u32::to_ne_bytes);
    let header = MAGIC.iter().copied().chain(words);
    bytes.iter_mut().take(HEADER).zip(header).for_each(|(place, byte)| *place = byte);
    let part = u32::from(declaration.sum_name().is_some()).to_ne_bytes();
    bytes.iter_mut().skip(PART).zip(part).for_each(|(place, byte)| *place = byte);
}

/// Reads what [`write`] has written.
///
/// # Errors
/// `InvalidData` for anything that [`write`] does not write.
pub(in crate::table) fn read(bytes: &[u8; HEADER]) -> io::Result<Description> {
    if !bytes.starts_with(MAGIC) || word(bytes, 8) != FORMAT {
        return Err(invalid("not a table of this format"));
    }
    let key_type = usize::try_from(word(bytes, 12)).ok().and_then(|number| KEY_TYPES.get(number));
    let key_type = *key_type.ok_or_else(|| invalid("an unknown type of keys"))?;
    let count = word(bytes, 44) as usize;
    if count > DataType::ALL.len() {
        return Err(invalid("too many data types"));
    }
    let data = (0..count).map(|number| {
        let at = CELLS + number * CELL;
        let data_type = DataType::from_number(u64::from(word(bytes, at)));
        let data_type = data_type.ok_or_else(|| invalid("an unknown data type"))?;
        let elements = word(bytes, at + 4);
        if elements > ELEMENTS_MAX {
            return Err(invalid("too many elements"));
        }
        Ok(StoredData { data_type, elements, period_ms: word(bytes, at + 8) })
    });
    let data: Vec<StoredData> = data.collect::<io::Result<_>>()?;
    let key_len = word(bytes, 16);
    if key_len > KEY_LEN_MAX {
        return Err(invalid("too long keys"));
    }
    let layout = Layout::of(key_type, key_len, &data);
    if layout.stride != word(bytes, 20) as usize || layout.key_len != key_len as usize {
        return Err(invalid("rows of another length"));
    }
    let (size, fresh) = (word(bytes, 24), word(bytes, FRESH));
    if fresh > size {
        return Err(invalid("more rows than there is room for"));
    }
    Ok(Description {
        layout,
        expires: word(bytes, 28) != 0,
        size,
        fresh,
        changing: word(bytes, CHANGING),
        pushed: word(bytes, PUSHED),
        is_part: word(bytes, PART) != 0,
    })
}

/// Whether this is the header of a table with this declaration, which rows and time to live are of.
pub(in crate::table) fn is_of(mut bytes: [u8; HEADER], declaration: &StickTable) -> bool {
    let mut expected = [0; HEADER];
    write(&mut expected, declaration, &Layout::new(declaration));
    bytes[FRESH..CELLS - 4].fill(0); // `fresh`, `changing` and `pushed`
    bytes == expected
}

/// The most elements of an array that a configuration can declare.
const ELEMENTS_MAX: u32 = 100;
/// Keys are as long as a configuration allows, which is a good deal less.
const KEY_LEN_MAX: u32 = 1 << 20;

const _: () = assert!(CELLS + DataType::ALL.len() * CELL <= PART);

/// A field of the header. No table has a longer row or more cells.
fn field(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::declaration;

    fn header() -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let declaration = declaration(10, Some(1000));
        write(&mut bytes, &declaration, &Layout::new(&declaration));
        bytes
    }

    #[test]
    fn a_header_says_how_rows_are_laid_out() {
        let described = read(&header()).unwrap();
        let layout = Layout::new(&declaration(10, Some(1000)));
        assert_eq!(described.layout.stride, layout.stride);
        assert_eq!(described.layout.cells, layout.cells);
        assert!(described.expires);
        assert_eq!((described.fresh, described.changing, described.pushed), (0, 0, 0));
    }

    #[test]
    fn a_header_with_any_byte_changed_is_refused_or_harmless() {
        let sound = header();
        for at in 0..CELLS + 2 * CELL {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = sound;
                bytes[at] = value;
                if let Ok(described) = read(&bytes) {
                    assert!(described.layout.stride < 1 << 22);
                }
            }
        }
        assert!(read(&[0; HEADER]).is_err());
    }
}
