//! The tables that the other side of a session has defined, and which tables of ours they are.

use crate::config::KeyType;
use crate::peers::entries::decode::DecodePlan;
use crate::peers::events::TableMismatch;
use crate::peers::section::SectionTable;
use crate::peers::wire::definition::Definition;
use crate::peers::wire::update;
use crate::table::Tables;

/// How many tables that are unknown here are remembered, to read the names that their updates
/// define. Beyond that the oldest is forgotten: senders define a table again before they return to
/// it.
const UNKNOWN_MAX: usize = 1024;
/// A longer definition is not kept to be compared with the next.
const DEFINITION_LEN_MAX: usize = 512;

/// The tables that the other side has defined in one session.
#[derive(Debug, Default)]
pub(super) struct RemoteTables {
    tables: Vec<RemoteTable>,
    /// The position of the table that updates belong to now.
    current: Option<usize>,
    /// Keys of another length are taken too: the other side is a predecessor.
    adapts_keys: bool,
}

/// A table that the other side has given a number.
#[derive(Debug)]
pub(super) struct RemoteTable {
    /// The number.
    pub(super) remote_id: u64,
    /// The position of the section's table. None if the table is unknown here or does not fit.
    pub(super) own: Option<usize>,
    /// What the sender stores, one bit for each data type.
    pub(super) data_types: u64,
    /// None if updates cannot be read.
    pub(super) plan: Option<DecodePlan>,
    /// The definition that the plan was made from, unless it is too long.
    definition: Option<DefinitionCopy>,
}

/// The latest definition of a table, to notice that it is repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionCopy {
    /// The sender's number of the table.
    pub table_id: u64,
    /// The table's name.
    pub name: Vec<u8>,
    /// The type of the keys, their length, and one bit for each data type.
    pub numbers: [u64; 3],
    /// The time to live.
    pub expire_ms: Option<u64>,
    /// The parameters as they are on the wire.
    pub params: Vec<u8>,
}

impl DefinitionCopy {
    fn new(definition: &Definition<'_>) -> Option<Self> {
        let len = definition.name.len() + definition.params().len();
        (len <= DEFINITION_LEN_MAX).then(|| Self {
            table_id: definition.table_id,
            name: definition.name.to_vec(),
            numbers: Self::numbers(definition),
            expire_ms: definition.expire_ms,
            params: definition.params().to_vec(),
        })
    }

    /// The definition again.
    pub(super) fn definition(&self) -> Definition<'_> {
        let Self { table_id, name, numbers, expire_ms, params } = self;
        let [key_type, key_len, data_types] = *numbers;
        let definition = Definition::new(*table_id, name, [key_type, key_len], data_types);
        definition.with_params(*expire_ms, params)
    }

    fn numbers(definition: &Definition<'_>) -> [u64; 3] {
        [definition.key_type, definition.key_len, definition.data_types]
    }

    fn is(&self, definition: &Definition<'_>) -> bool {
        self.name == definition.name
            && self.numbers == Self::numbers(definition)
            && self.expire_ms == definition.expire_ms
            && self.params == definition.params()
    }
}

impl RemoteTables {
    /// Keys of another length are taken from now on.
    pub(super) fn adapt_keys(&mut self) {
        self.adapts_keys = true;
    }

    /// Copies of all definitions, and the number of the table that updates belong to now. None if
    /// a definition was too long to be kept.
    pub(super) fn definitions(&self) -> Option<(Vec<DefinitionCopy>, Option<u64>)> {
        let copies = self.tables.iter().map(|table| table.definition.clone());
        let current = self.current().map(|table| table.remote_id);
        Some((copies.collect::<Option<_>>()?, current))
    }

    /// The table that updates belong to now.
    #[inline]
    pub(super) fn current(&self) -> Option<&RemoteTable> {
        self.current.and_then(|current| self.tables.get(current))
    }

    /// The number that the other side has given to the section's table at this position.
    pub(super) fn of_own(&self, index: usize) -> Option<&RemoteTable> {
        self.tables.iter().find(|table| table.own == Some(index))
    }

    /// The position of the section's table that the other side has given this number.
    pub(super) fn own(&self, remote_id: u64) -> Option<usize> {
        self.tables.iter().find(|table| table.remote_id == remote_id)?.own
    }

    /// Returns to a table that was defined before.
    pub(super) fn switch(&mut self, remote_id: u64) {
        self.current = self.tables.iter().position(|table| table.remote_id == remote_id);
    }

    /// Takes a definition. The number or the table may have been defined before.
    ///
    /// # Errors
    /// If the section's table with this name is another one. The entries are skipped then. A
    /// definition that is repeated fails no more.
    pub(super) fn define(
        &mut self,
        definition: &Definition<'_>,
        own: &[SectionTable],
        tables: &Tables,
    ) -> Result<(), TableMismatch> {
        let known = self.tables.iter().position(|old| old.remote_id == definition.table_id);
        let is_repeated =
            |old: &RemoteTable| old.definition.as_ref().is_some_and(|copy| copy.is(definition));
        if let Some(index) = known
            && self.tables.get(index).is_some_and(is_repeated)
        {
            self.current = Some(index);
            return Ok(());
        }
        let found = find(own, definition, tables, self.adapts_keys);
        let table = found.unwrap_or(None);
        // A number has one table, and a table has one number.
        self.tables.retain(|old| {
            old.remote_id != definition.table_id && (table.is_none() || old.own != table)
        });
        self.current = None;
        let is_unknown = |table: &RemoteTable| table.own.is_none();
        if self.tables.iter().filter(|table| is_unknown(table)).count() >= UNKNOWN_MAX
            && let Some(oldest) = self.tables.iter().position(is_unknown)
        {
            self.tables.remove(oldest);
        }
        let stored = table.and_then(|index| own.get(index)).map(|own| tables.get(own.id));
        let plan = DecodePlan::new(definition, stored);
        // A table whose parameters make no sense is treated as an unknown table.
        let is_meaningless = table.is_some() && plan.is_none();
        self.tables.push(RemoteTable {
            remote_id: definition.table_id,
            own: table.filter(|_| plan.is_some()),
            data_types: definition.data_types,
            plan,
            definition: DefinitionCopy::new(definition),
        });
        self.current = Some(self.tables.len() - 1);
        if is_meaningless { Err(TableMismatch::Meaningless) } else { found.map(|_| ()) }
    }
}

/// The position of the table that a definition is for. None if no table has its name.
fn find(
    own: &[SectionTable],
    definition: &Definition<'_>,
    tables: &Tables,
    adapts_keys: bool,
) -> Result<Option<usize>, TableMismatch> {
    let Some((index, table)) = own.iter().enumerate().find(|(_, own)| own.name == definition.name)
    else {
        return Ok(None);
    };
    let declaration = tables.get(table.id).declaration();
    if update::key_type_number(declaration.key_type) != definition.key_type {
        let theirs = update::key_type_from_number(definition.key_type);
        return Err(TableMismatch::KeyType { theirs, own: declaration.key_type });
    }
    // Strings are cut and binary keys padded, as keys of clients are.
    let adapts = adapts_keys && matches!(declaration.key_type, KeyType::String | KeyType::Binary);
    if u64::from(declaration.wire_key_len) != definition.key_len && !adapts {
        // The length that is sent of a string includes a zero byte.
        let extra = u32::from(declaration.key_type == KeyType::String);
        let theirs = definition.key_len.saturating_sub(extra.into());
        return Err(TableMismatch::KeyLen { theirs, own: declaration.wire_key_len - extra });
    }
    Ok(Some(index))
}
