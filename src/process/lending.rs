//! The memory of tables passes to a successor: what the process does on both sides.

use std::os::fd::OwnedFd;

use crate::logging::history::RELOAD;
use crate::proxy::{Clients, Shared};
use crate::reload::message::Message;
use crate::reload::outgoing::Outgoing;
use crate::table::{LentMemory, Loan, Restored, Tables};

/// Lends the tables that the successor wants. Returns the messages that tell of it, and the
/// descriptors beside them. A table that cannot be lent is read by the successor instead.
pub(super) fn lend(
    outgoing: &mut Outgoing,
    tables: &mut Tables,
    clients: &mut Clients,
    now_ms: u64,
) -> (Vec<Message>, Vec<OwnedFd>) {
    let wanted = outgoing.wanted().to_vec();
    if wanted.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let (mut loan, lent) = match tables.lend(&wanted) {
        Ok(lent) => lent,
        Err(error) => {
            log::error!(target: RELOAD, "reload: the tables are not lent: {error}");
            wanted.iter().for_each(|id| tables.get_mut(*id).start_handover_log());
            return (Vec::new(), Vec::new());
        }
    };
    clients.follow_entries(|table, row| loan.take_along(table, row, tables, now_ms));
    outgoing.lend(loan);
    let message = |(id, memory): (_, &LentMemory)| Message::Lent {
        table: tables.get(id).declaration().name.clone(),
        is_growing: memory.old_slots.is_some(),
    };
    let messages = wanted.into_iter().zip(&lent).map(message).collect();
    (messages, lent.into_iter().flat_map(LentMemory::into_files).collect())
}

/// The successor does not come to serve: goes on with the tables that were lent.
pub(super) fn take_back(loan: Loan, tables: &mut Tables, clients: &mut Clients, now_ms: u64) {
    let before = tables.reclaim(loan, now_ms);
    clients.follow_entries(|table, row| before.take_back(table, row, tables, now_ms));
}

/// How many of the descriptors that have come belong to tables.
pub(super) fn count_of_files(messages: &[Message]) -> usize {
    let files = messages.iter().map(|message| match message {
        Message::Lent { is_growing, .. } => LentMemory::files(*is_growing),
        _ => 0,
    });
    files.sum()
}

/// Goes on with the memory of the tables that the predecessor lends. What cannot be had so is read
/// from the rows.
pub(super) fn take_over(
    messages: &[Message],
    files: Vec<OwnedFd>,
    shared: &mut Shared,
    now_ms: u64,
) {
    let mut files = files.into_iter();
    let lent = messages.iter().filter_map(|message| match message {
        Message::Lent { table, is_growing } => {
            let memory = LentMemory::from_files(&mut files, *is_growing)?;
            Some((shared.tables.by_name(table)?, memory))
        }
        _ => None,
    });
    let lent: Vec<_> = lent.collect();
    let (renumbered, failed) = shared.tables.take_over(lent);
    for backend in &mut shared.backends {
        backend.stick.renumber(&renumbered);
    }
    for (id, error) in failed {
        let table = &shared.tables.get(id).declaration().name;
        log::error!(target: RELOAD, "reload: table '{table}': take its memory over: {error}");
    }
    restore(&mut shared.tables, now_ms);
}

/// Reads the rows of the tables that were to be lent, and are not.
pub(super) fn restore(tables: &mut Tables, now_ms: u64) {
    for (table, restored) in tables.restore_awaited(now_ms) {
        match restored {
            Ok(Restored { entries, dropped }) => log::warn!(
                target: RELOAD,
                "reload: table '{table}' has {entries} entries that were read from the old \
                 process's memory; {dropped} were not complete, or have no room"
            ),
            Err(error) => log::error!(
                target: RELOAD,
                "reload: table '{table}' begins without its entries: {error}"
            ),
        }
    }
}
