//! What the reference says of samples, converters, actions, predefined acls and data types.

use std::borrow::Cow;

use super::acl::PREDEFINED;
use super::actions::ACTIONS;
use super::converters;
use super::entry_samples;
use super::samples;
use crate::config::data_type::DataType;
use crate::config::keywords::refused_samples;

/// What the reference says of one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceEntry {
    /// The word.
    pub name: Cow<'static, str>,
    /// What follows the word: arguments in parentheses, or further words behind a blank.
    pub arguments: Cow<'static, str>,
    /// What the word means, in a sentence.
    pub help: Cow<'static, str>,
    /// A line of a configuration that uses the word.
    pub example: Cow<'static, str>,
}

/// Every sample.
pub fn samples() -> impl Iterator<Item = ReferenceEntry> {
    let static_rows = samples::all().map(|row| ReferenceEntry {
        name: row.name.into(),
        arguments: in_parentheses(row.arguments),
        help: row.help.into(),
        example: row.example.into(),
    });
    let forms = samples::with_methods().map(|(row, method)| ReferenceEntry {
        name: format!("{}_{method}", row.name).into(),
        arguments: in_parentheses(row.arguments),
        help: format!("In conditions: the same as `{} -m {method}`.", row.name).into(),
        example: with_method(row.name, method, row.example).into(),
    });
    static_rows.chain(forms).chain(entry_samples::samples().map(|row| ReferenceEntry {
        name: row.name.as_str().into(),
        arguments: in_parentheses(row.arguments()),
        help: row.help().into(),
        example: row.example().into(),
    }))
}

/// A condition with the sample of an example and a method in its name.
fn with_method(name: &str, method: &str, example: &str) -> String {
    let mut words = example.split(' ');
    let typed = words.find(|word| word.starts_with(name)).unwrap_or(name);
    let arguments = typed.strip_prefix(name).unwrap_or_default();
    let pattern = if method == "len" { "gt 9" } else { "example" };
    format!("use_backend web if {{ {name}_{method}{arguments} {pattern} }}")
}

/// Every converter.
pub fn converters() -> impl Iterator<Item = ReferenceEntry> {
    let static_rows = converters::all().map(|row| ReferenceEntry {
        name: row.name.into(),
        arguments: in_parentheses(row.arguments),
        help: row.help.into(),
        example: row.example.into(),
    });
    static_rows.chain(entry_samples::converters().map(|row| ReferenceEntry {
        name: row.name.as_str().into(),
        arguments: in_parentheses(row.arguments()),
        help: row.help().into(),
        example: row.example().into(),
    }))
}

/// Every action of `tcp-request` and `tcp-response` rules.
pub fn actions() -> impl Iterator<Item = ReferenceEntry> {
    ACTIONS.iter().map(|row| ReferenceEntry {
        name: row.name.as_ref().into(),
        arguments: row.arguments.into(),
        help: row.help.as_ref().into(),
        example: row.example.as_str().into(),
    })
}

/// Every predefined acl.
pub fn acls() -> impl Iterator<Item = ReferenceEntry> {
    PREDEFINED.iter().map(|(name, words)| ReferenceEntry {
        name: (*name).into(),
        arguments: "".into(),
        help: format!("Is the same as `acl {name} {}`.", words.join(" ")).into(),
        example: format!("tcp-request content accept if {name}").into(),
    })
}

/// Every data type that a stick table can store.
pub fn data_types() -> impl Iterator<Item = ReferenceEntry> {
    DataType::ALL.iter().map(|data_type| {
        let (name, help) = (data_type.name(), data_type.help());
        let arguments = match data_type.arguments() {
            "(<period>)" => "(10s)",
            "(<elements>)" => "(4)",
            "(<elements>,<period>)" => "(4,10s)",
            _ => "",
        };
        ReferenceEntry {
            name: name.into(),
            arguments: data_type.arguments().into(),
            help: format!("Stores {help}.").into(),
            example: format!("stick-table type ip size 100k expire 30m store {name}{arguments}")
                .into(),
        }
    })
}

fn in_parentheses(arguments: &str) -> Cow<'static, str> {
    if arguments.is_empty() { "".into() } else { format!("({arguments})").into() }
}

/// A word of HAProxy that is refused, and the reason.
type Refused = (&'static str, &'static str);

/// The samples that are refused.
pub fn refused_samples() -> impl Iterator<Item = Refused> {
    by_name(refused_samples::SAMPLES)
}

/// The converters that are refused.
pub fn refused_converters() -> impl Iterator<Item = Refused> {
    by_name(refused_samples::CONVERTERS)
}

/// The actions that are refused.
pub fn refused_actions() -> impl Iterator<Item = Refused> {
    by_name(refused_samples::ACTIONS)
}

/// The predefined acls that are refused.
pub fn refused_acls() -> impl Iterator<Item = Refused> {
    by_name(refused_samples::ACLS)
}

fn by_name(rows: refused_samples::Rows) -> impl Iterator<Item = Refused> {
    refused_samples::all(rows).map(|(reason, name)| (name, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Request, load_text};

    #[test]
    fn no_name_is_both_understood_and_refused() {
        let names = |entries: &mut dyn Iterator<Item = ReferenceEntry>| {
            entries.map(|entry| entry.name.into_owned()).collect::<Vec<_>>()
        };
        let tables: [(Vec<String>, Vec<Refused>); 4] = [
            (names(&mut samples()), refused_samples().collect()),
            (names(&mut converters()), refused_converters().collect()),
            (names(&mut actions()), refused_actions().collect()),
            (names(&mut acls()), refused_acls().collect()),
        ];
        for (understood, refused) in tables {
            assert!(!understood.is_empty() && !refused.is_empty());
            for (name, _) in refused {
                assert!(!understood.iter().any(|known| known == name), "{name}");
            }
        }
    }

    /// A configuration with one more line in a section with pages.
    fn with_page(line: &str) -> String {
        format!(
            "userlist admins\n group operators\n user a insecure-password b\n\
             listen page\n mode http\n bind 127.0.0.1:1\n stats enable\n {line}\n"
        )
    }

    /// A configuration with one more line in its frontend, in its backend, or for its table.
    fn with(frontend: &str, backend: &str, table: &str) -> String {
        format!(
            "backend clients\n {table}\nbackend names\n stick-table type string size 1k\n\
             backend web\n {backend}\n server s1 127.0.0.1:2\n\
             frontend in\n bind 127.0.0.1:1\n tcp-request inspect-delay 1s\n {frontend}\n \
             default_backend web\n"
        )
    }

    fn check(entries: impl Iterator<Item = ReferenceEntry>) {
        const TABLE: &str = "stick-table type ip size 1k";
        let mut broken = Vec::new();
        for ReferenceEntry { name, help, example, .. } in entries {
            let needs_page = samples::needs_page(&name);
            let texts = match example.split_once(' ') {
                _ if needs_page => [with_page(&example)],
                Some(("stick-table", _)) => [with("", "", &example)],
                Some(("use-server" | "tcp-response", _)) => [with("", &example, TABLE)],
                _ => [with(&example, "", TABLE)],
            };
            let is_used = example.contains(name.as_ref());
            let is_sentence = help.starts_with(char::is_uppercase) && help.ends_with('.');
            for text in texts {
                // The examples of maps name a file of the operator.
                let text = text.replace("/etc/stickd/keys.map", "/dev/null");
                match load_text("example.cfg", &text, &Request::default()) {
                    Ok(_) if is_used && is_sentence => {}
                    Ok(_) => broken.push(format!("{name}: {help} {example}")),
                    Err(found) => broken.push(format!("{name}: {example}: {found:?}")),
                }
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn every_example_of_the_reference_is_taken() {
        check(samples());
        check(converters());
        check(actions());
        check(acls());
        check(data_types());
    }
}
