//! Programs that receive and evaluate lines of the log.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::{Flavour, Place, Running, SOON, Server, Spec, ask, source, until};
use crate::{
    assert_alike, program_or_skip, python_or_skip, said, started, tools, unpacked_or_skip,
    unpacked_program, with_both,
};

const CLIENTS: u32 = 3;

/// A format of lines that look like requests of HTTP, which some programs want.
const LIKE_HTTP: &str = "log-format \"%ci:%cp [%t] %ft %b/%s 0/%Tw/%Tc/0/%Tt 0 %B - - %ts-- \
    %ac/%fc/%bc/%sc/%rc %sq/%bq {%ci} \\\"TCP /%b %[src]\\\"\"";

/// The lines of stickd or HAProxy about clients, as they are sent to a receiver of syslog.
fn lines_of_clients(flavour: Flavour, format: &str) -> Vec<String> {
    let place = Place::new();
    let receiver = place.log_receiver();
    log_of_clients(&place, receiver.local_addr().unwrap(), "", format, flavour);
    let mut lines = Vec::new();
    let mut buffer = [0; 4096];
    while lines.len() < CLIENTS as usize {
        let len = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..len]).trim_end().to_owned();
        if line.contains("web/s1") {
            lines.push(line);
        }
    }
    lines
}

/// Starts a program that logs to `syslog`, and ends it when clients have been there.
fn log_of_clients(place: &Place, syslog: SocketAddr, words: &str, format: &str, flavour: Flavour) {
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    {format}\n    default_backend web\n\
         backend web\n    server s1 {}\n",
        server.address()
    );
    let global = format!("log {syslog} {words} local0");
    let node = started(&Spec::with_global(place, "a", &global, &body), flavour);
    for client in 1..=CLIENTS {
        ask(source(client), front).unwrap();
    }
    until("all clients are gone", SOON, || node.api().stat("in", "FRONTEND", "scur") == "0");
}

#[test]
fn rsyslog_finds_the_parts_of_each_line_in_both_formats() {
    let Some(rsyslogd) = unpacked_or_skip("usr/sbin/rsyslogd") else { return };
    for words in ["", "format rfc5424"] {
        let (ours, theirs) = with_both(|flavour| received_by(&rsyslogd, words, flavour));
        assert_eq!(ours[0], "local0.info stickd in web/s1 and 5 words", "{words}");
        if let Some(theirs) = theirs {
            assert_eq!(ours[0].replace("stickd", "haproxy"), theirs[0], "{words}");
            assert_eq!(ours.len(), theirs.len());
        }
    }
}

/// What rsyslog understands of the lines about clients.
fn received_by(rsyslogd: &Path, words: &str, flavour: Flavour) -> Vec<String> {
    let place = Place::new();
    let (received, port) = (place.path("received"), place.address());
    let config = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imudp\")\n\
         template(name=\"parts\" type=\"string\" \
         string=\"%syslogfacility-text%.%syslogseverity-text% %programname% %procid% %msg%\\n\")\n\
         input(type=\"imudp\" address=\"{}\" port=\"{}\")\n\
         *.* action(type=\"omfile\" file=\"{}\" template=\"parts\")\n",
        place.dir().display(),
        port.ip(),
        port.port(),
        received.display(),
    );
    let config = place.write("rsyslog.conf", &config);
    let modules =
        tools().join("debian/usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let mut command = unpacked_program(rsyslogd);
    command.arg("-n").arg("-i").arg(place.path("pid")).arg("-f").arg(config);
    let child = command.arg("-M").arg(modules.join("rsyslog")).spawn().unwrap();
    let _running = Running(child);
    until("rsyslog has opened its socket", SOON, || is_bound(port));
    log_of_clients(&place, port, words, "option tcplog", flavour);
    let mut lines = Vec::new();
    until("rsyslog has written every line", SOON, || {
        let text = fs::read_to_string(&received).unwrap_or_default();
        lines = text.lines().filter(|line| line.contains("web/s1")).map(parts).collect();
        lines.len() == CLIENTS as usize
    });
    lines
}

/// Whether a UDP socket of this machine has the address.
fn is_bound(address: SocketAddr) -> bool {
    let port = format!(":{:04X} ", address.port());
    fs::read_to_string("/proc/net/udp").unwrap().contains(&port)
}

/// The parts of a line that do not differ from client to client.
fn parts(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let [facility, program, pid, _client, _date, frontend, server, ..] = words[..] else {
        return format!("too few words: {line}");
    };
    assert!(pid.parse::<u32>().is_ok(), "no process id: {line}");
    format!("{facility} {program} {frontend} {server} and {} words", words.len() - 7)
}

#[test]
fn goaccess_counts_clients_servers_and_bytes() {
    const FORMAT: &str = "--log-format=%^]: %h:%^ [%d:%t.%^] %v %U %^/%^/%L %b %^";
    let Some(goaccess) = unpacked_or_skip("usr/bin/goaccess") else { return };
    let (ours, theirs) = with_both(|flavour| {
        let place = Place::new();
        let log =
            place.write("log", &(lines_of_clients(flavour, "option tcplog").join("\n") + "\n"));
        let report = place.path("report.csv");
        let mut command = unpacked_program(&goaccess);
        command.arg(&log).args(["--no-global-config", FORMAT, "--date-format=%d/%b/%Y"]);
        command.args(["--time-format=%H:%M:%S", "-o"]).arg(&report);
        said(&mut command);
        let report = fs::read_to_string(report).unwrap();
        let lines = report.lines().filter(|line| is_about_requests(line));
        lines.map(str::to_owned).collect::<Vec<_>>()
    });
    for (count, text) in [(3, "valid_requests"), (0, "failed_requests"), (9, "bandwidth")] {
        let line = format!("\"{count}\",\"{text}\"");
        assert!(ours.iter().any(|shown| shown.ends_with(&line)), "{line}: {ours:?}");
    }
    if let Some(theirs) = theirs {
        assert_alike(&ours, &theirs);
    }
}

/// Whether a line of the report has no time in it.
fn is_about_requests(line: &str) -> bool {
    let parts = ["_requests\"", "bandwidth\"", "unique_visitors\"", "unique_files\""];
    parts.iter().any(|part| line.contains(part))
}

#[test]
fn haproxy_log_analysis_counts_lines_in_the_form_that_it_knows() {
    const COMMANDS: &str = "counter,http_methods,server_load,status_codes_counter,queue_peaks";
    if python_or_skip().is_none() {
        return;
    }
    let program = tools().join("bin/haproxy_log_analysis");
    let (ours, theirs) = with_both(|flavour| {
        let place = Place::new();
        let log = place.write("log", &(lines_of_clients(flavour, LIKE_HTTP).join("\n") + "\n"));
        let mut command = Command::new(&program);
        let said = said(command.arg("-l").arg(log).args(["--json", "-c", COMMANDS]));
        said.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect::<Vec<_>>()
    });
    assert!(ours.contains(&"{\"COUNTER\": 3}".to_owned()), "{ours:?}");
    assert!(ours.contains(&"{\"SERVER_LOAD\": [{\"s1\": 3}]}".to_owned()), "{ours:?}");
    if let Some(theirs) = theirs {
        assert_alike(&ours, &theirs);
    }
}

#[test]
fn halog_counts_lines_in_the_form_of_http() {
    let Some(halog) = program_or_skip("halog") else { return };
    let (ours, theirs) = with_both(|flavour| {
        let place = Place::new();
        let lines = lines_of_clients(flavour, LIKE_HTTP);
        let lines = lines.iter().map(|line| with_host(line) + "\n").collect::<String>();
        let log = place.write("log", &lines);
        ["-srv", "-st", "-tc"].map(|report| {
            let input = fs::File::open(&log).unwrap();
            let said = said(Command::new(&halog).args(["-q", report]).stdin(input));
            let last = said.lines().last().unwrap_or_default().to_owned();
            last.split(" 100.0 ").next().unwrap().to_owned() // averages of times follow
        })
    });
    assert_eq!(ours, ["web/s1 0 0 0 0 0 3 3 3", "0 3", "-- 3"]);
    if let Some(theirs) = theirs {
        assert_alike(&ours, &theirs);
    }
}

/// A line as a receiver of syslog writes it, with the name of the sender in it.
fn with_host(line: &str) -> String {
    let (_, line) = line.split_once('>').unwrap();
    let (date, rest) = line.split_at("Nov 22 23:17:17".len());
    format!("{date} localhost{rest}")
}
