//! The table of converters: what a rule can make of a sample's value, one file for each kind of
//! value. The converters about the entries of stick tables follow from the data types
//! (`entry_samples.rs`).

mod addresses;
mod hashes;
mod numbers;
mod row;
mod text;
mod variables;

use row::ConverterRow;

/// Every converter but those about the entries of stick tables.
pub(super) fn all() -> impl Iterator<Item = &'static ConverterRow> {
    [
        addresses::CONVERTERS,
        text::CONVERTERS,
        hashes::CONVERTERS,
        numbers::CONVERTERS,
        variables::CONVERTERS,
    ]
    .into_iter()
    .flatten()
}

/// The converter with this name.
pub(super) fn find(name: &str) -> Option<&'static ConverterRow> {
    all().find(|row| row.name == name)
}
