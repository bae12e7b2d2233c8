//! The metrics of the process as text, in slices: which family comes next, and of which object.

use super::families;
use super::families::Family;
use super::object;
use super::object::Object;
use super::own::Own;
use super::text::write_head;
use crate::admin::commands::show_info;
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::config::TableId;
use crate::proxy::backend::server::AdminState;

/// How much is looked at in one slice, in values: what is written of it is bounded as well.
const WORK_PER_SLICE: usize = 1024;
/// Servers that a value of their backend looks at for the price of one value.
const SERVERS_PER_WORK: usize = 16;

/// Parts of the metrics, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Scopes(u8);

impl Scopes {
    /// Nothing.
    pub(in crate::admin) const NONE: Self = Self(0);
    /// Everything.
    pub(in crate::admin) const ALL: Self = Self(0x7f);

    /// The part that a query names.
    pub(in crate::admin) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" => Self::NONE,
            "*" => Self::ALL,
            "global" => Self(1),
            "frontend" => Self(1 << 1),
            // HAProxy has figures of single listeners where 'option socket-stats' asks for them.
            "listener" => Self(1 << 2),
            "backend" => Self(1 << 3),
            "server" => Self(1 << 4),
            "sticktable" => Self(1 << 5),
            "stickd" => Self(1 << 6),
            _ => return None,
        })
    }

    /// Both together.
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
    Backends,
    Servers,
    TableSizes,
    TableUses,
    Own,
    Done,
}

impl Part {
    fn next(self) -> Self {
        match self {
            Self::Process => Self::Frontends,
            Self::Frontends => Self::Backends,
            Self::Backends => Self::Servers,
            Self::Servers => Self::TableSizes,
            Self::TableSizes => Self::TableUses,
            Self::TableUses => Self::Own,
            Self::Own | Self::Done => Self::Done,
        }
    }

    fn scope(self) -> &'static str {
        match self {
            Self::Process => "global",
            Self::Frontends => "frontend",
            Self::Backends => "backend",
            Self::Servers => "server",
            Self::TableSizes | Self::TableUses => "sticktable",
            Self::Own | Self::Done => "stickd",
        }
    }

    /// What the names begin with, and the families of the part.
    fn families(self) -> (&'static str, &'static [Family]) {
        match self {
            Self::Process => ("haproxy_process_", families::PROCESS),
            Self::Frontends => ("haproxy_frontend_", families::FRONTEND),
            Self::Backends => ("haproxy_backend_", families::BACKEND),
            Self::Servers => ("haproxy_server_", families::SERVER),
            Self::TableSizes | Self::TableUses => ("haproxy_sticktable_", families::STICK_TABLE),
            Self::Own | Self::Done => ("stickd_", &[]),
        }
    }
}

/// The metrics that are still to be written. Objects may change meanwhile: they are found anew by
/// their positions, which last as long as the process.
#[derive(Debug)]
pub(in crate::admin) struct Page {
    scopes: Scopes,
    no_maint: bool,
    part: Part,
    family: usize,
    object: usize,
    /// Of the backend `object`.
    server: usize,
    /// The head of the family was written.
    has_head: bool,
    /// The part that has more than families of objects.
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
            server: 0,
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

    /// Writes one thing and goes on to the next; returns how much more than one value it was.
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
            Part::Frontends | Part::Backends | Part::Servers => self.step_families(context, out),
            Part::TableSizes | Part::TableUses => self.step_tables(context, out),
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
        self.server = 0;
        self.has_head = false;
    }

    fn step_families(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> usize {
        let (prefix, families) = self.part.families();
        let Some(family) = families.get(self.family) else {
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
            Object::Frontend(_) | Object::Endpoint(_) | Object::Server(..) => 0,
        };
        self.enter_next_object();
        if object::is_shown(family, &object, context) && !self.hides(&object) {
            let name = format!("{prefix}{}", family.name);
            if !std::mem::replace(&mut self.has_head, true) {
                write_head(out, &name, family.kind, family.help());
            }
            object::write(family, &name, &object, context, out);
        }
        work
    }

    /// The object whose turn it is, if the family has one more.
    fn object<'a>(&mut self, context: &'a Context<'_>) -> Option<Object<'a>> {
        let shared = &context.shared;
        match self.part {
            Part::Frontends => match shared.frontends.get(self.object) {
                Some(frontend) => Some(Object::Frontend(frontend)),
                None => {
                    let index = self.object - shared.frontends.len();
                    context.endpoints.get(index).map(Object::Endpoint)
                }
            },
            Part::Backends => shared.backends.get(self.object).map(Object::Backend),
            _ => {
                while let Some(backend) = shared.backends.get(self.object) {
                    if self.server < backend.servers.len() {
                        return Some(Object::Server(backend, self.server));
                    }
                    self.object += 1;
                    self.server = 0;
                }
                None
            }
        }
    }

    fn enter_next_object(&mut self) {
        match self.part {
            Part::Servers => self.server += 1,
            _ => self.object += 1,
        }
    }

    fn hides(&self, object: &Object<'_>) -> bool {
        let is_in_maintenance = object.server().is_some_and(|s| s.admin == AdminState::Maint);
        self.no_maint && is_in_maintenance
    }

    fn step_tables(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> usize {
        let index = if self.part == Part::TableSizes { 0 } else { 1 };
        let (prefix, families) = self.part.families();
        let Some(family) = families.get(index) else { return 0 };
        let count = context.shared.tables.ids().count();
        let table = u16::try_from(self.object).ok().filter(|_| self.object < count).map(TableId);
        let Some(table) = table else {
            self.enter_next_part();
            return 0;
        };
        let name = format!("{prefix}{}", family.name);
        if !std::mem::replace(&mut self.has_head, true) {
            write_head(out, &name, family.kind, family.help());
        }
        object::write_table(&name, context.shared.tables.get(table), index == 0, out);
        self.object += 1;
        0
    }
}

fn write_process(context: &Context<'_>, out: &mut Vec<u8>) {
    let figures = show_info::figures(context);
    let (prefix, families) = Part::Process.families();
    for family in families {
        let figure = figures.iter().find(|(name, _)| *name == family.column);
        let name = format!("{prefix}{}", family.name);
        write_head(out, &name, family.kind, family.help());
        object::write_figure(family, &name, figure.map(|(_, value)| value.as_str()), out);
    }
}
