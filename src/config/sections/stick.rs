//! `stick-table` lines, the `table` lines of peers sections, and stick rules.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use crate::config::data_type::{DataType, Kind, StoredData};
use crate::config::drafts::{GlobalDraft, StickRuleDraft, TableDraft};
use crate::config::keywords::table::Table;
use crate::config::keywords::{Arity, Handling, Keyword, Scope, at_least, exactly};
use crate::config::keywords::{refused, words};
use crate::config::rules;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, all, both};
use crate::config::text::lexer::Word;
use crate::config::text::line::{Line, WordReader, joined};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::text::units;
use crate::config::{KeyType, ServerKey};

/// The longest key, in bytes. An entry must always fit a message of the peers protocol, which also
/// carries the entries across a reload. Of the 16,384 bytes of a message the values of an entry
/// take less than 4000.
const KEY_LEN_MAX: u32 = 12_288;

const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
) -> Keyword {
    Keyword::new(name, Scope::STICK_TABLE, arity, arguments, help, Handling::StickTable)
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "type",
        at_least(1),
        "ip|ipv4|ipv6|integer|string|binary [len <bytes>]",
        "Sets the type of the keys. `len` limits the bytes of a string (without it 31) or sets \
         those of a binary key (without it 32).",
    )
    .example("stick-table type string len 64 size 100k")
    .differs("HAProxy has longer keys than the 12288 bytes that are possible here."),
    row(
        "size",
        exactly(1),
        "<count>",
        "Limits the entries of the table; `k`, `m` and `g` stand for powers of 1024.",
    )
    .example("stick-table type ip size 100k"),
    row("expire", exactly(1), "<time>", "Removes an entry that was not used for this time.")
        .by_default("an entry stays until its place is needed")
        .example("stick-table type ip size 100k expire 30m"),
    row("nopurge", exactly(0), "", "Refuses new entries when the table is full.")
        .by_default("the oldest entry makes place")
        .example("stick-table type ip size 100k nopurge"),
    row("recv-only", exactly(0), "", "Learns the entries of peers and teaches them none.")
        .example("stick-table type ip size 100k recv-only")
        .differs("HAProxy 2.6 does not know this word; later versions do."),
    row(
        "origins",
        exactly(0),
        "",
        "Keeps since when each entry names its server and which stick rule, peer or command has \
         said so, for the command `show stick`. It takes 8 bytes more for each entry.",
    )
    .by_default("only `show stick` says less")
    .example("stick-table type ip size 100k origins")
    .differs("HAProxy does not know this word."),
    row(
        "aggregate",
        exactly(0),
        "",
        "Counts for the whole cluster: samples tell the sum over all nodes of the peers section. \
         Each node has its own part, the table `<name>:<node>` for peers, which it alone changes \
         and all learn. It takes the memory of a table for each node.",
    )
    .by_default("nodes overwrite each other's counts")
    .example("stick-table type ip size 100k expire 1m store conn_rate(10s) aggregate peers nodes")
    .differs("HAProxy does not know this word; it takes part with a table for each node."),
    row(
        "save",
        Arity { min: 1, max: 3 },
        "<file> [every <time>]",
        "Writes the table to this file from time to time, beside the loop, and when the process \
         ends. A start without a predecessor reads it. The directory must exist, and `user` must \
         be able to write to it. `every` takes 100ms to 1d.",
    )
    .by_default("`tables-dir` decides; `every` is 1m")
    .example("stick-table type ip size 100k expire 8h save /var/lib/stickd/web.table every 10s")
    .differs("HAProxy does not know this word: there, a stop loses the entries."),
    row(
        "srvkey",
        exactly(1),
        "name|addr",
        "Says what an entry stores of its server beside the number: the name or the address.",
    )
    .by_default("name")
    .example("stick-table type ip size 100k srvkey addr"),
    row(
        "store",
        exactly(1),
        "<type>[,<type>...]",
        "Stores these data types in every entry. Stick rules add what they need.",
    )
    .example("stick-table type ip size 100k store conn_cnt,conn_rate(10s)"),
    row("peers", exactly(1), "<section>", "Shares the table with the peers of this section.")
        .by_default("the table is not shared")
        .example("stick-table type ip size 100k peers nodes"),
];

/// The rows of the words of a table.
static WORDS: LazyLock<Table> =
    LazyLock::new(|| Table::new(KEYWORDS.iter().chain(refused::keywords())));

/// Reads the words of a table from the argument `first` on.
pub(super) fn read_table(line: &Line<'_>, first: usize, report: &mut Report) -> Parsed<TableDraft> {
    let mut words = WordReader { line, at: first };
    let mut key = None;
    let mut is_sized = false;
    let mut table = TableDraft::new(line.place);
    // Reading goes on after a wrong word, so that all wrong words are reported.
    let mut read = Ok(());
    while let Some(word) = words.next() {
        let result = match word.value {
            "type" => read_key(&mut words, report).map(|typed| key = Some(typed)),
            "size" => words.after("size", "an argument").and_then(|word| {
                is_sized = true;
                read_size(&word).map(|entries| table.size = entries)
            }),
            "expire" => words.after("expire", "an argument").and_then(|word| {
                let ms = unit(&word, "expire", units::time_ms)?;
                table.expire_ms = Some(ms).filter(|ms| *ms > 0);
                Ok(())
            }),
            "nopurge" | "origins" | "recv-only" | "aggregate" => {
                set_flag(&mut table, &word);
                Ok(())
            }
            "save" => words.after("save", "a file").and_then(|file| {
                let every_ms = read_every(&mut words)?;
                table.save =
                    Some((Placed { value: file.value.to_owned(), place: file.place }, every_ms));
                Ok(())
            }),
            "srvkey" => words
                .after("srvkey", "an argument")
                .and_then(|word| read_server_key(&word))
                .map(|key| table.server_key = key),
            "store" => words.after("store", "an argument").and_then(|word| {
                if word.value.ends_with(',') {
                    // The next word was meant for the list.
                    words.at += 1;
                    let message = "no blanks can stand in the list of 'store'";
                    return Err(Mistake::new(word.place, message));
                }
                read_store(&word, &mut table.data, report)
            }),
            "peers" => words.after("peers", "an argument").map(|name| {
                table.peers = Some(Placed { value: name.value.to_owned(), place: name.place });
            }),
            _ => {
                let mistake = unknown_word(&word);
                words.at = words::behind_unknown(line, words.at - 1, &WORDS, Scope::STICK_TABLE);
                Err(mistake)
            }
        };
        read = both(read, result).map(|_| ());
    }
    read?;
    let (key_type, key_len, wire_key_len) = key.ok_or_else(|| line.mistake("missing type"))?;
    (table.key_type, table.key_len, table.wire_key_len) = (key_type, key_len, wire_key_len);
    if !is_sized {
        return Err(line.mistake("missing size"));
    }
    table.data.sort_by_key(|stored| stored.data_type);
    check_overrides(line, &table.data)?;
    Ok(table)
}

/// Notes a word that stands alone.
fn set_flag(table: &mut TableDraft, word: &Placed<&str>) {
    match word.value {
        "nopurge" => table.nopurge = true,
        "origins" => table.origins = true,
        "recv-only" => table.recv_only = true,
        _ => table.aggregate = Some(word.place),
    }
}

/// How often tables are saved, in milliseconds: not so often that nothing else is done, and often
/// enough to be of use.
const SAVES_MS: RangeInclusive<u32> = 100..=86_400_000;
const SAVES_DEFAULT_MS: u32 = 60_000;

/// Reads `every <time>`, if that follows.
fn read_every(words: &mut WordReader<'_, '_>) -> Parsed<u32> {
    if words.line.get(words.at).is_none_or(|word| word.value != "every") {
        return Ok(SAVES_DEFAULT_MS);
    }
    words.at += 1;
    let time = words.after("every", "a time")?;
    let ms = unit(&time, "every", units::time_ms)?;
    if SAVES_MS.contains(&ms) {
        return Ok(ms);
    }
    let message = format!("'every {}' is not between 100ms and 1d", time.value);
    Err(Mistake::new(time.place, message))
}

/// Reads `tables-dir`, where the tables without a file of their own are saved.
pub(super) fn read_tables_dir(
    draft: &mut GlobalDraft,
    line: &Line<'_>,
    report: &mut Report,
) -> Parsed {
    let directory = line.argument(0)?;
    let mut words = WordReader { line, at: 1 };
    let every_ms = read_every(&mut words)?;
    if let Some(word) = words.next() {
        let message = format!("unexpected word '{}': 'every <time>' may follow here", word.value);
        return Err(Mistake::new(word.place, message));
    }
    if draft.tables_dir.is_some() {
        report.warning(line.place, "'tables-dir' is written twice: this line counts".to_owned());
    }
    draft.tables_dir = Some((directory.value.into(), every_ms));
    Ok(())
}

fn unknown_word(word: &Placed<&str>) -> Mistake {
    match WORDS.find(Scope::STICK_TABLE, word.value, None).and_then(Keyword::refusal) {
        Some(refusal) => {
            let message = format!("'{}' is refused: {}", word.value, refusal.reason());
            Mistake::new(word.place, message)
        }
        None => WORDS.unknown(Scope::STICK_TABLE, word, None),
    }
}

/// The type of the keys, their length, and the length that peers are told
/// (peers protocol, section 7.1).
fn read_key(words: &mut WordReader<'_, '_>, report: &mut Report) -> Parsed<(KeyType, u32, u32)> {
    let word = words.after("type", "an argument")?;
    let key_type = match word.value {
        "ip" | "ipv4" => return Ok((KeyType::Ipv4, 4, 4)),
        "ipv6" => return Ok((KeyType::Ipv6, 16, 16)),
        "integer" => return Ok((KeyType::Integer, 4, 4)),
        "string" => KeyType::String,
        "binary" => KeyType::Binary,
        other => {
            const TYPES: [&str; 6] = ["ip", "ipv4", "ipv6", "integer", "string", "binary"];
            let hint = hint(other, TYPES.into_iter());
            return Err(Mistake::new(word.place, format!("unknown type '{other}'{hint}")));
        }
    };
    let is_len = words.line.get(words.at).is_some_and(|word| word.value == "len");
    let len = if is_len {
        words.at += 1;
        let len = words.after("len", "an argument")?;
        Some((unit(&len, "len", |text| units::number(text, 1..=u32::MAX - 1))?, len.place))
    } else {
        None
    };
    Ok(match (key_type, len) {
        (KeyType::String, None) => (key_type, 31, 32),
        (KeyType::String, Some((len, place))) => {
            if len > KEY_LEN_MAX {
                let message = format!(
                    "keys are cut to {KEY_LEN_MAX} bytes: an entry must fit a message of the peers \
                     protocol"
                );
                report.warning(place, message);
            }
            (key_type, len.min(KEY_LEN_MAX), len + 1)
        }
        // Peers are sent all bytes of a binary key, so that no byte can be cut off.
        (_, Some((len, place))) if len > KEY_LEN_MAX => {
            let message = format!(
                "'len' is {KEY_LEN_MAX} at most for binary keys: an entry must fit a message of \
                 the peers protocol"
            );
            return Err(Mistake::new(place, message));
        }
        (_, len) => {
            let len = len.map_or(32, |(len, _)| len);
            (key_type, len, len)
        }
    })
}

fn read_size(word: &Placed<&str>) -> Parsed<u32> {
    match unit(word, "size", units::size)? {
        0 => Err(Mistake::new(word.place, "'size' must not be 0")),
        size => Ok(size),
    }
}

fn read_server_key(word: &Placed<&str>) -> Parsed<ServerKey> {
    match word.value {
        "name" => Ok(ServerKey::Name),
        "addr" => Ok(ServerKey::Address),
        other => {
            let message = format!("unknown server key '{other}': it is 'name' or 'addr'");
            Err(Mistake::new(word.place, message))
        }
    }
}

fn unit<T>(
    word: &Placed<&str>,
    keyword: &str,
    read: impl FnOnce(&str) -> Result<T, units::UnitError>,
) -> Parsed<T> {
    read(word.value)
        .map_err(|error| Mistake::new(word.place, format!("'{keyword}': '{}' {error}", word.value)))
}

/// Reads a list of data types into `data`.
fn read_store(word: &Placed<&str>, data: &mut Vec<StoredData>, report: &mut Report) -> Parsed {
    let items = split_list(word.value)
        .map(|item| read_data_type(item).map_err(|message| Mistake::new(word.place, message)));
    for stored in all(items)? {
        if data.iter().any(|other| other.data_type == stored.data_type) {
            let name = stored.data_type.name();
            report.warning(word.place, format!("'{name}' is stored already: ignored"));
        } else {
            data.push(stored);
        }
    }
    Ok(())
}

/// Splits at the commas that do not stand in parentheses.
fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
}

fn read_data_type(item: &str) -> Result<StoredData, String> {
    let (name, arguments) = match item.split_once('(') {
        Some((name, rest)) => {
            let missing = || format!("no closing parenthesis in '{item}'");
            let inside = rest.strip_suffix(')').ok_or_else(missing)?;
            (name, inside.split(',').collect())
        }
        None => (item, Vec::new()),
    };
    let data_type = DataType::from_name(name).ok_or_else(|| unknown_data_type(name))?;
    let mut arguments = arguments.into_iter();
    let mut next = |what: &str| {
        arguments
            .next()
            .ok_or_else(|| format!("data type '{name}' wants its {what}: {}", form(data_type)))
    };
    let mut stored = StoredData { data_type, elements: 1, period_ms: 0 };
    if data_type.is_array() {
        let count = next("number of elements")?;
        stored.elements = units::number(count, 1..=DataType::ELEMENTS_MAX)
            .map_err(|error| format!("number of elements of '{name}': '{count}' {error}"))?;
    }
    if data_type.kind() == Kind::Rate {
        let period = next("period")?;
        stored.period_ms = units::time_ms(period)
            .map_err(|error| format!("period of '{name}': '{period}' {error}"))?;
        if stored.period_ms == 0 {
            return Err(format!("the period of '{name}' must not be 0"));
        }
    }
    match arguments.next() {
        Some(_) => Err(format!("data type '{name}' is written {}", form(data_type))),
        None => Ok(stored),
    }
}

fn form(data_type: DataType) -> String {
    match (data_type.name(), data_type.arguments()) {
        (name, "") => format!("{name}, without arguments"),
        (name, arguments) => format!("{name}{arguments}"),
    }
}

fn unknown_data_type(name: &str) -> String {
    let names = DataType::ALL.iter().map(|data_type| data_type.name());
    format!("unknown data type '{name}'{}", hint(name, names))
}

/// Refuses an array type beside the single types that the array replaces, as HAProxy does.
fn check_overrides(line: &Line<'_>, data: &[StoredData]) -> Parsed {
    let has = |wanted: DataType| data.iter().any(|stored| stored.data_type == wanted);
    for stored in data {
        if let Some((array, _)) = stored.data_type.element_of()
            && has(array)
        {
            let (array, single) = (array.name(), stored.data_type.name());
            return Err(line.mistake(format!("'{array}' and '{single}' exclude each other")));
        }
    }
    Ok(())
}

/// Adds the data types that a table needs for stick rules.
pub(in crate::config) fn add_stickiness(data: &mut Vec<StoredData>) {
    for data_type in [DataType::ServerId, DataType::ServerKey] {
        if !data.iter().any(|stored| stored.data_type == data_type) {
            data.push(StoredData { data_type, elements: 1, period_ms: 0 });
        }
    }
    data.sort_by_key(|stored| stored.data_type);
}

/// Reads `<key> [table <name>] [if|unless <condition>]`. Gives the rule, and the words of its key
/// and its condition, which are read when all names are known.
pub(super) fn read_rule(line: &Line<'_>) -> Parsed<(StickRuleDraft, Vec<Word>)> {
    let (matches, stores) = match line.keyword {
        "stick match" => (true, false),
        "stick store-request" | "stick store-response" => (false, true),
        _ => (true, true),
    };
    let texts = || line.arguments.iter().map(|word| word.text.as_str());
    let len = rules::chain_len(texts());
    let key = line.argument(0)?;
    let text = rules::joined(texts().take(len));
    let mut words = vec![Word { text, column: key.place.column, emptied_by: None }];
    let (table, rest) = match line.from(len) {
        [word, name, rest @ ..] if word.text == "table" => {
            let name = line.placed(name);
            (Some(Placed { value: name.value.to_owned(), place: name.place }), rest)
        }
        [word] if word.text == "table" => {
            return Err(Mistake::new(line.placed(word).place, "'table' wants a name"));
        }
        rest => (None, rest),
    };
    if let Some(word) = rest.first()
        && !matches!(word.text.as_str(), "if" | "unless")
    {
        let word = line.placed(word);
        let message = format!("unexpected word '{}': 'table <name>' may follow here", word.value);
        return Err(Mistake::new(word.place, message));
    }
    words.extend_from_slice(rest);
    let of_response = line.keyword == "stick store-response";
    let text = format!("{} {}", line.keyword, joined(line.arguments));
    let draft =
        StickRuleDraft { place: line.place, table, matches, stores, of_response, line: text };
    Ok((draft, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_types_are_written_with_their_elements_and_period() {
        let stored = |item: &str| read_data_type(item).map(|s| (s.elements, s.period_ms));
        assert_eq!(stored("gpc0"), Ok((1, 0)));
        assert_eq!(stored("gpc0_rate(10s)"), Ok((1, 10_000)));
        assert_eq!(stored("gpt(3)"), Ok((3, 0)));
        assert_eq!(stored("gpc_rate(2,10s)"), Ok((2, 10_000)));
        for wrong in [
            "",
            "foo",
            "gpc0(3)",
            "gpc0_rate",
            "gpc0_rate(1s",
            "gpc0_rate(x)",
            "gpc0_rate(1s,2)",
            "gpc0_rate(0)",
            "gpt",
            "gpt(0)",
            "gpt(101)",
            "gpt(x)",
            "gpt(3,4)",
            "gpc_rate(2)",
            "gpc0()",
            "gpc0_rate()",
        ] {
            assert!(stored(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            read_data_type("conn_cnr"),
            Err("unknown data type 'conn_cnr'; did you mean 'conn_cnt'?".to_owned())
        );
    }

    #[test]
    fn a_list_is_split_outside_parentheses() {
        let items: Vec<&str> = split_list("gpc(2),gpc_rate(2,1s),gpt0").collect();
        assert_eq!(items, ["gpc(2)", "gpc_rate(2,1s)", "gpt0"]);
    }
}
