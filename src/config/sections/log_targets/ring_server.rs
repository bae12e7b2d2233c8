//! The `server` lines of a ring: a log server that is fed by TCP.

use std::sync::LazyLock;

use super::named;
use crate::config::drafts::{RingDraft, ServerWords};
use crate::config::keywords::table::Table;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Handling, Keyword, Scope, exactly, words};
use crate::config::sections::{server, server_line};
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{Framing, RingServer};

const FRAMINGS: [(&str, Framing); 2] =
    [("legacy", Framing::Legacy), ("octet-count", Framing::OctetCount)];

pub(in crate::config) const WORDS: &[Keyword] = &[Keyword::new(
    LOG_PROTO,
    Scope::RING_SERVER,
    exactly(1),
    "legacy | octet-count",
    "Says how messages are told apart: each ends with a line feed, or each begins with its length \
     and a blank.",
    Handling::RingServer,
)
.by_default("legacy")
.example("server log1 192.0.2.9:514 log-proto octet-count")];

const LOG_PROTO: &str = "log-proto";

/// The words that a server of a ring may have. Nearly all are of servers that clients go to.
const PLACE: Scope = Scope::SERVER.and(Scope::RING_SERVER);

/// The rows of a ring's servers behind those of other servers: the last row counts.
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(server_line::rows().chain(WORDS)));

/// Reads `<name> <address>:<port> [words]`.
pub(super) fn read(draft: &mut RingDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let name = server::read_name(line, "server")?;
    let typed = line.argument(1)?;
    let mut words = RingWords::default();
    words::read(line, 2, &TABLE, PLACE, &mut words, report);
    let address = address::connecting(typed.value, line.hosts)
        .map_err(|error| Mistake::new(typed.place, format!("address '{}' {error}", typed.value)))?;
    if let Some(twin) = draft.server_places.get(&name.value) {
        let message =
            format!("there is a server '{}' already, at {}", name.value, report.name(*twin));
        return Err(Mistake::new(name.place, message));
    }
    draft.server_places.insert(name.value.clone(), name.place);
    draft.ring.servers.push(RingServer { name: name.value, address, framing: words.framing });
    Ok(())
}

/// The words of one line.
#[derive(Default)]
struct RingWords {
    framing: Framing,
    /// What other servers do with the words.
    others: ServerWords,
}

impl WordTarget for RingWords {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        const OF_CONNECTIONS: [&str; 4] = ["source", "interface", "send-proxy", "send-proxy-v2"];
        if keyword.name == LOG_PROTO {
            self.framing = named(&line.argument(0)?, &FRAMINGS, "proto")?;
            return Ok(());
        }
        self.others.read_word(keyword, line, report)?;
        if OF_CONNECTIONS.contains(&keyword.name) {
            let message = format!("'{}' is refused: not supported yet for rings", keyword.name);
            return Err(line.mistake(message));
        }
        report.inert(line.place, keyword.name, "a log server is no server that clients go to");
        Ok(())
    }
}
