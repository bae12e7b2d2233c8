//! The fields of `show info`: HAProxy 2.6's fields in its order, then our own, with the functions
//! that give their values. The meanings are also the help texts of the metrics.

use super::figures::figures;
use super::typed::{Tags, ValueType};
use super::value::Value::{Empty, Owned, Text};
use super::value::{Value, ZERO, number};
use crate::admin::context::Context;
use crate::config::{RELEASE_DATE, RUNTIME_API_VERSION};
use crate::table::StickTable;

const MEGABYTE: u64 = 1 << 20;

type FieldValue = for<'a> fn(&'a Context<'_>) -> Value<'a>;

/// A field.
struct Row {
    name: &'static str,
    tags: Tags,
    value_type: ValueType,
    meaning: &'static str,
    /// None for a field that is never shown.
    value: Option<FieldValue>,
    /// The value that has a fraction, where a client asks for `float`.
    float: Option<FieldValue>,
}

impl Row {
    const fn new(
        name: &'static str,
        tags: &'static str,
        value_type: ValueType,
        meaning: &'static str,
    ) -> Self {
        Self { name, tags: Tags::of(tags), value_type, meaning, value: None, float: None }
    }

    const fn value(self, value: FieldValue) -> Self {
        Self { value: Some(value), ..self }
    }

    const fn float(self, value: FieldValue) -> Self {
        Self { float: Some(value), ..self }
    }
}

// In the functions, `c` is the context.
figures! {
    /// A field of `show info`.
    Field;
    Name "Name" "POS" Str "The program whose Runtime API this is"
        [value: |_| Text("HAProxy")];
    Version "Version" "POS" Str "The HAProxy whose formats these are, then the program"
        [value: |_| Text(RUNTIME_API_VERSION)];
    ReleaseDate "Release_date" "POS" Str "The day of this program's release"
        [value: |_| Text(RELEASE_DATE)];
    Nbthread "Nbthread" "CGS" U32 "Threads, always 1"
        [value: |_| number(1_u32)];
    Nbproc "Nbproc" "CGS" U32 "Processes, always 1"
        [value: |_| number(1_u32)];
    ProcessNum "Process_num" "KGP" U32 "The process's number, always 1"
        [value: |_| number(1_u32)];
    Pid "Pid" "SGP" U32 "The process id"
        [value: |c| number(c.process.pid)];
    Uptime "Uptime" "MDP" Str "Time since the start, as people say it"
        [value: |c| Owned(uptime_text(uptime_ms(c) / 1000))];
    UptimeSec "Uptime_sec" "MDP" U32 "Time since the start, in seconds"
        [value: |c| number(uptime_ms(c) / 1000)]
        [float: |c| Owned(seconds_text(uptime_ms(c)))];
    MemmaxMB "Memmax_MB" "CLP" U32 "The limit of memory in MB, 0 for none"
        [value: |_| ZERO];
    PoolAllocMB "PoolAlloc_MB" "MGP" U32 "Memory of the stick tables, in MB"
        [value: |c| number(table_bytes(c) / MEGABYTE)];
    PoolUsedMB "PoolUsed_MB" "MGP" U32 "Memory of the stick tables, in MB"
        [value: |c| number(table_bytes(c) / MEGABYTE)];
    PoolFailed "PoolFailed" "MCP" U32 "Failed allocations"
        [value: |_| ZERO];
    UlimitN "Ulimit-n" "CLP" U32 "The limit of open files"
        [value: |c| number(c.process.descriptors_max)];
    Maxsock "Maxsock" "CLP" U32 "The most sockets"
        [value: |c| number(c.process.descriptors_max)];
    Maxconn "Maxconn" "CLP" U32 "The most client connections at a time"
        [value: |c| number(c.shared.totals.maxconn)];
    HardMaxconn "Hard_maxconn" "CLP" U32 "The most client connections that may be allowed"
        [value: |c| number(c.shared.totals.hard_maxconn)];
    CurrConns "CurrConns" "MGP" U32 "Client connections open now"
        [value: |c| number(c.shared.totals.current)];
    CumConns "CumConns" "MCP" U32 "Client connections so far"
        [value: |c| number(c.shared.totals.connections)];
    CumReq "CumReq" "MCP" U32 "Requests so far, each connection one"
        [value: |c| number(c.shared.totals.connections)];
    MaxSslConns "MaxSslConns" "MMP" U32 "The most TLS connections"
        [value: |_| ZERO];
    CurrSslConns "CurrSslConns" "MGP" U32 "TLS connections open now"
        [value: |c| number(tls_connections(c))];
    CumSslConns "CumSslConns" "MCP" U32 "TLS connections so far"
        [value: |c| number(c.shared.totals.tls.connections)];
    Maxpipes "Maxpipes" "CLP" U32 "The most pipes for splicing"
        [value: |c| number(c.shared.totals.limits.pipes.unwrap_or(0))];
    PipesUsed "PipesUsed" "MGP" U32 "Pipes in use"
        [value: |c| number(pipes_used(c))];
    PipesFree "PipesFree" "MGP" U32 "Pipes kept for later"
        [value: |c| number(pipes_free(c))];
    ConnRate "ConnRate" "MRP" U32 "Clients accepted in the last second"
        [value float: |c| number(c.shared.totals.accept_rate.rate(c.now_ms))];
    ConnRateLimit "ConnRateLimit" "CLP" U32 "The most clients in a second, 0 for no limit"
        [value: |c| number(c.shared.totals.limits.connection_rate.unwrap_or(0))];
    MaxConnRate "MaxConnRate" "MMP" U32 "The most clients that one second saw"
        [value: |c| number(c.shared.totals.accept_rate.max())];
    SessRate "SessRate" "MRP" U32 "New connections in the last second"
        [value float: |c| number(c.shared.totals.rate.rate(c.now_ms))];
    SessRateLimit "SessRateLimit" "CLP" U32 "The most connections in a second, 0 for none"
        [value: |c| number(c.shared.totals.limits.session_rate.unwrap_or(0))];
    MaxSessRate "MaxSessRate" "MRP" U32 "The most new connections that one second saw"
        [value: |c| number(c.shared.totals.rate.max())];
    SslRate "SslRate" "MRP" U32 "TLS connections in the last second"
        [value float: |c| number(c.shared.totals.tls.rate.rate(c.now_ms))];
    SslRateLimit "SslRateLimit" "CLP" U32 "The most TLS connections in a second, 0 for none"
        [value: |_| ZERO];
    MaxSslRate "MaxSslRate" "MMP" U32 "The most TLS connections that one second saw"
        [value: |c| number(c.shared.totals.tls.rate.max())];
    SslFrontendKeyRate "SslFrontendKeyRate" "MGP" U32 "TLS keys for clients in the last second"
        [value float: |c| number(c.shared.totals.tls.client_keys.rate(c.now_ms))];
    SslFrontendMaxKeyRate "SslFrontendMaxKeyRate" "MMP" U32 "Most TLS keys for clients in a second"
        [value: |c| number(c.shared.totals.tls.client_keys.max())];
    SslFrontendSessionReusePct "SslFrontendSessionReuse_pct" "MGP" U32
        "Per cent of TLS sessions reused"
        [value float: |c| number(c.shared.totals.tls.resumed_percent(c.now_ms))];
    SslBackendKeyRate "SslBackendKeyRate" "MRP" U32 "TLS keys for servers in the last second"
        [value float: |c| number(c.shared.totals.tls.server_keys.rate(c.now_ms))];
    SslBackendMaxKeyRate "SslBackendMaxKeyRate" "MMP" U32 "Most TLS keys for servers in a second"
        [value: |c| number(c.shared.totals.tls.server_keys.max())];
    SslCacheLookups "SslCacheLookups" "MCP" U32 "Lookups in the TLS session cache"
        [value: |_| ZERO];
    SslCacheMisses "SslCacheMisses" "MCP" U32 "Lookups in that cache that found nothing"
        [value: |_| ZERO];
    CompressBpsIn "CompressBpsIn" "MRP" U32 "Bytes per second before compression"
        [value float: |_| ZERO];
    CompressBpsOut "CompressBpsOut" "MRP" U32 "Bytes per second after compression"
        [value float: |_| ZERO];
    CompressBpsRateLim "CompressBpsRateLim" "CLP" U32 "The most bytes per second of compression"
        [value: |_| ZERO];
    // Only a HAProxy with zlib has values in these two fields.
    ZlibMemUsage "ZlibMemUsage" "MGP" U32 "Memory of compression";
    MaxZlibMemUsage "MaxZlibMemUsage" "CLP" U32 "Memory of compression";
    Tasks "Tasks" "MGP" U32 "Connections that the loop looks after"
        [value: |c| number(c.shared.totals.current)];
    RunQueue "Run_queue" "MGP" U32 "Connections with work to do now"
        [value: |c| number(c.process.run_queue)];
    IdlePct "Idle_pct" "MaP" U32 "Per cent of the last second spent waiting"
        [value: |c| number(c.process.turns.idle_percent)];
    Node "node" "COS" Str "The node's name"
        [value: |c| Text(&c.process.node)];
    Description "description" "COS" Str "The description in the configuration"
        [value: |c| c.config.global.description.as_deref().map_or(Empty, Text)];
    Stopping "Stopping" "MGP" U32 "1 while the process finishes what is open"
        [value: |c| number(c.process.stopping)];
    Jobs "Jobs" "MGP" U32 "Connections and listeners: what stopping waits for"
        [value: |c| number(c.shared.totals.current.saturating_add(c.process.listeners))];
    UnstoppableJobs "Unstoppable Jobs" "MGP" U32 "What a soft stop does not wait for"
        [value: |_| ZERO];
    Listeners "Listeners" "MGP" U32 "Listening sockets"
        [value: |c| number(c.process.listeners)];
    ActivePeers "ActivePeers" "MGP" U32 "Remote peers"
        [value: |c| number(c.process.peers.0)];
    ConnectedPeers "ConnectedPeers" "MGP" U32 "Remote peers with a session"
        [value: |c| number(c.process.peers.1)];
    DroppedLogs "DroppedLogs" "MGP" U32 "Log lines that no target took"
        [value: |c| number(c.process.dropped_logs)];
    BusyPolling "BusyPolling" "MGP" U32 "1 where the loop never sleeps"
        [value: |c| number(c.config.global.busy_polling)];
    FailedResolutions "FailedResolutions" "MGP" U32 "Host names that could not be resolved"
        [value: |_| ZERO];
    TotalBytesOut "TotalBytesOut" "MGP" U64 "Bytes sent so far"
        [value: |c| number(c.shared.totals.bytes_out)];
    // HAProxy spells the name like this.
    TotalSplicdedBytesOut "TotalSplicdedBytesOut" "MGP" U64 "Bytes sent through splice so far"
        [value: |_| ZERO];
    BytesOutRate "BytesOutRate" "MRP" U64 "Bytes sent in the last second"
        [value: |c| number(c.shared.totals.bytes_out_rate.rate(c.now_ms))];
    DebugCommandsIssued "DebugCommandsIssued" "MGP" U32 "Debugging commands given"
        [value: |_| ZERO];
    CumRecvLogs "CumRecvLogs" "MCP" U32 "Log lines received"
        [value: |_| ZERO];
    BuildInfo "Build info" "POS" Str "The program's version"
        [value: |_| Text(env!("CARGO_PKG_VERSION"))];
    MemmaxBytes "Memmax_bytes" "CLP" U32 "The limit of memory in bytes, 0 for none"
        [value: |_| ZERO];
    PoolAllocBytes "PoolAlloc_bytes" "MGP" U64 "Memory of the stick tables, in bytes"
        [value: |c| number(table_bytes(c))];
    PoolUsedBytes "PoolUsed_bytes" "MGP" U64 "Memory of the stick tables, in bytes"
        [value: |c| number(table_bytes(c))];
    StartTimeSec "Start_time_sec" "MDP" U32 "Seconds from 1970 to the start"
        [value: |c| number(c.process.started_at_ms / 1000)]
        [float: |c| Owned(seconds_text(c.process.started_at_ms))];
    Tainted "Tainted" "SGP" Str "What was done that makes the process unusual"
        [value: |_| ZERO];
    // HAProxy does not have the fields below.
    Product "Product" "POS" Str "The program and its version"
        [value: |_| Text(concat!("stickd ", env!("CARGO_PKG_VERSION")))];
    ReloadGeneration "Reload_generation" "MGP" U64 "How many reloads led to this process"
        [value: |c| number(c.process.generation)];
    ReloadsFailed "Reloads_failed" "MCP" U64 "Reloads of this process that failed"
        [value: |c| number(c.process.reloads_failed)];
    Hardening "Hardening" "POS" Str "What `hardening` has in force"
        [value: |c| Owned(c.process.hardening.clone().unwrap_or_else(|| "off".to_owned()))];
    TableEntries "Table_entries" "MGP" U64 "Entries of all stick tables"
        [value: |c| number(tables(c).map(|table| u64::from(table.used())).sum::<u64>())];
    TableBytes "Table_bytes" "MGP" U64 "Memory of all stick tables"
        [value: |c| number(table_bytes(c))];
    TableEvictions "Table_evictions" "MCP" U64 "Entries that made room for newer ones"
        [value: |c| number(tables(c).map(StickTable::evictions).sum::<u64>())];
    ServerNames "Server_names" "MGP" U64 "Names of servers that the tables remember"
        [value: |c| number(c.shared.tables.names().len() as u64)];
}

impl Field {
    /// The name of the field.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The meaning of the value.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The number of the field, from 0.
    pub(in crate::admin) fn number(self) -> usize {
        self as usize
    }

    pub(in crate::admin) fn tags(self) -> Tags {
        self.row().tags
    }

    /// Whether the field has a value.
    pub(in crate::admin) const fn has_value(self) -> bool {
        self.row().value.is_some()
    }

    /// The value with its type.
    pub(in crate::admin) fn value<'a>(self, context: &'a Context<'_>) -> (Value<'a>, ValueType) {
        let row = self.row();
        (row.value.map_or(Empty, |value| value(context)), row.value_type)
    }

    /// The value with its type, where a client asks for `float`.
    pub(in crate::admin) fn float<'a>(self, context: &'a Context<'_>) -> (Value<'a>, ValueType) {
        match self.row().float {
            Some(value) => (value(context), ValueType::Flt),
            None => self.value(context),
        }
    }
}

fn tables<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a StickTable> {
    let tables = &context.shared.tables;
    tables.ids().map(|id| tables.get(id))
}

/// The memory of the stick tables, which is the memory that grows with the configuration.
fn table_bytes(context: &Context<'_>) -> u64 {
    tables(context).map(|table| table.allocated_bytes() as u64).sum()
}

/// The sockets of clients and servers that carry TLS now.
fn tls_connections(context: &Context<'_>) -> u64 {
    if context.shared.totals.tls.connections == 0 {
        return 0;
    }
    let sides = context.clients.connections().flat_map(|it| [Some(it.client()), it.server()]);
    sides.flatten().filter(|side| side.session().is_some()).count() as u64
}

fn pipes_used(context: &Context<'_>) -> u64 {
    let pipes = &context.shared.buffers.pipes;
    (pipes.open() - pipes.idle()) as u64
}

fn pipes_free(context: &Context<'_>) -> u64 {
    context.shared.buffers.pipes.idle() as u64
}

fn uptime_ms(context: &Context<'_>) -> u64 {
    context.now_ms.saturating_sub(context.process.started_ms)
}

/// Seconds with as many digits of the fraction as are needed.
fn seconds_text(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `0d 0h02m01s`.
fn uptime_text(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    format!("{days}d {hours}h{:02}m{:02}s", seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::{seconds_text, uptime_text};

    #[test]
    fn fractions_are_as_long_as_needed() {
        let texts = [5000, 5120, 7].map(seconds_text);
        assert_eq!(texts, ["5", "5.12", "0.007"]);
    }

    #[test]
    fn uptimes_are_written_as_haproxy_writes_them() {
        assert_eq!(uptime_text(2), "0d 0h00m02s");
        assert_eq!(uptime_text(121), "0d 0h02m01s");
        assert_eq!(uptime_text(2 * 86_400 + 11 * 3600), "2d 11h00m00s");
    }
}
