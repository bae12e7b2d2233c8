//! The entries of the manual, from each of the tables.

use super::entry::{Chapter, Entry, Standing};
use super::operation;
use crate::admin::commands::COMMANDS;
use crate::admin::metrics;
use crate::admin::stats::columns::Column;
use crate::admin::stats::fields::Field;
use crate::config::rules::reference::{self, ReferenceEntry};
use crate::config::{Keyword, Scope, keywords};
use crate::reload::supervisor::master;
use crate::start::options::table;

/// Every entry, in the order of the manual.
pub(super) fn entries() -> Vec<Entry> {
    let mut entries = options();
    entries.extend(operation::entries());
    for (chapter, scope) in KEYWORD_CHAPTERS {
        let rows = keywords().filter(|row| row.scope.meets(scope));
        entries.extend(rows.map(|row| keyword(chapter, row)));
    }
    entries.extend(words(Chapter::DataTypes, reference::data_types()));
    entries.extend(words(Chapter::Samples, reference::samples()));
    entries.extend(refused(Chapter::Samples, reference::refused_samples()));
    entries.extend(words(Chapter::Converters, reference::converters()));
    entries.extend(refused(Chapter::Converters, reference::refused_converters()));
    entries.extend(words(Chapter::Actions, reference::actions()));
    entries.extend(refused(Chapter::Actions, reference::refused_actions()));
    entries.extend(words(Chapter::Acls, reference::acls()));
    entries.extend(refused(Chapter::Acls, reference::refused_acls()));
    entries.extend(commands());
    entries.extend(master_commands());
    let columns = Column::ALL.iter().filter(|column| !column.meaning().is_empty());
    entries.extend(
        columns.map(|column| Entry::new(Chapter::Columns, column.name(), column.meaning())),
    );
    let fields = Field::ALL.iter();
    entries.extend(fields.map(|field| Entry::new(Chapter::Fields, field.name(), field.meaning())));
    entries.extend(metrics::reference().into_iter().map(|family| Entry {
        facts: vec![("Type", family.kind.to_owned())],
        ..Entry::new(Chapter::Metrics, family.name, family.help)
    }));
    entries
}

fn commands() -> impl Iterator<Item = Entry> {
    COMMANDS.iter().map(|command| {
        let space = if command.arguments().is_empty() { "" } else { " " };
        Entry {
            syntax: format!("{}{space}{}", command.words(), command.arguments()),
            facts: vec![
                ("Level", format!("{:?}", command.level()).to_lowercase()),
                ("Example", command.example().to_owned()),
            ],
            ..Entry::new(Chapter::Commands, command.words(), command.description())
        }
    })
}

fn master_commands() -> impl Iterator<Item = Entry> {
    master::commands::reference().map(|command| {
        let space = if command.arguments.is_empty() { "" } else { " " };
        Entry {
            syntax: format!("{}{space}{}", command.words, command.arguments),
            facts: vec![
                ("Level", command.level.name().to_owned()),
                ("Example", command.example.to_owned()),
            ],
            ..Entry::new(Chapter::MasterCommands, command.words, command.description)
        }
    })
}

fn options() -> Vec<Entry> {
    let option = |row: &'static table::OptionRow| Entry {
        syntax: row.syntax(),
        standing: if row.is_refused() {
            Standing::IsRefused
        } else if row.has_effect() {
            Standing::Works
        } else {
            Standing::HasNoEffect
        },
        ..Entry::new(Chapter::Options, row.word, row.help())
    };
    table::TABLE.iter().map(option).collect()
}

/// The chapters of keywords. A keyword that can stand in several of them is told in each.
const KEYWORD_CHAPTERS: [(Chapter, Scope); 9] = [
    (Chapter::Global, Scope::GLOBAL),
    (Chapter::Proxies, Scope::PROXY),
    (Chapter::Peers, Scope::PEERS),
    (Chapter::Rings, Scope::RING.and(Scope::RING_SERVER)),
    (Chapter::Resolvers, Scope::RESOLVERS),
    (Chapter::Userlists, Scope::USERLIST),
    (Chapter::Listening, Scope::LISTENER),
    (Chapter::Servers, Scope::SERVER),
    (Chapter::StickTables, Scope::STICK_TABLE),
];

/// What a scope is called where a keyword's sections are listed.
const SECTIONS: [(Scope, &str); 14] = [
    (Scope::GLOBAL, "global"),
    (Scope::DEFAULTS, "defaults"),
    (Scope::FRONTEND, "frontend"),
    (Scope::FRONTEND.and(Scope::BACKEND), "listen"),
    (Scope::BACKEND, "backend"),
    (Scope::PEERS, "peers"),
    (Scope::RING, "ring"),
    (Scope::RING_SERVER, "server lines of a ring"),
    (Scope::RESOLVERS, "resolvers"),
    (Scope::USERLIST, "userlist"),
    (Scope::BIND, "bind lines"),
    (Scope::STATS_SOCKET, "stats socket lines"),
    (Scope::SERVER, "server lines"),
    (Scope::STICK_TABLE, "stick-table lines"),
];

fn keyword(chapter: Chapter, row: &'static Keyword) -> Entry {
    let sections = SECTIONS.iter().filter(|(scope, _)| row.scope.meets(*scope));
    let sections: Vec<&str> = sections.map(|(_, name)| *name).collect();
    let (standing, help) = match row.refusal() {
        Some(refusal) => (Standing::IsRefused, refusal.reason()),
        None if row.is_inert() => (Standing::HasNoEffect, row.help),
        None => (Standing::Works, row.help),
    };
    let space = if row.arguments.is_empty() { "" } else { " " };
    Entry {
        syntax: format!("{}{space}{}", row.name, row.arguments),
        standing,
        facts: vec![
            ("Where", sections.join(", ")),
            ("Default", row.default.to_owned()),
            ("Example", row.example.to_owned()),
            ("HAProxy", row.difference.to_owned()),
        ],
        ..Entry::new(chapter, row.name, help)
    }
}

fn words(
    chapter: Chapter,
    words: impl Iterator<Item = ReferenceEntry>,
) -> impl Iterator<Item = Entry> {
    words.map(move |word| {
        let space =
            if word.arguments.is_empty() || word.arguments.starts_with('(') { "" } else { " " };
        Entry {
            syntax: format!("{}{space}{}", word.name, word.arguments),
            facts: vec![("Example", word.example.into_owned())],
            ..Entry::new(chapter, word.name, &word.help)
        }
    })
}

fn refused(
    chapter: Chapter,
    words: impl Iterator<Item = (&'static str, &'static str)>,
) -> impl Iterator<Item = Entry> {
    words.map(move |(name, reason)| Entry {
        standing: Standing::IsRefused,
        ..Entry::new(chapter, name, reason)
    })
}
