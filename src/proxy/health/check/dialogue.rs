//! Compares the answer of a server with a step of the script, and has HAProxy's words for
//! the step at which a dialogue stopped.

use std::fmt::Write as _;

use super::judgement::{Judgement, empty, with_code, wrong};
use super::result::CheckStatus;
use super::{agent, http, services};
use crate::config::{CheckStep, Expect, HttpExpect, HttpPattern, Pattern, Script, ScriptKind};
use crate::net::regex::{TooMuchWork, Work};

/// Judges `input`, which `is_whole` if no more bytes will come. Searches take from `work`.
pub fn judge(
    step: &CheckStep,
    number: usize,
    input: &[u8],
    is_whole: bool,
    work: &mut Work,
) -> Judgement {
    match step {
        CheckStep::Expect(expect) => judge_bytes(expect, number, input, is_whole, work),
        CheckStep::ExpectHttp(expect) => judge_http(expect, input, is_whole, work),
        CheckStep::ExpectLine => judge_line(number, input, is_whole),
        CheckStep::ExpectReply(reply) => services::judge(*reply, number, input, is_whole),
        CheckStep::Connect(_) | CheckStep::Send(_) | CheckStep::Comment => Judgement::Fits,
    }
}

/// Judges whether the line of an agent is whole. `agent.rs` reads the words of the line.
fn judge_line(number: usize, input: &[u8], is_whole: bool) -> Judgement {
    match (input.is_empty(), agent::line(input), is_whole) {
        (_, Some(_), _) => Judgement::Fits,
        (_, None, false) => Judgement::NotYet,
        (true, None, true) => empty(CheckStatus::Layer7Invalid, number),
        (false, None, true) => {
            wrong(CheckStatus::Layer7Timeout, "Ignoring incomplete line from agent")
        }
    }
}

fn judge_bytes(
    expect: &Expect,
    number: usize,
    input: &[u8],
    is_whole: bool,
    work: &mut Work,
) -> Judgement {
    const INVALID: CheckStatus = CheckStatus::Layer7Invalid;
    if input.is_empty() {
        return match is_whole {
            true => empty(INVALID, number),
            false => Judgement::NotYet,
        };
    }
    let what = || match &expect.pattern {
        Pattern::String(text) => format!("'{text}'"),
        Pattern::Binary(_) => "(binary)".to_owned(),
        Pattern::Regex(_) => "(regex)".to_owned(),
    };
    let Ok(has_matched) = matches(&expect.pattern, input, work) else {
        return wrong(
            INVALID,
            format!("TCPCHK gave up matching content {} at step {number}", what()),
        );
    };
    match (has_matched, expect.negated) {
        (true, false) => Judgement::Fits,
        (true, true) => {
            wrong(INVALID, format!("TCPCHK matched unwanted content {} at step {number}", what()))
        }
        (false, _) if !is_whole && input.len() < shortest(&expect.pattern) => Judgement::NotYet,
        (false, true) => Judgement::Fits,
        (false, false) if !is_whole => Judgement::NotYet,
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

fn matches(pattern: &Pattern, input: &[u8], work: &mut Work) -> Result<bool, TooMuchWork> {
    match pattern {
        Pattern::String(text) => Ok(contains(input, text.as_bytes())),
        Pattern::Binary(bytes) => Ok(contains(input, bytes)),
        Pattern::Regex(regex) => regex.is_match(input, work),
    }
}

fn contains(input: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || input.windows(wanted.len()).any(|part| part == wanted)
}

/// The status of an HTTP answer.
pub fn http_code(input: &[u8]) -> Option<u16> {
    http::read(input).ok().flatten().map(|response| response.code)
}

fn judge_http(expect: &HttpExpect, input: &[u8], is_whole: bool, work: &mut Work) -> Judgement {
    const INVALID: CheckStatus = CheckStatus::Layer7Invalid;
    let response = match http::read(input) {
        Ok(Some(response)) => response,
        Ok(None) if !is_whole => return Judgement::NotYet,
        Ok(None) | Err(http::Malformed) => return wrong(INVALID, ""),
    };
    let code = response.code;
    let fits = match &expect.pattern {
        HttpPattern::Status(ranges) => {
            Ok(ranges.iter().any(|(from, to)| (*from..=*to).contains(&code)))
        }
        HttpPattern::StatusRegex(regex) => regex.is_match(code.to_string().as_bytes(), work),
        HttpPattern::Body(pattern) => {
            let is_over = is_whole || response.is_over;
            return judge_body(pattern, expect.negated, &response.body, is_over, work);
        }
    };
    match fits {
        Ok(fits) if fits != expect.negated => Judgement::Fits,
        Ok(_) => with_code(wrong(CheckStatus::Layer7WrongStatus, response.reason), code),
        Err(TooMuchWork) => wrong(INVALID, "HTTP check gave up matching the status"),
    }
}

fn judge_body(
    pattern: &Pattern,
    negated: bool,
    body: &[u8],
    is_over: bool,
    work: &mut Work,
) -> Judgement {
    const INVALID: CheckStatus = CheckStatus::Layer7Invalid;
    match (matches(pattern, body, work), negated) {
        _ if body.is_empty() => match is_over {
            true => wrong(INVALID, "HTTP content check could not find a response body"),
            false => Judgement::NotYet,
        },
        (Ok(true), false) => Judgement::Fits,
        (Ok(true), true) => wrong(INVALID, "HTTP check matched unwanted content"),
        (Ok(false), _) if !is_over => Judgement::NotYet,
        (Ok(false), true) => Judgement::Fits,
        (Ok(false), false) => wrong(INVALID, "HTTP content check did not match"),
        (Err(TooMuchWork), _) => wrong(INVALID, "HTTP content check gave up matching"),
    }
}

/// The words for a connection of a dialogue that failed.
pub fn connect_place(script: &Script, step: usize) -> String {
    match (script.kind, script.steps.get(step)) {
        (ScriptKind::Tcp, Some(CheckStep::Connect(_))) => step_place(script, step),
        (ScriptKind::Tcp, _) => " at initial connection step of tcp-check".to_owned(),
        (
            ScriptKind::Connect | ScriptKind::Http | ScriptKind::Agent | ScriptKind::Service(_),
            _,
        ) => String::new(),
    }
}

/// The comment of a step in the configuration, for the end of a message.
pub fn comment(script: &Script, step: usize, is_quoted: bool) -> String {
    let is_comment = |at: &usize| matches!(script.steps.get(*at), Some(CheckStep::Comment));
    let before = step.checked_sub(1).filter(|at| {
        is_comment(at) && matches!(script.steps.get(step), Some(CheckStep::Connect(_)))
    });
    match script.comment(step).or_else(|| script.comment(before?)) {
        Some(text) if is_quoted => format!(" comment: '{text}'"),
        Some(text) => format!(" comment: {text}"),
        None => String::new(),
    }
}

/// The words for the step at which a dialogue stopped.
pub fn step_place(script: &Script, index: usize) -> String {
    if script.kind != ScriptKind::Tcp {
        return String::new();
    }
    let mut text = format!(" at step {} of tcp-check", index + 1);
    // Writing to a string does not fail.
    let _ = match script.steps.get(index) {
        Some(CheckStep::Connect(connect)) => match connect.port {
            Some(port) => write!(text, " (connect port {port})"),
            None => write!(text, " (connect)"),
        },
        Some(CheckStep::Send(_)) => write!(text, " (send)"),
        Some(CheckStep::Expect(expect)) => match &expect.pattern {
            Pattern::String(wanted) => write!(text, " (expect string '{wanted}')"),
            Pattern::Binary(_) => write!(text, " (expect binary)"),
            Pattern::Regex(_) => write!(text, " (expect regex)"),
        },
        Some(
            CheckStep::Comment
            | CheckStep::ExpectHttp(_)
            | CheckStep::ExpectLine
            | CheckStep::ExpectReply(_),
        )
        | None => Ok(()),
    };
    text + &comment(script, index, true)
}
