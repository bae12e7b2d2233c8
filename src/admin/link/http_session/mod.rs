//! One client of the pages, without its socket: takes HTTP requests and gives the bytes of the
//! answers slice by slice.
//!
//! ```text
//!   PROXY header (if expected) ──> head ──> form, or body, thrown away ──> answer ──┬─> head ...
//!                                                                                   └─> closed
//!   request.rs   the head of a request
//!   route.rs     which page a request gets, and whether its client may see the page
//!   action.rs    what a form of the statistics page does to servers
//!   reply.rs     answers that are written at once
//! ```

mod action;
mod reply;
mod request;
mod route;
#[cfg(test)]
mod tests;

use super::output::Output;
use super::session::Session;
use crate::admin::context::Context;
use crate::admin::context::endpoint::EndpointId;
use crate::admin::metrics;
use crate::admin::page::StatsPage;
use crate::admin::page::query::{ActionResult, Body, StatsQuery};
use crate::config::StatsPageOptions;
use crate::net::proxy_protocol::Header;
use reply::{BAD_REQUEST, READY, Reply, TIMEOUT, TOO_MANY, UNAVAILABLE, write_see_other};
use request::{HEAD_LEN_MAX, Request, RequestError};
use route::{Route, StatsRoute};

pub use route::Ends;

/// The number of hexadecimal digits in the length of a chunk. Leading zeros are allowed.
const CHUNK_DIGITS: usize = 8;
/// The longest form, in bytes: what HAProxy's buffers hold by default.
const FORM_LEN_MAX: u64 = 15_360;

/// What a browser may do with the statistics page: it loads nothing from elsewhere, runs no script
/// but the page's own, and shows the page in no frame. `same-origin` lets a browser say where a
/// form comes from.
const PROTECTION: &str = "content-security-policy: default-src 'none'; script-src 'self'; \
     style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'\r\n\
     x-content-type-options: nosniff\r\nx-frame-options: DENY\r\n\
     referrer-policy: same-origin\r\ncross-origin-resource-policy: same-origin\r\n";

#[derive(Debug)]
enum State {
    /// The client has to send a PROXY header first.
    ExpectHeader,
    /// A request is expected, or has come in part.
    ExpectRequest,
    /// A form for servers is expected, or has come in part.
    ExpectForm(Box<Form>),
    /// A page is being written.
    Answering(Answer),
    /// The connection ends when all output is sent.
    Closing,
}

/// A form whose bytes are still to come.
#[derive(Debug)]
struct Form {
    /// How many bytes the form has.
    len: usize,
    /// Where the client goes afterwards: the page, and what it asked for.
    options: StatsPageOptions,
    query: StatsQuery,
    keeps_alive: bool,
}

/// A page that is being written.
#[derive(Debug)]
struct Answer {
    page: Page,
    takes_chunks: bool,
    keeps_alive: bool,
}

/// A long page.
#[derive(Debug)]
enum Page {
    Metrics(metrics::Page),
    Stats(Box<StatsPage>),
}

impl Page {
    fn advance(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Metrics(page) => page.advance(context, out),
            Self::Stats(page) => page.advance(context, out),
        }
    }
}

/// One client of an endpoint.
#[derive(Debug)]
pub struct HttpSession {
    endpoint: EndpointId,
    ends: Ends,
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
    pub fn new(
        endpoint: EndpointId,
        ends: Ends,
        expects_header: bool,
        timeout_ms: u32,
        now_ms: u64,
    ) -> Self {
        Self {
            endpoint,
            ends,
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
            State::ExpectHeader | State::ExpectRequest | State::ExpectForm(_) => self.is_untried,
            State::Answering(_) => true,
            State::Closing => false,
        }
    }

    /// Does the next step. Each call answers at most one request.
    fn work(&mut self, context: &mut Context<'_>) {
        match &mut self.state {
            State::ExpectHeader => self.read_header(),
            State::ExpectRequest => self.read_request(context),
            State::ExpectForm(_) => self.read_form(context),
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
                if let Some(ends) = header.ends {
                    self.ends.client = Some(ends.source);
                    self.ends.destination = Some(ends.destination);
                }
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
        self.has_answered = true;
        match route::route(request, self.ends, self.endpoint, context) {
            Route::Monitor { is_ready: true } => self.reply(&READY, request, context),
            Route::Monitor { is_ready: false } | Route::Nothing => {
                self.reply(&UNAVAILABLE, request, context);
            }
            Route::Exhausted => self.reply(&TOO_MANY, request, context),
            Route::Denied(code) => {
                self.count_denial(context);
                self.reply(&Reply::denial(code), request, context);
            }
            Route::Authenticate(realm) => {
                let keeps_alive = self.keeps_alive(request);
                let out = self.output.end();
                let code = Reply::write_unauthorized(&realm, request.is_head, keeps_alive, out);
                self.end_answer(code, keeps_alive, context);
            }
            Route::Metrics => self.answer_metrics(request, context),
            Route::Stats(stats) if request.method == "POST" => {
                self.expect_form(request, stats, context);
            }
            Route::Stats(stats) => {
                let StatsRoute { options, proxy_id, is_admin } = stats;
                let query = query(request, &options.uri);
                let page = StatsPage::new(&options, proxy_id, query, is_admin, context);
                let mut fields = format!(
                    "cache-control: {}\r\ncontent-type: {}\r\n{PROTECTION}",
                    page.cache_control(),
                    page.content_type()
                );
                // Browsers send this word when they load a page.
                let is_browser = request.header("upgrade-insecure-requests").is_some();
                if let Some(seconds) = page.refresh_s(is_browser) {
                    fields += &format!("refresh: {seconds}\r\n");
                }
                self.begin_page(Page::Stats(Box::new(page)), &fields, request, context);
            }
        }
    }

    fn answer_metrics(&mut self, request: &Request, context: &mut Context<'_>) {
        let Ok((scopes, no_maint)) = request.selection() else {
            self.refuse(&BAD_REQUEST, context);
            return;
        };
        if let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) {
            endpoint.served += 1;
        }
        let page = Page::Metrics(metrics::Page::new(scopes, no_maint));
        let fields = "cache-control: no-cache\r\ncontent-type: text/plain; version=0.0.4\r\n";
        self.begin_page(page, fields, request, context);
    }

    /// Waits for the form of a client that may change servers.
    fn expect_form(&mut self, request: &Request, stats: StatsRoute, context: &mut Context<'_>) {
        let form = Form {
            len: usize::try_from(self.body_len).unwrap_or(usize::MAX),
            query: query(request, &stats.options.uri),
            options: stats.options,
            keeps_alive: self.keeps_alive(request),
        };
        if !stats.is_admin || action::is_from_elsewhere(request) {
            self.end_form(form, ActionResult::Denied, context);
        } else if request.has_chunks {
            self.refuse(&BAD_REQUEST, context);
        } else if self.body_len > FORM_LEN_MAX {
            self.end_form(form, ActionResult::TooLong, context);
        } else {
            self.body_len = 0;
            self.is_untried = true;
            self.state = State::ExpectForm(Box::new(form));
        }
    }

    fn read_form(&mut self, context: &mut Context<'_>) {
        let State::ExpectForm(form) = &self.state else { return };
        if self.received.len() < form.len {
            self.is_untried = false;
            return;
        }
        let State::ExpectForm(form) = std::mem::replace(&mut self.state, State::ExpectRequest)
        else {
            return;
        };
        let bytes: Vec<u8> = self.received.drain(..form.len).collect();
        let result = action::perform(&bytes, &form.options, context);
        self.end_form(*form, result, context);
    }

    /// Sends a client back to the page, which shows the result.
    fn end_form(&mut self, form: Form, result: ActionResult, context: &mut Context<'_>) {
        let query = StatsQuery { body: Body::Html, result: Some(result), ..form.query };
        let location = format!("{}{}", form.options.uri, query.words());
        let keeps_alive = form.keeps_alive && !self.is_retiring;
        let code = write_see_other(&location, keeps_alive, self.output.end());
        self.end_answer(code, keeps_alive, context);
    }

    fn begin_page(
        &mut self,
        page: Page,
        fields: &str,
        request: &Request,
        context: &mut Context<'_>,
    ) {
        if let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) {
            endpoint.count_request(200, context.now_ms);
        }
        let keeps_alive = self.keeps_alive(request);
        let mut head = format!("HTTP/1.1 200 OK\r\n{fields}");
        if request.takes_chunks && !request.is_head {
            head.push_str("transfer-encoding: chunked\r\n");
        }
        if !keeps_alive {
            head.push_str("connection: close\r\n");
        }
        head.push_str("\r\n");
        self.output.end().extend_from_slice(head.as_bytes());
        let takes_chunks = request.takes_chunks;
        self.state = match (request.is_head, keeps_alive) {
            (true, true) => State::ExpectRequest,
            (true, false) => State::Closing,
            (false, _) => State::Answering(Answer { page, takes_chunks, keeps_alive }),
        };
    }

    fn reply(&mut self, reply: &Reply, request: &Request, context: &mut Context<'_>) {
        let keeps_alive = self.keeps_alive(request);
        reply.write(request.is_head, keeps_alive, self.output.end());
        self.end_answer(reply.code, keeps_alive, context);
    }

    /// Counts an answer that was written at once, and waits for the next request.
    fn end_answer(&mut self, code: u16, keeps_alive: bool, context: &mut Context<'_>) {
        if let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) {
            endpoint.count_request(code, context.now_ms);
        }
        self.state = if keeps_alive { State::ExpectRequest } else { State::Closing };
    }

    fn count_denial(&self, context: &mut Context<'_>) {
        if let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) {
            endpoint.denied_requests += 1;
        }
    }

    fn keeps_alive(&self, request: &Request) -> bool {
        request.keeps_alive && !self.is_retiring
    }

    /// Tells the client what is wrong and closes the connection.
    fn refuse(&mut self, reply: &Reply, context: &mut Context<'_>) {
        if let Some(endpoint) = context.endpoints.get_mut(self.endpoint.index()) {
            endpoint.counters.request_errors += 1;
            endpoint.count_request(reply.code, context.now_ms);
        }
        reply.write(false, false, self.output.end());
        self.state = State::Closing;
    }
}

/// What a request asks for behind the uri of the statistics page.
fn query(request: &Request, uri: &str) -> StatsQuery {
    StatsQuery::read(request.target.get(uri.len()..).unwrap_or_default())
}

/// Appends one slice of a page. Returns whether it was the last slice.
fn write_chunk(answer: &mut Answer, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
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

impl Session for HttpSession {
    /// Nothing is received while a request is answered: a client that does not read its answer
    /// cannot send more requests.
    fn receive_max(&self) -> usize {
        let is_expecting =
            matches!(self.state, State::ExpectHeader | State::ExpectRequest | State::ExpectForm(_));
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
        let is_owed = match self.state {
            State::ExpectRequest => !(self.has_answered && self.received.is_empty()),
            State::ExpectForm(_) => true,
            State::ExpectHeader | State::Answering(_) | State::Closing => false,
        };
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
            State::ExpectHeader | State::ExpectRequest | State::ExpectForm(_) => {
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
