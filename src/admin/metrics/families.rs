//! HAProxy's families of metrics: a row says the name and the column of `show stat` or the field of
//! `show info` that the family shows. The help of a family is the meaning of that column or field.

use ObjectValues::{
    CheckCode, CheckSeconds, CheckState, CheckStates, HttpCodes, HttpNumber, ListenerState, Number,
    ProxyState, Seconds, ServerState, ServerStates,
};

use super::text::Kind;
use crate::admin::stats::columns::Column;
use crate::admin::stats::fields::Field;
use crate::admin::stats::object::ObjectKind;
use crate::table::StickTable;

/// A family of metrics: one name, with a value for each object.
pub(super) struct Family<V> {
    /// The name after `haproxy_frontend_` and the like.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) values: V,
}

const fn counter<V: Copy>(name: &'static str, values: V) -> Family<V> {
    Family { name, kind: Kind::Counter, values }
}

const fn gauge<V: Copy>(name: &'static str, values: V) -> Family<V> {
    Family { name, kind: Kind::Gauge, values }
}

/// The values of a family for a frontend, backend or server.
#[derive(Clone, Copy, Debug)]
pub(super) enum ObjectValues {
    /// The number in the column; NaN where the column is empty.
    Number(Column),
    /// The same, for frontends and backends with `mode http` alone.
    HttpNumber(Column),
    /// One value for each class of HTTP codes, for frontends and backends with `mode http` alone.
    HttpCodes,
    /// The milliseconds in the column, shown as seconds.
    Seconds(Column),
    /// The same, for servers with checks alone.
    CheckSeconds(Column),
    /// The number in the column or 0, for servers with checks alone.
    CheckCode(Column),
    /// One value for each state of a frontend or backend; 1 for the present state.
    ProxyState,
    /// One value for each state of a listener; 1 for the present state.
    ListenerState,
    /// One value for each state of a server; 1 for the present state.
    ServerState,
    /// One value for each result of a check; 1 for the last result. For servers with checks alone.
    CheckState,
    /// How many servers are in each state. The column gives the help.
    ServerStates(Column),
    /// How many servers had each result in their last check.
    CheckStates,
}

impl ObjectValues {
    /// The column that the values come from.
    const fn column(self) -> Column {
        match self {
            Number(column) | HttpNumber(column) | Seconds(column) | CheckSeconds(column)
            | CheckCode(column) | ServerStates(column) => column,
            HttpCodes => Column::HrspOther,
            ProxyState | ListenerState | ServerState => Column::Status,
            CheckState => Column::CheckStatus,
            CheckStates => Column::AggCheckStatus,
        }
    }

    pub(super) fn help(self) -> &'static str {
        let meaning = self.column().meaning();
        match self {
            HttpCodes => "HTTP responses, by class of code",
            Seconds(_) | CheckSeconds(_) => {
                meaning.strip_suffix(", in milliseconds").unwrap_or(meaning)
            }
            _ => meaning,
        }
    }
}

/// The value of a family for the process.
#[derive(Clone, Copy, Debug)]
pub(super) enum ProcessValue {
    /// The number in the field.
    Number(Field),
    /// NaN: the field has no value here.
    Unknown(Field),
    /// 1, with the version as a label.
    BuildInfo,
}

impl ProcessValue {
    pub(super) const fn field(self) -> Field {
        match self {
            Self::Number(field) | Self::Unknown(field) => field,
            Self::BuildInfo => Field::BuildInfo,
        }
    }
}

/// The value of a family for a stick table.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableValue {
    pub(super) help: &'static str,
    pub(super) value: fn(&StickTable) -> u32,
}

/// The families of the process.
pub(super) const PROCESS: &[Family<ProcessValue>] = &[
    gauge("nbthread", ProcessValue::Number(Field::Nbthread)),
    gauge("nbproc", ProcessValue::Number(Field::Nbproc)),
    gauge("relative_process_id", ProcessValue::Number(Field::ProcessNum)),
    gauge("uptime_seconds", ProcessValue::Number(Field::UptimeSec)),
    counter("pool_failures_total", ProcessValue::Number(Field::PoolFailed)),
    gauge("max_fds", ProcessValue::Number(Field::UlimitN)),
    gauge("max_sockets", ProcessValue::Number(Field::Maxsock)),
    gauge("max_connections", ProcessValue::Number(Field::Maxconn)),
    gauge("hard_max_connections", ProcessValue::Number(Field::HardMaxconn)),
    gauge("current_connections", ProcessValue::Number(Field::CurrConns)),
    counter("connections_total", ProcessValue::Number(Field::CumConns)),
    counter("requests_total", ProcessValue::Number(Field::CumReq)),
    gauge("max_ssl_connections", ProcessValue::Number(Field::MaxSslConns)),
    gauge("current_ssl_connections", ProcessValue::Number(Field::CurrSslConns)),
    counter("ssl_connections_total", ProcessValue::Number(Field::CumSslConns)),
    gauge("max_pipes", ProcessValue::Number(Field::Maxpipes)),
    counter("pipes_used_total", ProcessValue::Number(Field::PipesUsed)),
    counter("pipes_free_total", ProcessValue::Number(Field::PipesFree)),
    gauge("current_connection_rate", ProcessValue::Number(Field::ConnRate)),
    gauge("limit_connection_rate", ProcessValue::Number(Field::ConnRateLimit)),
    gauge("max_connection_rate", ProcessValue::Number(Field::MaxConnRate)),
    gauge("current_session_rate", ProcessValue::Number(Field::SessRate)),
    gauge("limit_session_rate", ProcessValue::Number(Field::SessRateLimit)),
    gauge("max_session_rate", ProcessValue::Number(Field::MaxSessRate)),
    gauge("current_ssl_rate", ProcessValue::Number(Field::SslRate)),
    gauge("limit_ssl_rate", ProcessValue::Number(Field::SslRateLimit)),
    gauge("max_ssl_rate", ProcessValue::Number(Field::MaxSslRate)),
    gauge("current_frontend_ssl_key_rate", ProcessValue::Number(Field::SslFrontendKeyRate)),
    gauge("max_frontend_ssl_key_rate", ProcessValue::Number(Field::SslFrontendMaxKeyRate)),
    gauge("frontend_ssl_reuse", ProcessValue::Number(Field::SslFrontendSessionReusePct)),
    gauge("current_backend_ssl_key_rate", ProcessValue::Number(Field::SslBackendKeyRate)),
    gauge("max_backend_ssl_key_rate", ProcessValue::Number(Field::SslBackendMaxKeyRate)),
    counter("ssl_cache_lookups_total", ProcessValue::Number(Field::SslCacheLookups)),
    counter("ssl_cache_misses_total", ProcessValue::Number(Field::SslCacheMisses)),
    counter("http_comp_bytes_in_total", ProcessValue::Number(Field::CompressBpsIn)),
    counter("http_comp_bytes_out_total", ProcessValue::Number(Field::CompressBpsOut)),
    gauge("limit_http_comp", ProcessValue::Number(Field::CompressBpsRateLim)),
    gauge("current_zlib_memory", ProcessValue::Unknown(Field::ZlibMemUsage)),
    gauge("max_zlib_memory", ProcessValue::Unknown(Field::MaxZlibMemUsage)),
    gauge("current_tasks", ProcessValue::Number(Field::Tasks)),
    gauge("current_run_queue", ProcessValue::Number(Field::RunQueue)),
    gauge("idle_time_percent", ProcessValue::Number(Field::IdlePct)),
    gauge("stopping", ProcessValue::Number(Field::Stopping)),
    gauge("jobs", ProcessValue::Number(Field::Jobs)),
    gauge("unstoppable_jobs", ProcessValue::Number(Field::UnstoppableJobs)),
    gauge("listeners", ProcessValue::Number(Field::Listeners)),
    gauge("active_peers", ProcessValue::Number(Field::ActivePeers)),
    gauge("connected_peers", ProcessValue::Number(Field::ConnectedPeers)),
    counter("dropped_logs_total", ProcessValue::Number(Field::DroppedLogs)),
    gauge("busy_polling_enabled", ProcessValue::Number(Field::BusyPolling)),
    counter("failed_resolutions", ProcessValue::Number(Field::FailedResolutions)),
    counter("bytes_out_total", ProcessValue::Number(Field::TotalBytesOut)),
    counter("spliced_bytes_out_total", ProcessValue::Number(Field::TotalSplicdedBytesOut)),
    gauge("bytes_out_rate", ProcessValue::Number(Field::BytesOutRate)),
    counter("recv_logs_total", ProcessValue::Number(Field::CumRecvLogs)),
    gauge("build_info", ProcessValue::BuildInfo),
    gauge("max_memory_bytes", ProcessValue::Number(Field::MemmaxBytes)),
    gauge("pool_allocated_bytes", ProcessValue::Number(Field::PoolAllocBytes)),
    gauge("pool_used_bytes", ProcessValue::Number(Field::PoolUsedBytes)),
    gauge("start_time_seconds", ProcessValue::Number(Field::StartTimeSec)),
];

/// The families of a frontend.
pub(super) const FRONTEND: &[Family<ObjectValues>] = &[
    gauge("current_sessions", Number(Column::Scur)),
    gauge("max_sessions", Number(Column::Smax)),
    gauge("limit_sessions", Number(Column::Slim)),
    counter("sessions_total", Number(Column::Stot)),
    counter("bytes_in_total", Number(Column::Bin)),
    counter("bytes_out_total", Number(Column::Bout)),
    counter("requests_denied_total", Number(Column::Dreq)),
    counter("responses_denied_total", Number(Column::Dresp)),
    counter("request_errors_total", Number(Column::Ereq)),
    gauge("status", ProxyState),
    gauge("limit_session_rate", Number(Column::RateLim)),
    gauge("max_session_rate", Number(Column::RateMax)),
    counter("http_responses_total", HttpCodes),
    gauge("http_requests_rate_max", HttpNumber(Column::ReqRateMax)),
    counter("http_requests_total", HttpNumber(Column::ReqTot)),
    counter("http_comp_bytes_in_total", HttpNumber(Column::CompIn)),
    counter("http_comp_bytes_out_total", HttpNumber(Column::CompOut)),
    counter("http_comp_bytes_bypassed_total", HttpNumber(Column::CompByp)),
    counter("http_comp_responses_total", HttpNumber(Column::CompRsp)),
    gauge("connections_rate_max", Number(Column::ConnRateMax)),
    counter("connections_total", Number(Column::ConnTot)),
    counter("intercepted_requests_total", HttpNumber(Column::Intercepted)),
    counter("denied_connections_total", Number(Column::Dcon)),
    counter("denied_sessions_total", Number(Column::Dses)),
    counter("failed_header_rewriting_total", Number(Column::Wrew)),
    counter("http_cache_lookups_total", HttpNumber(Column::CacheLookups)),
    counter("http_cache_hits_total", HttpNumber(Column::CacheHits)),
    counter("internal_errors_total", Number(Column::Eint)),
];

/// The families of a backend.
pub(super) const BACKEND: &[Family<ObjectValues>] = &[
    gauge("current_queue", Number(Column::Qcur)),
    gauge("max_queue", Number(Column::Qmax)),
    gauge("current_sessions", Number(Column::Scur)),
    gauge("max_sessions", Number(Column::Smax)),
    gauge("limit_sessions", Number(Column::Slim)),
    counter("sessions_total", Number(Column::Stot)),
    counter("bytes_in_total", Number(Column::Bin)),
    counter("bytes_out_total", Number(Column::Bout)),
    counter("requests_denied_total", Number(Column::Dreq)),
    counter("responses_denied_total", Number(Column::Dresp)),
    counter("connection_errors_total", Number(Column::Econ)),
    counter("response_errors_total", Number(Column::Eresp)),
    counter("retry_warnings_total", Number(Column::Wretr)),
    counter("redispatch_warnings_total", Number(Column::Wredis)),
    gauge("status", ProxyState),
    gauge("weight", Number(Column::Weight)),
    gauge("active_servers", Number(Column::Act)),
    gauge("backup_servers", Number(Column::Bck)),
    counter("check_up_down_total", Number(Column::Chkdown)),
    gauge("check_last_change_seconds", Number(Column::Lastchg)),
    counter("downtime_seconds_total", Number(Column::Downtime)),
    counter("loadbalanced_total", Number(Column::Lbtot)),
    gauge("max_session_rate", Number(Column::RateMax)),
    counter("http_responses_total", HttpCodes),
    counter("http_requests_total", HttpNumber(Column::ReqTot)),
    counter("client_aborts_total", Number(Column::CliAbrt)),
    counter("server_aborts_total", Number(Column::SrvAbrt)),
    counter("http_comp_bytes_in_total", HttpNumber(Column::CompIn)),
    counter("http_comp_bytes_out_total", HttpNumber(Column::CompOut)),
    counter("http_comp_bytes_bypassed_total", HttpNumber(Column::CompByp)),
    counter("http_comp_responses_total", HttpNumber(Column::CompRsp)),
    gauge("last_session_seconds", Number(Column::Lastsess)),
    gauge("queue_time_average_seconds", Seconds(Column::Qtime)),
    gauge("connect_time_average_seconds", Seconds(Column::Ctime)),
    gauge("response_time_average_seconds", Seconds(Column::Rtime)),
    gauge("total_time_average_seconds", Seconds(Column::Ttime)),
    counter("failed_header_rewriting_total", Number(Column::Wrew)),
    counter("connection_attempts_total", Number(Column::Connect)),
    counter("connection_reuses_total", Number(Column::Reuse)),
    counter("http_cache_lookups_total", HttpNumber(Column::CacheLookups)),
    counter("http_cache_hits_total", HttpNumber(Column::CacheHits)),
    gauge("max_queue_time_seconds", Seconds(Column::QtimeMax)),
    gauge("max_connect_time_seconds", Seconds(Column::CtimeMax)),
    gauge("max_response_time_seconds", Seconds(Column::RtimeMax)),
    gauge("max_total_time_seconds", Seconds(Column::TtimeMax)),
    counter("internal_errors_total", Number(Column::Eint)),
    gauge("uweight", Number(Column::Uweight)),
    gauge("agg_server_status", ServerStates(Column::AggServerStatus)),
    gauge("agg_server_check_status", ServerStates(Column::AggServerCheckStatus)),
    gauge("agg_check_status", CheckStates),
];

/// The families of a server.
pub(super) const SERVER: &[Family<ObjectValues>] = &[
    gauge("current_queue", Number(Column::Qcur)),
    gauge("max_queue", Number(Column::Qmax)),
    gauge("current_sessions", Number(Column::Scur)),
    gauge("max_sessions", Number(Column::Smax)),
    gauge("limit_sessions", Number(Column::Slim)),
    counter("sessions_total", Number(Column::Stot)),
    counter("bytes_in_total", Number(Column::Bin)),
    counter("bytes_out_total", Number(Column::Bout)),
    counter("responses_denied_total", Number(Column::Dresp)),
    counter("connection_errors_total", Number(Column::Econ)),
    counter("response_errors_total", Number(Column::Eresp)),
    counter("retry_warnings_total", Number(Column::Wretr)),
    counter("redispatch_warnings_total", Number(Column::Wredis)),
    gauge("status", ServerState),
    gauge("weight", Number(Column::Weight)),
    counter("check_failures_total", Number(Column::Chkfail)),
    counter("check_up_down_total", Number(Column::Chkdown)),
    gauge("check_last_change_seconds", Number(Column::Lastchg)),
    counter("downtime_seconds_total", Number(Column::Downtime)),
    gauge("queue_limit", Number(Column::Qlimit)),
    gauge("current_throttle", Number(Column::Throttle)),
    counter("loadbalanced_total", Number(Column::Lbtot)),
    gauge("max_session_rate", Number(Column::RateMax)),
    gauge("check_status", CheckState),
    gauge("check_code", CheckCode(Column::CheckCode)),
    gauge("check_duration_seconds", CheckSeconds(Column::CheckDuration)),
    counter("client_aborts_total", Number(Column::CliAbrt)),
    counter("server_aborts_total", Number(Column::SrvAbrt)),
    gauge("last_session_seconds", Number(Column::Lastsess)),
    gauge("queue_time_average_seconds", Seconds(Column::Qtime)),
    gauge("connect_time_average_seconds", Seconds(Column::Ctime)),
    gauge("response_time_average_seconds", Seconds(Column::Rtime)),
    gauge("total_time_average_seconds", Seconds(Column::Ttime)),
    counter("failed_header_rewriting_total", Number(Column::Wrew)),
    counter("connection_attempts_total", Number(Column::Connect)),
    counter("connection_reuses_total", Number(Column::Reuse)),
    gauge("idle_connections_current", Number(Column::SrvIcur)),
    gauge("idle_connections_limit", Number(Column::SrcIlim)),
    gauge("max_queue_time_seconds", Seconds(Column::QtimeMax)),
    gauge("max_connect_time_seconds", Seconds(Column::CtimeMax)),
    gauge("max_response_time_seconds", Seconds(Column::RtimeMax)),
    gauge("max_total_time_seconds", Seconds(Column::TtimeMax)),
    counter("internal_errors_total", Number(Column::Eint)),
    gauge("unsafe_idle_connections_current", Number(Column::IdleConnCur)),
    gauge("safe_idle_connections_current", Number(Column::SafeConnCur)),
    gauge("used_connections_current", Number(Column::UsedConnCur)),
    gauge("need_connections_current", Number(Column::NeedConnEst)),
    gauge("uweight", Number(Column::Uweight)),
];

/// The families of a listener that is counted by itself.
pub(super) const LISTENER: &[Family<ObjectValues>] = &[
    gauge("current_sessions", Number(Column::Scur)),
    gauge("max_sessions", Number(Column::Smax)),
    gauge("limit_sessions", Number(Column::Slim)),
    counter("sessions_total", Number(Column::Stot)),
    counter("bytes_in_total", Number(Column::Bin)),
    counter("bytes_out_total", Number(Column::Bout)),
    counter("requests_denied_total", Number(Column::Dreq)),
    counter("responses_denied_total", Number(Column::Dresp)),
    counter("request_errors_total", Number(Column::Ereq)),
    gauge("status", ListenerState),
    counter("denied_connections_total", Number(Column::Dcon)),
    counter("denied_sessions_total", Number(Column::Dses)),
    counter("failed_header_rewriting_total", Number(Column::Wrew)),
    counter("internal_errors_total", Number(Column::Eint)),
];

/// The families of a stick table.
pub(super) const STICK_TABLE: &[Family<TableValue>] = &[
    gauge("size", TableValue { help: "The most entries", value: StickTable::size }),
    gauge("used", TableValue { help: "Entries now", value: StickTable::used }),
];

// A family whose column has no value for its objects does not compile.
const _: () = {
    check_objects(FRONTEND, ObjectKind::Frontend);
    check_objects(LISTENER, ObjectKind::Listener);
    check_objects(BACKEND, ObjectKind::Backend);
    check_objects(SERVER, ObjectKind::Server);
    let mut at = 0;
    while at < PROCESS.len() {
        let value = PROCESS[at].values;
        let is_unknown = matches!(value, ProcessValue::Unknown(_));
        assert!(is_unknown != value.field().has_value(), "a family without a value");
        at += 1;
    }
};

const fn check_objects(families: &[Family<ObjectValues>], kind: ObjectKind) {
    let mut at = 0;
    while at < families.len() {
        let values = families[at].values;
        let kind = match (values, kind) {
            (HttpNumber(_) | HttpCodes, ObjectKind::Frontend) => ObjectKind::Endpoint,
            _ => kind,
        };
        assert!(values.column().has_value(kind), "a family without a value");
        at += 1;
    }
}
