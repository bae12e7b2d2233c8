//! The label of a listening socket, which goes with the socket from process to process: the name by
//! which both find it, and what a successor cannot see in the socket itself.

use crate::config::{Bind, BindAddress};
use crate::net::files::unix_file::FileId;
use crate::reload::message::encoding::{decode, encode_in_list};

/// The word for a socket that another program has opened.
const FOREIGN: &str = "foreign";
/// The word before the file of a unix socket.
const FILE: &str = "file=";

/// The label of a listening socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The name that [`name_of`] makes of the `bind` line, or the name that a service manager has
    /// chosen.
    pub name: String,
    /// Where the socket comes from.
    pub origin: SocketOrigin,
}

/// Where a listening socket comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOrigin {
    /// The file of a unix socket. It has another path than the socket's address says, as it is
    /// renamed when it is complete.
    pub file: Option<FileId>,
    /// Another program has opened the socket, and has chosen the options that `bind` does not set.
    pub is_foreign: bool,
}

impl Label {
    /// The label as a name in a list: without blanks and colons.
    pub fn write(&self) -> String {
        let mut text = encode_in_list(&self.name).into_owned();
        if let Some(file) = self.origin.file {
            text.push_str(&format!(",{FILE}{file}"));
        }
        if self.origin.is_foreign {
            text.push_str(&format!(",{FOREIGN}"));
        }
        text
    }

    /// Reads a label. Words that this version does not know are skipped.
    pub fn read(text: &str) -> Self {
        let mut words = text.split(',');
        let name = words.next().unwrap_or_default();
        let mut label = Self {
            name: decode(name).unwrap_or_else(|| name.to_owned()),
            origin: SocketOrigin::default(),
        };
        for word in words {
            if let Some(file) = word.strip_prefix(FILE) {
                label.origin.file = file.parse().ok();
            } else if word == FOREIGN {
                label.origin.is_foreign = true;
            }
        }
        label
    }

    /// The label of a socket that a service manager has opened and named.
    pub fn foreign(name: &str) -> Self {
        let origin = SocketOrigin { file: None, is_foreign: true };
        Self { name: name.to_owned(), origin }
    }
}

/// The name by which a successor finds a listening socket: the configured address, and the
/// interface.
pub fn name_of(bind: &Bind) -> String {
    let address = match &bind.address {
        BindAddress::Address(address) => address.to_string(),
        BindAddress::Fd(number) => name_of_descriptor(*number),
    };
    match &bind.settings.interface {
        Some(interface) => format!("{address}%{interface}"),
        None => address,
    }
}

/// The name of the socket of a `bind fd@N` line.
pub fn name_of_descriptor(number: i32) -> String {
    format!("fd@{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_reads_back_as_it_was_written() {
        let (seed, texts) = crate::reload::message::encoding::tests::texts();
        let files = [None, "64769.4711".parse().ok()];
        for name in texts.take(5_000) {
            for (file, is_foreign) in files.into_iter().flat_map(|f| [(f, false), (f, true)]) {
                let label = Label { name: name.clone(), origin: SocketOrigin { file, is_foreign } };
                let text = label.write();
                assert!(!text.contains(':'), "seed {seed}: {text}");
                assert_eq!(Label::read(&text), label, "seed {seed}: {text}");
            }
        }
    }

    #[test]
    fn what_another_version_says_does_not_hurt() {
        let label = Label::read("127.0.0.1%3A80,shiny,file=x,foreign");
        assert_eq!(label.name, "127.0.0.1:80");
        assert_eq!(label.origin, SocketOrigin { file: None, is_foreign: true });
        assert_eq!(Label::read("").name, "");
    }
}
