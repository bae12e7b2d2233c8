//! The tables that peers and predecessors change, and what is true of them whatever was received.

use stickd::config::{Config, PeersSection, StickTable};
use stickd::peers::{Section, Session};
use stickd::table::{NAMES_MAX, Tables};

use super::{NOW_MS, load};

/// How many entries a table has room for.
const SIZE: u32 = 40;

thread_local! {
    static CONFIG: Config = config();
}

/// Tables of each type, with all that a table can store, under the names of the captured streams.
fn config() -> Config {
    let counters = "gpt0,gpc0,gpc0_rate(10s),conn_cnt,conn_rate(10s),conn_cur,sess_cnt,\
                    sess_rate(10s),http_req_cnt,http_req_rate(10s),http_err_cnt,\
                    http_err_rate(10s),bytes_in_cnt,bytes_in_rate(10s),bytes_out_cnt,\
                    bytes_out_rate(10s),gpc1,gpc1_rate(60s),http_fail_cnt,http_fail_rate(1h)";
    let all = format!("server_id,server_key,{counters}");
    let mut text =
        "peers mypeers\n peer a 127.0.0.1:1\n peer b 127.0.0.1:2\n peer c 127.0.0.1:3\n \
                    table t1 type ip size 40 expire 5m store gpc0\n \
                    table t2 type string len 10 size 40 expire 5m store gpc0,conn_rate(3s)\n"
            .to_owned();
    for (name, words) in [
        ("t1", format!("type ip size {SIZE} expire 10m store {all}")),
        ("t2", format!("type ipv6 size {SIZE} expire 10m store server_id,server_key,gpc0")),
        ("t3", format!("type string len 20 size {SIZE} expire 5m store gpt0,server_key")),
        ("t4", format!("type integer size {SIZE} expire 5m store gpt(3),gpc(4),gpc_rate(2,10s)")),
        ("t5", format!("type binary len 8 size {SIZE} nopurge store server_id,server_key")),
        ("t6", format!("type ip size {SIZE} expire 1m store {all} recv-only origins")),
    ] {
        text += &format!("backend {name}\n stick-table {words} peers mypeers\n");
    }
    load(&text).config
}

/// The section of peers: `a` is this node, `b` and `c` are others.
pub(super) fn declaration() -> PeersSection {
    CONFIG.with(|config| config.peers.first().cloned()).expect("there is a section")
}

/// The declarations of all tables.
pub(super) fn declarations() -> Vec<StickTable> {
    CONFIG.with(|config| config.tables.clone())
}

pub(super) fn tables() -> Tables {
    CONFIG.with(|config| Tables::new(&config.tables)).expect("there is memory")
}

/// What holds whatever was received.
pub(super) fn check(tables: &Tables) {
    assert!(tables.names().len() <= NAMES_MAX);
    for id in tables.ids() {
        let table = tables.get(id);
        let mut rows = 0;
        let mut cursor = None;
        while let Some(row) = table.next_row(cursor) {
            cursor = Some(row);
            rows += 1;
            let max = usize::try_from(table.declaration().key_len).expect("a key is short");
            assert!(table.key(row).len() <= max, "a key of {} bytes", table.key(row).len());
            if !table.is_blank(row) && table.is_live(row, NOW_MS) {
                assert_eq!(table.find(table.key(row), NOW_MS), Some(row), "a lost entry");
            }
        }
        assert!(rows == table.used() && rows <= SIZE, "{rows} entries");
    }
}

/// All entries, as a successor is taught them.
pub(super) fn taught(tables: &mut Tables) -> Vec<u8> {
    let mut section = Section::for_handover(tables, 1000);
    let mut session = Session::handover_teacher(&mut section, tables, NOW_MS);
    session.finish_handover();
    let mut all = Vec::new();
    while let Some(bytes) = session.poll_transmit(&mut section, tables, NOW_MS) {
        all.extend_from_slice(bytes);
        let len = bytes.len();
        session.handle_sent(len, NOW_MS);
        assert!(all.len() < 1 << 20, "a successor is taught without end");
    }
    session.handle_closed(stickd::peers::Closed::ByUs, &mut section, tables, NOW_MS);
    all
}
