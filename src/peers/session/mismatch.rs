//! Which of the section's tables a definition is for, or why it is for none of them.

use std::fmt;

use crate::config::KeyType;
use crate::peers::section::SectionTable;
use crate::peers::wire::entry;
use crate::peers::wire::message::Definition;
use crate::table::Tables;

/// Why the entries of a table are not taken, though there is a table with its name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Keys of another type.
    KeyType {
        /// The other side's, if it is known.
        told: Option<KeyType>,
        /// The one here.
        own: KeyType,
    },
    /// Keys of another length.
    KeyLen {
        /// The other side's.
        told: u64,
        /// The one here.
        own: u32,
    },
    /// A definition that contradicts itself.
    Meaningless,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyType { told, own } => {
                let told = told.map_or("unknown", KeyType::name);
                write!(f, "its keys are of type {told} there and of type {} here", own.name())
            }
            Self::KeyLen { told, own } => {
                write!(f, "its keys are of {told} bytes there and of {own} here")
            }
            Self::Meaningless => f.write_str("its definition makes no sense"),
        }
    }
}

/// The table that a definition is for; none where no table has its name. A successor `converts`
/// keys of another length.
pub(crate) fn find(
    own: &[SectionTable],
    definition: &Definition<'_>,
    tables: &Tables,
    converts: bool,
) -> Result<Option<usize>, Misfit> {
    let Some(index) = own.iter().position(|own| own.name == definition.name) else {
        return Ok(None);
    };
    let Some(declaration) = own.get(index).map(|own| tables.get(own.id).declaration()) else {
        return Ok(None);
    };
    if entry::key_type_number(declaration.key_type) != definition.key_type {
        let told = entry::key_type_from_number(definition.key_type);
        return Err(Misfit::KeyType { told, own: declaration.key_type });
    }
    // Texts are cut and bytes padded, as those of clients are.
    let adapts = converts && matches!(declaration.key_type, KeyType::String | KeyType::Binary);
    if u64::from(declaration.wire_key_len) != definition.key_len && !adapts {
        // Of strings one byte more is told (protocol.md, 7.1).
        let extra = u32::from(declaration.key_type == KeyType::String);
        let told = definition.key_len.saturating_sub(extra.into());
        return Err(Misfit::KeyLen { told, own: declaration.wire_key_len - extra });
    }
    Ok(Some(index))
}
