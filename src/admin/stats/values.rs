//! What stands in the columns of `show stat`, and is shown by the exporter too.

use std::borrow::Cow;

use super::health_columns;
use crate::admin::context::Context;
use crate::admin::context::endpoint::{Endpoint, EndpointState};
use crate::config::ServerIndex;
use crate::net::address::Address;
use crate::proxy::backend::Backend;
use crate::proxy::frontend::Frontend;
use crate::proxy::times::Times;

/// What stands in a column.
pub(crate) enum Value<'a> {
    Empty,
    Number(u64),
    /// Seconds since something, -1 if it never was.
    Age(Option<u64>),
    Text(&'a str),
    Owned(String),
    Address(&'a Address),
}

impl Value<'_> {
    /// The value in words; nothing where it is empty.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Empty => return None,
            Self::Number(number) => number.to_string().into(),
            Self::Age(Some(seconds)) => seconds.to_string().into(),
            Self::Age(None) => "-1".into(),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Owned(text) => Cow::Borrowed(text),
            Self::Address(Address::Ip(address)) => address.to_string().into(),
            Self::Address(Address::Unix(_) | Address::Abstract(_)) => "unix".into(),
        })
    }
}

pub(crate) fn number(number: impl Into<u64>) -> Value<'static> {
    Value::Number(number.into())
}

/// What stands in a frontend's column.
pub(crate) fn frontend_value<'a>(
    frontend: &'a Frontend,
    name: &str,
    context: &Context<'_>,
) -> Value<'a> {
    let counters = &frontend.counters;
    match name {
        "pxname" => Value::Text(&frontend.config.name),
        "svname" => Value::Text("FRONTEND"),
        "scur" => number(counters.current),
        "smax" => number(counters.max),
        "slim" => number(frontend.config.maxconn.unwrap_or(context.shared.totals.maxconn)),
        "stot" => number(counters.sessions()),
        "conn_tot" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "ereq" => number(counters.request_errors),
        "dcon" => number(counters.denied_connections),
        "dses" => number(counters.denied_sessions),
        "dreq" => number(counters.denied_requests),
        "status" => Value::Text(match (frontend.stopped, frontend.is_paused) {
            (true, _) => "STOP",
            (false, true) => "PAUSED",
            (false, false) => "OPEN",
        }),
        "pid" => number(1u32),
        "iid" => number(frontend.config.proxy_id),
        "rate_lim" => number(frontend.config.rate_limit.unwrap_or(0)),
        "rate" => number(counters.rate.rate(context.now_ms)),
        "rate_max" => number(counters.rate.max()),
        "conn_rate" => number(frontend.connection_rate().rate(context.now_ms)),
        "conn_rate_max" => number(frontend.connection_rate().max()),
        "mode" => Value::Text("tcp"),
        "dresp" | "sid" | "type" | "req_rate" | "req_rate_max" | "req_tot" | "comp_in"
        | "comp_out" | "comp_byp" | "comp_rsp" | "wrew" | "eint" => number(0u32),
        _ => Value::Empty,
    }
}

/// What stands in the column of the exporter's frontend.
pub(crate) fn endpoint_value<'a>(
    endpoint: &'a Endpoint,
    name: &str,
    context: &Context<'_>,
) -> Value<'a> {
    let counters = &endpoint.counters;
    let responses = |class: usize| number(endpoint.responses.get(class).copied().unwrap_or(0));
    match name {
        "pxname" => Value::Text(&endpoint.config.name),
        "svname" => Value::Text("FRONTEND"),
        "scur" => number(counters.current),
        "smax" => number(counters.max),
        "slim" => number(endpoint.maxconn()),
        "stot" | "conn_tot" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "ereq" => number(counters.request_errors),
        "status" => Value::Text(match endpoint.state {
            EndpointState::Open => "OPEN",
            EndpointState::Paused => "PAUSED",
            EndpointState::Stopped => "STOP",
        }),
        "pid" => number(1u32),
        "iid" => number(endpoint.config.proxy_id),
        "rate" | "conn_rate" => number(counters.rate.rate(context.now_ms)),
        "rate_max" | "conn_rate_max" => number(counters.rate.max()),
        "hrsp_1xx" => responses(1),
        "hrsp_2xx" => responses(2),
        "hrsp_3xx" => responses(3),
        "hrsp_4xx" => responses(4),
        "hrsp_5xx" => responses(5),
        "hrsp_other" => responses(0),
        "req_rate" => number(endpoint.request_rate.rate(context.now_ms)),
        "req_rate_max" => number(endpoint.request_rate.max()),
        "req_tot" => number(endpoint.requests),
        "intercepted" => number(endpoint.served),
        "mode" => Value::Text("http"),
        "dreq" | "dresp" | "sid" | "type" | "rate_lim" | "comp_in" | "comp_out" | "comp_byp"
        | "comp_rsp" | "dcon" | "dses" | "wrew" | "cache_lookups" | "cache_hits" | "eint" => {
            number(0u32)
        }
        _ => Value::Empty,
    }
}

/// What stands in a backend's column.
pub(crate) fn backend_value<'a>(
    backend: &'a Backend,
    name: &str,
    context: &Context<'_>,
) -> Value<'a> {
    if let Some(value) = health_columns::backend_value(backend, name, context) {
        return value;
    }
    let counters = &backend.counters;
    if let Some(value) = time(&counters.times, name) {
        return value;
    }
    match name {
        "pxname" => Value::Text(&backend.config.name),
        "svname" => Value::Text("BACKEND"),
        "scur" => number(counters.current),
        "smax" => number(counters.max),
        "slim" => number(backend.fullconn),
        "stot" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "dreq" => number(counters.denied_requests),
        "econ" => number(counters.connect_errors),
        "eresp" => number(counters.response_errors),
        "wretr" => number(counters.retries),
        "wredis" => number(counters.redispatches),
        "status" => Value::Text(if is_usable(backend) { "UP" } else { "DOWN" }),
        "weight" | "uweight" => number(weight_in_use(backend)),
        "act" => number(backend.active() as u64),
        "bck" => number(backend.backups() as u64),
        "pid" | "type" => number(1u32),
        "iid" => number(backend.config.proxy_id),
        "lbtot" => number(counters.balanced),
        "rate" => number(counters.rate.rate(context.now_ms)),
        "rate_max" => number(counters.rate.max()),
        "cli_abrt" => number(counters.client_aborts),
        "srv_abrt" => number(counters.server_aborts),
        "lastsess" => Value::Age(age_s(counters.last_used_ms, context)),
        "mode" => Value::Text("tcp"),
        "algo" => Value::Text(backend.config.balance.name()),
        "connect" => number(backend.servers.iter().map(|s| s.counters.connections).sum::<u64>()),
        "qcur" => number(backend.queues.len(None).0),
        "qmax" => number(backend.queues.len(None).1),
        "dresp"
        | "sid"
        | "comp_in"
        | "comp_out"
        | "comp_byp"
        | "comp_rsp"
        | "rtime"
        | "wrew"
        | "reuse"
        | "rtime_max"
        | "eint"
        | "agg_server_status"
        | "agg_server_check_status"
        | "agg_check_status" => number(0u32),
        _ => Value::Empty,
    }
}

/// What stands in the column of a backend's server.
pub(crate) fn server_value<'a>(
    backend: &'a Backend,
    index: usize,
    name: &str,
    context: &Context<'_>,
) -> Value<'a> {
    let Some(server) = backend.servers.get(index) else { return Value::Empty };
    if let Some(value) = health_columns::server_value(server, name, context) {
        return value;
    }
    let counters = &server.counters;
    if let Some(value) = time(&counters.times, name) {
        return value;
    }
    match name {
        "pxname" => Value::Text(&backend.config.name),
        "svname" => Value::Text(&server.config.name),
        "slim" if server.maxconn > 0 => number(server.maxconn),
        "qlimit" if server.config.maxqueue > 0 => number(server.config.maxqueue),
        "scur" | "used_conn_cur" => number(counters.current),
        "smax" | "need_conn_est" => number(counters.max),
        "stot" | "connect" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "econ" => number(counters.connect_errors),
        "eresp" => number(counters.response_errors),
        "wretr" => number(counters.retries),
        "wredis" => number(counters.redispatches),
        "weight" | "uweight" => number(server.weight),
        "act" => number(u32::from(!server.config.backup)),
        "bck" => number(u32::from(server.config.backup)),
        "pid" => number(1u32),
        "iid" => number(backend.config.proxy_id),
        "sid" => number(server.config.id),
        "lbtot" => number(counters.balanced),
        "type" => number(2u32),
        "rate" => number(counters.rate.rate(context.now_ms)),
        "rate_max" => number(counters.rate.max()),
        "cli_abrt" => number(counters.client_aborts),
        "srv_abrt" => number(counters.server_aborts),
        "lastsess" => Value::Age(age_s(counters.last_used_ms, context)),
        "addr" => Value::Address(&server.config.address),
        "mode" => Value::Text("tcp"),
        "qcur" => number(queue(backend, index).0),
        "qmax" => number(queue(backend, index).1),
        "dresp" | "rtime" | "wrew" | "reuse" | "srv_icur" | "rtime_max" | "eint"
        | "idle_conn_cur" | "safe_conn_cur" => number(0u32),
        _ => Value::Empty,
    }
}

/// What stands in the column of a time. The one to a response is known of HTTP only.
fn time(times: &Times, name: &str) -> Option<Value<'static>> {
    Some(match name {
        "qtime" => number(times.queue.average_ms()),
        "ctime" => number(times.connect.average_ms()),
        "ttime" => number(times.total.average_ms()),
        "qtime_max" => number(times.queue.max_ms()),
        "ctime_max" => number(times.connect.max_ms()),
        "ttime_max" => number(times.total.max_ms()),
        _ => return None,
    })
}

fn is_usable(backend: &Backend) -> bool {
    backend.servers.is_empty() || backend.active() + backend.backups() > 0
}

fn queue(backend: &Backend, index: usize) -> (u32, u32) {
    backend.queues.len(u16::try_from(index).ok().map(ServerIndex))
}

/// The weight of the servers that take new clients: the active ones, or else the first backup.
fn weight_in_use(backend: &Backend) -> u64 {
    let usable = || backend.servers.iter().filter(|server| server.is_usable());
    let active: u64 = usable()
        .filter(|server| !server.config.backup)
        .map(|server| u64::from(server.weight))
        .sum();
    if active > 0 {
        return active;
    }
    usable().map(|server| u64::from(server.weight)).next().unwrap_or(0)
}

fn age_s(since_ms: Option<u64>, context: &Context<'_>) -> Option<u64> {
    since_ms.map(|since_ms| context.now_ms.saturating_sub(since_ms) / 1000)
}
