//! The listeners of each section, and a check that no address is used twice.

use std::collections::HashMap;

use super::numbering;
use crate::config::drafts::BindDraft;
use crate::config::drafts::ProxyDraft;
use crate::config::text::address::{LISTEN_MAX, UNIX_LISTEN_MAX};
use crate::config::text::diagnostic::Place;
use crate::config::text::report::Report;
use crate::config::{Bind, BindAddress};
use crate::net::address::Address;

/// Every address to listen on, with its place.
#[derive(Default)]
pub(in crate::config) struct Listeners {
    places: HashMap<BindAddress, Place>,
}

impl Listeners {
    pub(in crate::config) fn add(
        &mut self,
        address: &BindAddress,
        place: Place,
        report: &mut Report,
    ) {
        if let BindAddress::Address(Address::Unix(path)) = address
            && path.as_os_str().len() > UNIX_LISTEN_MAX
        {
            let (path, len) = (path.display(), path.as_os_str().len());
            let message = format!(
                "the path '{path}' has {len} bytes: that of a unix socket that is listened on \
                 has at most {UNIX_LISTEN_MAX}"
            );
            report.error(place, message);
        }
        if self.places.len() == LISTEN_MAX {
            report.error(place, format!("more than {LISTEN_MAX} addresses are listened on"));
        }
        if let Some(other) = self.places.get(address) {
            let at = report.name(*other);
            let shown = match address {
                BindAddress::Address(address) => address.to_string(),
                BindAddress::Fd(number) => format!("fd@{number}"),
            };
            report.error(place, format!("'{shown}' is listened on already, at {at}"));
        } else {
            self.places.insert(address.clone(), place);
        }
    }

    pub(super) fn add_draft(&mut self, bind: &BindDraft, report: &mut Report) {
        for address in &bind.addresses {
            self.add(address, bind.place, report);
        }
    }

    pub(super) fn binds_of(&mut self, proxy: &ProxyDraft, report: &mut Report) -> Vec<Bind> {
        let mut ids: HashMap<u32, Place> = HashMap::new();
        let mut binds = Vec::new();
        for bind in &proxy.binds {
            self.add_draft(bind, report);
            if let Some(id) = &bind.id
                && let Some(other) = ids.insert(id.value, id.place)
            {
                let at = report.name(other);
                report.error(id.place, format!("id {} is used already, at {at}", id.value));
            }
            binds.extend(bind.binds(report));
        }
        if binds.is_empty() && proxy.binds.is_empty() && proxy.is_whole() {
            report.warning(
                proxy.place,
                "no 'bind' line: nothing is listened on; declare a backend if this was meant",
            );
        }
        let forced: Vec<_> = binds.iter().map(|bind| bind.id).collect();
        for (bind, id) in binds.iter_mut().zip(numbering::numbers(&forced)) {
            bind.id = Some(id);
            bind.settings.has_statistics = proxy.settings.options.socket_stats;
        }
        binds
    }
}
