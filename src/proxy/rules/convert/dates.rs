//! The texts of moments.

use super::text::text;
use crate::config::rules::{DateConverter, TimeUnit};
use crate::net::localtime::formatted;
use crate::proxy::rules::value::Value;

const HTTP: &str = "%a, %d %b %Y %H:%M:%S";

/// The text of the moment that the number stands for; none for a moment that is no date, or if the
/// format is not understood.
pub(super) fn convert<'a>(converter: &DateConverter, number: i64) -> Option<Value<'a>> {
    let written = match converter {
        DateConverter::Formatted { format, offset, is_utc } => {
            formatted(format, number.checked_add(*offset)?, *is_utc)?
        }
        DateConverter::Http { offset, unit } => {
            let number = number.checked_add(*offset)?;
            let (units, digits) = match unit {
                TimeUnit::Seconds => (1, 0),
                TimeUnit::Milliseconds => (1_000, 3),
                TimeUnit::Microseconds => (1_000_000, 6),
            };
            let date = formatted(HTTP, number.div_euclid(units), true)?;
            match digits {
                0 => format!("{date} GMT"),
                _ => format!("{date}.{:0digits$} GMT", number.rem_euclid(units)),
            }
        }
    };
    Some(text(written.into_bytes()))
}
