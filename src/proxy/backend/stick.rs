//! Stick rules: finding the server that a client had before, and storing the server that it gets.
//!
//! An entry is made when the server is chosen, not when the server answers, so that a burst of
//! connections from a new client goes to one server. Until a connection has reached the server the
//! entry is provisional.

use std::net::IpAddr;

use crate::config;
use crate::config::data_type::DataType;
use crate::config::rules::{Condition, Expression, RulePlace};
use crate::config::{KeyType, RuleSource, ServerIndex, ServerKey, StickKey, TableId};
use crate::table::key::{Key, address_key};
use crate::table::{Author, Cell, NameId, Renumbered, RowId, ServerPlace, StickTable, Tables};

/// The stick rules of a backend.
#[derive(Debug)]
pub struct StickRules {
    rules: Vec<Rule>,
    /// The rules about what the server sends.
    response_rules: Vec<Rule>,
    needs_keys: bool,
    /// The servers and their `id`, by their indexes; 0 for none.
    ids: Vec<(ServerIndex, u32)>,
    /// The servers by their `id`, sorted.
    by_id: Vec<(u32, ServerIndex)>,
}

/// One stick rule with everything that it needs at run time.
#[derive(Debug)]
struct Rule {
    table: TableId,
    key: StickKeyRule,
    matches: bool,
    stores: bool,
    server_id: Option<Cell>,
    server_key: Option<Cell>,
    /// Where both are, if the table stores both.
    server_place: Option<ServerPlace>,
    /// The servers and what `server_key` holds for them, by their indexes.
    names: Vec<(ServerIndex, NameId)>,
    /// The servers by those names, sorted.
    by_name: Vec<(u32, ServerIndex)>,
    /// The number of the rule among those of all backends.
    number: u16,
    source: RuleSource,
}

/// When a stick rule applies, and what the key of the client's entry is then.
#[derive(Debug)]
pub struct StickKeyRule {
    /// When the rule applies.
    pub condition: Option<Condition>,
    /// What the key is made from; without, it is the client's address.
    pub expression: Option<Expression>,
    /// The type of the table's keys.
    pub key_type: KeyType,
    /// Where the rule stands.
    pub place: RulePlace,
}

/// The keys of a client, which the rules look up and store.
#[derive(Clone, Copy, Debug)]
pub enum ClientKeys<'k> {
    /// The client's address is the key of every rule.
    Address(IpAddr),
    /// One key for each rule; none where the rule does not apply.
    PerRule(&'k [Option<Key>]),
}

/// The provisional entries that a connection has made: for which rules, one bit each, and the
/// server that the entries name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeEntries {
    rules: u32,
    server: ServerIndex,
}

impl Default for MadeEntries {
    fn default() -> Self {
        Self { rules: 0, server: ServerIndex::configured(0) }
    }
}

impl MadeEntries {
    /// Whether the connection has made none.
    pub fn is_empty(self) -> bool {
        self.rules == 0
    }

    fn add(&mut self, rule: usize) {
        self.rules |= u32::try_from(rule).ok().and_then(|rule| 1u32.checked_shl(rule)).unwrap_or(0);
    }

    fn has(self, rule: usize) -> bool {
        let bits = u32::try_from(rule).ok().and_then(|rule| self.rules.checked_shr(rule));
        bits.unwrap_or(0) & 1 == 1
    }
}

impl StickRules {
    /// The rules of `backend`. The names of its servers go into the dictionary.
    pub fn new(backend: &config::Backend, tables: &mut Tables) -> Self {
        let (response_rules, rules): (Vec<_>, Vec<_>) =
            backend.stick_rules.iter().partition(|rule| rule.of_response);
        let mut with_tables = |rules: Vec<&config::StickRule>| {
            let rules = rules.into_iter().map(|rule| Rule::new(rule, backend, tables));
            rules.collect::<Vec<_>>()
        };
        let (rules, response_rules) = (with_tables(rules), with_tables(response_rules));
        let is_special =
            |rule: &Rule| rule.key.expression.is_some() || rule.key.condition.is_some();
        let stores_twice = rules.iter().enumerate().any(|(index, rule)| {
            let mut later = rules.iter().skip(index + 1);
            rule.stores && later.any(|other| other.stores && other.table == rule.table)
        });
        let needs_keys = stores_twice || rules.iter().any(is_special);
        let ids: Vec<_> = indexed(&backend.servers).map(|(i, server)| (i, server.id)).collect();
        Self { rules, response_rules, needs_keys, by_id: sorted(&ids), ids }
    }

    /// Whether [`StickRules::keys`] is needed. It is not where every key is the client's address.
    pub fn needs_keys(&self) -> bool {
        self.needs_keys
    }

    /// The keys of a connection, one for each rule, from what `key_of` says of a rule: no key where
    /// the rule does not apply. Of the rules that store in one table only the first one that
    /// applies has a key. A rule that only matches does not prevent others.
    pub fn keys<'a>(
        &'a self,
        key_of: impl FnMut(&'a StickKeyRule) -> Option<Key>,
    ) -> Option<Box<[Option<Key>]>> {
        self.needs_keys.then(|| keys(&self.rules, key_of))
    }

    /// Whether any rule is about what the server sends.
    pub fn looks_at_responses(&self) -> bool {
        !self.response_rules.is_empty()
    }

    /// The keys of a connection, one for each rule about what the server sends. Of the rules with
    /// one table only the first one that applies has a key.
    pub fn response_keys<'a>(
        &'a self,
        key_of: impl FnMut(&'a StickKeyRule) -> Option<Key>,
    ) -> Box<[Option<Key>]> {
        keys(&self.response_rules, key_of)
    }

    /// Stores `server` under the keys of [`StickRules::response_keys`]. The connection has reached
    /// the server, so nothing is provisional.
    pub fn store_response(
        &self,
        keys: &[Option<Key>],
        server: ServerIndex,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        for (rule, key) in self.response_rules.iter().zip(keys) {
            let Some(key) = key else { continue };
            let table = tables.at_key(rule.table, key.as_ref(), now_ms);
            let Some((row, _)) = table.find_or_insert(key.as_ref(), now_ms) else { continue };
            rule.write(row, server, self.id_of(server), table, now_ms);
            table.settle(row);
        }
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The server that the client's entries name, if `is_wanted` accepts that server. The entries
    /// that were looked at are refreshed, and peers are told of it.
    pub fn find(
        &self,
        keys: ClientKeys<'_>,
        tables: &mut Tables,
        now_ms: u64,
        is_wanted: impl Fn(ServerIndex) -> bool,
    ) -> Option<ServerIndex> {
        let mut found = None;
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.matches) {
            let Some(key) = rule.key(keys, index) else { continue };
            let table = tables.at_key(rule.table, key.as_ref(), now_ms);
            let Some(row) = table.find(key.as_ref(), now_ms) else { continue };
            if found.is_none() {
                found = self.server_of(rule, table, row).filter(|server| is_wanted(*server));
            }
            if !rule.stores {
                table.touch_local(row, now_ms);
            }
        }
        found
    }

    /// Stores `server` for the client. What is new by that is provisional, because no connection
    /// has reached the server yet, and is added to `made`.
    pub fn store(
        &self,
        keys: ClientKeys<'_>,
        server: ServerIndex,
        made: &mut MadeEntries,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        made.server = server;
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.stores) {
            let Some(key) = rule.key(keys, index) else { continue };
            let table = tables.at_key(rule.table, key.as_ref(), now_ms);
            let Some((row, is_new)) = table.find_or_insert(key.as_ref(), now_ms) else { continue };
            let is_made = is_new || table.is_provisional(row) || !rule.names_server(table, row);
            rule.write(row, server, self.id_of(server), table, now_ms);
            if is_made {
                table.set_provisional(row);
                made.add(index);
            }
        }
    }

    /// Keeps the entries that a connection has made: the connection has reached their server. An
    /// entry that another connection of the client took back in the meantime is made again.
    pub fn confirm(
        &self,
        keys: ClientKeys<'_>,
        made: MadeEntries,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        for (index, rule) in self.rules.iter().enumerate().filter(|(index, _)| made.has(*index)) {
            let Some(key) = rule.key(keys, index) else { continue };
            let table = tables.at_key(rule.table, key.as_ref(), now_ms);
            let Some((row, _)) = table.find_or_insert(key.as_ref(), now_ms) else { continue };
            if !rule.names_server(table, row) {
                rule.write(row, made.server, self.id_of(made.server), table, now_ms);
            }
            table.settle(row);
        }
    }

    /// Takes back the entries that a connection has made, where they are still provisional and
    /// name the same server: no connection has reached that server. An entry that stores more
    /// than a server loses only the server.
    pub fn take_back(
        &self,
        keys: ClientKeys<'_>,
        made: MadeEntries,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        for (index, rule) in self.rules.iter().enumerate().filter(|(index, _)| made.has(*index)) {
            let Some(key) = rule.key(keys, index) else { continue };
            let table = tables.at_key(rule.table, key.as_ref(), now_ms);
            if let Some(row) = table.find(key.as_ref(), now_ms)
                && table.is_provisional(row)
                && self.server_of(rule, table, row) == Some(made.server)
            {
                rule.forget_server(row, table);
            }
        }
    }

    /// Names have other numbers from now on.
    pub fn renumber(&mut self, renumbered: &Renumbered) {
        for rule in self.rules.iter_mut().chain(&mut self.response_rules) {
            rule.names.iter_mut().for_each(|(_, name)| *name = renumbered.number(*name));
            rule.by_name = sorted_names(&rule.names);
        }
    }

    /// A server was added.
    pub fn add(&mut self, index: ServerIndex, server: &config::Server, tables: &mut Tables) {
        put(&mut self.ids, index, server.id);
        self.by_id = sorted(&self.ids);
        for rule in self.rules.iter_mut().chain(&mut self.response_rules) {
            rule.add(index, server, tables);
        }
    }

    /// A server was deleted: entries that name it name no server.
    pub fn remove(&mut self, index: ServerIndex, tables: &mut Tables) {
        put(&mut self.ids, index, 0);
        self.by_id = sorted(&self.ids);
        for rule in self.rules.iter_mut().chain(&mut self.response_rules) {
            rule.name(index, NameId::NONE, tables);
        }
    }

    /// A server has moved to this address, or has none any more.
    pub fn move_server(&mut self, server: ServerIndex, to: Option<&str>, tables: &mut Tables) {
        for rule in self.rules.iter_mut().chain(&mut self.response_rules) {
            rule.move_server(server, to, tables);
        }
    }

    /// The tables of the rules, each once.
    pub fn tables(&self) -> impl Iterator<Item = TableId> {
        let rules = self.rules.iter().chain(&self.response_rules);
        let tables = rules.map(|rule| rule.table);
        let before = tables.clone();
        tables.enumerate().filter_map(move |(at, table)| {
            let is_first = !before.clone().take(at).any(|other| other == table);
            is_first.then_some(table)
        })
    }

    /// How many entries of a table name a server; 0 for a table that no rule has.
    pub fn entries_of(&self, server: ServerIndex, table: TableId, tables: &Tables) -> u32 {
        let Some(rule) = self.rule_of(table) else { return 0 };
        let name = of(&rule.names, server).unwrap_or_default();
        tables.get(table).entries_of(name, self.id_of(server))
    }

    /// The server that an entry of a table names; none for a table that no rule has.
    pub fn server_of_entry(
        &self,
        table: TableId,
        row: RowId,
        tables: &Tables,
    ) -> Option<ServerIndex> {
        let rule = self.rule_of(table)?;
        self.server_of(rule, tables.get(table), row)
    }

    /// What the entries of a table hold that name a server: its id and its name.
    pub fn names_of(&self, server: ServerIndex, table: TableId) -> Option<(u32, NameId)> {
        let rule = self.rule_of(table)?;
        let name = of(&rule.names, server).unwrap_or_default();
        Some((self.id_of(server), name))
    }

    /// How many entries of all tables of the rules name a server.
    pub fn entries_left(&self, server: ServerIndex, tables: &Tables) -> u64 {
        self.tables().map(|table| u64::from(self.entries_of(server, table, tables))).sum()
    }

    /// Has an entry forget this server, if the entry names it. An entry that stores nothing else is
    /// over soon; another entry stays, without a server. Returns whether it named the server.
    pub fn give_up(
        &self,
        row: RowId,
        server: ServerIndex,
        table: TableId,
        tables: &mut Tables,
        now_ms: u64,
    ) -> bool {
        let Some(rule) = self.rule_of(table) else { return false };
        let table = tables.get_mut(table);
        if self.server_of(rule, table, row) != Some(server) {
            return false;
        }
        table.set_author(Author::Command);
        rule.clear_server(row, table);
        if table.is_blank(row) {
            table.end_soon(row, now_ms);
        } else {
            table.touch_local(row, now_ms);
        }
        true
    }

    /// The rules that store servers in a table, with their numbers.
    pub fn storing_in(&self, table: TableId) -> impl Iterator<Item = (u16, &RuleSource)> {
        let rules = self.rules.iter().chain(&self.response_rules);
        let storing = rules.filter(move |rule| rule.stores && rule.table == table);
        storing.map(|rule| (rule.number, &rule.source))
    }

    fn rule_of(&self, table: TableId) -> Option<&Rule> {
        self.rules.iter().chain(&self.response_rules).find(|rule| rule.table == table)
    }

    fn id_of(&self, server: ServerIndex) -> u32 {
        of(&self.ids, server).unwrap_or(0)
    }

    /// The server that an entry names. The key wins over the id (peers protocol, section 12).
    fn server_of(&self, rule: &Rule, table: &StickTable, row: RowId) -> Option<ServerIndex> {
        let name = rule.server_key.map_or(0, |cell| table.get_u32(row, cell, 0));
        if name != 0
            && let Some(server) = look_up(&rule.by_name, name)
        {
            return Some(server);
        }
        let id = rule.server_id.map_or(0, |cell| table.get_u32(row, cell, 0));
        look_up(&self.by_id, id)
    }
}

impl Rule {
    fn new(rule: &config::StickRule, backend: &config::Backend, tables: &mut Tables) -> Self {
        let expression = match &rule.key {
            StickKey::Source => None,
            StickKey::Sample(expression) => Some(expression.clone()),
        };
        if rule.stores {
            tables.get_mut(rule.table).allow_provisional();
        }
        let table = tables.get(rule.table);
        let kind = table.declaration().server_key;
        let key_type = table.declaration().key_type;
        let server_id = table.cell(DataType::ServerId);
        let server_key = table.cell(DataType::ServerKey);
        let server_place = table.server_place();
        let servers = indexed(&backend.servers);
        let names: Vec<_> =
            servers.map(|(index, server)| (index, keep_name(kind, server, tables))).collect();
        Self {
            table: rule.table,
            key: StickKeyRule {
                condition: rule.condition.clone(),
                expression,
                key_type,
                place: rule.place,
            },
            matches: rule.matches,
            stores: rule.stores,
            server_id,
            server_key,
            server_place,
            by_name: sorted_names(&names),
            names,
            number: tables.new_rule(),
            source: rule.source.clone(),
        }
    }

    /// A server has moved: entries that name servers by address mean it by its new one.
    fn move_server(&mut self, server: ServerIndex, to: Option<&str>, tables: &mut Tables) {
        if tables.get(self.table).declaration().server_key != ServerKey::Address {
            return;
        }
        if of(&self.names, server).is_none() {
            return;
        }
        let to = to.and_then(|to| tables.names_mut().keep(to.as_bytes()));
        self.name(server, to.unwrap_or(NameId::NONE), tables);
    }

    fn add(&mut self, index: ServerIndex, server: &config::Server, tables: &mut Tables) {
        let kind = tables.get(self.table).declaration().server_key;
        let name = keep_name(kind, server, tables);
        self.name(index, name, tables);
    }

    /// From now on entries mean a server by this name, which is kept already.
    fn name(&mut self, server: ServerIndex, name: NameId, tables: &mut Tables) {
        let before = put(&mut self.names, server, name);
        tables.names_mut().release(before.unwrap_or(NameId::NONE));
        self.by_name = sorted_names(&self.names);
    }

    fn key(&self, keys: ClientKeys<'_>, index: usize) -> Option<Key> {
        match keys {
            ClientKeys::Address(client) => address_key(client, self.key.key_type).map(Key::Address),
            ClientKeys::PerRule(keys) => keys.get(index)?.clone(),
        }
    }

    fn names_server(&self, table: &StickTable, row: RowId) -> bool {
        let cells = [self.server_id, self.server_key];
        cells.into_iter().flatten().any(|cell| table.get_u32(row, cell, 0) != 0)
    }

    fn write(
        &self,
        row: RowId,
        server: ServerIndex,
        server_id: u32,
        table: &mut StickTable,
        now_ms: u64,
    ) {
        table.set_author(Author::Rule(self.number));
        match (self.server_place, of(&self.names, server)) {
            (Some(place), Some(name)) if name != NameId::NONE => {
                table.set_server(row, place, server_id, name);
            }
            (_, name) => {
                if let (Some(cell), Some(name)) = (self.server_key, name) {
                    table.set_u32(row, cell, 0, name.0);
                }
                if let Some(cell) = self.server_id {
                    table.set_u32(row, cell, 0, server_id);
                }
            }
        }
        table.touch_local(row, now_ms);
    }

    fn clear_server(&self, row: RowId, table: &mut StickTable) {
        for cell in [self.server_id, self.server_key].into_iter().flatten() {
            table.set_u32(row, cell, 0, 0);
        }
        table.settle(row);
    }

    fn forget_server(&self, row: RowId, table: &mut StickTable) {
        self.clear_server(row, table);
        if table.is_blank(row) && table.holders(row) == 0 {
            table.remove(row);
        } else {
            table.note_changed(row);
        }
    }
}

fn keys<'a>(
    rules: &'a [Rule],
    mut key_of: impl FnMut(&'a StickKeyRule) -> Option<Key>,
) -> Box<[Option<Key>]> {
    let mut keys: Vec<Option<Key>> = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut before = rules.iter().zip(&keys);
        let is_settled = rule.stores
            && before
                .any(|(other, key)| other.stores && other.table == rule.table && key.is_some());
        keys.push(if is_settled { None } else { key_of(&rule.key) });
    }
    keys.into()
}

/// Keeps what `server_key` holds for a server.
fn keep_name(kind: ServerKey, server: &config::Server, tables: &mut Tables) -> NameId {
    let name = match kind {
        ServerKey::Name => server.name.clone(),
        ServerKey::Address if server.has_no_address() => return NameId::NONE,
        ServerKey::Address => server.address.shown(),
    };
    // Where a name is too long, the id alone names the server.
    tables.names_mut().keep(name.as_bytes()).unwrap_or(NameId::NONE)
}

/// The servers that have names, by these.
fn sorted_names(names: &[(ServerIndex, NameId)]) -> Vec<(u32, ServerIndex)> {
    let numbers: Vec<_> = names.iter().map(|(index, name)| (*index, name.0)).collect();
    sorted(&numbers)
}

/// The servers that have a number, by these.
fn sorted(numbers: &[(ServerIndex, u32)]) -> Vec<(u32, ServerIndex)> {
    let numbered = numbers.iter().filter(|(_, number)| *number != 0);
    let mut sorted: Vec<_> = numbered.map(|(index, number)| (*number, *index)).collect();
    sorted.sort_unstable();
    sorted
}

/// What a list that goes by indexes has for this very server.
fn of<T: Copy>(list: &[(ServerIndex, T)], server: ServerIndex) -> Option<T> {
    list.get(server.index()).filter(|(own, _)| *own == server).map(|(_, value)| *value)
}

/// Puts a value for a server into such a list, and returns what was at that place. Servers come to
/// the next place or to one that was used before.
fn put<T: Copy>(list: &mut Vec<(ServerIndex, T)>, server: ServerIndex, value: T) -> Option<T> {
    match list.get_mut(server.index()) {
        Some(place) => Some(std::mem::replace(place, (server, value)).1),
        None => {
            list.push((server, value));
            None
        }
    }
}

fn indexed<T>(items: &[T]) -> impl Iterator<Item = (ServerIndex, &T)> {
    (0..u16::MAX).map(ServerIndex::configured).zip(items)
}

/// Looks `key` up in a list that is sorted by key. Of several servers with this key it finds the
/// first in the configuration.
fn look_up(sorted: &[(u32, ServerIndex)], key: u32) -> Option<ServerIndex> {
    let at = sorted.partition_point(|(other, _)| *other < key);
    sorted.get(at).filter(|(other, _)| *other == key).map(|(_, index)| *index)
}
