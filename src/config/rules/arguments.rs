//! The arguments in the parentheses of samples and converters.

use std::net::IpAddr;

use super::captures::CaptureSlot;
use super::constant::Constant;
use super::expression::Nth;
use super::expression::{ContentFetch, CountedPart, Fetch, Operand};
use super::functions::Function;
use super::patterns::{Kind, ListForm, Method, Output, PatternsId, read_constant};
use super::set_condition::SetCondition;
use crate::config::drafts::names::Names;
use crate::config::text::diagnostic::{Place, TOLD};
use crate::config::{BackendId, Direction, FrontendId, ServerIndex, TableId, UserlistId, Variable};

/// The arguments of one sample or converter, and what the names among them can mean.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    /// The name of the sample or converter.
    pub(super) name: &'a str,
    /// The arguments that have not been read.
    rest: &'a [String],
    names: Names<'a>,
    /// The place of the expression.
    place: Place,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(typed: &'a Function<'a>, place: Place, names: Names<'a>) -> Self {
        Self { name: typed.name, rest: &typed.arguments, names, place }
    }

    /// Whether the section has `mode http`.
    pub(super) fn is_of_http(&self) -> bool {
        self.names.current.settings.http.is_some()
    }

    /// A list of users.
    ///
    /// # Errors
    ///
    /// There is no argument, or no such list.
    pub(super) fn userlist(&mut self) -> Result<UserlistId, String> {
        let name = self.required("userlist")?;
        self.names.userlist(name)
    }

    /// The next argument, if there is one that is not empty.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let (argument, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(argument.as_str()).filter(|argument| !argument.is_empty())
    }

    /// The next argument, which `what` describes.
    ///
    /// # Errors
    ///
    /// There is none. This and all other errors here are messages for the operator.
    pub(super) fn required(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("'{}' wants its {what} in parentheses", self.name))
    }

    /// Checks that every argument has been read.
    ///
    /// # Errors
    ///
    /// There is one argument more.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        match self.rest.first() {
            Some(word) => Err(format!("'{}' has one argument too many: '{word}'", self.name)),
            None => Ok(()),
        }
    }

    fn wrong(&self, text: &str, what: &str) -> String {
        format!("'{}': '{text}' is not {what}", self.name)
    }

    /// A number.
    ///
    /// # Errors
    ///
    /// There is no argument, or it is no number.
    pub(super) fn number(&mut self) -> Result<i64, String> {
        let text = self.required("number")?;
        text.parse().map_err(|_| self.wrong(text, "a number"))
    }

    /// The slot of a text for the log.
    pub(super) fn capture_slot(&mut self, side: Direction) -> Result<CaptureSlot, String> {
        let number = self.index(u16::MAX.into())?;
        Ok(CaptureSlot { side, number: u16::try_from(number).unwrap_or(u16::MAX) })
    }

    /// A number, if there is one.
    ///
    /// # Errors
    ///
    /// The argument is no number.
    pub(super) fn optional_number(&mut self) -> Result<Option<i64>, String> {
        let Some(text) = self.next() else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong(text, "a number"))
    }

    /// The place of a value in a list, if one is named; 0 names none.
    ///
    /// # Errors
    ///
    /// The argument is no number.
    pub(super) fn nth(&mut self) -> Result<Option<Nth>, String> {
        let Some(number) = self.optional_number()? else { return Ok(None) };
        let before = u32::try_from(number.unsigned_abs()).unwrap_or(u32::MAX).checked_sub(1);
        Ok(before.map(|before| match number {
            1.. => Nth::FromBegin(before),
            _ => Nth::FromEnd(before),
        }))
    }

    /// A number, or a variable that holds one.
    ///
    /// # Errors
    ///
    /// There is no argument, or it is neither.
    pub(super) fn operand(&mut self) -> Result<Operand, String> {
        let text = self.required("number or variable")?;
        if let Ok(number) = text.parse() {
            return Ok(Operand::Number(number));
        }
        let variable = self.names.index.variable(text);
        variable.map(Operand::Variable).map_err(|error| {
            let wrong = self.wrong(text, "a number or a variable");
            format!("{wrong}: {error}")
        })
    }

    /// A number below `below`: the number of a slot or of an element, for instance.
    ///
    /// # Errors
    ///
    /// There is no argument, or it is no such number.
    pub(super) fn index(&mut self, below: u32) -> Result<u32, String> {
        let text = self.required("number")?;
        let number = text.parse().ok().filter(|number| *number < below);
        number.ok_or_else(|| self.wrong(text, &format!("a number below {below}")))
    }

    /// The range of a random number; the widest one without an argument.
    ///
    /// # Errors
    ///
    /// The argument is no number, or 0.
    pub(super) fn range(&mut self) -> Result<u32, String> {
        let Some(text) = self.next() else { return Ok(u32::MAX) };
        match text.parse() {
            Ok(0) => Err(format!("'{}' wants a range of at least 1", self.name)),
            Ok(range) => Ok(range),
            Err(_) => Err(self.wrong(text, "a number")),
        }
    }

    /// True or false.
    ///
    /// # Errors
    ///
    /// There is no argument, or it is neither.
    pub(super) fn boolean(&mut self) -> Result<bool, String> {
        match self.required("value")? {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            text => Err(self.wrong(text, "true or false")),
        }
    }

    /// An address for which `is_right` holds.
    ///
    /// # Errors
    ///
    /// There is no argument, or it is no such address.
    pub(super) fn address(&mut self, is_right: fn(&IpAddr) -> bool) -> Result<IpAddr, String> {
        let text = self.required("address")?;
        let address = text.parse().ok().filter(is_right);
        address.ok_or_else(|| self.wrong(text, "such an address"))
    }

    /// The offset and the length of bytes that have been sent.
    ///
    /// # Errors
    ///
    /// An argument is missing, or is no number of 32 bits.
    pub(super) fn payload(&mut self) -> Result<Fetch, String> {
        Ok(Fetch::Content(ContentFetch::Payload(self.offset()?, self.offset()?)))
    }

    /// The place of bytes that have their length before them: the offset of the length, the number
    /// of its bytes, and the offset of the bytes themselves. That offset counts from the end of
    /// the length when it has a sign.
    ///
    /// # Errors
    ///
    /// An argument is missing or no such number, or the bytes would begin before the first byte.
    pub(super) fn counted_part(&mut self) -> Result<Fetch, String> {
        let (len_at, len_bytes) = (self.offset()?, self.offset()?);
        if !(1..=4).contains(&len_bytes) {
            return Err(format!("'{}' wants a length of 1 to 4 bytes", self.name));
        }
        let behind = len_at.saturating_add(len_bytes);
        let begin = match self.next() {
            None => Some(behind),
            Some(text) => {
                let number: i32 = text.parse().map_err(|_| self.wrong(text, "a number"))?;
                let is_relative = text.starts_with(['+', '-']);
                if is_relative { behind.checked_add_signed(number) } else { number.try_into().ok() }
            }
        };
        let begin = begin.ok_or_else(|| "an offset is not negative".to_owned())?;
        Ok(Fetch::Content(ContentFetch::Counted(CountedPart { len_at, len_bytes, begin })))
    }

    fn offset(&mut self) -> Result<u32, String> {
        u32::try_from(self.number()?).map_err(|_| "an offset is not negative".to_owned())
    }

    /// A name, if there is one.
    pub(super) fn name(&mut self) -> Option<Box<str>> {
        self.next().map(Into::into)
    }

    /// A frontend; without an argument the section's own.
    ///
    /// # Errors
    ///
    /// There is no such frontend, or the section is none.
    pub(super) fn frontend(&mut self) -> Result<FrontendId, String> {
        let current = self.names.current;
        let name = match self.next() {
            Some(name) => name,
            None if current.kind.is_frontend() => &current.name,
            None => return Err(format!("'{}' wants the name of a frontend here", self.name)),
        };
        self.names.frontend(name)
    }

    /// A backend; without an argument the section's own.
    ///
    /// # Errors
    ///
    /// There is no such backend, or the section is none.
    pub(super) fn backend(&mut self) -> Result<BackendId, String> {
        let current = self.names.current;
        match self.next() {
            Some(name) => self.names.backend(name),
            None if current.kind.is_backend() => self.names.backend(&current.name),
            None => Err(format!("'{}' wants the name of a backend here", self.name)),
        }
    }

    /// A server, of the section's own backend if no backend is named.
    ///
    /// # Errors
    ///
    /// There is no argument, or no such server.
    pub(super) fn server(&mut self) -> Result<(BackendId, ServerIndex), String> {
        let name = self.required("server")?;
        let (backend, server) = name.split_once('/').unwrap_or((&self.names.current.name, name));
        self.names.server(backend, server)
    }

    /// A table; without an argument the section's own.
    ///
    /// # Errors
    ///
    /// There is no such table, or the section has none of its own.
    pub(super) fn table(&mut self) -> Result<TableId, String> {
        let own = self.names.current.table.as_ref().map(|_| self.names.current.name.as_str());
        match self.next().or(own) {
            Some(name) => self.names.table(name),
            None if self.names.current.may_miss_table() => Err(TOLD.to_owned()),
            None => Err(format!("'{}' wants a table: the section has none of its own", self.name)),
        }
    }

    /// A table, if one is named.
    ///
    /// # Errors
    ///
    /// There is no such table.
    pub(super) fn named_table(&mut self) -> Result<Option<TableId>, String> {
        self.next().map(|name| self.names.table(name)).transpose()
    }

    /// A variable.
    ///
    /// # Errors
    ///
    /// There is no argument, or it is no name of a variable.
    pub(super) fn variable(&mut self) -> Result<Variable, String> {
        let name = self.required("variable")?;
        self.names.index.variable(name)
    }

    /// A variable, if one is named.
    ///
    /// # Errors
    ///
    /// The argument is no name of a variable.
    pub(super) fn named_variable(&mut self) -> Result<Option<Variable>, String> {
        self.next().map(|name| self.names.index.variable(name)).transpose()
    }

    /// The variable that an argument names which may also be something without a scope.
    ///
    /// # Errors
    ///
    /// There is no such scope.
    pub(super) fn variable_at_scope(&self, typed: &str) -> Result<Option<Variable>, String> {
        typed.contains('.').then(|| self.names.index.variable(typed)).transpose()
    }

    /// The conditions on which a variable is set: all arguments that are left.
    ///
    /// # Errors
    ///
    /// An argument is no condition.
    pub(super) fn set_conditions(&mut self) -> Result<Vec<SetCondition>, String> {
        std::iter::from_fn(|| self.next()).map(SetCondition::read).collect()
    }

    /// A table that has to be named.
    ///
    /// # Errors
    ///
    /// There is no argument, or no such table.
    pub(super) fn required_table(&mut self) -> Result<TableId, String> {
        let name = self.required("table")?;
        self.names.table(name)
    }

    /// The map of a file, and the value for what is not in the map.
    ///
    /// # Errors
    ///
    /// There is no file, the file is wrong, or the value is.
    pub(super) fn map(
        &mut self,
        method: Method,
        output: Output,
    ) -> Result<(PatternsId, Option<Constant>), String> {
        let name = self.name;
        let file = self.required("file")?;
        let kind = Kind { method, ignores_case: false, output: Some(output) };
        let map = self.names.index.patterns.file(file, ListForm::Map, kind, self.place);
        let map = map.map_err(|error| format!("'{name}': {error}"))?;
        let default = self.next().map(|text| read_constant(text, output)).transpose();
        Ok((map, default.map_err(|error| format!("'{name}': {error}"))?))
    }
}
