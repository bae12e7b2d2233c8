//! A `bind` line as it was typed; a `stats socket` line has the same form.

use crate::config::text::diagnostic::{Place, Placed};
use crate::config::text::report::Report;
use crate::config::{Bind, BindAddress, BindTcp, Level};
use crate::net::address::Address;

/// One `bind` line, or the words of a `default-bind` line.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct BindDraft {
    pub(in crate::config) place: Place,
    pub(in crate::config) addresses: Vec<BindAddress>,
    pub(in crate::config) name: Option<String>,
    pub(in crate::config) id: Option<Placed<u32>>,
    pub(in crate::config) backlog: Option<u32>,
    pub(in crate::config) maxconn: Option<u32>,
    pub(in crate::config) accept_proxy: bool,
    pub(in crate::config) interface: Option<String>,
    pub(in crate::config) v4v6: Option<bool>,
    pub(in crate::config) tcp: BindTcp,
    pub(in crate::config) mode: Option<u32>,
    pub(in crate::config) uid: Option<u32>,
    pub(in crate::config) gid: Option<u32>,
    /// `level` of a `stats socket` line.
    pub(in crate::config) level: Option<Level>,
}

impl BindDraft {
    /// One listener for each address.
    pub(in crate::config) fn binds(&self, report: &Report) -> impl Iterator<Item = Bind> {
        let place = report.name(self.place);
        self.addresses.iter().map(move |address| Bind {
            address: address.clone(),
            name: self.name.clone(),
            id: self.id.as_ref().map(|id| id.value),
            backlog: self.backlog,
            maxconn: self.maxconn,
            accept_proxy: self.accept_proxy,
            interface: self.interface.clone(),
            v4v6: self.v4v6,
            tcp: self.tcp,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
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
            bind.mode = bind.mode.or(self.mode);
            bind.uid = bind.uid.or(self.uid);
            bind.gid = bind.gid.or(self.gid);
        }
    }
}
