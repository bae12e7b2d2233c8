//! The calendar time of a moment, in the local time zone or at Greenwich.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// The local time zone, read at the first use. It is kept, because the files of the time zones may
/// be out of reach after chroot(2).
static LOCAL_ZONE: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

/// A moment in the calendar of a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The year.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u32,
    /// The day of the month, 1 to 31.
    pub day: u32,
    /// The hour, 0 to 23.
    pub hour: u32,
    /// The minute, 0 to 59.
    pub minute: u32,
    /// The second, 0 to 59.
    pub second: u32,
    /// Seconds east of Greenwich.
    pub offset_s: i32,
}

/// The calendar time at Greenwich of the moment `seconds` after the epoch. For a moment after the
/// year 9999 it is the last moment of that year.
pub fn gmt_time(seconds: u64) -> LocalTime {
    calendar(i64::try_from(seconds).unwrap_or(i64::MAX), &TimeZone::UTC)
}

/// The calendar time in the local time zone of the moment `seconds` after the epoch. For a moment
/// outside the years -9999 to 9999 it is the nearest moment inside them.
pub fn local_time(seconds: i64) -> LocalTime {
    calendar(seconds, &LOCAL_ZONE)
}

/// The moment `seconds` after the epoch in a format of strftime(3), at Greenwich or in the local
/// time zone. None for a moment outside the years -9999 to 9999, or for a format that is not valid.
pub fn formatted(format: &str, seconds: i64, is_gmt: bool) -> Option<String> {
    let moment = Timestamp::from_second(seconds).ok()?;
    let zone = if is_gmt { &TimeZone::UTC } else { &*LOCAL_ZONE };
    // As strftime(3) names the zone.
    let format = if is_gmt { format.replace("%Z", "GMT") } else { format.to_owned() };
    strtime::format(&format, &moment.to_zoned(zone.clone())).ok()
}

/// Reads the local time zone. To be called before chroot(2).
pub fn read_local_zone() {
    LazyLock::force(&LOCAL_ZONE);
}

fn calendar(seconds: i64, zone: &TimeZone) -> LocalTime {
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let offset = zone.to_offset(moment);
    let time = offset.to_datetime(moment);
    let part = |value: i8| u32::try_from(value).unwrap_or(0);
    LocalTime {
        year: time.year().into(),
        month: part(time.month()),
        day: part(time.day()),
        hour: part(time.hour()),
        minute: part(time.minute()),
        second: part(time.second()),
        offset_s: offset.seconds(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_leads_back_to_the_moment_in_utc() {
        let time = local_time(1_795_389_437);
        let utc_of_day =
            i64::from(time.hour * 3600 + time.minute * 60 + time.second) - i64::from(time.offset_s);
        assert_eq!(utc_of_day.rem_euclid(86_400), 1_795_389_437 % 86_400);
        assert_eq!((time.year, time.month), (2026, 11));
    }

    #[test]
    fn a_zone_with_summer_time_has_two_offsets() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let (winter, summer) = (calendar(1_768_478_400, &zone), calendar(1_784_116_800, &zone));
        assert_eq!((winter.month, winter.hour, winter.offset_s), (1, 13, 3600));
        assert_eq!((summer.month, summer.hour, summer.offset_s), (7, 14, 7200));
    }

    #[test]
    fn moments_outside_the_calendar_become_the_nearest_inside() {
        assert_eq!(gmt_time(u64::MAX).year, 9999);
        assert_eq!((local_time(i64::MIN).year, gmt_time(0).year), (-9999, 1970));
    }
}
