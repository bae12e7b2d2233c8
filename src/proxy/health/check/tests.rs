//! Whole checks as transcripts, without sockets and with a clock of their own.

use std::io;

use super::attempt::{Attempt, ForSteps, Target, Timeouts, Todo};
use crate::config::{
    CheckStatus, CheckStep, Connect, ConnectPort, Expect, ExpectWords, HttpExpect, HttpPattern,
    Pattern, Script, ScriptKind, SendProxy, TlsOffer,
};
use crate::net::address::Address;

fn own() -> Target {
    Target::new(Address::Ip("127.0.0.1:80".parse().unwrap()), None)
}

fn attempt(answer_ms: Option<u32>) -> Attempt {
    let for_steps = ForSteps { header: SendProxy::V2, offer: TlsOffer::default() };
    let timeouts = Timeouts { connect_ms: 500, answer_ms, whole_ms: 2000 };
    Attempt::new(own(), for_steps, timeouts, 1000)
}

fn expect(text: &str) -> CheckStep {
    let pattern = Pattern::String(text.to_owned());
    CheckStep::Expect(Expect { negated: false, pattern, words: ExpectWords::default() })
}

fn tcp(steps: Vec<CheckStep>) -> Script {
    Script { kind: ScriptKind::Tcp, steps, ..Script::default() }
}

/// The attempt with a connection that stands at 1100.
fn connected(script: &Script, answer_ms: Option<u32>, header: &[u8]) -> Attempt {
    let mut attempt = attempt(answer_ms);
    assert!(matches!(attempt.poll(script, 1000), Todo::Open(_)));
    attempt.handle_opened(Ok(()), script, 1000);
    assert_eq!(attempt.poll(script, 1050), Todo::AwaitConnection);
    attempt.handle_connected(Ok(()), script, header.to_vec(), 1100);
    attempt
}

#[track_caller]
fn assert_over(attempt: &mut Attempt, script: &Script, status: CheckStatus, info: &str) {
    match attempt.poll(script, 1200) {
        Todo::Finish(result) => {
            assert_eq!((result.status, result.info.as_str()), (status, info));
        }
        other => panic!("not over but {other:?}"),
    }
}

#[test]
fn a_connection_is_enough_without_a_script() {
    let script = Script::default();
    let mut attempt = connected(&script, None, b"");
    assert_over(&mut attempt, &script, CheckStatus::Layer4Passed, "");
}

#[test]
fn a_connection_that_is_refused_or_late_fails() {
    let script = Script::default();
    let mut refused = attempt(None);
    refused.handle_opened(Ok(()), &script, 1000);
    let error = io::Error::from_raw_os_error(111);
    refused.handle_connected(Err(error), &script, Vec::new(), 1001);
    assert_over(&mut refused, &script, CheckStatus::Layer4Problem, "Connection refused");

    let mut late = attempt(None);
    late.handle_opened(Ok(()), &script, 1000);
    assert_eq!(late.until_ms(), 1500);
    late.handle_timeout(&script, 1499);
    assert_eq!(late.poll(&script, 1499), Todo::AwaitConnection);
    late.handle_timeout(&script, 1500);
    assert_over(&mut late, &script, CheckStatus::Layer4Timeout, "");
}

#[test]
fn a_dialogue_waits_until_an_answer_is_complete() {
    let script = tcp(vec![CheckStep::Send(b"PING".to_vec()), expect("PONG")]);
    let mut attempt = connected(&script, Some(300), b"PROXY\r\n");
    assert_eq!(attempt.poll(&script, 1100), Todo::Send(b"PROXY\r\n"));
    attempt.handle_sent(7);
    assert_eq!(attempt.poll(&script, 1100), Todo::Send(b"PING"));
    attempt.handle_sent(3);
    assert_eq!(attempt.poll(&script, 1100), Todo::Send(b"G"));
    attempt.handle_sent(1);
    assert_eq!(attempt.poll(&script, 1100), Todo::Receive);
    attempt.handle_received(b"+PO");
    assert_eq!(attempt.poll(&script, 1100), Todo::Receive);
    attempt.handle_received(b"NG\r\n");
    assert_over(&mut attempt, &script, CheckStatus::Layer7Passed, "(tcp-check)");
}

#[test]
fn an_answer_that_does_not_come_or_ends_early_fails_with_its_step() {
    let script = tcp(vec![expect("PONG")]);
    let mut late = connected(&script, Some(300), b"");
    assert_eq!(late.poll(&script, 1100), Todo::Receive);
    assert_eq!(late.until_ms(), 1400);
    late.handle_timeout(&script, 1400);
    let place = " at step 1 of tcp-check (expect string 'PONG')";
    assert_over(&mut late, &script, CheckStatus::Layer7Timeout, place);

    let mut early = connected(&script, None, b"");
    assert_eq!(early.until_ms(), 3000, "what is left of the whole");
    early.handle_end();
    let info = "TCPCHK got an empty response at step 1";
    assert_over(&mut early, &script, CheckStatus::Layer7Invalid, info);
}

#[test]
fn a_second_connection_goes_to_the_address_of_its_step() {
    let connect = |port, send_proxy| {
        CheckStep::Connect(Connect {
            port: Some(ConnectPort::Number(port)),
            send_proxy,
            ..Connect::default()
        })
    };
    let script = tcp(vec![connect(81, false), connect(82, true)]);
    let target = |port, send_proxy| {
        Target::new(Address::Ip(format!("127.0.0.1:{port}").parse().unwrap()), send_proxy)
    };
    let mut attempt = attempt(None);
    assert_eq!(attempt.poll(&script, 1000), Todo::Open(target(81, None)));
    attempt.handle_opened(Ok(()), &script, 1000);
    attempt.handle_connected(Ok(()), &script, Vec::new(), 1000);
    let second = Todo::Open(target(82, Some(SendProxy::V2)));
    assert_eq!(attempt.poll(&script, 1000), second);
    attempt.handle_opened(Err(io::Error::from_raw_os_error(111)), &script, 1000);
    let info = "Connection refused at step 2 of tcp-check (connect port 82)";
    assert_over(&mut attempt, &script, CheckStatus::Layer4Problem, info);
}

#[test]
fn a_handshake_is_part_of_the_connect() {
    let offer = TlsOffer { name: Some("a.b".to_owned()), protocols: None };
    let connect = Connect { tls: true, offer: offer.clone(), ..Connect::default() };
    let script = tcp(vec![CheckStep::Connect(connect), expect("PONG")]);
    let shaking = || {
        let mut attempt = attempt(Some(300));
        let Todo::Open(target) = attempt.poll(&script, 1000) else { panic!("no connection") };
        assert_eq!((target.tls, target.server_speaks_first), (Some(offer.clone()), false));
        attempt.handle_opened(Ok(()), &script, 1000);
        attempt.handle_connected(Ok(()), &script, Vec::new(), 1100);
        assert_eq!(attempt.poll(&script, 1100), Todo::ShakeHands);
        assert_eq!(attempt.until_ms(), 1500, "the limit of the connect");
        attempt
    };
    let mut late = shaking();
    late.handle_timeout(&script, 1500);
    let place = " at step 1 of tcp-check (connect)";
    assert_over(&mut late, &script, CheckStatus::Layer6Timeout, place);

    let mut failed = shaking();
    failed.handle_handshake(Err("no"), &script, 1200);
    let info = "no at step 1 of tcp-check (connect)";
    assert_over(&mut failed, &script, CheckStatus::Layer6Invalid, info);

    let mut done = shaking();
    done.handle_handshake(Ok(()), &script, 1400);
    assert_eq!(done.poll(&script, 1400), Todo::Receive);
    assert_eq!(done.until_ms(), 1700, "the limit of the answer");
}

#[test]
fn a_connection_is_acknowledged_at_once_where_the_server_speaks_first() {
    let bytes = |text: &str| CheckStep::Send(text.as_bytes().to_vec());
    for (steps, speaks_first) in [
        (vec![], false),
        (vec![bytes("x"), expect("y")], false),
        (vec![expect("y")], true),
        (vec![bytes(""), CheckStep::ExpectLine], true),
        (vec![CheckStep::Comment, CheckStep::Connect(Connect::default()), expect("y")], true),
        (vec![CheckStep::Connect(Connect::default()), bytes("x"), expect("y")], false),
        (
            vec![
                CheckStep::Connect(Connect { send_proxy: true, ..Connect::default() }),
                expect("y"),
            ],
            false,
        ),
    ] {
        let script = tcp(steps);
        let mut attempt = attempt(None);
        let Todo::Open(target) = attempt.poll(&script, 1000) else { panic!("no connection") };
        assert_eq!(target.server_speaks_first, speaks_first, "{script:?}");
    }
}

#[test]
fn an_http_answer_is_judged_when_its_head_is_whole() {
    let status = HttpPattern::Status(vec![(200, 399)]);
    let steps = vec![
        CheckStep::Send(b"GET / HTTP/1.0\r\n\r\n".to_vec()),
        CheckStep::ExpectHttp(HttpExpect {
            negated: false,
            pattern: status,
            words: ExpectWords::default(),
        }),
    ];
    let script = Script { kind: ScriptKind::Http, steps, ..Script::default() };
    for (answer, status, info) in [
        ("HTTP/1.0 204 Fine\r\n\r\n", CheckStatus::Layer7Passed, ""),
        ("HTTP/1.0 404 Not here\r\n\r\n", CheckStatus::Layer7WrongStatus, "Not here"),
        ("SSH-2.0-OpenSSH\r\n", CheckStatus::Layer7Invalid, ""),
    ] {
        let mut attempt = connected(&script, None, b"");
        assert!(matches!(attempt.poll(&script, 1100), Todo::Send(_)));
        attempt.handle_sent(18);
        let (head, tail) = answer.as_bytes().split_at(5);
        attempt.handle_received(head);
        if answer.starts_with("HTTP") {
            assert_eq!(attempt.poll(&script, 1100), Todo::Receive);
        }
        attempt.handle_received(tail);
        assert_over(&mut attempt, &script, status, info);
    }
}
