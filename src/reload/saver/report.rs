//! What the saver says of a save.
//!
//! ```text
//!  0     4       8         16        24        32      40      42
//!  | len | table | took_ms | entries | skipped | bytes | error | text of the error
//! ```
//! `len` is that of what follows it. A save that has succeeded has 0 in `error`.

use crate::table::{SaveReport, Written};

/// The longest text of an error.
const TEXT_MAX: usize = 400;
const FIXED: usize = 42;

/// A report on the table with this number.
pub(super) fn write(table: usize, report: &SaveReport) -> Vec<u8> {
    let (written, text) = match &report.result {
        Ok(written) => (*written, ""),
        Err(text) => (Written::default(), text.get(..TEXT_MAX).unwrap_or(text)),
    };
    let text = text.as_bytes();
    let text = text.get(..TEXT_MAX).unwrap_or(text);
    let short = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes();
    let mut bytes = Vec::with_capacity(FIXED + text.len());
    bytes.extend(short(FIXED - 4 + text.len()));
    bytes.extend(short(table));
    for number in [report.took_ms, written.entries, written.skipped, written.bytes] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(u16::from(report.result.is_err()).to_ne_bytes());
    bytes.extend_from_slice(text);
    bytes
}

/// Takes a report from the beginning of `received`: the number of a table, and what became of it.
/// None if there is no whole report.
pub(super) fn take(received: &mut Vec<u8>) -> Option<(usize, SaveReport)> {
    let len = u32::from_ne_bytes(*received.first_chunk()?) as usize;
    if len > FIXED - 4 + TEXT_MAX {
        received.clear(); // nothing that the saver says
        return None;
    }
    let whole = received.get(4..4 + len)?.to_vec();
    received.drain(..4 + len);
    let (table, rest) = whole.split_first_chunk::<4>()?;
    let (took_ms, rest) = rest.split_first_chunk::<8>()?;
    let (entries, rest) = rest.split_first_chunk::<8>()?;
    let (skipped, rest) = rest.split_first_chunk::<8>()?;
    let (bytes, rest) = rest.split_first_chunk::<8>()?;
    let (error, text) = rest.split_first_chunk::<2>()?;
    let written = Written {
        entries: u64::from_ne_bytes(*entries),
        skipped: u64::from_ne_bytes(*skipped),
        bytes: u64::from_ne_bytes(*bytes),
    };
    let result = match u16::from_ne_bytes(*error) {
        0 => Ok(written),
        _ => Err(String::from_utf8_lossy(text).into_owned()),
    };
    let took_ms = u64::from_ne_bytes(*took_ms);
    Some((u32::from_ne_bytes(*table) as usize, SaveReport { took_ms, result }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_they_were_written() {
        let written = Written { entries: 1 << 40, skipped: 2, bytes: 3 };
        let reports = [Ok(written), Err("no room".to_owned()), Err(String::new())];
        let reports = reports.map(|result| SaveReport { took_ms: 5, result });
        let mut received = Vec::new();
        for byte in (0..).zip(&reports).flat_map(|(table, report)| write(table, report)) {
            received.push(byte);
        }
        let cut = received.split_off(received.len() - 1);
        for (number, report) in (0..).zip(&reports[..2]) {
            assert_eq!(take(&mut received), Some((number, report.clone())));
        }
        assert_eq!(take(&mut received), None);
        received.extend(cut);
        assert_eq!(take(&mut received), Some((2, reports[2].clone())));
        assert_eq!(take(&mut received), None);
    }

    #[test]
    fn long_errors_are_cut() {
        let report = SaveReport { took_ms: 0, result: Err("ä".repeat(5000)) };
        let mut bytes = write(0, &report);
        let (_, read) = take(&mut bytes).unwrap();
        assert!(read.result.unwrap_err().len() <= TEXT_MAX + 4);
    }

    #[test]
    fn what_is_no_report_is_dropped() {
        let mut bytes = vec![0xff; 50];
        assert_eq!(take(&mut bytes), None);
        assert!(bytes.is_empty());
    }
}
