//! The columns of `show stat`: HAProxy 2.6's names in its order, with the functions that give their
//! values. The meanings are also the help texts of the metrics.

use super::column::Row;
use super::figures::figures;
use super::health::{
    age_ms, backend_downtime, check_code, check_description, check_duration, check_info,
    check_status, server_status, tracked,
};
use super::object::{Object, ObjectKind};
use super::typed::{Tags, ValueType};
use super::value::Value::{Age, Empty, Owned, Text};
use super::value::{Value, ZERO, number};
use crate::admin::context::Context;
use crate::admin::context::endpoint::EndpointState;
use crate::proxy::backend::Backend;
use crate::proxy::frontend::Frontend;

// In the functions, `o` is the object and `c` is the context.
figures! {
    /// A column of `show stat`.
    Column;
    Pxname "pxname" "KNS" Str "The proxy's name"
        [frontend endpoint backend: |o, _| Text(&o.config.name)]
        [server: |o, _| Text(&o.backend.config.name)]
        [listener: |o, _| Text(&o.frontend.config.name)];
    Svname "svname" "KNS" Str "The server's or listener's name, or FRONTEND or BACKEND"
        [frontend endpoint: |_, _| Text("FRONTEND")]
        [backend: |_, _| Text("BACKEND")]
        [server: |o, _| Text(&o.server.config.name)]
        [listener: |o, _| Owned(o.name())];
    Qcur "qcur" "MGP" U32 "Connections waiting for a place now"
        [backend: |o, _| number(o.queues.len(None))]
        [server: |o, _| number(o.queue_len().0)];
    Qmax "qmax" "MMP" U32 "The most connections that waited for a place at a time"
        [backend: |o, _| number(o.queues.max_len(None))]
        [server: |o, _| number(o.queue_len().1)];
    Scur "scur" "MGP" U32 "Connections open now"
        [frontend endpoint backend server: |o, _| number(o.counters.current)]
        [listener: |o, _| number(o.listener.current())];
    Smax "smax" "MMP" U32 "The most connections that were open at a time"
        [frontend endpoint backend server listener: |o, _| number(o.counters.max)];
    Slim "slim" "CLP" U32 "The most connections allowed at a time"
        [frontend: |o, c| number(o.maxconn.unwrap_or(c.shared.totals.maxconn))]
        [endpoint: |o, _| number(o.maxconn)]
        [backend: |o, _| number(o.fullconn)]
        [server: |o, _| limit(o.maxconn)]
        [listener: |o, _| number(o.listener.bind.settings.maxconn.unwrap_or(0))];
    Stot "stot" "MCP" U64 "Connections so far"
        [frontend: |o, _| number(o.counters.sessions())]
        [endpoint backend server listener: |o, _| number(o.counters.connections)];
    Bin "bin" "MCP" U64 "Bytes received from clients"
        [frontend endpoint backend server listener: |o, _| number(o.counters.bytes_in)];
    Bout "bout" "MCP" U64 "Bytes sent to clients"
        [frontend endpoint backend server listener: |o, _| number(o.counters.bytes_out)];
    Dreq "dreq" "MCP" U64 "Requests refused by a rule"
        [frontend backend listener: |o, _| number(o.counters.denied_requests)]
        [endpoint: |_, _| ZERO];
    Dresp "dresp" "MCP" U64 "Responses refused by a rule"
        [frontend backend server: |o, _| number(o.counters.denied_responses)]
        [endpoint listener: |_, _| ZERO];
    Ereq "ereq" "MCP" U64 "Clients that failed before they had asked for anything"
        [frontend endpoint: |o, _| number(o.counters.request_errors)]
        [listener: |_, _| ZERO];
    Econ "econ" "MCP" U64 "Connections for which no server could be reached"
        [backend server: |o, _| number(o.counters.connect_errors)];
    Eresp "eresp" "MCP" U64 "Connections that a server's error ended"
        [backend server: |o, _| number(o.counters.response_errors)];
    Wretr "wretr" "MCP" U64 "Connects that were tried again"
        [backend server: |o, _| number(o.counters.retries)];
    Wredis "wredis" "MCP" U64 "Connections that moved on to another server"
        [backend server: |o, _| number(o.counters.redispatches)];
    Status "status" "SGP" Str "The state, in HAProxy's words"
        [frontend: |o, _| Text(frontend_status(o))]
        [endpoint: |o, _| Text(endpoint_status(o.state))]
        [backend: |o, _| Text(if is_usable(o) { "UP" } else { "DOWN" })]
        [server: |o, c| Owned(server_status(o.server, c))]
        [listener: |o, _| Text(o.listener.status())];
    Weight "weight" "MaP" U32 "The weight in effect"
        [backend: |o, _| number(weight_in_use(o))]
        [server: |o, _| number(o.weight)];
    Act "act" "SGP" U32 "Active servers that take connections"
        [backend: |o, _| number(o.active() as u64)]
        [backend_tags: "MGP"]
        [server: |o, _| number(!o.config.settings.backup)];
    Bck "bck" "SGP" U32 "Backup servers that take connections"
        [backend: |o, _| number(o.backups() as u64)]
        [backend_tags: "MGP"]
        [server: |o, _| number(o.config.settings.backup)];
    Chkfail "chkfail" "MCP" U64 "Health checks that failed while the server was up"
        [server: |o, _| o.of_history(|checks| number(checks.failed))];
    Chkdown "chkdown" "MCP" U64 "Times that it went from up to down"
        [backend: |o, _| number(o.outage.count)]
        [server: |o, _| o.of_history(|_| number(o.outage.count))];
    Lastchg "lastchg" "MAP" U32 "Seconds since it last went up or down"
        [backend: |o, c| number(age_ms(o.outage.changed_ms, c) / 1000)]
        [server: |o, c| number(age_ms(o.changed_ms, c) / 1000)];
    Downtime "downtime" "MCP" U32 "Seconds spent down"
        [backend: backend_downtime]
        [server: |o, c| o.of_history(|_| o.downtime(c))];
    Qlimit "qlimit" "CGS" U32 "The most connections that may wait for this server"
        [server: |o, _| limit(o.config.settings.maxqueue)];
    Pid "pid" "KGP" U32 "The process's number, always 1"
        [frontend endpoint backend server listener: |_, _| number(1_u32)];
    Iid "iid" "KGS" U32 "The proxy's number"
        [frontend endpoint backend: |o, _| number(o.config.proxy_id)]
        [server: |o, _| number(o.backend.config.proxy_id)]
        [listener: |o, _| number(o.frontend.config.proxy_id)];
    Sid "sid" "KGS" U32 "The server's number in its proxy"
        [frontend endpoint backend: |_, _| ZERO]
        [server: |o, _| number(o.config.id)]
        [listener: |o, _| number(o.listener.number())];
    Throttle "throttle" "MaP" U32 "Per cent of its weight while a server warms up"
        [server: |o, _| o.throttle().map_or(Empty, number)];
    Lbtot "lbtot" "MCP" U64 "Connections that the balance algorithm gave it"
        [backend server: |o, _| number(o.counters.balanced)];
    Tracked "tracked" "CNS" Str "The server whose checks count for this one"
        [server: |o, c| tracked(o.server, c).map_or(Empty, Owned)];
    Type "type" "CGS" U32 "What the row is about: 0 frontend, 1 backend, 2 server, 3 listener"
        [frontend endpoint: |_, _| ZERO]
        [backend: |_, _| number(1_u32)]
        [server: |_, _| number(2_u32)]
        [listener: |_, _| number(3_u32)];
    Rate "rate" "MRP" U32 "New connections in the last second"
        [frontend endpoint backend server: |o, c| number(o.counters.rate.rate(c.now_ms))]
        [backend_tags: "MGP"];
    RateLim "rate_lim" "CLP" U32 "The most new connections allowed in a second"
        [frontend: |o, _| number(o.config.rate_limit.unwrap_or(0))]
        [endpoint: |_, _| ZERO];
    RateMax "rate_max" "MMP" U32 "The most new connections that one second saw"
        [frontend endpoint backend server: |o, _| number(o.counters.rate.max())]
        [backend_tags: "MGP"];
    CheckStatus "check_status" "MOP" Str "How the last health check ended"
        [server: |o, _| o.of_check(check_status)];
    CheckCode "check_code" "MOP" U32 "The code that the last health check was answered with"
        [server: |o, _| o.of_check(check_code)];
    CheckDuration "check_duration" "MDP" U64
        "How long the last health check took, in milliseconds"
        [server: |o, _| o.of_check(check_duration)];
    Hrsp1xx "hrsp_1xx" "MCP" U64 "HTTP responses with a code from 100 to 199"
        [endpoint: |o, _| number(o.responses[1])]
        [backend: |o, _| zero_of_http(o)];
    Hrsp2xx "hrsp_2xx" "MCP" U64 "HTTP responses with a code from 200 to 299"
        [endpoint: |o, _| number(o.responses[2])]
        [backend: |o, _| zero_of_http(o)];
    Hrsp3xx "hrsp_3xx" "MCP" U64 "HTTP responses with a code from 300 to 399"
        [endpoint: |o, _| number(o.responses[3])]
        [backend: |o, _| zero_of_http(o)];
    Hrsp4xx "hrsp_4xx" "MCP" U64 "HTTP responses with a code from 400 to 499"
        [endpoint: |o, _| number(o.responses[4])]
        [backend: |o, _| zero_of_http(o)];
    Hrsp5xx "hrsp_5xx" "MCP" U64 "HTTP responses with a code from 500 to 599"
        [endpoint: |o, _| number(o.responses[5])]
        [backend: |o, _| zero_of_http(o)];
    HrspOther "hrsp_other" "MCP" U64 "HTTP responses with any other code"
        [endpoint: |o, _| number(o.responses[0])]
        [backend: |o, _| zero_of_http(o)];
    Hanafail "hanafail" "MCP" U64 "Health checks that traffic itself failed"
        [server: |o, _| if o.config.settings.health.observe.is_on {
            o.of_history(|checks| number(checks.observed))
        } else {
            Empty
        }];
    ReqRate "req_rate" "MRP" U32 "HTTP requests in the last second"
        [frontend: |_, _| ZERO]
        [endpoint: |o, c| number(o.request_rate.rate(c.now_ms))];
    ReqRateMax "req_rate_max" "MMP" U32 "The most HTTP requests that one second saw"
        [frontend: |_, _| ZERO]
        [endpoint: |o, _| number(o.request_rate.max())];
    ReqTot "req_tot" "MCP" U64 "HTTP requests so far"
        [frontend: |_, _| ZERO]
        [endpoint: |o, _| number(o.requests)]
        [backend: |o, _| zero_of_http(o)];
    CliAbrt "cli_abrt" "MCP" U64 "Connections that the client broke off"
        [backend server: |o, _| number(o.counters.client_aborts)];
    SrvAbrt "srv_abrt" "MCP" U64 "Connections that the server broke off"
        [backend server: |o, _| number(o.counters.server_aborts)];
    CompIn "comp_in" "MCP" U64 "Bytes before compression"
        [frontend endpoint backend: |_, _| ZERO];
    CompOut "comp_out" "MCP" U64 "Bytes after compression"
        [frontend endpoint backend: |_, _| ZERO];
    CompByp "comp_byp" "MCP" U64 "Bytes that went around compression"
        [frontend endpoint backend: |_, _| ZERO];
    CompRsp "comp_rsp" "MCP" U64 "Responses that were compressed"
        [frontend endpoint backend: |_, _| ZERO];
    Lastsess "lastsess" "MAP" S32 "Seconds since the last connection to a server, -1 for never"
        [backend server: |o, c| {
            Age(o.counters.last_used_ms.map(|used_ms| age_ms(used_ms, c) / 1000))
        }];
    LastChk "last_chk" "MOP" Str "What the last health check saw"
        [server: |o, _| o.of_check(check_info)];
    LastAgt "last_agt" "MOP" Str "What the last agent check saw"
        [server: |o, _| o.of_agent(check_info)];
    Qtime "qtime" "MaP" U32 "Average wait for a place, in milliseconds"
        [backend server: |o, _| number(o.counters.times.queue.average_ms())];
    Ctime "ctime" "MaP" U32 "Average time to connect, in milliseconds"
        [backend server: |o, _| number(o.counters.times.connect.average_ms())];
    Rtime "rtime" "MaP" U32 "Average time to a response, in milliseconds"
        [backend server: |_, _| ZERO];
    Ttime "ttime" "MaP" U32 "Average length of a connection, in milliseconds"
        [backend server: |o, _| number(o.counters.times.total.average_ms())];
    AgentStatus "agent_status" "MOP" Str "How the last agent check ended"
        [server: |o, _| o.of_agent(check_status)];
    AgentCode "agent_code" "MOP" U32 "The code that the last agent check was answered with"
        [server: |o, _| o.of_agent(check_code)];
    AgentDuration "agent_duration" "MDP" U64 "How long the last agent check took, in milliseconds"
        [server: |o, _| o.of_agent(check_duration)];
    CheckDesc "check_desc" "MOP" Str "How the last health check ended, in a sentence"
        [server: |o, _| o.of_check(check_description)];
    AgentDesc "agent_desc" "MOP" Str "How the last agent check ended, in a sentence"
        [server: |o, _| o.of_agent(check_description)];
    CheckRise "check_rise" "CGS" U32 "Good checks in a row that bring the server up"
        [server: |o, _| o.of_check(|checks| number(checks.counter.rise()))];
    CheckFall "check_fall" "CGS" U32 "Bad checks in a row that take the server down"
        [server: |o, _| o.of_check(|checks| number(checks.counter.fall()))];
    CheckHealth "check_health" "CGS" U32 "The checks' counter, from 0 to rise+fall-1"
        [server: |o, _| o.of_check(|checks| number(checks.counter.health()))];
    AgentRise "agent_rise" "CGS" U32 "Good agent checks in a row that bring the server up"
        [server: |o, _| o.of_agent(|checks| number(checks.counter.rise()))];
    AgentFall "agent_fall" "CGS" U32 "Bad agent checks in a row that take the server down"
        [server: |o, _| o.of_agent(|checks| number(checks.counter.fall()))];
    AgentHealth "agent_health" "CGS" U32 "The agent checks' counter"
        [server: |o, _| o.of_agent(|checks| number(checks.counter.health()))];
    Addr "addr" "CGS" Str "The server's address and port"
        [server: |o, _| match o.server.is_missing() {
            true => Empty,
            false => Owned(o.server.address.shown()),
        }]
        [listener: |o, _| Owned(o.address())];
    Cookie "cookie" "CNS" Str "The server's or the backend's cookie";
    Mode "mode" "CGS" Str "The proxy's mode"
        [frontend server listener: |_, _| Text("tcp")]
        [endpoint: |_, _| Text("http")]
        [backend: |o, _| Text(if o.config.is_http { "http" } else { "tcp" })];
    Algo "algo" "CGS" Str "The balance algorithm"
        [backend: |o, _| Text(o.config.balance.name())];
    ConnRate "conn_rate" "MRP" U32 "Clients accepted in the last second"
        [frontend: |o, c| number(o.connection_rate().rate(c.now_ms))]
        [endpoint: |o, c| number(o.counters.rate.rate(c.now_ms))];
    ConnRateMax "conn_rate_max" "MMP" U32 "The most clients accepted in one second"
        [frontend: |o, _| number(o.connection_rate().max())]
        [endpoint: |o, _| number(o.counters.rate.max())];
    ConnTot "conn_tot" "MCP" U64 "Clients accepted so far"
        [frontend endpoint: |o, _| number(o.counters.connections)];
    Intercepted "intercepted" "MCP" U64 "Requests that were answered here"
        [endpoint: |o, _| number(o.served)];
    Dcon "dcon" "MCP" U64 "Clients refused by a connection rule"
        [frontend listener: |o, _| number(o.counters.denied_connections)]
        [endpoint: |_, _| ZERO];
    Dses "dses" "MCP" U64 "Clients refused by a session rule"
        [frontend listener: |o, _| number(o.counters.denied_sessions)]
        [endpoint: |_, _| ZERO];
    Wrew "wrew" "MCP" U64 "Headers that could not be rewritten"
        [frontend endpoint backend server listener: |_, _| ZERO];
    Connect "connect" "MCP" U64 "Connects to servers, tried or done"
        [backend: |o, _| number(connects(o))]
        [server: |o, _| number(o.counters.connections)];
    Reuse "reuse" "MCP" U64 "Connections to servers that were used again"
        [backend server: |_, _| ZERO];
    CacheLookups "cache_lookups" "MCP" U64 "Lookups in an HTTP cache"
        [endpoint: |_, _| ZERO]
        [backend: |o, _| zero_of_http(o)];
    CacheHits "cache_hits" "MCP" U64 "Lookups in an HTTP cache that found something"
        [endpoint: |_, _| ZERO]
        [backend: |o, _| zero_of_http(o)];
    SrvIcur "srv_icur" "MGP" U32 "Idle connections kept to the server"
        [server: |_, _| ZERO];
    // HAProxy shows nothing where the number has no limit.
    SrcIlim "src_ilim" "CLP" U32 "The most idle connections kept to the server"
        [server: |o, _| if o.is_added() { ZERO } else { Empty }];
    QtimeMax "qtime_max" "MMP" U32 "The longest wait for a place, in milliseconds"
        [backend server: |o, _| number(o.counters.times.queue.max_ms())];
    CtimeMax "ctime_max" "MMP" U32 "The longest time to connect, in milliseconds"
        [backend server: |o, _| number(o.counters.times.connect.max_ms())];
    RtimeMax "rtime_max" "MMP" U32 "The longest time to a response, in milliseconds"
        [backend server: |_, _| ZERO];
    TtimeMax "ttime_max" "MMP" U32 "The longest connection, in milliseconds"
        [backend server: |o, _| number(o.counters.times.total.max_ms())];
    Eint "eint" "MCP" U64 "Errors of the program itself"
        [frontend endpoint backend server listener: |_, _| ZERO];
    IdleConnCur "idle_conn_cur" "MGP" U32 "Idle connections that may not be shared"
        [server: |_, _| ZERO];
    SafeConnCur "safe_conn_cur" "MGP" U32 "Idle connections that may be shared"
        [server: |_, _| ZERO];
    UsedConnCur "used_conn_cur" "MGP" U32 "Connections to the server in use"
        [server: |o, _| number(o.counters.current)];
    NeedConnEst "need_conn_est" "MGP" U32 "Connections to the server expected to be needed"
        [server: |o, _| number(o.counters.max)];
    Uweight "uweight" "MaP" U32 "The weight as it was set"
        [backend: |o, _| number(weight_in_use(o))]
        [server: |o, _| number(o.weight)];
    AggServerStatus "agg_server_status" "MGP" U32 "Servers in each state"
        [backend: |_, _| ZERO];
    AggServerCheckStatus "agg_server_check_status" "MGP" U32 "Servers in each state"
        [backend: |_, _| ZERO];
    AggCheckStatus "agg_check_status" "MGP" U32 "Servers by how their last health check ended"
        [backend: |_, _| ZERO];
    SslSess "ssl_sess" "MCP" U64 "TLS sessions"
        [frontend endpoint: |o, _| number(o.counters.tls.full)]
        [backend server: |o, _| number(o.counters.tls.full)]
        [listener: |_, _| ZERO];
    SslReusedSess "ssl_reused_sess" "MCP" U64 "TLS sessions used again"
        [frontend endpoint: |o, _| number(o.counters.tls.resumed)]
        [backend server: |o, _| number(o.counters.tls.resumed)]
        [listener: |_, _| ZERO];
    SslFailedHandshake "ssl_failed_handshake" "MCP" U64 "TLS handshakes that failed"
        [frontend endpoint: |o, _| number(o.counters.tls.failed)]
        [backend server: |o, _| number(o.counters.tls.failed)]
        [listener: |_, _| ZERO];
    H2HeadersRcvd "h2_headers_rcvd" "MCP" U64 "HTTP/2 HEADERS frames received"
        [frontend endpoint backend: |_, _| ZERO];
    H2DataRcvd "h2_data_rcvd" "MCP" U64 "HTTP/2 DATA frames received"
        [frontend endpoint backend: |_, _| ZERO];
    H2SettingsRcvd "h2_settings_rcvd" "MCP" U64 "HTTP/2 SETTINGS frames received"
        [frontend endpoint backend: |_, _| ZERO];
    H2RstStreamRcvd "h2_rst_stream_rcvd" "MCP" U64 "HTTP/2 RST_STREAM frames received"
        [frontend endpoint backend: |_, _| ZERO];
    H2GoawayRcvd "h2_goaway_rcvd" "MCP" U64 "HTTP/2 GOAWAY frames received"
        [frontend endpoint backend: |_, _| ZERO];
    H2DetectedConnProtocolErrors "h2_detected_conn_protocol_errors" "MCP" U64
        "HTTP/2 errors of connections"
        [frontend endpoint backend: |_, _| ZERO];
    H2DetectedStrmProtocolErrors "h2_detected_strm_protocol_errors" "MCP" U64
        "HTTP/2 errors of streams"
        [frontend endpoint backend: |_, _| ZERO];
    H2RstStreamResp "h2_rst_stream_resp" "MCP" U64 "HTTP/2 RST_STREAM frames sent"
        [frontend endpoint backend: |_, _| ZERO];
    H2GoawayResp "h2_goaway_resp" "MCP" U64 "HTTP/2 GOAWAY frames sent"
        [frontend endpoint backend: |_, _| ZERO];
    H2OpenConnections "h2_open_connections" "MGP" U64 "HTTP/2 connections open now"
        [frontend endpoint backend: |_, _| ZERO];
    H2BackendOpenStreams "h2_backend_open_streams" "MGP" U64 "HTTP/2 streams open to servers now"
        [frontend endpoint backend: |_, _| ZERO];
    H2TotalConnections "h2_total_connections" "MCP" U64 "HTTP/2 connections"
        [frontend endpoint backend: |_, _| ZERO];
    H2BackendTotalStreams "h2_backend_total_streams" "MCP" U64 "HTTP/2 streams to servers"
        [frontend endpoint backend: |_, _| ZERO];
    H1OpenConnections "h1_open_connections" "MGP" U64 "HTTP/1 connections open now"
        [frontend endpoint backend: |_, _| ZERO];
    H1OpenStreams "h1_open_streams" "MGP" U64 "HTTP/1 streams open now"
        [frontend endpoint backend: |_, _| ZERO];
    H1TotalConnections "h1_total_connections" "MCP" U64 "HTTP/1 connections"
        [frontend endpoint backend: |_, _| ZERO];
    H1TotalStreams "h1_total_streams" "MCP" U64 "HTTP/1 streams"
        [frontend endpoint backend: |_, _| ZERO];
    H1BytesIn "h1_bytes_in" "MCP" U64 "Bytes received by HTTP/1"
        [frontend endpoint backend: |_, _| ZERO];
    H1BytesOut "h1_bytes_out" "MCP" U64 "Bytes sent by HTTP/1"
        [frontend endpoint backend: |_, _| ZERO];
    H1SplicedBytesIn "h1_spliced_bytes_in" "MCP" U64 "Bytes received by HTTP/1 through splice"
        [frontend endpoint backend: |_, _| ZERO];
    H1SplicedBytesOut "h1_spliced_bytes_out" "MCP" U64 "Bytes sent by HTTP/1 through splice"
        [frontend endpoint backend: |_, _| ZERO];
}

impl Column {
    /// The first column of HAProxy's modules. The separator `-` stands before it.
    pub(in crate::admin) const FIRST_OF_MODULES: Self = Self::SslSess;

    /// HAProxy's name of the column.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The meaning of the values.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The number of the column, from 0.
    pub(in crate::admin) fn number(self) -> usize {
        self as usize
    }

    /// The type of the values.
    pub(in crate::admin) fn value_type(self) -> ValueType {
        self.row().value_type
    }

    /// The tags of the values for an object.
    pub(in crate::admin) fn tags(self, object: &Object<'_>) -> Tags {
        self.row().tags(object)
    }

    /// Whether objects of a kind have a value in this column.
    pub(in crate::admin) const fn has_value(self, kind: ObjectKind) -> bool {
        self.row().has_value(kind)
    }

    /// The value for an object.
    pub(in crate::admin) fn value<'a>(
        self,
        object: &Object<'a>,
        context: &Context<'_>,
    ) -> Value<'a> {
        self.row().value(object, context)
    }
}

/// A limit, where 0 stands for none.
fn limit(limit: u32) -> Value<'static> {
    if limit > 0 { number(limit) } else { Empty }
}

fn frontend_status(frontend: &Frontend) -> &'static str {
    match (frontend.stopped, frontend.is_paused) {
        (true, _) => "STOP",
        (false, true) => "PAUSED",
        (false, false) => "OPEN",
    }
}

fn endpoint_status(state: EndpointState) -> &'static str {
    match state {
        EndpointState::Open => "OPEN",
        EndpointState::Paused => "PAUSED",
        EndpointState::Stopped => "STOP",
    }
}

fn is_usable(backend: &Backend) -> bool {
    backend.servers.is_empty() || backend.active() + backend.backups() > 0
}

/// The weight of the servers that take new clients: the active ones, or else the first backup.
fn weight_in_use(backend: &Backend) -> u64 {
    let usable = || backend.servers.iter().filter(|server| server.is_usable());
    let active: u64 = usable()
        .filter(|server| !server.config.settings.backup)
        .map(|server| u64::from(server.weight))
        .sum();
    if active > 0 {
        return active;
    }
    usable().map(|server| u64::from(server.weight)).next().unwrap_or(0)
}

/// The figures about HTTP of a section with pages: its frontend counts, and its backend never does.
fn zero_of_http(backend: &Backend) -> Value<'static> {
    if backend.config.is_http { ZERO } else { Empty }
}

fn connects(backend: &Backend) -> u64 {
    backend.servers.iter().map(|server| server.counters.connections).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::Fixture;
    use crate::admin::stats::object::Position;
    use crate::config::ServerIndex;

    #[test]
    fn the_values_of_a_column_have_its_type() {
        let mut fixture = Fixture::with_endpoint();
        let context = fixture.context();
        for position in [
            Position::Frontend(0),
            Position::Endpoint(0),
            Position::Backend(0),
            Position::Server { backend: 0, server: ServerIndex::configured(0) },
        ] {
            let object = position.object(&context).unwrap();
            for column in Column::ALL {
                let types: &[ValueType] = match column.value(&object, &context) {
                    Empty => continue,
                    Value::Number(_) => &[ValueType::U32, ValueType::U64],
                    Age(_) => &[ValueType::S32],
                    Text(_) | Owned(_) => &[ValueType::Str],
                };
                assert!(types.contains(&column.value_type()), "{}", column.name());
            }
        }
    }
}
