//! Judging what a server said, and the words for where a dialogue stopped.

use std::fmt::Write as _;

use super::verdict::{CheckStatus, Verdict};
use super::{agent, services};
use crate::config::{Expect, HttpExpect, HttpPattern, Pattern, Script, ScriptKind, Step};

/// The most headers of an HTTP answer.
const HEADERS_MAX: usize = 64;

/// What was received, held against what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It fits.
    Fits,
    /// More must come before this can be said.
    NotYet,
    /// It does not fit.
    Wrong(Verdict),
}

/// Judges `input`. It `is_whole` when no more will come.
pub fn judge(step: &Step, number: usize, input: &[u8], is_whole: bool) -> Answer {
    match step {
        Step::Expect(expect) => judge_bytes(expect, number, input, is_whole),
        Step::ExpectHttp(expect) => judge_http(expect, input, is_whole),
        Step::ExpectLine => judge_line(number, input, is_whole),
        Step::ExpectReply(reply) => services::judge(*reply, number, input, is_whole),
        Step::Connect { .. } | Step::Send(_) => Answer::Fits,
    }
}

pub(super) fn wrong(status: CheckStatus, info: impl Into<String>) -> Answer {
    Answer::Wrong(Verdict::new(status).with_info(info))
}

/// Adds the code that the server gave.
pub(super) fn with_code(answer: Answer, code: u16) -> Answer {
    match answer {
        Answer::Wrong(verdict) => Answer::Wrong(Verdict { code: Some(code), ..verdict }),
        Answer::Fits | Answer::NotYet => answer,
    }
}

/// The line of an agent must be whole; what it says is judged elsewhere.
fn judge_line(number: usize, input: &[u8], is_whole: bool) -> Answer {
    match (input.is_empty(), agent::line(input), is_whole) {
        (_, Some(_), _) => Answer::Fits,
        (_, None, false) => Answer::NotYet,
        (true, None, true) => empty(CheckStatus::Layer7Invalid, number),
        (false, None, true) => {
            wrong(CheckStatus::Layer7Timeout, "Ignoring incomplete line from agent")
        }
    }
}

pub(super) fn empty(status: CheckStatus, number: usize) -> Answer {
    wrong(status, format!("TCPCHK got an empty response at step {number}"))
}

fn judge_bytes(expect: &Expect, number: usize, input: &[u8], is_whole: bool) -> Answer {
    const INVALID: CheckStatus = CheckStatus::Layer7Invalid;
    if input.is_empty() {
        return match is_whole {
            true => empty(INVALID, number),
            false => Answer::NotYet,
        };
    }
    let what = || match &expect.pattern {
        Pattern::String(text) => format!("'{text}'"),
        Pattern::Binary(_) => "(binary)".to_owned(),
        Pattern::Regex(_) => "(regex)".to_owned(),
    };
    match (matches(&expect.pattern, input), expect.negated) {
        (true, false) => Answer::Fits,
        (true, true) => {
            wrong(INVALID, format!("TCPCHK matched unwanted content {} at step {number}", what()))
        }
        (false, _) if !is_whole && input.len() < shortest(&expect.pattern) => Answer::NotYet,
        (false, true) => Answer::Fits,
        (false, false) if !is_whole => Answer::NotYet,
        (false, false) => {
            wrong(INVALID, format!("TCPCHK did not match content {} at step {number}", what()))
        }
    }
}

fn shortest(pattern: &Pattern) -> usize {
    match pattern {
        Pattern::String(text) => text.len(),
        Pattern::Binary(bytes) => bytes.len(),
        Pattern::Regex(_) => 0,
    }
}

fn matches(pattern: &Pattern, input: &[u8]) -> bool {
    match pattern {
        Pattern::String(text) => contains(input, text.as_bytes()),
        Pattern::Binary(bytes) => contains(input, bytes),
        Pattern::Regex(regex) => regex.is_match(input),
    }
}

fn contains(input: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || input.windows(wanted.len()).any(|part| part == wanted)
}

/// The head of an HTTP answer.
struct Head<'a> {
    code: u16,
    reason: &'a str,
    /// How long the body is, if it says so.
    body_len: Option<usize>,
    body: &'a [u8],
}

/// Reads the head of an answer; none when it is not whole, an error when it is none.
fn head(input: &[u8]) -> Result<Option<Head<'_>>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(len) = response.parse(input)? else { return Ok(None) };
    let length = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok());
    Ok(Some(Head {
        code: response.code.unwrap_or_default(),
        reason: response.reason.unwrap_or_default(),
        body_len: length.and_then(|length| length.trim().parse().ok()),
        body: input.get(len..).unwrap_or_default(),
    }))
}

/// The status of an HTTP answer.
pub fn http_code(input: &[u8]) -> Option<u16> {
    head(input).ok().flatten().map(|head| head.code)
}

fn judge_http(expect: &HttpExpect, input: &[u8], is_whole: bool) -> Answer {
    let head = match head(input) {
        Ok(Some(head)) => head,
        Ok(None) if !is_whole => return Answer::NotYet,
        Ok(None) | Err(_) => return wrong(CheckStatus::Layer7Invalid, ""),
    };
    let status = |fits: bool| match fits == expect.negated {
        true => with_code(wrong(CheckStatus::Layer7WrongStatus, head.reason), head.code),
        false => Answer::Fits,
    };
    match &expect.pattern {
        HttpPattern::Status(ranges) => {
            status(ranges.iter().any(|(from, to)| (*from..=*to).contains(&head.code)))
        }
        HttpPattern::StatusRegex(regex) => status(regex.is_match(head.code.to_string().as_bytes())),
        HttpPattern::Body(pattern) => {
            let is_all = is_whole || head.body_len.is_some_and(|len| head.body.len() >= len);
            match (matches(pattern, head.body), expect.negated) {
                (true, false) => Answer::Fits,
                (true, true) => {
                    wrong(CheckStatus::Layer7Invalid, "HTTP check matched unwanted content")
                }
                (false, _) if !is_all => Answer::NotYet,
                (false, true) => Answer::Fits,
                (false, false) => {
                    wrong(CheckStatus::Layer7Invalid, "HTTP content check did not match")
                }
            }
        }
    }
}

/// Where a connection of a dialogue failed.
pub fn connect_place(script: &Script, step: usize) -> String {
    match (script.kind, script.steps.get(step)) {
        (ScriptKind::Tcp, Some(Step::Connect { .. })) => step_place(script, step),
        (ScriptKind::Tcp, _) => " at initial connection step of tcp-check".to_owned(),
        (
            ScriptKind::Connect | ScriptKind::Http | ScriptKind::Agent | ScriptKind::Service(_),
            _,
        ) => String::new(),
    }
}

/// Where a dialogue stopped.
pub fn step_place(script: &Script, index: usize) -> String {
    if script.kind != ScriptKind::Tcp {
        return String::new();
    }
    let mut text = format!(" at step {} of tcp-check", index + 1);
    // Writing to a string does not fail.
    let _ = match script.steps.get(index) {
        Some(Step::Connect { port: Some(port), .. }) => write!(text, " (connect port {port})"),
        Some(Step::Connect { .. }) => write!(text, " (connect)"),
        Some(Step::Send(_)) => write!(text, " (send)"),
        Some(Step::Expect(expect)) => match &expect.pattern {
            Pattern::String(wanted) => write!(text, " (expect string '{wanted}')"),
            Pattern::Binary(_) => write!(text, " (expect binary)"),
            Pattern::Regex(_) => write!(text, " (expect regex)"),
        },
        Some(Step::ExpectHttp(_) | Step::ExpectLine | Step::ExpectReply(_)) | None => Ok(()),
    };
    text
}
