//! Reads the samples of checks, and texts with samples in them.

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::nearest::hint;
use crate::config::{CheckConverter, CheckFetch, CheckFormat, CheckPiece, CheckSample};

/// The names of the samples.
const FETCHES: [&str; 20] = [
    "be_id",
    "be_name",
    "bin",
    "bool",
    "int",
    "res.body",
    "res.fhdr",
    "res.fhdr_cnt",
    "res.hdr",
    "res.hdr_cnt",
    "res.len",
    "res.payload",
    "res.ver",
    "srv_id",
    "srv_name",
    "status",
    "str",
    "always_true",
    "always_false",
    "var",
];

const CONVERTERS: [(&str, CheckConverter); 4] = [
    ("hex", CheckConverter::Hex),
    ("length", CheckConverter::Length),
    ("lower", CheckConverter::Lower),
    ("upper", CheckConverter::Upper),
];

/// A name and the arguments in the parentheses behind it.
struct Call<'a> {
    name: &'a str,
    arguments: Option<&'a str>,
}

/// Splits the first name off `text`, with its arguments, and gives what follows.
fn call(text: &str) -> Result<(Call<'_>, &str), String> {
    let end = text.find(['(', ',']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let Some(inside) = rest.strip_prefix('(') else {
        return Ok((Call { name, arguments: None }, rest));
    };
    let (arguments, after) =
        inside.split_once(')').ok_or_else(|| format!("'{name}(' has no ')' behind it"))?;
    Ok((Call { name, arguments: Some(arguments) }, after))
}

/// Reads a sample with its converters.
///
/// # Errors
/// A name is unknown, or its arguments are wrong.
pub(super) fn sample(typed: &Placed<&str>) -> Parsed<CheckSample> {
    read_sample(typed.value).map_err(|message| Mistake::new(typed.place, message))
}

fn read_sample(text: &str) -> Result<CheckSample, String> {
    let (first, mut rest) = call(text)?;
    let mut sample = CheckSample { fetch: fetch(&first)?, converters: Vec::new() };
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix(',') else {
            return Err(format!("'{text}': a comma has to stand before '{rest}'"));
        };
        let (next, after) = call(after)?;
        let converter = CONVERTERS.iter().find(|(name, _)| *name == next.name);
        let Some((_, converter)) = converter.filter(|_| next.arguments.is_none()) else {
            return Err(format!(
                "a check has no converter '{}': the converters of checks are hex, length, lower \
                 and upper, without arguments",
                next.name
            ));
        };
        sample.converters.push(*converter);
        rest = after;
    }
    Ok(sample)
}

fn fetch(call: &Call<'_>) -> Result<CheckFetch, String> {
    let Call { name, arguments } = *call;
    let text = arguments.unwrap_or_default();
    let fetch = match name {
        "srv_name" => CheckFetch::ServerName,
        "srv_id" => CheckFetch::ServerNumber,
        "be_name" => CheckFetch::BackendName,
        "be_id" => CheckFetch::BackendNumber,
        "always_true" => CheckFetch::Number(1),
        "always_false" => CheckFetch::Number(0),
        "str" => CheckFetch::Text(unquoted(text).as_bytes().to_vec()),
        "bool" => CheckFetch::Number(match text {
            "true" | "yes" | "1" => 1,
            "false" | "no" | "0" => 0,
            _ => return Err(format!("'bool': '{text}' is neither true nor false")),
        }),
        "int" => {
            let wrong = |_| format!("'int': '{text}' is no whole number");
            CheckFetch::Number(text.parse().map_err(wrong)?)
        }
        "bin" => {
            let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
            let wrong = |_| format!("'bin': '{text}' is not pairs of hexadecimal digits");
            CheckFetch::Text(bytes.map_err(wrong)?)
        }
        "var" => CheckFetch::Variable(variable(text)?.to_owned()),
        "res.len" => CheckFetch::PayloadLen,
        "res.payload" => {
            let parsed = text.split_once(',').and_then(|(offset, len)| {
                Some((offset.trim().parse().ok()?, len.trim().parse().ok()?))
            });
            let (offset, len) = parsed.ok_or("'res.payload' wants '(<offset>,<length>)'")?;
            CheckFetch::Payload(offset, len)
        }
        "status" => CheckFetch::Status,
        "res.ver" => CheckFetch::Version,
        "res.body" => CheckFetch::Body,
        "res.hdr" | "res.fhdr" => header(name, text)?,
        "res.hdr_cnt" | "res.fhdr_cnt" => {
            let is_whole = name == "res.fhdr_cnt";
            CheckFetch::HeaderCount(text.to_ascii_lowercase(), is_whole)
        }
        _ => {
            let hint = hint(name, FETCHES.iter().copied());
            return Err(format!(
                "a check has no sample '{name}'{hint}: it knows its server, the server's answer \
                 and variables of the scope 'check'"
            ));
        }
    };
    let takes_nothing = matches!(
        fetch,
        CheckFetch::ServerName
            | CheckFetch::ServerNumber
            | CheckFetch::BackendName
            | CheckFetch::BackendNumber
            | CheckFetch::Status
            | CheckFetch::Version
            | CheckFetch::Body
            | CheckFetch::PayloadLen
    );
    match arguments {
        Some(text) if takes_nothing && !text.is_empty() => {
            Err(format!("'{name}' takes no argument, so '{text}' is one too many"))
        }
        _ => Ok(fetch),
    }
}

fn header(name: &str, arguments: &str) -> Result<CheckFetch, String> {
    let (header, number) = match arguments.split_once(',') {
        Some((header, number)) => {
            let number = number.trim().parse().ok().filter(|number| *number != 0);
            let wrong = || format!("'{name}': the number of a value is 1, 2, … or -1, -2, …");
            (header, number.ok_or_else(wrong)?)
        }
        None => (arguments, -1),
    };
    if header.is_empty() {
        return Err(format!("'{name}' wants the name of a header in parentheses"));
    }
    let is_whole = name == "res.fhdr";
    Ok(CheckFetch::Header { name: header.to_ascii_lowercase(), number, is_whole })
}

/// The name of a variable of a check, without its scope.
pub(super) fn variable(typed: &str) -> Result<&str, String> {
    let (scope, name) = typed.split_once('.').unwrap_or(("", typed));
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    match scope {
        "check" if !name.is_empty() && name.chars().all(is_letter) => Ok(name),
        "check" => Err(format!("'{typed}' is no name of a variable")),
        "proc" | "sess" | "txn" | "req" | "res" => {
            Err(format!("'{typed}': a check has only variables of the scope 'check'"))
        }
        _ => Err(format!(
            "'{typed}' is no name of a variable: it begins with its scope, as 'check.{name}'"
        )),
    }
}

fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// Reads a text in which `%` begins a name or a sample. HAProxy takes every name of a log format
/// here, but most are empty because a check has no client.
///
/// # Errors
/// The text has another name than that of the server or the backend, or a sample is wrong.
pub(super) fn format(typed: &Placed<&str>) -> Parsed<CheckFormat> {
    let wrong = |message: String| Mistake::new(typed.place, message);
    let mut pieces = Vec::new();
    let mut rest = typed.value;
    while let Some((text, after)) = rest.split_once('%') {
        pieces.push(CheckPiece::Text(text.to_owned()));
        let len = match after.as_bytes().first() {
            Some(b'%') => 1,
            Some(b'[') => after.find(']').map_or(after.len(), |at| at + 1),
            Some(b'{') => after.find('}').map_or(after.len(), |at| at + 1),
            _ => after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len()),
        };
        let (name, after) = after.split_at_checked(len).unwrap_or((after, ""));
        let plain = |fetch| CheckPiece::Sample(CheckSample { fetch, converters: Vec::new() });
        pieces.push(match name {
            "%" => CheckPiece::Text("%".to_owned()),
            "s" => plain(CheckFetch::ServerName),
            "b" => plain(CheckFetch::BackendName),
            name => match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
                Some(inside) => CheckPiece::Sample(read_sample(inside.trim()).map_err(wrong)?),
                None => {
                    return Err(wrong(format!(
                        "'%{name}' is refused in a check: it knows %s, %b, samples as \
                         %[srv_name], and %% for the sign itself"
                    )));
                }
            },
        });
        rest = after;
    }
    pieces.push(CheckPiece::Text(rest.to_owned()));
    pieces.retain(|piece| !matches!(piece, CheckPiece::Text(text) if text.is_empty()));
    Ok(CheckFormat(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::diagnostic::Place;

    fn error(text: &str) -> String {
        read_sample(text).unwrap_err()
    }

    #[test]
    fn a_sample_has_arguments_and_converters() {
        let sample = read_sample("res.hdr(X-Role,2),lower,hex").unwrap();
        let CheckFetch::Header { name, number, is_whole } = sample.fetch else { panic!() };
        assert_eq!((name.as_str(), number, is_whole), ("x-role", 2, false));
        assert_eq!(sample.converters, [CheckConverter::Lower, CheckConverter::Hex]);
        let sample = read_sample("str(\"a,b\")").unwrap();
        assert!(matches!(sample.fetch, CheckFetch::Text(text) if text == b"a,b"));
    }

    #[test]
    fn a_mistake_in_a_sample_is_explained() {
        assert_eq!(
            error("res.hdr(x,0)"),
            "'res.hdr': the number of a value is 1, 2, … or -1, -2, …"
        );
        assert_eq!(error("res.hdr"), "'res.hdr' wants the name of a header in parentheses");
        assert_eq!(error("str(a"), "'str(' has no ')' behind it");
        assert_eq!(error("int(x)"), "'int': 'x' is no whole number");
        assert_eq!(error("srv_name(x)"), "'srv_name' takes no argument, so 'x' is one too many");
        assert_eq!(error("str(a)b"), "'str(a)b': a comma has to stand before 'b'");
        assert!(error("srv_nam").contains("did you mean 'srv_name'?"), "{}", error("srv_nam"));
        assert!(variable("check.").is_err());
        assert_eq!(variable("check.a.b"), Ok("a.b"));
        assert!(variable("foo").unwrap_err().contains("as 'check.foo'"));
    }

    #[test]
    fn a_text_is_cut_at_its_samples() {
        let typed =
            Placed { value: "100%% of %s: %[var(check.x),upper].", place: Place::default() };
        let CheckFormat(pieces) = format(&typed).unwrap();
        let kinds: String = pieces
            .iter()
            .map(|piece| match piece {
                CheckPiece::Text(text) => text.clone(),
                CheckPiece::Sample(_) => "<>".to_owned(),
            })
            .collect();
        assert_eq!(kinds, "100% of <>: <>.");
    }
}
