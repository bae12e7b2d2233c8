//! Samples and converters. Each row is a sample or converter with the result in both programs. A
//! content rule stores the result in an element of an array, so one connection evaluates a hundred
//! rows.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::lines::client_hello;
use crate::support::{Flavour, Node, Place, SOON, Server, connect_from, source, until};
use crate::{flavours, start};

/// The value of an element without a result.
const NOTHING: u32 = 777_777;

/// A sample, alone or in a comparison, and the result: a number, `-` for no result, `yes` or `no`.
pub type Row<S> = (S, &'static str);

/// The surroundings in which rows are evaluated.
#[derive(Debug, Default)]
pub struct Setting<'a> {
    /// Sections before the frontend `in`.
    pub sections: &'a str,
    /// The rules before the rows.
    pub rules: &'a [&'a str],
    /// The commands before the client connects.
    pub commands: &'a [&'a str],
    /// The number of connections to the `listen` section `held`, whose server takes one connection.
    pub held: usize,
    /// The bytes that the client sends.
    pub says: &'a [u8],
}

/// The rules that store the result of a row in an element.
fn rules(element: usize, row: &str) -> String {
    let set = format!("    tcp-request content sc-set-gpt({element},2)");
    let Some((sample, _)) = row.split_once(' ') else {
        return format!("{set} {NOTHING}\n{set} {row}\n");
    };
    format!("{set} {NOTHING}\n{set} 0 if {{ {sample} -m found }}\n{set} 1 if {{ {row} }}\n")
}

/// The form of an element in the rows.
fn shown(row: &str, element: &str) -> String {
    match (row.contains(' '), element) {
        (_, element) if element == NOTHING.to_string() => "-".to_owned(),
        (true, "0") => "no".to_owned(),
        (true, _) => "yes".to_owned(),
        (false, number) => number.to_owned(),
    }
}

/// Evaluates rows for one client. Returns the results, and the node for further checks.
pub fn evaluate<S: AsRef<str>>(
    flavour: Flavour,
    setting: &Setting<'_>,
    rows: &[Row<S>],
) -> (Vec<String>, Node, Place) {
    let place = Place::new();
    let (front, held) = (place.address(), place.address());
    let server = Server::greeting_echo(place.address(), "s1");
    let address = server.address();
    let mut body = format!(
        "{}\nbackend values\n    stick-table type ip size 1k store gpt(100)\n\
         backend out\n    server s1 {address}\n    server s2 {address} disabled\n\
         listen held\n    bind {held}\n    server h1 {address} maxconn 1 maxqueue 5\n\
         frontend in\n    bind {front}\n    default_backend out\n",
        setting.sections
    );
    body.extend(setting.rules.iter().map(|rule| format!("    {rule}\n")));
    body.push_str("    tcp-request content track-sc2 src table values\n");
    body.extend(rows.iter().enumerate().map(|(element, (row, _))| rules(element, row.as_ref())));
    let node = start(flavour, &place, "", &body);
    for command in setting.commands {
        assert_eq!(node.api().command(command).trim(), "", "{command}");
    }
    let _open: Vec<_> = (0..setting.held).map(|_| connect_from(source(9), held).unwrap()).collect();
    let queued = || node.api().stat("held", "BACKEND", "qcur");
    let waiting = setting.held.saturating_sub(1).to_string();
    until("the others wait", SOON, || queued() == waiting);
    let mut client = connect_from(source(1), front).unwrap();
    client.write_all(setting.says).unwrap();
    if setting.rules.iter().any(|rule| rule.contains("inspect-delay")) {
        // Nothing is waited for any more when everything has come.
        client.shutdown(Shutdown::Write).unwrap();
    }
    client.read_exact(&mut [0; 3]).unwrap();
    let entry = node.api().table("values").remove("127.1.0.1").unwrap();
    let seen = rows.iter().enumerate();
    let seen =
        seen.map(|(element, (row, _))| shown(row.as_ref(), &entry[&format!("gpt{element}")]));
    (seen.collect(), node, place)
}

/// Fails with every row whose result in the program differs.
#[track_caller]
pub fn check<S: AsRef<str>>(flavour: Flavour, rows: &[Row<S>], seen: &[String]) {
    assert_eq!(rows.len(), seen.len());
    let wrong = rows.iter().zip(seen).filter(|((_, expected), seen)| expected != seen);
    let wrong: String =
        wrong.map(|(row, seen)| format!("\n{} {}: {seen}", row.0.as_ref(), row.1)).collect();
    assert!(wrong.is_empty(), "{flavour:?}:{wrong}");
}

/// Compares the rows in every program.
#[track_caller]
pub fn compare<S: AsRef<str>>(setting: &Setting<'_>, rows: &[Row<S>]) {
    for flavour in flavours() {
        let (seen, ..) = evaluate(flavour, setting, rows);
        check(flavour, rows, &seen);
    }
}

#[test]
fn what_is_known_of_a_connection_and_of_proxies() {
    let rows = [
        ("always_true", "1"),
        ("always_false", "0"),
        ("always_true -m bool", "yes"),
        ("src 127.1.0.1", "yes"),
        ("src 127.1.0.2", "no"),
        ("src_port gt 1023", "yes"),
        ("src_is_local", "1"),
        ("dst 127.0.0.0/8", "yes"),
        ("dst 127.1.0.1", "no"),
        ("dst_port gt 1023", "yes"),
        ("dst_is_local", "1"),
        ("rand lt 4294967296", "yes"),
        ("rand(3) lt 3", "yes"),
        ("rand(1)", "0"),
        ("fe_name in", "yes"),
        ("fe_id", "5"),
        ("fe_conn", "1"),
        ("fe_conn(in)", "1"),
        ("fe_sess_rate", "1"),
        ("be_conn(out)", "0"),
        ("be_sess_rate(out)", "0"),
        ("nbsrv(out)", "1"),
        ("nbsrv(values)", "0"),
        ("queue(out)", "0"),
        ("srv_is_up(out/s1)", "1"),
        ("srv_is_up(out/s2)", "0"),
        ("srv_conn(out/s1)", "0"),
        ("table_cnt(values)", "1"),
        ("table_avl(values)", "1023"),
        ("req.len", "0"),
        ("req_len", "0"),
        ("req.ssl_sni", "-"),
        ("req.ssl_hello_type", "-"),
        ("wait_end", "1"),
        ("int(-1)", "4294967295"),
        ("int(4294967301)", "5"),
        ("bool(true)", "1"),
        ("bool(0)", "0"),
        ("str(7)", "7"),
        ("str() -m found", "yes"),
        ("ipv4(0.0.1.0)", "256"),
        ("ipv6(::1) ::1", "yes"),
    ];
    compare(&Setting::default(), &rows);
}

#[test]
fn an_exporter_before_them_does_not_change_which_frontends_are_meant() {
    let place = Place::new();
    let sections = format!(
        "frontend stats\n    mode http\n    no log\n    bind {}\n    \
         http-request use-service prometheus-exporter",
        place.address()
    );
    let rows = [("fe_conn(in)", "1"), ("fe_conn(held)", "0"), ("fe_sess_rate(in)", "1")];
    compare(&Setting { sections: &sections, ..Setting::default() }, &rows);
}

#[test]
fn open_and_waiting_connections_are_counted() {
    let rows = [
        ("fe_conn(held)", "3"),
        ("be_conn(held)", "3"),
        ("srv_conn(held/h1)", "1"),
        ("queue(held)", "2"),
        ("fe_sess_rate(held) gt 0", "yes"),
        ("be_sess_rate(held) gt 0", "yes"),
        ("nbsrv(held)", "1"),
        ("srv_is_up(held/h1)", "1"),
        ("avg_queue(held)", "2"),
        ("be_conn_free(held)", "0"),
        ("be_conn_free(out)", "4294967295"),
        ("be_conn_free(values)", "0"),
        ("connslots(held)", "5"),
        ("connslots(out)", "4294967295"),
        ("connslots(values)", "0"),
        ("srv_conn_free(held/h1)", "0"),
        ("srv_conn_free(out/s1)", "4294967295"),
        ("srv_queue(held/h1)", "0"),
        ("srv_sess_rate(held/h1) 0:1", "yes"),
        ("fe_conn(in)", "1"),
    ];
    compare(&Setting { held: 3, ..Setting::default() }, &rows);
    let rows = [("nbsrv(held)", "0"), ("srv_is_up(held/h1)", "0"), ("nbsrv(out)", "2")];
    let commands = ["disable server held/h1", "set server out/s2 state ready"];
    compare(&Setting { commands: &commands, ..Setting::default() }, &rows);
}

#[test]
fn free_connections_are_counted_up_to_the_limit_of_the_moment() {
    let sections =
        "backend growing\n    fullconn 1000\n    server s1 127.0.0.1:9 minconn 2 maxconn 9";
    let rows = [("srv_conn_free(growing/s1)", "2"), ("be_conn_free(growing)", "2")];
    compare(&Setting { sections, ..Setting::default() }, &rows);
}

#[test]
fn the_free_connections_of_a_backend_are_those_of_the_servers_that_new_clients_go_to() {
    let backup = "server b1 127.0.0.1:9 maxconn 5 backup\n    \
                  server b2 127.0.0.1:9 maxconn 6 backup\n";
    let sections = format!(
        "backend active\n    server s1 127.0.0.1:9 maxconn 3\n    \
             server s2 127.0.0.1:9 maxconn 4\n    {backup}\
         backend one\n    server s1 127.0.0.1:9 maxconn 3 disabled\n    {backup}\
         backend all\n    option allbackups\n    {backup}\
         backend some\n    server s1 127.0.0.1:9 maxconn 3 weight 0\n    \
             server s2 127.0.0.1:9 maxconn 4\n    server s3 127.0.0.1:9 disabled\n\
         backend none\n    server s1 127.0.0.1:9 maxconn 3 weight 0"
    );
    let rows = [
        ("be_conn_free(active)", "7"),
        ("be_conn_free(one)", "5"),
        ("be_conn_free(all)", "11"),
        ("be_conn_free(some)", "4"),
        ("be_conn_free(none)", "0"),
    ];
    compare(&Setting { sections: &sections, ..Setting::default() }, &rows);
}

#[test]
fn what_a_client_has_sent_is_there_at_the_first_look_or_waited_for() {
    let rows = [
        ("req.payload(4,1) -m found", "yes"),
        ("req.len", "5"),
        ("req_len", "5"),
        ("req.len 5", "yes"),
        ("req.payload(0,0) -m str hello", "yes"),
        ("req.payload(1,2) -m bin 656c", "yes"),
        ("req.payload(1,2),hex 656C", "yes"),
        ("req.payload(5,0) -m len 0", "yes"),
        ("req.payload(6,0) -m found", "-"),
        ("req.payload(3,9) -m found", "-"),
        ("req.payload(0,5),crc32", "907060870"),
        ("req.ssl_hello_type", "-"),
        ("req_ssl_hello_type", "-"),
        ("req.ssl_ver", "-"),
        ("req_ssl_ver", "-"),
        ("req_ssl_sni", "-"),
        ("wait_end", "1"),
    ];
    let wait = ["tcp-request inspect-delay 5s"];
    compare(&Setting { rules: &wait, says: b"hello", ..Setting::default() }, &rows);
}

#[test]
fn a_tls_hello_tells_its_type_version_and_name() {
    let rows = [
        ("req.ssl_hello_type 1", "yes"),
        ("req_ssl_hello_type", "1"),
        ("req.ssl_ver", "196611"),
        ("req_ssl_ver 3.3", "yes"),
        ("req.ssl_ver 3.1:3.2", "no"),
        ("req.ssl_ver 3.1:", "yes"),
        ("req.ssl_ver gt 3 lt 4", "yes"),
        ("req_ssl_ver 3.0-3.1", "no"),
        ("req.ssl_ver 3.1-3.3", "yes"),
        ("req.ssl_ver 3.2-", "yes"),
        ("req.len 1-60000", "yes"),
        ("req.len 1-2", "no"),
        ("payload(0,3),length", "3"),
        ("req.ssl_ver 3", "no"),
        ("req.ssl_ver -m int 196611", "yes"),
        ("req.ssl_sni www.example.org", "yes"),
        ("req_ssl_sni,length", "15"),
        ("req.payload(0,1) -m bin 16", "yes"),
    ];
    let wait = ["tcp-request inspect-delay 5s"];
    let hello = client_hello("www.example.org");
    compare(&Setting { rules: &wait, says: &hello, ..Setting::default() }, &rows);
}

#[test]
fn converters_make_numbers() {
    compare(
        &Setting::default(),
        &[
            ("int(5),add(3)", "8"),
            ("int(-5),add(3)", "4294967294"),
            ("int(5),sub(7),add(10)", "8"),
            ("int(6),mul(7)", "42"),
            ("int(100),div(7)", "14"),
            ("int(-7),div(2),add(10)", "7"),
            ("int(5),div(0)", "4294967295"),
            ("int(100),mod(7)", "2"),
            ("int(-7),mod(4),add(10)", "7"),
            ("int(7),mod(-4),add(10)", "13"),
            ("int(5),mod(0)", "0"),
            ("int(9223372036854775807),add(1),mod(1000)", "807"),
            ("int(-9223372036854775808),sub(1),mod(1000),add(2000)", "1192"),
            ("int(9223372036854775807),mul(2),mod(1000)", "807"),
            ("int(-9223372036854775808),div(-1),mod(1000)", "807"),
            ("int(-9223372036854775808),neg,mod(1000)", "807"),
            ("int(12),and(10)", "8"),
            ("int(12),or(3)", "15"),
            ("int(12),xor(10)", "6"),
            ("int(5),not", "0"),
            ("int(0),not", "1"),
            ("int(-7),not", "0"),
            ("int(5),bool", "1"),
            ("int(0),bool", "0"),
            ("int(5),neg", "4294967291"),
            ("int(-5),neg", "5"),
            ("int(5),cpl,add(10)", "4"),
            ("int(5),odd", "1"),
            ("int(-4),odd", "0"),
            ("int(4),even", "1"),
            ("bool(true),add(3)", "4"),
            ("bool(true),cpl", "4294967294"),
            ("ipv4(0.0.0.5),add(1)", "6"),
            ("str(12),add(3)", "15"),
            ("str(12x),add(3)", "15"),
            ("str(x),add(3)", "3"),
            ("str(0x10),add(1)", "1"),
            ("str(+5),add(0)", "5"),
            ("str(-3),add(5)", "2"),
            ("str(--5),add(0)", "0"),
            ("str(99999999999999999999),mod(1000)", "807"),
            ("str(),add(0)", "-"),
            ("str(abc),not", "1"),
            ("str(abc),length", "3"),
            ("str(),length", "0"),
            ("int(-12),length", "3"),
            ("bool(true),length", "1"),
            ("ipv4(1.2.3.4),length", "7"),
            ("ipv6(2001:db8::1),length", "11"),
            ("str(abc),crc32", "891568578"),
            ("str(abc),crc32(1)", "930845320"),
            ("str(),crc32", "0"),
            ("int(5),crc32", "357051366"),
            ("bool(true),crc32", "304476159"),
            ("ipv4(1.2.3.4),crc32", "3057449933"),
            ("ipv6(::1),crc32", "2612820931"),
            ("str(abc),djb2", "193485963"),
            ("str(abc),djb2(1)", "2235766107"),
            ("str(abc),sdbm", "807794786"),
            ("str(abc),sdbm(1)", "659243622"),
        ],
    );
}

#[test]
fn converters_make_texts_and_addresses() {
    compare(
        &Setting::default(),
        &[
            ("str(aBc),lower abc", "yes"),
            ("str(aBc),upper ABC", "yes"),
            ("ipv4(1.2.3.4),lower 1.2.3.4", "yes"),
            ("str(abc),hex 616263", "yes"),
            ("int(5),hex 0000000000000005", "yes"),
            ("ipv4(1.2.3.4),hex 01020304", "yes"),
            ("str(abcdef),bytes(2) -m str cdef", "yes"),
            ("str(abcdef),bytes(2,2) -m str cd", "yes"),
            ("str(abcdef),bytes(4,9) -m str ef", "yes"),
            ("str(abc),bytes(5) -m found", "yes"),
            ("str(abc),bytes(5),length", "0"),
            ("ipv4(1.2.3.4),bytes(1,2) -m bin 0203", "yes"),
            ("int(5),bytes(6),hex 0005", "yes"),
            ("str(a_b_c__e),field(1,_) a", "yes"),
            ("str(a_b_c__e),field(4,_),length", "0"),
            ("str(a_b_c__e),field(5,_) e", "yes"),
            ("str(a_b_c__e),field(6,_) -m found", "-"),
            ("str(a_b_c__e),field(2,_,0) b_c__e", "yes"),
            ("str(a_b_c__e),field(2,_,2) b_c", "yes"),
            ("str(a_b_c__e),field(2,c_,2) b_", "yes"),
            ("str(a_b_c__e),field(4,_,9) _e", "yes"),
            ("str(a_b_c__e),field(-1,_) e", "yes"),
            ("str(a_b_c__e),field(-2,_,3) b_c_", "yes"),
            ("str(a_b_c__e),field(-3,_,0) a_b_c", "yes"),
            ("str(a_b_c__e),field(-4,_,9) a_b", "yes"),
            ("str(a_b_c__e),field(-6,_) -m found", "-"),
            ("str(),field(1,_),length", "0"),
            ("str(_),field(3,_) -m found", "-"),
            ("int(1232),field(-1,3)", "2"),
            ("ipv4(10.1.2.3),ipmask(24) 10.1.2.0", "yes"),
            ("ipv4(10.1.2.3),ipmask(0) 0.0.0.0", "yes"),
            ("ipv4(10.1.2.3),ipmask(32) 10.1.2.3", "yes"),
            ("ipv4(10.1.2.3),ipmask(255.255.0.0) 10.1.0.0", "yes"),
            ("ipv4(10.1.2.3),ipmask(255.0.255.0) 10.0.2.0", "yes"),
            ("ipv4(10.1.2.3),ipmask(24,64) 10.1.2.0", "yes"),
            ("ipv6(2001:db8:1:2:3::4),ipmask(24,64) 2001:db8:1:2::", "yes"),
            ("ipv6(2001:db8:1:2:3::4),ipmask(24,ffff:ffff::) 2001:db8::", "yes"),
            ("ipv6(2001:db8:1:2:3::4),ipmask(24) -m found", "-"),
            ("str(10.1.2.3),ipmask(8) 10.0.0.0", "yes"),
            ("str(2001:db8::1),ipmask(8,32) 2001:db8::", "yes"),
            ("src,ipmask(24) 127.1.0.0", "yes"),
            ("src,in_table(values)", "1"),
            ("ipv4(9.9.9.9),in_table(values)", "0"),
        ],
    );
}

#[test]
fn samples_are_compared_in_every_way() {
    compare(
        &Setting::default(),
        &[
            ("int(7) 5:9", "yes"),
            ("int(7) :9", "yes"),
            ("int(7) 8:", "no"),
            ("int(7) ge 3 le 5", "yes"),
            ("int(7) lt 3 gt 5", "yes"),
            ("int(7) 3 7 9", "yes"),
            ("int(7) eq 6", "no"),
            ("int(-1) lt 0", "yes"),
            ("int(5) -m str 5", "yes"),
            ("int(5) -m len 1", "yes"),
            ("int(5) -m bool", "yes"),
            ("int(5) -m ip 0.0.0.5", "yes"),
            ("bool(true) -m int 1", "yes"),
            ("bool(true) -m str 1", "yes"),
            ("str(5) -m int 5", "yes"),
            ("str(5x) -m int 5", "yes"),
            ("str(a) -m bool", "no"),
            ("str(1) -m bool", "yes"),
            ("str(1.2.3.4) -m ip 1.2.3.0/24", "yes"),
            ("str(abc) abc", "yes"),
            ("str(abc) ABC", "no"),
            ("str(abc) -i ABC", "yes"),
            ("str(abc) -m beg ab", "yes"),
            ("str(abc) -m sub b", "yes"),
            ("str(abc) -m end bc", "yes"),
            ("str(abc) -i -m end BC", "yes"),
            ("str(abcdef),bytes(2,2) -m bin 6364", "yes"),
            ("ipv4(10.1.2.3) 10.1.0.0/16", "yes"),
            ("ipv4(10.1.2.3) 10.1.0.0/255.255.0.0", "yes"),
            ("ipv4(10.1.2.3) -m str 10.1.2.3", "yes"),
            ("ipv4(10.1.2.3) -m beg 10.1", "yes"),
            ("ipv6(::ffff:1.2.3.4) 1.2.3.4", "yes"),
            ("ipv4(1.2.3.4) ::ffff:1.2.3.4", "yes"),
        ],
    );
}

#[test]
fn samples_match_regular_expressions_of_pcre2() {
    compare(
        &Setting {
            rules: &["tcp-request inspect-delay 5s"],
            says: b"220 mail.example.org\r\n",
            ..Setting::default()
        },
        &[
            ("str(abc) -m reg ^a.c$", "yes"),
            ("str(abc) -m reg B", "no"),
            ("str(abc) -i -m reg B", "yes"),
            ("str(abc) -m reg x y ^ab", "yes"),
            ("str(abc) -m reg ^(?!b)", "yes"),
            ("str(a-b) -m reg ^[[:alnum:]]+-\\\\w$", "yes"),
            ("int(420) -m reg ^4.0$", "yes"),
            ("src -m reg ^127\\\\.", "yes"),
            ("ipv6(::1) -m reg ^::1$", "yes"),
            ("req.payload(0,0) -m reg ^220.*$", "yes"),
            ("req.payload(0,0) -m reg '^(220|250) \\S+\\s*$'", "yes"),
            ("req.payload(0,0) -m reg org$", "no"),
            ("req.payload(0,0) -m reg '(?i)MAIL\\.(?=example)'", "yes"),
            ("req.payload(0,3) -m reg ^220$", "yes"),
        ],
    );
}
