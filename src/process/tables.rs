//! Makes the tables of the process and all that uses them, with what a worker that has crashed has
//! left in its own tables.

use crate::config::Config;
use crate::logging::history::RELOAD;
use crate::proxy::Shared;
use crate::reactor::clock;
use crate::table::{KeptTables, Memory, Restored, SavedTable, TableError, Tables};

/// What the tables begin with.
#[derive(Debug)]
pub struct Beginning {
    /// Whether the memory of the tables outlives this process: a supervisor keeps it.
    pub is_kept: bool,
    /// The tables that a predecessor lends.
    pub lent: KeptTables,
    /// The tables of a worker that has crashed.
    pub kept: KeptTables,
    /// Whether tables that were saved to files are read: no process served before.
    pub reads_files: bool,
}

/// What `config` describes.
///
/// # Errors
/// If there is no memory for a table.
pub(super) fn make_shared(
    config: &mut Config,
    beginning: Beginning,
    maxconn: u32,
    now_ms: u64,
) -> Result<Shared, TableError> {
    let Beginning { is_kept, lent, kept, reads_files } = beginning;
    let memory = Memory::of_process(&config.tables, is_kept);
    let mut tables = Tables::with_memory(&config.tables, lent, memory)?;
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
    if reads_files {
        read_files(&mut tables, now_ms);
    }
    Ok(Shared::with_tables(config, tables, maxconn, now_ms))
}

/// Reads the tables that were saved to files.
fn read_files(tables: &mut Tables, now_ms: u64) {
    let began_ns = clock::now_ns();
    for (table, path, read) in tables.read_saved(now_ms, clock::unix_ms()) {
        let path = path.display();
        let took_ms = (clock::now_ns() - began_ns) / 1_000_000;
        match read {
            Ok(None) => log::info!("table '{table}' is new: there is no {path}"),
            Ok(Some(SavedTable { restored, age_ms, damaged })) => {
                let Restored { entries, dropped } = restored;
                let age_s = age_ms / 1000;
                let text = format!(
                    "table '{table}' has {entries} entries of {path}, which was saved {age_s} s \
                     ago, after {took_ms} ms"
                );
                match (damaged, dropped) {
                    (0, 0) => log::info!("{text}"),
                    (0, dropped) => {
                        log::warn!("{text}; {dropped} have no room, or a server without a name");
                    }
                    (damaged, dropped) => log::error!(
                        "{text}; the file is damaged: {dropped} entries are lost, in {damaged} \
                         blocks"
                    ),
                }
            }
            Err(error) => {
                log::error!("table '{table}' begins without the entries of {path}: {error}");
            }
        }
    }
}
