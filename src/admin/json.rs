//! Writes JSON: objects, lists and values, as bytes.

use std::fmt::Display;
use std::io::Write;

/// The end of a list that is the last member of an object, and of the object.
pub(in crate::admin) const END_OF_LIST: &[u8] = b"]}";

/// An object that is being written.
#[derive(Debug)]
pub(in crate::admin) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl Object<'_> {
    /// Writes an object with the members that `write` adds.
    pub(in crate::admin) fn write(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        write(&mut Object { out, is_empty: true });
        out.push(b'}');
    }

    /// Writes an object with the members that `write` adds, and begins its last member: a list of
    /// this name. The caller writes the list's parts, and then [`END_OF_LIST`].
    pub(in crate::admin) fn write_open(
        out: &mut Vec<u8>,
        list: &str,
        write: impl FnOnce(&mut Object<'_>),
    ) {
        out.push(b'{');
        let mut object = Object { out, is_empty: true };
        write(&mut object);
        object.name(list);
        object.out.push(b'[');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        write_text(name, self.out);
        self.out.push(b':');
    }

    /// Adds a text.
    pub(in crate::admin) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        write_text(value, self.out);
    }

    /// Adds a text, or null if there is none.
    pub(in crate::admin) fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.plain(name, "null"),
        }
    }

    /// Adds a number.
    pub(in crate::admin) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.plain(name, value.into());
    }

    /// Adds a number, or null if there is none.
    pub(in crate::admin) fn number_or_null(&mut self, name: &str, value: Option<u64>) {
        match value {
            Some(value) => self.number(name, value),
            None => self.plain(name, "null"),
        }
    }

    /// Adds `true` or `false`.
    pub(in crate::admin) fn flag(&mut self, name: &str, value: bool) {
        self.plain(name, value);
    }

    /// Adds an object.
    pub(in crate::admin) fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        Object::write(self.out, write);
    }

    /// Adds a list with one object for each item.
    pub(in crate::admin) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Object<'_>, T),
    ) {
        self.name(name);
        self.out.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            Object::write(self.out, |object| write(object, item));
        }
        self.out.push(b']');
    }

    /// Adds a list of numbers.
    pub(in crate::admin) fn numbers(&mut self, name: &str, items: impl IntoIterator<Item = u32>) {
        self.name(name);
        self.out.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            // Writing to a vector cannot fail.
            let _ = write!(self.out, "{comma}{item}");
        }
        self.out.push(b']');
    }

    fn plain(&mut self, name: &str, value: impl Display) {
        self.name(name);
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "{value}");
    }
}

/// Writes a text with quotes around it.
pub(in crate::admin) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    // Most texts need no escape and are copied as they are.
    let needs_escape = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    for part in
        text.as_bytes().chunk_by(|before, next| !needs_escape(before) && !needs_escape(next))
    {
        // Writing to a vector cannot fail.
        let _ = match part {
            [letter @ (b'"' | b'\\')] => out.write_all(&[b'\\', *letter]),
            [control @ 0..0x20] => write!(out, "\\u{control:04x}"),
            _ => out.write_all(part),
        };
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_lists_and_objects_are_set_apart_by_commas_and_texts_are_escaped() {
        let mut out = Vec::new();
        Object::write(&mut out, |object| {
            object.text("a\"", "b\\\n");
            object.number_or_null("n", None);
            object.number("m", 7u64);
            object.flag("f", true);
            object.list("l", [1u32, 2], |object, item| object.number("i", item));
            object.numbers("e", []);
            object.numbers("s", [1, 2]);
            object.object("o", |object| object.text_or_null("t", None));
        });
        let text = r#"{"a\"":"b\\\u000a","n":null,"m":7,"f":true,"l":[{"i":1},{"i":2}],"e":[],"#;
        let text = text.to_owned() + r#""s":[1,2],"o":{"t":null}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), text);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["a\""], "b\\\n");
    }
}
