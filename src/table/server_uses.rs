//! How many entries of one table name each server: by the server's name, so that names which nobody
//! has can go too, and by its id where entries have no name. Counted as entries come, change and
//! go, and never by looking through the table.
//!
//! Sums over the hashes of the keys are kept in the same way. From them follows a digest of the
//! table: nodes whose entries have the same servers have the same digest, in whatever order the
//! entries came.

use std::collections::HashMap;
use std::io;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::dictionary::{Dictionary, NameId};
use super::kept::invalid;
use super::kept::names::NUMBERS;
use super::layout::{Cell, ServerPlace};
use super::lending::coding::{StateReader, StateWriter};
use super::rows::Rows;

/// The most different ids that are counted apart. Peers choose ids, so their number has a bound.
const IDS_MAX: u16 = 1024;

/// What an entry says of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named {
    name: NameId,
    id: u32,
}

/// The entries with one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    count: u32,
    /// The sum of the hashes of their keys.
    keys: u64,
}

/// The entries of one table by their server.
#[derive(Debug)]
pub(super) struct ServerUses {
    /// Where rows have the name of their server, in a table that stores names.
    name_at: Option<usize>,
    /// Where rows have the id of their server, in a table that stores ids.
    id_at: Option<usize>,
    /// By the name's number.
    by_name: Vec<Use>,
    /// Entries without a name, by the id.
    by_id: HashMap<u32, u32>,
    /// Entries without a name whose id is not in `by_id`. While there are any, no id is added
    /// there: so an entry is always counted out where it was counted in.
    by_other_ids: u32,
    /// The sum of the hashes of key and id, of the entries without a name. A table that stores no
    /// server has all its entries here, with the id 0.
    unnamed: u64,
}

impl Use {
    #[inline]
    fn add(&mut self, key: u64) {
        self.count += 1;
        self.keys = self.keys.wrapping_add(key);
    }
}

impl ServerUses {
    /// Nothing is used yet. There is one data type that is a name, and one that is an id; these are
    /// their cells.
    pub(super) fn new(name: Option<Cell>, id: Option<Cell>) -> Self {
        let offset = |cell: Option<Cell>| cell.and_then(|cell| cell.element_offset(0));
        Self::with_places(offset(name), offset(id))
    }

    /// Nothing is used yet in rows that have names and ids there.
    fn with_places(name_at: Option<usize>, id_at: Option<usize>) -> Self {
        Self {
            name_at,
            id_at,
            by_name: Vec::new(),
            by_id: HashMap::new(),
            by_other_ids: 0,
            unnamed: 0,
        }
    }

    /// Writes all sums.
    pub(super) fn write_state(&self, out: &mut StateWriter) {
        let names = || self.by_name.iter().zip(0..).filter(|(named, _)| named.count > 0);
        out.count(names().count());
        for (Use { count, keys }, number) in names() {
            out.word(number);
            out.word(*count);
            out.wide(*keys);
        }
        out.count(self.by_id.len());
        for (id, count) in &self.by_id {
            out.word(*id);
            out.word(*count);
        }
        out.word(self.by_other_ids);
        out.wide(self.unnamed);
    }

    /// The sums of another process with such a table: what [`ServerUses::write_state`] has written.
    ///
    /// # Errors
    /// `InvalidData` if it cannot be.
    pub(super) fn shared(&self, state: &mut StateReader<'_>) -> io::Result<Self> {
        let mut this = Self::with_places(self.name_at, self.id_at);
        for _ in 0..state.count(NUMBERS)? {
            let number = state.word()? as usize;
            if number >= NUMBERS {
                return Err(invalid("a name with a number out of range"));
            }
            if number >= this.by_name.len() {
                this.by_name.resize(number + 1, Use::default());
            }
            this.by_name[number] = Use { count: state.word()?, keys: state.wide()? };
        }
        for _ in 0..state.count(IDS_MAX.into())? {
            this.by_id.insert(state.word()?, state.word()?);
        }
        (this.by_other_ids, this.unnamed) = (state.word()?, state.wide()?);
        Ok(this)
    }

    pub(super) fn is_used(&self, name: NameId) -> bool {
        self.of_name(name) > 0
    }

    /// The entries with this name.
    pub(super) fn of_name(&self, name: NameId) -> u32 {
        let count = usize::try_from(name.0).ok().and_then(|number| self.by_name.get(number));
        count.map_or(0, |named| named.count)
    }

    /// The entries without a name that have this id.
    pub(super) fn of_id(&self, id: u32) -> u32 {
        self.by_id.get(&id).copied().unwrap_or(0)
    }

    /// Whether the id of a server is at this offset of rows.
    #[inline]
    pub(super) fn is_id_at(&self, offset: usize) -> bool {
        self.id_at == Some(offset)
    }

    /// A row gets this name for the one that it has. Returns whether it had another.
    #[inline]
    pub(super) fn set_name(&mut self, rows: &mut Rows, row: u32, at: usize, name: NameId) -> bool {
        let old = self.server_of(rows, row);
        if old.name == name {
            return false;
        }
        rows.set(row, at, name.0);
        self.move_row(rows, row, old, Named { name, ..old });
        true
    }

    /// A row gets this id for the one that it has. Returns whether it had another.
    #[inline]
    pub(super) fn set_id(&mut self, rows: &mut Rows, row: u32, at: usize, id: u32) -> bool {
        let old = self.server_of(rows, row);
        if old.id == id {
            return false;
        }
        rows.set(row, at, id);
        self.move_row(rows, row, old, Named { id, ..old });
        true
    }

    /// A row gets this id and, unless there is none, this name. Returns whether it had another
    /// server.
    ///
    /// This is inlined always, with what counts the row there: left to itself, the compiler calls
    /// three functions one by one, and that takes as long as what they do.
    #[inline(always)]
    pub(super) fn set_server(
        &mut self,
        rows: &mut Rows,
        row: u32,
        at: ServerPlace,
        id: u32,
        name: NameId,
    ) -> bool {
        let old = Named { name: NameId(rows.get(row, at.key)), id: rows.get(row, at.id) };
        let new = Named { name: if name == NameId::NONE { old.name } else { name }, id };
        if old == new {
            return false;
        }
        rows.set(row, at.key, new.name.0);
        rows.set(row, at.id, id);
        self.move_row(rows, row, old, new);
        true
    }

    /// What a row says of its server, without what the table does not store.
    #[inline]
    fn server_of(&self, rows: &Rows, row: u32) -> Named {
        let cell = |offset: Option<usize>| offset.map_or(0, |offset| rows.get(row, offset));
        Named { name: NameId(cell(self.name_at)), id: cell(self.id_at) }
    }

    /// Counts a row at another server.
    #[inline(always)]
    fn move_row(&mut self, rows: &Rows, row: u32, old: Named, new: Named) {
        // The id does not count where there is a name.
        if old.name != new.name || new.name == NameId::NONE {
            self.release(old, rows, row);
            self.add(new, rows, row);
        }
    }

    /// A row has its key now, and no server yet.
    #[inline]
    pub(super) fn add_row(&mut self, rows: &Rows, row: u32) {
        if !self.has_servers() {
            self.unnamed = self.unnamed.wrapping_add(hash(rows, row, 0));
        }
    }

    /// A row is about to be freed.
    #[inline]
    pub(super) fn release_row(&mut self, rows: &Rows, row: u32) {
        if !self.has_servers() {
            self.unnamed = self.unnamed.wrapping_sub(hash(rows, row, 0));
            return;
        }
        self.release(self.server_of(rows, row), rows, row);
    }

    /// All rows are freed.
    pub(super) fn clear(&mut self) {
        self.by_name.fill(Use::default());
        self.by_id.clear();
        self.by_other_ids = 0;
        self.unnamed = 0;
    }

    /// What tables with the same entries have in common: the keys and, where the table stores them,
    /// the servers. An entry without a server does not count in a table of servers.
    pub(super) fn digest(&self, names: &Dictionary) -> u64 {
        let named = (0..).map(NameId).zip(&self.by_name).filter(|(_, named)| named.count > 0);
        let named = named.map(|(name, named)| {
            let name = names.name(name).unwrap_or_default();
            xxh3_64_with_seed(name, named.keys)
        });
        named.fold(self.unnamed, u64::wrapping_add)
    }

    fn has_servers(&self) -> bool {
        self.name_at.is_some() || self.id_at.is_some()
    }

    #[inline(always)]
    fn add(&mut self, server: Named, rows: &Rows, row: u32) {
        if server.name == NameId::NONE {
            if server.id != 0 {
                self.add_id(server.id, rows, row);
            }
            return;
        }
        let (number, key) = (server.name.0 as usize, hash(rows, row, 0));
        match self.by_name.get_mut(number) {
            Some(named) => named.add(key),
            None => self.add_new(number, key),
        }
    }

    /// Counts the first entry with a name.
    #[cold]
    fn add_new(&mut self, number: usize, key: u64) {
        self.by_name.resize((number + 1).next_power_of_two(), Use::default());
        if let Some(named) = self.by_name.get_mut(number) {
            named.add(key);
        }
    }

    #[inline]
    fn release(&mut self, server: Named, rows: &Rows, row: u32) {
        if server.name == NameId::NONE {
            if server.id != 0 {
                self.release_id(server.id, rows, row);
            }
        } else if let Some(named) = self.by_name.get_mut(server.name.0 as usize) {
            named.count = named.count.saturating_sub(1);
            named.keys = named.keys.wrapping_sub(hash(rows, row, 0));
        }
    }

    #[inline(never)]
    fn add_id(&mut self, id: u32, rows: &Rows, row: u32) {
        self.unnamed = self.unnamed.wrapping_add(hash(rows, row, id));
        self.count_id_in(id);
    }

    #[inline(never)]
    fn release_id(&mut self, id: u32, rows: &Rows, row: u32) {
        self.unnamed = self.unnamed.wrapping_sub(hash(rows, row, id));
        self.count_id_out(id);
    }

    fn count_id_in(&mut self, id: u32) {
        if let Some(count) = self.by_id.get_mut(&id) {
            *count += 1;
        } else if self.by_other_ids == 0 && self.by_id.len() < usize::from(IDS_MAX) {
            self.by_id.insert(id, 1);
        } else {
            self.by_other_ids += 1;
        }
    }

    fn count_id_out(&mut self, id: u32) {
        match self.by_id.get_mut(&id) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => {
                self.by_id.remove(&id);
            }
            None => self.by_other_ids = self.by_other_ids.saturating_sub(1),
        }
    }

    /// Asserts that the counts are what the rows say.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows) {
        let mut by_name = vec![Use::default(); self.by_name.len()];
        let mut unnamed = 0_u64;
        let mut by_id: HashMap<u32, u32> = HashMap::new();
        for row in (0..rows.fresh()).filter(|row| rows.is_occupied(*row)) {
            let Named { name, id } = self.server_of(rows, row);
            match (name.0, id) {
                (0, 0) if self.has_servers() => {}
                (0, 0) => unnamed = unnamed.wrapping_add(hash(rows, row, 0)),
                (0, id) => {
                    *by_id.entry(id).or_default() += 1;
                    unnamed = unnamed.wrapping_add(hash(rows, row, id));
                }
                (name, _) => {
                    let named = &mut by_name[name as usize];
                    named.count += 1;
                    named.keys = named.keys.wrapping_add(hash(rows, row, 0));
                }
            }
        }
        assert_eq!(by_name, self.by_name);
        assert_eq!(unnamed, self.unnamed);
        for (id, count) in &self.by_id {
            assert_eq!(by_id.remove(id), Some(*count), "BUG: entries of id {id}");
        }
        assert_eq!(by_id.values().sum::<u32>(), self.by_other_ids);
    }
}

/// The hash of a row's key and an id. It is the same on all nodes of a version.
#[inline]
fn hash(rows: &Rows, row: u32, id: u32) -> u64 {
    match rows.four_byte_key(row) {
        Some(key) => mixed(u64::from(u32::from_be_bytes(key)) << 32 | u64::from(id)),
        None => hash_of_long(rows.key(row), id),
    }
}

#[inline(never)]
fn hash_of_long(key: &[u8], id: u32) -> u64 {
    xxh3_64_with_seed(key, u64::from(id))
}

/// A number in which every bit depends on all bits of another number: the end of the generator
/// SplitMix64. The most frequent kind of key fits a number, which costs less to mix than to hash.
#[inline]
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::memory::region::Storage;
    use crate::table::tests::declaration;

    #[test]
    fn any_number_of_ids_is_counted_and_few_of_them_apart() {
        let mut rows = Rows::new(&declaration(1, None), Storage::Own).unwrap();
        rows.insert(&[127, 0, 0, 1]);
        let mut uses = ServerUses::new(None, None);
        let ids = 1..=u32::from(IDS_MAX) + 10;
        ids.clone().for_each(|id| uses.add_id(id, &rows, 0));
        assert_eq!(
            (uses.of_id(1), uses.of_id(u32::from(IDS_MAX) + 1), uses.by_other_ids),
            (1, 0, 10)
        );
        uses.release_id(1, &rows, 0);
        // There is room now, but the others of this id are counted with all the rest.
        uses.add_id(u32::from(IDS_MAX) + 1, &rows, 0);
        assert_eq!((uses.of_id(u32::from(IDS_MAX) + 1), uses.by_other_ids), (0, 11));
        uses.release_id(u32::from(IDS_MAX) + 1, &rows, 0);
        ids.skip(1).for_each(|id| uses.release_id(id, &rows, 0));
        assert_eq!((uses.by_id.len(), uses.by_other_ids, uses.unnamed), (0, 0, 0));
    }
}
