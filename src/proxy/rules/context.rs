//! What rules look at and change.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::memory::{Memory, SetEnds};
use super::page::PageFacts;
use super::trace::Trace;
use super::truth::Truth;
use super::value::Value;
use super::variables::ProcessVariables;
use crate::config::rules::{Needs, PatternLists, RulePlace, Test};
use crate::config::{BackendId, FrontendId, LogLevel, ServerIndex};
use crate::net::proxy_protocol::Additions;
use crate::net::tls::session::Session;
use crate::proxy::backend::Backend;
use crate::proxy::connection::entry_failure::{EntryFailure, ServerFailure};
use crate::proxy::connection::log_record::LogRecord;
use crate::proxy::frontend::Frontend;
use crate::proxy::random::RandomNumbers;
use crate::table::Tables;

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// The address that the client connected to; known only where a rule asks for it.
    pub destination: Option<SocketAddr>,
    /// The number of the listener in the frontend.
    pub socket: u32,
    /// What the client's PROXY header has said beside the addresses, if the client has sent one.
    pub header: Option<&'a Additions>,
    /// The TLS sessions of both sides.
    pub tls: Sessions<'a>,
    /// The sockets of both sides.
    pub sockets: Sockets<'a>,
    /// The frontend.
    pub frontend: FrontendId,
    /// The backend, once there is one.
    pub backend: Option<BackendId>,
    /// What the side that the rules are about has sent so far.
    pub sent: Sent<'a>,
    /// Whether the rules wait for nothing more: they decide by what is known now.
    pub is_final: bool,
    /// The request of a client of a page.
    pub page: Option<PageFacts<'a>>,
    /// What the log would be told of the connection now, if its unique id is yet to be made.
    pub noted: Option<&'a LogRecord>,
}

impl<'a> Facts<'a> {
    /// What the log knows of a connection.
    pub fn of_record(noted: &'a LogRecord, entry: EntryFacts<'a>) -> Self {
        let EntryFacts { socket, header, tls, sockets } = entry;
        Self {
            client: noted.client,
            destination: noted.local,
            socket,
            header,
            tls,
            sockets: Sockets { chosen: noted.server, ..sockets },
            frontend: noted.frontend,
            backend: noted.backend,
            sent: Sent::ByClient(&[]),
            is_final: true,
            page: None,
            noted: Some(noted),
        }
    }
}

/// How a client has come in.
#[derive(Clone, Copy, Debug)]
pub struct EntryFacts<'a> {
    /// The number of the listener in the frontend.
    pub socket: u32,
    /// What the client's PROXY header has said beside the addresses.
    pub header: Option<&'a Additions>,
    /// The TLS sessions of both sides.
    pub tls: Sessions<'a>,
    /// The sockets of both sides.
    pub sockets: Sockets<'a>,
}

/// The TLS sessions of a connection's sides; none of a side that speaks in the clear.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sessions<'a> {
    /// With the client.
    pub client: Option<&'a Session>,
    /// With the server.
    pub server: Option<&'a Session>,
    /// Why a side has failed.
    pub failures: Failures,
}

impl<'a> Sessions<'a> {
    /// The sessions of sides that have not failed.
    pub fn of(client: Option<&'a Session>, server: Option<&'a Session>) -> Self {
        Self { client, server, failures: Failures::default() }
    }
}

/// Why the sides of a connection have failed before anything passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failures {
    /// Why the client was refused.
    pub client: Option<EntryFailure>,
    /// Why the last TLS handshake with the server has failed.
    pub server: Option<ServerFailure>,
}

/// The sockets of a connection's sides, as far as they are open, and the server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sockets<'a> {
    /// Of the client.
    pub client: Option<BorrowedFd<'a>>,
    /// Of the server.
    pub server: Option<BorrowedFd<'a>>,
    /// The server that was chosen last.
    pub chosen: Option<ServerIndex>,
}

/// What one side has sent.
#[derive(Clone, Copy, Debug)]
pub enum Sent<'a> {
    /// The client.
    ByClient(&'a [u8]),
    /// The server.
    ByServer(&'a [u8]),
}

impl<'a> Sent<'a> {
    /// The bytes that a sample with these needs is about; none if it is about the other side.
    pub(super) fn payload(self, needs: Needs) -> Option<&'a [u8]> {
        match (self, needs) {
            (Self::ByClient(bytes), Needs::Request | Needs::Content)
            | (Self::ByServer(bytes), Needs::Response | Needs::Content) => Some(bytes),
            // Only `wait_end` looks at no bytes.
            (Self::ByClient(bytes) | Self::ByServer(bytes), Needs::Nothing) => Some(bytes),
            (
                _,
                Needs::Request
                | Needs::Response
                | Needs::Destination
                | Needs::Backend
                | Needs::LogLine
                | Needs::Page,
            ) => None,
        }
    }
}

/// The objects of all connections that rules look at and change.
#[derive(Debug)]
pub struct RuleObjects<'s> {
    /// The names of the files of the configuration.
    pub files: &'s [String],
    /// The access lists.
    pub acls: &'s [Vec<Test>],
    /// The lists of patterns.
    pub patterns: &'s PatternLists,
    /// The frontends.
    pub frontends: &'s [Frontend],
    /// The backends.
    pub backends: &'s [Backend],
    /// The stick tables.
    pub tables: &'s mut Tables,
    /// The source of random numbers.
    pub random: &'s mut RandomNumbers,
    /// The variables of the process.
    pub variables: &'s mut ProcessVariables,
    /// Where what the rules find is noted, if somebody asks why.
    pub trace: Option<&'s mut Trace>,
}

/// Everything that rules look at and change.
#[derive(Debug)]
pub struct Context<'a, 't> {
    /// What is known of the connection.
    pub(super) facts: Facts<'a>,
    /// The names of the files of the configuration.
    pub(super) files: &'a [String],
    /// The access lists.
    pub(super) acls: &'a [Vec<Test>],
    /// The lists of patterns.
    pub(super) patterns: &'a PatternLists,
    /// The frontends.
    pub(super) frontends: &'a [Frontend],
    /// The backends.
    pub(super) backends: &'a [Backend],
    /// The stick tables.
    pub(super) tables: &'t mut Tables,
    /// The source of random numbers.
    pub(super) random: &'t mut RandomNumbers,
    /// The variables of the process.
    pub(super) variables: &'t mut ProcessVariables,
    /// Where what the rules find is noted, if somebody asks why.
    pub(super) trace: Option<&'t mut Trace>,
    /// What the rules remember of the connection.
    pub(super) memory: &'t mut Memory,
    /// Whether the content rules have begun, before which there are no variables of a transaction.
    pub(super) has_transaction: bool,
    /// Whether the rules are those about the client's own connection.
    pub(super) is_at_connection: bool,
    /// Whether a rule has asked for a PROXY header.
    pub expects_header: bool,
    /// The level that a rule has given to the line in the log.
    pub log_level: Option<LogLevel>,
    /// Whether a rule has set an end of the connection.
    pub(super) has_set_ends: bool,
    /// The time.
    pub(super) now_ms: u64,
}

impl<'a, 't> Context<'a, 't> {
    /// The context of one connection, with what the rules remember of it.
    pub fn new(
        facts: Facts<'a>,
        objects: RuleObjects<'t>,
        memory: &'t mut Memory,
        now_ms: u64,
    ) -> Self
    where
        't: 'a,
    {
        let RuleObjects { files, acls, patterns, frontends, backends, .. } = objects;
        let RuleObjects { tables, random, variables, trace, .. } = objects;
        Self {
            facts,
            files,
            acls,
            patterns,
            frontends,
            backends,
            tables,
            random,
            variables,
            trace,
            memory,
            has_transaction: true,
            is_at_connection: false,
            expects_header: false,
            log_level: None,
            has_set_ends: false,
            now_ms,
        }
    }

    /// The same for rules that run before the content rules.
    pub fn before_content(self) -> Self {
        Self { has_transaction: false, ..self }
    }

    /// The same for the rules about the client's own connection: they set its ends themselves.
    pub fn at_connection(self) -> Self {
        Self { is_at_connection: true, ..self }
    }

    /// The client's address before rules behind those of the connection have set another.
    pub(super) fn own_client(&self) -> Option<SocketAddr> {
        self.memory.own_ends.as_ref().and_then(|own| own.client).or(self.facts.client)
    }

    /// The same of the destination.
    pub(super) fn own_destination(&self) -> Option<SocketAddr> {
        self.memory.own_ends.as_ref().and_then(|own| own.destination).or(self.facts.destination)
    }

    /// The client's address and the destination, if a rule has set the one or the other.
    pub fn set_ends(&self) -> Option<SetEnds> {
        let Facts { client, destination, .. } = self.facts;
        self.has_set_ends.then_some(SetEnds { client, destination })
    }

    /// Notes what a test has found.
    pub(super) fn note_test(&mut self, test: &Test, truth: Truth, value: Option<&Value<'_>>) {
        if let Some(trace) = &mut self.trace {
            trace.note_test(test, truth, value);
        }
    }

    /// Notes what a rule has found.
    pub(super) fn note_rule(&mut self, place: RulePlace, truth: Truth) {
        if let Some(trace) = &mut self.trace {
            trace.note_rule(place, truth);
        }
    }

    /// Notes the name or key that the last rule has made of samples.
    pub(super) fn note_made(&mut self, value: Option<&Value<'_>>) {
        if let Some(trace) = &mut self.trace {
            trace.note_made(value);
        }
    }

    /// Has the rules decide by what is known now.
    pub fn stop_waiting(&mut self) {
        self.facts.is_final = true;
    }
}
