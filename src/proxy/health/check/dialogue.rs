//! Compares the answer of a server with a step of the script.

use data_encoding::{HEXLOWER_PERMISSIVE, HEXUPPER};

use super::http::Response;
use super::judgement::{Judgement, empty, with_code, wrong};
use super::known::Known;
use super::{agent, http, services};
use crate::config::{
    CheckFormat, CheckStatus, CheckStep, Expect, ExpectWords, HeaderExpect, HeaderTest, HttpExpect,
    HttpPattern, Pattern,
};
use crate::net::regex::{Regex, TooMuchWork, Work};

const INVALID: CheckStatus = CheckStatus::Layer7Invalid;

/// Judges the answer so far, which `is_whole` if no more bytes will come. Searches take from
/// `work`.
pub(super) fn judge(
    step: &CheckStep,
    number: usize,
    known: &Known<'_>,
    is_whole: bool,
    work: &mut Work,
) -> Judgement {
    match step {
        CheckStep::Expect(expect) => judge_bytes(expect, number, known, is_whole, work),
        CheckStep::ExpectHttp(expect) => judge_http(expect, known, is_whole, work),
        CheckStep::ExpectLine => judge_line(number, known.input, is_whole),
        CheckStep::ExpectReply(reply) => services::judge(*reply, number, known.input, is_whole),
        CheckStep::Connect(_)
        | CheckStep::Comment
        | CheckStep::Set(_)
        | CheckStep::Unset(_)
        | CheckStep::Send(_)
        | CheckStep::SendText(_)
        | CheckStep::SendRequest(_) => Judgement::Fits,
    }
}

/// Judges whether the line of an agent is whole. `agent.rs` reads the words of the line.
fn judge_line(number: usize, input: &[u8], is_whole: bool) -> Judgement {
    match (input.is_empty(), agent::line(input), is_whole) {
        (_, Some(_), _) => Judgement::Fits,
        (_, None, false) => Judgement::NotYet,
        (true, None, true) => empty(INVALID, number),
        (false, None, true) => {
            wrong(CheckStatus::Layer7Timeout, "Ignoring incomplete line from agent")
        }
    }
}

/// The judgement of an answer that does not fit, as the words of the step want it.
fn misfit(
    words: &ExpectWords,
    known: &Known<'_>,
    status: CheckStatus,
    info: &str,
    code: i32,
) -> Judgement {
    let info = words.on_error.as_ref().map_or_else(|| info.to_owned(), |text| known.string(text));
    let status = words.error_status.unwrap_or(status);
    let judgement = wrong(status, info);
    if !status.has_code() {
        return judgement;
    }
    with_code(judgement, code_of(words, known).unwrap_or(code))
}

/// The code that the words of a step give.
pub(super) fn code_of(words: &ExpectWords, known: &Known<'_>) -> Option<i32> {
    let number = known.number(words.code.as_ref()?)?;
    Some(i32::try_from(number).unwrap_or_default())
}

/// A pattern whose samples have their values.
enum Wanted<'a> {
    Text(&'a [u8]),
    Made(Vec<u8>),
    Regex(&'a Regex),
    HexRegex(&'a Regex),
}

impl<'a> Wanted<'a> {
    /// # Errors
    /// HAProxy's words for a text that its samples make useless.
    fn new(pattern: &'a Pattern, known: &Known<'_>) -> Result<Self, &'static str> {
        let text = |format: &CheckFormat| match known.text(format) {
            text if text.is_empty() => Err(EMPTY),
            text => Ok(text),
        };
        Ok(match pattern {
            Pattern::String(text) => Self::Text(text.as_bytes()),
            Pattern::Binary(bytes) => Self::Text(bytes),
            Pattern::Text(format) => Self::Made(text(format)?),
            Pattern::HexText(format) => {
                let bytes = HEXLOWER_PERMISSIVE.decode(&text(format)?);
                Self::Made(bytes.map_err(
                    |_| "Failed to parse hexastring resulting of eval of a log-format string",
                )?)
            }
            Pattern::Regex(regex) => Self::Regex(regex),
            Pattern::HexRegex(regex) => Self::HexRegex(regex),
        })
    }

    fn matches(&self, input: &[u8], work: &mut Work) -> Result<bool, TooMuchWork> {
        match self {
            Self::Text(text) => Ok(contains(input, text)),
            Self::Made(text) => Ok(contains(input, text)),
            Self::Regex(regex) => regex.is_match(input, work),
            Self::HexRegex(regex) => regex.is_match(HEXUPPER.encode(input).as_bytes(), work),
        }
    }
}

/// HAProxy's words for a pattern whose samples have no value.
const EMPTY: &str = "log-format string evaluated to an empty string";

fn contains(input: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || input.windows(wanted.len()).any(|part| part == wanted)
}

fn judge_bytes(
    expect: &Expect,
    number: usize,
    known: &Known<'_>,
    is_whole: bool,
    work: &mut Work,
) -> Judgement {
    let Expect { negated, pattern, words } = expect;
    let input = known.input;
    let min_recv = words.min_recv.filter(|_| !is_whole);
    if input.is_empty() {
        let status = words.error_status.unwrap_or(INVALID);
        let code = status.has_code().then_some(0);
        return match (is_whole, code) {
            (true, Some(code)) => with_code(empty(status, number), code),
            (true, None) => empty(status, number),
            (false, _) => Judgement::NotYet,
        };
    }
    if min_recv.is_some_and(|len| input.len() < len) {
        return Judgement::NotYet;
    }
    // With `min-recv` no more bytes are waited for.
    let is_whole = is_whole || words.min_recv.is_some();
    let wanted = match Wanted::new(pattern, known) {
        Ok(wanted) => wanted,
        Err(info) => return wrong(INVALID, info),
    };
    let verdict = match (wanted.matches(input, work), negated) {
        (Err(TooMuchWork), _) => "gave up matching content",
        (Ok(true), false) => return Judgement::Fits,
        (Ok(true), true) => "matched unwanted content",
        // As in HAProxy, what must not come may still come: only `min-recv` or the end of the
        // answer decides.
        (Ok(false), _) if !is_whole => return Judgement::NotYet,
        (Ok(false), true) => return Judgement::Fits,
        (Ok(false), false) => "did not match content",
    };
    let what = match pattern {
        Pattern::String(text) => format!("'{text}'"),
        Pattern::Binary(_) => "(binary)".to_owned(),
        Pattern::Text(_) => "(log-format string)".to_owned(),
        Pattern::HexText(_) => "(log-format binary)".to_owned(),
        Pattern::Regex(_) => "(regex)".to_owned(),
        Pattern::HexRegex(_) => "(binary regex)".to_owned(),
    };
    misfit(words, known, INVALID, &format!("TCPCHK {verdict} {what} at step {number}"), 0)
}

/// The status of an HTTP answer.
pub(super) fn http_code(input: &[u8]) -> Option<i32> {
    http::read(input).ok().flatten().map(|response| response.code.into())
}

fn judge_http(
    expect: &HttpExpect,
    known: &Known<'_>,
    is_whole: bool,
    work: &mut Work,
) -> Judgement {
    let HttpExpect { negated, pattern, words } = expect;
    let response = match http::read(known.input) {
        Ok(Some(response)) => response,
        Ok(None) if !is_whole => return Judgement::NotYet,
        Ok(None) | Err(http::Malformed) => {
            let info = words.on_error.as_ref().map(|text| known.string(text));
            return wrong(INVALID, info.unwrap_or_default());
        }
    };
    let code = response.code;
    let fits = match pattern {
        HttpPattern::Status(ranges) => {
            Ok(ranges.iter().any(|(from, to)| (*from..=*to).contains(&code)))
        }
        HttpPattern::StatusRegex(regex) => regex.is_match(code.to_string().as_bytes(), work),
        HttpPattern::Body(pattern) => {
            return judge_body(expect, pattern, &response, known, is_whole, work);
        }
        HttpPattern::Header(header) => match has_header(header, &response, known, work) {
            Ok(fits) => fits,
            Err(info) => return wrong(INVALID, info),
        },
    };
    match fits {
        Ok(fits) if fits != *negated => Judgement::Fits,
        Ok(_) => misfit(words, known, CheckStatus::Layer7WrongStatus, response.reason, code.into()),
        Err(TooMuchWork) => wrong(INVALID, "HTTP check gave up matching the status"),
    }
}

fn judge_body(
    expect: &HttpExpect,
    pattern: &Pattern,
    response: &Response<'_>,
    known: &Known<'_>,
    is_whole: bool,
    work: &mut Work,
) -> Judgement {
    let HttpExpect { negated, words, .. } = expect;
    let body = &response.body;
    let is_over = is_whole || response.is_over;
    if words.min_recv.is_some_and(|len| body.len() < len) && !is_over {
        return Judgement::NotYet;
    }
    let wanted = match Wanted::new(pattern, known) {
        Ok(wanted) => wanted,
        Err(info) => return wrong(INVALID, info),
    };
    let info = match (wanted.matches(body, work), negated) {
        _ if body.is_empty() => match is_over {
            true => "HTTP content check could not find a response body",
            false => return Judgement::NotYet,
        },
        (Ok(true), false) => return Judgement::Fits,
        (Ok(true), true) => "HTTP check matched unwanted content",
        (Ok(false), _) if !is_over && words.min_recv.is_none() => return Judgement::NotYet,
        (Ok(false), true) => return Judgement::Fits,
        (Ok(false), false) => "HTTP content check did not match",
        (Err(TooMuchWork), _) => "HTTP content check gave up matching",
    };
    misfit(words, known, INVALID, info, response.code.into())
}

/// Whether a header fits.
///
/// # Errors
/// HAProxy's words for a name or value whose samples have no value.
fn has_header(
    header: &HeaderExpect,
    response: &Response<'_>,
    known: &Known<'_>,
    work: &mut Work,
) -> Result<Result<bool, TooMuchWork>, &'static str> {
    let name = Comparison::new(&header.name, known, true)?;
    let value = header.value.as_ref().map(|value| Comparison::new(value, known, false));
    let value = value.transpose()?;
    for (typed, bytes) in &response.headers {
        let lower = typed.to_ascii_lowercase();
        match name.fits(lower.as_bytes(), work) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(gave_up) => return Ok(Err(gave_up)),
        }
        let Some(value) = &value else { return Ok(Ok(true)) };
        for part in bytes.split(|byte| *byte == b',' && !header.is_whole) {
            match value.fits(part.trim_ascii(), work) {
                Ok(false) => {}
                other => return Ok(other),
            }
        }
    }
    Ok(Ok(false))
}

/// A comparison whose samples have their values.
enum Comparison<'a> {
    Whole(Vec<u8>),
    Beginning(Vec<u8>),
    End(Vec<u8>),
    Inside(Vec<u8>),
    Regex(&'a Regex),
}

impl<'a> Comparison<'a> {
    fn new(
        test: &'a HeaderTest,
        known: &Known<'_>,
        ignores_case: bool,
    ) -> Result<Self, &'static str> {
        let text = |format| match known.text(format) {
            text if text.is_empty() => Err(EMPTY),
            text if ignores_case => Ok(text.to_ascii_lowercase()),
            text => Ok(text),
        };
        Ok(match test {
            HeaderTest::Whole(format) => Self::Whole(text(format)?),
            HeaderTest::Beginning(format) => Self::Beginning(text(format)?),
            HeaderTest::End(format) => Self::End(text(format)?),
            HeaderTest::Inside(format) => Self::Inside(text(format)?),
            HeaderTest::Regex(regex) => Self::Regex(regex),
        })
    }

    fn fits(&self, text: &[u8], work: &mut Work) -> Result<bool, TooMuchWork> {
        Ok(match self {
            Self::Whole(wanted) => text == wanted.as_slice(),
            Self::Beginning(wanted) => text.starts_with(wanted),
            Self::End(wanted) => text.ends_with(wanted),
            Self::Inside(wanted) => contains(text, wanted),
            Self::Regex(regex) => return regex.is_match(text, work),
        })
    }
}
