//! What collectors that cannot be installed here expect of HAProxy, said in our words: telegraf and
//! Datadog's agent (their inputs for HAProxy), Zabbix ("HAProxy by HTTP"), and dashboards of
//! Grafana over Prometheus. Each is asked of both programs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::support::http;
use crate::{Observed, same};

/// The columns that telegraf takes for text. It drops what is no number in the others.
const TEXT_COLUMNS: [&str; 11] = [
    "pxname",
    "svname",
    "status",
    "check_status",
    "last_chk",
    "mode",
    "tracked",
    "agent_status",
    "last_agt",
    "addr",
    "cookie",
];

/// The columns of which Datadog and Zabbix make figures.
const FIGURE_COLUMNS: [&str; 35] = [
    "qcur",
    "scur",
    "slim",
    "stot",
    "bin",
    "bout",
    "dreq",
    "dresp",
    "ereq",
    "econ",
    "eresp",
    "wretr",
    "wredis",
    "weight",
    "act",
    "bck",
    "lastchg",
    "type",
    "rate",
    "req_rate",
    "req_tot",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "qtime",
    "ctime",
    "rtime",
    "ttime",
    "conn_rate",
    "conn_tot",
    "intercepted",
    "chkfail",
];

type Row = BTreeMap<String, String>;

/// The rows of comma-separated values, with the names of their columns.
#[track_caller]
fn rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines().filter(|line| !line.is_empty()).map(cells);
    let mut names = lines.next().unwrap();
    names[0] = names[0].strip_prefix("# ").expect("the head begins with a hash").to_owned();
    lines
        .map(|cells| {
            assert_eq!(cells.len(), names.len(), "as many cells as columns: {cells:?}");
            names.iter().cloned().zip(cells).collect()
        })
        .collect()
}

/// The cells of a line. In quotes, a comma is a part of the text.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            _ => cells.last_mut().unwrap().push(letter),
        }
    }
    cells
}

/// What comes back from the Runtime API until it closes the connection.
fn asked(observed: &Observed, line: &str) -> String {
    let mut stream = UnixStream::connect(observed.socket()).unwrap();
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// For each row, the columns of a list that have a number, and those that have a text.
fn kinds(rows: &[Row], columns: &[&str]) -> Vec<String> {
    let kind = |row: &Row, name: &str| match row.get(name) {
        Some(cell) if cell.is_empty() => None,
        Some(cell) if cell.parse::<u64>().is_ok() => Some(format!("{name}: number")),
        Some(cell) => Some(format!("{name}: {cell}")),
        None => Some(format!("{name} is missing")),
    };
    let line = |row: &Row| {
        let kinds: Vec<_> = columns.iter().filter_map(|name| kind(row, name)).collect();
        format!("{}/{}: {}", row["pxname"], row["svname"], kinds.join(", "))
    };
    rows.iter().map(line).collect()
}

#[test]
fn telegraf_finds_numbers_in_every_column_that_is_no_text() {
    let kinds = same(|observed| {
        let by_socket = rows(&asked(observed, "show stat\n"));
        let by_page = rows(&http::get(observed.pages, "/stats/;csv"));
        for row in by_socket.iter().chain(&by_page) {
            let type_: usize = row["type"].parse().unwrap();
            assert!(type_ < 4, "{row:?}");
            let texts =
                TEXT_COLUMNS.iter().chain(&["lastsess", "check_desc", "agent_desc", "algo", "-"]);
            let texts: BTreeSet<_> = texts.copied().collect();
            for (name, cell) in row.iter().filter(|(name, _)| !texts.contains(name.as_str())) {
                let is_number = cell.is_empty() || cell.parse::<u64>().is_ok();
                assert!(is_number, "{name}: {cell:?}");
            }
            assert!(row["lastsess"].is_empty() || row["lastsess"].parse::<i64>().is_ok());
        }
        let texts = ["pxname", "svname", "status", "check_status", "mode", "tracked", "cookie"];
        [kinds(&by_socket, &texts), kinds(&by_page, &texts)]
    });
    assert!(kinds[0].iter().any(|row| row.contains("web/s2") && row.contains("status: DOWN")));
    assert_eq!(kinds[0], kinds[1]);
}

#[test]
fn datadog_finds_two_answers_to_two_commands_and_its_columns() {
    let tables = same(|observed| {
        let answer = asked(observed, "show info;show stat\r\n");
        let answers: Vec<_> =
            answer.split("\n\n").filter(|answer| !answer.trim().is_empty()).collect();
        let [info, stat] = answers[..] else { panic!("{} answers", answers.len()) };
        // It stops at the first line that has not one colon, so what it wants must come before.
        let pairs = info.trim().lines().map_while(|line| line.split_once(':'));
        let info: BTreeMap<_, _> = pairs.take_while(|(_, value)| !value.contains(':')).collect();
        let version = info["Version"].trim();
        assert!(version.starts_with("2."), "{version}");
        info["Uptime_sec"].trim().parse::<u64>().unwrap();
        let page = http::get(observed.pages, "/stats/;csv;norefresh");
        let columns = kinds(&rows(stat.trim()), &FIGURE_COLUMNS);
        assert_eq!(columns, kinds(&rows(&page), &FIGURE_COLUMNS));
        let table = asked(observed, "show table\r\n").trim().to_owned();
        (columns, table)
    });
    assert_eq!(tables.1, "# table: web, type: ip, size:1024, used:4");
}

#[test]
fn zabbix_finds_the_version_the_uptime_and_its_columns() {
    let items = same(|observed| {
        let page = http::get(observed.pages, "/stats");
        let (_, version) = page.split_once("HAProxy version ").unwrap();
        let (version, _) = version.split_once(',').unwrap();
        assert!(version.starts_with("2."), "{version}");
        let uptime = page.split_whitespace().collect::<Vec<_>>();
        // Zabbix takes the first words of this form, wherever they are.
        let uptime = uptime.windows(2).find_map(|pair| seconds(pair[0], pair[1])).unwrap();
        assert!(uptime < 60, "the program has just been started: {uptime}");
        let csv = http::get(observed.pages, "/stats;csv");
        kinds(&rows(&csv), &[&["mode", "status"][..], &FIGURE_COLUMNS].concat())
    });
    assert!(items.iter().any(|row| row.starts_with("web/BACKEND: mode: tcp, status: UP")));
}

/// The seconds of `0d 0h01m02s`. Markup may follow.
fn seconds(days: &str, rest: &str) -> Option<u64> {
    let days: u64 = days.strip_suffix('d')?.parse().ok()?;
    let (hours, rest) = rest.split_once('h')?;
    let (minutes, rest) = rest.split_once('m')?;
    let (seconds, _) = rest.split_once('s')?;
    let [hours, minutes, seconds] = [hours, minutes, seconds].map(|part| part.parse::<u64>().ok());
    Some(((days * 24 + hours?) * 60 + minutes?) * 60 + seconds?)
}

/// The metrics that dashboards over HAProxy's own exporter ask for, of a service of TCP.
const DASHBOARD_METRICS: [&str; 57] = [
    "process_start_time_seconds",
    "process_uptime_seconds",
    "process_current_connections",
    "process_max_connections",
    "process_idle_time_percent",
    "process_jobs",
    "process_requests_total",
    "process_connections_total",
    "process_current_connection_rate",
    "process_current_session_rate",
    "process_pool_allocated_bytes",
    "process_pool_used_bytes",
    "process_nbthread",
    "process_build_info",
    "frontend_status",
    "frontend_current_sessions",
    "frontend_limit_sessions",
    "frontend_max_sessions",
    "frontend_max_session_rate",
    "frontend_limit_session_rate",
    "frontend_sessions_total",
    "frontend_connections_total",
    "frontend_bytes_in_total",
    "frontend_bytes_out_total",
    "frontend_requests_denied_total",
    "frontend_request_errors_total",
    "frontend_internal_errors_total",
    "backend_status",
    "backend_current_sessions",
    "backend_current_queue",
    "backend_active_servers",
    "backend_backup_servers",
    "backend_sessions_total",
    "backend_bytes_in_total",
    "backend_bytes_out_total",
    "backend_connection_attempts_total",
    "backend_connection_errors_total",
    "backend_response_errors_total",
    "backend_retry_warnings_total",
    "backend_redispatch_warnings_total",
    "backend_queue_time_average_seconds",
    "backend_connect_time_average_seconds",
    "backend_total_time_average_seconds",
    "backend_max_queue_time_seconds",
    "backend_max_connect_time_seconds",
    "backend_weight",
    "server_status",
    "server_current_sessions",
    "server_current_queue",
    "server_sessions_total",
    "server_bytes_in_total",
    "server_bytes_out_total",
    "server_check_status",
    "server_check_failures_total",
    "server_check_last_change_seconds",
    "server_downtime_seconds_total",
    "server_weight",
];

#[test]
fn dashboards_find_their_metrics_with_the_labels_of_haproxy() {
    let series = same(|observed| {
        let text = http::get(observed.pages, "/metrics");
        let series = text.lines().filter_map(|line| line.strip_prefix("haproxy_"));
        let series = series.map(|line| line.split_once(' ').unwrap().0.to_owned());
        let series: BTreeSet<String> =
            series.filter(|name| !name.starts_with("process_build_info{")).collect();
        let named = |metric: &str| {
            let of_metric = |name: &&String| name.split('{').next() == Some(metric);
            series.iter().filter(of_metric).cloned().collect::<Vec<_>>()
        };
        DASHBOARD_METRICS.map(|metric| (metric, named(metric)))
    });
    for (metric, names) in &series {
        let is_there = !names.is_empty() || *metric == "process_build_info";
        assert!(is_there, "nothing has the name haproxy_{metric}");
    }
    let up = "server_status{proxy=\"web\",server=\"s1\",state=\"UP\"}";
    assert!(series.iter().any(|(_, names)| names.iter().any(|name| name == up)));
}
