//! The metrics as text, in slices: finds the next family and the next object.

use super::families;
use super::families::{Family, ObjectValues, ProcessValue};
use super::object;
use super::own;
use super::own::Own;
use super::text::{Kind, NO_NUMBER, write_head, write_value};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::stats::object::{Object, Position};
use crate::config::TableId;
use crate::proxy::backend::server::Server;
use crate::proxy::backend::servers::ListCursor;

/// How many values one slice looks at. The bytes of a slice are bounded as well.
const WORK_PER_SLICE: usize = 1024;
/// A value of a backend that looks at this many servers counts as one more value.
const SERVERS_PER_WORK: usize = 16;

/// Parts of the metrics, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Scopes(u8);

impl Scopes {
    /// No metrics.
    pub(in crate::admin) const NONE: Self = Self(0);
    /// All metrics.
    pub(in crate::admin) const ALL: Self = Self(0x7f);

    /// The part with this name in a query.
    pub(in crate::admin) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" => Self::NONE,
            "*" => Self::ALL,
            "global" => Self(1),
            "frontend" => Self(1 << 1),
            "listener" => Self(1 << 2),
            "backend" => Self(1 << 3),
            "server" => Self(1 << 4),
            "sticktable" => Self(1 << 5),
            "stickd" => Self(1 << 6),
            _ => return None,
        })
    }

    /// The parts of both sets.
    pub(in crate::admin) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, name: &str) -> bool {
        Self::named(name).is_some_and(|scope| self.0 & scope.0 != 0)
    }
}

/// The part that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Process,
    Frontends,
    Listeners,
    Backends,
    Servers,
    Tables,
    Own,
    Done,
}

impl Part {
    fn next(self) -> Self {
        match self {
            Self::Process => Self::Frontends,
            Self::Frontends => Self::Listeners,
            Self::Listeners => Self::Backends,
            Self::Backends => Self::Servers,
            Self::Servers => Self::Tables,
            Self::Tables => Self::Own,
            Self::Own | Self::Done => Self::Done,
        }
    }

    fn scope(self) -> &'static str {
        match self {
            Self::Process => "global",
            Self::Frontends => "frontend",
            Self::Listeners => "listener",
            Self::Backends => "backend",
            Self::Servers => "server",
            Self::Tables => "sticktable",
            Self::Own | Self::Done => "stickd",
        }
    }

    /// What the names of the families begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Process => "haproxy_process_",
            Self::Frontends => "haproxy_frontend_",
            Self::Listeners => "haproxy_listener_",
            Self::Backends => "haproxy_backend_",
            Self::Servers => "haproxy_server_",
            Self::Tables => "haproxy_sticktable_",
            Self::Own | Self::Done => "",
        }
    }

    /// The families of frontends, backends or servers.
    fn object_families(self) -> &'static [Family<ObjectValues>] {
        match self {
            Self::Frontends => families::FRONTEND,
            Self::Listeners => families::LISTENER,
            Self::Backends => families::BACKEND,
            Self::Servers => families::SERVER,
            Self::Process | Self::Tables | Self::Own | Self::Done => &[],
        }
    }
}

/// The metrics that are still to be written. Objects may change between two slices, so they are
/// found by their positions, which last as long as the process.
#[derive(Debug)]
pub(in crate::admin) struct Page {
    scopes: Scopes,
    no_maint: bool,
    part: Part,
    family: usize,
    object: usize,
    /// Where the servers of the backend `object` go on.
    server: ListCursor,
    /// The same behind the server that is being written.
    next_server: ListCursor,
    /// The head of the family was written.
    has_head: bool,
    /// The metrics that HAProxy does not have.
    own: Own,
}

impl Page {
    pub(in crate::admin) fn new(scopes: Scopes, no_maint: bool) -> Self {
        Self {
            scopes,
            no_maint,
            part: Part::Process,
            family: 0,
            object: 0,
            server: ListCursor::default(),
            next_server: ListCursor::default(),
            has_head: false,
            own: Own::default(),
        }
    }

    /// Appends the next slice. Returns whether it was the last slice.
    pub(in crate::admin) fn advance(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        let mut work = 0;
        while out.len() < SLICE_LEN_MAX && work < WORK_PER_SLICE {
            if self.part == Part::Done {
                return true;
            }
            work += 1 + self.step(context, out);
        }
        false
    }

    /// Writes one value or one group of values. Returns how many more values that counts for.
    fn step(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> usize {
        if !self.scopes.has(self.part.scope()) {
            self.enter_next_part();
            return 0;
        }
        match self.part {
            Part::Process => {
                write_process(context, out);
                self.enter_next_part();
                families::PROCESS.len()
            }
            Part::Frontends | Part::Listeners | Part::Backends | Part::Servers => {
                self.step_families(context, out)
            }
            Part::Tables => self.step_tables(context, out),
            Part::Own => {
                let work = self.own.step(context, out);
                if work.is_none() {
                    self.enter_next_part();
                }
                work.unwrap_or(0)
            }
            Part::Done => 0,
        }
    }

    fn enter_next_part(&mut self) {
        self.part = self.part.next();
        self.family = 0;
        self.enter_family();
    }

    fn enter_family(&mut self) {
        self.object = 0;
        self.server = ListCursor::default();
        self.has_head = false;
    }

    fn step_families(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> usize {
        let Some(family) = self.part.object_families().get(self.family) else {
            self.enter_next_part();
            return 0;
        };
        let Some(object) = self.object(context) else {
            self.family += 1;
            self.enter_family();
            return 0;
        };
        let work = match object {
            Object::Backend(backend) => backend.servers.len() / SERVERS_PER_WORK,
            Object::Frontend(_) | Object::Endpoint(_) | Object::Server(_) | Object::Listener(_) => {
                0
            }
        };
        self.enter_next_object();
        if object::is_shown(family.values, &object, context) && !self.hides(&object) {
            let name = format!("{}{}", self.part.prefix(), family.name);
            if !std::mem::replace(&mut self.has_head, true) {
                write_head(out, &name, family.kind, family.values.help());
            }
            object::write(family.values, &name, &object, context, out);
        }
        work
    }

    /// The next object, if the family has one more.
    fn object<'a>(&mut self, context: &'a Context<'_>) -> Option<Object<'a>> {
        let shared = &context.shared;
        match self.part {
            Part::Frontends => match self.object.checked_sub(shared.frontends.len()) {
                None => Position::Frontend(self.object),
                Some(at) => Position::Endpoint(at),
            },
            Part::Listeners => {
                while context.clients.listeners().get(self.object)?.counters.is_none() {
                    self.object += 1;
                }
                Position::Listener(self.object)
            }
            Part::Backends => Position::Backend(self.object),
            _ => {
                let (server, next) = loop {
                    match shared.backends.get(self.object)?.servers.next_of(self.server) {
                        Some(found) => break found,
                        None => {
                            self.object += 1;
                            self.server = ListCursor::default();
                        }
                    }
                };
                self.next_server = next;
                Position::Server { backend: self.object, server }
            }
        }
        .object(context)
    }

    fn enter_next_object(&mut self) {
        match self.part {
            Part::Servers => self.server = self.next_server,
            _ => self.object += 1,
        }
    }

    fn hides(&self, object: &Object<'_>) -> bool {
        let is_in_maintenance = object.server().is_some_and(Server::is_in_maintenance);
        self.no_maint && is_in_maintenance
    }

    fn step_tables(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> usize {
        let Some(family) = families::STICK_TABLE.get(self.family) else {
            self.enter_next_part();
            return 0;
        };
        let count = context.shared.tables.ids().count();
        let table = u16::try_from(self.object).ok().filter(|_| self.object < count).map(TableId);
        let Some(table) = table else {
            self.family += 1;
            self.enter_family();
            return 0;
        };
        let name = format!("{}{}", self.part.prefix(), family.name);
        if !std::mem::replace(&mut self.has_head, true) {
            write_head(out, &name, family.kind, family.values.help);
        }
        let table = context.shared.tables.get(table);
        let declaration = table.declaration();
        let labels = [("name", declaration.name.as_str()), ("type", declaration.key_type.name())];
        write_value(out, &name, &labels, (family.values.value)(table));
        self.object += 1;
        0
    }
}

fn write_process(context: &Context<'_>, out: &mut Vec<u8>) {
    for family in families::PROCESS {
        let name = format!("{}{}", Part::Process.prefix(), family.name);
        let field = family.values.field();
        write_head(out, &name, family.kind, field.meaning());
        let (value, _) = field.value(context);
        let value = value.text();
        let value = value.as_deref().unwrap_or(NO_NUMBER);
        match family.values {
            ProcessValue::BuildInfo => write_value(out, &name, &[("version", value)], 1),
            ProcessValue::Number(_) | ProcessValue::Unknown(_) => {
                write_value(out, &name, &[], value);
            }
        }
    }
}

/// A family of metrics, for the reference.
#[derive(Debug)]
pub struct FamilyReference {
    /// The whole name.
    pub name: String,
    /// Prometheus' type: `counter` or `gauge`.
    pub kind: &'static str,
    /// What the family shows.
    pub help: &'static str,
}

/// All families of metrics, in the order in which they are shown.
pub fn reference() -> Vec<FamilyReference> {
    let entry = |part: Part, name: &str, kind: Kind, help| FamilyReference {
        name: format!("{}{name}", part.prefix()),
        kind: kind.name(),
        help,
    };
    let process = families::PROCESS.iter().map(|family| {
        entry(Part::Process, family.name, family.kind, family.values.field().meaning())
    });
    let objects = [Part::Frontends, Part::Listeners, Part::Backends, Part::Servers]
        .into_iter()
        .flat_map(|part| {
            let families = part.object_families().iter();
            families.map(move |family| entry(part, family.name, family.kind, family.values.help()))
        });
    let tables = families::STICK_TABLE
        .iter()
        .map(|family| entry(Part::Tables, family.name, family.kind, family.values.help));
    let own = own::heads().map(|head| entry(Part::Own, head.name, head.kind, head.help));
    process.chain(objects).chain(tables).chain(own).collect()
}
