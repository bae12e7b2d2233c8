//! A `bind` line as it was typed; a `stats socket` line has the same form.

use super::tls::TlsDraft;
use crate::config::text::diagnostic::{Place, Placed};
use crate::config::text::report::Report;
use crate::config::{Bind, BindAddress, BindSettings, Level};
use crate::net::address::Address;

/// One `bind` line, or the words of a `default-bind` line.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct BindDraft {
    pub(in crate::config) place: Place,
    pub(in crate::config) addresses: Vec<BindAddress>,
    pub(in crate::config) id: Option<Placed<u32>>,
    /// The words that the running listener reads.
    pub(in crate::config) settings: BindSettings,
    /// The words about TLS.
    pub(in crate::config) tls: TlsDraft,
    /// `level` of a `stats socket` line.
    pub(in crate::config) level: Option<Level>,
}

impl BindDraft {
    /// One listener for each address.
    pub(in crate::config) fn binds(&self, report: &Report) -> impl Iterator<Item = Bind> {
        let place = report.name(self.place);
        self.addresses.iter().map(move |address| Bind {
            address: address.clone(),
            id: self.id.as_ref().map(|id| id.value),
            settings: self.settings.clone(),
            place: place.clone(),
        })
    }
}

/// The words of a `unix-bind` line.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct UnixBind {
    /// The beginning of every path.
    pub(in crate::config) prefix: String,
    pub(in crate::config) mode: Option<u32>,
    pub(in crate::config) uid: Option<u32>,
    pub(in crate::config) gid: Option<u32>,
}

impl UnixBind {
    /// Adds the prefix, and the settings that the `bind` line does not have.
    pub(in crate::config) fn complete(&self, bind: &mut BindDraft) {
        let mut has_path = false;
        for address in &mut bind.addresses {
            if let BindAddress::Address(Address::Unix(path)) = address {
                has_path = true;
                let mut whole = std::ffi::OsString::from(&self.prefix);
                whole.push(&*path);
                *path = whole.into();
            }
        }
        if has_path {
            let settings = &mut bind.settings;
            settings.mode = settings.mode.or(self.mode);
            settings.uid = settings.uid.or(self.uid);
            settings.gid = settings.gid.or(self.gid);
        }
    }
}
