//! The statistics page shows the figures of HAProxy's page, in rows with the same anchors and
//! classes, and narrows them by the same words.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::{Flavour, Held, Node, Place, SOON, Server, ask, http, source, until};
use crate::{flavours, start};

/// A node with a statistics page, after known traffic.
struct Observed {
    page: SocketAddr,
    node: Node,
    _server: Server,
    _held: Held,
    _place: Place,
}

/// Failures are found soon, and no check of a busy machine fails because it takes long.
const SOON_FOUND: &str = "inter 2s fastinter 50ms";

fn observe(flavour: Flavour) -> Observed {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let up = server.address();
    let held = Held::refusing(place.address());
    let refusing = place.address();
    let (front, page) = (place.address(), place.address());
    let body = format!(
        "frontend in\n    bind {front}\n    maxconn 1100\n    rate-limit sessions 500\n    \
         default_backend web\n\
         backend web\n    fullconn 50\n    description the web\n    server s1 {up}\n    \
         server s2 {refusing} check {SOON_FOUND} backup\n    \
         server s3 {refusing} disabled weight 7 maxconn 4 maxqueue 5\n    \
         server s4 {refusing} track s2\n    server s5 {up} check {SOON_FOUND} weight 0\n    \
         server s6 {up} check {SOON_FOUND} backup observe layer4\n\
         backend dead\n    server d1 {refusing} check {SOON_FOUND}\n\
         backend empty\n\
         frontend stats\n    mode http\n    no log\n    bind {page}\n    stats enable\n    \
         stats uri /stats\n    stats refresh 7s\n    stats show-node n1\n    \
         stats admin if TRUE\n",
    );
    let node = start(flavour, &place, "", &body);
    for client in 1..=5 {
        assert_eq!(ask(source(client % 3), front).unwrap(), "s1");
    }
    until("all clients are gone and the checks have ended", SOON, || {
        let api = node.api();
        let is_checked = |name: &str| api.stat("web", name, "check_status").starts_with("L4OK");
        api.stat("web", "s1", "scur") == "0"
            && api.stat("web", "s2", "status") == "DOWN"
            && api.stat("dead", "d1", "status") == "DOWN"
            && is_checked("s5")
            && is_checked("s6")
    });
    Observed { page, node, _server: server, _held: held, _place: place }
}

/// The rows of a page: what stands in the cells behind each name, with the class of the row first.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut plain = String::new();
    for part in page.split("<div class=tips>") {
        plain.push_str(if plain.is_empty() { part } else { part.split_once("</div>").unwrap().1 });
    }
    let mut rows = BTreeMap::new();
    for row in plain.split("<tr ").skip(1) {
        let Some((class, rest)) = row.split_once("<a name=\"") else { continue };
        let (name, rest) = rest.split_once('"').unwrap();
        if !name.contains('/') {
            continue;
        }
        let class = class.trim_start_matches("class=").trim_start_matches('"');
        let class = class.split(['"', '>']).next().unwrap();
        let mut cells = vec![class.to_owned()];
        let row = rest.split("</tr>").next().unwrap();
        cells.extend(row.split("<td").skip(1).map(cell));
        rows.insert(name.to_owned(), cells);
    }
    rows
}

/// The words of a cell, without what depends on time.
fn cell(html: &str) -> String {
    let (_, html) = html.split_once('>').unwrap();
    let mut text = String::new();
    for (at, part) in html.split('<').enumerate() {
        let is_inside_a_tag = at > 0;
        text.push_str(if is_inside_a_tag {
            part.split_once('>').map_or("", |p| p.1)
        } else {
            part
        });
    }
    let text = text.replace("&nbsp;", " ");
    let words = text.split_whitespace().filter(|word| !["*", "↓", "&darr;"].contains(word));
    words.map(|word| if is_duration(word) { "TIME" } else { word }).collect::<Vec<_>>().join(" ")
}

fn is_duration(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_digit()) && word.ends_with(['s', 'm', 'h', 'd'])
}

/// The cells whose figures depend on how fast the clients came and went: the session rates, and the
/// most sessions at a time.
const RATES: [usize; 3] = [1, 2, 5];

#[test]
fn the_rows_have_the_figures_of_haproxy() {
    let [first, rest @ ..] = &flavours()[..] else { panic!("nothing to observe") };
    let shown = |flavour| {
        let observed = observe(flavour);
        let page = http::get(observed.page, "/stats");
        assert!(page.contains("HAProxy version 2.6."), "{flavour:?}");
        assert!(page.contains("uptime = "), "{flavour:?}");
        let mut rows = rows(&page);
        rows.retain(|name, _| !name.starts_with("stats/"));
        rows
    };
    let ours = shown(*first);
    let names: Vec<&str> = ours.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "dead/Backend",
            "dead/d1",
            "empty/Backend",
            "in/Frontend",
            "web/Backend",
            "web/s1",
            "web/s2",
            "web/s3",
            "web/s4",
            "web/s5",
            "web/s6"
        ]
    );
    for flavour in rest {
        let theirs = shown(*flavour);
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (name, own) in &ours {
            let other = &theirs[name];
            assert_eq!(own.len(), other.len(), "{name}: {own:?}, not {other:?}");
            // The queue of a frontend is one cell, that of the others three.
            let before = if name.ends_with("/Frontend") { 1 } else { 3 };
            for (at, (own, other)) in own.iter().zip(other).enumerate() {
                let is_rate = RATES.contains(&at.saturating_sub(before));
                assert!(is_rate || own == other, "{name}, cell {at}: {own:?}, not {other:?}");
            }
        }
    }
}

#[test]
fn the_words_behind_the_uri_narrow_the_page_as_in_haproxy() {
    for flavour in flavours() {
        let observed = observe(flavour);
        let names = |words: &str| -> String {
            let page = http::get(observed.page, &format!("/stats{words}"));
            let rows = rows(&page);
            let names = rows.keys().filter(|name| !name.starts_with("stats/"));
            names.map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        let up = "dead/Backend empty/Backend in/Frontend web/Backend web/s1 web/s5 web/s6";
        assert_eq!(names(";up"), up, "{flavour:?}");
        assert_eq!(names("?;norefresh;up"), up, "{flavour:?}");
        assert_eq!(names("?scope=EA"), "dead/Backend dead/d1", "{flavour:?}");
        assert_eq!(names(";up?scope=ea&x"), "dead/Backend", "{flavour:?}");
        let without = "web/Backend web/s1 web/s2 web/s4 web/s5 web/s6";
        assert_eq!(names(";no-maint?scope=web"), without, "{flavour:?}");
        let first_cells = |words: &str| -> Vec<String> {
            let text = http::get(observed.page, &format!("/stats{words}"));
            let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
            let names = lines.map(|line| line.split(',').take(2).collect::<Vec<_>>().join("/"));
            names.collect()
        };
        let rows = ["web/s1", "web/s5", "web/s6", "web/BACKEND"];
        assert_eq!(first_cells(";csv;up?scope=web"), rows, "{flavour:?}");
        let typed = http::get(observed.page, "/stats;typed?scope=dead");
        assert!(typed.starts_with("S."), "{flavour:?}: {typed}");
        assert!(typed.contains(".pxname.1:KNS:str:dead\n"), "{flavour:?}: {typed}");
        let json = http::get(observed.page, "/stats;json?scope=dead");
        assert!(json.starts_with("[[{\"objType\":\"Server\","), "{flavour:?}: {json}");
        let schema = http::get(observed.page, "/stats;json-schema");
        assert!(schema.starts_with('{') && schema.contains("objType"), "{flavour:?}: {schema}");
    }
}

#[test]
fn the_form_of_the_page_changes_servers() {
    for flavour in flavours() {
        let observed = observe(flavour);
        let page = http::get(observed.page, "/stats");
        let (_, after) = page.split_once("<a name=\"web/Backend\"").unwrap();
        let (_, value) = after.split_once("name=\"b\" value=\"").unwrap();
        let backend = value.split('"').next().unwrap().replace('#', "%23");
        let body = format!("s=s1&s=s5&action=maint&b={backend}");
        let answer = http::exchange(
            observed.page,
            &format!(
                "POST /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        assert!(answer.contains("\r\nlocation: /stats;st=DONE\r\n"), "{flavour:?}: {answer}");
        let api = observed.node.api();
        assert_eq!(["s1", "s5"].map(|name| api.stat("web", name, "status")), ["MAINT"; 2]);
    }
}
