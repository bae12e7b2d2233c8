//! Samples about entries of stick tables: the value of each data type in every family of samples,
//! the value for a missing entry, and the samples that count.

use crate::rules::samples::{Row, Setting, check, compare, evaluate};
use crate::support::{Place, Server, ask, source};
use crate::{flavours, start};

/// A table with every data type of HAProxy 2.6 except arrays, and other tables that lack some
/// types.
const TABLES: &str = "backend full
    stick-table type ip size 1k expire 1h store server_id,gpt0,gpc0,gpc0_rate(1h),gpc1,\
gpc1_rate(1h),conn_cnt,conn_rate(1h),conn_cur,sess_cnt,sess_rate(1h),http_req_cnt,\
http_req_rate(1h),http_err_cnt,http_err_rate(1h),http_fail_cnt,http_fail_rate(1h),bytes_in_cnt,\
bytes_in_rate(1h),bytes_out_cnt,bytes_out_rate(1h)
backend arrays
    stick-table type ip size 1k expire 1h store gpc(3),gpc_rate(3,1h),gpt(3),conn_cnt
backend bare
    stick-table type ip size 1k expire 1h store conn_cnt
backend texts
    stick-table type string size 1k expire 1h store gpc0,conn_cnt
";

/// The facts about an entry: the name of the sample, the words that set the value in the table, and
/// the value of the sample.
const FACTS: [(&str, &str, &str); 20] = [
    ("bytes_in_rate", "data.bytes_in_rate 2600", "2600"),
    ("bytes_out_rate", "data.bytes_out_rate 2800", "2800"),
    ("kbytes_in", "data.bytes_in_cnt 25000", "24"),
    ("kbytes_out", "data.bytes_out_cnt 27648", "27"),
    ("conn_cnt", "data.conn_cnt 14", "14"),
    ("conn_cur", "data.conn_cur 16", "16"),
    ("conn_rate", "data.conn_rate 150", "150"),
    ("sess_cnt", "data.sess_cnt 17", "17"),
    ("sess_rate", "data.sess_rate 180", "180"),
    ("http_req_cnt", "data.http_req_cnt 19", "19"),
    ("http_req_rate", "data.http_req_rate 200", "200"),
    ("http_err_cnt", "data.http_err_cnt 21", "21"),
    ("http_err_rate", "data.http_err_rate 220", "220"),
    ("http_fail_cnt", "data.http_fail_cnt 23", "23"),
    ("http_fail_rate", "data.http_fail_rate 240", "240"),
    ("gpt0", "data.gpt0 4294967295", "4294967295"),
    ("gpc0", "data.gpc0 12", "12"),
    ("gpc1", "data.gpc1 29", "29"),
    ("gpc0_rate", "data.gpc0_rate 130", "130"),
    ("gpc1_rate", "data.gpc1_rate 300", "300"),
];

/// The name of a fact after `src_` and `sc_`.
fn got(fact: &str) -> String {
    if matches!(fact, "gpt0" | "gpc0" | "gpc1") { format!("get_{fact}") } else { fact.to_owned() }
}

/// The command that sets every value of an entry of `full`.
fn filled(key: &str) -> String {
    let values = FACTS.map(|(_, value, _)| value).join(" ");
    format!("set table full key {key} data.server_id 7 {values}")
}

#[test]
fn every_data_type_is_read_from_the_entry_of_a_source_or_of_a_key() {
    let mut rows: Vec<Row<String>> = Vec::new();
    for (fact, _, value) in FACTS {
        rows.push((format!("src_{}(full)", got(fact)), value));
        rows.push((format!("src,table_{fact}(full)"), value));
        rows.push((format!("str(10.0.0.1),table_{fact}(full)"), value));
    }
    for (sample, value) in [
        ("src,table_server_id(full)", "7"),
        ("src,table_trackers(full)", "1"),
        ("src,in_table(full)", "1"),
        ("str(x),in_table(texts)", "0"),
    ] {
        rows.push((sample.to_owned(), value));
    }
    let commands = [filled("127.1.0.1"), filled("10.0.0.1")];
    let commands = commands.each_ref().map(String::as_str);
    compare(&Setting { sections: TABLES, commands: &commands, ..Setting::default() }, &rows);
}

#[test]
fn every_data_type_is_read_from_a_tracked_entry() {
    let mut rows: Vec<Row<String>> = Vec::new();
    for (fact, _, value) in FACTS {
        let value = match fact {
            "conn_cnt" => "16",
            "conn_cur" => "18",
            "conn_rate" => "152",
            "sess_cnt" => "18",
            "sess_rate" => "181",
            _ => value,
        };
        for sample in ["sc_X(0)", "sc0_X", "sc1_X", "sc2_X(full)"] {
            rows.push((sample.replace('X', &got(fact)), value));
        }
    }
    for (sample, value) in [
        ("sc_tracked(0)", "1"),
        ("sc0_tracked", "1"),
        ("sc1_tracked", "1"),
        ("sc2_tracked", "1"),
        ("sc_tracked(2,bare)", "1"),
        ("sc_trackers(0)", "2"),
        ("sc0_trackers", "2"),
        ("sc1_trackers", "2"),
        ("sc2_trackers", "1"),
        ("sc2_trackers(full)", "2"),
        ("src,table_trackers(full)", "3"),
    ] {
        rows.push((sample.to_owned(), value));
    }
    let rules = [
        "tcp-request content track-sc0 src table full",
        "tcp-request session track-sc1 src table full",
    ];
    let commands = [filled("127.1.0.1")];
    let commands = commands.each_ref().map(String::as_str);
    let setting =
        Setting { sections: TABLES, rules: &rules, commands: &commands, ..Setting::default() };
    compare(&setting, &rows);
}

#[test]
fn entries_that_are_missing_or_store_less_say_so() {
    let mut rows: Vec<Row<String>> = Vec::new();
    for (fact, ..) in FACTS {
        // No entry; nothing tracked; an entry without the value.
        rows.push((format!("src_{}(full)", got(fact)), "0"));
        rows.push((format!("ipv4(9.9.9.9),table_{fact}(full)"), "0"));
        rows.push((format!("sc0_{}", got(fact)), "-"));
        let bare = if fact == "conn_cnt" { "1" } else { "-" };
        rows.push((format!("sc1_{}", got(fact)), bare));
    }
    for (sample, value) in [
        ("src,table_gpc0(bare)", "-"),
        ("src_get_gpc0(bare)", "-"),
        ("src_get_gpc0(texts)", "0"),
        ("sc1_get_gpc0(full)", "0"),
        ("sc0_get_gpc0(full)", "-"),
        ("sc0_tracked", "0"),
        ("sc0_tracked(bare)", "0"),
        ("sc1_tracked(full)", "1"),
        ("sc0_trackers", "-"),
        ("sc1_trackers(full)", "0"),
        ("src_get_gpt(0,arrays)", "0"),
        ("src,table_gpc_rate(2,arrays)", "0"),
    ] {
        rows.push((sample.to_owned(), value));
    }
    let rules = ["tcp-request content track-sc1 src table bare"];
    compare(&Setting { sections: TABLES, rules: &rules, ..Setting::default() }, &rows);
}

#[test]
fn samples_that_count_change_their_entry() {
    let rows = [
        ("sc_inc_gpc0(0)", "1"),
        ("sc0_inc_gpc0", "2"),
        ("sc_inc_gpc1(0)", "1"),
        ("sc0_inc_gpc1", "2"),
        ("src_inc_gpc0(full)", "3"),
        ("src_inc_gpc1(full)", "3"),
        ("sc0_get_gpc0", "3"),
        ("sc0_gpc0_rate", "3"),
        ("src_clr_gpc0(full)", "3"),
        ("sc0_get_gpc0", "0"),
        ("sc_clr_gpc1(0)", "3"),
        ("sc0_clr_gpc1", "0"),
        ("sc0_gpc1_rate", "3"),
        ("sc1_inc_gpc0", "-"),
        ("sc1_clr_gpc0", "-"),
        ("src_updt_conn_cnt(full)", "2"),
        ("src_updt_conn_cnt(full)", "3"),
        ("src_conn_rate(full)", "1"),
        ("src_updt_conn_cnt(bare)", "1"),
        ("src_updt_conn_cnt(texts)", "1"),
        ("src_updt_conn_cnt(arrays)", "1"),
        ("src_inc_gpc0(texts)", "1"),
        ("src_clr_gpc0(texts)", "1"),
        ("src_inc_gpc0(bare)", "0"),
        ("src_clr_gpc0(bare)", "-"),
        ("sc0_inc_gpc0(texts)", "0"),
        ("sc0_inc_gpc0(none)", "0"),
    ];
    let sections =
        format!("{TABLES}backend none\n    stick-table type ip size 1k expire 1h store gpc0\n");
    let rules = ["tcp-request content track-sc0 src table full"];
    for flavour in flavours() {
        let setting = Setting { sections: &sections, rules: &rules, ..Setting::default() };
        let (seen, node, _place) = evaluate(flavour, &setting, &rows);
        check(flavour, &rows, &seen);
        let api = node.api();
        assert_eq!(api.used("none"), 0, "{flavour:?}: only looked up");
        let entry = &api.table("full")["127.1.0.1"];
        let fields = ["gpc0", "gpc1", "gpc0_rate(3600000)", "conn_cnt", "conn_rate(3600000)"];
        let values = fields.map(|field| entry[field].as_str());
        assert_eq!(values, ["0", "0", "3", "3", "1"], "{flavour:?}");
    }
}

#[test]
fn elements_of_arrays_stand_in_for_single_counters() {
    let rows = [
        ("sc_get_gpc(0,0)", "2"),
        ("sc_inc_gpc(0,0)", "3"),
        ("sc_inc_gpc(1,0)", "1"),
        ("sc_inc_gpc(2,0)", "1"),
        ("sc_inc_gpc(2,0)", "2"),
        ("sc_inc_gpc(3,0)", "0"),
        ("sc_get_gpc(3,0)", "-"),
        ("sc_get_gpc(2,0)", "2"),
        ("sc_gpc_rate(2,0)", "2"),
        ("sc_gpc_rate(0,0)", "3"),
        ("sc_clr_gpc(2,0)", "2"),
        ("sc_clr_gpc(2,0)", "0"),
        ("sc_get_gpt(0,0)", "5"),
        ("sc_get_gpt(1,0)", "99"),
        ("sc_get_gpt(3,0)", "-"),
        ("src_get_gpc(1,arrays)", "1"),
        ("src_inc_gpc(1,arrays)", "2"),
        ("src_gpc_rate(1,arrays)", "2"),
        ("src_clr_gpc(1,arrays)", "2"),
        ("src_get_gpt(1,arrays)", "99"),
        ("src,table_gpc(0,arrays)", "3"),
        ("src,table_gpc_rate(0,arrays)", "3"),
        ("src,table_gpt(1,arrays)", "99"),
        ("src,table_gpc(5,arrays)", "-"),
        ("sc0_inc_gpc0", "4"),
        ("sc0_inc_gpc1", "1"),
        ("sc0_get_gpc0", "4"),
        ("sc0_get_gpc1", "1"),
        ("sc0_gpc0_rate", "4"),
        ("sc0_gpc1_rate", "3"),
        ("sc0_get_gpt0", "5"),
        ("src,table_gpc0(arrays)", "4"),
        ("src,table_gpc1(arrays)", "1"),
        ("src,table_gpt0(arrays)", "5"),
        ("src,table_gpc0_rate(arrays)", "4"),
        ("src,table_gpc1_rate(arrays)", "3"),
        ("src_inc_gpc0(arrays)", "5"),
        ("src_clr_gpc1(arrays)", "1"),
        ("src_get_gpt0(arrays)", "5"),
        ("sc_inc_gpc(0,0,bare)", "0"),
    ];
    let rules = [
        "tcp-request content track-sc0 src table arrays",
        "tcp-request content sc-inc-gpc(0,0)",
        "tcp-request content sc-inc-gpc0(0)",
        "tcp-request content sc-set-gpt(1,0) 99",
        "tcp-request content sc-set-gpt0(0) 5",
    ];
    compare(&Setting { sections: TABLES, rules: &rules, ..Setting::default() }, &rows);
}

/// Every kind of value as a key of every type of table, and the key in the table; `-` for no entry.
#[test]
fn values_become_keys_as_haproxy_converts_them() {
    const TYPES: [&str; 5] = ["ip", "ipv6", "integer", "string len 5", "binary len 6"];
    let cases: [(&str, [&str; 5]); 13] = [
        ("src", ["127.1.0.1", "::ffff:127.1.0.1", "2130771969", "127.1", "7F0100010000"]),
        ("int(5)", ["0.0.0.5", "::ffff:0.0.0.5", "5", "5", ""]),
        ("int(-5)", ["255.255.255.251", "::ffff:255.255.255.251", "4294967291", "-5", ""]),
        ("int(4294967299)", ["0.0.0.3", "::ffff:0.0.0.3", "3", "42949", ""]),
        ("str(abc)", ["-", "-", "0", "abc", "616263000000"]),
        ("str(7x)", ["-", "-", "7", "7x", "377800000000"]),
        ("str(1.2.3.4)", ["1.2.3.4", "-", "1", "1.2.3", "312E322E332E"]),
        ("str(2001:db8::5)", ["-", "2001:db8::5", "2001", "2001:", "323030313A64"]),
        ("str(abcdefghij)", ["-", "-", "0", "abcde", "616263646566"]),
        ("bool(true)", ["", "", "1", "1", ""]),
        ("ipv6(::ffff:1.2.3.4)", ["1.2.3.4", "::ffff:1.2.3.4", "", "::fff", "000000000000"]),
        ("src,hex", ["-", "-", "7", "7F010", "374630313030"]),
        ("int(7),mul(2)", ["0.0.0.14", "::ffff:0.0.0.14", "14", "14", ""]),
    ];
    let pairs = cases.iter().flat_map(|(sample, keys)| {
        let of_types = TYPES.iter().zip(keys).filter(|(_, key)| !key.is_empty());
        of_types.map(move |(kind, key)| (*sample, *kind, *key))
    });
    let pairs: Vec<_> = pairs.collect();
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let mut body = format!("backend out\n    server s1 {}\n", server.address());
        let mut fronts = Vec::new();
        for (number, (sample, kind, _)) in pairs.iter().enumerate() {
            let front = place.address();
            body.push_str(&format!(
                "frontend f{number}\n    bind {front}\n    default_backend out\n    \
                 stick-table type {kind} size 1k expire 1h store conn_cnt\n    \
                 tcp-request content track-sc0 {sample}\n"
            ));
            fronts.push(front);
        }
        let node = start(flavour, &place, "", &body);
        for (number, ((sample, kind, key), front)) in pairs.iter().zip(fronts).enumerate() {
            ask(source(1), front).unwrap();
            let table = node.api().table(&format!("f{number}"));
            let shown = table.keys().next().map_or("-", String::as_str);
            assert_eq!(shown, *key, "{flavour:?}: {sample} in a table of type {kind}");
        }
    }
}
