//! The rows of the table of commands.

use super::drain::drain_server;
use super::{save_tables, show_mesh, show_reloads, show_stick, show_tables};
use crate::admin::commands::command::Change::Lost;
use crate::admin::commands::command::{Command, command};
use crate::config::Level::{Admin, Operator, User};

pub(in crate::admin::commands) const DRAIN_SERVER: Command =
    command("drain server", "<bk>/<srv> [<rate>]", Admin, drain_server)
        .syntax("<backend>/<server> [<entries per second>]")
        .changes(Lost)
        .help("give up the stick entries of a server at a rate (0 stops)")
        .manual(
            "Gives up the stick entries of a server, so many in a second (without a number 100), \
             until none is left or the rate is set to 0, so that its clients move to other servers \
             little by little. A server in the state `ready` is put into the state `drain` first: \
             it gets no new clients. The answer says how many entries are left, and `show tables` \
             says it later. Open connections stay. An entry that stores nothing else ends within a \
             second, and peers are told to end it too; the protocol has no other way to remove \
             it there. Peers keep it if its table has no `expire` or one of 10 s or less, if the \
             entry stores more than the server, if they speak the protocol's version 2.0, or if \
             they are not connected: give them the same command. A peer that is HAProxy is told, \
             but goes on using its entry until the time is over that the entry had before. A \
             reload forgets the rate. HAProxy does not have the command.",
            "drain server web/s1 50",
        );

pub(in crate::admin::commands) const SAVE_TABLES: Command =
    command("save tables", "", Admin, save_tables)
        .help("write the stick tables that are saved to their files now")
        .manual(
            "Writes the tables with `save`, and with `tables-dir` all, to their files now, beside \
             the loop. The answer does not wait; `show tables` says when each was saved, or why \
             not. HAProxy does not have the command.",
            "save tables",
        );

pub(in crate::admin::commands) const SHOW_STICK: Command =
    command("show stick", "<key> [<table>] [json]", Operator, show_stick)
        .help("show the server that a key is stuck to, since when and by whom")
        .manual(
            "Prints the entries of a key in all stick tables that store servers, or in one table: \
             the server of each backend that uses the table, when the entry ends and when it was \
             used last. For a table that is declared with `origins` it also prints since when the \
             entry names the server, and which stick rule, peer or command has said so; a reload \
             hands the entries over without that. HAProxy does not have the command.",
            "show stick 192.0.2.7 web json",
        );

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
             server's weight. The entries are counted as they come and go. A table that is saved \
             has a line on its file: when it was saved last, with how many entries and bytes, \
             and why the last save failed. HAProxy does not have the command.",
            "show tables json",
        );
