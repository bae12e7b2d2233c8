//! The samples about entries of stick tables: what each family (`src_*`, `sc0_*`, `sc_*`,
//! `table_*`) says of an entry.

use super::expression::{Converter, EntryFact, Fetch, ValueType};
use super::sample::Arguments;
use crate::config::data_type::DataType;

/// The tracked counters: `track-sc0` to `track-sc2`.
pub(crate) const SLOTS: u32 = 3;

/// The most elements of an array.
const ELEMENTS_MAX: u32 = 100;

/// What is said of an entry, before an array's element is known.
#[derive(Clone, Copy)]
enum Said {
    /// This.
    Plain(EntryFact),
    /// A stored element of an array.
    Element(DataType),
    /// An element, one higher.
    Increment(DataType),
    /// An element before it is cleared.
    Clear(DataType),
}

use DataType as D;
use Said::{Clear, Element, Increment, Plain};

const fn stored(data_type: DataType) -> Said {
    Plain(EntryFact::Stored(data_type, 0))
}

/// One row: a name behind a family's prefix.
type Row = (&'static str, Said);

/// What every family says under the same name.
const SHARED: &[Row] = &[
    ("bytes_in_rate", stored(D::BytesInRate)),
    ("bytes_out_rate", stored(D::BytesOutRate)),
    ("kbytes_in", Plain(EntryFact::Kilobytes(D::BytesInCnt))),
    ("kbytes_out", Plain(EntryFact::Kilobytes(D::BytesOutCnt))),
    ("conn_cnt", stored(D::ConnCnt)),
    ("conn_cur", stored(D::ConnCur)),
    ("conn_rate", stored(D::ConnRate)),
    ("sess_cnt", stored(D::SessCnt)),
    ("sess_rate", stored(D::SessRate)),
    ("http_req_cnt", stored(D::HttpReqCnt)),
    ("http_req_rate", stored(D::HttpReqRate)),
    ("http_err_cnt", stored(D::HttpErrCnt)),
    ("http_err_rate", stored(D::HttpErrRate)),
    ("http_fail_cnt", stored(D::HttpFailCnt)),
    ("http_fail_rate", stored(D::HttpFailRate)),
    ("glitch_cnt", stored(D::GlitchCnt)),
    ("glitch_rate", stored(D::GlitchRate)),
    ("gpc0_rate", stored(D::Gpc0Rate)),
    ("gpc1_rate", stored(D::Gpc1Rate)),
];

/// What else can follow `src_`, `sc_`, `sc0_`.
const FACTS: &[Row] = &[
    ("get_gpt0", stored(D::Gpt0)),
    ("get_gpc0", stored(D::Gpc0)),
    ("get_gpc1", stored(D::Gpc1)),
    ("inc_gpc0", Plain(EntryFact::Increment(D::Gpc0, 0))),
    ("inc_gpc1", Plain(EntryFact::Increment(D::Gpc1, 0))),
    ("clr_gpc0", Plain(EntryFact::Clear(D::Gpc0, 0))),
    ("clr_gpc1", Plain(EntryFact::Clear(D::Gpc1, 0))),
];

/// What else can follow `src_` and `sc_`.
const ARRAY_FACTS: &[Row] = &[
    ("get_gpt", Element(D::Gpt)),
    ("get_gpc", Element(D::Gpc)),
    ("gpc_rate", Element(D::GpcRate)),
    ("inc_gpc", Increment(D::Gpc)),
    ("clr_gpc", Clear(D::Gpc)),
];

/// What else can follow `sc_` and `sc0_`.
const TRACKED_FACTS: &[Row] =
    &[("tracked", Plain(EntryFact::Exists)), ("trackers", Plain(EntryFact::Trackers))];

/// What else can follow `src_`.
const SOURCE_FACTS: &[Row] = &[("updt_conn_cnt", Plain(EntryFact::CountConnection))];

/// What else can follow `table_`.
const TABLE_FACTS: &[Row] = &[
    ("gpt0", stored(D::Gpt0)),
    ("gpc0", stored(D::Gpc0)),
    ("gpc1", stored(D::Gpc1)),
    ("gpt", Element(D::Gpt)),
    ("gpc", Element(D::Gpc)),
    ("gpc_rate", Element(D::GpcRate)),
    ("server_id", stored(D::ServerId)),
    ("trackers", Plain(EntryFact::Trackers)),
];

/// Everything that can follow each prefix.
const OF_SOURCE: &[&[Row]] = &[SHARED, FACTS, ARRAY_FACTS, SOURCE_FACTS];
const OF_COUNTER: &[&[Row]] = &[SHARED, FACTS, ARRAY_FACTS, TRACKED_FACTS];
const OF_NUMBERED_COUNTER: &[&[Row]] = &[SHARED, FACTS, TRACKED_FACTS];
const OF_TABLE: &[&[Row]] = &[SHARED, TABLE_FACTS];

fn find(tables: &[&[Row]], name: &str) -> Option<Said> {
    let mut rows = tables.iter().copied().flatten();
    rows.find(|(other, _)| *other == name).map(|(_, said)| *said)
}

fn fact(said: Said, arguments: &mut Arguments<'_>) -> Result<EntryFact, String> {
    Ok(match said {
        Plain(fact) => fact,
        Element(data_type) => EntryFact::Stored(data_type, arguments.index(ELEMENTS_MAX)?),
        Increment(data_type) => EntryFact::Increment(data_type, arguments.index(ELEMENTS_MAX)?),
        Clear(data_type) => EntryFact::Clear(data_type, arguments.index(ELEMENTS_MAX)?),
    })
}

/// The fetch with this name, if it is one about an entry.
pub(super) fn read_fetch(
    name: &str,
    arguments: &mut Arguments<'_>,
) -> Result<Option<(Fetch, ValueType)>, String> {
    if let Some(rest) = name.strip_prefix("src_") {
        let Some(said) = find(OF_SOURCE, rest) else { return Ok(None) };
        let fact = fact(said, arguments)?;
        return Ok(Some((Fetch::OfSource(arguments.table()?, fact), value_type(fact))));
    }
    let Some(rest) = name.strip_prefix("sc") else { return Ok(None) };
    let Some((number, rest)) = rest.split_once('_') else { return Ok(None) };
    let said = match number {
        "" => find(OF_COUNTER, rest),
        "0" | "1" | "2" => find(OF_NUMBERED_COUNTER, rest),
        _ => None,
    };
    let Some(said) = said else { return Ok(None) };
    // The element of an array goes before the number of the counter.
    let fact = fact(said, arguments)?;
    let slot = match number {
        "0" => 0,
        "1" => 1,
        "2" => 2,
        _ => arguments.index(SLOTS)?,
    };
    let table = arguments.named_table()?;
    let slot = u8::try_from(slot).unwrap_or(u8::MAX);
    Ok(Some((Fetch::Tracked(slot, table, fact), value_type(fact))))
}

fn value_type(fact: EntryFact) -> ValueType {
    match fact {
        EntryFact::Exists => ValueType::Bool,
        EntryFact::Stored(..)
        | EntryFact::Kilobytes(_)
        | EntryFact::Increment(..)
        | EntryFact::Clear(..)
        | EntryFact::CountConnection
        | EntryFact::Trackers => ValueType::Integer,
    }
}

/// The converter with this name, if it is one about an entry.
pub(super) fn read_converter(
    name: &str,
    arguments: &mut Arguments<'_>,
) -> Result<Option<(Converter, ValueType)>, String> {
    let fact = if name == "in_table" {
        EntryFact::Exists
    } else {
        let said = name.strip_prefix("table_").and_then(|rest| find(OF_TABLE, rest));
        let Some(said) = said else { return Ok(None) };
        fact(said, arguments)?
    };
    let table = arguments.required("table")?;
    let table = arguments.find_table(table)?;
    Ok(Some((Converter::Lookup(table, fact), value_type(fact))))
}

/// The names of all fetches about entries.
pub(super) fn fetch_names() -> Vec<String> {
    let numbered = ["sc0_", "sc1_", "sc2_"].map(|prefix| names(prefix, OF_NUMBERED_COUNTER));
    [names("src_", OF_SOURCE), names("sc_", OF_COUNTER), numbered.concat()].concat()
}

/// The names of all converters about entries.
pub(super) fn converter_names() -> Vec<String> {
    [names("table_", OF_TABLE), vec!["in_table".to_owned()]].concat()
}

fn names(prefix: &str, tables: &[&[Row]]) -> Vec<String> {
    tables.iter().copied().flatten().map(|(name, _)| format!("{prefix}{name}")).collect()
}
