//! The samples and converters about the entries of stick tables. They follow from the data types:
//! what an entry stores is told of the client's entry (`src_`), of an entry that the connection
//! tracks (`sc_`, `sc0_`), and of the entry with a key (`table_`).

use std::sync::LazyLock;

use super::arguments::Arguments;
use super::expression::{Converter, EntryFact, Fetch, NumberFetch, ValueType};
use crate::config::data_type::{DataType, Kind, Role};

/// How many entries a connection can track, in the slots `sc0`, `sc1` and `sc2`.
pub const SLOTS: u8 = 3;

/// A sample about an entry.
#[derive(Debug)]
pub(super) struct EntrySample {
    pub(super) name: String,
    subject: Subject,
    /// What is told. An element of an array is not known yet.
    fact: EntryFact,
}

/// Which entry a sample is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// `src_`: the entry with the client's address as its key.
    Source,
    /// `sc_`: the entry that is tracked in the slot that an argument says.
    AnySlot,
    /// `sc0_`, `sc1_`, `sc2_`: the entry that is tracked in this slot.
    Slot(u8),
}

/// A converter about an entry: `table_` and `in_table`. The value before it is the entry's key.
#[derive(Debug)]
pub(super) struct EntryConverter {
    pub(super) name: String,
    /// What is told. An element of an array is not known yet.
    fact: EntryFact,
}

/// The samples and converters about entries.
struct Words {
    samples: Vec<EntrySample>,
    converters: Vec<EntryConverter>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words { samples: Vec::new(), converters: Vec::new() };
    DataType::ALL.iter().for_each(|data_type| words.add_data_type(*data_type));
    words.add_tracked("tracked", EntryFact::Exists);
    words.add_tracked("trackers", EntryFact::Trackers);
    words.add_sample("src_updt_conn_cnt".to_owned(), Subject::Source, EntryFact::CountConnection);
    // HAProxy has this one of an array for one slot.
    let clear = EntryFact::Clear(DataType::Gpc, 0);
    words.add_sample("sc1_clr_gpc".to_owned(), Subject::Slot(1), clear);
    words.add_of_key("trackers", EntryFact::Trackers);
    words.add_converter("in_table".to_owned(), EntryFact::Exists);
    words
});

impl Words {
    /// What follows from a data type.
    fn add_data_type(&mut self, data_type: DataType) {
        let name = data_type.name();
        let stored = EntryFact::Stored(data_type, 0);
        match data_type.role() {
            // Samples about entries are numbers.
            Role::Server if data_type.kind() == Kind::Name => {}
            Role::Server => self.add_of_key(name, stored),
            Role::Tag => {
                self.add_of_client(&format!("get_{name}"), stored);
                self.add_of_key(name, stored);
            }
            Role::Counter => {
                self.add_of_client(&format!("get_{name}"), stored);
                self.add_of_client(&format!("inc_{name}"), EntryFact::Increment(data_type, 0));
                self.add_of_client(&format!("clr_{name}"), EntryFact::Clear(data_type, 0));
                self.add_of_key(name, stored);
            }
            Role::Bytes(name) => {
                self.add_of_client(name, EntryFact::Kilobytes(data_type));
                self.add_of_key(name, EntryFact::Kilobytes(data_type));
            }
            Role::Traffic | Role::Open | Role::Rate => {
                self.add_of_client(name, stored);
                self.add_of_key(name, stored);
            }
        }
    }

    fn add_of_client(&mut self, name: &str, fact: EntryFact) {
        self.add_sample(format!("src_{name}"), Subject::Source, fact);
        self.add_tracked(name, fact);
    }

    fn add_tracked(&mut self, name: &str, fact: EntryFact) {
        self.add_sample(format!("sc_{name}"), Subject::AnySlot, fact);
        // Only `sc_` tells the elements of arrays.
        if !fact.is_of_array() {
            for slot in 0..SLOTS {
                self.add_sample(format!("sc{slot}_{name}"), Subject::Slot(slot), fact);
            }
        }
    }

    fn add_of_key(&mut self, name: &str, fact: EntryFact) {
        self.add_converter(format!("table_{name}"), fact);
    }

    fn add_sample(&mut self, name: String, subject: Subject, fact: EntryFact) {
        self.samples.push(EntrySample { name, subject, fact });
    }

    fn add_converter(&mut self, name: String, fact: EntryFact) {
        self.converters.push(EntryConverter { name, fact });
    }
}

/// Every sample about entries.
pub(super) fn samples() -> impl Iterator<Item = &'static EntrySample> {
    WORDS.samples.iter()
}

/// Every converter about entries.
pub(super) fn converters() -> impl Iterator<Item = &'static EntryConverter> {
    WORDS.converters.iter()
}

/// The names of all samples about entries.
pub(in crate::config) fn sample_names() -> impl Iterator<Item = &'static str> {
    samples().map(|word| word.name.as_str())
}

/// The names of all converters about entries.
pub(in crate::config) fn converter_names() -> impl Iterator<Item = &'static str> {
    converters().map(|word| word.name.as_str())
}

/// Reads a sample, if it is about an entry.
///
/// # Errors
///
/// Its arguments are wrong.
pub(super) fn read_fetch(
    arguments: &mut Arguments<'_>,
) -> Result<Option<(Fetch, ValueType)>, String> {
    let Some(row) = samples().find(|row| row.name == arguments.name) else { return Ok(None) };
    // The element of an array stands before the number of the slot.
    let fact = read_fact(row.fact, arguments)?;
    let number = match row.subject {
        Subject::Source => NumberFetch::OfSource(arguments.table()?, fact),
        Subject::AnySlot => {
            let slot = arguments.index(u32::from(SLOTS))?;
            let slot = u8::try_from(slot).unwrap_or(u8::MAX);
            NumberFetch::Tracked(slot, arguments.named_table()?, fact)
        }
        Subject::Slot(slot) => NumberFetch::Tracked(slot, arguments.named_table()?, fact),
    };
    Ok(Some((Fetch::Number(number), fact.value_type())))
}

/// Reads a converter, if it is about an entry.
///
/// # Errors
///
/// Its arguments are wrong.
pub(super) fn read_converter(
    arguments: &mut Arguments<'_>,
) -> Result<Option<(Converter, ValueType)>, String> {
    let Some(row) = converters().find(|row| row.name == arguments.name) else {
        return Ok(None);
    };
    let fact = read_fact(row.fact, arguments)?;
    Ok(Some((Converter::Lookup(arguments.required_table()?, fact), fact.value_type())))
}

/// The fact, with the element of an array if the fact is about one.
fn read_fact(fact: EntryFact, arguments: &mut Arguments<'_>) -> Result<EntryFact, String> {
    if !fact.is_of_array() {
        return Ok(fact);
    }
    Ok(fact.of_element(arguments.index(DataType::ELEMENTS_MAX)?))
}

impl EntrySample {
    /// Its arguments, for the reference.
    pub(super) fn arguments(&self) -> &'static str {
        match (self.subject, self.fact.is_of_array()) {
            (Subject::Source | Subject::Slot(_), false) => "[<table>]",
            (Subject::Source | Subject::Slot(_), true) => "<element>[,<table>]",
            (Subject::AnySlot, false) => "<slot>[,<table>]",
            (Subject::AnySlot, true) => "<element>,<slot>[,<table>]",
        }
    }

    /// What it tells, for the reference.
    pub(super) fn help(&self) -> String {
        match self.subject {
            Subject::Source => help(self.fact, "the entry of the client's address"),
            Subject::AnySlot => help(self.fact, "the entry that the connection tracks in the slot"),
            Subject::Slot(slot) => {
                help(self.fact, &format!("the entry that the connection tracks as sc{slot}"))
            }
        }
    }

    /// A line that uses it, for the reference.
    pub(super) fn example(&self) -> String {
        let name = &self.name;
        let element = if self.fact.is_of_array() { "0," } else { "" };
        example(
            self.fact,
            &match self.subject {
                Subject::Source => format!("{name}({element}clients)"),
                Subject::AnySlot => format!("{name}({element}0)"),
                Subject::Slot(_) if self.fact.is_of_array() => format!("{name}(0)"),
                Subject::Slot(_) => name.clone(),
            },
        )
    }
}

impl EntryConverter {
    /// Its arguments, for the reference.
    pub(super) fn arguments(&self) -> &'static str {
        if self.fact.is_of_array() { "<element>,<table>" } else { "<table>" }
    }

    /// What it tells, for the reference.
    pub(super) fn help(&self) -> String {
        help(self.fact, "the table's entry with this key")
    }

    /// A line that uses it, for the reference.
    pub(super) fn example(&self) -> String {
        let element = if self.fact.is_of_array() { "0," } else { "" };
        example(self.fact, &format!("src,{}({element}clients)", self.name))
    }
}

fn help(fact: EntryFact, entry: &str) -> String {
    let of = |data_type: DataType| {
        let which = if data_type.is_array() { "an element of " } else { "" };
        format!("{which}{}", data_type.help())
    };
    match fact {
        EntryFact::Stored(data_type, _) => format!("Tells {} in {entry}.", of(data_type)),
        EntryFact::Kilobytes(data_type) => {
            format!("Tells {} in {entry}, in kilobytes.", of(data_type))
        }
        EntryFact::Increment(data_type, _) => {
            format!("Adds 1 to {} in {entry}, and tells the new value.", of(data_type))
        }
        EntryFact::Clear(data_type, _) => {
            format!("Sets {} in {entry} to 0, and tells the old value.", of(data_type))
        }
        EntryFact::CountConnection => {
            format!("Counts a connection in {entry}, and tells the number of connections.")
        }
        EntryFact::Exists => format!("Tells whether {entry} exists."),
        EntryFact::Trackers => format!("Tells how many connections track {entry}."),
    }
}

fn example(fact: EntryFact, sample: &str) -> String {
    let patterns = if fact.value_type() == ValueType::Bool { "" } else { " gt 10" };
    format!("tcp-request content reject if {{ {sample}{patterns} }}")
}
