//! The rows of the table of commands.

use super::{show_mesh, show_reloads, show_tables};
use crate::admin::commands::command::{Command, command};
use crate::config::Level::User;

pub(in crate::admin::commands) const SHOW_MESH: Command =
    command("show mesh", "[json]", User, show_mesh)
        .help("show one sentence on this node, its links with peers and what they lack")
        .manual(
            "Prints one sentence on how things stand, and for each peers section who has taught \
             whom and each link: its address, since when it is connected or down, which side has \
             called, the protocol's version, reconnects, calls that failed, errors, bytes, and for \
             each shared table whether the peer has acknowledged all changes that were made here \
             and how many updates it has sent. Counters begin with the process. HAProxy does not \
             have the command.",
            "show mesh json",
        );

pub(in crate::admin::commands) const SHOW_RELOADS: Command =
    command("show reloads", "[json]", User, show_reloads)
        .help("show the last reloads, or why they failed")
        .manual(
            "Prints the last ten reloads: when each ended, both generations and versions, how long \
             it took, the entries that were handed over and how many clients waited for the new \
             process; or why it failed. A reload hands the list over. HAProxy does not have the \
             command.",
            "show reloads",
        );

pub(in crate::admin::commands) const SHOW_TABLES: Command =
    command("show tables", "[json]", User, show_tables)
        .help("show how full the stick tables are, and the entries of each server")
        .manual(
            "Prints for each stick table how full it is, how many entries had to go before their \
             time because it was full, how many ended in time, its memory, and for each server of \
             the backends that stick with it the entries that name the server, beside the \
             server's weight. The entries are counted as they come and go. HAProxy does not have \
             the command.",
            "show tables json",
        );
