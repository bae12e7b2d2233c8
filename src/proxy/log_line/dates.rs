//! The dates in lines of the log. The calendar time of a second is kept while the second lasts.

use std::io::Write;
use std::time::SystemTime;

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

/// `Nov` of November.
pub fn month_name(time: LocalTime) -> &'static str {
    let index = usize::try_from(time.month.saturating_sub(1)).unwrap_or(0);
    MONTHS.get(index).copied().unwrap_or("Jan")
}

/// Writes `22/Nov/2026:23:17:17.007`, the accept date of a traffic line.
pub fn write_accept_date(out: &mut Vec<u8>, time: LocalTime, clock: WallClock) {
    write_second(out, time);
    write_to(out, format_args!(".{:03}", clock.milliseconds()));
}

/// Writes `22/Nov/2026:23:17:17 +0000`.
pub fn write_date(out: &mut Vec<u8>, time: LocalTime) {
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

/// Appends formatted text to a byte vector.
pub fn write_to(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}
