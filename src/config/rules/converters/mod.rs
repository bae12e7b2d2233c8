//! The table of converters: what a rule can make of a sample's value, one file for each kind of
//! value. The converters about the entries of stick tables follow from the data types
//! (`entry_samples.rs`).

mod addresses;
mod dates;
mod hashes;
mod maps;
mod notations;
mod numbers;
mod protocols;
mod proxies;
mod row;
mod text;
mod variables;

use row::ConverterRow;

/// Every converter but those about the entries of stick tables.
pub(super) fn all() -> impl Iterator<Item = &'static ConverterRow> {
    let tables = [
        protocols::CONVERTERS,
        addresses::CONVERTERS,
        text::CONVERTERS,
        notations::CONVERTERS,
        hashes::CONVERTERS,
        numbers::CONVERTERS,
        dates::CONVERTERS,
        maps::CONVERTERS,
        variables::CONVERTERS,
        proxies::CONVERTERS,
    ];
    tables.into_iter().flatten()
}

/// The converter with this name.
pub(super) fn find(name: &str) -> Option<&'static ConverterRow> {
    all().find(|row| row.name == name)
}
