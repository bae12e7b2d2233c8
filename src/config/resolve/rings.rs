//! The rings: those of sections, and one for each `log tcp@…` line.

use std::collections::{BTreeMap, HashMap};

use crate::config::drafts::{DestinationDraft, Draft, LogDraft, LogTargetDraft, ProxyDraft};
use crate::config::sections::log_targets::ring;
use crate::config::text::diagnostic::Place;
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{
    Framing, LogDestination, LogFormat, LogSample, LogTarget, Ring, RingId, RingServer,
};

/// The ring that HAProxy has without a section, and its memory in bytes.
const BUF0: (&str, u32) = ("buf0", 1 << 20);

/// Finds the rings of targets.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// The format of a line that names none.
    format: Option<LogFormat>,
    rings: Vec<Ring>,
    by_name: HashMap<String, RingId>,
    /// The rings of lines for a TCP log server. Several sections may inherit one line.
    by_line: BTreeMap<Place, RingId>,
    /// How many samples there are.
    samples: usize,
    /// A section may be missing.
    has_gaps: bool,
}

impl Targets {
    /// Reads the `ring` sections.
    pub(super) fn new(draft: &Draft, has_host: bool, report: &mut Report) -> Self {
        let mut targets = Self {
            format: Some(if has_host { LogFormat::Rfc3164 } else { LogFormat::Local }),
            has_gaps: draft.gaps.may_say("ring"),
            ..Self::default()
        };
        for section in &draft.rings {
            report.enter(section.label());
            let ring = ring::complete(section, report);
            let name = ring.name.clone();
            if let Some(id) = targets.add(ring, section.place, report) {
                targets.by_name.insert(name, id);
            }
        }
        report.enter(None);
        targets
    }

    /// The rings, once every line was resolved.
    pub(super) fn into_rings(self) -> Vec<Ring> {
        self.rings
    }

    /// The targets of a proxy.
    pub(super) fn of_proxy(
        &mut self,
        proxy: &ProxyDraft,
        global: &[LogTarget],
        report: &mut Report,
    ) -> Vec<LogTarget> {
        let settings = &proxy.settings;
        self.of_section(&settings.log, global, settings.log_tag.as_ref(), report)
    }

    /// The targets of a section, signed with the section's tag if there is one.
    pub(super) fn of_section(
        &mut self,
        drafts: &[LogDraft],
        global: &[LogTarget],
        tag: Option<&String>,
        report: &mut Report,
    ) -> Vec<LogTarget> {
        let mut targets = Vec::new();
        for draft in drafts {
            match draft {
                LogDraft::Global => targets.extend(global.iter().map(|target| self.copy(target))),
                LogDraft::Target(draft) => targets.extend(self.resolve(draft, report)),
            }
        }
        for target in &mut targets {
            target.tag = tag.cloned();
        }
        targets
    }

    /// A target of `global` for another section, which counts its own samples.
    fn copy(&mut self, target: &LogTarget) -> LogTarget {
        let mut target = target.clone();
        if let Some(sample) = &mut target.sample {
            sample.counter = self.samples;
            self.samples += 1;
        }
        target
    }

    /// The target of a line. None if its ring is missing.
    pub(super) fn resolve(
        &mut self,
        draft: &LogTargetDraft,
        report: &mut Report,
    ) -> Option<LogTarget> {
        let mut format = draft.format.or(self.format).unwrap_or(LogFormat::Local);
        let destination = match &draft.destination {
            DestinationDraft::Known(destination) => destination.clone(),
            DestinationDraft::Ring(name) => {
                let id = self.find(&name.value, name.place, report)?;
                format = self.rings.get(id.index())?.format;
                LogDestination::Ring(id)
            }
            DestinationDraft::Stream(address) => {
                let server = || RingServer {
                    name: "s1".to_owned(),
                    address: address.clone(),
                    framing: Framing::Legacy,
                };
                LogDestination::Ring(self.ring_of_line(draft.place, format, server, report)?)
            }
        };
        let sample = draft.sample.as_ref().map(|sample| {
            let counter = self.samples;
            self.samples += 1;
            LogSample { ranges: sample.ranges.clone(), size: sample.size, counter }
        });
        Some(LogTarget {
            destination,
            format,
            facility: draft.facility,
            level: draft.level,
            min_level: draft.min_level,
            length: draft.length,
            sample,
            tag: None,
        })
    }

    fn find(&mut self, name: &str, place: Place, report: &mut Report) -> Option<RingId> {
        if let Some(id) = self.by_name.get(name) {
            return Some(*id);
        }
        if name == BUF0.0 {
            let ring = Ring { size: BUF0.1, maxlen: BUF0.1, ..Ring::new(name) };
            let id = self.add(ring, place, report)?;
            self.by_name.insert(name.to_owned(), id);
            return Some(id);
        }
        if !self.has_gaps {
            let hint = hint(name, self.by_name.keys().map(String::as_str));
            report.error(place, format!("there is no ring '{name}'{hint}"));
        }
        None
    }

    /// The ring of a line for a TCP log server.
    fn ring_of_line(
        &mut self,
        place: Place,
        format: LogFormat,
        server: impl FnOnce() -> RingServer,
        report: &mut Report,
    ) -> Option<RingId> {
        if let Some(id) = self.by_line.get(&place) {
            return Some(*id);
        }
        let at = report.name(place);
        let ring = Ring {
            description: Some(format!("made by the 'log' line at {at}")),
            format,
            servers: vec![server()],
            ..Ring::new(&format!("ring#{}", self.by_line.len() + 1))
        };
        let id = self.add(ring, place, report)?;
        self.by_line.insert(place, id);
        Some(id)
    }

    fn add(&mut self, ring: Ring, place: Place, report: &mut Report) -> Option<RingId> {
        let Some(id) = u16::try_from(self.rings.len()).ok().filter(|id| *id < u16::MAX) else {
            report.error(place, format!("more than {} rings", u16::MAX));
            return None;
        };
        self.rings.push(ring);
        Some(RingId(id))
    }
}
