//! The saver of this process, which writes its tables to files.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::reactor::{Reactor, clock};
use crate::reload::inherit::{SERVER_NAMES_NAME, rows_name};
use crate::reload::saver::{Heard, Saver};
use crate::reload::socket::ReloadSocket;
use crate::table::{SaveReport, Tables};

/// The warning that a table cannot be saved.
const UNSAVED: Topic = Topic::fault("save a table");

/// The saver, if tables are saved.
#[derive(Debug, Default)]
pub struct Saving {
    saver: Option<Saver>,
    is_readable: bool,
}

impl Saving {
    /// Hears what the saver says.
    pub(super) fn new(saver: Option<Saver>, reactor: &Reactor) -> Self {
        let mut this = Self { saver, is_readable: false };
        if let Some(saver) = &this.saver
            && let Err(error) =
                reactor.register_readable(saver.socket(), ReloadSocket::Saver.source())
        {
            this.give_up(&error);
        }
        this
    }

    /// This process serves from now on: gives the saver the memory of the tables. Before, it may be
    /// that of a predecessor.
    pub(super) fn begin(&mut self, tables: &Tables) {
        let Some(saver) = &self.saver else { return };
        let (rows, names) = tables.files();
        let rows = rows.filter(|(table, _)| saver.saves(table));
        let mut named: Vec<(String, RawFd)> =
            rows.map(|(table, fd)| (rows_name(table), fd.as_raw_fd())).collect();
        named.extend(names.map(|fd| (SERVER_NAMES_NAME.to_owned(), fd.as_raw_fd())));
        match saver.give(&named) {
            Ok(()) => self.tell(Saver::begin),
            Err(error) => self.give_up(&error),
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        log::error!("no table is saved: hand the tables to the saver: {error}");
        // It may have said why it has ended.
        for heard in self.saver.take().iter_mut().flat_map(Saver::hear) {
            if let Heard::Saved(table, SaveReport { result: Err(error), .. }) = heard {
                log::error!("table '{table}' is not saved: {error}");
            }
        }
    }

    /// Has the tables saved now.
    pub(super) fn save(&self) {
        self.tell(Saver::save);
    }

    fn tell(&self, tell: impl Fn(&Saver) -> io::Result<()>) {
        if let Some(Err(error)) = self.saver.as_ref().map(tell) {
            limited::warn(clock::now_ms(), UNSAVED, "", format_args!("tell the saver: {error}"));
        }
    }

    /// A successor serves, and saves the tables from now on.
    pub(super) fn quit(&mut self, reactor: &Reactor) {
        if let Some(saver) = self.saver.take() {
            // It is closed at once.
            let _ = reactor.deregister(saver.socket());
            saver.quit();
        }
    }

    /// Notes that the saver may have said something.
    pub(super) fn note_readable(&mut self) {
        self.is_readable = true;
    }

    /// Tells the saver what a command has asked for, and takes note of what the saver has said.
    pub(super) fn run(&mut self, tables: &mut Tables, reactor: &Reactor, now_ms: u64) {
        if tables.take_wanted_save() {
            self.save();
        }
        if !std::mem::take(&mut self.is_readable) {
            return;
        }
        let Some(saver) = &mut self.saver else { return };
        for heard in saver.hear() {
            match heard {
                Heard::Saved(table, report) => {
                    let Some(id) = tables.by_name(&table) else { continue };
                    let is_again = tables.get(id).last_save().is_some_and(|s| s.error.is_some());
                    match &report.result {
                        Ok(_) if is_again => log::info!("table '{table}' is saved again"),
                        Ok(_) => {}
                        Err(error) => {
                            let text = format_args!("table '{table}' is not saved: {error}");
                            limited::warn(now_ms, UNSAVED, &table, text);
                        }
                    }
                    tables.get_mut(id).note_save(report, clock::unix_ms());
                }
                Heard::Gone => {
                    log::error!("the saver has ended: no table is saved until the next reload");
                    if let Some(saver) = self.saver.take() {
                        // It is closed at once.
                        let _ = reactor.deregister(saver.socket());
                    }
                    return;
                }
            }
        }
    }

    /// Has the tables saved a last time, and waits for that.
    pub fn finish(self) {
        let Some(saver) = self.saver else { return };
        let mut last = BTreeMap::new(); // the reports before are of earlier saves
        for heard in saver.finish() {
            match heard {
                Heard::Saved(table, report) => drop(last.insert(table, report)),
                Heard::Gone => log::error!("no table is saved: the saver has ended"),
            }
        }
        for (table, report) in last {
            match report.result {
                Ok(written) => log::info!(
                    "table '{table}' is saved: {} entries, {} bytes, {} ms",
                    written.entries,
                    written.bytes,
                    report.took_ms
                ),
                Err(error) => log::error!("table '{table}' is not saved: {error}"),
            }
        }
    }
}
