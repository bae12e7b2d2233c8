//! The rules of a section: `acl`, `tcp-request`, `use_backend`, `use-server`. Their lines are kept
//! as they were typed until every name is known, and read then, in their order.

pub mod acl;
pub mod converters;
pub mod entry_samples;
pub mod expression;
pub mod matcher;
pub mod sample;

use std::collections::HashMap;

use super::data_type::DataType;
use super::drafts::names;
use super::drafts::names::Names;
use super::keywords;
use super::keywords::refused_samples;
use super::keywords::{Keyword, Scope, at_least};
use super::text::diagnostic::{Mistake, Parsed, Place, Placed, TOLD, both};
use super::text::lexer::Word;
use super::text::line::Line;
use super::text::units;
use super::{KeyType, ServerIndex, StickTable};
use crate::config::drafts::RuleLine;
use crate::config::drafts::{ProxyDraft, ProxyKind};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use acl::Acls;
use entry_samples::SLOTS;
use expression::{
    Amount, Condition, Expression, Persist, Rule, RuleAction, Rules, Test, ValueType,
};

type Read = fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed;

const fn row(
    name: &'static str,
    scope: Scope,
    words: usize,
    arguments: &'static str,
    help: &'static str,
) -> Keyword {
    let read: Read = keep;
    let action = keywords::Action::Proxy(read);
    Keyword::new(name, scope, at_least(words), arguments, help, action)
}

const SECTIONS: Scope = Scope::FRONTEND.and(Scope::BACKEND);

pub(super) const KEYWORDS: &[Keyword] = &[
    row("acl", SECTIONS, 2, "<name> <sample> [flags] [patterns]", "names a test"),
    row(
        "tcp-request connection",
        Scope::FRONTEND,
        1,
        "<action> [if|unless <condition>]",
        "as soon as a client has come in: accept, reject, silent-drop, track-sc0..2, sc-*, \
         expect-proxy layer4",
    ),
    row(
        "tcp-request session",
        Scope::FRONTEND,
        1,
        "<action> [if|unless <condition>]",
        "once the client's address is known for sure",
    ),
    row(
        "tcp-request content",
        SECTIONS,
        1,
        "<action> [if|unless <condition>]",
        "on what the client has sent",
    ),
    row(
        "tcp-request inspect-delay",
        SECTIONS,
        1,
        "<time>",
        "longest wait for what content rules ask",
    ),
    row("use_backend", Scope::FRONTEND, 1, "<backend> [if|unless <condition>]", "where to go"),
    row(
        "use-server",
        Scope::BACKEND,
        1,
        "<server> [if|unless <condition>]",
        "which server to take",
    ),
    row(
        "force-persist",
        Scope::BACKEND,
        0,
        "if|unless <condition>",
        "go to the known server even if it is down",
    ),
    row(
        "ignore-persist",
        Scope::BACKEND,
        0,
        "if|unless <condition>",
        "skips the `force-persist` rules below it; stick rules are no cookies",
    ),
];

/// Keeps a line until names are known.
fn keep(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let words = line.arguments.to_vec();
    proxy.rules.push(RuleLine { keyword: line.keyword, place: line.place, words });
    Ok(())
}

impl RuleLine {
    /// The words with their places.
    pub(super) fn placed(&self) -> Vec<Placed<&str>> {
        placed(&self.words, self.place)
    }
}

/// Words with their places.
pub(super) fn placed(words: &[Word], line: Place) -> Vec<Placed<&str>> {
    let place = |word: &Word| Place { column: word.column, ..line };
    words.iter().map(|word| Placed { value: word.text.as_str(), place: place(word) }).collect()
}

/// Reads a section's rules.
pub(super) fn resolve(
    names: Names<'_>,
    acls: &mut Vec<Vec<Test>>,
    report: &mut Report,
) -> (Rules, Vec<Option<StickCondition>>) {
    let mut reader =
        Reader { names, acls: Acls::new(acls), rules: Rules::default(), servers: None };
    let mut stick = Vec::new();
    for line in &names.current.rules {
        let result = if line.keyword == "stick" {
            let rule = reader.stick(line);
            rule.map(|rule| stick.push(Some(rule))).inspect_err(|_| stick.push(None))
        } else {
            reader.read(line, report)
        };
        if let Err(mistake) = result {
            report.mistake(mistake);
        }
    }
    (reader.rules, stick)
}

/// The key of a stick rule, and when it applies.
#[derive(Debug)]
pub(super) struct StickCondition {
    pub(super) key: Expression,
    pub(super) word: Placed<String>,
    pub(super) condition: Option<Condition>,
}

struct Reader<'a> {
    names: Names<'a>,
    acls: Acls<'a>,
    rules: Rules,
    /// The section's own servers, once one of them is named.
    servers: Option<HashMap<&'a str, ServerIndex>>,
}

impl Reader<'_> {
    fn read(&mut self, line: &RuleLine, report: &mut Report) -> Parsed {
        let words = line.placed();
        match line.keyword {
            "acl" => return self.acls.define(&words, self.names),
            "tcp-request inspect-delay" => return self.inspect_delay(&words),
            "use_backend" => {
                let (name, condition) = self.target(&words)?;
                let found = refuse_format("use_backend", name, "backend").and_then(|()| {
                    let found = self.names.backend(name.value);
                    found.map_err(|message| Mistake::new(name.place, message))
                });
                let (action, condition) = both(found, condition)?;
                self.refuse_backend(line, None, condition.as_ref())?;
                self.rules.backends.push(Rule { action, condition });
                return Ok(());
            }
            "use-server" => {
                let (name, condition) = self.target(&words)?;
                let (action, condition) = both(self.server(name), condition)?;
                self.rules.servers.push(Rule { action, condition });
                return Ok(());
            }
            "force-persist" => return self.persist(Persist::Force, line),
            "ignore-persist" => return self.persist(Persist::Ignore, line),
            _ => {}
        }
        let is_content = line.keyword == "tcp-request content";
        let (action, rest) = match self.action(&words) {
            Ok(read) => read,
            Err(mistake) => return Err(self.with_condition(mistake, &words)),
        };
        if action == RuleAction::ExpectProxy && line.keyword != "tcp-request connection" {
            let message = "'expect-proxy' can stand in 'tcp-request connection' only";
            return Err(Mistake::new(line.place, message));
        }
        let condition = self.condition(&rest)?;
        if !is_content {
            self.acls.warn_of_payload(condition.as_ref(), line.place, report);
        }
        self.refuse_backend(line, action.sample(), condition.as_ref())?;
        let rule = Rule { action, condition };
        match line.keyword {
            "tcp-request connection" => self.rules.connection.push(rule),
            "tcp-request session" => self.rules.session.push(rule),
            _ => self.rules.content.push(rule),
        }
        Ok(())
    }

    fn stick(&mut self, line: &RuleLine) -> Parsed<StickCondition> {
        let words = line.placed();
        let Some((key, rest)) = words.split_first() else {
            return Err(Mistake::new(line.place, "a stick rule wants a sample"));
        };
        let word = Placed { value: key.value.to_owned(), place: key.place };
        let key = self.expression(key);
        let (key, condition) = both(key, self.condition(rest))?;
        Ok(StickCondition { key, word, condition })
    }

    fn inspect_delay(&mut self, words: &[Placed<&str>]) -> Parsed {
        let [word] = words else {
            let place =
                words.get(1).or_else(|| words.first()).map(|word| word.place).unwrap_or_default();
            return Err(Mistake::new(place, "'tcp-request inspect-delay' wants one time"));
        };
        let ms = units::time_ms(word.value).map_err(|error| {
            let message = format!("'tcp-request inspect-delay': '{}' {error}", word.value);
            Mistake::new(word.place, message)
        })?;
        self.rules.inspect_delay_ms = Some(ms).filter(|ms| *ms > 0);
        Ok(())
    }

    /// A frontend's rules run before there is a backend.
    fn refuse_backend(
        &self,
        line: &RuleLine,
        sample: Option<&Expression>,
        condition: Option<&Condition>,
    ) -> Parsed {
        let tested = self.acls.tests(condition).map(|test| &test.sample);
        let mut samples = sample.into_iter().chain(tested);
        if self.names.current.kind.is_frontend() && samples.any(Expression::needs_backend) {
            let message = "'be_name' and 'be_id' are not known in the rules of a frontend";
            return Err(Mistake::new(line.place, message));
        }
        Ok(())
    }

    fn persist(&mut self, action: Persist, line: &RuleLine) -> Parsed {
        let condition = self.condition(&line.placed())?;
        if condition.is_none() {
            let message = format!("'{}' wants 'if' or 'unless' and a condition", line.keyword);
            return Err(Mistake::new(line.place, message));
        }
        self.rules.persist.push(Rule { action, condition });
        Ok(())
    }

    /// The name that is the first word, and the condition behind it.
    fn target<'r, 'w>(
        &mut self,
        words: &'r [Placed<&'w str>],
    ) -> Parsed<(&'r Placed<&'w str>, Parsed<Option<Condition>>)> {
        let Some((name, rest)) = words.split_first() else {
            return Err(Mistake::new(Place::default(), "a name is missing"));
        };
        Ok((name, self.condition(rest)))
    }

    /// What is wrong with a rule whose action is, together with what is with its condition.
    fn with_condition(&mut self, mistake: Mistake, words: &[Placed<&str>]) -> Mistake {
        let begin = words.iter().position(|word| matches!(word.value, "if" | "unless"));
        let condition = begin.and_then(|begin| words.get(begin..)).unwrap_or_default();
        match self.condition(condition) {
            Ok(_) => mistake,
            Err(other) => mistake.and(other),
        }
    }

    fn server(&mut self, name: &Placed<&str>) -> Parsed<ServerIndex> {
        refuse_format("use-server", name, "server")?;
        let current = self.names.current;
        let servers = self.servers.get_or_insert_with(|| names::servers(current));
        servers.get(name.value).copied().ok_or_else(|| {
            if current.gaps.may_name(&["server", "server-template"], name.value) {
                return Mistake::new(name.place, TOLD);
            }
            let known = current.servers.iter().map(|server| server.name.value.as_str());
            let hint = hint(name.value, known);
            Mistake::new(name.place, format!("there is no server '{}' here{hint}", name.value))
        })
    }

    fn condition(&mut self, words: &[Placed<&str>]) -> Parsed<Option<Condition>> {
        let condition = self.acls.condition(words, self.names)?;
        for test in self.acls.tests(condition.as_ref()) {
            self.rules.needs_payload |= test.sample.needs_payload();
            self.rules.needs_destination |= test.sample.needs_destination();
        }
        Ok(condition)
    }

    fn expression(&mut self, word: &Placed<&str>) -> Parsed<Expression> {
        let expression = sample::read(word, self.names)?;
        self.rules.needs_payload |= expression.needs_payload();
        self.rules.needs_destination |= expression.needs_destination();
        Ok(expression)
    }

    /// Reads an action; returns the words behind it.
    fn action<'w>(
        &mut self,
        words: &[Placed<&'w str>],
    ) -> Parsed<(RuleAction, Vec<Placed<&'w str>>)> {
        let Some((word, rest)) = words.split_first() else {
            return Err(Mistake::new(Place::default(), "an action is missing"));
        };
        let (name, arguments) = match word.value.split_once('(') {
            Some((name, inside)) => (name, Some(inside)),
            None => (word.value, None),
        };
        let action = match name {
            "accept" => RuleAction::Accept,
            "reject" => RuleAction::Reject,
            "silent-drop" => RuleAction::SilentDrop,
            "expect-proxy" => return expect_proxy(word, rest),
            "track-sc0" | "track-sc1" | "track-sc2" => {
                let slot = name.bytes().last().map_or(0, |digit| digit.saturating_sub(b'0'));
                return self.track(slot, word, rest);
            }
            "sc-inc-gpc" | "sc-inc-gpc0" | "sc-inc-gpc1" | "sc-add-gpc" | "sc-set-gpt"
            | "sc-set-gpt0" => return self.count(name, word, arguments, rest),
            _ => return Err(unknown_action(name, word.place)),
        };
        if arguments.is_some() {
            return Err(Mistake::new(word.place, format!("'{name}' takes no arguments")));
        }
        Ok((action, rest.to_vec()))
    }

    fn track<'w>(
        &mut self,
        slot: u8,
        word: &Placed<&'w str>,
        rest: &[Placed<&'w str>],
    ) -> Parsed<(RuleAction, Vec<Placed<&'w str>>)> {
        let Some((key, rest)) = self.chain(rest) else {
            return Err(Mistake::new(word.place, format!("'{}' wants a key", word.value)));
        };
        let key = Placed { value: key.value.as_str(), place: key.place };
        let expression = self.expression(&key);
        let own = self.names.current.table.as_ref().map(|_| self.names.current.name.as_str());
        let (name, place, rest) = match rest {
            [table, name, rest @ ..] if table.value == "table" => (name.value, name.place, rest),
            rest => match own {
                Some(own) => (own, key.place, rest),
                None if self.names.current.gaps.may_say("stick-table") => {
                    return Err(Mistake::new(key.place, TOLD));
                }
                None => {
                    let message = "the section has no 'stick-table': name one with 'table'";
                    return Err(Mistake::new(key.place, message));
                }
            },
        };
        let table = self.names.table(name).map_err(|message| Mistake::new(place, message));
        let (expression, table) = both(expression, table)?;
        if let Some(declared) = self.names.tables.get(table.index()) {
            check_key(&expression, declared, &key)?;
        }
        Ok((RuleAction::Track { slot, key: expression, table }, rest.to_vec()))
    }

    /// Reads what counts: `sc-inc-gpc0(<sc>)`, `sc-inc-gpc(<n>,<sc>)`, `sc-set-gpt0(<sc>) <v>`, ….
    fn count<'w>(
        &mut self,
        name: &str,
        word: &Placed<&'w str>,
        arguments: Option<&str>,
        rest: &[Placed<&'w str>],
    ) -> Parsed<(RuleAction, Vec<Placed<&'w str>>)> {
        let wrong = |what: String| Mistake::new(word.place, format!("'{name}' wants {what}"));
        let inside = arguments.and_then(|inside| inside.strip_suffix(')'));
        let inside = inside.ok_or_else(|| wrong("arguments in parentheses".to_owned()))?;
        let mut numbers = inside.split(',').map(|text| text.trim().parse::<u32>().ok());
        let mut number = |what: &str, below: u32| {
            let number = numbers.next().flatten().filter(|number| *number < below);
            number.ok_or_else(|| wrong(format!("{what}, a number below {below}, in parentheses")))
        };
        let (data_type, is_array) = match name {
            "sc-inc-gpc0" => (DataType::Gpc0, false),
            "sc-inc-gpc1" => (DataType::Gpc1, false),
            "sc-set-gpt0" => (DataType::Gpt0, false),
            "sc-set-gpt" => (DataType::Gpt, true),
            _ => (DataType::Gpc, true),
        };
        let element = if is_array { number("an element", DataType::ELEMENTS_MAX)? } else { 0 };
        let slot = u8::try_from(number("a counter", SLOTS.into())?).unwrap_or(0);
        if numbers.next().is_some() {
            return Err(wrong("fewer arguments".to_owned()));
        }
        if name.starts_with("sc-inc") {
            let by = Amount::Fixed(1);
            return Ok((RuleAction::Add { slot, counter: data_type, element, by }, rest.to_vec()));
        }
        let Some((value, rest)) = self.chain(rest) else {
            return Err(wrong("a number or a sample".to_owned()));
        };
        let value = Placed { value: value.value.as_str(), place: value.place };
        let amount = self.amount(&value)?;
        let action = if name == "sc-add-gpc" {
            RuleAction::Add { slot, counter: data_type, element, by: amount }
        } else {
            RuleAction::SetTag { slot, tag: data_type, element, value: amount }
        };
        Ok((action, rest.to_vec()))
    }

    /// The expression that the words begin with, and the words behind it.
    fn chain<'r, 'w>(
        &self,
        words: &'r [Placed<&'w str>],
    ) -> Option<(Placed<String>, &'r [Placed<&'w str>])> {
        let place = words.first()?.place;
        let texts = || words.iter().map(|word| word.value);
        let len = sample::chain_len(texts());
        let value = sample::joined(texts().take(len));
        Some((Placed { value, place }, words.get(len..).unwrap_or_default()))
    }

    fn amount(&mut self, word: &Placed<&str>) -> Parsed<Amount> {
        if let Ok(number) = word.value.parse() {
            return Ok(Amount::Fixed(number));
        }
        let expression = self.expression(word)?;
        match expression.value_type {
            ValueType::Integer | ValueType::Bool | ValueType::Address | ValueType::Text => {
                Ok(Amount::Sample(expression))
            }
            ValueType::Binary => {
                Err(Mistake::new(word.place, format!("'{}' is not a number", word.value)))
            }
        }
    }
}

/// HAProxy would also take a format that makes the name.
fn refuse_format(keyword: &str, name: &Placed<&str>, kind: &str) -> Parsed {
    if !name.value.contains('%') {
        return Ok(());
    }
    let message = format!(
        "'{keyword} {}' is refused: a name made of samples is not supported yet; write a rule for \
         each {kind}",
        name.value
    );
    Err(Mistake::new(name.place, message))
}

fn expect_proxy<'w>(
    word: &Placed<&'w str>,
    rest: &[Placed<&'w str>],
) -> Parsed<(RuleAction, Vec<Placed<&'w str>>)> {
    match rest.split_first() {
        Some((layer, rest)) if layer.value == "layer4" => {
            Ok((RuleAction::ExpectProxy, rest.to_vec()))
        }
        _ => Err(Mistake::new(word.place, "'expect-proxy' wants 'layer4' behind it")),
    }
}

/// Every action, with what it does.
pub(super) const ACTIONS: [(&str, &str); 13] = [
    ("accept", "lets the connection in"),
    ("reject", "closes it"),
    ("silent-drop", "forgets it: the client hears nothing"),
    ("expect-proxy", "`layer4`: it begins with a PROXY header"),
    ("track-sc0", "counts in the entry of a key"),
    ("track-sc1", "the same, a second entry"),
    ("track-sc2", "the same, a third entry"),
    ("sc-inc-gpc", "adds one to a counter of an array"),
    ("sc-inc-gpc0", "adds one to gpc0"),
    ("sc-inc-gpc1", "adds one to gpc1"),
    ("sc-add-gpc", "adds to a counter of an array"),
    ("sc-set-gpt", "sets a tag of an array"),
    ("sc-set-gpt0", "sets gpt0"),
];

fn unknown_action(name: &str, place: Place) -> Mistake {
    let message = match refused_samples::find(refused_samples::ACTIONS, name) {
        Some(refusal) => format!("'{name}' is refused: {}", refusal.reason()),
        None => {
            let hint = hint(name, ACTIONS.iter().map(|(name, _)| *name));
            format!("unknown action '{name}'{hint}")
        }
    };
    Mistake::new(place, message)
}

/// Whether a table can have such keys.
pub(super) fn check_key(key: &Expression, table: &StickTable, word: &Placed<&str>) -> Parsed {
    let can = match (table.key_type, key.value_type) {
        (KeyType::String | KeyType::Binary, _)
        | (
            KeyType::Ipv4 | KeyType::Ipv6,
            ValueType::Address | ValueType::Text | ValueType::Integer,
        )
        | (
            KeyType::Integer,
            ValueType::Integer | ValueType::Bool | ValueType::Address | ValueType::Text,
        ) => true,
        (KeyType::Ipv4 | KeyType::Ipv6, ValueType::Bool) | (_, ValueType::Binary) => false,
    };
    if can {
        return Ok(());
    }
    let message = format!("'{}' cannot be a key of table '{}'", word.value, table.name);
    Err(Mistake::new(word.place, message))
}

impl Rules {
    /// The half of a section's rules that its backend runs: in a `listen` section the frontend
    /// has run the others.
    pub(super) fn of_backend(self, kind: ProxyKind) -> Self {
        if kind.is_frontend() { Self { content: Vec::new(), ..self } } else { self }
    }
}
