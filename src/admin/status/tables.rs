//! Stick tables: how full they are, and how many of their entries each server has.

use std::io::Write;
use std::time::SystemTime;

use super::digest::{Digest, digest};
use super::summary::Share;
use crate::admin::context::Context;
use crate::admin::json::Object;
use crate::config::{BackendId, TableId};
use crate::table::{LastSave, StickTable, Written};

/// A stick table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name in the Runtime API.
    pub name: String,
    /// The most entries.
    pub size: u32,
    /// Its entries, those included that are over and were not removed yet.
    pub used: u32,
    /// Entries that had to go before their time, because the table was full.
    pub forgotten_early: u64,
    /// Entries whose time was over.
    pub expired: u64,
    /// The memory reserved for it.
    pub bytes: u64,
    /// What tables of other nodes with the same entries have too.
    pub digest: Digest,
    /// The entries at the end of each of the last minutes, oldest first; an hour at most.
    pub last_hour: Vec<u32>,
    /// Its file, if it is saved.
    pub saved: Option<Saved>,
}

/// The file of a table.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Where it is.
    pub file: String,
    /// How long ago the last save was, in milliseconds; none if there was none yet.
    pub age_ms: Option<u64>,
    /// How the saves of this process went.
    pub last: LastSave,
}

/// The entries of a server in a table.
#[derive(Clone, Debug)]
pub struct ServerEntries<'a> {
    /// Its backend.
    pub backend: &'a str,
    /// Its name.
    pub server: &'a str,
    /// Its weight now.
    pub weight: u32,
    /// The entries that name it.
    pub entries: u32,
    /// How many of them it loses in a second, while it is drained.
    pub drained_per_second: Option<u32>,
}

/// A stick table.
pub fn table(id: TableId, context: &Context<'_>) -> Table {
    let table = context.shared.tables.get(id);
    Table {
        name: table.declaration().name.clone(),
        size: table.size(),
        used: table.used(),
        forgotten_early: table.evictions(),
        expired: table.expirations(),
        bytes: table.allocated_bytes() as u64,
        digest: digest(id, context),
        last_hour: table.last_hour().collect(),
        saved: saved(table, context),
    }
}

fn saved(table: &StickTable, context: &Context<'_>) -> Option<Saved> {
    let (to, last) = (table.declaration().save.as_ref()?, table.last_save()?);
    let wall = context.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    Some(Saved {
        file: to.file.display().to_string(),
        age_ms: last.at_ms.map(|at_ms| wall_ms.saturating_sub(at_ms)),
        last: last.clone(),
    })
}

/// The backends whose stick rules use a table.
pub fn backends(id: TableId, context: &Context<'_>) -> Vec<BackendId> {
    let backends = (0..).map(BackendId).zip(&context.shared.backends);
    let own = backends.filter(|(_, backend)| backend.stick.tables().any(|table| table == id));
    own.map(|(id, _)| id).collect()
}

/// The entries of each server of a backend in a table.
pub fn servers<'a>(
    id: TableId,
    backend: BackendId,
    context: &'a Context<'_>,
) -> impl Iterator<Item = ServerEntries<'a>> {
    let drains = &context.shared.drains;
    let of = move |server| drains.of(backend, server).map(|drain| drain.per_second);
    let backend = context.shared.backend(backend);
    let tables = &context.shared.tables;
    let servers = backend.servers.indexed();
    servers.map(move |(index, server)| ServerEntries {
        backend: &backend.config.name,
        server: &server.config.name,
        weight: server.weight,
        entries: backend.stick.entries_of(index, id, tables),
        drained_per_second: of(index),
    })
}

impl Table {
    /// Writes it for people, without its servers.
    pub(in crate::admin) fn write(&self, out: &mut Vec<u8>) {
        let Self { name, size, used, forgotten_early, expired, bytes, digest, .. } = self;
        let fill = Share { part: u64::from(*used), whole: u64::from(*size) };
        // Writing to a vector cannot fail, here and below.
        let _ = writeln!(
            out,
            "table {name}: used={used} size={size} fill={fill} forgotten_early={forgotten_early} \
             expired={expired} bytes={bytes} digest={digest}"
        );
        if let Some(saved) = &self.saved {
            saved.write(out);
        }
    }

    /// Adds the members of its object, without the servers.
    pub(in crate::admin) fn write_json(&self, object: &mut Object<'_>) {
        object.text("name", &self.name);
        object.number("used", self.used);
        object.number("size", self.size);
        object.number("forgotten_early", self.forgotten_early);
        object.number("expired", self.expired);
        object.number("bytes", self.bytes);
        object.text("digest", &self.digest.to_string());
        object.numbers("last_hour", self.last_hour.iter().copied());
        match &self.saved {
            Some(saved) => object.object("saved", |object| saved.write_json(object)),
            None => object.text_or_null("saved", None),
        }
    }
}

impl Saved {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { file, age_ms, last } = self;
        let LastSave { took_ms, written, count, failures, error, .. } = last;
        let _ = write!(out, "  saved to {file}: saves={count} failures={failures}");
        if let Some(age_ms) = age_ms {
            let Written { entries, skipped, bytes } = written;
            let _ = write!(
                out,
                " age={}s entries={entries} skipped={skipped} bytes={bytes} took={took_ms}ms",
                age_ms / 1000
            );
        }
        if let Some(error) = error {
            let _ = write!(out, " error=\"{error}\"");
        }
        let _ = writeln!(out);
    }

    fn write_json(&self, object: &mut Object<'_>) {
        let LastSave { took_ms, written, count, failures, error, .. } = &self.last;
        object.text("file", &self.file);
        object.number("saves", *count);
        object.number("failures", *failures);
        object.number_or_null("age_ms", self.age_ms);
        object.number("entries", written.entries);
        object.number("skipped", written.skipped);
        object.number("bytes", written.bytes);
        object.number("took_ms", *took_ms);
        object.text_or_null("error", error.as_deref());
    }
}

impl ServerEntries<'_> {
    /// Writes it for people.
    pub(in crate::admin) fn write(&self, out: &mut Vec<u8>) {
        let Self { backend, server, weight, entries, .. } = self;
        let _ = write!(out, "  {backend}/{server}: entries={entries} weight={weight}");
        let _ = match self.drained_per_second {
            Some(rate) => writeln!(out, " drained_per_second={rate}"),
            None => writeln!(out),
        };
    }

    /// Adds the members of its object.
    pub(in crate::admin) fn write_json(&self, object: &mut Object<'_>) {
        object.text("backend", self.backend);
        object.text("server", self.server);
        object.number("weight", self.weight);
        object.number("entries", self.entries);
        object.number_or_null("drained_per_second", self.drained_per_second.map(u64::from));
    }
}
