//! The statistics page in a real Chromium: what a reader sees, without scripts and with them, in
//! every state of the cluster that matters, on a phone and in the dark.
//!
//! The pictures go to `target/tmp/pages`. If Chromium or its driver is missing, the tests say so
//! and pass; `scripts/test` installs both, and axe-core, which checks whether everybody can use the
//! page.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use threads and the real clock"
)]

mod cluster;
mod driver;
mod usable;

#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
#[path = "../it/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use cluster::Cluster;
use driver::Browser;
use support::{Place, SOON, ask, http, source, until};

/// How long a page may take to show what has changed.
const SHOWN: Duration = Duration::from_secs(15);

/// A browser that shows the page of a node.
struct Reader {
    browser: Browser,
    url: String,
}

impl Reader {
    /// Starts a browser; none if there is none.
    fn start(place: &Place) -> Option<Browser> {
        let Some(programs) = driver::programs() else {
            support::skip("chromium or chromedriver is not installed, so no page is looked at");
            return None;
        };
        Some(Browser::start(&programs, place.dir()))
    }

    /// Opens the page of a node and waits until its script has written.
    fn open(browser: Browser, cluster: &Cluster, node: usize) -> Self {
        let url = format!("http://{}/stats", cluster.pages[node]);
        browser.resize(1280, 900);
        browser.open(&url);
        let reader = Self { browser, url };
        reader.until_live();
        reader
    }

    fn until_live(&self) {
        let is_live = "return document.body.classList.contains('live')";
        until("the script runs", SHOWN, || self.browser.run(is_live) == json!(true));
    }

    #[track_caller]
    fn until_says(&self, selector: &str, part: &str) {
        until(&format!("{selector} says {part}"), SHOWN, || {
            self.browser.text(selector).contains(part)
        });
    }

    /// Takes a picture, and looks for what no page may have: errors, and what somebody cannot use.
    fn look(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
        std::fs::create_dir_all(&folder).unwrap();
        self.browser.picture(&folder.join(format!("{name}.png")));
        let problems = usable::problems(&self.browser);
        assert!(problems.is_empty(), "{name}: {problems:#?}");
        assert_eq!(self.browser.console(), [""; 0], "{name}");
    }
}

/// The row of a link, a table or a service.
fn row(name: &str) -> String {
    format!("tr[data-row=\"{name}\"]")
}

#[test]
fn a_healthy_mesh_is_whole_and_figures_change_without_loading_the_page_again() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let cluster = Cluster::start(&place);
    let reader = Reader::open(browser, &cluster, 0);
    reader.until_says("#standing", "Serving, whole: 2 of 2 peers connected, 3 of 3 servers up");
    reader.browser.run("window.isTheSame = true;");
    for client in 0..20 {
        ask(source(client), cluster.fronts[0]).unwrap();
    }
    reader.until_says("#memory", "20 clients remembered");
    reader.until_says(&row("t0"), "20");
    reader.until_says("tr:has(a[name=\"web/Frontend\"])", "20");
    until("both peers have everything", SHOWN, || {
        ["m0.1", "m0.2"].iter().all(|link| reader.browser.text(&row(link)).contains("in step"))
    });
    let links = "return document.querySelectorAll('.mesh .link.good').length";
    assert_eq!(reader.browser.run(links), json!(2));
    let curves = "return document.querySelectorAll('.curve polyline[points]').length";
    until("there are curves", SHOWN, || reader.browser.run(curves).as_u64() >= Some(4));
    assert_eq!(reader.browser.run("return window.isTheSame"), json!(true), "{}", reader.url);
    let spoken = "return document.querySelector('#standing').getAttribute('role')";
    assert_eq!(reader.browser.run(spoken), json!("status"));
    reader.browser.run("for (const d of document.querySelectorAll('details')) d.open = true;");
    reader.until_says(&row("t0.0.0"), "web/s1");
    reader.look("healthy");
    reader.browser.prefer("dark");
    reader.look("dark");
    reader.browser.prefer("light");
    reader.browser.run("for (const d of document.querySelectorAll('details')) d.open = false;");
    reader.browser.resize(390, 844);
    let width = "return document.documentElement.scrollWidth";
    assert_eq!(reader.browser.run(width), json!(390), "nothing is wider than a phone");
    reader.look("phone");
}

#[test]
fn without_scripts_the_page_is_plain_tables() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let cluster = Cluster::start(&place);
    browser.command("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.resize(1280, 900);
    browser.open(&format!("http://{}/stats", cluster.pages[0]));
    assert!(browser.text("#standing").starts_with("Serving, "), "{}", browser.text("#standing"));
    for table in ["#mesh", "#tables", "#services", "#reloads", "#events"] {
        let text = browser.text(&format!("{table} table"));
        assert!(!text.is_empty(), "{table}");
    }
    assert!(browser.text("tr:has(a[name=\"web/s1\"])").contains("UP"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    browser.picture(&folder.join("plain.png"));
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn a_link_that_is_cut_and_a_server_that_is_down_are_seen_at_once() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let mut cluster = Cluster::start(&place);
    let reader = Reader::open(browser, &cluster, 0);
    reader.until_says("#standing", "whole: 2 of 2 peers connected");
    cluster.end_node(2);
    reader.until_says("#standing", "not whole: 1 of 2 peers connected");
    reader.until_says(&row("m0.2"), "down for");
    let class = "return document.getElementById('link-m0.2').getAttribute('class')";
    assert_eq!(reader.browser.run(class), json!("link bad"));
    reader.until_says("#event-rows", "peer mesh/c");
    reader.look("link_cut");
    cluster.end_server(1);
    reader.until_says("#standing", "2 of 3 servers up");
    reader.until_says("tr:has(a[name=\"web/s2\"])", "DOWN");
    reader.until_says("tr:has(a[name=\"web/s2\"])", "L4CON");
    let class = "return document.querySelector('tr:has(a[name=\"web/s2\"])').className";
    assert_eq!(reader.browser.run(class), json!("active_down"));
    let case = "return document.getElementById('sentence').className";
    assert_eq!(reader.browser.run(case), json!("partly"));
    reader.look("server_down");
}

#[test]
fn a_reload_is_told_and_the_page_goes_on() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let cluster = Cluster::start(&place);
    ask(source(1), cluster.fronts[0]).unwrap();
    let reader = Reader::open(browser, &cluster, 0);
    reader.until_says("#memory", "1 client remembered");
    reader.browser.run("window.isTheSame = true;");
    cluster.nodes[0].reload();
    reader.until_says("#reload-rows", "serves");
    ask(source(2), cluster.fronts[0]).unwrap();
    reader.until_says("#memory", "2 clients remembered");
    assert_eq!(reader.browser.run("return window.isTheSame"), json!(true));
    assert_eq!(reader.browser.text("#notice"), "");
    reader.look("reloaded");
}

#[test]
fn a_page_whose_process_is_gone_says_how_old_its_figures_are() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let mut cluster = Cluster::start(&place);
    let reader = Reader::open(browser, &cluster, 0);
    cluster.end_node(0);
    reader.until_says("#notice", "No new figures since");
    assert_eq!(reader.browser.run("return document.body.className"), json!("live stale"));
    assert_eq!(usable::problems(&reader.browser), [""; 0]);
}

#[test]
fn a_server_that_is_added_is_told_to_who_has_the_page_open() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let cluster = Cluster::start(&place);
    let reader = Reader::open(browser, &cluster, 0);
    let answer = cluster.nodes[0].api().command("add server web/s9 127.0.0.1:9");
    reader.until_says("#notice", "What is configured has changed. Load the page again");
    reader.browser.click("#notice a");
    reader.until_live();
    let added = reader.browser.text("tr:has(a[name=\"web/s9\"])");
    assert!(added.contains("MAINT"), "{answer}: {added}");
    reader.look("server_added");
}

#[test]
fn who_may_act_drains_a_server_with_the_form() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let cluster = Cluster::start(&place);
    let reader = Reader::open(browser, &cluster, 0);
    reader.browser.click("input[name=s][value=s3]");
    reader
        .browser
        .run("document.querySelector('#services form[method=post] select').value = 'drain';");
    reader.browser.click("#services form[method=post] input[type=submit]");
    reader.until_says(".result", "The action was done.");
    assert_eq!(cluster.nodes[0].api().stat("web", "s3", "status"), "DRAIN");
    reader.look("drained");
}

#[test]
fn a_key_is_found_moved_and_forgotten() {
    let place = Place::new();
    let Some(browser) = Reader::start(&place) else { return };
    let cluster = Cluster::start(&place);
    let client = source(5);
    let own = ask(client, cluster.fronts[1]).unwrap();
    until("the node has learned the entry", SOON, || {
        cluster.nodes[0].api().command("show table web").contains(&format!("key={client} "))
    });
    let reader = Reader::open(browser, &cluster, 0);
    let find = format!("document.querySelector('#stuck input[name=key]').value = '{client}';");
    reader.browser.run(&find);
    reader.browser.click("#stuck input[type=submit]");
    reader.until_says("#stuck table", &format!("web/{own}"));
    reader.until_says("#stuck table", "learned from peer b");
    reader.look("stuck");
    let other = if own == "s1" { "s2" } else { "s1" };
    let choose = format!("document.querySelector('#stuck [name=to]').value = 'web/{other}';");
    reader.browser.run(&choose);
    reader.browser.click("#stuck button[value=move]");
    reader.until_says(".result", "The action was done.");
    reader.until_says("#stuck table", &format!("web/{other}"));
    assert_eq!(ask(client, cluster.fronts[0]).unwrap(), other);
    reader.browser.click("#stuck button[value=forget]");
    reader.until_says("#stuck", "No entry has the key");
}

#[test]
fn names_from_outside_are_no_markup_and_the_page_needs_nothing_from_elsewhere() {
    let place = Place::new();
    let page = place.address();
    let evil = "<img-src=x-onerror=alert(1)>";
    let body = format!(
        "frontend stats\n    mode http\n    bind {page}\n    stats uri /stats\n    \
         stats show-desc {evil}\n    stats show-node {evil}\n"
    );
    let _node = support::Spec::new(&place, "a", &body).start();
    let html = http::get(page, "/stats");
    assert!(!html.contains("<img"), "{html}");
    for place in html.split("http").skip(1) {
        assert!(place.starts_with("-equiv"), "the page names an address: {}", &place[..40]);
    }
    let Some(browser) = Reader::start(&place) else { return };
    browser.open(&format!("http://{page}/stats"));
    assert!(browser.text("header").contains(evil));
    assert_eq!(browser.run("return document.querySelectorAll('img').length"), json!(0));
    assert_eq!(browser.console(), [""; 0]);
    let fetched = "fetch('data:text/plain,x').then(() => arguments[0]('fetched'), \
                   () => arguments[0]('refused'))";
    assert_eq!(browser.run_async(fetched), json!("refused"));
    until("nothing is late", SOON, || !browser.console().is_empty());
}
