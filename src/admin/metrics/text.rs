//! Prometheus' text format: the head of a family, and one line for each value.

use std::fmt::Display;
use std::io::Write;

/// The text for a value that is not known.
pub(super) const NO_NUMBER: &str = "NaN";

/// Prometheus' type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// Writes the head of a family, which comes before its values.
pub(super) fn write_head(out: &mut Vec<u8>, name: &str, kind: Kind, help: &str) {
    // Writing to a vector cannot fail, here and below.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
}

/// Writes one value with its labels.
pub(super) fn write_value(
    out: &mut Vec<u8>,
    name: &str,
    labels: &[(&str, &str)],
    value: impl Display,
) {
    out.extend_from_slice(name.as_bytes());
    for (index, (label, text)) in labels.iter().enumerate() {
        let _ = write!(out, "{}{label}=\"", if index == 0 { '{' } else { ',' });
        write_escaped(out, text);
        out.push(b'"');
    }
    if !labels.is_empty() {
        out.push(b'}');
    }
    let _ = writeln!(out, " {value}");
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut out = Vec::new();
        write_value(&mut out, "up", &[("a", "x\"y\\z\n"), ("b", "é")], 1);
        assert_eq!(String::from_utf8(out).unwrap(), "up{a=\"x\\\"y\\\\z\\n\",b=\"é\"} 1\n");
    }

    #[test]
    fn a_value_without_labels_has_no_braces() {
        let mut out = Vec::new();
        write_head(&mut out, "up", Kind::Gauge, "Whether it is up");
        write_value(&mut out, "up", &[], NO_NUMBER);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "# HELP up Whether it is up\n# TYPE up gauge\nup NaN\n");
    }
}
