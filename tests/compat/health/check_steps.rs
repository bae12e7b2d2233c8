//! The words of `tcp-check` and `http-check`: each in one dialogue with a server, and what both
//! programs find.

use std::sync::{Arc, Mutex};

use crate::health::services::Line::{self, Hear, Say};
use crate::health::services::play;
use crate::health::states::{found, notice};
use crate::support::{Place, SOON, eventually};
use crate::{flavours, start};

/// The lines of a backend after `option tcp-check` or `option httpchk`, with `|` between them,
/// what the server does, and the expected columns status, check_status, check_code and last_chk.
type Case = (&'static str, &'static [Line], [&'static str; 4]);

#[track_caller]
fn compare(option: &str, cases: &[Case]) {
    for flavour in flavours() {
        let place = Place::new();
        let mut body = String::new();
        let mut servers = Vec::new();
        for (number, (lines, plays, _)) in cases.iter().enumerate() {
            let server = play(place.address(), plays, Arc::default());
            let port = server.address().port().to_string();
            let lines = lines.replace("$PORT", &port).replace('|', "\n    ");
            body += &format!(
                "backend b{number}\n    timeout check 700ms\n    option {option}\n    {lines}\n    \
                 server s1 {} check inter 400ms rise 1 fall 1\n",
                server.address()
            );
            servers.push(server);
        }
        let node = start(flavour, &place, "", &body);
        for (number, (lines, _, wanted)) in cases.iter().enumerate() {
            let wanted = wanted.map(|text| text.replace("$B", &format!("b{number}")));
            let found = || found(&node, &format!("b{number}"));
            let fits = eventually(SOON, || found() == wanted);
            assert!(fits, "{flavour:?}: {lines}: {:?}, not {wanted:?}", found());
        }
    }
}

const FITS: [&str; 4] = ["UP", "L7OK", "0", "(tcp-check)"];
const FOO: &[Line] = &[Say(b"foo"), Hear];
const BAR: &[Line] = &[Say(b"bar")];

/// A check that failed in this way.
const fn down(status: &'static str, info: &'static str) -> [&'static str; 4] {
    ["DOWN", status, "", info]
}

#[test]
fn the_fewest_bytes_are_waited_for_and_then_judged_at_once() {
    let late = " at step 1 of tcp-check (expect string 'foo')";
    compare(
        "tcp-check",
        &[
            ("tcp-check expect min-recv 5 string foo", FOO, down("L7TOUT", late)),
            ("tcp-check expect min-recv 3 string foo", FOO, FITS),
            // What must not come may still come.
            (
                "tcp-check expect ! rstring ^bar",
                FOO,
                down("L7TOUT", " at step 1 of tcp-check (expect regex)"),
            ),
            ("tcp-check expect ! string bar", &[Say(b"foo")], FITS),
            (
                "tcp-check expect binary 62617200",
                FOO,
                down("L7TOUT", " at step 1 of tcp-check (expect binary 'bar')"),
            ),
            ("tcp-check expect min-recv 5 ! string bar", &[Say(b"foo")], FITS),
            ("tcp-check expect min-recv -1 string foo", FOO, FITS),
            (
                "tcp-check expect min-recv 5 string bar",
                &[Say(b"foo1111"), Hear],
                down("L7RSP", "TCPCHK did not match content 'bar' at step 1"),
            ),
        ],
    );
}

#[test]
fn a_step_can_choose_its_result() {
    compare(
        "tcp-check",
        &[
            (
                "tcp-check expect ok-status L7OKC string foo",
                FOO,
                ["NOLB", "L7OKC", "0", "(tcp-check)"],
            ),
            ("tcp-check expect ok-status L4OK string foo", FOO, ["UP", "L4OK", "", "(tcp-check)"]),
            (
                "tcp-check expect ok-status L6OK on-success \"got %[res.payload(0,2)] %s %b\" \
                 string foo",
                FOO,
                ["UP", "L6OK", "", "got fo s1 $B"],
            ),
            (
                "tcp-check expect on-success \"got %[res.payload(0,0)]\" status-code int(42) \
                 string foo",
                FOO,
                ["UP", "L7OK", "42", "got foo"],
            ),
            // Only the last step counts.
            (
                "tcp-check expect ok-status L7OKC on-success x string foo|\
                 tcp-check expect string o",
                FOO,
                FITS,
            ),
            (
                "tcp-check expect error-status L4CON string foo",
                BAR,
                down("L4CON", "TCPCHK did not match content 'foo' at step 1"),
            ),
            (
                "tcp-check expect error-status L6RSP on-error \"bad %[res.payload(0,2),hex]\" \
                 string foo comment hey",
                BAR,
                down("L6RSP", "bad 6261 comment: hey"),
            ),
            (
                "tcp-check expect error-status L7STS on-error x status-code int(3) string foo",
                BAR,
                ["DOWN", "L7STS", "3", "x"],
            ),
            (
                "tcp-check expect error-status L7OKC string foo",
                BAR,
                ["NOLB", "L7OKC", "0", "TCPCHK did not match content 'foo' at step 1"],
            ),
            (
                "tcp-check expect error-status L7STS on-error x status-code int(3) string foo",
                &[],
                ["DOWN", "L7STS", "0", "TCPCHK got an empty response at step 1"],
            ),
            (
                "tcp-check expect tout-status L4TOUT on-error x string bar",
                FOO,
                down("L4TOUT", " at step 1 of tcp-check (expect string 'bar')"),
            ),
        ],
    );
}

#[test]
fn answers_are_compared_with_texts_and_hexadecimal_digits() {
    const EMPTY: &str = "log-format string evaluated to an empty string";
    compare(
        "tcp-check",
        &[
            ("tcp-check expect rbinary ^666F", FOO, FITS),
            (
                "tcp-check expect rbinary ^667",
                &[Say(b"foo")],
                down("L7RSP", "TCPCHK did not match content (binary regex) at step 1"),
            ),
            (
                "tcp-check expect ! rbinary ^666F",
                FOO,
                down("L7RSP", "TCPCHK matched unwanted content (binary regex) at step 1"),
            ),
            ("tcp-check expect binary-lf 66%[int(6)]F", FOO, FITS),
            (
                "tcp-check expect binary-lf 66%s",
                FOO,
                down(
                    "L7RSP",
                    "Failed to parse hexastring resulting of eval of a log-format string",
                ),
            ),
            (
                "tcp-check expect binary-lf 6666",
                &[Say(b"foo")],
                down("L7RSP", "TCPCHK did not match content (log-format binary) at step 1"),
            ),
            ("tcp-check expect string-lf %[srv_name]", &[Say(b"as1"), Hear], FITS),
            (
                "tcp-check expect string-lf %[srv_name]",
                &[Say(b"as2")],
                down("L7RSP", "TCPCHK did not match content (log-format string) at step 1"),
            ),
            ("tcp-check expect string-lf %[var(check.x)]", FOO, down("L7RSP", EMPTY)),
            (
                "tcp-check send-lf a%[srv_name]b|tcp-check expect string foo",
                &[Hear, Say(b"foo"), Hear],
                FITS,
            ),
            (
                "tcp-check send-binary-lf 41%[int(42)]|tcp-check expect string foo",
                &[Hear, Say(b"foo"), Hear],
                FITS,
            ),
            (
                "tcp-check send-binary-lf 414|tcp-check expect string foo",
                FOO,
                down("L7RSP", "tcp-check send : failed to build log-format string at step 1"),
            ),
        ],
    );
}

#[test]
fn variables_live_through_a_check() {
    compare(
        "tcp-check",
        &[
            (
                "tcp-check expect string foo|tcp-check set-var(check.x) res.payload(0,2),upper|\
                 tcp-check send-lf \"%[var(check.x)]\"|tcp-check expect on-success \
                 %[var(check.x),length] string qux",
                &[Say(b"foo"), Hear, Say(b"qux"), Hear],
                ["UP", "L7OK", "0", "2"],
            ),
            (
                "tcp-check set-var(check.p) int($PORT)|tcp-check connect port var(check.p)|\
                 tcp-check expect string foo",
                FOO,
                FITS,
            ),
            ("tcp-check connect port var(check.x)|tcp-check expect string foo", FOO, FITS),
            (
                "tcp-check connect port int(1)",
                FOO,
                down("L4CON", "Connection refused at step 1 of tcp-check (connect)"),
            ),
            (
                "tcp-check set-var-fmt(check.x) %s-%[int(4)]|tcp-check connect|\
                 tcp-check unset-var(check.x)|tcp-check expect string-lf [%[var(check.x)]]",
                &[Say(b"[]"), Hear],
                FITS,
            ),
            (
                "tcp-check send x|tcp-check comment foo|tcp-check expect string y",
                &[Hear, Say(b"z")],
                down("L7RSP", "TCPCHK did not match content 'y' at step 3 comment: foo"),
            ),
            ("tcp-check set-var(check.x) int(1)", FOO, ["UP", "L4OK", "", ""]),
        ],
    );
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nX-A: a\r\nx-a: b, c\r\nContent-Length: 2\r\n\r\nhi";
const NOT_HERE: &[u8] = b"HTTP/1.0 404 Not here\r\nContent-Length: 2\r\n\r\nno";
const PASSED: [&str; 4] = ["UP", "L7OK", "200", ""];
const WRONG: [&str; 4] = ["DOWN", "L7STS", "200", "OK"];

#[test]
fn headers_are_compared() {
    let answer: &[Line] = &[Hear, Say(OK), Hear];
    compare(
        "httpchk",
        &[
            ("http-check expect hdr name X-A", answer, PASSED),
            ("http-check expect hdr name x-b", answer, WRONG),
            ("http-check expect ! hdr name x-a", answer, WRONG),
            ("http-check expect hdr name -m reg ^X-", answer, PASSED),
            ("http-check expect hdr name -m beg X- value -m sub b", answer, PASSED),
            ("http-check expect hdr name -m end -a value A", answer, WRONG),
            ("http-check expect hdr name x-a value c", answer, PASSED),
            ("http-check expect fhdr name x-a value c", answer, WRONG),
            ("http-check expect fhdr name x-a value \"b, c\"", answer, PASSED),
            ("http-check expect hdr name-lf x-%[str(a)] value-lf %[res.hdr(X-A)]", answer, PASSED),
            (
                "http-check expect hdr name x-a value-lf %[var(check.a)]",
                answer,
                down("L7RSP", "log-format string evaluated to an empty string"),
            ),
        ],
    );
}

#[test]
fn an_http_answer_can_choose_the_result() {
    let answer: &[Line] = &[Hear, Say(OK), Hear];
    compare(
        "httpchk",
        &[
            (
                "http-check expect on-error \"bad %[status]\" error-status L7STS \
                 status-code int(5) string no",
                answer,
                ["DOWN", "L7STS", "5", "bad 200"],
            ),
            (
                "http-check expect on-error \"bad %[status]\" error-status L7RSP status 404",
                answer,
                down("L7RSP", "bad 200"),
            ),
            ("http-check expect ok-status L7OKC status 200", answer, ["NOLB", "L7OKC", "200", ""]),
            (
                "http-check expect status-code int(9) \
                 on-success \"%[res.hdr(x-a,-1)] %[res.body]\" status 200 comment foo",
                answer,
                ["UP", "L7OK", "9", "c hi"],
            ),
            ("http-check expect string-lf h%[str(i)]", answer, PASSED),
            (
                "http-check expect min-recv 1 string x",
                &[Hear, Say(b"HTTP/1.1 200 OK\r\n\r\nhi"), Hear],
                down("L7RSP", "HTTP content check did not match"),
            ),
            (
                "http-check comment foo|http-check expect status 404",
                answer,
                ["DOWN", "L7STS", "200", "OK comment: foo"],
            ),
        ],
    );
}

#[test]
fn a_server_that_answers_404_wants_no_new_clients() {
    let away: &[Line] = &[Hear, Say(NOT_HERE), Hear];
    const STOPPING: [&str; 4] = ["NOLB", "L7OKC", "404", ""];
    compare(
        "httpchk",
        &[
            ("http-check disable-on-404", away, STOPPING),
            ("http-check disable-on-404|http-check expect string foo", away, STOPPING),
            ("", away, ["DOWN", "L7STS", "404", "Not here"]),
        ],
    );
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let server = play(place.address(), away, Arc::default());
        let body = format!(
            "backend b\n    log global\n    option log-health-checks\n    option httpchk\n    \
             http-check disable-on-404\n    server s1 {} check inter 300ms\n",
            server.address()
        );
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let _node = start(flavour, &place, &log, &body);
        let told = notice(&receiver, "Health check");
        let wanted = "<133>Health check for server b/s1 conditionally succeeded, reason: Layer7 \
                      check conditionally passed, code: 404, check duration: #ms, status: 3/3 UP.";
        assert_eq!(told, wanted, "{flavour:?}");
        let told = notice(&receiver, "Server b/s1");
        let wanted = "<133>Server b/s1 is stopping. 0 active and 0 backup servers online. 0 \
                      sessions requeued, 0 total in queue.";
        assert_eq!(told, wanted, "{flavour:?}");
    }
}

#[test]
fn a_server_is_told_its_state() {
    for flavour in flavours() {
        let place = Place::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let server = play(place.address(), &[Hear, Say(NOT_HERE)], heard.clone());
        let address = server.address();
        let body = format!(
            "backend b\n    option httpchk GET /\n    http-check send-state\n    \
             http-check send hdr A b\n    http-check disable-on-404\n    \
             server s1 {address} weight 20 check inter 200ms\n    server s2 {address} weight 5\n"
        );
        let _node = start(flavour, &place, "node n1", &body);
        let asked = |state: &str, weight: &str| {
            let (ip, port) = (address.ip(), address.port());
            let wanted = format!(
                "GET / HTTP/1.0\r\na: b\r\nx-haproxy-server-state: {state}; address={ip}; \
                 port={port}; name=b/s1; node=n1; weight={weight}; scur=0/0; qcur=0\r\n\r\n"
            );
            let heard = || String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
            let fits = eventually(SOON, || heard() == wanted);
            assert!(fits, "{flavour:?}: {}, not {wanted}", heard());
        };
        asked("NOLB", "20/5");
    }
}

#[test]
fn several_requests_go_to_several_connections() {
    compare(
        "httpchk GET /opt",
        &[
            (
                "http-check connect|http-check send uri /1|http-check expect status 404|\
                 http-check set-var(check.s) status|http-check connect default linger|\
                 http-check send uri-lf /%[var(check.s)]|http-check expect status 404",
                &[Hear, Say(NOT_HERE), Hear],
                ["UP", "L7OK", "404", ""],
            ),
            (
                "http-check connect|http-check send uri /1|http-check expect status 404|\
                 http-check connect|http-check send uri /2",
                &[Hear, Say(NOT_HERE), Hear],
                ["DOWN", "L7STS", "404", "Not here"],
            ),
            (
                "http-check connect port 1|http-check send meth GET",
                &[],
                down("L4CON", "Connection refused"),
            ),
        ],
    );
}
