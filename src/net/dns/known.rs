//! What is known of a name: its records, and how long they count when no good answer comes.

use std::net::IpAddr;

use super::message::{Reply, Service};

/// The most records of a name that are kept.
pub const KEPT_MAX: usize = 1024;

/// Why there was no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such name, or it has no record of the type.
    NoSuchName,
    /// The nameservers refuse to answer.
    Refused,
    /// The nameservers do not answer.
    Timeout,
    /// The nameservers have another trouble.
    Other,
}

/// How long the records of a name count after the last good answer, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// After answers that there is no such name.
    pub nx_ms: u64,
    /// After answers that refuse.
    pub refused_ms: u64,
    /// While no answer comes.
    pub timeout_ms: u64,
    /// After other errors.
    pub other_ms: u64,
    /// For one record that is missing in good answers.
    pub obsolete_ms: u64,
}

impl Hold {
    fn after(&self, failure: Failure) -> u64 {
        match failure {
            Failure::NoSuchName => self.nx_ms,
            Failure::Refused => self.refused_ms,
            Failure::Timeout => self.timeout_ms,
            Failure::Other => self.other_ms,
        }
    }
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// Nothing yet, or what was known before counts on.
    Unchanged,
    /// These addresses, in the order of their first appearance.
    Addresses(Vec<IpAddr>),
    /// These services.
    Services(Vec<&'a Service>),
    /// It has no addresses any more.
    Lost(Failure),
}

#[derive(Clone, Debug)]
struct Seen<T> {
    value: T,
    last_ms: u64,
}

#[derive(Clone, Debug, Default)]
enum Records {
    #[default]
    None,
    Addresses(Vec<Seen<IpAddr>>),
    Services(Vec<Seen<Service>>),
}

/// The memory of one name.
#[derive(Debug, Default)]
pub(super) struct Memory {
    records: Records,
    last_valid_ms: Option<u64>,
    /// The end of the last round: none after a good answer.
    failure: Option<Failure>,
    is_lost: bool,
    /// The nameserver whose answer counted last.
    pub(super) nameserver: Option<usize>,
}

impl Memory {
    /// Whether the name is new: nothing is known of it.
    pub(super) fn is_new(&self) -> bool {
        self.last_valid_ms.is_none() && self.failure.is_none()
    }

    /// Someone knows an address of the name already, as if an answer had come now.
    pub(super) fn note_known(&mut self, now_ms: u64) {
        self.last_valid_ms.get_or_insert(now_ms);
    }

    /// Takes the records of a good answer.
    pub(super) fn take(&mut self, reply: Reply, nameserver: usize, hold: &Hold, now_ms: u64) {
        match reply {
            Reply::Addresses(found) => {
                let mut known = match std::mem::take(&mut self.records) {
                    Records::Addresses(known) => known,
                    Records::None | Records::Services(_) => Vec::new(),
                };
                merge(&mut known, found, |a, b| a == b, hold, now_ms);
                self.records = Records::Addresses(known);
            }
            Reply::Services(found) => {
                let mut known = match std::mem::take(&mut self.records) {
                    Records::Services(known) => known,
                    Records::None | Records::Addresses(_) => Vec::new(),
                };
                let is_same = |a: &Service, b: &Service| a.port == b.port && a.target == b.target;
                merge(&mut known, found, is_same, hold, now_ms);
                self.records = Records::Services(known);
            }
            Reply::Empty
            | Reply::CnameError
            | Reply::NoSuchName
            | Reply::Refused
            | Reply::Failed => {}
        }
        self.last_valid_ms = Some(now_ms);
        self.failure = None;
        self.is_lost = false;
        self.nameserver = Some(nameserver);
    }

    /// Notes that a round ended without a good answer.
    pub(super) fn fail(&mut self, failure: Failure, hold: &Hold, now_ms: u64) {
        self.failure = Some(failure);
        let until_ms = self.last_valid_ms.map(|valid_ms| valid_ms + hold.after(failure));
        self.is_lost = until_ms.is_none_or(|until_ms| now_ms >= until_ms);
        if self.is_lost {
            self.records = Records::None;
        }
    }

    pub(super) fn known(&self) -> Known<'_> {
        match (self.failure, &self.records) {
            (Some(failure), _) if self.is_lost => Known::Lost(failure),
            (Some(_), _) | (None, Records::None) => Known::Unchanged,
            (None, Records::Addresses(known)) => {
                Known::Addresses(known.iter().map(|seen| seen.value).collect())
            }
            (None, Records::Services(known)) => {
                Known::Services(known.iter().map(|seen| &seen.value).collect())
            }
        }
    }
}

/// Renews what was found, and drops what was not found for too long.
fn merge<T>(
    known: &mut Vec<Seen<T>>,
    found: Vec<T>,
    is_same: impl Fn(&T, &T) -> bool,
    hold: &Hold,
    now_ms: u64,
) {
    // Answers come in another order each time: the order of the first one stays.
    let mut fresh = Vec::new();
    for value in found.into_iter().take(KEPT_MAX) {
        let old = known.iter_mut().chain(&mut fresh).find(|seen| is_same(&seen.value, &value));
        match old {
            Some(seen) => *seen = Seen { value, last_ms: now_ms },
            None => fresh.push(Seen { value, last_ms: now_ms }),
        }
    }
    known.retain(|seen| seen.last_ms == now_ms || now_ms < seen.last_ms + hold.obsolete_ms);
    known.append(&mut fresh);
    known.truncate(KEPT_MAX);
}
