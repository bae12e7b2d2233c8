//! The samples about entries of stick tables: what each family (`src_*`, `sc0_*`, `sc_*`,
//! `table_*`) says of an entry.

use super::data_type::DataType;
use super::expression::{Converter, EntryFact, Fetch, ValueType};
use super::sample::Arguments;

/// The tracked counters: `track-sc0` to `track-sc2`.
pub(super) const SLOTS: u32 = 3;

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

/// What can follow `src_`, `sc_`, `sc0_`.
const FACTS: &[(&str, Said)] = &[
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
    ("get_gpt0", stored(D::Gpt0)),
    ("get_gpc0", stored(D::Gpc0)),
    ("get_gpc1", stored(D::Gpc1)),
    ("gpc0_rate", stored(D::Gpc0Rate)),
    ("gpc1_rate", stored(D::Gpc1Rate)),
    ("inc_gpc0", Plain(EntryFact::Increment(D::Gpc0, 0))),
    ("inc_gpc1", Plain(EntryFact::Increment(D::Gpc1, 0))),
    ("clr_gpc0", Plain(EntryFact::Clear(D::Gpc0, 0))),
    ("clr_gpc1", Plain(EntryFact::Clear(D::Gpc1, 0))),
    ("get_gpt", Element(D::Gpt)),
    ("get_gpc", Element(D::Gpc)),
    ("gpc_rate", Element(D::GpcRate)),
    ("inc_gpc", Increment(D::Gpc)),
    ("clr_gpc", Clear(D::Gpc)),
];

/// What can follow `sc_` and `sc0_` only.
const TRACKED_FACTS: &[(&str, Said)] =
    &[("tracked", Plain(EntryFact::Exists)), ("trackers", Plain(EntryFact::Trackers))];

/// What can follow `src_` only.
const SOURCE_FACTS: &[(&str, Said)] = &[("updt_conn_cnt", Plain(EntryFact::CountConnection))];

/// What can follow `table_`.
const TABLE_FACTS: &[(&str, Said)] = &[
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
    ("gpt0", stored(D::Gpt0)),
    ("gpc0", stored(D::Gpc0)),
    ("gpc1", stored(D::Gpc1)),
    ("gpc0_rate", stored(D::Gpc0Rate)),
    ("gpc1_rate", stored(D::Gpc1Rate)),
    ("gpt", Element(D::Gpt)),
    ("gpc", Element(D::Gpc)),
    ("gpc_rate", Element(D::GpcRate)),
    ("server_id", stored(D::ServerId)),
    ("trackers", Plain(EntryFact::Trackers)),
];

fn find(tables: &[&[(&str, Said)]], name: &str) -> Option<Said> {
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
        let Some(said) = find(&[FACTS, SOURCE_FACTS], rest) else { return Ok(None) };
        let fact = fact(said, arguments)?;
        return Ok(Some((Fetch::OfSource(arguments.table()?, fact), value_type(fact))));
    }
    let Some(rest) = name.strip_prefix("sc") else { return Ok(None) };
    let Some((number, rest)) = rest.split_once('_') else { return Ok(None) };
    let Some(said) = find(&[FACTS, TRACKED_FACTS], rest) else { return Ok(None) };
    if !matches!(number, "" | "0" | "1" | "2") {
        return Ok(None);
    }
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
        let said = name.strip_prefix("table_").and_then(|rest| find(&[TABLE_FACTS], rest));
        let Some(said) = said else { return Ok(None) };
        fact(said, arguments)?
    };
    let table = arguments.required("table")?;
    let table = arguments.find_table(table)?;
    Ok(Some((Converter::Lookup(table, fact), value_type(fact))))
}

/// The names of all fetches about entries.
pub(super) fn fetch_names() -> Vec<String> {
    let with = |prefix: &str, tables: &[&[(&str, Said)]]| -> Vec<String> {
        tables.iter().copied().flatten().map(|(name, _)| format!("{prefix}{name}")).collect()
    };
    let mut names = with("src_", &[FACTS, SOURCE_FACTS]);
    for prefix in ["sc_", "sc0_", "sc1_", "sc2_"] {
        names.extend(with(prefix, &[FACTS, TRACKED_FACTS]));
    }
    names
}

/// The names of all converters about entries.
pub(super) fn converter_names() -> Vec<String> {
    let names = TABLE_FACTS.iter().map(|(name, _)| format!("table_{name}"));
    names.chain(["in_table".to_owned()]).collect()
}
