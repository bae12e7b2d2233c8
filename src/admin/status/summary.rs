//! One sentence on how things stand, and the facts that it is made of.

use std::fmt;

use super::mesh::section_ids;
use crate::admin::context::Context;
use crate::admin::json::Object;
use crate::config::data_type::DataType;
use crate::proxy::backend::server::Health;

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What the process does.
    pub activity: Activity,
    /// Whether some peers section still learns what its peers know.
    pub is_learning: bool,
    /// The remote peers.
    pub peers: Parts,
    /// The servers, those in maintenance included.
    pub servers: Parts,
    /// The servers in maintenance.
    pub in_maintenance: u32,
    /// The entries of the tables that store servers.
    pub remembered: u64,
    /// The most entries of these tables.
    pub room: u64,
    /// The entries of these tables that had to go before their time.
    pub forgotten_early: u64,
}

/// What the process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It serves.
    Serving,
    /// It serves, and a new process is being started or taught.
    Reloading,
    /// A new process serves, and this one finishes what is open.
    Finishing,
    /// It accepts no clients any more.
    Stopping,
}

/// So many of so many work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Those that work.
    pub up: u32,
    /// All.
    pub all: u32,
}

impl Summary {
    /// How things stand now.
    pub fn new(context: &Context<'_>) -> Self {
        let process = context.process;
        let mut summary = Self {
            activity: match () {
                () if process.has_handed_over => Activity::Finishing,
                () if process.stopping => Activity::Stopping,
                () if process.is_reloading => Activity::Reloading,
                () => Activity::Serving,
            },
            is_learning: section_ids(context).any(|id| !context.peers.is_up_to_date(id)),
            peers: Parts { up: process.peers.1, all: process.peers.0 },
            servers: Parts::default(),
            in_maintenance: 0,
            remembered: 0,
            room: 0,
            forgotten_early: 0,
        };
        for server in context.shared.backends.iter().flat_map(|backend| &backend.servers) {
            let is_out = server.is_in_maintenance();
            summary.servers.all += 1;
            summary.in_maintenance += u32::from(is_out);
            summary.servers.up += u32::from(!is_out && server.health != Health::Down);
        }
        let tables = context.shared.tables.ids().map(|id| context.shared.tables.get(id));
        let stores_servers = [DataType::ServerId, DataType::ServerKey];
        for table in tables.filter(|table| stores_servers.iter().any(|t| table.cell(*t).is_some()))
        {
            summary.remembered += u64::from(table.used());
            summary.room += u64::from(table.size());
            summary.forgotten_early += table.evictions();
        }
        summary
    }

    /// Whether nothing is missing: all peers are connected, all servers are up that are not in
    /// maintenance, and this node has learned what its peers know.
    pub fn is_whole(&self) -> bool {
        let servers_wanted = self.servers.all - self.in_maintenance;
        !self.is_learning && self.peers.up == self.peers.all && self.servers.up == servers_wanted
    }

    /// Adds the members of its object; `sentence` is the whole in words.
    pub(in crate::admin) fn write_json(&self, object: &mut Object<'_>) {
        object.text("sentence", &self.to_string());
        object.text("activity", self.activity.word());
        object.flag("whole", self.is_whole());
        object.flag("learning", self.is_learning);
        object.number("peers_connected", self.peers.up);
        object.number("peers", self.peers.all);
        object.number("servers_up", self.servers.up);
        object.number("servers", self.servers.all);
        object.number("servers_in_maintenance", self.in_maintenance);
        object.number("remembered", self.remembered);
        object.number("room", self.room);
        object.number("forgotten_early", self.forgotten_early);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.is_whole() { "whole" } else { "not whole" };
        write!(f, "{}, {whole}", self.activity)?;
        let mut separator = ": ";
        let mut next = || std::mem::replace(&mut separator, ", ");
        if self.is_learning {
            write!(f, "{}still learning from peers", next())?;
        }
        if self.peers.all > 0 {
            write!(f, "{}{} of {} peers connected", next(), self.peers.up, self.peers.all)?;
        }
        if self.servers.all > 0 {
            write!(f, "{}{} of {} servers up", next(), self.servers.up, self.servers.all)?;
        }
        if self.in_maintenance > 0 {
            write!(f, "{}{} in maintenance", next(), self.in_maintenance)?;
        }
        if self.room > 0 {
            let fill = Share { part: self.remembered, whole: self.room };
            let clients = if self.remembered == 1 { "client" } else { "clients" };
            write!(f, "{}{} {clients} remembered ({fill} of the room)", next(), self.remembered)?;
            match self.forgotten_early {
                0 => write!(f, "{}none forgotten early", next())?,
                count => write!(f, "{}{count} forgotten early", next())?,
            }
        }
        Ok(())
    }
}

impl Activity {
    fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Reloading => "reloading",
            Self::Finishing => "finishing",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serving => "Serving",
            Self::Reloading => "Serving while a new process starts",
            Self::Finishing => "Finishing what is open while a new process serves",
            Self::Stopping => "Stopping",
        })
    }
}

/// A part of a whole, shown in percent with the digits that matter.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct Share {
    pub(in crate::admin) part: u64,
    pub(in crate::admin) whole: u64,
}

impl fmt::Display for Share {
    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.part as f64 * 100.0 / self.whole.max(1) as f64;
        match percent {
            _ if self.part == 0 => f.write_str("0 %"),
            ..0.01 => f.write_str("under 0.01 %"),
            ..1.0 => write!(f, "{percent:.2} %"),
            ..10.0 => write!(f, "{percent:.1} %"),
            _ => write!(f, "{percent:.0} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::Fixture;

    const SUMMARY: Summary = Summary {
        activity: Activity::Serving,
        is_learning: false,
        peers: Parts { up: 1, all: 2 },
        servers: Parts { up: 2, all: 3 },
        in_maintenance: 0,
        remembered: 100,
        room: 200_000,
        forgotten_early: 0,
    };

    #[test]
    fn the_sentence_says_what_is_missing() {
        let all = Parts { up: 3, all: 3 };
        for (summary, sentence) in [
            (
                SUMMARY,
                "Serving, not whole: 1 of 2 peers connected, 2 of 3 servers up, 100 clients \
                 remembered (0.05 % of the room), none forgotten early",
            ),
            (
                Summary { peers: all, servers: all, forgotten_early: 7, ..SUMMARY },
                "Serving, whole: 3 of 3 peers connected, 3 of 3 servers up, 100 clients \
                 remembered (0.05 % of the room), 7 forgotten early",
            ),
            (
                Summary { peers: Parts::default(), in_maintenance: 1, room: 0, ..SUMMARY },
                "Serving, whole: 2 of 3 servers up, 1 in maintenance",
            ),
            (
                Summary {
                    activity: Activity::Reloading,
                    is_learning: true,
                    peers: Parts::default(),
                    servers: Parts::default(),
                    room: 0,
                    ..SUMMARY
                },
                "Serving while a new process starts, not whole: still learning from peers",
            ),
        ] {
            assert_eq!(summary.to_string(), sentence);
        }
    }

    #[test]
    fn a_share_shows_the_digits_that_matter() {
        let shown = |part| Share { part, whole: 1_000_000 }.to_string();
        assert_eq!(
            [0, 1, 500, 12_345, 123_456, 1_000_000].map(shown),
            ["0 %", "under 0.01 %", "0.05 %", "1.2 %", "12 %", "100 %"]
        );
    }

    #[test]
    fn the_facts_come_from_the_process() {
        let mut fixture = Fixture::new();
        fixture.process.peers = (2, 1);
        fixture.insert(0, &[1, 1, 1, 1]);
        let summary = Summary::new(&fixture.context());
        assert_eq!(
            (summary.peers, summary.servers),
            (Parts { up: 1, all: 2 }, Parts { up: 2, all: 3 })
        );
        assert_eq!((summary.in_maintenance, summary.remembered), (1, 1));
        assert!(!summary.is_whole());
    }
}
