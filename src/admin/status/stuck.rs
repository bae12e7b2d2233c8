//! Who is stuck where: the entries of a key, the server that each names, and as far as it is known
//! since when and by whom.

use std::fmt;
use std::io::Write;

use super::history::{Age, date_of};
use crate::admin::context::Context;
use crate::admin::json::Object;
use crate::config::data_type::DataType;
use crate::config::{PeersId, RuleSource, TableId};
use crate::table::{Author, NameId, Origin, RowId, key};

/// An entry of a stick table, as far as it names a server.
#[derive(Clone, Debug)]
pub struct Stuck {
    /// The table's name in the Runtime API.
    pub table: String,
    /// The key, as the table has it.
    pub key: String,
    /// The servers that it names: one for each backend that sticks with the table.
    pub servers: Vec<(String, String)>,
    /// What the entry stores of its server: the name or the address, if it has one.
    pub stored_name: Option<String>,
    /// The server's number that the entry stores; 0 for none.
    pub stored_id: u32,
    /// How long it lives without being used; none in a table without `expire`.
    pub expires_in_ms: Option<u32>,
    /// How long ago it was used here or at a peer; none in a table without `expire`.
    pub used_ago_ms: Option<u32>,
    /// Since when it names the server, in milliseconds since 1970, if the table keeps that.
    pub since_ms: Option<u64>,
    /// Who has said so.
    pub by: By,
}

/// Who has said that a client belongs to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// This stick rule.
    Rule(RuleSource),
    /// The peer of this name.
    Peer(String),
    /// The process that served before: it had the entry.
    Predecessor,
    /// A command of the Runtime API.
    Command,
    /// The table is not declared with `origins`. These rules may have made the entry. Without a
    /// local change it came from a peer or from the process before.
    NotKept {
        /// Whether the entry was changed on this node.
        is_changed_here: bool,
        /// The rules that store in the table.
        rules: Vec<RuleSource>,
    },
}

/// The tables that store servers.
pub fn tables(context: &Context<'_>) -> impl Iterator<Item = TableId> {
    let tables = &context.shared.tables;
    let stores = [DataType::ServerId, DataType::ServerKey];
    tables.ids().filter(move |id| stores.iter().any(|data| tables.get(*id).cell(*data).is_some()))
}

/// The entry of a key in a table; none if there is none, or if the table cannot have such a key.
pub fn find(word: &[u8], id: TableId, context: &Context<'_>) -> Option<Stuck> {
    let table = context.shared.tables.get(id);
    let declaration = table.declaration();
    let key = key::parse(word, declaration.key_type, declaration.key_len).ok()?;
    let row = table.find(&key, context.now_ms)?;
    let stored = |data| table.cell(data).map_or(0, |cell| table.get_u32(row, cell, 0));
    let name = context.shared.tables.names().name(NameId(stored(DataType::ServerKey)));
    let origin = table.origin(row);
    let expires_in_ms = table.expires_in_ms(row, context.now_ms);
    Some(Stuck {
        table: declaration.name.clone(),
        key: key::format(table.key(row), declaration.key_type).to_string(),
        servers: servers(row, id, context),
        stored_name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        stored_id: stored(DataType::ServerId),
        expires_in_ms,
        used_ago_ms: declaration
            .expire_ms
            .zip(expires_in_ms)
            .map(|(all, left)| all - left.min(all)),
        since_ms: origin.map(|origin| since_ms(origin, context)),
        by: by(row, id, origin, context),
    })
}

fn servers(row: RowId, id: TableId, context: &Context<'_>) -> Vec<(String, String)> {
    let backends = context.shared.backends.iter();
    let named = backends.filter_map(|backend| {
        let server = backend.stick.server_of_entry(id, row, &context.shared.tables)?;
        let server = backend.server(server).config.name.clone();
        Some((backend.config.name.clone(), server))
    });
    named.collect()
}

/// The moment of an origin, whose seconds are those of the loop's clock.
fn since_ms(origin: Origin, context: &Context<'_>) -> u64 {
    let ago_ms = context.now_ms.saturating_sub(u64::from(origin.since_s) * 1000);
    context.unix_ms().saturating_sub(ago_ms)
}

fn by(row: RowId, id: TableId, origin: Option<Origin>, context: &Context<'_>) -> By {
    let table = context.shared.tables.get(id);
    let backends = context.shared.backends.iter();
    let mut rules = backends.flat_map(|backend| backend.stick.storing_in(id));
    match origin.map(|origin| origin.author) {
        Some(Author::Rule(number)) => match rules.find(|(own, _)| *own == number) {
            Some((_, source)) => By::Rule(source.clone()),
            None => By::Predecessor,
        },
        Some(Author::Peer(at)) => By::Peer(peer_name(table.declaration().peers, at, context)),
        Some(Author::Predecessor) => By::Predecessor,
        Some(Author::Command | Author::Unknown) => By::Command,
        None => By::NotKept {
            is_changed_here: table.update_id(row).is_some(),
            rules: rules.map(|(_, source)| source.clone()).collect(),
        },
    }
}

fn peer_name(section: Option<PeersId>, at: u16, context: &Context<'_>) -> String {
    let status = section.and_then(|id| context.peers.peer(id, usize::from(at), context.now_ms));
    let configured = || {
        let section = context.config.peers.get(section?.index())?;
        section.peers.get(usize::from(at)).map(|peer| peer.name.clone())
    };
    status.and_then(|status| status.node).or_else(configured).unwrap_or_default()
}

impl Stuck {
    /// The servers that it names, as `<backend>/<server>`; none if none of them is here.
    pub(in crate::admin) fn places(&self) -> Option<String> {
        let names = self.servers.iter().map(|(backend, server)| format!("{backend}/{server}"));
        let names: Vec<String> = names.collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }

    /// Writes it for people.
    pub(in crate::admin) fn write(&self, out: &mut Vec<u8>) {
        let Self { table, key, stored_name, stored_id, .. } = self;
        // Writing to a vector cannot fail, here and below.
        let _ = write!(out, "table {table}: {key} ");
        let _ = match (self.places(), stored_name) {
            (Some(places), _) => write!(out, "is stuck to {places}"),
            (None, None) if *stored_id == 0 => write!(out, "names no server"),
            (None, None) => write!(out, "names a server that is not here: number {stored_id}"),
            (None, Some(name)) => write!(out, "names a server that is not here: {name}"),
        };
        if let Some(ms) = self.expires_in_ms {
            let _ = write!(out, ", ends in {}", Age(ms.into()));
        }
        if let Some(ms) = self.used_ago_ms {
            let _ = write!(out, ", used {} ago", Age(ms.into()));
        }
        out.push(b'\n');
        if let Some(at_ms) = self.since_ms {
            let _ = writeln!(out, "  since {}", date_of(at_ms));
        }
        let _ = writeln!(out, "  {}", self.by);
    }

    /// Adds the members of its object.
    pub(in crate::admin) fn write_json(&self, object: &mut Object<'_>) {
        object.text("table", &self.table);
        object.text("key", &self.key);
        object.list("servers", &self.servers, |object, (backend, server)| {
            object.text("backend", backend);
            object.text("server", server);
        });
        object.text_or_null("stored_name", self.stored_name.as_deref());
        object.number("stored_id", self.stored_id);
        object.number_or_null("expires_in_ms", self.expires_in_ms.map(u64::from));
        object.number_or_null("used_ago_ms", self.used_ago_ms.map(u64::from));
        object.number_or_null("since_ms", self.since_ms);
        self.by.write_json(object);
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(RuleSource { line, at }) => write!(f, "by '{line}' ({at})"),
            Self::Peer(name) => write!(f, "learned from peer {name}"),
            Self::Predecessor => f.write_str("taken over in a reload"),
            Self::Command => f.write_str("by a command"),
            Self::NotKept { is_changed_here: false, .. } => {
                f.write_str("learned from a peer or taken over in a reload")
            }
            Self::NotKept { rules, .. } => {
                f.write_str("changed on this node")?;
                let mut before = "; stored by ";
                for RuleSource { line, at } in rules {
                    write!(f, "{before}'{line}' ({at})")?;
                    before = ", ";
                }
                Ok(())
            }
        }
    }
}

impl By {
    fn write_json(&self, object: &mut Object<'_>) {
        let source = |object: &mut Object<'_>, source: &RuleSource| {
            object.text("rule", &source.line);
            object.text("at", &source.at);
        };
        match self {
            Self::Rule(rule) => {
                object.text("by", "rule");
                source(object, rule);
            }
            Self::Peer(name) => {
                object.text("by", "peer");
                object.text("peer", name);
            }
            Self::Predecessor => object.text("by", "predecessor"),
            Self::Command => object.text("by", "command"),
            Self::NotKept { is_changed_here, rules } => {
                object.text("by", "not_kept");
                object.flag("changed_here", *is_changed_here);
                object.list("rules", rules, source);
            }
        }
    }
}
