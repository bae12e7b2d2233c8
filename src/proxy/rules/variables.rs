//! The variables of connections and of the process, within the sizes of `tune.vars.*`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use super::value::Value;
use crate::config::{Variable, VariableNames, VariableScope, VariableSizes};

/// What a variable counts for beside the bytes of its text, as in HAProxy.
const VARIABLE_SIZE: usize = 80;

/// The longest text of a variable, in bytes. A longer one is not stored.
const TEXT_MAX: usize = 16 * 1024;

/// A value that a variable holds.
type Held = Value<'static>;

/// The variables of one connection.
#[derive(Debug, Default)]
pub(super) struct Variables {
    held: Vec<(Variable, Held)>,
    /// What the variables of the session count for, those of the transaction among them, and those
    /// of the request and the response.
    used: [usize; 3],
    is_answering: bool,
}

/// The variables of the process, and what all variables count for.
#[derive(Debug)]
pub struct ProcessVariables {
    names: VariableNames,
    held: HashMap<Variable, Held>,
    sizes: VariableSizes,
    used: usize,
}

/// In how many of the sizes of a connection a variable counts.
fn depth(scope: VariableScope) -> usize {
    match scope {
        VariableScope::Process => 0,
        VariableScope::Session => 1,
        VariableScope::Transaction => 2,
        VariableScope::Request | VariableScope::Response => 3,
    }
}

/// What a variable with this value counts for.
fn size_of(value: &Held) -> usize {
    let len = match value {
        Value::Text(text) | Value::Binary(text) => text.len(),
        Value::Bool(_) | Value::Integer(_) | Value::Address(_) => 0,
    };
    VARIABLE_SIZE + len
}

/// A value that does not depend on what it was made of; none if it is too long.
fn owned(value: &Value<'_>) -> Option<Held> {
    let own = |text: &[u8]| (text.len() <= TEXT_MAX).then(|| Cow::Owned(text.to_vec()));
    Some(match value {
        Value::Bool(value) => Value::Bool(*value),
        Value::Integer(number) => Value::Integer(*number),
        Value::Address(address) => Value::Address(*address),
        Value::Text(text) => Value::Text(own(text)?),
        Value::Binary(bytes) => Value::Binary(own(bytes)?),
    })
}

impl Variables {
    /// No variables yet. `is_answering` is whether the answer has begun.
    pub(super) fn new(is_answering: bool) -> Self {
        Self { is_answering, ..Self::default() }
    }

    pub(super) fn get(&self, variable: Variable) -> Option<&Held> {
        self.held.iter().find(|(other, _)| *other == variable).map(|(_, value)| value)
    }

    /// Sets a variable, unless its time has passed or has not come, or a size leaves no room.
    /// Returns whether it is set.
    pub(super) fn set(
        &mut self,
        variable: Variable,
        value: &Value<'_>,
        of_process: &mut ProcessVariables,
    ) -> bool {
        let is_out_of_time = match variable.scope {
            VariableScope::Request => self.is_answering,
            VariableScope::Response => !self.is_answering,
            VariableScope::Transaction | VariableScope::Session | VariableScope::Process => false,
        };
        let Some(value) = owned(value).filter(|_| !is_out_of_time) else { return false };
        let place = self.held.iter_mut().find(|(other, _)| *other == variable);
        let less = place.as_ref().map_or(0, |(_, held)| size_of(held));
        let more = size_of(&value);
        let VariableSizes { session, transaction, exchange, .. } = of_process.sizes;
        let depth = depth(variable.scope);
        let counted = || self.used.iter().zip([session, transaction, exchange]).take(depth);
        let has_room = counted().all(|(used, limit)| fits(*used, less, more, limit));
        if !has_room || !of_process.has_room(less, more) {
            return false;
        }
        match place {
            Some((_, held)) => *held = value,
            None => self.held.push((variable, value)),
        }
        self.count(depth, less, more, of_process);
        true
    }

    pub(super) fn unset(&mut self, variable: Variable, of_process: &mut ProcessVariables) {
        if let Some(at) = self.held.iter().position(|(other, _)| *other == variable) {
            let (_, held) = self.held.swap_remove(at);
            self.count(depth(variable.scope), size_of(&held), 0, of_process);
        }
    }

    fn count(&mut self, depth: usize, less: usize, more: usize, of_process: &mut ProcessVariables) {
        for used in self.used.iter_mut().take(depth) {
            *used = *used - less + more;
        }
        of_process.used = of_process.used - less + more;
    }

    /// The answer begins: the variables of the request are forgotten.
    pub(super) fn begin_answer(&mut self, of_process: &mut ProcessVariables) {
        self.is_answering = true;
        let of_request = |(variable, _): &(Variable, Held)| {
            Some(*variable).filter(|variable| variable.scope == VariableScope::Request)
        };
        while let Some(variable) = self.held.iter().find_map(of_request) {
            self.unset(variable, of_process);
        }
    }

    /// Gives back the room that the variables take.
    pub(super) fn finish(&self, of_process: &mut ProcessVariables) {
        let [session, ..] = self.used;
        of_process.used -= session;
    }
}

/// Whether a size allows `more` in the place of `less`.
fn fits(used: usize, less: usize, more: usize, limit: Option<u32>) -> bool {
    limit.is_none_or(|limit| used - less + more <= limit as usize)
}

impl ProcessVariables {
    /// No variable has a value yet.
    pub fn new(names: VariableNames, sizes: VariableSizes) -> Self {
        Self { names, held: HashMap::new(), sizes, used: 0 }
    }

    fn has_room(&self, less: usize, more: usize) -> bool {
        let limits = [self.sizes.all, self.sizes.process];
        limits.into_iter().all(|limit| fits(self.used, less, more, limit))
    }

    pub(super) fn get(&self, variable: Variable) -> Option<&Held> {
        self.held.get(&variable)
    }

    /// Sets a variable of the process, unless a size leaves no room. Returns whether it is set.
    pub(super) fn set(&mut self, variable: Variable, value: &Value<'_>) -> bool {
        let Some(value) = owned(value) else { return false };
        let less = self.held.get(&variable).map_or(0, size_of);
        let more = size_of(&value);
        let has_room = self.has_room(less, more);
        if has_room {
            self.used = self.used - less + more;
            self.held.insert(variable, value);
        }
        has_room
    }

    pub(super) fn unset(&mut self, variable: Variable) {
        if let Some(held) = self.held.remove(&variable) {
            self.used -= size_of(&held);
        }
    }

    /// The type and the value of a variable of the process, as the Runtime API shows them: bytes
    /// that cannot be printed are dots.
    pub fn shown(&self, name: &str) -> Option<(&'static str, String)> {
        let value = self.held.get(&self.names.find(name)?)?;
        let kind = match value {
            Value::Bool(_) => "bool",
            Value::Integer(_) => "sint",
            Value::Address(IpAddr::V4(_)) => "ipv4",
            Value::Address(IpAddr::V6(_)) => "ipv6",
            Value::Text(_) => "str",
            Value::Binary(_) => "bin",
        };
        let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
        Some((kind, value.text().iter().map(shown).collect()))
    }

    /// The names, to which a command may add.
    pub fn names_mut(&mut self) -> &mut VariableNames {
        &mut self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (VariableNames, [Variable; 5]) {
        let mut names = VariableNames::default();
        let variables =
            ["proc.a", "sess.a", "txn.a", "req.a", "res.a"].map(|name| names.intern(name).unwrap());
        (names, variables)
    }

    fn text(len: usize) -> Value<'static> {
        Value::Text(Cow::Owned(vec![b'x'; len]))
    }

    #[test]
    fn a_size_bounds_its_scope_and_those_inside_it() {
        let (names, [_, session, transaction, request, _]) = names();
        let sizes = VariableSizes { transaction: Some(170), ..VariableSizes::default() };
        let mut process = ProcessVariables::new(names, sizes);
        let mut own = Variables::default();
        own.set(session, &text(1000), &mut process);
        own.set(transaction, &text(10), &mut process);
        own.set(request, &Value::Integer(1), &mut process);
        assert_eq!(own.get(request), Some(&Value::Integer(1)), "80 and 90 bytes are 170");
        own.set(request, &text(1), &mut process);
        assert_eq!(own.get(request), Some(&Value::Integer(1)), "there is no room for more");
        own.unset(transaction, &mut process);
        own.set(request, &text(90), &mut process);
        assert_eq!(own.get(request), Some(&text(90)));
        assert_eq!(own.used, [1080 + 170, 170, 170]);
        own.finish(&mut process);
        assert_eq!(process.used, 0);
    }

    #[test]
    fn the_process_bounds_the_variables_of_all_connections() {
        let (names, [of_process, session, ..]) = names();
        let sizes = VariableSizes { process: Some(200), ..VariableSizes::default() };
        let mut process = ProcessVariables::new(names, sizes);
        process.set(of_process, &text(20));
        let mut own = Variables::default();
        own.set(session, &text(21), &mut process);
        assert_eq!(own.get(session), None);
        own.set(session, &text(20), &mut process);
        assert_eq!(own.get(session), Some(&text(20)));
        process.unset(of_process);
        assert_eq!(process.used, 100);
    }

    #[test]
    fn a_text_that_is_too_long_is_not_stored() {
        let (names, [of_process, ..]) = names();
        let mut process = ProcessVariables::new(names, VariableSizes::default());
        process.set(of_process, &text(TEXT_MAX + 1));
        assert_eq!(process.get(of_process), None);
        process.set(of_process, &text(TEXT_MAX));
        assert_eq!(process.get(of_process), Some(&text(TEXT_MAX)));
    }

    #[test]
    fn variables_of_the_request_end_where_those_of_the_response_begin() {
        let (names, [.., request, response]) = names();
        let mut process = ProcessVariables::new(names, VariableSizes::default());
        let mut own = Variables::default();
        own.set(request, &text(1), &mut process);
        own.set(response, &text(1), &mut process);
        assert_eq!((own.get(request), own.get(response)), (Some(&text(1)), None));
        own.begin_answer(&mut process);
        own.set(request, &text(2), &mut process);
        own.set(response, &text(2), &mut process);
        assert_eq!((own.get(request), own.get(response)), (None, Some(&text(2))));
        assert_eq!(process.used, 82);
    }
}
