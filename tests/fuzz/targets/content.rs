//! What clients send first, as rules see it: payload, TLS, HTTP, RDP, MQTT and FIX. A client is led
//! through the rules as `--where` does it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use stickd::config::{Config, FrontendId};
use stickd::proxy::Shared;
use stickd::proxy::connection::rehearsal::{Hello, Pretended, rehearse};

use super::{NOW_MS, Target, load, none};
use crate::input::{Input, seed};

pub(super) const TARGET: Target = Target { name: "content", run, seeds, words: none };

/// The rules of each frontend: samples and converters that read what the client sends.
const EXPRESSIONS: [&[&str]; 5] = [
    &[
        "req.ssl_sni,lower",
        "req.ssl_alpn",
        "req.ssl_hello_type",
        "req.ssl_ver",
        "req.ssl_ec_ext",
        "req.ssl_st_ext",
        "req.payload_lv(43,1)",
        "req.payload_lv(3,2,+1)",
        "req.payload(5,0),hex",
    ],
    &["rdp_cookie", "rdp_cookie(mstshash)", "rdp_cookie_cnt", "req.rdp_cookie(a),field(1,.)"],
    &[
        "req.payload(0,0),mqtt_is_valid",
        "req.payload(0,0),mqtt_field_value(connect,username)",
        "req.payload(0,0),mqtt_field_value(connect,will_payload)",
        "req.payload(0,0),mqtt_field_value(connect,client_identifier)",
        "req.payload(0,0),mqtt_field_value(connect,17)",
        "req.payload(0,0),mqtt_field_value(connack,reason_code)",
        "req.payload(0,0),mqtt_field_value(connack,38)",
    ],
    &[
        "req.payload(0,0),fix_is_valid",
        "req.payload(0,0),fix_tag_value(SenderCompID)",
        "req.payload(0,0),fix_tag_value(112)",
    ],
    &[
        "req.payload(0,0),base64,ub64dec,length",
        "req.payload(0,0),json_query('$.a.b[1]')",
        "req.payload(0,0),json(utf8s),url_dec",
        "req.payload(0,0),regsub(a+,b,g),word(2,' '),upper",
        "req.payload(0,9),be2hex(:,3),strcmp(txn.x)",
        "req.payload(0,0),ltrim(a),rtrim(b),htonl",
        "req.payload(0,0),bytes(1,3),crc32c,xxh64,djb2",
        "req.payload(0,0),protobuf(1.2)",
        "req.proto_http",
        "req.hdr(host)",
        "path,url_dec",
        "req.cook(a)",
        "url_param(a)",
    ],
];

thread_local! {
    static CONFIG: Config = load(&text()).config;
}

/// A frontend for each list; expressions that this version does not know are left out.
fn text() -> String {
    let head = "defaults\n mode tcp\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n";
    let back = "backend out\n server s 127.0.0.1:1\n";
    let rule = |at: usize, expression: &str| {
        format!(
            " tcp-request content set-var(txn.v{at}) {expression}\n \
             tcp-request content reject if {{ {expression} -m str nothing }}\n"
        )
    };
    let mut all = head.to_owned();
    for (number, list) in EXPRESSIONS.iter().enumerate() {
        let open = format!(
            "frontend f{number}\n bind :{}\n tcp-request inspect-delay 1s\n default_backend out\n",
            1000 + number
        );
        all += &open;
        for (at, expression) in list.iter().enumerate() {
            let rule = rule(at, expression);
            let whole = format!("{head}{open}{rule}{back}");
            let request = stickd::config::Request::default();
            if stickd::config::load_text_with("x", &whole, &request, |_| Vec::new()).is_ok() {
                all += &rule;
            }
        }
        let _ = writeln!(all, " log-format \"%[var(txn.v0),json] %ci %B\"");
    }
    all + back
}

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let number = usize::from(input.byte()) % EXPRESSIONS.len();
    // A socket takes as much as this at once.
    let payload = input.take(16_384).to_vec();
    let mut config = CONFIG.with(Config::clone);
    let binds = config.frontends[number].binds.clone();
    let mut shared = Shared::new(&mut config, 100, NOW_MS).expect("there is memory");
    let bind = binds.first().expect("each frontend has an address");
    let client = Pretended {
        frontend: FrontendId(u16::try_from(number).expect("there are few")),
        bind,
        source: SocketAddr::from(([192, 0, 2, 1], 1234)),
        destination: SocketAddr::from(([127, 0, 0, 1], 80)),
        hello: None,
        payload,
    };
    let rehearsed = rehearse(client, &mut shared, NOW_MS).expect("there are sockets");
    assert!(rehearsed.waited_ms <= 1000, "a client waits {} ms", rehearsed.waited_ms);
}

fn seeds() -> Vec<Vec<u8>> {
    let hello = Hello {
        name: Some("www.example.org".to_owned()),
        protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    let mqtt: &[u8] =
        b"\x10\x2a\0\x04MQTT\x05\xc6\0\x3c\x05\x11\0\0\0\x0a\0\x02id\0\0\x05topic\0\x03bye\
                        \0\x03joe\0\x02pw";
    let fix = "8=FIX.4.4\x019=63\x0135=A\x0149=WEB\x0156=X\x0134=1\x0152=20240101-00:00:00\x01\
               98=0\x01108=30\x0110=176\x01";
    vec![
        seed(&[0], hello.bytes().expect("a hello")),
        seed(&[0], [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]),
        seed(
            &[1],
            b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0Cookie: mstshash=joe.1\r\n\x01\0\x08\0\x03\0\0\0",
        ),
        seed(&[2], mqtt),
        seed(&[2], b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04a1b2"),
        seed(&[2], [0x20, 3, 0, 0, 0]),
        seed(&[3], fix),
        seed(&[4], "{\"a\": {\"b\": [1, \"x\\u00e4\"]}}"),
        seed(&[4], "GET /a%20b?a=1 HTTP/1.1\r\nhost: x\r\ncookie: a=b; c=\"d\"\r\n\r\n"),
    ]
}
