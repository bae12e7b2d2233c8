//! A server at run time: its state, its weight and its counters.

use std::net::{IpAddr, Ipv4Addr};

use super::naming::Naming;
use crate::config;
use crate::config::{
    HealthSettings, InitState, ServerAddress, ServerHealth, ServerPort, ServerSettings,
};
use crate::net::address::Address;
use crate::proxy::counters::BackendCounters;
use crate::proxy::health::check::counter::Counter;
use crate::proxy::health::check::{CheckKind, Checked};

/// What an operator wants of a server, whether it works or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdminState {
    /// It takes clients.
    #[default]
    Ready,
    /// It takes only clients whose stick entry names it.
    Drain,
    /// It takes no clients.
    Maint,
}

/// Whether a server works, as far as its checks can tell. A server without checks counts as up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It works.
    #[default]
    Up,
    /// It works, but wants no new clients.
    Stopping,
    /// It does not work.
    Down,
}

/// Where a server comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the configuration.
    Configuration,
    /// A command has added it, and it is in the maintenance that it began in. As with HAProxy,
    /// this maintenance does not keep it from being checked.
    New,
    /// A command has added it.
    Command,
}

/// What sets a server's weight or administrative state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// An operator, through the Runtime API.
    Operator,
    /// The agent of the server.
    Agent,
}

impl Author {
    /// Keeps in a field of [`ByAgent`] whether an agent has set something. Agents report the same
    /// again and again: what was so already was not set by the agent.
    pub(in crate::proxy) fn sign(self, is_by_agent: &mut bool, is_new: bool) {
        match self {
            Self::Operator => *is_by_agent = false,
            Self::Agent => *is_by_agent |= is_new,
        }
    }
}

/// What an agent has set, and no operator has set after that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByAgent {
    /// The weight.
    pub weight: bool,
    /// The administrative state.
    pub admin: bool,
}

/// How often and how long a server or a backend was out of service.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// How often it went out of service.
    pub count: u64,
    /// How long it was out of service, in milliseconds. A time that still lasts is not included.
    pub total_ms: u64,
    /// When it last went out of service or came back.
    pub changed_ms: u64,
}

impl Outage {
    /// A server or backend that is in service.
    pub fn new(now_ms: u64) -> Self {
        Self { count: 0, total_ms: 0, changed_ms: now_ms }
    }

    /// Counts that it went out of service, or came back.
    pub fn change(&mut self, did_work: bool, now_ms: u64) {
        if did_work {
            self.count += 1;
        } else {
            self.total_ms += now_ms.saturating_sub(self.changed_ms);
        }
        self.changed_ms = now_ms;
    }
}

/// After `slowstart` a server has this many sixteenths of its weight: all of it.
const WARM: u32 = 16;

/// One server of a backend.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its line in the configuration.
    pub config: config::Server,
    /// What an operator wants of it. [`crate::proxy::Shared::set_admin_state`] changes it.
    pub admin: AdminState,
    /// Whether it works. [`crate::proxy::Shared::set_health`] changes it.
    pub health: Health,
    /// Its weight now, 0 to 256. With 0 it gets only clients whose stick entry names it.
    pub weight: u32,
    /// The most connections at a time; 0 stands for no limit.
    /// [`crate::proxy::Shared::set_server_maxconn`] changes it.
    pub maxconn: u32,
    /// Its counters.
    pub counters: BackendCounters,
    /// When its state last changed.
    pub changed_ms: u64,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it has its administrative state from the server that it tracks.
    pub inherits_admin: bool,
    /// How much of its weight it has during `slowstart`, in sixteenths.
    warmth: u32,
    /// Where clients are sent; the configured address unless a command or its name moved it.
    pub address: ServerAddress,
    /// How its address follows from a name, if it does.
    pub naming: Option<Box<Naming>>,
    /// When it was out of service.
    pub outage: Outage,
    /// What its health checks have found, if it is checked.
    pub checked: Option<Box<Checked>>,
    /// What its agent has said, if there is one.
    pub agent: Option<Box<Checked>>,
    /// What its agent has set.
    pub by_agent: ByAgent,
    /// Connects that have failed since the last that succeeded, if that is observed (`observe`).
    pub failed_in_row: u32,
}

impl Server {
    /// The server as configured.
    pub fn new(config: &config::Server, now_ms: u64) -> Self {
        let settings = &config.settings;
        let admin = if settings.disabled { AdminState::Maint } else { AdminState::Ready };
        let checked = config.health.check.as_ref().map(|check| {
            let HealthSettings { rise, fall, init_state, .. } = settings.health;
            Box::new(Checked::new(Counter::new(rise, fall, init_state), check.address.clone()))
        });
        // An agent's word counts at once.
        let agent = config.health.agent.as_ref();
        let agent = agent.map(|agent| {
            let counter = Counter::new(1, 1, InitState::Up);
            Box::new(Checked::new(counter, agent.address.clone()))
        });
        let is_down = checked.as_ref().is_some_and(|checked| !checked.counter.is_up());
        let health = if is_down { Health::Down } else { Health::Up };
        Self {
            config: config.clone(),
            address: config.address.clone(),
            naming: config
                .resolution
                .as_deref()
                .map(|resolution| Box::new(Naming::new(resolution, config.has_no_address()))),
            admin,
            health,
            weight: settings.weight,
            maxconn: settings.maxconn,
            counters: BackendCounters::default(),
            changed_ms: now_ms,
            origin: Origin::Configuration,
            inherits_admin: false,
            warmth: WARM,
            outage: Outage::new(now_ms),
            checked,
            agent,
            by_agent: ByAgent::default(),
            failed_in_row: 0,
        }
    }

    /// What stands for a server where clients are sent to `address` without a choice among the
    /// servers.
    pub fn dispatch(address: &ServerAddress, now_ms: u64) -> Self {
        let config = config::Server {
            name: "<NOSRV>".to_owned(),
            id: 0,
            address: address.clone(),
            resolution: None,
            settings: ServerSettings::default(),
            health: ServerHealth::default(),
            is_named: false,
        };
        Self::new(&config, now_ms)
    }

    /// What stands for a server that was deleted: it takes no clients.
    pub(super) fn gone(now_ms: u64) -> Self {
        let nowhere = ServerAddress::from_ip(Ipv4Addr::UNSPECIFIED.into(), ServerPort::Fixed(0));
        Self { admin: AdminState::Maint, ..Self::dispatch(&nowhere, now_ms) }
    }

    /// Whether a command has added it.
    pub fn is_added(&self) -> bool {
        self.origin != Origin::Configuration
    }

    /// Whether its checks rest because an operator has put it into maintenance.
    pub fn is_paused(&self) -> bool {
        self.admin == AdminState::Maint && self.origin != Origin::New
    }

    /// The administrative state that the configuration gives it.
    pub fn configured_admin(&self) -> AdminState {
        if self.config.settings.disabled { AdminState::Maint } else { AdminState::Ready }
    }

    /// What the checks of this kind have found, if there are any.
    pub fn checked_of(&self, kind: CheckKind) -> Option<&Checked> {
        match kind {
            CheckKind::Health => self.checked.as_deref(),
            CheckKind::Agent => self.agent.as_deref(),
        }
    }

    /// What the checks of this kind have found, if there are any.
    pub fn checked_mut(&mut self, kind: CheckKind) -> Option<&mut Checked> {
        match kind {
            CheckKind::Health => self.checked.as_deref_mut(),
            CheckKind::Agent => self.agent.as_deref_mut(),
        }
    }

    /// Whether neither its health checks nor its agent say that it is down.
    pub fn is_found_up(&self) -> bool {
        let asked = [&self.checked, &self.agent].into_iter().flatten();
        asked.filter(|checked| checked.is_enabled).all(|checked| checked.counter.is_up())
    }

    /// Whether an operator drains it, and not the server that it tracks.
    pub fn is_drained_itself(&self) -> bool {
        self.admin == AdminState::Drain && !self.inherits_admin
    }

    /// The percentage of its weight that it has reached, during `slowstart`.
    pub fn throttle(&self) -> Option<u32> {
        let is_cold = self.warmth < WARM && self.is_usable_for_entry();
        is_cold.then(|| (100 * self.warmth).div_ceil(WARM))
    }

    /// Keeps when its state has changed, and counts it if it went out of service or came back.
    pub fn mark_changed(&mut self, was_out: bool, is_out: bool, now_ms: u64) {
        self.changed_ms = now_ms;
        if was_out != is_out {
            self.outage.change(!was_out, now_ms);
        }
    }

    /// Moves it to another address. Its checks move too, unless they had an address or port of
    /// their own. An agent always has a port of its own.
    pub fn move_to(&mut self, ip: IpAddr, port: ServerPort) {
        let Some((old_ip, old_port)) = self.address.ip() else { return };
        self.address = ServerAddress::from_ip(ip, port);
        if let Some(agent) = &mut self.agent
            && let Address::Ip(asked) = &mut agent.address
            && asked.ip() == old_ip
        {
            asked.set_ip(ip);
        }
        if let Some(check) = &mut self.checked
            && let Address::Ip(checked) = &mut check.address
        {
            if checked.ip() == old_ip {
                checked.set_ip(ip);
            }
            if let ServerPort::Fixed(port) = port
                && old_port == ServerPort::Fixed(checked.port())
            {
                checked.set_port(port);
            }
        }
    }

    /// Puts it at the address that its name has led to.
    pub fn settle(&mut self, ip: IpAddr) {
        if let Some(naming) = &mut self.naming {
            naming.ip = Some(ip);
            naming.is_missing = false;
        }
        if let Some((_, port)) = self.address.ip() {
            self.move_to(ip, port);
        }
    }

    /// Takes its address away, because its name leads to none.
    pub fn unsettle(&mut self) {
        if let Some(naming) = &mut self.naming {
            naming.is_missing = true;
        }
        if let Some((_, port)) = self.address.ip() {
            self.move_to(Ipv4Addr::UNSPECIFIED.into(), port);
        }
    }

    /// Changes its port, and that of its checks if it is the same.
    pub fn set_port(&mut self, port: u16) {
        if let Some((ip, _)) = self.address.ip() {
            self.move_to(ip, ServerPort::Fixed(port));
        }
    }

    /// Whether it takes no clients, because an operator wants that or because it has no address.
    pub fn is_in_maintenance(&self) -> bool {
        self.admin == AdminState::Maint || self.is_missing()
    }

    /// Whether it has no address, because its name leads to none.
    pub fn is_missing(&self) -> bool {
        self.naming.as_ref().is_some_and(|naming| naming.is_missing)
    }

    /// Its weight in sixteenths: less during `slowstart`.
    pub fn share(&self) -> u32 {
        self.weight * self.warmth
    }

    /// The part of `limit` that it may have during `slowstart`.
    pub fn warmed(&self, limit: u32) -> u32 {
        let part = u64::from(limit) * u64::from(self.warmth) / u64::from(WARM);
        u32::try_from(part).unwrap_or(limit)
    }

    /// Begins the `slowstart`, if it has one. Returns whether it has.
    pub fn start_warming(&mut self) -> bool {
        let is_slow = self.config.settings.health.slow_start_ms.is_some();
        self.warmth = if is_slow { 1 } else { WARM };
        is_slow
    }

    /// Raises its weight to what `slowstart` allows by now. Returns whether it can grow further.
    pub fn warm_up(&mut self, now_ms: u64) -> bool {
        let age_ms = now_ms.saturating_sub(self.changed_ms);
        let slow_ms = self.config.settings.health.slow_start_ms.map_or(1, u64::from);
        let warmth = (u64::from(WARM) * age_ms + slow_ms) / slow_ms;
        self.warmth = u32::try_from(warmth).unwrap_or(WARM).min(WARM);
        self.warmth < WARM && self.is_usable_for_entry()
    }

    /// Whether a client whose stick entry names it may go there.
    pub fn is_usable_for_entry(&self) -> bool {
        let is_wanted = match self.admin {
            AdminState::Ready | AdminState::Drain => true,
            AdminState::Maint => false,
        };
        let works = match self.health {
            Health::Up | Health::Stopping => true,
            Health::Down => false,
        };
        is_wanted && works && !self.is_missing()
    }

    /// Whether the balance algorithm may choose it.
    pub fn is_usable(&self) -> bool {
        self.admin == AdminState::Ready
            && self.health == Health::Up
            && self.weight > 0
            && !self.is_missing()
    }
}
