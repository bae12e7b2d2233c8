//! How a table is declared, in one word: a successor whose table differs cannot have got all from
//! its predecessor that there is in the mesh.

use std::fmt::Write;

use crate::config::StickTable;

/// The word. Two tables are declared alike if their words are the same.
pub fn of(table: &StickTable) -> String {
    let expire_ms = table.expire_ms.map_or_else(|| "-".to_owned(), |expire| expire.to_string());
    let key = (table.key_type.name(), table.key_len);
    let mut word = format!("{}/{}/{}/{expire_ms}", key.0, key.1, table.size);
    for stored in &table.data {
        let (name, elements) = (stored.data_type.name(), stored.elements);
        // Writing to a string cannot fail.
        let _ = write!(word, ",{name}/{elements}/{}", stored.period_ms);
    }
    word
}
