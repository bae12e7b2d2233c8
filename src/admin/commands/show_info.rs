//! `show info`: HAProxy 2.6's fields in its order, then our own.

use std::fmt::Display;

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::stats::info_fields::{FIELDS, FLOATS, OWN_FIELDS};
use crate::admin::stats::typed::{Figure, Format};
use crate::config::COMPATIBLE_VERSION;
use crate::logging::Severity;
use crate::table::StickTable;

const MEGABYTE: u64 = 1 << 20;

/// `show info`.
pub(super) fn show_info(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let mut info = Info::of(context);
    let is_float = line.has("float");
    if is_float {
        info.make_times_exact(context);
    }
    Answer::Text(info.written(
        Format::of(line.has("json"), line.has("typed")),
        is_float,
        line.has("desc"),
    ))
}

/// `show version`.
pub(super) fn show_version(_: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    Answer::message(Severity::Info, COMPATIBLE_VERSION)
}

/// Every field with its value.
pub(in crate::admin) fn figures(context: &Context<'_>) -> Vec<(&'static str, String)> {
    Info::of(context).0
}

/// The names and values so far.
struct Info(Vec<(&'static str, String)>);

impl Info {
    fn of(context: &Context<'_>) -> Self {
        let mut info = Self(Vec::with_capacity(80));
        let uptime_s = context.now_ms.saturating_sub(context.process.started_ms) / 1000;
        info.identity(context, uptime_s);
        info.connections(context);
        info.absent();
        info.activity(context);
        info.own(context);
        info
    }

    /// Shows times with their fractions.
    fn make_times_exact(&mut self, context: &Context<'_>) {
        let process = context.process;
        let uptime_ms = context.now_ms.saturating_sub(process.started_ms);
        for (name, value) in &mut self.0 {
            match *name {
                "Uptime_sec" => *value = seconds_text(uptime_ms),
                "Start_time_sec" => *value = seconds_text(process.started_at_ms),
                _ => {}
            }
        }
    }

    fn field(&mut self, name: &'static str, value: impl Display) {
        self.0.push((name, value.to_string()));
    }

    fn written(&self, format: Format, is_float: bool, has_meanings: bool) -> String {
        let mut out = Vec::with_capacity(2048);
        let mut own_number = FIELDS.last().map_or(0, |field| field.0);
        for (name, value) in &self.0 {
            let known = FIELDS.iter().find(|field| field.1 == *name);
            let (number, tags, kind, meaning) = match known {
                Some(field) => (field.0, field.2, field.3, field.4),
                None => {
                    own_number += 1;
                    let own = OWN_FIELDS.iter().find(|own| own.0 == *name);
                    own.map_or((own_number, "MGP", "u64", ""), |own| {
                        (own_number, own.1, own.2, own.3)
                    })
                }
            };
            let kind = if is_float && FLOATS.contains(name) { "flt" } else { kind };
            let meaning = Some(meaning).filter(|_| has_meanings);
            let figure = Figure { number, name, tags, kind, value, meaning };
            match format {
                Format::Plain => figure.write_plain(&mut out),
                Format::Typed => figure.write_typed("", &mut out),
                Format::Json => {
                    out.push(if out.is_empty() { b'[' } else { b',' });
                    figure.write_json("", &mut out);
                }
            }
        }
        if format == Format::Json {
            out.extend_from_slice(b"]\n");
        }
        text(&out).into_owned()
    }

    fn identity(&mut self, context: &Context<'_>, uptime_s: u64) {
        let process = context.process;
        self.field("Name", "HAProxy");
        self.field("Version", COMPATIBLE_VERSION);
        self.field("Release_date", crate::config::RELEASE_DATE);
        self.field("Nbthread", 1);
        self.field("Nbproc", 1);
        self.field("Process_num", 1);
        self.field("Pid", process.pid);
        self.field("Uptime", uptime_text(uptime_s));
        self.field("Uptime_sec", uptime_s);
        self.field("Memmax_MB", 0);
        self.field("PoolAlloc_MB", table_bytes(context) / MEGABYTE);
        self.field("PoolUsed_MB", table_bytes(context) / MEGABYTE);
        self.field("PoolFailed", 0);
        self.field("Ulimit-n", process.descriptors_max);
        self.field("Maxsock", process.descriptors_max);
    }

    fn connections(&mut self, context: &Context<'_>) {
        let totals = &context.shared.totals;
        let (rate, rate_max) = (totals.rate.rate(context.now_ms), totals.rate.max());
        let (accepted, accepted_max) =
            (totals.accept_rate.rate(context.now_ms), totals.accept_rate.max());
        let pipes = &context.shared.buffers.pipes;
        self.field("Maxconn", totals.maxconn);
        self.field("Hard_maxconn", totals.hard_maxconn);
        self.field("CurrConns", totals.current);
        self.field("CumConns", totals.connections);
        self.field("CumReq", totals.connections);
        self.field("MaxSslConns", 0);
        self.field("CurrSslConns", 0);
        self.field("CumSslConns", 0);
        self.field("Maxpipes", totals.limits.pipes.unwrap_or(0));
        self.field("PipesUsed", pipes.open() - pipes.idle());
        self.field("PipesFree", pipes.idle());
        self.field("ConnRate", accepted);
        self.field("ConnRateLimit", totals.limits.connection_rate.unwrap_or(0));
        self.field("MaxConnRate", accepted_max);
        self.field("SessRate", rate);
        self.field("SessRateLimit", totals.limits.session_rate.unwrap_or(0));
        self.field("MaxSessRate", rate_max);
    }

    /// What only TLS and HTTP would fill.
    fn absent(&mut self) {
        for name in [
            "SslRate",
            "SslRateLimit",
            "MaxSslRate",
            "SslFrontendKeyRate",
            "SslFrontendMaxKeyRate",
            "SslFrontendSessionReuse_pct",
            "SslBackendKeyRate",
            "SslBackendMaxKeyRate",
            "SslCacheLookups",
            "SslCacheMisses",
            "CompressBpsIn",
            "CompressBpsOut",
            "CompressBpsRateLim",
        ] {
            self.field(name, 0);
        }
    }

    fn activity(&mut self, context: &Context<'_>) {
        let process = context.process;
        let current = context.shared.totals.current;
        let (peers, peers_connected) = process.peers;
        self.field("Tasks", current);
        self.field("Run_queue", process.run_queue);
        self.field("Idle_pct", process.turns.idle_percent);
        self.field("node", &process.node);
        if let Some(description) = &context.config.global.description {
            self.field("description", description);
        }
        self.field("Stopping", u8::from(process.stopping));
        self.field("Jobs", current.saturating_add(process.listeners));
        self.field("Unstoppable Jobs", 0);
        self.field("Listeners", process.listeners);
        self.field("ActivePeers", peers);
        self.field("ConnectedPeers", peers_connected);
        self.field("DroppedLogs", process.dropped_logs);
        self.field("BusyPolling", u8::from(context.config.global.busy_polling));
        self.field("FailedResolutions", 0);
        self.field("TotalBytesOut", context.shared.totals.bytes_out);
        // HAProxy spells it like this.
        self.field("TotalSplicdedBytesOut", 0);
        self.field("BytesOutRate", context.shared.totals.bytes_out_rate.rate(context.now_ms));
        self.field("DebugCommandsIssued", 0);
        self.field("CumRecvLogs", 0);
        self.field("Build info", env!("CARGO_PKG_VERSION"));
        self.field("Memmax_bytes", 0);
        self.field("PoolAlloc_bytes", table_bytes(context));
        self.field("PoolUsed_bytes", table_bytes(context));
        self.field("Start_time_sec", process.started_at_ms / 1000);
        self.field("Tainted", 0);
    }

    /// Fields that HAProxy does not have.
    fn own(&mut self, context: &Context<'_>) {
        let tables = || tables(context);
        self.field("Product", concat!("stickd ", env!("CARGO_PKG_VERSION")));
        self.field("Reload_generation", context.process.generation);
        self.field("Reloads_failed", context.process.reloads_failed);
        self.field("Table_entries", tables().map(|table| u64::from(table.used())).sum::<u64>());
        self.field("Table_bytes", table_bytes(context));
        self.field("Table_evictions", tables().map(|table| table.evictions()).sum::<u64>());
        self.field("Server_names", context.shared.tables.names().len());
    }
}

fn tables<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a StickTable> {
    let tables = &context.shared.tables;
    tables.ids().map(|id| tables.get(id))
}

/// The memory that matters: that of the stick tables.
fn table_bytes(context: &Context<'_>) -> u64 {
    tables(context).map(|table| table.allocated_bytes() as u64).sum()
}

/// Seconds with as much of a fraction as is needed.
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
    use crate::admin::fixture::Fixture;

    /// The field names of haproxy 2.6.12, in its order.
    const FIELDS: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin/show_info_fields"));

    #[test]
    fn the_fields_are_those_of_haproxy_in_its_order() {
        let mut fixture = Fixture::new();
        let answer = fixture.ask("show info");
        let names: Vec<_> =
            answer.lines().filter_map(|line| line.split_once(": ").map(|(name, _)| name)).collect();
        let expected: Vec<_> = FIELDS.lines().collect();
        assert_eq!(names[..expected.len()], expected);
        assert_eq!(names[expected.len()], "Product");
        assert!(answer.starts_with("Name: HAProxy\nVersion: 2.6."), "{answer}");
        assert!(answer.ends_with("\n\n"));
    }

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
