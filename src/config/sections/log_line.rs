//! `log-format`: compiles the text of the line into parts, which the log writes one after the
//! other.

use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::types::FIELDS;
use crate::config::{LogField, LogLine, LogPart};

/// Variables of HAProxy whose values are not known of a TCP connection here.
const FOREIGN: &[&str] = &[
    "CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "ID", "ST", "TR", "Ta", "Th", "Ti", "Tq",
    "Tr", "hr", "hrl", "hs", "hsl", "lc", "r", "rt", "sslc", "sslv", "tr", "trg", "trl",
];

#[derive(Clone, Copy, Default)]
struct Flags {
    quoted: bool,
    hex: bool,
}

/// Compiles the text of a `log-format` line.
pub(super) fn compile(typed: &Placed<&str>) -> Parsed<LogLine> {
    let wrong = |message: String| Mistake::new(typed.place, format!("'log-format': {message}"));
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut default = Flags::default();
    let mut rest = typed.value;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        match letter {
            '%' if rest.starts_with('%') => {
                rest = rest.get(1..).unwrap_or_default();
                text.push('%');
            }
            '%' => {
                let (name, flags, after) = variable(rest, default).map_err(wrong)?;
                rest = after;
                if name == "o" {
                    default = flags;
                    continue;
                }
                if !text.is_empty() {
                    parts.push(LogPart::Text(std::mem::take(&mut text)));
                }
                let Flags { quoted, hex } = flags;
                let field = field(name).map_err(wrong)?;
                parts.push(LogPart::Value { field, quoted, hex });
            }
            // As with HAProxy, several blanks become one.
            ' ' | '\t' if text.ends_with(' ') => {}
            '\t' => text.push(' '),
            letter => text.push(letter),
        }
    }
    if !text.is_empty() {
        parts.push(LogPart::Text(text));
    }
    Ok(LogLine { parts })
}

/// The name and flags of a variable, and what follows it.
fn variable(text: &str, mut flags: Flags) -> Result<(&str, Flags, &str), String> {
    let mut rest = text;
    if let Some(braced) = text.strip_prefix('{') {
        let (list, after) = braced.split_once('}').ok_or_else(|| "'{' without '}'".to_owned())?;
        for flag in list.split(',') {
            match flag.trim() {
                "+Q" => flags.quoted = true,
                "-Q" => flags.quoted = false,
                "+X" => flags.hex = true,
                "-X" => flags.hex = false,
                // No value of a TCP line needs the escapes of structured data.
                "+E" | "-E" | "" => {}
                other => return Err(format!("unknown flag '{other}'")),
            }
        }
        rest = after;
    }
    if rest.starts_with('[') {
        return Err("sample expressions (%[...]) are refused: not supported yet".to_owned());
    }
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    Ok((name, flags, after))
}

fn field(name: &str) -> Result<LogField, String> {
    if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
        return Ok(*field);
    }
    if FOREIGN.contains(&name) {
        return Err(format!("variable '%{name}' is refused: not known of a TCP connection here"));
    }
    Err(format!("unknown variable '%{name}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::diagnostic::Place;

    fn compiled(text: &str) -> Result<Vec<LogPart>, String> {
        let typed = Placed { value: text, place: Place::default() };
        compile(&typed).map(|line| line.parts).map_err(|mistake| mistake.message)
    }

    fn value(field: LogField, quoted: bool, hex: bool) -> LogPart {
        LogPart::Value { field, quoted, hex }
    }

    fn text(text: &str) -> LogPart {
        LogPart::Text(text.to_owned())
    }

    #[test]
    fn a_format_becomes_texts_and_values() {
        let parts = compiled("%ci:%cp [%t]  %%x").unwrap();
        let plain = |field| value(field, false, false);
        let expected = [
            plain(LogField::ClientIp),
            text(":"),
            plain(LogField::ClientPort),
            text(" ["),
            plain(LogField::Date),
            text("] %x"),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn flags_hold_for_one_value_or_from_there_on() {
        let parts = compiled("%{+Q}o%s%{-Q}b%{+X}ci%f").unwrap();
        let expected = [
            value(LogField::Server, true, false),
            value(LogField::Backend, false, false),
            value(LogField::ClientIp, true, true),
            value(LogField::Frontend, true, false),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_cannot_be_written_is_refused_by_name() {
        for (format, said) in [
            ("%HM", "variable '%HM' is refused: not known of a TCP connection here"),
            ("%nope", "unknown variable '%nope'"),
            ("%[src]", "sample expressions (%[...]) are refused: not supported yet"),
            ("%{+Z}ci", "unknown flag '+Z'"),
            ("%{+Q", "'{' without '}'"),
            ("100%", "unknown variable '%'"),
        ] {
            assert_eq!(compiled(format), Err(format!("'log-format': {said}")), "{format}");
        }
    }
}
