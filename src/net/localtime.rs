//! The calendar time of a moment in the local time zone, and the offset of that zone.
#![expect(unsafe_code, reason = "the C library knows the time zone")]

/// A moment as a calendar shows it.
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
    /// The second, 0 to 60.
    pub second: u32,
    /// Seconds east of Greenwich.
    pub offset_s: i32,
}

/// The calendar time of `seconds` since the epoch, at Greenwich.
pub fn gmt_time(seconds: u64) -> LocalTime {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    // SAFETY: as for `local_time`.
    let broken_down = unsafe {
        let mut broken_down: libc::tm = std::mem::zeroed();
        libc::gmtime_r(&raw const seconds, &raw mut broken_down);
        broken_down
    };
    calendar(&broken_down)
}

/// The calendar time of `seconds` since the epoch. Falls back to the epoch itself for a moment
/// that no calendar can show.
pub fn local_time(seconds: i64) -> LocalTime {
    // SAFETY: `tm` is plain numbers and a pointer, for which all zeroes is a valid value.
    // `localtime_r` reads one number, writes one `tm`, and keeps neither address.
    let broken_down = unsafe {
        let mut broken_down: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut broken_down);
        broken_down
    };
    calendar(&broken_down)
}

/// Has the C library read the local time zone now: its file is out of reach after chroot(2).
pub fn learn_zone() {
    let _ = local_time(0); // the library remembers the zone from the first time on
}

fn calendar(broken_down: &libc::tm) -> LocalTime {
    let part = |value: libc::c_int| u32::try_from(value).unwrap_or(0);
    LocalTime {
        year: broken_down.tm_year.saturating_add(1900),
        month: part(broken_down.tm_mon) + 1,
        day: part(broken_down.tm_mday),
        hour: part(broken_down.tm_hour),
        minute: part(broken_down.tm_min),
        second: part(broken_down.tm_sec),
        offset_s: i32::try_from(broken_down.tm_gmtoff).unwrap_or(0),
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
}
