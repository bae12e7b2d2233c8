//! What a configuration means, from its text to the typed result.

use super::data_type::DataType;
use super::text::address;
use super::*;

fn request() -> Request {
    Request { hostname: "node1".to_owned(), ..Request::default() }
}

fn load(text: &str) -> Config {
    load_with(text, &request())
}

fn load_with(text: &str, request: &Request) -> Config {
    match load_text_with("test.cfg", text, request, |_| Vec::new()) {
        Ok(loaded) => loaded.config,
        Err(diagnostics) => {
            let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

fn types(table: &StickTable) -> Vec<DataType> {
    table.data.iter().map(|stored| stored.data_type).collect()
}

const EXAMPLE: &str = include_str!("../../tests/data/config/valid/example.cfg");

#[test]
fn the_example_means_what_it_says() {
    let request = Request { local_peer: Some("haproxy2".to_owned()), ..request() };
    let config = load_with(EXAMPLE, &request);
    let [section] = config.peers.as_slice() else { panic!("one peers section") };
    assert_eq!(section.local, Some(1));
    assert_eq!(
        section.binds[0].address,
        address::listening("192.168.0.2:1024", |_| Vec::new()).unwrap()[0]
    );
    assert_eq!(section.binds[0].place, "test.cfg:3");
    assert_eq!(section.tables, [TableId(0)]);
    let table = &config.tables[0];
    assert_eq!((table.name.as_str(), table.wire_name.as_str()), ("mybackend", "mybackend"));
    assert_eq!((table.key_type, table.key_len, table.size), (KeyType::Ipv4, 4, 20_480));
    assert_eq!((table.expire_ms, table.peers), (None, Some(PeersId(0))));
    assert_eq!(types(table), [DataType::ServerId, DataType::ServerKey]);
    let backend = &config.backends[0];
    assert_eq!(backend.table, Some(TableId(0)));
    assert!(backend.stick_rules[0].matches && backend.stick_rules[0].stores);
    let servers: Vec<_> = backend.servers.iter().map(|s| (s.name.as_str(), s.id)).collect();
    assert_eq!(servers, [("srv1", 1), ("srv2", 2)]);
    assert_eq!((backend.retries, backend.redispatch), (3, None));
}

#[test]
fn a_peers_section_that_does_not_run_leaves_its_tables_local() {
    for text in
        [EXAMPLE.to_owned(), EXAMPLE.replace("peers mypeers\n", "peers mypeers\n disabled\n")]
    {
        let config = load(&text);
        assert_eq!(config.peers[0].local, None);
        assert!(config.peers[0].binds.is_empty() && config.peers[0].tables.is_empty());
        assert_eq!(config.tables[0].peers, None);
    }
}

#[test]
fn the_local_name_is_that_of_the_command_line_then_of_the_file_then_of_the_host() {
    let text = "global\n localpeer b\npeers p\n peer a 127.0.0.1:1\n peer b 127.0.0.1:2\n \
                peer node1 127.0.0.1:3\n";
    let local = |text: &str, local_peer: Option<&str>| {
        let request = Request { local_peer: local_peer.map(str::to_owned), ..request() };
        let config = load_with(text, &request);
        (config.peers[0].local, config.global.localpeer)
    };
    assert_eq!(local(text, Some("a")), (Some(0), Some("a".to_owned())));
    assert_eq!(local(text, None), (Some(1), Some("b".to_owned())));
    let text = text.replace(" localpeer b\n", "");
    assert_eq!(local(&text, None), (Some(2), Some("node1".to_owned())));
    let late = format!("{text}global\n localpeer b\n");
    assert_eq!(local(&late, None), (Some(2), Some("node1".to_owned())));
}

#[test]
fn a_section_of_bind_and_server_lines_has_the_address_of_its_bind() {
    let config = load(
        "peers p\n default-bind backlog 7\n bind 127.0.0.1:1\n server node1\n \
         server far nosuch.invalid:2\n table t type string len 64 size 1k\n",
    );
    let section = &config.peers[0];
    let local = PeerAddress::Known(address::connecting("127.0.0.1:1", |_| Vec::new()).unwrap());
    assert_eq!((section.peers[0].address.clone(), section.local), (local, Some(0)));
    assert_eq!(section.binds[0].settings.backlog, Some(7));
    let host = "nosuch.invalid".to_owned();
    assert_eq!(section.peers[1].address, PeerAddress::Unresolved { host, port: 2 });
    let table = &config.tables[0];
    assert_eq!((table.name.as_str(), table.wire_name.as_str()), ("p/t", "/t"));
    assert_eq!((table.key_len, table.wire_key_len), (64, 65));
    assert_eq!((table.peers, section.tables.as_slice()), (Some(PeersId(0)), &[TableId(0)][..]));
}

#[test]
fn the_nodes_of_a_service_have_places_and_this_node_one_of_its_own() {
    let config = load(
        "peers p\n bind 127.0.0.1:1\n peer-template 2 _p._tcp.a.invalid resolvers dns\n \
         server far far.invalid:2 resolvers dns resolve-prefer ipv4\n\
         resolvers dns\n nameserver ns1 127.0.0.1:53\n",
    );
    let section = &config.peers[0];
    let names: Vec<&str> = section.peers.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!((names.as_slice(), section.local), (&["far", "node1", "", ""][..], Some(1)));
    assert_eq!(section.templates[0].places, 2..4);
    let PeerAddress::Named(named) = &section.peers[0].address else { panic!("{section:?}") };
    assert_eq!((named.host.as_str(), named.port, named.prefers_ipv4), ("far.invalid", 2, true));
    for wrong in [
        "peers p\n peer-template 2 _p._tcp.a.invalid resolvers default\n",
        "peers p\n bind 127.0.0.1:1\n peer-template 2 a.invalid resolvers default\n",
        "peers p\n bind 127.0.0.1:1\n peer-template 2 _p._tcp.a.invalid\n",
        "peers p\n bind 127.0.0.1:1\n peer-template 0 _p._tcp.a.invalid resolvers default\n",
        "peers p\n bind 127.0.0.1:1\n peer-template 2 _p._tcp.a.invalid resolvers nope\n",
    ] {
        let request = Request { local_peer: Some("node1".to_owned()), ..Request::default() };
        assert!(load_text_with("a.cfg", wrong, &request, |_| Vec::new()).is_err(), "{wrong}");
    }
}

#[test]
fn keys_have_the_lengths_that_haproxy_tells_its_peers() {
    let lengths = |words: &str| {
        let config = load(&format!("backend b\n stick-table size 1k type {words}\n"));
        (config.tables[0].key_type, config.tables[0].key_len, config.tables[0].wire_key_len)
    };
    assert_eq!(lengths("ip"), (KeyType::Ipv4, 4, 4));
    assert_eq!(lengths("ipv6"), (KeyType::Ipv6, 16, 16));
    assert_eq!(lengths("integer"), (KeyType::Integer, 4, 4));
    assert_eq!(lengths("string"), (KeyType::String, 31, 32));
    assert_eq!(lengths("string len 31"), (KeyType::String, 31, 32));
    assert_eq!(lengths("binary"), (KeyType::Binary, 32, 32));
    assert_eq!(lengths("binary len 5"), (KeyType::Binary, 5, 5));
    // Beyond what a message of the peers protocol can carry, strings are cut.
    assert_eq!(lengths("string len 12288"), (KeyType::String, 12_288, 12_289));
    assert_eq!(lengths("string len 100000"), (KeyType::String, 12_288, 100_001));
    assert_eq!(lengths("binary len 12288"), (KeyType::Binary, 12_288, 12_288));
}

#[test]
fn a_local_peer_may_listen_at_a_descriptor() {
    let config = load("peers p\n bind fd@3\n server node1\n server b 127.0.0.1:1\n");
    assert_eq!(config.peers[0].local, Some(0));
    assert_eq!(config.peers[0].peers[0].address, PeerAddress::Descriptor);
    assert_eq!(config.peers[0].binds[0].address, BindAddress::Fd(3));
}

#[test]
fn a_rule_makes_the_table_of_another_section_store_the_server() {
    let config = load(
        "backend a\n stick match src table b\nbackend b\n \
         stick-table type ip size 1k store gpc0,gpt(3)\nbackend c\n \
         stick-table type ip size 1k store conn_cnt\n",
    );
    let stored = [DataType::ServerId, DataType::Gpc0, DataType::ServerKey, DataType::Gpt];
    assert_eq!(types(&config.tables[0]), stored);
    assert_eq!(types(&config.tables[1]), [DataType::ConnCnt]);
    assert_eq!(config.backends[0].stick_rules[0].table, TableId(0));
    assert!(!config.backends[0].stick_rules[0].stores);
    assert_eq!(config.backends[0].table, None);
}

#[test]
fn servers_and_proxies_are_numbered_as_in_haproxy() {
    let config = load(
        "global\n stats socket /tmp/api\nfrontend f1\n bind :1\nbackend b1\n \
         server a 127.0.0.1:1\n server b 127.0.0.1:1 id 1\n server c 127.0.0.1:1\n \
         server d 127.0.0.1:1 id 3\n server e 127.0.0.1:1\nlisten l1\n bind :2\n id 4\n\
         backend b2\nfrontend f2\n bind :3\nbackend b3\n id 2\n",
    );
    let ids: Vec<u32> = config.backends[0].servers.iter().map(|server| server.id).collect();
    assert_eq!(ids, [2, 1, 4, 3, 6]);
    let frontends: Vec<_> =
        config.frontends.iter().map(|f| (f.name.as_str(), f.proxy_id)).collect();
    assert_eq!(frontends, [("f1", 3), ("l1", 4), ("f2", 8)]);
    let backends: Vec<_> = config.backends.iter().map(|b| (b.name.as_str(), b.proxy_id)).collect();
    assert_eq!(backends, [("b1", 5), ("l1", 4), ("b2", 7), ("b3", 2)]);
    assert_eq!(config.frontends[1].default_backend, Some(BackendId(1)));
    assert_eq!(config.frontends[0].default_backend, None);
}

#[test]
fn a_proxy_begins_with_the_last_defaults_or_with_those_it_names() {
    let config = load(
        "defaults a\n retries 5\n timeout connect 1s\n option redispatch\n \
         default-server weight 9\ndefaults b from a\n retries 6\n no option redispatch\n\
         defaults c\nbackend x\nbackend y from b\n server s 127.0.0.1:1\nbackend z from a\n \
         timeout connect 0\n",
    );
    let found: Vec<_> = config
        .backends
        .iter()
        .map(|backend| (backend.retries, backend.timeout_connect_ms, backend.redispatch))
        .collect();
    assert_eq!(found, [(3, None, None), (6, Some(1000), None), (5, None, Some(-1))]);
    assert_eq!(config.backends[1].servers[0].settings.weight, 9);
}

#[test]
fn variables_are_set_for_the_lines_that_follow() {
    let config = load(
        "global\n description ${V-none}\n setenv V one\n presetenv V two\n node $V\n unsetenv V\n\
         backend b\n description \"${V-none} $HAPROXY_LOCALPEER\"\n",
    );
    assert_eq!(config.global.description.as_deref(), Some("none"));
    assert_eq!(config.global.node.as_deref(), Some("one"));
    assert_eq!(config.backends[0].description.as_deref(), Some("none node1"));
}

#[test]
fn log_global_means_the_targets_of_the_global_section_wherever_it_stands() {
    let config = load(
        "defaults\n log global\n log stdout format raw local1 info\nbackend a\nbackend b\n no log\n\
         global\n log 127.0.0.1 local0 notice err\n",
    );
    let [first, second] = config.backends[0].log.as_slice() else { panic!("two targets") };
    assert_eq!(*first, config.global.log[0]);
    assert_eq!(
        (first.facility, first.level, first.min_level, first.length),
        (16, Severity::Notice, Severity::Err, 1024)
    );
    assert_eq!(
        (second.format, second.facility, second.level),
        (LogFormat::Raw, 17, Severity::Info)
    );
    assert!(config.backends[1].log.is_empty());
}

#[test]
fn the_command_line_goes_before_maxconn() {
    let text = "global\n maxconn 10\n";
    assert_eq!(load(text).global.maxconn, Some(10));
    let request = Request { maxconn: Some(20), ..request() };
    assert_eq!(load_with(text, &request).global.maxconn, Some(20));
}

#[test]
fn the_exporter_is_not_counted_among_the_frontends_that_samples_name() {
    let config = load(
        "defaults\n timeout client 1s\n\
         frontend stats\n mode http\n bind :1\n http-request use-service prometheus-exporter\n\
         frontend in\n bind :2\n acl full fe_conn(in) gt 5\n\
         tcp-request connection reject if full\n",
    );
    assert_eq!(config.frontends[0].name, "in");
    let acls = format!("{:?}", config.acls);
    assert!(acls.contains("FrontendId(0)") && !acls.contains("FrontendId(1)"), "{acls}");
}

#[test]
fn what_a_page_inherits_is_for_frontends_that_relay() {
    let metrics = |own: &str| {
        let text = format!(
            "defaults\n maxconn 5000\n default_backend b\n rate-limit sessions 9\n\
             frontend stats\n mode http\n bind :1\n\
             http-request use-service prometheus-exporter\n {own}\nbackend b\n"
        );
        let config = load(&text);
        (config.pages[0].maxconn, config.pages[0].timeout_client_ms)
    };
    assert_eq!(metrics(""), (32, 10_000));
    assert_eq!(metrics("maxconn 100\n timeout client 3s"), (100, 3000));
}
