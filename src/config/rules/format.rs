//! Format strings: `log-format` and its like, and the names and values that rules make of samples.
//! The text is split into parts when it is read, and the samples are read when every name is known.

use super::expression::{Expression, Needs};
use super::read_expression;
use crate::config::drafts::names::Names;
use crate::config::drafts::{FormatDraft, FormatStyle, PartDraft};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, all};
use crate::config::types::FIELDS;
use crate::config::{FormatPart, FormatString, LogField};

/// Variables of HAProxy that only `mode http` knows, in HAProxy too.
const HTTP_FIELDS: &[&str] = &[
    "CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "TR", "Ta", "Ti", "Tq", "Tr", "r", "tr",
    "trg", "trl",
];

/// Splits the text of a line of the log into its parts. A minus sign stands for what is missing.
pub(in crate::config) fn compile_line(keyword: &str, typed: &Placed<&str>) -> Parsed<FormatDraft> {
    compile(keyword, typed, FormatStyle { marked: true, ..FormatStyle::default() })
}

/// Splits the text of a format string into its parts.
pub(in crate::config) fn compile_text(keyword: &str, typed: &Placed<&str>) -> Parsed<FormatDraft> {
    compile(keyword, typed, FormatStyle::default())
}

/// Splits a text into its parts, which have the style `default` where they name no other.
fn compile(keyword: &str, typed: &Placed<&str>, mut default: FormatStyle) -> Parsed<FormatDraft> {
    let wrong = |message: String| Mistake::new(typed.place, format!("'{keyword}': {message}"));
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = typed.value;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        match letter {
            '%' if rest.starts_with('%') => {
                rest = rest.get(1..).unwrap_or_default();
                text.push('%');
            }
            '%' => {
                let (item, style, after) = item(rest, default).map_err(wrong)?;
                rest = after;
                if item == Item::Name("o") {
                    default = style;
                    continue;
                }
                if !text.is_empty() {
                    parts.push(PartDraft::Text(std::mem::take(&mut text)));
                }
                parts.push(match item {
                    Item::Name(name) => {
                        PartDraft::Value { field: field(name).map_err(wrong)?, style }
                    }
                    Item::Sample(sample) => {
                        let text = Placed { value: sample.to_owned(), place: typed.place };
                        PartDraft::Sample { text, style }
                    }
                });
            }
            // As with HAProxy, several blanks become one.
            ' ' | '\t' if text.ends_with(' ') => {}
            '\t' => text.push(' '),
            letter => text.push(letter),
        }
    }
    if !text.is_empty() {
        parts.push(PartDraft::Text(text));
    }
    Ok(FormatDraft { parts })
}

/// What follows a percent sign and its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item<'a> {
    Name(&'a str),
    Sample(&'a str),
}

/// A variable or a sample with its flags, and what follows it.
fn item(text: &str, mut style: FormatStyle) -> Result<(Item<'_>, FormatStyle, &str), String> {
    let mut rest = text;
    if let Some(braced) = text.strip_prefix('{') {
        let (list, after) = braced.split_once('}').ok_or_else(|| "'{' without '}'".to_owned())?;
        for flag in list.split(',') {
            match flag.trim() {
                "+Q" => style.quoted = true,
                "-Q" => style.quoted = false,
                "+X" => style.hex = true,
                "-X" => style.hex = false,
                "+E" => style.escaped = true,
                "-E" => style.escaped = false,
                "+M" => style.marked = true,
                "-M" => style.marked = false,
                "" => {}
                other => return Err(format!("unknown flag '{other}'")),
            }
        }
        rest = after;
    }
    if let Some(inside) = rest.strip_prefix('[') {
        let end = end_of_sample(inside).ok_or_else(|| "'%[' without ']'".to_owned())?;
        let (sample, after) = inside.split_at(end);
        return Ok((Item::Sample(sample), style, after.get(1..).unwrap_or_default()));
    }
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    Ok((Item::Name(name), style, after))
}

/// The position of the bracket that closes a sample: the first one outside of parentheses.
fn end_of_sample(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ']' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

fn field(name: &str) -> Result<LogField, String> {
    if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
        return Ok(*field);
    }
    if HTTP_FIELDS.contains(&name) {
        return Err(format!("variable '%{name}' is refused: it is for 'mode http' only"));
    }
    Err(format!("unknown variable '%{name}'"))
}

/// Reads the samples of a line of the log, which is written when the connection has ended.
pub(in crate::config) fn of_log(draft: &FormatDraft, names: Names<'_>) -> Parsed<FormatString> {
    read(draft, names, |sample, text| {
        if sample.needs.is_content() {
            let message = format!(
                "'%[{}]' is not known in a line of the log: keep it with 'set-var' or 'capture'",
                text.value
            );
            return Err(Mistake::new(text.place, message));
        }
        Ok(())
    })
}

/// Reads the format of a unique id. As in HAProxy, samples in it have no quotes and no marks.
pub(in crate::config) fn of_id(draft: &FormatDraft, names: Names<'_>) -> Parsed<FormatString> {
    let mut format = read(draft, names, |sample, text| match sample.needs {
        Needs::Response => {
            let message = format!("'%[{}]' is not known before the server answers", text.value);
            Err(Mistake::new(text.place, message))
        }
        _ => Ok(()),
    })?;
    for part in &mut format.parts {
        if let FormatPart::Sample { quoted, marked, .. } = part {
            (*quoted, *marked) = (false, false);
        }
    }
    Ok(format)
}

/// Reads a format string of a rule, where the variables are those that rules know.
pub(super) fn of_rule(
    keyword: &str,
    typed: &Placed<&str>,
    names: Names<'_>,
) -> Parsed<FormatString> {
    let mut draft = compile_text(keyword, typed)?;
    for part in &mut draft.parts {
        if let PartDraft::Value { field, style } = part {
            let sample = sample_of(*field).ok_or_else(|| {
                let message = format!("'{keyword}': write a sample, as in %[src], in a rule");
                Mistake::new(typed.place, message)
            })?;
            let text = Placed { value: sample.to_owned(), place: typed.place };
            *part = PartDraft::Sample { text, style: *style };
        }
    }
    read(&draft, names, |_, _| Ok(()))
}

/// The sample with the value of a variable, where there is one.
fn sample_of(field: LogField) -> Option<&'static str> {
    Some(match field {
        LogField::ClientIp => "src",
        LogField::ClientPort => "src_port",
        LogField::FrontendIp => "dst",
        LogField::FrontendPort => "dst_port",
        LogField::Frontend | LogField::FrontendTransport => "fe_name",
        LogField::Backend => "be_name",
        _ => return None,
    })
}

fn read(
    draft: &FormatDraft,
    names: Names<'_>,
    check: impl Fn(&Expression, &Placed<String>) -> Parsed,
) -> Parsed<FormatString> {
    let parts = draft.parts.iter().map(|part| {
        Ok(match part {
            PartDraft::Text(text) => FormatPart::Text(text.clone()),
            PartDraft::Value { field, style } => {
                let FormatStyle { quoted, hex, marked, escaped } = *style;
                FormatPart::Value { field: *field, quoted, hex, marked, escaped }
            }
            PartDraft::Sample { text, style } => {
                let word = Placed { value: text.value.as_str(), place: text.place };
                let sample = read_expression::read(&word, names)?;
                check(&sample, text)?;
                let FormatStyle { quoted, marked, escaped, .. } = *style;
                FormatPart::Sample { sample, quoted, marked, escaped }
            }
        })
    });
    Ok(FormatString { parts: all(parts)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::diagnostic::Place;

    fn compiled(text: &str) -> Result<Vec<PartDraft>, String> {
        let typed = Placed { value: text, place: Place::default() };
        compile_line("log-format", &typed).map(|line| line.parts).map_err(|mistake| mistake.message)
    }

    fn value(field: LogField, quoted: bool, hex: bool) -> PartDraft {
        let style = FormatStyle { quoted, hex, marked: true, escaped: false };
        PartDraft::Value { field, style }
    }

    fn text(text: &str) -> PartDraft {
        PartDraft::Text(text.to_owned())
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
            ("%HM", "variable '%HM' is refused: it is for 'mode http' only"),
            ("%nope", "unknown variable '%nope'"),
            ("%[src", "'%[' without ']'"),
            ("%{+Z}ci", "unknown flag '+Z'"),
            ("%{+Q", "'{' without '}'"),
            ("100%", "unknown variable '%'"),
        ] {
            assert_eq!(compiled(format), Err(format!("'log-format': {said}")), "{format}");
        }
    }

    #[test]
    fn a_sample_ends_at_the_first_bracket_outside_of_parentheses() {
        let parts = compiled("a%[str(x]y),lower]%{+Q,+E}[src]").unwrap();
        let sample = |text: &str, style| PartDraft::Sample {
            text: Placed { value: text.to_owned(), place: Place::default() },
            style,
        };
        let plain = FormatStyle { marked: true, ..FormatStyle::default() };
        let style = FormatStyle { quoted: true, escaped: true, ..plain };
        let expected = [text("a"), sample("str(x]y),lower", plain), sample("src", style)];
        assert_eq!(parts, expected);
    }
}
