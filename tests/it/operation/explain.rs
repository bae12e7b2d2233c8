//! What a configuration means (`--explain`, `-c -V`), and where a client goes (`--where`).

use std::io::Read;
use std::path::Path;

use crate::support::tls::{TlsClient, tls_global};
use crate::support::{Place, Server, Spec, ask, connect_from, run_to_end, source};

const SHOP: &str = "
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
peers mesh
    peer left 127.0.0.1:10001
    peer right 127.0.0.1:10002
frontend in
    bind :443
    tcp-request inspect-delay 5s
    acl inside src 10.0.0.0/8
    tcp-request connection reject if !inside
    tcp-request content accept if { req.ssl_hello_type 1 } # comments are not shown
    use_backend api if { req.ssl_sni -i api.example }
    default_backend shop
backend shop
    balance source
    stick-table type ip size 100k expire 30m peers mesh
    stick on src
    server s1 192.0.2.1:443 check inter 3s
    server s2 192.0.2.2:443 check inter 3s
    server s3 192.0.2.3:443 check inter 3s
backend api
    server a1 192.0.2.9:443
backend lost
    server l1 192.0.2.8:443
";

/// What `--where` prints, or what is wrong with the question.
#[track_caller]
fn asked(config: &Path, words: &str) -> Result<String, String> {
    let config = config.to_str().unwrap();
    let words: Vec<&str> =
        ["-L", "left", "--where", config].into_iter().chain(words.split(' ')).collect();
    let output = run_to_end(&words);
    let (said, errors) = (output.stdout, output.stderr);
    match output.status.success() {
        true => Ok(String::from_utf8(said).unwrap()),
        false => Err(String::from_utf8(errors).unwrap()),
    }
}

/// The last line of the answer.
#[track_caller]
fn end(config: &Path, words: &str) -> String {
    asked(config, words).unwrap().lines().last().unwrap().to_owned()
}

#[test]
fn an_answer_names_every_rule_with_its_place_and_what_it_found() {
    let place = Place::new();
    let config = place.write("a.cfg", SHOP);
    let answer = asked(&config, "src=10.1.2.3 sni=API.example dst_port=443").unwrap();
    let dir = place.dir().display().to_string();
    let expected = "\
Client: from 10.1.2.3:50000 to 127.0.0.1:443; it sends a TLS hello for API.example
Frontend: in, which listens on 0.0.0.0:443 (DIR/a.cfg:12)
Rules, in their order:
  no      tcp-request connection reject if !inside   (DIR/a.cfg:15)
            src 10.0.0.0/8: 10.1.2.3: yes
  yes     tcp-request content accept if { req.ssl_hello_type 1 }   (DIR/a.cfg:16)
            req.ssl_hello_type 1: 1: yes
  yes     use_backend api if { req.ssl_sni -i api.example }   (DIR/a.cfg:17)
            req.ssl_sni -i api.example: \"API.example\": yes
Backend: api, by 'use_backend' (DIR/a.cfg:17)
Server: api/a1, the only one that takes clients
";
    assert_eq!(answer, expected.replace("DIR", &dir));
    let answer = asked(&config, "src=192.0.2.1").unwrap();
    let refused =
        format!("Refused: by tcp-request connection reject if !inside   ({dir}/a.cfg:15)");
    assert_eq!(answer.lines().last().unwrap(), refused);
    let answer = asked(&config, "src=10.1.2.3").unwrap();
    let waits = "The client waits 5 s first: rules wait for more than it has sent.\n";
    assert!(answer.contains(waits), "{answer}");
    assert!(answer.contains("Backend: shop, by 'default_backend'\n"), "{answer}");
}

#[test]
fn an_entry_and_servers_that_are_down_change_the_answer() {
    let place = Place::new();
    let config = place.write("a.cfg", SHOP);
    let hash = "by the hash of the client's address";
    let first = end(&config, "src=10.1.2.3 sni=a");
    assert!(first.ends_with(hash), "{first}");
    let server = first.split([' ', ',']).nth(1).unwrap().to_owned();
    let other = if server == "shop/s1" { "shop/s2" } else { "shop/s1" };
    let by_entry = end(&config, &format!("src=10.1.2.3 sni=a entry={other}"));
    assert_eq!(by_entry, format!("Server: {other}, by its stick entry"));
    let down = end(&config, &format!("src=10.1.2.3 sni=a down={server}"));
    assert!(down.ends_with(hash) && !down.contains(&server), "{down}");
    let answer = asked(&config, &format!("src=10.1.2.3 sni=a entry={other} down={other}")).unwrap();
    assert!(answer.contains(&format!("The entry for '{other}' does not decide.\n")), "{answer}");
    let all = end(&config, "src=10.1.2.3 sni=a down=shop/s1,shop/s2,shop/s3");
    assert_eq!(all, "Refused: no server of the backend 'shop' takes clients");
}

#[test]
fn what_is_wrong_with_a_question_is_said() {
    let place = Place::new();
    let config = place.write("a.cfg", SHOP);
    for (words, said) in [
        ("src=10.1.2.3 dst_prot=443", "unknown word 'dst_prot'; did you mean 'dst_port'?"),
        ("src=10.1.2.3 dst_port=80", "no frontend listens there; there is 0.0.0.0:443"),
        ("src=10.1.2.3 down=shp/s1", "there is no backend 'shp'; did you mean 'shop'?"),
        ("src=10.1.2.3 down=s1", "'s1' names no server: write backend/server"),
        ("src=10.1.2.3 sni=a entry=s9", "there is no server 's9' in the backend 'shop'"),
        ("dst_port=443", "'src' is missing"),
    ] {
        let error = asked(&config, words).unwrap_err();
        assert!(error.contains(said), "{words}: {error}");
    }
}

#[test]
fn a_client_that_speaks_tls_with_us_goes_where_the_answer_says() {
    let place = Place::new();
    let (front, site, shop) = (place.address(), place.address(), place.address());
    let _servers = [Server::name(site, "site"), Server::name(shop, "shop")];
    let body = format!(
        "frontend in\n bind {front} ssl crt site.pem crt shop.pem alpn h2,mqtt\n \
         tcp-request session reject if {{ ssl_fc_alpn h2 }}\n \
         use_backend shop if {{ ssl_fc_sni -i shop.example.org }}\n default_backend site\n\
         backend site\n server site {site}\nbackend shop\n server shop {shop}\n"
    );
    let spec = Spec::with_global(&place, "a", &tls_global(), &body);
    let config = place.path("a.cfg");
    let _node = spec.start();
    for (name, protocol) in
        [("site.example.org", "mqtt"), ("shop.example.org", "mqtt"), ("shop.example.org", "h2")]
    {
        let answer = end(&config, &format!("src=127.1.0.1 sni={name} alpn={protocol}"));
        let client = TlsClient::with(rustls::ALL_VERSIONS, None, &[protocol]);
        let stream = connect_from(source(1), front).unwrap();
        let mut came = String::new();
        if let Ok(mut stream) = client.over(stream, name) {
            let _ = stream.read_to_string(&mut came);
        }
        let came = came.trim();
        match came {
            "" => assert!(answer.starts_with("Refused: by tcp-request session"), "{answer}"),
            _ => assert_eq!(
                answer,
                format!("Server: {came}/{came}, the only one that takes clients")
            ),
        }
        assert_eq!(came.is_empty(), protocol == "h2");
    }
}

#[test]
fn a_hash_names_the_server_that_each_address_gets() {
    let place = Place::new();
    let front = place.address();
    let servers: Vec<_> =
        (1..=5).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let lines: String = servers
        .iter()
        .enumerate()
        .map(|(n, server)| format!(" server s{} {} weight {}\n", n + 1, server.address(), n + 1))
        .collect();
    let body = format!(
        "frontend in\n bind {front}\n default_backend b\n\
         backend b\n balance source\n hash-type consistent sdbm avalanche\n{lines}"
    );
    let node = Spec::new(&place, "a", &body).start();
    for n in 0..20 {
        let client = source(n * 517);
        let answer = end(&place.path("a.cfg"), &format!("src={client}"));
        let server = ask(client, front).unwrap();
        let expected = format!("Server: b/{server}, by the hash of the client's address");
        assert_eq!(answer, expected);
    }
    drop(node);
}

#[test]
fn a_configuration_is_explained_in_plain_words() {
    let place = Place::new();
    let config = place.write("a.cfg", SHOP);
    let config = config.to_str().unwrap();
    let output = run_to_end(&["--explain", config, "-L", "left"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let dir = place.dir().display().to_string();
    for line in [
        "The process\n  takes up to 2,000 clients at a time",
        "Frontend in\n  listens on 0.0.0.0:443 (DIR/a.cfg:12)",
        "as soon as a client connects, in this order:\n    tcp-request connection reject if \
         !inside   (DIR/a.cfg:15)",
        "then these, which wait up to 5 s for what the client sends:\n",
        "    tcp-request content accept if { req.ssl_hello_type 1 }   (DIR/a.cfg:16)\n",
        "otherwise: the backend shop\n",
        "closes a connection whose client is silent for 30 s (timeout client)",
        "Backend shop\n  a client goes back to the server that it had before, by these rules:\n    \
         stick on src   (DIR/a.cfg:22) [by its address]",
        "by the hash of the client's address (balance source)",
        "    s1 at 192.0.2.1:443: checked by a connect every 3 s, down after 3 failures, up after \
         2",
        "    a1 at 192.0.2.9:443: not checked: taken for up",
        "Peers mesh\n  this node is left, and listens on 127.0.0.1:10001\n    right: called in the \
         clear\n  shares the tables shop",
        "What looks like a mistake\n",
        "Table shop\n  up to 102,400 entries by ip, kept 30 min after their last use, ",
        "  stores server_id, server_key\n  when it is full, the entry that was not used for the \
         longest time goes\n  the nodes of the peers section mesh share it\n",
        "  backend shop has no 'option redispatch': a client whose server does not answer",
        "  backend lost: no frontend leads there\n",
    ] {
        assert!(text.contains(&line.replace("DIR", &dir)), "{line}\n{text}");
    }
    let output = run_to_end(&["-c", "-V", "-f", config, "-L", "left"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (before, after) = text.split_once("table shop: up to 102,400 entries by ip").unwrap();
    assert_eq!(
        before,
        "frontend in: 0.0.0.0:443\n\
         backend shop (source): s1 192.0.2.1:443, s2 192.0.2.2:443, s3 192.0.2.3:443\n\
         backend api (roundrobin): a1 192.0.2.9:443\n\
         backend lost (roundrobin): l1 192.0.2.8:443\n"
    );
    assert!(
        after.ends_with("\npeers mesh: left, right (local: left)\nConfiguration file is valid\n")
    );
}

#[test]
fn a_configuration_says_nothing_to_the_terminal() {
    let place = Place::new();
    let file = place.path("hostile.cfg");
    let text = |section: &str| {
        let rule = "tcp-request connection set-var(sess.a) str(q\x1b[2J)";
        format!(
            "{SHOP}listen \"{section}\"\n    bind :444\n    {rule}\n    server s1 192.0.2.1:1\n"
        )
    };
    let path = file.to_str().unwrap().to_owned();
    for (section, fits) in [("web", true), ("w\x1b[2J", false)] {
        std::fs::write(&file, text(section)).unwrap();
        for words in [
            &["-c", "-V", "-f", &path][..],
            &["--explain", &path],
            &["--where", &path, "src=192.0.2.7", "dst_port=444"],
            &["--where", &path, "src=\x1b[2J"],
        ] {
            let output = run_to_end(&[&["-L", "left"], words].concat());
            let said = [output.stdout, output.stderr].concat();
            assert!(!said.contains(&0x1b), "{}", String::from_utf8_lossy(&said));
            let is_asked = words.contains(&"--explain");
            assert!(!is_asked || output.status.success() == fits);
        }
    }
}
