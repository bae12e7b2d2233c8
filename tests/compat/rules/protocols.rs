//! Messages of MQTT and FIX, and stickiness by what they say.

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::samples::{Row, Setting, compare};
use crate::support::{Place, SOON, Server, connect_from, source};
use crate::{flavours, start};

const WAIT: [&str; 1] = ["tcp-request inspect-delay 5s"];

#[track_caller]
fn compare_for(says: &[u8], rows: &[Row<String>]) {
    let first = (format!("req.len ge {}", says.len()), "yes");
    let rows: Vec<_> = std::iter::once(first).chain(rows.iter().cloned()).collect();
    compare(&Setting { rules: &WAIT, says, ..Setting::default() }, &rows);
}

fn mqtt(packet: &str, field: &str, value: &str) -> Row<String> {
    let sample = format!("req.payload(0,0),mqtt_field_value({packet},{field})");
    match value {
        "-" => (format!("{sample} -m found"), "-"),
        value => (format!("{sample} -m str {value}"), "yes"),
    }
}

fn is_valid(converter: &str, result: &'static str) -> Row<String> {
    match result {
        "-" => (format!("req.payload(0,0),{converter} -m found"), "-"),
        result => (format!("req.payload(0,0),{converter}"), result),
    }
}

fn counted(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&len[..], text].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first, u8::try_from(body.len()).unwrap()];
    packet.extend(body);
    packet
}

/// A CONNECT of version 3.1.1 with these flags and these strings at the end.
fn connect(flags: u8, strings: &[&[u8]]) -> Vec<u8> {
    let mut body = [&b"\0\x04MQTT\x04"[..], &[flags], &[0, 60]].concat();
    body.extend(strings.iter().flat_map(|text| counted(text)));
    packet(0x10, &body)
}

#[test]
fn the_fields_of_mqtt_packets_of_version_3() {
    let full = connect(0xc6, &[b"me", b"topic", b"bye", b"joe", b"secret"]);
    let rows = [
        is_valid("mqtt_is_valid", "1"),
        mqtt("connect", "protocol_name", "MQTT"),
        mqtt("connect", "protocol_version", "4"),
        mqtt("connect", "flags", "198"),
        mqtt("connect", "keepalive", "60"),
        mqtt("connect", "client_identifier", "me"),
        mqtt("CONNECT", "will_topic", "topic"),
        mqtt("1", "will_payload", "bye"),
        mqtt("connect", "username", "joe"),
        mqtt("connect", "password", "secret"),
        mqtt("connect", "17", "-"),
        mqtt("connack", "flags", "-"),
    ];
    compare_for(&full, &rows);
    let rows = [
        is_valid("mqtt_is_valid", "1"),
        mqtt("connect", "client_identifier", "-"),
        mqtt("connect", "will_topic", "-"),
        mqtt("connect", "username", "-"),
    ];
    compare_for(&connect(2, &[b""]), &rows);
    let rows = [
        is_valid("mqtt_is_valid", "1"),
        mqtt("connack", "protocol_version", "4"),
        mqtt("connack", "flags", "1"),
        mqtt("connack", "reason_code", "5"),
        mqtt("connect", "flags", "-"),
    ];
    compare_for(&packet(0x20, &[1, 5]), &rows);
}

#[test]
fn the_properties_of_mqtt_packets_of_version_5() {
    let mut body = b"\0\x04MQTT\x05\x86\0\x0a".to_vec();
    body.extend(b"\x0f\x11\0\0\0\x0a\x21\0\x14\x15\0\x04auth");
    body.extend(b"\0\x02me\x05\x18\0\0\0\x05\0\x01t\0\x01p\0\x03joe");
    let rows = [
        is_valid("mqtt_is_valid", "1"),
        mqtt("connect", "protocol_version", "5"),
        mqtt("connect", "17", "10"),
        mqtt("connect", "33", "20"),
        mqtt("connect", "21", "auth"),
        mqtt("connect", "22", "-"),
        mqtt("connect", "24", "5"),
        mqtt("connect", "39", "0"),
        mqtt("connect", "client_identifier", "me"),
        mqtt("connect", "username", "joe"),
    ];
    compare_for(&packet(0x10, &body), &rows);
    let rows = [
        is_valid("mqtt_is_valid", "1"),
        mqtt("connack", "protocol_version", "5"),
        mqtt("connack", "33", "20"),
        mqtt("connack", "19", "7"),
        mqtt("connack", "36", "1"),
        mqtt("connack", "17", "0"),
    ];
    compare_for(&packet(0x20, b"\x01\0\x08\x21\0\x14\x13\0\x07\x24\x01"), &rows);
}

#[test]
fn what_is_no_valid_mqtt_packet() {
    let whole = connect(2, &[b"me"]);
    let longer = [&whole[2..], b"zz"].concat();
    let twice = b"\0\x04MQTT\x05\x02\0\x0a\x06\x21\0\x14\x21\0\x14\0\x02me";
    let cases: [(Vec<u8>, &str); 10] = [
        ([&whole[..], b"more"].concat(), "1"),
        (whole[..whole.len() - 1].to_vec(), "-"),
        (packet(0x10, &longer), "0"),
        (packet(0x11, &whole[2..]), "0"),
        (connect(3, &[b"me"]), "0"),
        (packet(0x10, b"\0\x04MQTX\x04\x02\0\x3c\0\x02me"), "0"),
        (packet(0x10, twice), "0"),
        (packet(0x20, &[2, 0]), "0"),
        (packet(0xc0, &[]), "0"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "0"),
    ];
    for (says, result) in cases {
        compare_for(&says, &[is_valid("mqtt_is_valid", result)]);
    }
}

#[test]
fn the_tags_of_fix_messages() {
    let tag = |tag: &str, value: &str| {
        let sample = format!("req.payload(0,0),fix_tag_value({tag})");
        match value {
            "-" => (format!("{sample} -m found"), "-"),
            value => (format!("{sample} -m str {value}"), "yes"),
        }
    };
    let message = b"8=FIX.4.2\x019=26\x0135=A\x0149=SEND\x0156=TARG\x0134=1\x0110=103\x01";
    let rows = [
        is_valid("fix_is_valid", "1"),
        tag("BeginString", "FIX.4.2"),
        tag("8", "FIX.4.2"),
        tag("MsgType", "A"),
        tag("SenderCompID", "SEND"),
        tag("56", "TARG"),
        tag("CheckSum", "103"),
        tag("34", "1"),
        tag("99", "-"),
    ];
    compare_for(message, &rows);
    let short = &message[..message.len() - 3];
    compare_for(short, &[is_valid("fix_is_valid", "-"), tag("49", "SEND"), tag("10", "-")]);
    for (from, to) in [("10=103", "10=104"), ("FIX.4.2", "FIX.9.9"), ("9=26", "9=25")] {
        let text = String::from_utf8_lossy(message).replace(from, to);
        compare_for(text.as_bytes(), &[is_valid("fix_is_valid", "0")]);
    }
}

/// The server that a client reaches who says this first; nothing if the client is refused.
fn visit(from: u32, to: SocketAddr, says: &[u8]) -> Option<String> {
    let mut client = connect_from(source(from), to).unwrap();
    client.write_all(says).unwrap();
    let mut name = [0; 2];
    client.read_exact(&mut name).ok()?;
    Some(String::from_utf8_lossy(&name).into_owned())
}

#[test]
fn an_mqtt_client_comes_back_to_its_broker() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let mut body = format!(
            "listen mqtt\n    bind {front}\n    balance roundrobin\n    \
             tcp-request inspect-delay 1s\n    \
             tcp-request content reject unless {{ req.payload(0,0),mqtt_is_valid }}\n    \
             stick-table type string len 32 size 100k expire 30m\n    \
             stick on req.payload(0,0),mqtt_field_value(connect,client_identifier)\n"
        );
        let servers = ["b1", "b2", "b3"].map(|name| {
            let server = Server::greeting_echo(place.address(), name);
            body.push_str(&format!("    server {name} {}\n", server.address()));
            server
        });
        let node = start(flavour, &place, "", &body);
        let names = ["meter-1", "meter-2", "meter-3", "meter-1", "meter-3", "meter-2"];
        let ask = |(from, name): (u32, &str)| visit(from, front, &connect(2, &[name.as_bytes()]));
        let seen: Vec<_> = (1..).zip(names).filter_map(ask).collect();
        assert_eq!(seen, ["b1", "b2", "b3", "b1", "b3", "b2"], "{flavour:?}");
        assert_eq!(node.api().table("mqtt").len(), 3, "{flavour:?}");
        assert_eq!(visit(1, front, b"GET / HTTP/1.1\r\n\r\n"), None, "{flavour:?}");
        drop(servers);
    }
}

/// What can be no message any more is not waited for, however long the delay is.
#[test]
fn what_is_no_message_is_refused_at_once() {
    let wrong_sum = "8=FIX.4.2|9=26|35=A|49=SEND|56=TARG|34=1|10=104|".replace('|', "\x01");
    for flavour in flavours() {
        for (converter, says) in [("mqtt_is_valid", "GET / HTTP/1.1"), ("fix_is_valid", &wrong_sum)]
        {
            let place = Place::new();
            let (server, front) = (Server::name(place.address(), "s1"), place.address());
            let body = format!(
                "listen l\n    bind {front}\n    tcp-request inspect-delay 1m\n    \
                 tcp-request content reject unless {{ req.payload(0,0),{converter} }}\n    \
                 server s1 {}",
                server.address()
            );
            let _node = start(flavour, &place, "", &body);
            let mut client = connect_from(source(1), front).unwrap();
            client.set_read_timeout(Some(SOON)).unwrap();
            client.write_all(says.as_bytes()).unwrap();
            let count = client.read(&mut [0; 1]);
            assert!(matches!(count, Ok(0)), "{flavour:?}: {converter}: {count:?}");
        }
    }
}
