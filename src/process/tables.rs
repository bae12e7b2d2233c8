//! Makes the tables of the process and all that uses them, with what a worker that has crashed has
//! left in its own tables.

use crate::config::Config;
use crate::logging::history::Kind;
use crate::net::memory::region::Storage;
use crate::proxy::Shared;
use crate::reactor::clock;
use crate::table::{KeptTables, Restored, TableError, Tables};

/// The target of messages that are events of reloads.
const RELOAD: &str = Kind::Reload.target();

/// What `config` describes.
///
/// # Errors
/// If there is no memory for a table.
pub(super) fn make_shared(
    config: &mut Config,
    storage: Storage,
    kept: KeptTables,
    maxconn: u32,
    now_ms: u64,
) -> Result<Shared, TableError> {
    let mut tables = Tables::with_storage(&config.tables, storage)?;
    let began_ns = clock::now_ns();
    let restored = tables.restore(kept, now_ms);
    let took_ms = (clock::now_ns() - began_ns) / 1_000_000;
    for (name, restored) in restored {
        match restored {
            Ok(Restored { entries, dropped: 0 }) => log::info!(
                target: RELOAD,
                "after a crash: table '{name}' has its {entries} entries again, after {took_ms} ms"
            ),
            Ok(Restored { entries, dropped }) => log::warn!(
                target: RELOAD,
                "after a crash: table '{name}' has {entries} entries again, after {took_ms} ms; \
                 {dropped} were not complete, or have no room"
            ),
            Err(error) => log::error!(
                target: RELOAD,
                "after a crash: table '{name}' begins without its entries: {error}"
            ),
        }
    }
    Ok(Shared::with_tables(config, tables, maxconn, now_ms))
}
