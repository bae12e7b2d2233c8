//! Samples of TLS sessions and certificates, and words of a log line about them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use crate::support::tls::{TlsClient, tls_global};
use crate::support::{Flavour, Node, Place, Server, connect_from, source};
use crate::{flavours, marked_line, start};

type Versions = &'static [&'static rustls::SupportedProtocolVersion];

const V12: Versions = &[&rustls::version::TLS12];
const V13: Versions = &[&rustls::version::TLS13];

/// A listener with TLS and one without it in front of a server with TLS.
struct Setting {
    node: Node,
    receiver: UdpSocket,
    secured: SocketAddr,
    plain: SocketAddr,
    _servers: [Server; 2],
    _place: Place,
}

impl Setting {
    /// The lines `rules` stand in the frontend, which logs `format`. Sections may follow them.
    fn new(flavour: Flavour, rules: &str, format: &str) -> Self {
        let place = Place::new();
        let receiver = place.log_receiver();
        let [secured, plain, inner, s1, s2] = [(); 5].map(|()| place.address());
        let servers =
            [(s1, "s1"), (s2, "s2")].map(|(address, name)| Server::greeting_echo(address, name));
        let body = format!(
            "frontend in\n    bind {secured} ssl crt site.pem crt shop.pem ca-file ca.pem \
             verify optional alpn mqtt,x-amqp\n    bind {plain}\n    log global\n    \
             log-format \"<{format}\"\n    default_backend secret\n    {rules}\n\
             backend secret\n    server secret {inner} ssl verify none alpn x-amqp\n\
             frontend inner\n    bind {inner} ssl crt shop.pem alpn x-amqp\n    \
             default_backend out\n\
             backend out\n    server s1 {s1}\n\
             backend other\n    server s2 {s2}\n"
        );
        let log =
            format!("log {} len 8192 local0\n    {}", receiver.local_addr().unwrap(), tls_global());
        let node = start(flavour, &place, &log, &body);
        Self { node, receiver, secured, plain, _servers: servers, _place: place }
    }

    fn connect(&self, to: SocketAddr) -> TcpStream {
        connect_from(source(7), to).unwrap()
    }

    /// The greeting that a client gets, or nothing if it is refused.
    fn greeting(&self, client: &TlsClient, name: &str) -> String {
        let Ok(mut stream) = client.over(self.connect(self.secured), name) else {
            return String::new();
        };
        greeting(&mut stream)
    }

    fn line(&self) -> String {
        marked_line(&self.receiver)
    }
}

fn greeting(stream: &mut (impl Read + Write)) -> String {
    let mut greeting = [0; 2];
    match stream.read_exact(&mut greeting) {
        Ok(()) => String::from_utf8_lossy(&greeting).into_owned(),
        Err(_) => String::new(),
    }
}

/// Who comes: the version of TLS, the certificate, the name that is asked for, and the application
/// protocols that are offered. Each comes twice, the second time with its session.
const CLIENTS: [(Versions, Option<&str>, &str, &[&str]); 4] = [
    (V13, Some("named.pem"), "shop.example.org", &["x-amqp", "mqtt"]),
    (V12, Some("shop.pem"), "SITE.example.org", &["h2"]),
    (V13, None, "site.example.org", &["x-amqp"]),
    (V12, None, "site.example.org", &[]),
];

/// Compares what both programs log of the clients, and of one without TLS.
fn compare(samples: &[&str]) {
    let texts = samples.iter().map(|sample| format!("{sample}=%[{sample}]"));
    let format = texts.collect::<Vec<_>>().join(" ");
    let lines = flavours().into_iter().map(|flavour| {
        let setting = Setting::new(flavour, "", &format!("%sslv %sslc %ft %{{+Q}}sslv {format}"));
        let mut lines = Vec::new();
        for (versions, certificate, name, protocols) in CLIENTS {
            let client = TlsClient::with(versions, certificate, protocols);
            for _ in 0..2 {
                assert_eq!(setting.greeting(&client, name), "s1", "{flavour:?}");
                lines.push(setting.line());
            }
        }
        assert_eq!(greeting(&mut setting.connect(setting.plain)), "s1", "{flavour:?}");
        lines.push(setting.line());
        lines
    });
    let lines: Vec<_> = lines.collect();
    for lines in &lines {
        let expected = "TLSv1.3 TLS_AES_256_GCM_SHA384 in~ \"TLSv1.3\" ";
        assert!(lines[0].starts_with(expected), "{}", lines[0]);
        assert!(lines[8].starts_with("- - in \"\" "), "{}", lines[8]);
    }
    if let [own, other] = &lines[..] {
        for (own, other) in own.iter().zip(other) {
            assert_eq!(own, other);
        }
    }
}

#[test]
fn the_session_with_a_client_is_told() {
    compare(&[
        "ssl_fc",
        "ssl_fc_sni",
        "ssl_fc_has_sni",
        "ssl_fc_alpn",
        "ssl_fc_npn",
        "ssl_fc_protocol",
        "ssl_fc_cipher",
        "ssl_fc_alg_keysize",
        "ssl_fc_use_keysize",
        "ssl_fc_is_resumed",
        "ssl_fc_has_crt",
        "ssl_fc_has_early",
        "ssl_c_used",
        "ssl_c_verify",
        "ssl_c_err",
        "ssl_c_ca_err",
        "ssl_c_ca_err_depth",
    ]);
}

#[test]
fn the_session_with_a_server_is_told() {
    compare(&[
        "ssl_bc",
        "ssl_bc_alpn",
        "ssl_bc_npn",
        "ssl_bc_protocol",
        "ssl_bc_cipher",
        "ssl_bc_alg_keysize",
        "ssl_bc_use_keysize",
        "ssl_bc_is_resumed",
    ]);
}

const CERTIFICATE: [&str; 18] = [
    "s_dn",
    "s_dn(cn)",
    "s_dn(CN,1)",
    "s_dn(CN,0)",
    "s_dn(CN,2)",
    "s_dn(O,-1)",
    "s_dn(OU)",
    "s_dn(,0,rfc2253)",
    "i_dn",
    "i_dn(CN)",
    "serial,hex",
    "sha1,hex",
    "notbefore",
    "notafter",
    "version",
    "key_alg",
    "sig_alg",
    "der,base64",
];

#[test]
fn the_certificate_of_a_client_is_told() {
    let samples = CERTIFICATE.map(|sample| format!("ssl_c_{sample}"));
    compare(&samples.each_ref().map(String::as_str));
}

#[test]
fn the_certificate_that_a_client_was_shown_is_told() {
    let samples = CERTIFICATE.map(|sample| format!("ssl_f_{sample}"));
    compare(&samples.each_ref().map(String::as_str));
}

#[test]
fn the_certificate_of_a_server_is_told() {
    let samples = CERTIFICATE.map(|sample| format!("ssl_s_{sample}"));
    compare(&samples.each_ref().map(String::as_str));
}

#[test]
fn rules_decide_by_names_and_certificates() {
    let rules = "tcp-request session reject if { ssl_fc_alpn x-amqp } !{ ssl_c_used }\n    \
                 tcp-request content set-var(sess.cn) ssl_c_s_dn(CN)\n    \
                 tcp-request content reject unless { ssl_fc_has_sni }\n    \
                 acl to_shop ssl_fc_sni_end .SHOP.example.org\n    \
                 acl to_shop ssl_fc_sni_reg -i ^SHOP\n    \
                 use_backend other if to_shop { ssl_c_i_dn(cn) -m beg Test }";
    for flavour in flavours() {
        let setting = Setting::new(flavour, rules, "%b %[var(sess.cn)]");
        for (certificate, name, protocols, greeting, line) in [
            (Some("named.pem"), "shop.example.org", &["mqtt"][..], "s2", "other named.example.org"),
            (Some("named.pem"), "site.example.org", &["x-amqp"], "s1", "secret named.example.org"),
            (None, "shop.example.org", &["mqtt"], "s1", "secret -"),
            (None, "shop.example.org", &["x-amqp"], "", ""),
        ] {
            let client = TlsClient::with(rustls::ALL_VERSIONS, certificate, protocols);
            let what = format!("{flavour:?} {certificate:?} {name} {protocols:?}");
            assert_eq!(setting.greeting(&client, name), greeting, "{what}");
            if !line.is_empty() {
                assert_eq!(setting.line(), line, "{what}");
            }
        }
    }
}

#[test]
fn entries_are_kept_for_names_and_certificates() {
    let rules = "tcp-request session track-sc0 ssl_fc_sni table names\n    \
                 tcp-request content track-sc1 ssl_c_serial table serials if { ssl_c_used }\n    \
                 tcp-request content track-sc2 ssl_c_s_dn(cn) table subjects\n\
                 backend names\n    stick-table type string size 10 expire 1m store conn_cnt\n\
                 backend serials\n    \
                 stick-table type binary len 20 size 10 expire 1m store conn_cnt\n\
                 backend subjects\n    stick-table type string size 10 expire 1m store conn_cnt";
    let keys = |setting: &Setting, table: &str| {
        let shown = setting.node.api().command(&format!("show table {table}"));
        let rows = shown.lines().filter_map(|line| line.split_once(" key="));
        let mut rows: Vec<_> = rows
            .map(|(_, row)| {
                let key = row.split(' ').next().unwrap();
                format!("{key} {}", row.rsplit(' ').next().unwrap())
            })
            .collect();
        rows.sort();
        rows
    };
    let mut all = Vec::new();
    for flavour in flavours() {
        let setting = Setting::new(flavour, rules, "%b");
        for (certificate, name) in [
            (Some("named.pem"), "shop.example.org"),
            (Some("shop.pem"), "site.example.org"),
            (None, "site.example.org"),
        ] {
            let client = TlsClient::with(rustls::ALL_VERSIONS, certificate, &[]);
            assert_eq!(setting.greeting(&client, name), "s1", "{flavour:?}");
            setting.line();
        }
        let names = keys(&setting, "names");
        let counted = ["shop.example.org conn_cnt=1", "site.example.org conn_cnt=2"];
        assert_eq!(names, counted, "{flavour:?}");
        assert_eq!(keys(&setting, "subjects").len(), 2, "{flavour:?}");
        all.push([names, keys(&setting, "serials"), keys(&setting, "subjects")]);
    }
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
}
