//! The header of a log line: priority, time, host and tag, in each of the syslog formats.

use crate::config::LogFormat;
use crate::net::localtime::LocalTime;
use crate::proxy::log_line::{WallClock, month_name, write_to};

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

/// Writes the header of a line, with its structured data where the format has them.
pub(super) fn write_header(
    out: &mut Vec<u8>,
    format: LogFormat,
    priority: u8,
    identity: Identity<'_>,
    structured: &[u8],
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
            write_to(out, format_args!(" {} {tag} {pid} - ", host.unwrap_or("-")));
            out.extend_from_slice(if structured.is_empty() { b"-" } else { structured });
            out.push(b' ');
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
        write_header(&mut out, format, priority, identity, b"", (time, CLOCK));
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
