//! One client of the exporter, without its socket: takes HTTP requests and gives the bytes of the
//! answers slice by slice.
//!
//! ```text
//!   PROXY header (if expected) ──> head ──> body, thrown away ──> answer ──┬─> head ...
//!                                                                          └─> closed
//! ```

mod request;
#[cfg(test)]
mod tests;

use std::io::Write;

use super::output::Output;
use super::session::Session;
use crate::admin::context::Context;
use crate::admin::context::endpoint::EndpointId;
use crate::admin::metrics::Page;
use crate::net::proxy_protocol::Header;
use request::{HEAD_LEN_MAX, Request, RequestError};

/// The number of hexadecimal digits in the length of a chunk. Leading zeros are allowed.
const CHUNK_DIGITS: usize = 8;

#[derive(Debug)]
enum State {
    /// The client has to send a PROXY header first.
    ExpectHeader,
    /// A request is expected, or has come in part.
    ExpectRequest,
    /// The metrics are being written.
    Answering(MetricsAnswer),
    /// The connection ends when all output is sent.
    Closing,
}

/// The answer to a request for metrics.
#[derive(Debug)]
struct MetricsAnswer {
    page: Page,
    takes_chunks: bool,
    keeps_alive: bool,
}

/// One client of an endpoint.
#[derive(Debug)]
pub(in crate::admin) struct HttpSession {
    endpoint: EndpointId,
    state: State,
    received: Vec<u8>,
    /// The received bytes may hold a whole request.
    is_untried: bool,
    /// How many bytes of a request's body are still to come.
    body_len: u64,
    output: Output,
    input_ended: bool,
    is_retiring: bool,
    /// A request was answered, so the client may now be silent.
    has_answered: bool,
    timeout_ms: u32,
    last_active_ms: u64,
    /// Bytes that the endpoint's counters do not know yet.
    bytes_in: u64,
    bytes_out: u64,
}

impl HttpSession {
    /// A client that was accepted at `now_ms`.
    pub(in crate::admin) fn new(
        endpoint: EndpointId,
        expects_header: bool,
        timeout_ms: u32,
        now_ms: u64,
    ) -> Self {
        Self {
            endpoint,
            state: if expects_header { State::ExpectHeader } else { State::ExpectRequest },
            received: Vec::new(),
            is_untried: false,
            body_len: 0,
            output: Output::default(),
            input_ended: false,
            is_retiring: false,
            has_answered: false,
            timeout_ms,
            last_active_ms: now_ms,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    fn has_work(&self) -> bool {
        match self.state {
            State::ExpectHeader | State::ExpectRequest => self.is_untried,
            State::Answering(_) => true,
            State::Closing => false,
        }
    }

    /// Does the next step. Each call answers at most one request.
    fn work(&mut self, context: &mut Context<'_>) {
        match &mut self.state {
            State::ExpectHeader => self.read_header(),
            State::ExpectRequest => self.read_request(context),
            State::Answering(answer) => {
                let is_over = write_chunk(answer, context, self.output.end());
                if is_over {
                    let keeps_alive = answer.keeps_alive && !self.is_retiring;
                    self.state = if keeps_alive { State::ExpectRequest } else { State::Closing };
                }
            }
            State::Closing => {}
        }
    }

    fn read_header(&mut self) {
        if self.received.is_empty() {
            self.is_untried = false;
            return;
        }
        // As with HAProxy, the whole header has to come at once.
        match Header::read(&self.received) {
            Ok(header) => {
                self.received.drain(..header.len.min(self.received.len()));
                self.state = State::ExpectRequest;
            }
            Err(_) => self.state = State::Closing,
        }
    }

    fn read_request(&mut self, context: &mut Context<'_>) {
        let skipped = self.received.len().min(usize::try_from(self.body_len).unwrap_or(usize::MAX));
        self.received.drain(..skipped);
        self.body_len -= skipped as u64;
        if self.body_len > 0 || self.received.is_empty() {
            self.is_untried = false;
            return;
        }
        match Request::read(&self.received) {
            Ok(request) => {
                self.received.drain(..request.head_len);
                self.body_len = request.body_len;
                self.answer(&request, context);
            }
            Err(RequestError::Truncated) => self.is_untried = false,
            Err(RequestError::Invalid) => self.refuse(&BAD_REQUEST, context),
        }
    }

    fn answer(&mut self, request: &Request, context: &mut Context<'_>) {
        let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) else { return };
        self.has_answered = true;
        let keeps_alive = request.keeps_alive && !self.is_retiring;
        let is_metrics = endpoint.config.paths.iter().any(|path| path.is_met_by(&request.path));
        if !is_metrics {
            endpoint.count_request(UNAVAILABLE.code, context.now_ms);
            UNAVAILABLE.write(request.is_head, keeps_alive, self.output.end());
            self.state = if keeps_alive { State::ExpectRequest } else { State::Closing };
            return;
        }
        let Ok((scopes, no_maint)) = request.selection() else {
            self.refuse(&BAD_REQUEST, context);
            return;
        };
        endpoint.count_request(200, context.now_ms);
        endpoint.served += 1;
        let mut head = "HTTP/1.1 200 OK\r\ncache-control: no-cache\r\n\
                        content-type: text/plain; version=0.0.4\r\n"
            .to_owned();
        if request.takes_chunks {
            head.push_str("transfer-encoding: chunked\r\n");
        }
        if !keeps_alive {
            head.push_str("connection: close\r\n");
        }
        head.push_str("\r\n");
        self.output.end().extend_from_slice(head.as_bytes());
        self.state = match (request.is_head, keeps_alive) {
            (true, true) => State::ExpectRequest,
            (true, false) => State::Closing,
            (false, _) => State::Answering(MetricsAnswer {
                page: Page::new(scopes, no_maint),
                takes_chunks: request.takes_chunks,
                keeps_alive,
            }),
        };
    }

    /// Tells the client what is wrong and closes the connection.
    fn refuse(&mut self, refusal: &Refusal, context: &mut Context<'_>) {
        if let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) {
            endpoint.counters.request_errors += 1;
            endpoint.count_request(refusal.code, context.now_ms);
        }
        refusal.write(false, false, self.output.end());
        self.state = State::Closing;
    }
}

/// Appends one slice of the metrics. Returns whether it was the last slice.
fn write_chunk(answer: &mut MetricsAnswer, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    if answer.takes_chunks {
        out.extend_from_slice(&[b'0'; CHUNK_DIGITS]);
        out.extend_from_slice(b"\r\n");
    }
    let text = out.len();
    let is_over = answer.page.advance(context, out);
    if !answer.takes_chunks {
        return is_over;
    }
    if out.len() == text {
        out.truncate(start); // a chunk without bytes would end the answer
    } else {
        let digits = format!("{:0CHUNK_DIGITS$X}", out.len() - text);
        if let Some(place) = out.get_mut(start..start + CHUNK_DIGITS) {
            place.copy_from_slice(digits.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    if is_over {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    is_over
}

/// An answer without metrics.
struct Refusal {
    code: u16,
    reason: &'static str,
    text: &'static str,
}

const BAD_REQUEST: Refusal =
    Refusal { code: 400, reason: "Bad request", text: "This is not a request for metrics." };
const TIMEOUT: Refusal =
    Refusal { code: 408, reason: "Request Time-out", text: "No whole request came in time." };
const UNAVAILABLE: Refusal = Refusal {
    code: 503,
    reason: "Service Unavailable",
    text: "Nothing is served here but metrics, at another path.",
};

impl Refusal {
    fn write(&self, is_head: bool, keeps_alive: bool, out: &mut Vec<u8>) {
        let Self { code, reason, text } = self;
        let body = format!("<html><body><h1>{code} {reason}</h1>\n{text}\n</body></html>\n");
        let connection = if keeps_alive { "" } else { "connection: close\r\n" };
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "HTTP/1.1 {code} {reason}\r\ncontent-length: {}\r\ncache-control: no-cache\r\n\
             content-type: text/html\r\n{connection}\r\n",
            body.len()
        );
        if !is_head {
            out.extend_from_slice(body.as_bytes());
        }
    }
}

impl Session for HttpSession {
    /// Nothing is received while a request is answered: a client that does not read its answer
    /// cannot send more requests.
    fn receive_max(&self) -> usize {
        let is_expecting = matches!(self.state, State::ExpectHeader | State::ExpectRequest);
        if !is_expecting || self.input_ended || !self.output.is_empty() {
            return 0;
        }
        HEAD_LEN_MAX.saturating_sub(self.received.len())
    }

    fn handle_received(&mut self, bytes: &[u8], _: u64) {
        let (taken, _) = bytes.split_at(bytes.len().min(self.receive_max()));
        self.received.extend_from_slice(taken);
        self.bytes_in += taken.len() as u64;
        self.is_untried = true;
    }

    fn handle_end_of_input(&mut self) {
        self.input_ended = true;
    }

    fn handle_timeout(&mut self, now_ms: u64) -> bool {
        let is_owed = matches!(self.state, State::ExpectRequest)
            && !(self.has_answered && self.received.is_empty());
        if !is_owed {
            return false;
        }
        TIMEOUT.write(false, false, self.output.end());
        self.state = State::Closing;
        self.last_active_ms = now_ms;
        true
    }

    fn retire(&mut self) {
        self.is_retiring = true;
    }

    fn poll_transmit(&mut self, context: &mut Context<'_>) -> &[u8] {
        if self.output.is_empty() {
            self.work(context);
        }
        self.output.unsent()
    }

    fn handle_sent(&mut self, count: usize, now_ms: u64) {
        self.output.handle_sent(count);
        self.bytes_out += count as u64;
        self.last_active_ms = now_ms;
    }

    fn count(&mut self, context: &mut Context<'_>) {
        if let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) {
            endpoint.counters.bytes_in += std::mem::take(&mut self.bytes_in);
            endpoint.counters.bytes_out += std::mem::take(&mut self.bytes_out);
        }
    }

    fn is_busy(&self) -> bool {
        !self.output.is_empty() || self.has_work()
    }

    fn is_finished(&self) -> bool {
        let is_over = match self.state {
            State::Closing => true,
            State::ExpectHeader | State::ExpectRequest => {
                !self.is_untried && (self.input_ended || self.is_retiring)
            }
            State::Answering(_) => false,
        };
        is_over && self.output.is_empty()
    }

    fn is_waiting(&self) -> bool {
        false
    }

    fn deadline_ms(&self) -> u64 {
        self.last_active_ms + u64::from(self.timeout_ms)
    }
}
