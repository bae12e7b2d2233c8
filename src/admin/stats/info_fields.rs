//! The fields of `show info`: HAProxy 2.6's numbers for them, and what they are.

/// A field's number, its name, the letters of its tags (see `typed.rs`), its type, and what it
/// means.
pub(crate) struct InfoField(
    pub(crate) usize,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

/// HAProxy's, in its order; others come after them.
#[rustfmt::skip]
pub(crate) const FIELDS: &[InfoField] = &[
    InfoField(0, "Name", "POS", "str", "The program whose Runtime API this is"),
    InfoField(1, "Version", "POS", "str", "The HAProxy whose formats these are, then the program"),
    InfoField(2, "Release_date", "POS", "str", "The day of this program's release"),
    InfoField(3, "Nbthread", "CGS", "u32", "Threads, always 1"),
    InfoField(4, "Nbproc", "CGS", "u32", "Processes, always 1"),
    InfoField(5, "Process_num", "KGP", "u32", "The process's number, always 1"),
    InfoField(6, "Pid", "SGP", "u32", "The process id"),
    InfoField(7, "Uptime", "MDP", "str", "Time since the start, as people say it"),
    InfoField(8, "Uptime_sec", "MDP", "u32", "Time since the start, in seconds"),
    InfoField(9, "Memmax_MB", "CLP", "u32", "The limit of memory in MB, 0 for none"),
    InfoField(10, "PoolAlloc_MB", "MGP", "u32", "Memory of the stick tables, in MB"),
    InfoField(11, "PoolUsed_MB", "MGP", "u32", "Memory of the stick tables, in MB"),
    InfoField(12, "PoolFailed", "MCP", "u32", "Failed allocations"),
    InfoField(13, "Ulimit-n", "CLP", "u32", "The limit of open files"),
    InfoField(14, "Maxsock", "CLP", "u32", "The most sockets"),
    InfoField(15, "Maxconn", "CLP", "u32", "The most client connections at a time"),
    InfoField(16, "Hard_maxconn", "CLP", "u32", "The most client connections that may be allowed"),
    InfoField(17, "CurrConns", "MGP", "u32", "Client connections open now"),
    InfoField(18, "CumConns", "MCP", "u32", "Client connections so far"),
    InfoField(19, "CumReq", "MCP", "u32", "Requests so far, each connection one"),
    InfoField(20, "MaxSslConns", "MMP", "u32", "The most TLS connections"),
    InfoField(21, "CurrSslConns", "MGP", "u32", "TLS connections open now"),
    InfoField(22, "CumSslConns", "MCP", "u32", "TLS connections so far"),
    InfoField(23, "Maxpipes", "CLP", "u32", "The most pipes for splicing"),
    InfoField(24, "PipesUsed", "MGP", "u32", "Pipes in use"),
    InfoField(25, "PipesFree", "MGP", "u32", "Pipes kept for later"),
    InfoField(26, "ConnRate", "MRP", "u32", "Clients accepted in the last second"),
    InfoField(27, "ConnRateLimit", "CLP", "u32", "The most clients in a second, 0 for no limit"),
    InfoField(28, "MaxConnRate", "MMP", "u32", "The most clients that one second saw"),
    InfoField(29, "SessRate", "MRP", "u32", "New connections in the last second"),
    InfoField(30, "SessRateLimit", "CLP", "u32", "The most connections in a second, 0 for none"),
    InfoField(31, "MaxSessRate", "MRP", "u32", "The most new connections that one second saw"),
    InfoField(32, "SslRate", "MRP", "u32", "TLS connections in the last second"),
    InfoField(33, "SslRateLimit", "CLP", "u32", "The most TLS connections in a second, 0 for none"),
    InfoField(34, "MaxSslRate", "MMP", "u32", "The most TLS connections that one second saw"),
    InfoField(35, "SslFrontendKeyRate", "MGP", "u32", "TLS keys for clients in the last second"),
    InfoField(36, "SslFrontendMaxKeyRate", "MMP", "u32", "Most TLS keys for clients in a second"),
    InfoField(37, "SslFrontendSessionReuse_pct", "MGP", "u32", "Per cent of TLS sessions reused"),
    InfoField(38, "SslBackendKeyRate", "MRP", "u32", "TLS keys for servers in the last second"),
    InfoField(39, "SslBackendMaxKeyRate", "MMP", "u32", "Most TLS keys for servers in a second"),
    InfoField(40, "SslCacheLookups", "MCP", "u32", "Lookups in the TLS session cache"),
    InfoField(41, "SslCacheMisses", "MCP", "u32", "Lookups in that cache that found nothing"),
    InfoField(42, "CompressBpsIn", "MRP", "u32", "Bytes per second before compression"),
    InfoField(43, "CompressBpsOut", "MRP", "u32", "Bytes per second after compression"),
    InfoField(44, "CompressBpsRateLim", "CLP", "u32", "The most bytes per second of compression"),
    InfoField(47, "Tasks", "MGP", "u32", "Connections that the loop looks after"),
    InfoField(48, "Run_queue", "MGP", "u32", "Connections with work to do now"),
    InfoField(49, "Idle_pct", "MaP", "u32", "Per cent of the last second spent waiting"),
    InfoField(50, "node", "COS", "str", "The node's name"),
    InfoField(51, "description", "COS", "str", "The description in the configuration"),
    InfoField(52, "Stopping", "MGP", "u32", "1 while the process finishes what is open"),
    InfoField(53, "Jobs", "MGP", "u32", "Connections and listeners: what stopping waits for"),
    InfoField(54, "Unstoppable Jobs", "MGP", "u32", "What a soft stop does not wait for"),
    InfoField(55, "Listeners", "MGP", "u32", "Listening sockets"),
    InfoField(56, "ActivePeers", "MGP", "u32", "Remote peers"),
    InfoField(57, "ConnectedPeers", "MGP", "u32", "Remote peers with a session"),
    InfoField(58, "DroppedLogs", "MGP", "u32", "Log lines that no target took"),
    InfoField(59, "BusyPolling", "MGP", "u32", "1 where the loop never sleeps"),
    InfoField(60, "FailedResolutions", "MGP", "u32", "Host names that could not be resolved"),
    InfoField(61, "TotalBytesOut", "MGP", "u64", "Bytes sent so far"),
    InfoField(62, "TotalSplicdedBytesOut", "MGP", "u64", "Bytes sent through splice so far"),
    InfoField(63, "BytesOutRate", "MRP", "u64", "Bytes sent in the last second"),
    InfoField(64, "DebugCommandsIssued", "MGP", "u32", "Debugging commands given"),
    InfoField(65, "CumRecvLogs", "MCP", "u32", "Log lines received"),
    InfoField(66, "Build info", "POS", "str", "The program's version"),
    InfoField(67, "Memmax_bytes", "CLP", "u32", "The limit of memory in bytes, 0 for none"),
    InfoField(68, "PoolAlloc_bytes", "MGP", "u64", "Memory of the stick tables, in bytes"),
    InfoField(69, "PoolUsed_bytes", "MGP", "u64", "Memory of the stick tables, in bytes"),
    InfoField(70, "Start_time_sec", "MDP", "u32", "Seconds from 1970 to the start"),
    InfoField(71, "Tainted", "SGP", "str", "What was done that makes the process unusual"),
];

/// Those that have fractions where `float` asks for them.
pub(crate) const FLOATS: &[&str] = &[
    "Uptime_sec",
    "ConnRate",
    "SessRate",
    "SslRate",
    "SslFrontendKeyRate",
    "SslFrontendSessionReuse_pct",
    "SslBackendKeyRate",
    "CompressBpsIn",
    "CompressBpsOut",
    "Start_time_sec",
];

/// A field that HAProxy does not have: its name, the letters of its tags, its type, and what it
/// means.
pub(crate) struct OwnField(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

/// Those, in their order.
#[rustfmt::skip]
pub(crate) const OWN_FIELDS: &[OwnField] = &[
    OwnField("Product", "POS", "str", "The program and its version"),
    OwnField("Reload_generation", "MGP", "u64", "How many reloads led to this process"),
    OwnField("Reloads_failed", "MCP", "u64", "Reloads of this process that failed"),
    OwnField("Table_entries", "MGP", "u64", "Entries of all stick tables"),
    OwnField("Table_bytes", "MGP", "u64", "Memory of all stick tables"),
    OwnField("Table_evictions", "MCP", "u64", "Entries that made room for newer ones"),
    OwnField("Server_names", "MGP", "u64", "Names of servers that the tables remember"),
];
