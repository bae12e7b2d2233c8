//! Programs that collect figures and that raise alarms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Running, SOON, http, until};
use crate::{
    Observed, assert_alike, both, program_or_skip, said, same, script_or_skip, tools,
    unpacked_or_skip,
};

/// Parts of the names of figures that depend on the time or on the machine.
const INCOMPARABLE: [&str; 10] = [
    "seconds",
    "time",
    "rate",
    "version_info",
    "max_sessions",
    "exporter_",
    "last",
    "bps",
    "peak",
    "duration",
];

/// The values that both programs must have: not those of the process, nor of the page that the
/// tool itself asks for.
fn comparable(values: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |name: &str| {
        let own = name.contains("pages") || name.starts_with("haproxy ") || name.ends_with("idle");
        own || INCOMPARABLE.iter().any(|part| name.contains(part))
    };
    let values = values.iter().filter(|(name, _)| !differs(name));
    values.map(|(name, value)| format!("{name} {value}")).collect()
}

/// Observes names with values, of which both programs must have the same. Returns stickd's.
#[track_caller]
fn same_values(
    observe: impl Fn(&Observed) -> BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let (ours, theirs) = both(observe);
    if let Some(theirs) = theirs {
        let names = |values: &BTreeMap<String, String>| -> BTreeSet<String> {
            let names = values.keys().map(|name| name.split("release_date").next().unwrap());
            names.map(str::to_owned).collect()
        };
        assert_alike(&names(&ours), &names(&theirs));
        assert_alike(&comparable(&ours), &comparable(&theirs));
    }
    ours
}

/// Lines of a name and a value.
fn pairs<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_older_exporter_scrapes_the_same_metrics_from_the_socket() {
    assert_the_older_exporter_scrapes_from(|observed| format!("unix:{}", observed.socket()));
}

#[test]
fn the_older_exporter_scrapes_the_same_metrics_from_the_page() {
    assert_the_older_exporter_scrapes_from(|observed| format!("{};csv", observed.url()));
}

fn assert_the_older_exporter_scrapes_from(uri: impl Fn(&Observed) -> String) {
    let Some(exporter) = program_or_skip("prometheus-haproxy-exporter") else { return };
    let metrics = same_values(|observed| {
        let address = observed.place.address();
        let child = Command::new(&exporter)
            .arg(format!("--haproxy.scrape-uri={}", uri(observed)))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn();
        let _running = Running(child.unwrap());
        until("the exporter listens", SOON, || std::net::TcpStream::connect(address).is_ok());
        let text = http::get(address, "/metrics");
        pairs(text.lines().filter(|line| line.starts_with("haproxy_")))
    });
    assert_eq!(metrics["haproxy_up"], "1");
    assert_eq!(metrics["haproxy_server_sessions_total{backend=\"web\",server=\"s1\"}"], "4");
}

#[test]
fn collectd_haproxy_hands_over_the_same_values() {
    let Some(script) = script_or_skip("collectd_values.py") else { return };
    let values = same_values(|observed| pairs(script(&[&observed.socket()]).lines()));
    assert_eq!(values["web.s1 session_count counter"], "4");
}

#[test]
fn the_module_of_netdata_collects_the_same_values_from_the_socket_and_the_page() {
    let Some(script) = script_or_skip("netdata_values.py") else { return };
    let Some(plugins) = unpacked_or_skip("usr/lib/netdata/python.d") else { return };
    let plugins = plugins.display().to_string();
    let values = same_values(|observed| {
        let url = format!("{};csv;norefresh", observed.url());
        let mut values = pairs(script(&[&plugins, "socket", &observed.socket()]).lines());
        let by_url = pairs(script(&[&plugins, "url", &url]).lines());
        values.extend(by_url.into_iter().map(|(name, value)| (format!("url {name}"), value)));
        values
    });
    assert_eq!(values["hsdown_web"], "1");
    assert_eq!(values["url hsdown_web"], "1");
    assert!(values.contains_key("url idle"), "{values:?}");
}

#[test]
fn check_haproxy_raises_the_same_alarm() {
    let Some(plugin) = unpacked_or_skip("usr/lib/nagios/plugins/check_haproxy") else { return };
    let alarm = same(|observed| {
        let said = alarm(&plugin, &["-u", &format!("{};csv", observed.url())]);
        // The order of what it says of performance is random, and one of it is a time.
        let mut words: Vec<_> = said.split_whitespace().map(str::to_owned).collect();
        words.retain(|word| !word.starts_with("t="));
        words.sort();
        words
    });
    assert!(alarm.contains(&"CRITICAL".to_owned()) && alarm.contains(&"'s2'".to_owned()));
}

#[test]
fn check_haproxy_stats_raises_the_same_alarms() {
    let Some(plugin) = unpacked_or_skip("usr/lib/nagios/plugins/check_haproxy_stats") else {
        return;
    };
    let alarms = same(|observed| {
        [
            alarm(&plugin, &["-s", &observed.socket()]),
            alarm(&plugin, &["-s", &observed.socket(), "-p", "in,other"]),
            alarm(&plugin, &["-m", "-i", "s2", "-U", &observed.url()]),
        ]
    });
    let [all, some, page] = &alarms;
    assert!(all.contains("server: web:s2 is DOWN (check status: connection error)"), "{all}");
    assert!(some.contains("OK - checked proxies: in, other|"), "{some}");
    assert!(page.contains("OK - checked 6 proxies.|"), "{page}");
}

/// What a plugin of Nagios says, and the status with which it ends.
fn alarm(plugin: &Path, arguments: &[&str]) -> String {
    let output = Command::new("perl").arg(plugin).args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    format!("{said} {errors} status {}", output.status.code().unwrap())
}

#[test]
fn the_plugins_of_munin_draw_the_same_graphs() {
    for name in ["haproxy_", "haproxy_ng"] {
        let plugin = format!("usr/share/munin/plugins/{name}");
        let Some(plugin) = unpacked_or_skip(&plugin) else { return };
        let (graphs, values) = same(|observed| graph(&plugin, observed));
        assert!(graphs.iter().any(|line| line.starts_with("graph_title")), "{graphs:?}");
        let value = if name == "haproxy_" { "ss1.value 4" } else { "s1_stot.value 4" };
        assert!(values.contains(&value.to_owned()), "{values:?}");
    }
}

/// The graphs that a plugin of Munin declares, and their values. It prints them in a random order.
fn graph(plugin: &Path, observed: &Observed) -> (Vec<String>, Vec<String>) {
    let root = tools().join("debian/usr/share");
    let run = |arguments: &[&str]| {
        let mut command = Command::new("perl");
        command.env("PERL5LIB", root.join("perl5")).env("MUNIN_LIBDIR", root.join("munin"));
        command.env("MUNIN_CAP_MULTIGRAPH", "1");
        command.env("url", format!("{};csv;norefresh", observed.url()));
        let mut lines: Vec<_> =
            said(command.arg(plugin).args(arguments)).lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("pages_") && !line.contains("_lastchg"));
        lines.sort();
        lines
    };
    (run(&["config"]), run(&[]))
}
