//! The header of a log line: priority, time, host and tag, in each of the syslog formats. The
//! formatted time is kept while the second stays the same.

use std::io::Write;
use std::time::SystemTime;

use crate::config::LogFormat;
use crate::net::localtime::{LocalTime, local_time};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment of the wall clock: microseconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallClock(pub u64);

impl From<SystemTime> for WallClock {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }
}

impl WallClock {
    /// Whole seconds since the epoch.
    pub fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Milliseconds into the second.
    pub fn milliseconds(self) -> u32 {
        u32::try_from(self.0 / 1000 % 1000).unwrap_or(0)
    }

    /// Microseconds into the second.
    pub fn microseconds(self) -> u32 {
        u32::try_from(self.0 % 1_000_000).unwrap_or(0)
    }
}

/// The calendar time of the last second that was asked for. The logger keeps a stamp for the
/// present and a stamp for accept times, so each is computed about once per second.
#[derive(Debug, Default)]
pub struct Stamp {
    second: Option<(u64, LocalTime)>,
}

impl Stamp {
    /// The calendar time of `clock`.
    pub fn at(&mut self, clock: WallClock) -> LocalTime {
        let second = clock.seconds();
        match self.second {
            Some((known, time)) if known == second => time,
            _ => {
                let time = local_time(i64::try_from(second).unwrap_or(i64::MAX));
                self.second = Some((second, time));
                time
            }
        }
    }
}

fn month_name(time: LocalTime) -> &'static str {
    let index = usize::try_from(time.month.saturating_sub(1)).unwrap_or(0);
    MONTHS.get(index).copied().unwrap_or("Jan")
}

/// Writes `22/Nov/2026:23:17:17.007`, the accept date of a traffic line.
pub(super) fn write_accept_date(out: &mut Vec<u8>, time: LocalTime, clock: WallClock) {
    write_second(out, time);
    write_to(out, format_args!(".{:03}", clock.milliseconds()));
}

/// Writes `22/Nov/2026:23:17:17 +0000`.
pub(super) fn write_date(out: &mut Vec<u8>, time: LocalTime) {
    write_second(out, time);
    let (sign, offset) =
        if time.offset_s < 0 { ('-', -time.offset_s) } else { ('+', time.offset_s) };
    write_to(out, format_args!(" {sign}{:02}{:02}", offset / 3600, offset / 60 % 60));
}

/// Writes `22/Nov/2026:23:17:17`.
fn write_second(out: &mut Vec<u8>, time: LocalTime) {
    let LocalTime { day, year, hour, minute, second, .. } = time;
    let month = month_name(time);
    write_to(out, format_args!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02}"));
}

/// A moment in the form of `show peers`: `22/Nov/2026:23:17:17`.
pub fn date_text(time: SystemTime) -> String {
    let clock = WallClock::from(time);
    let time = Stamp::default().at(clock);
    format!(
        "{:02}/{}/{:04}:{:02}:{:02}:{:02}",
        time.day,
        month_name(time),
        time.year,
        time.hour,
        time.minute,
        time.second
    )
}

/// The signature of the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    /// The host name; none if lines carry no host name.
    pub host: Option<&'a str>,
    /// The program's name, or the value of `log-tag`.
    pub tag: &'a str,
    /// The process id.
    pub pid: u32,
}

/// Writes the header of a line.
pub(super) fn write_header(
    out: &mut Vec<u8>,
    format: LogFormat,
    priority: u8,
    identity: Identity<'_>,
    (time, clock): (LocalTime, WallClock),
) {
    let Identity { host, tag, pid } = identity;
    match format {
        LogFormat::Raw => {}
        LogFormat::Short => write_to(out, format_args!("<{}>", priority & 7)),
        LogFormat::Priority => write_to(out, format_args!("<{priority}>")),
        LogFormat::Timed => {
            write_to(out, format_args!("<{}>", priority & 7));
            write_iso(out, time, clock);
            out.push(b' ');
        }
        LogFormat::Iso => {
            write_iso(out, time, clock);
            out.push(b' ');
        }
        LogFormat::Rfc3164 | LogFormat::Local => {
            let LocalTime { day, hour, minute, second, .. } = time;
            let month = month_name(time);
            write_to(
                out,
                format_args!("<{priority}>{month} {day:2} {hour:02}:{minute:02}:{second:02} "),
            );
            if format == LogFormat::Rfc3164 {
                // The name is a part of the header, so HAProxy writes this name without another.
                write_to(out, format_args!("{} ", host.unwrap_or("localhost")));
            }
            write_to(out, format_args!("{tag}[{pid}]: "));
        }
        LogFormat::Rfc5424 => {
            write_to(out, format_args!("<{priority}>1 "));
            write_iso(out, time, clock);
            write_to(out, format_args!(" {} {tag} {pid} - - ", host.unwrap_or("-")));
        }
    }
}

/// Writes `2026-11-22T23:17:17.007000+00:00`.
fn write_iso(out: &mut Vec<u8>, time: LocalTime, clock: WallClock) {
    let LocalTime { year, month, day, hour, minute, second, .. } = time;
    let (sign, offset) =
        if time.offset_s < 0 { ('-', -time.offset_s) } else { ('+', time.offset_s) };
    write_to(
        out,
        format_args!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}\
             {sign}{:02}:{:02}",
            clock.microseconds(),
            offset / 3600,
            offset / 60 % 60,
        ),
    );
}

/// Appends formatted text to a byte vector.
pub(super) fn write_to(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 22 Nov 2026, 23:17:16.053904 at Greenwich.
    const TIME: LocalTime =
        LocalTime { year: 2026, month: 11, day: 22, hour: 23, minute: 17, second: 16, offset_s: 0 };
    const CLOCK: WallClock = WallClock(1_795_389_436_053_904);

    fn header(format: LogFormat, priority: u8, host: Option<&str>, time: LocalTime) -> String {
        let identity = Identity { host, tag: "haproxy", pid: 8513 };
        let mut out = Vec::new();
        write_header(&mut out, format, priority, identity, (time, CLOCK));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn headers_are_written_as_by_haproxy() {
        assert_eq!(
            header(LogFormat::Rfc3164, 129, None, TIME),
            "<129>Nov 22 23:17:16 localhost haproxy[8513]: "
        );
        assert_eq!(
            header(LogFormat::Local, 129, Some("n1"), TIME),
            "<129>Nov 22 23:17:16 haproxy[8513]: "
        );
        assert_eq!(
            header(LogFormat::Rfc5424, 30, None, TIME),
            "<30>1 2026-11-22T23:17:16.053904+00:00 - haproxy 8513 - - "
        );
        assert_eq!(header(LogFormat::Raw, 134, None, TIME), "");
        assert_eq!(header(LogFormat::Short, 134, None, TIME), "<6>");
        assert_eq!(header(LogFormat::Priority, 134, None, TIME), "<134>");
        let iso = "2026-11-22T23:17:16.053904+00:00 ";
        assert_eq!(header(LogFormat::Iso, 134, None, TIME), iso);
        assert_eq!(header(LogFormat::Timed, 134, None, TIME), format!("<6>{iso}"));
    }

    #[test]
    fn a_host_name_and_an_offset_are_written() {
        let time = LocalTime { day: 2, offset_s: -12_600, ..TIME };
        assert_eq!(
            header(LogFormat::Rfc3164, 129, Some("n1"), time),
            "<129>Nov  2 23:17:16 n1 haproxy[8513]: "
        );
        assert_eq!(
            header(LogFormat::Rfc5424, 30, Some("n1"), time),
            "<30>1 2026-11-02T23:17:16.053904-03:30 n1 haproxy 8513 - - "
        );
    }
}
