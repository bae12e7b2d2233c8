//! MQTT over TLS, which ends at the balancer.

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::{Server, connect_from, source, under_each_program};
use crate::support::tls::TlsClient;

/// A first packet of version 3.1.1 (3.1).
fn connect_packet(id: &str) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x04\x02\0\x3c\0".to_vec();
    body.push(u8::try_from(id.len()).unwrap());
    body.extend(id.as_bytes());
    let mut packet = vec![0x10, u8::try_from(body.len()).unwrap()];
    packet.extend(body);
    packet
}

/// A broker that tells its name, and who the client is where a PROXY header says so.
fn broker(address: SocketAddr, name: &str) -> Server {
    const COMMON_NAME: &[u8] = b"\x22\0\x11named.example.org";
    let name = name.to_owned();
    Server::start(address, move |mut stream| {
        let mut sent: Vec<u8> = Vec::new();
        let mut part = [0; 512];
        while !sent.windows(4).any(|window| window == b"MQTT") {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                len => sent.extend(&part[..len]),
            }
        }
        let is_told = sent.windows(COMMON_NAME.len()).any(|window| window == COMMON_NAME);
        write!(stream, "{name}{}", if is_told { " knows you" } else { "" })
    })
}

#[test]
fn devices_come_back_by_their_certificates_and_people_by_their_ids() {
    under_each_program("iot/mqtt-tls.cfg", |example, flavour| {
        let _brokers = [("11", 1), ("12", 2), ("21", 3), ("22", 4)].map(|(host, number)| {
            let address = example.server(&format!("10.135.0.{host}:1883"));
            broker(address, &format!("broker{number}"))
        });
        let _node = example.start(flavour);
        let answer = |certificate, name: &str, from, packet: &[u8]| {
            let client = TlsClient::with(rustls::ALL_VERSIONS, certificate, &["mqtt"]);
            let stream = connect_from(source(from), example.front(8883)).unwrap();
            let mut stream = client.over(stream, name).unwrap();
            stream.write_all(packet).unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        let people = |id, from| answer(None, "shop.example.org", from, &connect_packet(id));
        let device =
            |id, from| answer(Some("named.pem"), "site.example.org", from, &connect_packet(id));
        let first = people("joe", 1);
        let second = people("ann", 1);
        let mut both = [first.as_str(), second.as_str()];
        both.sort_unstable();
        assert_eq!(both, ["broker3", "broker4"], "{flavour:?}");
        for from in 2..5 {
            assert_eq!(people("joe", from), first, "{flavour:?}");
            assert_eq!(people("ann", from), second, "{flavour:?}");
        }
        let own = device("one", 1);
        assert!(own.ends_with(" knows you"), "{flavour:?}: {own}");
        for from in 2..5 {
            assert_eq!(device("another", from), own, "{flavour:?}");
        }
        let told = example.log_with("named.example.org");
        assert!(told.contains(" mqtt~ devices/broker"), "{flavour:?}: {told}");
        assert!(told.ends_with("TLSv1.3 site.example.org mqtt named.example.org"), "{told}");
        // Neither a certificate nor the name of the people, and what is no MQTT.
        assert_eq!(answer(None, "site.example.org", 1, &connect_packet("joe")), "", "{flavour:?}");
        assert_eq!(answer(None, "shop.example.org", 1, b"GET / HTTP/1.0\r\n\r\n"), "");
    });
}
