//! Where tables are saved.

use std::os::fd::BorrowedFd;
use std::path::Path;

use crate::config::StickTable;
use crate::net::files::replaced;
use crate::net::files::replaced::Replaced;

/// Where a table is saved, and how often.
#[derive(Debug)]
pub struct Place {
    pub(super) table: String,
    pub(super) file: Replaced,
    pub(super) every_ms: u64,
}

impl Place {
    /// The places of all tables that are to be saved, with the directories opened. What a process
    /// has left in the middle of a save is removed.
    ///
    /// A directory that cannot be opened is logged, and its tables are not saved: the service is
    /// worth more than its file.
    pub fn open_all(tables: &[StickTable]) -> Vec<Self> {
        let saved = tables.iter().filter_map(|table| Some((&table.name, table.save.as_ref()?)));
        let places = saved.filter_map(|(table, save)| {
            // A relative path begins where the process was started.
            let path = std::path::absolute(&save.file).unwrap_or_else(|_| save.file.clone());
            match Replaced::new(&path) {
                Ok(file) => {
                    replaced::remove_leftovers(&path);
                    let every_ms = u64::from(save.every_ms);
                    Some(Self { table: table.clone(), file, every_ms })
                }
                Err(error) => {
                    let directory = path.parent().unwrap_or_else(|| Path::new("/")).display();
                    log::error!("table '{table}' is not saved: open {directory}: {error}");
                    None
                }
            }
        });
        places.collect()
    }

    /// The directory.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.file.directory()
    }
}
