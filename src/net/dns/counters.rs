//! What is counted of a nameserver, with HAProxy's names.

/// The counters of one nameserver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Questions sent.
    pub sent: u64,
    /// Questions that could not be sent.
    pub snd_error: u64,
    /// Answers with records.
    pub valid: u64,
    /// Answers that changed the address of a server.
    pub update: u64,
    /// Answers with another name for the name.
    pub cname: u64,
    /// Answers whose other names lead to no record.
    pub cname_error: u64,
    /// Answers without a record.
    pub any_err: u64,
    /// Answers that say that there is no such name.
    pub nx: u64,
    /// Questions without an answer.
    pub timeout: u64,
    /// Answers that refuse the question.
    pub refused: u64,
    /// Answers with another error.
    pub other: u64,
    /// Answers that cannot be read, or that do not belong to the question.
    pub invalid: u64,
    /// Answers that are longer than `accepted_payload_size`.
    pub too_big: u64,
    /// Answers that were cut: the question goes to the nameserver again, over TCP.
    pub truncated: u64,
    /// Answers that came too late: always 0, because they find no socket any more.
    pub outdated: u64,
}

impl Counters {
    /// The names and values, in HAProxy's order.
    pub fn list(&self) -> [(&'static str, u64); 15] {
        [
            ("sent", self.sent),
            ("snd_error", self.snd_error),
            ("valid", self.valid),
            ("update", self.update),
            ("cname", self.cname),
            ("cname_error", self.cname_error),
            ("any_err", self.any_err),
            ("nx", self.nx),
            ("timeout", self.timeout),
            ("refused", self.refused),
            ("other", self.other),
            ("invalid", self.invalid),
            ("too_big", self.too_big),
            ("truncated", self.truncated),
            ("outdated", self.outdated),
        ]
    }
}
