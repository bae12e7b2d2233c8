//! `show info`, `show version` and `show env`: the process.

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::stats::fields::Field;
use crate::admin::stats::typed::{Figure, Format};
use crate::config::RUNTIME_API_VERSION;
use crate::logging::Severity;

/// `show info [desc|json|typed|float]*`.
pub(super) fn show_info(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let format = Format::of(line.has("json"), line.has("typed"));
    let (is_float, has_meanings) = (line.has("float"), line.has("desc"));
    let mut out = Vec::with_capacity(2048);
    for field in Field::ALL {
        let (value, value_type) =
            if is_float { field.float(context) } else { field.value(context) };
        let Some(value) = value.text() else { continue };
        let figure = Figure {
            number: field.number(),
            name: field.name(),
            tags: field.tags(),
            value_type,
            value: &value,
            meaning: Some(field.meaning()).filter(|_| has_meanings),
        };
        match format {
            Format::Plain => figure.write_plain(&mut out),
            Format::Typed => figure.write_typed("", &mut out),
            Format::Json => {
                out.push(if out.is_empty() { b'[' } else { b',' });
                figure.write_json("", &mut out);
            }
        }
    }
    if format == Format::Json {
        out.extend_from_slice(b"]\n");
    }
    Answer::Text(text(&out).into_owned())
}

/// `show version`.
pub(super) fn show_version(_: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    Answer::message(Severity::Info, RUNTIME_API_VERSION)
}

/// `show env [<variable>]`.
pub(super) fn show_env(line: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    let named = line.word(2).map(text);
    let is_asked = |name: &str| named.as_ref().is_none_or(|named| named == name);
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.to_string_lossy();
        is_asked(&name).then(|| format!("{name}={}\n", value.to_string_lossy()))
    });
    let found: String = variables.collect();
    if found.is_empty() && named.is_some() {
        return Answer::error("Variable not found");
    }
    Answer::Text(found)
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;

    /// The field names of haproxy 2.6.12, in its order.
    const FIELDS: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin/show_info_fields"));

    #[test]
    fn the_fields_are_those_of_haproxy_in_its_order() {
        let mut fixture = Fixture::new();
        let answer = fixture.ask("show info");
        let names: Vec<_> =
            answer.lines().filter_map(|line| line.split_once(": ").map(|(name, _)| name)).collect();
        let expected: Vec<_> = FIELDS.lines().collect();
        assert_eq!(names[..expected.len()], expected);
        assert_eq!(names[expected.len()], "Product");
        assert!(answer.starts_with("Name: HAProxy\nVersion: 2.7.1-stickd-"), "{answer}");
        assert!(answer.ends_with("\n\n"));
    }

    #[test]
    fn figures_are_shown_typed_and_as_json() {
        let mut fixture = Fixture::new();
        let typed = fixture.ask("show info typed");
        assert!(typed.starts_with("0.Name.1:POS:str:HAProxy\n1.Version.1:POS:str:"), "{typed}");
        assert!(typed.contains("\n51.description.1:COS:str:a b c\n"));
        assert!(typed.contains("\n73.Reload_generation.1:MGP:u64:0\n"), "{typed}");
        let json = fixture.ask("show info json");
        assert!(json.starts_with("[{\"field\":{\"pos\":0,\"name\":\"Name\"},\"processNum\":1,"));
        assert!(json.ends_with("\"value\":0}}]\n\n"), "{json}");
    }
}
