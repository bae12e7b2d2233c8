//! `log-format`, `option logasap` and `option dontlog-normal`.

use std::io::Read;
use std::net::{SocketAddr, UdpSocket};

use crate::support::{Flavour, Held, Node, Place, Server, ask, connect_from, source};
use crate::{flavours, marked_line, start};

struct Setting {
    _node: Node,
    receiver: UdpSocket,
    front: SocketAddr,
    server: SocketAddr,
    _server: Option<Server>,
    _held: Option<Held>,
    _place: Place,
}

fn setting(flavour: Flavour, lines: &str, is_up: bool) -> Setting {
    let lines = format!("{lines}\n    default_backend out\nbackend out\n    retries 0");
    set_up(flavour, &lines, is_up)
}

/// A frontend `in` with these lines, which end in the backend of the server.
fn set_up(flavour: Flavour, lines: &str, is_up: bool) -> Setting {
    let place = Place::new();
    let receiver = place.log_receiver();
    let (front, server) = (place.address(), place.address());
    let running = is_up.then(|| Server::name(server, "s1"));
    let held = (!is_up).then(|| Held::refusing(server));
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    {lines}\n    \
         server s1 {server}\n"
    );
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    let node = start(flavour, &place, &global, &body);
    Setting { _node: node, receiver, front, server, _server: running, _held: held, _place: place }
}

impl Setting {
    /// The next message that begins with `<`, without that sign.
    fn line(&self) -> String {
        marked_line(&self.receiver)
    }
}

#[test]
fn every_variable_is_written_as_haproxy_writes_it() {
    let format =
        "log-format \"<%f %ft %b %s %ci:%cp %fi:%fp %si:%sp %bi|%B %U|%ts %tsc %rc %sq %bq %fc%%\"";
    for flavour in flavours() {
        let setting = setting(flavour, format, true);
        ask(source(258), setting.front).unwrap();
        let line = setting.line();
        let client = line.split(' ').nth(4).unwrap();
        assert!(client.starts_with("127.1.1.2:"), "{flavour:?}: {line}");
        let (front, server) = (setting.front, setting.server);
        let expected =
            format!("in in out s1 {client} {front} {server} 127.0.0.1|3 0|-- ---- 0 0 0 1%");
        assert_eq!(line, expected, "{flavour:?}");
    }
}

/// The line of the configuration that the log names, as `file:number`; a dash if it names none.
fn named_line(named: &str) -> String {
    let (file, number) = named.split_once(':').unwrap();
    let Ok(number) = number.parse::<usize>() else { return named.to_owned() };
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().nth(number - 1).unwrap().trim().to_owned()
}

#[test]
fn the_line_of_the_rule_that_decided_is_known() {
    let accept = "tcp-request content accept if { src 127.0.0.0/8 }";
    let reject = "tcp-request content reject";
    let at_once = "tcp-request connection accept";
    let of_answer = "tcp-response content accept";
    let other = "tcp-request content set-var(sess.x) str(a)";
    let cases = [
        (at_once, "", "-:-"),
        (other, "", "-:-"),
        (accept, "", accept),
        (reject, "", reject),
        (accept, reject, reject),
        (accept, other, accept),
        (accept, of_answer, of_answer),
    ];
    for flavour in flavours() {
        for (of_frontend, of_backend, expected) in cases {
            let lines = format!(
                "{of_frontend}\n    log-format \"<%[last_rule_file]:%[last_rule_line] %B\"\n    \
                 default_backend out\nbackend out\n    {of_backend}"
            );
            let setting = set_up(flavour, &lines, true);
            let _ = ask(source(1), setting.front);
            let line = setting.line();
            let line = named_line(line.split(' ').next().unwrap());
            assert_eq!(line, expected, "{flavour:?}: {of_frontend}, {of_backend}");
        }
    }
}

#[test]
fn a_sample_without_text_is_a_dash_or_a_pair_of_quotes() {
    let format = "log-format \"<%[str()] %{+Q}[str()] %[str(a),field(2,_)] %{+E}[str()] %B\"";
    for flavour in flavours() {
        let setting = setting(flavour, format, true);
        ask(source(258), setting.front).unwrap();
        assert_eq!(setting.line(), "- \"\" - - 3", "{flavour:?}");
    }
}

#[test]
fn flags_quote_and_make_hexadecimal() {
    let format = "log-format \"<%{+Q}o%s  %{-Q}b %{+X}ci %ci %ts %{+Q,+X}fp %B\"";
    for flavour in flavours() {
        let setting = setting(flavour, format, true);
        ask(source(258), setting.front).unwrap();
        let port = setting.front.port();
        let expected = format!("\"s1\" out 7F010102 \"127.1.1.2\" -- {port:04X} 3");
        assert_eq!(setting.line(), expected, "{flavour:?}");
    }
}

#[test]
fn what_never_happened_has_its_marks() {
    let format = "log-format \"<%b/%s %Tw|%Tc|%Td %si %ts %B\"";
    for flavour in flavours() {
        let setting = setting(flavour, format, false);
        ask(source(1), setting.front).unwrap_err();
        let line = setting.line();
        let ip = setting.server.ip();
        let (head, rest) = line.split_once('|').unwrap();
        assert!(head.starts_with("out/s1 "), "{flavour:?}: {line}");
        assert_eq!(rest, format!("-1|-1 {ip} SC 0"), "{flavour:?}");
    }
}

#[test]
fn an_early_line_marks_what_is_not_final() {
    let format = "log-format \"<%s %Tt %B %ts\"\n    option logasap";
    for flavour in flavours() {
        let setting = setting(flavour, format, true);
        ask(source(1), setting.front).unwrap();
        let line = setting.line();
        assert!(line.starts_with("s1 +") && line.ends_with(" +0 --"), "{flavour:?}: {line}");
    }
}

#[test]
fn what_goes_well_need_not_be_logged() {
    let words = "log-format \"<%s %ts %B\"\n    option dontlog-normal";
    for flavour in flavours() {
        let mut setting = setting(flavour, words, true);
        ask(source(1), setting.front).unwrap();
        setting._server = None;
        ask(source(1), setting.front).unwrap_err();
        assert_eq!(setting.line(), "s1 SC 0", "{flavour:?}");
    }
}

#[test]
fn the_last_line_that_names_a_format_counts() {
    let format = "log-format \"<%s";
    let cases = [
        (format, "option tcplog", " in out/s1 "),
        (format, "option httplog", " in out/s1 "),
        (format, "option httpslog", " in out/s1 "),
        ("", &format!("{format}\"\n    option tcplog"), " in out/s1 "),
        ("option tcplog", &format!("{format}\""), "]: <s1"),
        ("", &format!("option tcplog\n    {format}\""), "]: <s1"),
    ];
    for flavour in flavours() {
        for (inherited, own, expected) in &cases {
            let place = Place::new();
            let receiver = place.log_receiver();
            let front = place.address();
            let server = Server::name(place.address(), "s1");
            let quote = if inherited.contains('"') { "\"" } else { "" };
            let body = format!(
                "defaults\n    mode tcp\n    timeout connect 2s\n    timeout client 5s\n    \
                 timeout server 5s\n    log global\n    {inherited}{quote}\n\
                 frontend in\n    bind {front}\n    {own}\n    default_backend out\n\
                 backend out\n    server s1 {}\n",
                server.address()
            );
            let global = format!("log {} local0", receiver.local_addr().unwrap());
            let _node = start(flavour, &place, &global, &body);
            ask(source(1), front).unwrap();
            let line = next_about_a_client(&receiver);
            assert!(line.contains(expected), "{flavour:?}: {inherited}, {own}: {line}");
        }
    }
}

/// The next line that is about a client, not about a proxy.
fn next_about_a_client(receiver: &UdpSocket) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if !line.contains("]: Proxy ") {
            return line;
        }
    }
}

#[test]
fn equal_targets_get_a_line_each_and_the_global_ones_count_once() {
    for flavour in flavours() {
        for (lines, expected) in [
            ("log global", 1),
            ("log-tag mine\n    log global", 1),
            ("OWN", 2),
            ("log-tag mine\n    OWN", 2),
            ("OWN\n    OWN", 3),
        ] {
            let place = Place::new();
            let receiver = place.log_receiver();
            let front = place.address();
            let server = Server::name(place.address(), "s1");
            let global = format!("log {} local0", receiver.local_addr().unwrap());
            let body = format!(
                "listen l\n    bind {front}\n    log global\n    {}\n    \
                 log-format \"<%ci>\"\n    server s1 {}\n",
                lines.replace("OWN", &global),
                server.address()
            );
            let _node = start(flavour, &place, &global, &body);
            ask(source(1), front).unwrap();
            next_about_a_client(&receiver);
            // Its other lines were sent with that one, so they come before the second client's.
            ask(source(2), front).unwrap();
            let second = format!("<{}>", source(2));
            let lines = std::iter::from_fn(|| Some(next_about_a_client(&receiver)));
            let count = 1 + lines.take_while(|line| !line.contains(&second)).count();
            assert_eq!(count, expected, "{flavour:?}: {body}");
        }
    }
}

/// A `listen` section `l` with a server that keeps its clients, the receiver of its log, and the
/// address at which clients connect.
fn keeping(flavour: Flavour, place: &Place, server: &Server) -> (Node, UdpSocket, SocketAddr) {
    let receiver = place.log_receiver();
    let front = place.address();
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    let body = format!(
        "listen l\n    bind {front}\n    log global\n    log-format \"<%si:%sp %ts %B\"\n    \
         server s1 {}\n",
        server.address()
    );
    (start(flavour, place, &global, &body), receiver, front)
}

#[test]
fn the_address_that_was_connected_to_is_logged_also_after_the_server_has_moved() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let (node, receiver, front) = keeping(flavour, &place, &server);
        let mut client = connect_from(source(1), front).unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        let new = place.address();
        let order = format!("set server l/s1 addr {} port {}", new.ip(), new.port());
        let moved = node.api().command(&order);
        assert!(moved.contains("port changed from"), "{flavour:?}: {moved}");
        drop(client);
        let line = next_about_a_client(&receiver);
        let expected = format!("]: <{} ", server.address());
        assert!(line.contains(&expected), "{flavour:?}: {line}");
    }
}

#[test]
fn a_connection_that_an_operator_ends_is_logged_without_a_phase() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let (node, receiver, front) = keeping(flavour, &place, &server);
        let mut client = connect_from(source(1), front).unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        node.api().command("shutdown sessions server l/s1");
        let line = next_about_a_client(&receiver);
        assert!(line.contains(" K- 3"), "{flavour:?}: {line}");
    }
}

#[test]
fn a_line_that_names_nothing_of_the_end_is_written_at_the_connect_and_once() {
    let words = [
        ("log-format \"<%ci %f %b %s %tsc\"", "in out s1 ----"),
        ("log-format \"<%ci %f %b %s %tsc\"\n    option logasap", "in out s1 ----"),
        ("log-format \"<%ci static\"", "static"),
    ];
    for flavour in flavours() {
        for (words, expected) in words {
            let setting = setting(flavour, words, true);
            // The first client stays: nothing of its end can be known.
            let _stays = connect_from(source(1), setting.front).unwrap();
            assert_eq!(setting.line(), format!("{} {expected}", source(1)), "{flavour:?}");
            for client in [2, 3] {
                ask(source(client), setting.front).unwrap();
                assert_eq!(setting.line(), format!("{} {expected}", source(client)));
            }
        }
        let mut setting = setting(flavour, words[0].0, true);
        setting._server = None;
        ask(source(1), setting.front).unwrap_err();
        assert_eq!(setting.line(), format!("{} in out s1 SC--", source(1)), "{flavour:?}");
        let dull = format!("{}\n    option dontlog-normal", words[0].0);
        let mut setting = self::setting(flavour, &dull, true);
        ask(source(1), setting.front).unwrap();
        setting._server = None;
        ask(source(2), setting.front).unwrap_err();
        assert_eq!(setting.line(), format!("{} in out s1 SC--", source(2)), "{flavour:?}");
    }
}
