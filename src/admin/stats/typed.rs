//! HAProxy's typed and JSON forms of figures: each with its number, what kind of thing it is, and
//! the type of its value.

use std::io::Write;

/// How figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One row per object, or one line per figure with its name alone.
    Plain,
    /// One line per figure: `number.name.process:tags:type:value`.
    Typed,
    /// One JSON object per figure.
    Json,
}

impl Format {
    /// The format where a command asks for `json` or `typed`.
    pub(crate) fn of(is_json: bool, is_typed: bool) -> Self {
        match (is_json, is_typed) {
            (true, _) => Self::Json,
            (false, true) => Self::Typed,
            (false, false) => Self::Plain,
        }
    }
}

/// A figure.
pub(crate) struct Figure<'a> {
    /// Its number among its kind.
    pub(crate) number: usize,
    /// Its name.
    pub(crate) name: &'a str,
    /// Three letters: where it comes from, what it is, how far it reaches.
    pub(crate) tags: &'a str,
    /// The type of its value: `str`, or one of numbers.
    pub(crate) kind: &'a str,
    /// Its value.
    pub(crate) value: &'a str,
    /// What it means, where that is to be said (`desc`).
    pub(crate) meaning: Option<&'a str>,
}

impl Figure<'_> {
    /// The line that says it all; `object` stands before the number.
    pub(crate) fn write_typed(&self, object: &str, out: &mut Vec<u8>) {
        let Self { number, name, tags, kind, value, meaning } = self;
        // Writing to a vector cannot fail, here and below.
        let _ = write!(out, "{object}{number}.{name}.1:{tags}:{kind}:{value}");
        write_meaning(*meaning, out);
    }

    /// The line of its name and value alone.
    pub(crate) fn write_plain(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{}: {}", self.name, self.value);
        write_meaning(self.meaning, out);
    }

    /// The JSON object; `object` stands at its beginning.
    pub(crate) fn write_json(&self, object: &str, out: &mut Vec<u8>) {
        let (origin, nature, scope) = meanings(self.tags);
        let _ = write!(
            out,
            "{{{object}\"field\":{{\"pos\":{},\"name\":\"{}\"}},\"processNum\":1,\
             \"tags\":{{\"origin\":\"{origin}\",\"nature\":\"{nature}\",\"scope\":\"{scope}\"}},\
             \"value\":{{\"type\":\"{}\",\"value\":",
            self.number, self.name, self.kind
        );
        if self.kind == "str" {
            write_json_text(self.value, out);
        } else {
            out.extend_from_slice(self.value.as_bytes());
        }
        out.extend_from_slice(b"}}");
    }
}

/// Ends a line, with what the figure means if that is wanted.
fn write_meaning(meaning: Option<&str>, out: &mut Vec<u8>) {
    let _ = match meaning {
        Some(meaning) => writeln!(out, ":\"{meaning}\""),
        None => writeln!(out),
    };
}

fn write_json_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for letter in text.chars() {
        let _ = match letter {
            '"' | '\\' => write!(out, "\\{letter}"),
            '\0'..='\x1f' => write!(out, "\\u{:04x}", u32::from(letter)),
            _ => write!(out, "{letter}"),
        };
    }
    out.push(b'"');
}

/// What the letters of the tags stand for.
fn meanings(tags: &str) -> (&'static str, &'static str, &'static str) {
    let mut letters = tags.chars();
    let origin = match letters.next() {
        Some('C') => "Config",
        Some('K') => "Key",
        Some('P') => "Product",
        Some('S') => "Status",
        _ => "Metric",
    };
    let nature = match letters.next() {
        Some('A') => "Age",
        Some('C') => "Counter",
        Some('D') => "Duration",
        Some('L') => "Limit",
        Some('M') => "Max",
        Some('N') => "Name",
        Some('O') => "Output",
        Some('R') => "Rate",
        Some('a') => "Avg",
        _ => "Gauge",
    };
    let scope = match letters.next() {
        Some('S') => "Service",
        _ => "Process",
    };
    (origin, nature, scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_written_as_haproxy_writes_it() {
        let figure = Figure {
            number: 0,
            name: "Name",
            tags: "POS",
            kind: "str",
            value: "say \"a\\b\"\n",
            meaning: None,
        };
        let mut out = Vec::new();
        figure.write_json("", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"field\":{\"pos\":0,\"name\":\"Name\"},\"processNum\":1,\"tags\":{\"origin\":\
             \"Product\",\"nature\":\"Output\",\"scope\":\"Service\"},\"value\":{\"type\":\"str\",\
             \"value\":\"say \\\"a\\\\b\\\"\\u000a\"}}"
        );
        let figure = Figure {
            number: 5,
            name: "smax",
            tags: "MMP",
            kind: "u32",
            value: "7",
            meaning: Some("most"),
        };
        let mut out = Vec::new();
        figure.write_typed("F.2.0.", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "F.2.0.5.smax.1:MMP:u32:7:\"most\"\n");
    }
}
