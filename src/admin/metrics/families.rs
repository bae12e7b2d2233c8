//! The metrics of HAProxy's exporter: their names, and the columns of `show stat` and fields of
//! `show info` that they show. A family's help is what that column means.

use crate::admin::stats::{columns, info_fields};

/// One metric with all its labels.
pub(super) struct Family {
    /// Its name after `haproxy_frontend_` and the like.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    /// The column of `show stat`, or the field of `show info`.
    pub(super) column: &'static str,
}

/// What Prometheus calls the type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// How a column becomes values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As it stands; where it is empty, no number.
    Number,
    /// The same, for a frontend of `mode http` alone.
    Http,
    /// One value for each class of HTTP codes.
    Codes,
    /// Shown in seconds.
    Milliseconds,
    /// The same, for a server with checks alone.
    CheckMilliseconds,
    /// A number, 0 where there is none, for a server with checks alone.
    CheckCode,
    /// One value for each state, 1 for the one it is in.
    ProxyState,
    /// The same, with a server's states.
    ServerState,
    /// The same, with the results of checks, for a server with checks alone.
    CheckState,
    /// How many servers are in each state.
    ServerStates,
    /// How many servers had each result of their last check.
    CheckStates,
    /// 1, with the text as a label.
    BuildInfo,
}

impl Family {
    const fn counter(name: &'static str, shape: Shape, column: &'static str) -> Self {
        Self { name, kind: Kind::Counter, shape, column }
    }

    const fn gauge(name: &'static str, shape: Shape, column: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, shape, column }
    }

    /// What the family shows.
    pub(super) fn help(&self) -> &'static str {
        let field = info_fields::FIELDS.iter().find(|field| field.1 == self.column);
        match (self.shape, field) {
            (Shape::Codes, _) => "HTTP responses, by class of code",
            (Shape::Milliseconds | Shape::CheckMilliseconds, _) => {
                let meaning = columns::meaning(self.column);
                meaning.strip_suffix(", in milliseconds").unwrap_or(meaning)
            }
            (_, Some(field)) => field.4,
            (_, None) if self.column.ends_with("ZlibMemUsage") => "Memory of compression",
            (_, None) if self.column == "size" => "The most entries",
            (_, None) if self.column == "used" => "Entries now",
            (_, None) => columns::meaning(self.column),
        }
    }
}

/// Those of the process.
#[rustfmt::skip]
pub(super) const PROCESS: &[Family] = &[
    Family::gauge("nbthread", Shape::Number, "Nbthread"),
    Family::gauge("nbproc", Shape::Number, "Nbproc"),
    Family::gauge("relative_process_id", Shape::Number, "Process_num"),
    Family::gauge("uptime_seconds", Shape::Number, "Uptime_sec"),
    Family::counter("pool_failures_total", Shape::Number, "PoolFailed"),
    Family::gauge("max_fds", Shape::Number, "Ulimit-n"),
    Family::gauge("max_sockets", Shape::Number, "Maxsock"),
    Family::gauge("max_connections", Shape::Number, "Maxconn"),
    Family::gauge("hard_max_connections", Shape::Number, "Hard_maxconn"),
    Family::gauge("current_connections", Shape::Number, "CurrConns"),
    Family::counter("connections_total", Shape::Number, "CumConns"),
    Family::counter("requests_total", Shape::Number, "CumReq"),
    Family::gauge("max_ssl_connections", Shape::Number, "MaxSslConns"),
    Family::gauge("current_ssl_connections", Shape::Number, "CurrSslConns"),
    Family::counter("ssl_connections_total", Shape::Number, "CumSslConns"),
    Family::gauge("max_pipes", Shape::Number, "Maxpipes"),
    Family::counter("pipes_used_total", Shape::Number, "PipesUsed"),
    Family::counter("pipes_free_total", Shape::Number, "PipesFree"),
    Family::gauge("current_connection_rate", Shape::Number, "ConnRate"),
    Family::gauge("limit_connection_rate", Shape::Number, "ConnRateLimit"),
    Family::gauge("max_connection_rate", Shape::Number, "MaxConnRate"),
    Family::gauge("current_session_rate", Shape::Number, "SessRate"),
    Family::gauge("limit_session_rate", Shape::Number, "SessRateLimit"),
    Family::gauge("max_session_rate", Shape::Number, "MaxSessRate"),
    Family::gauge("current_ssl_rate", Shape::Number, "SslRate"),
    Family::gauge("limit_ssl_rate", Shape::Number, "SslRateLimit"),
    Family::gauge("max_ssl_rate", Shape::Number, "MaxSslRate"),
    Family::gauge("current_frontend_ssl_key_rate", Shape::Number, "SslFrontendKeyRate"),
    Family::gauge("max_frontend_ssl_key_rate", Shape::Number, "SslFrontendMaxKeyRate"),
    Family::gauge("frontend_ssl_reuse", Shape::Number, "SslFrontendSessionReuse_pct"),
    Family::gauge("current_backend_ssl_key_rate", Shape::Number, "SslBackendKeyRate"),
    Family::gauge("max_backend_ssl_key_rate", Shape::Number, "SslBackendMaxKeyRate"),
    Family::counter("ssl_cache_lookups_total", Shape::Number, "SslCacheLookups"),
    Family::counter("ssl_cache_misses_total", Shape::Number, "SslCacheMisses"),
    Family::counter("http_comp_bytes_in_total", Shape::Number, "CompressBpsIn"),
    Family::counter("http_comp_bytes_out_total", Shape::Number, "CompressBpsOut"),
    Family::gauge("limit_http_comp", Shape::Number, "CompressBpsRateLim"),
    Family::gauge("current_zlib_memory", Shape::Number, "ZlibMemUsage"),
    Family::gauge("max_zlib_memory", Shape::Number, "MaxZlibMemUsage"),
    Family::gauge("current_tasks", Shape::Number, "Tasks"),
    Family::gauge("current_run_queue", Shape::Number, "Run_queue"),
    Family::gauge("idle_time_percent", Shape::Number, "Idle_pct"),
    Family::gauge("stopping", Shape::Number, "Stopping"),
    Family::gauge("jobs", Shape::Number, "Jobs"),
    Family::gauge("unstoppable_jobs", Shape::Number, "Unstoppable Jobs"),
    Family::gauge("listeners", Shape::Number, "Listeners"),
    Family::gauge("active_peers", Shape::Number, "ActivePeers"),
    Family::gauge("connected_peers", Shape::Number, "ConnectedPeers"),
    Family::counter("dropped_logs_total", Shape::Number, "DroppedLogs"),
    Family::gauge("busy_polling_enabled", Shape::Number, "BusyPolling"),
    Family::counter("failed_resolutions", Shape::Number, "FailedResolutions"),
    Family::counter("bytes_out_total", Shape::Number, "TotalBytesOut"),
    Family::counter("spliced_bytes_out_total", Shape::Number, "TotalSplicdedBytesOut"),
    Family::gauge("bytes_out_rate", Shape::Number, "BytesOutRate"),
    Family::counter("recv_logs_total", Shape::Number, "CumRecvLogs"),
    Family::gauge("build_info", Shape::BuildInfo, "Build info"),
    Family::gauge("max_memory_bytes", Shape::Number, "Memmax_bytes"),
    Family::gauge("pool_allocated_bytes", Shape::Number, "PoolAlloc_bytes"),
    Family::gauge("pool_used_bytes", Shape::Number, "PoolUsed_bytes"),
    Family::gauge("start_time_seconds", Shape::Number, "Start_time_sec"),
];

/// Those of a frontend.
#[rustfmt::skip]
pub(super) const FRONTEND: &[Family] = &[
    Family::gauge("current_sessions", Shape::Number, "scur"),
    Family::gauge("max_sessions", Shape::Number, "smax"),
    Family::gauge("limit_sessions", Shape::Number, "slim"),
    Family::counter("sessions_total", Shape::Number, "stot"),
    Family::counter("bytes_in_total", Shape::Number, "bin"),
    Family::counter("bytes_out_total", Shape::Number, "bout"),
    Family::counter("requests_denied_total", Shape::Number, "dreq"),
    Family::counter("responses_denied_total", Shape::Number, "dresp"),
    Family::counter("request_errors_total", Shape::Number, "ereq"),
    Family::gauge("status", Shape::ProxyState, "status"),
    Family::gauge("limit_session_rate", Shape::Number, "rate_lim"),
    Family::gauge("max_session_rate", Shape::Number, "rate_max"),
    Family::counter("http_responses_total", Shape::Codes, "hrsp_"),
    Family::gauge("http_requests_rate_max", Shape::Http, "req_rate_max"),
    Family::counter("http_requests_total", Shape::Http, "req_tot"),
    Family::counter("http_comp_bytes_in_total", Shape::Http, "comp_in"),
    Family::counter("http_comp_bytes_out_total", Shape::Http, "comp_out"),
    Family::counter("http_comp_bytes_bypassed_total", Shape::Http, "comp_byp"),
    Family::counter("http_comp_responses_total", Shape::Http, "comp_rsp"),
    Family::gauge("connections_rate_max", Shape::Number, "conn_rate_max"),
    Family::counter("connections_total", Shape::Number, "conn_tot"),
    Family::counter("intercepted_requests_total", Shape::Http, "intercepted"),
    Family::counter("denied_connections_total", Shape::Number, "dcon"),
    Family::counter("denied_sessions_total", Shape::Number, "dses"),
    Family::counter("failed_header_rewriting_total", Shape::Number, "wrew"),
    Family::counter("http_cache_lookups_total", Shape::Http, "cache_lookups"),
    Family::counter("http_cache_hits_total", Shape::Http, "cache_hits"),
    Family::counter("internal_errors_total", Shape::Number, "eint"),
];

/// Those of a backend.
#[rustfmt::skip]
pub(super) const BACKEND: &[Family] = &[
    Family::gauge("current_queue", Shape::Number, "qcur"),
    Family::gauge("max_queue", Shape::Number, "qmax"),
    Family::gauge("current_sessions", Shape::Number, "scur"),
    Family::gauge("max_sessions", Shape::Number, "smax"),
    Family::gauge("limit_sessions", Shape::Number, "slim"),
    Family::counter("sessions_total", Shape::Number, "stot"),
    Family::counter("bytes_in_total", Shape::Number, "bin"),
    Family::counter("bytes_out_total", Shape::Number, "bout"),
    Family::counter("requests_denied_total", Shape::Number, "dreq"),
    Family::counter("responses_denied_total", Shape::Number, "dresp"),
    Family::counter("connection_errors_total", Shape::Number, "econ"),
    Family::counter("response_errors_total", Shape::Number, "eresp"),
    Family::counter("retry_warnings_total", Shape::Number, "wretr"),
    Family::counter("redispatch_warnings_total", Shape::Number, "wredis"),
    Family::gauge("status", Shape::ProxyState, "status"),
    Family::gauge("weight", Shape::Number, "weight"),
    Family::gauge("active_servers", Shape::Number, "act"),
    Family::gauge("backup_servers", Shape::Number, "bck"),
    Family::counter("check_up_down_total", Shape::Number, "chkdown"),
    Family::gauge("check_last_change_seconds", Shape::Number, "lastchg"),
    Family::counter("downtime_seconds_total", Shape::Number, "downtime"),
    Family::counter("loadbalanced_total", Shape::Number, "lbtot"),
    Family::gauge("max_session_rate", Shape::Number, "rate_max"),
    Family::counter("client_aborts_total", Shape::Number, "cli_abrt"),
    Family::counter("server_aborts_total", Shape::Number, "srv_abrt"),
    Family::gauge("last_session_seconds", Shape::Number, "lastsess"),
    Family::gauge("queue_time_average_seconds", Shape::Milliseconds, "qtime"),
    Family::gauge("connect_time_average_seconds", Shape::Milliseconds, "ctime"),
    Family::gauge("response_time_average_seconds", Shape::Milliseconds, "rtime"),
    Family::gauge("total_time_average_seconds", Shape::Milliseconds, "ttime"),
    Family::counter("failed_header_rewriting_total", Shape::Number, "wrew"),
    Family::counter("connection_attempts_total", Shape::Number, "connect"),
    Family::counter("connection_reuses_total", Shape::Number, "reuse"),
    Family::gauge("max_queue_time_seconds", Shape::Milliseconds, "qtime_max"),
    Family::gauge("max_connect_time_seconds", Shape::Milliseconds, "ctime_max"),
    Family::gauge("max_response_time_seconds", Shape::Milliseconds, "rtime_max"),
    Family::gauge("max_total_time_seconds", Shape::Milliseconds, "ttime_max"),
    Family::counter("internal_errors_total", Shape::Number, "eint"),
    Family::gauge("uweight", Shape::Number, "uweight"),
    Family::gauge("agg_server_status", Shape::ServerStates, "agg_server_status"),
    Family::gauge("agg_server_check_status", Shape::ServerStates, "agg_server_check_status"),
    Family::gauge("agg_check_status", Shape::CheckStates, "agg_check_status"),
];

/// Those of a server.
#[rustfmt::skip]
pub(super) const SERVER: &[Family] = &[
    Family::gauge("current_queue", Shape::Number, "qcur"),
    Family::gauge("max_queue", Shape::Number, "qmax"),
    Family::gauge("current_sessions", Shape::Number, "scur"),
    Family::gauge("max_sessions", Shape::Number, "smax"),
    Family::gauge("limit_sessions", Shape::Number, "slim"),
    Family::counter("sessions_total", Shape::Number, "stot"),
    Family::counter("bytes_in_total", Shape::Number, "bin"),
    Family::counter("bytes_out_total", Shape::Number, "bout"),
    Family::counter("responses_denied_total", Shape::Number, "dresp"),
    Family::counter("connection_errors_total", Shape::Number, "econ"),
    Family::counter("response_errors_total", Shape::Number, "eresp"),
    Family::counter("retry_warnings_total", Shape::Number, "wretr"),
    Family::counter("redispatch_warnings_total", Shape::Number, "wredis"),
    Family::gauge("status", Shape::ServerState, "status"),
    Family::gauge("weight", Shape::Number, "weight"),
    Family::counter("check_failures_total", Shape::Number, "chkfail"),
    Family::counter("check_up_down_total", Shape::Number, "chkdown"),
    Family::gauge("check_last_change_seconds", Shape::Number, "lastchg"),
    Family::counter("downtime_seconds_total", Shape::Number, "downtime"),
    Family::gauge("queue_limit", Shape::Number, "qlimit"),
    Family::gauge("current_throttle", Shape::Number, "throttle"),
    Family::counter("loadbalanced_total", Shape::Number, "lbtot"),
    Family::gauge("max_session_rate", Shape::Number, "rate_max"),
    Family::gauge("check_status", Shape::CheckState, "check_status"),
    Family::gauge("check_code", Shape::CheckCode, "check_code"),
    Family::gauge("check_duration_seconds", Shape::CheckMilliseconds, "check_duration"),
    Family::counter("client_aborts_total", Shape::Number, "cli_abrt"),
    Family::counter("server_aborts_total", Shape::Number, "srv_abrt"),
    Family::gauge("last_session_seconds", Shape::Number, "lastsess"),
    Family::gauge("queue_time_average_seconds", Shape::Milliseconds, "qtime"),
    Family::gauge("connect_time_average_seconds", Shape::Milliseconds, "ctime"),
    Family::gauge("response_time_average_seconds", Shape::Milliseconds, "rtime"),
    Family::gauge("total_time_average_seconds", Shape::Milliseconds, "ttime"),
    Family::counter("failed_header_rewriting_total", Shape::Number, "wrew"),
    Family::counter("connection_attempts_total", Shape::Number, "connect"),
    Family::counter("connection_reuses_total", Shape::Number, "reuse"),
    Family::gauge("idle_connections_current", Shape::Number, "srv_icur"),
    Family::gauge("idle_connections_limit", Shape::Number, "src_ilim"),
    Family::gauge("max_queue_time_seconds", Shape::Milliseconds, "qtime_max"),
    Family::gauge("max_connect_time_seconds", Shape::Milliseconds, "ctime_max"),
    Family::gauge("max_response_time_seconds", Shape::Milliseconds, "rtime_max"),
    Family::gauge("max_total_time_seconds", Shape::Milliseconds, "ttime_max"),
    Family::counter("internal_errors_total", Shape::Number, "eint"),
    Family::gauge("unsafe_idle_connections_current", Shape::Number, "idle_conn_cur"),
    Family::gauge("safe_idle_connections_current", Shape::Number, "safe_conn_cur"),
    Family::gauge("used_connections_current", Shape::Number, "used_conn_cur"),
    Family::gauge("need_connections_current", Shape::Number, "need_conn_est"),
    Family::gauge("uweight", Shape::Number, "uweight"),
];

/// Those of a stick table.
pub(super) const STICK_TABLE: &[Family] =
    &[Family::gauge("size", Shape::Number, "size"), Family::gauge("used", Shape::Number, "used")];
