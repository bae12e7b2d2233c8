//! The table of the actions of `tcp-request` rules, and how their words are read. The actions that
//! change what an entry stores follow from the data types.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::entry_samples::SLOTS;
use super::expression::ValueType;
use super::read_expression;
use super::rule::{Amount, RuleAction};
use crate::config::data_type::{DataType, Role};
use crate::config::drafts::names::Names;
use crate::config::keywords::refused_samples;
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, TOLD, both};
use crate::config::text::nearest::hint;

type Read = Box<dyn Fn(&mut ActionWords<'_, '_, '_>) -> Parsed<RuleAction> + Send + Sync>;

/// One row of the table.
pub(super) struct ActionRow {
    pub(super) name: Cow<'static, str>,
    pub(super) arguments: &'static str,
    pub(super) help: Cow<'static, str>,
    pub(super) example: String,
    /// Whether it can stand in `tcp-request connection` only.
    pub(super) is_of_connection: bool,
    /// Reads its arguments.
    read: Read,
}

impl ActionRow {
    /// A row for an action that can stand in every `tcp-request` rule.
    fn new(
        name: impl Into<Cow<'static, str>>,
        arguments: &'static str,
        read: impl Fn(&mut ActionWords<'_, '_, '_>) -> Parsed<RuleAction> + Send + Sync + 'static,
        help: impl Into<Cow<'static, str>>,
        example: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            arguments,
            help: help.into(),
            example: example.into(),
            is_of_connection: false,
            read: Box::new(read),
        }
    }
}

/// Every action.
pub(super) static ACTIONS: LazyLock<Vec<ActionRow>> = LazyLock::new(|| {
    let mut rows = vec![
        ActionRow::new(
            "accept",
            "",
            |words| words.alone(RuleAction::Accept),
            "Lets the connection in, and looks at no further rule.",
            "tcp-request connection accept if { src 10.0.0.0/8 }",
        ),
        ActionRow::new(
            "reject",
            "",
            |words| words.alone(RuleAction::Reject),
            "Closes the connection.",
            "tcp-request connection reject if { src_conn_rate(clients) gt 20 }",
        ),
        ActionRow::new(
            "silent-drop",
            "",
            |words| words.alone(RuleAction::SilentDrop),
            "Forgets the connection. The client hears nothing and waits.",
            "tcp-request connection silent-drop if { src 192.0.2.0/24 }",
        ),
        ActionRow {
            is_of_connection: true,
            ..ActionRow::new(
                "expect-proxy",
                "layer4",
                |words| words.expect_proxy(),
                "Makes the client begin with a PROXY header, as `accept-proxy` does.",
                "tcp-request connection expect-proxy layer4 if { src 10.0.0.1 }",
            )
        },
    ];
    for slot in 0..SLOTS {
        rows.push(ActionRow::new(
            format!("track-sc{slot}"),
            "<key> [table <name>]",
            move |words| words.track(slot),
            format!(
                "Tracks the entry of the key as sc{slot}: the connection is counted in the entry \
                 until it ends. Without a name the table is the section's own."
            ),
            format!("tcp-request connection track-sc{slot} src table clients"),
        ));
    }
    let mut changes: Vec<_> = DataType::ALL.iter().flat_map(|of| changes_of(*of)).collect();
    changes.sort_by(|first, second| first.name.cmp(&second.name));
    rows.extend(changes);
    rows
});

/// The actions that follow from a data type.
fn changes_of(data_type: DataType) -> Vec<ActionRow> {
    let name = data_type.name();
    let place = if data_type.is_array() { "(<element>,<slot>)" } else { "(<slot>)" };
    let valued = if data_type.is_array() {
        "(<element>,<slot>) <number or sample>"
    } else {
        "(<slot>) <number or sample>"
    };
    let of = if data_type.is_array() { "an element of " } else { "" };
    let of = format!("{of}{} in the entry that the slot tracks", data_type.help());
    let at = if data_type.is_array() { "(0,0)" } else { "(0)" };
    let example = |action: &str| format!("tcp-request content {action}-{name}{at}");
    match data_type.role() {
        Role::Tag => vec![ActionRow::new(
            format!("sc-set-{name}"),
            valued,
            move |words| words.set(data_type),
            format!("Sets {of}."),
            format!("{} 7", example("sc-set")),
        )],
        Role::Counter => {
            let increment = ActionRow::new(
                format!("sc-inc-{name}"),
                place,
                move |words| words.increment(data_type),
                format!("Adds 1 to {of}."),
                example("sc-inc"),
            );
            let add = ActionRow::new(
                format!("sc-add-{name}"),
                valued,
                move |words| words.add(data_type),
                format!("Adds a number to {of}."),
                format!("{} 7", example("sc-add")),
            );
            // HAProxy adds numbers to arrays alone.
            [increment].into_iter().chain(data_type.is_array().then_some(add)).collect()
        }
        Role::Server | Role::Traffic | Role::Bytes(_) | Role::Open | Role::Rate => Vec::new(),
    }
}

/// An action as it was read.
pub(super) struct ActionRead<'r, 'w> {
    pub(super) action: RuleAction,
    pub(super) row: &'static ActionRow,
    /// The words behind the action.
    pub(super) rest: &'r [Placed<&'w str>],
}

/// Reads the action that the words begin with.
///
/// # Errors
///
/// There is no such action, or its arguments are wrong.
pub(super) fn read<'r, 'w>(
    words: &'r [Placed<&'w str>],
    names: Names<'_>,
) -> Parsed<ActionRead<'r, 'w>> {
    let Some((word, rest)) = words.split_first() else {
        return Err(Mistake::new(Place::default(), "an action is missing"));
    };
    let (name, inside) = match word.value.split_once('(') {
        Some((name, inside)) => (name, Some(inside)),
        None => (word.value, None),
    };
    let row = ACTIONS.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| Mistake::new(word.place, unknown(name)))?;
    let mut words = ActionWords { name, word, inside, rest, names };
    let action = (row.read)(&mut words)?;
    Ok(ActionRead { action, row, rest: words.rest })
}

fn unknown(name: &str) -> String {
    match refused_samples::find(refused_samples::ACTIONS, name) {
        Some(refusal) => format!("'{name}' is refused: {}", refusal.reason()),
        None => {
            let known = ACTIONS.iter().map(|row| row.name.as_ref());
            format!("unknown action '{name}'{}", hint(name, known))
        }
    }
}

/// The words of one action, while they are read.
struct ActionWords<'r, 'w, 'n> {
    /// The action's name.
    name: &'w str,
    /// The word with the name, and with the arguments in parentheses.
    word: &'r Placed<&'w str>,
    /// What follows the opening parenthesis, if there is one.
    inside: Option<&'w str>,
    /// The words that have not been read.
    rest: &'r [Placed<&'w str>],
    names: Names<'n>,
}

impl ActionWords<'_, '_, '_> {
    fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.word.place, message)
    }

    fn wants(&self, what: &str) -> Mistake {
        self.mistake(format!("'{}' wants {what}", self.name))
    }

    /// An action without arguments.
    fn alone(&mut self, action: RuleAction) -> Parsed<RuleAction> {
        match self.inside {
            Some(_) => Err(self.mistake(format!("'{}' takes no arguments", self.name))),
            None => Ok(action),
        }
    }

    fn expect_proxy(&mut self) -> Parsed<RuleAction> {
        match self.rest.split_first() {
            Some((layer, rest)) if layer.value == "layer4" => {
                self.rest = rest;
                Ok(RuleAction::ExpectProxy)
            }
            _ => Err(self.wants("'layer4' behind it")),
        }
    }

    fn track(&mut self, slot: u8) -> Parsed<RuleAction> {
        let Some((key, rest)) = read_expression::split_chain(self.rest) else {
            return Err(self.mistake(format!("'{}' wants a key", self.word.value)));
        };
        let key = Placed { value: key.value.as_str(), place: key.place };
        let expression = read_expression::read(&key, self.names);
        let current = self.names.current;
        let (name, place, rest) = match rest {
            [table, name, rest @ ..] if table.value == "table" => (name.value, name.place, rest),
            rest => match &current.table {
                Some(_) => (current.name.as_str(), key.place, rest),
                None if current.may_miss_table() => {
                    return Err(Mistake::new(key.place, TOLD));
                }
                None => {
                    let message = "the section has no 'stick-table': name one with 'table'";
                    return Err(Mistake::new(key.place, message));
                }
            },
        };
        self.rest = rest;
        let table = self.names.table(name).map_err(|message| Mistake::new(place, message));
        let (expression, table) = both(expression, table)?;
        if let Some(declared) = self.names.tables.get(table.index()) {
            read_expression::check_key(&expression, declared, &key)?;
        }
        Ok(RuleAction::Track { slot, key: expression, table })
    }

    fn increment(&mut self, counter: DataType) -> Parsed<RuleAction> {
        let (element, slot) = self.element_and_slot(counter)?;
        Ok(RuleAction::Add { slot, counter, element, by: Amount::Fixed(1) })
    }

    fn add(&mut self, counter: DataType) -> Parsed<RuleAction> {
        let (element, slot) = self.element_and_slot(counter)?;
        Ok(RuleAction::Add { slot, counter, element, by: self.amount()? })
    }

    fn set(&mut self, tag: DataType) -> Parsed<RuleAction> {
        let (element, slot) = self.element_and_slot(tag)?;
        Ok(RuleAction::SetTag { slot, tag, element, value: self.amount()? })
    }

    /// The arguments in parentheses: the element of an array, and the slot of the tracked entry.
    fn element_and_slot(&mut self, data_type: DataType) -> Parsed<(u32, u8)> {
        let inside = self.inside.and_then(|inside| inside.strip_suffix(')'));
        let inside = inside.ok_or_else(|| self.wants("arguments in parentheses"))?;
        let mut numbers = inside.split(',').map(|text| text.trim().parse::<u32>().ok());
        let mut number = |what: &str, below: u32| {
            let number = numbers.next().flatten().filter(|number| *number < below);
            let wanted = || format!("{what}, a number below {below}, in parentheses");
            number.ok_or_else(|| self.wants(&wanted()))
        };
        let element =
            if data_type.is_array() { number("an element", DataType::ELEMENTS_MAX)? } else { 0 };
        let slot = u8::try_from(number("a counter", SLOTS.into())?).unwrap_or(0);
        match numbers.next() {
            Some(_) => Err(self.wants("fewer arguments")),
            None => Ok((element, slot)),
        }
    }

    /// The number or the sample that follows.
    fn amount(&mut self) -> Parsed<Amount> {
        let Some((value, rest)) = read_expression::split_chain(self.rest) else {
            return Err(self.wants("a number or a sample"));
        };
        self.rest = rest;
        if let Ok(number) = value.value.parse() {
            return Ok(Amount::Fixed(number));
        }
        let word = Placed { value: value.value.as_str(), place: value.place };
        let expression = read_expression::read(&word, self.names)?;
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
