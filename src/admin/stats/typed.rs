//! HAProxy's typed and JSON forms of a figure. Both say what the figure is and what type its value
//! has.

use std::io::Write;

use crate::admin::json;

/// How figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum Format {
    /// One row for each object, or one line for each figure with its name alone.
    Plain,
    /// One line for each figure: `number.name.process:tags:type:value`.
    Typed,
    /// One JSON object for each figure.
    Json,
}

impl Format {
    /// The format where a command asks for `json` or `typed`.
    pub(in crate::admin) fn of(is_json: bool, is_typed: bool) -> Self {
        match (is_json, is_typed) {
            (true, _) => Self::Json,
            (false, true) => Self::Typed,
            (false, false) => Self::Plain,
        }
    }
}

/// What a figure is, in HAProxy's words.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct Tags {
    /// The letters of the three words.
    letters: &'static str,
    /// Where the figure comes from.
    origin: &'static str,
    /// What the figure measures.
    nature: &'static str,
    /// How far the figure reaches.
    scope: &'static str,
}

impl Tags {
    /// The tags that HAProxy's three letters stand for. Unknown letters do not compile in the
    /// tables.
    pub(super) const fn of(letters: &'static str) -> Self {
        let [origin, nature, scope] = letters.as_bytes() else { panic!("not three letters") };
        Self {
            letters,
            origin: match origin {
                b'C' => "Config",
                b'K' => "Key",
                b'M' => "Metric",
                b'P' => "Product",
                b'S' => "Status",
                _ => panic!("not an origin"),
            },
            nature: match nature {
                b'A' => "Age",
                b'C' => "Counter",
                b'D' => "Duration",
                b'G' => "Gauge",
                b'L' => "Limit",
                b'M' => "Max",
                b'N' => "Name",
                b'O' => "Output",
                b'R' => "Rate",
                b'a' => "Avg",
                _ => panic!("not a nature"),
            },
            scope: match scope {
                b'P' => "Process",
                b'S' => "Service",
                _ => panic!("not a scope"),
            },
        }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum ValueType {
    Str,
    S32,
    U32,
    U64,
    /// A number with a fraction.
    Flt,
}

impl ValueType {
    /// HAProxy's word for the type.
    fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::S32 => "s32",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::Flt => "flt",
        }
    }
}

/// A figure to be written.
pub(in crate::admin) struct Figure<'a> {
    /// The number of the figure in its table.
    pub(in crate::admin) number: usize,
    pub(in crate::admin) name: &'a str,
    pub(in crate::admin) tags: Tags,
    pub(in crate::admin) value_type: ValueType,
    pub(in crate::admin) value: &'a str,
    /// The meaning of the figure, if the client wants to see it (`desc`).
    pub(in crate::admin) meaning: Option<&'a str>,
}

impl Figure<'_> {
    /// Writes the typed form; `object` stands before the number.
    pub(in crate::admin) fn write_typed(&self, object: &str, out: &mut Vec<u8>) {
        let Self { number, name, tags, value_type, value, meaning } = self;
        let (letters, type_name) = (tags.letters, value_type.name());
        // Writing to a vector cannot fail, here and below.
        let _ = write!(out, "{object}{number}.{name}.1:{letters}:{type_name}:{value}");
        write_meaning(*meaning, out);
    }

    /// Writes the name and the value alone.
    pub(in crate::admin) fn write_plain(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{}: {}", self.name, self.value);
        write_meaning(self.meaning, out);
    }

    /// Writes the JSON object, which begins with `object`.
    pub(in crate::admin) fn write_json(&self, object: &str, out: &mut Vec<u8>) {
        let Tags { origin, nature, scope, .. } = self.tags;
        let _ = write!(
            out,
            "{{{object}\"field\":{{\"pos\":{},\"name\":\"{}\"}},\"processNum\":1,\
             \"tags\":{{\"origin\":\"{origin}\",\"nature\":\"{nature}\",\"scope\":\"{scope}\"}},\
             \"value\":{{\"type\":\"{}\",\"value\":",
            self.number,
            self.name,
            self.value_type.name()
        );
        if self.value_type == ValueType::Str {
            json::write_text(self.value, out);
        } else {
            out.extend_from_slice(self.value.as_bytes());
        }
        out.extend_from_slice(b"}}");
    }
}

/// Ends a line, with the meaning of the figure if there is one.
fn write_meaning(meaning: Option<&str>, out: &mut Vec<u8>) {
    let _ = match meaning {
        Some(meaning) => writeln!(out, ":\"{meaning}\""),
        None => writeln!(out),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_written_as_haproxy_writes_it() {
        let figure = Figure {
            number: 0,
            name: "Name",
            tags: Tags::of("POS"),
            value_type: ValueType::Str,
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
            tags: Tags::of("MMP"),
            value_type: ValueType::U32,
            value: "7",
            meaning: Some("most"),
        };
        let mut out = Vec::new();
        figure.write_typed("F.2.0.", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "F.2.0.5.smax.1:MMP:u32:7:\"most\"\n");
    }
}
