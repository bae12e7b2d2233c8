//! A row's layout, computed once from the table's declaration.
//!
//! ```text
//!  0        4      8      12          16
//!  | expiry | prev | next | update id | key, padded to 4 | cells, in ascending data type |
//! ```
//! A string key is its length in four bytes and then room for the longest key.

use std::borrow::Cow;

use super::rate::tick;
use crate::config::data_type::{DataType, Kind, StoredData};
use crate::config::{KeyType, StickTable};

/// When the row's time is over: a wrapping number of milliseconds.
pub(super) const EXPIRY: usize = 0;
/// The row before in the same list (a link of `rows.rs`).
pub(super) const PREV: usize = 4;
/// The row after in the same list, or the next free row.
pub(super) const NEXT: usize = 8;
/// The row's place in the update log, 0 if it has none.
pub(super) const UPDATE_ID: usize = 12;
/// Where the key begins.
pub(super) const KEY: usize = 16;

/// The fields that every row begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) expiry: u32,
    pub(super) prev: u32,
    pub(super) update_id: u32,
}

impl Head {
    /// Reads them from a whole row.
    #[inline]
    pub(super) fn read(row: &[u8]) -> Self {
        Self { expiry: word(row, EXPIRY), prev: word(row, PREV), update_id: word(row, UPDATE_ID) }
    }

    /// Milliseconds until the time of the row is over, 0 or less if it is. It means nothing in a
    /// table whose entries do not end.
    pub(super) fn left_ms(self, now_ms: u64) -> i32 {
        self.expiry.wrapping_sub(tick(now_ms)).cast_signed()
    }
}

/// Four bytes of a row as a number.
#[inline]
pub(super) fn word(row: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(row[offset..offset + 4].try_into().expect("four bytes"))
}

/// Where a stored value lies in every row of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    data_type: DataType,
    /// The kind of `data_type`. It is kept here because every access needs it.
    kind: Kind,
    elements: u32,
    period_ms: u32,
    offset: usize,
}

impl Cell {
    /// What is stored.
    pub fn data_type(self) -> DataType {
        self.data_type
    }

    /// How one element is held.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// The number of elements, 1 unless the type is an array.
    pub fn elements(self) -> u32 {
        self.elements
    }

    /// The period of a rate in milliseconds, 0 for everything else.
    pub fn period_ms(self) -> u32 {
        self.period_ms
    }

    /// Where an element begins within a row; `None` beyond the last one.
    pub(super) fn element_offset(self, element: u32) -> Option<usize> {
        (element < self.elements).then(|| self.offset + element as usize * width(self.kind()))
    }
}

/// Where the rows of one table have their `server_id` and their `server_key`.
#[derive(Clone, Copy, Debug)]
pub struct ServerPlace {
    pub(super) id: usize,
    pub(super) key: usize,
}

/// The layout of one table's rows.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The type of the keys.
    pub(super) key_type: KeyType,
    /// The most bytes of a key; the exact number unless the keys are strings.
    pub(super) key_len: usize,
    /// Bytes from one row to the next.
    pub(super) stride: usize,
    /// The stored values in ascending data type.
    pub(super) cells: Vec<Cell>,
    /// For each data type its position in `cells`, beyond their end where it is not stored.
    positions: [u8; DataType::ALL.len()],
}

impl Layout {
    pub(super) fn new(declaration: &StickTable) -> Self {
        Self::of(declaration.key_type, declaration.key_len, &declaration.data)
    }

    /// The layout for keys of this type and length, and this data.
    pub(super) fn of(key_type: KeyType, key_len: u32, data: &[StoredData]) -> Self {
        let key_len = match key_type {
            KeyType::Integer | KeyType::Ipv4 => 4,
            KeyType::Ipv6 => 16,
            KeyType::String | KeyType::Binary => key_len as usize,
        };
        let mut data = data.to_vec();
        data.sort_by_key(|stored| stored.data_type);
        let mut offset = cells_start(key_type, key_len);
        let mut cells = Vec::with_capacity(data.len());
        let mut positions = [u8::MAX; DataType::ALL.len()];
        for (position, stored) in (0..u8::MAX).zip(data) {
            positions[usize::from(stored.data_type.number())] = position;
            let StoredData { data_type, elements, period_ms } = stored;
            let (kind, elements) = (data_type.kind(), elements.max(1));
            cells.push(Cell { data_type, kind, elements, period_ms, offset });
            offset += elements as usize * width(kind);
        }
        Self { key_type, key_len, stride: offset, cells, positions }
    }

    /// The key as rows hold it; `None` if no row can.
    #[inline]
    pub(super) fn stored_key<'k>(&self, key: &'k [u8]) -> Option<Cow<'k, [u8]>> {
        if key.len() == self.key_len {
            return Some(Cow::Borrowed(key));
        }
        self.adapted_key(key)
    }

    fn adapted_key<'k>(&self, key: &'k [u8]) -> Option<Cow<'k, [u8]>> {
        match self.key_type {
            KeyType::Integer | KeyType::Ipv4 | KeyType::Ipv6 => None,
            KeyType::String | KeyType::Binary if key.len() > self.key_len => {
                Some(Cow::Borrowed(&key[..self.key_len]))
            }
            KeyType::String => Some(Cow::Borrowed(key)),
            KeyType::Binary => {
                let mut padded = key.to_vec();
                padded.resize(self.key_len, 0);
                Some(Cow::Owned(padded))
            }
        }
    }

    /// Where the server is, in a table that stores both its id and its name.
    pub(super) fn server_place(&self) -> Option<ServerPlace> {
        let offset = |data_type| self.cell(data_type)?.element_offset(0);
        let (id, key) = (offset(DataType::ServerId)?, offset(DataType::ServerKey)?);
        Some(ServerPlace { id, key })
    }

    /// The key in the bytes of a row; none if it is longer than a key can be.
    #[inline]
    pub(super) fn key_in<'r>(&self, row: &'r [u8]) -> Option<&'r [u8]> {
        if self.key_type == KeyType::String {
            let len = word(row, KEY) as usize;
            row.get(KEY + 4..KEY + 4 + len).filter(|_| len <= self.key_len)
        } else {
            row.get(KEY..KEY + self.key_len)
        }
    }

    /// Where the stored values begin.
    pub(super) fn cells_start(&self) -> usize {
        cells_start(self.key_type, self.key_len)
    }

    /// Where a data type is stored, if it is.
    pub(super) fn cell(&self, data_type: DataType) -> Option<Cell> {
        let position = self.positions[usize::from(data_type.number())];
        self.cells.get(usize::from(position)).copied()
    }
}

fn cells_start(key_type: KeyType, key_len: usize) -> usize {
    let key_room = if key_type == KeyType::String { 4 + key_len } else { key_len };
    KEY + key_room.next_multiple_of(4)
}

/// The bytes of one element.
fn width(kind: Kind) -> usize {
    match kind {
        Kind::Signed | Kind::Unsigned | Kind::Name => 4,
        Kind::Wide => 8,
        Kind::Rate => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::declaration;

    #[test]
    fn an_address_and_its_server_take_28_bytes() {
        assert_eq!(Layout::new(&declaration(1, None)).stride, 28);
    }

    #[test]
    fn cells_follow_each_other_in_the_order_of_their_types() {
        let stored = |data_type, elements| StoredData { data_type, elements, period_ms: 1000 };
        let mut declaration = declaration(1, None);
        declaration.key_type = KeyType::String;
        declaration.key_len = 31;
        declaration.data = vec![
            stored(DataType::GpcRate, 3),
            stored(DataType::BytesInCnt, 1),
            stored(DataType::ConnCnt, 1),
        ];
        let layout = Layout::new(&declaration);
        let offsets: Vec<_> = layout.cells.iter().map(|cell| cell.offset).collect();
        assert_eq!(offsets, [52, 56, 64]);
        assert_eq!(layout.stride, 100);
        assert_eq!(layout.cells[2].element_offset(2), Some(88));
        assert_eq!(layout.cells[2].element_offset(3), None);
    }
}
