//! What happens once, between the command line and the first turn of the loop: [`run`] has the
//! order, the other files have the steps.
//!
//! ```text
//! inherit descriptors, load the configuration (-c ends here)
//! find the predecessor, open or take over the listening sockets
//! detach, try out the pid file
//! start the saver
//! make the process with its tables
//! give up privileges, be confined
//! serve, or learn from the predecessor first
//! ```

mod failure_recipients;
mod hardening;
mod listeners;
mod maxconn;
mod predecessors;
mod privileges;
mod saving;
mod system;

pub mod ask_reload;
pub mod manual;
pub mod options;
pub mod precheck;

use std::error::Error;
use std::io;
use std::io::Write as _;
use std::process::ExitCode;

use log::LevelFilter;

use crate::config;
use crate::config::{Config, Diagnostic, Loaded, ServerLines, plain_lines};
use crate::explain;
use crate::explain::Question;
use crate::logging;
use crate::process::pid_file::PidFile;
use crate::process::{Beginning, Means, Process, Setup, Teacher};
use crate::reload::child::Command;
use crate::reload::expendable::Expendable;
use crate::reload::failure::Failure;
use crate::reload::inherit;
use crate::reload::inherit::Inherited;
use crate::reload::offers;
use crate::reload::supervisor::Supervisor;
use crate::reload::supervisor::worker_link::WorkerLink;
use crate::reload::systemd::Notifier;
pub use failure_recipients::FailureRecipients;
use hardening::Confinement;
use options::Options;
use precheck::Lack;
use privileges::Needs;

/// Why a configuration without a mistake does not start.
const NO_LISTENER: &str = "nothing is listened on: there is no 'bind' line that counts";

/// The exit status of HAProxy's check of such a configuration.
const NOTHING_TO_DO: u8 = 2;

/// Does what `options` ask for: checks the configuration, asks for a reload, supervises, or serves.
/// Returns when the process is to end. `recipients` are the processes that have to be told of an
/// error.
///
/// # Errors
/// The step of the start that failed. Everything that can fail comes before any other process is
/// told that this process serves. Later, that the loop cannot wait for events.
pub fn run(
    options: &Options,
    recipients: &mut FailureRecipients,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut inherited = inherit::from_exec(&inherit::ListenVariables::of_process())?;
    *recipients = FailureRecipients::of(&inherited)?;
    if inherited.handover.is_some() || inherited.supervisor.is_some() {
        logging::never_wait(); // the process that serves waits for this one
    }
    if inherited.supervisor.is_some() {
        logging::start_log::keep();
    }
    let command = Command::of_process()?;
    if let Some(supervisor) = Supervisor::resumed(&command, &mut inherited, Notifier::of_process)? {
        logging::never_wait();
        privileges::keep_memory_closed();
        return Ok(ExitCode::from(supervisor.run_on()?));
    }
    let supervisor = inherited.supervisor.take().map(WorkerLink::new);
    if let Some(supervisor) = &supervisor {
        system::end_with_supervisor(supervisor)?;
    }
    if let Some(directory) = &options.directory {
        system::enter_directory(directory)?;
    }
    let hostname = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    let is_worker = supervisor.is_some();
    // A container ends with its first process, so another process cannot take over from that one.
    let supervises = options.supervised || std::process::id() == 1;
    // A process does not log the warnings that another process will log.
    let warns = (!supervises || is_worker || options.check) && !options.reload;
    let Loaded { config, server_lines, warnings } = match load(options, &hostname, warns) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            recipients.tell(&mistakes);
            return Ok(ExitCode::FAILURE);
        }
    };
    if options.explain || options.question.is_some() {
        print(&explained(options, &config)?);
        return Ok(ExitCode::SUCCESS);
    }
    let supervises = supervises || config.global.master_worker;
    if warns && !supervises && !config.global.master_sockets.is_empty() {
        log::warn!("-S has no effect: there is no supervisor without -W");
    }
    look_around(options, &config)?;
    if options.check {
        return Ok(end_of_check(options, &config));
    }
    if !config.listens() {
        return Err(NO_LISTENER.into());
    }
    if options.reload {
        print(&format!("{}\n", ask_reload::reload(&config)?));
        return Ok(ExitCode::SUCCESS);
    }
    if supervises && !is_worker {
        return supervise(options, &config, command, inherited);
    }
    let startup_log = startup_log(options, &warnings);
    let given = Given { command, hostname, inherited, supervisor, server_lines, startup_log };
    let mut process = make_process(options, config, given, recipients)?;
    *recipients = FailureRecipients::default();
    system::keep_memory_in_reserve();
    process.run()?;
    let stopped_by = process.stopped_by();
    let saving = process.take_saving();
    drop(process); // closes all sockets; what follows may take a while
    saving.finish();
    log::info!("stopped");
    Ok(stopped_by.map_or(ExitCode::SUCCESS, |signal| system::end_by(signal, is_worker)))
}

/// What the process was given by the process that started it, and what its own configuration says
/// of servers that are added later.
struct Given {
    command: Command,
    hostname: String,
    inherited: Inherited,
    supervisor: Option<WorkerLink>,
    server_lines: ServerLines,
    startup_log: String,
}

/// Makes the process that serves, or that learns from its predecessor first. Nothing can keep it
/// from serving any more.
fn make_process(
    options: &Options,
    config: Config,
    given: Given,
    recipients: &mut FailureRecipients,
) -> Result<Process, Box<dyn Error>> {
    let Given { command, hostname, mut inherited, supervisor, server_lines, startup_log } = given;
    let maxconn = maxconn::settle_maxconn(options, &config)?;
    // A process that its predecessor or a supervisor has started is already detached.
    let is_detached = inherited.handover.is_some() || supervisor.is_some();
    let places = predecessors::meeting_places(options, &config);
    let (teacher, mut others) =
        predecessors::meet_predecessors(options, &config, &places, &mut inherited)?;
    if let Teacher::Predecessor { socket, .. } = &teacher {
        recipients.add(socket)?;
    }
    let expendable = match &teacher {
        Teacher::Nobody => Expendable::default(),
        Teacher::Predecessor { .. } | Teacher::LocalPeer => Expendable::begin(),
    };
    // After a crash the files are left alone: without entries, as those may have been the cause.
    let is_first = matches!(teacher, Teacher::Nobody) && !inherited.follows_process();
    let listeners = listeners::open_listeners(&config, &mut inherited)?;
    let kept = inherited.take_tables();
    let lent = offers::receive(match &teacher {
        Teacher::Predecessor { socket, .. } => Some(socket),
        Teacher::Nobody | Teacher::LocalPeer => None,
    })?;
    let cpus = system::cpus();
    inherited.close(); // sockets that the configuration does not name refuse clients from now on
    if let Some(cpu) = options.pin.or(config.global.pin) {
        system::pin(cpu)?;
    }
    // As late as possible: the process that starts this one learns of errors only before this.
    if options.detaches(config.global.daemon) && !is_detached {
        system::detach()?;
    }
    logging::never_wait();
    let (watched_pid, notifier) = match &supervisor {
        Some(link) => (link.maker()?.unsigned_abs(), Notifier::default()),
        None => (std::process::id(), Notifier::of_process()),
    };
    let needs = Needs::of(&config, supervisor.is_some());
    let confinement = Confinement::of(&config, supervisor.is_some());
    let global = config.global.clone();
    let gives_up_privileges = privileges::gives_up_privileges(&global);
    let pid_file = options.pid_file.as_ref().or(global.pidfile.as_ref());
    let mut pid_file = pid_file.map(|path| PidFile::new(path, watched_pid));
    let closes_files = gives_up_privileges || confinement.closes_files();
    pid_file.as_mut().map_or(Ok(()), |file| file.prepare(closes_files))?;
    let (saver, saver_child) = saving::start(&config, confinement, cpus)?.unzip();
    let setup = Setup {
        maxconn,
        descriptors_max: system::descriptors_max(),
        hostname,
        teacher,
        places,
        server_lines,
        startup_log,
        tables: Beginning { is_kept: supervisor.is_some(), lent, kept, reads_files: is_first },
        saver,
        means: Means { command, pid_file, notifier, gives_up_privileges, expendable },
    };
    let mut process = Process::new(config, listeners, setup)?;
    let child = if closes_files { others.keep_privileges()? } else { None };
    process.expendable_mut().around(|| privileges::drop_privileges(&global, &needs))?;
    if let Some(link) = &supervisor {
        system::end_with_supervisor(link)?;
    }
    process.set_supervisor(supervisor)?;
    others.ask_to_teach();
    let sockets = process.control_directory();
    let hardening = confinement.apply(&global, sockets.as_deref(), process.command_mut())?;
    process.set_hardening(hardening);
    process.begin(others, child.into_iter().chain(saver_child));
    Ok(process)
}

/// What `-W` does instead of serving. The configuration was only read to find its mistakes early.
fn supervise(
    options: &Options,
    config: &Config,
    command: Command,
    mut inherited: Inherited,
) -> Result<ExitCode, Box<dyn Error>> {
    inherited.name_descriptors(listeners::descriptors_of(config));
    inherited.name_logs(listeners::log_descriptors_of(config));
    let master = listeners::open_master(config, &mut inherited)?;
    if options.detaches(config.global.daemon) {
        system::detach()?;
    }
    logging::never_wait();
    privileges::close_memory(&config.global)?; // the configuration names certificates with keys
    let supervisor = Supervisor::new(command, Notifier::of_process(), master)?;
    let status = supervisor.run(inherited, &options.predecessor_words())?;
    Ok(ExitCode::from(status))
}

/// Looks whether this machine has what `config` needs. If a start is sure to fail, the result is an
/// error. `-c` warns instead: a configuration is often checked on another machine.
fn look_around(options: &Options, config: &Config) -> Result<(), String> {
    let lacks = precheck::lacks(options, config);
    if options.check {
        lacks.iter().for_each(|lack| log::warn!("{lack}"));
        return Ok(());
    }
    let fatal: Vec<_> = lacks.into_iter().filter(Lack::is_fatal).collect();
    let fatal: Vec<String> = fatal.iter().map(Lack::to_string).collect();
    if fatal.is_empty() { Ok(()) } else { Err(fatal.join("\n")) }
}

/// What the configuration means, or where a client goes.
fn explained(options: &Options, config: &Config) -> Result<String, Box<dyn Error>> {
    match &options.question {
        Some(words) => explain::answer(config, &Question::read(words)?),
        None => Ok(explain::explain(config)),
    }
}

fn end_of_check(options: &Options, config: &Config) -> ExitCode {
    if !config.listens() {
        log::error!("{NO_LISTENER}");
        return ExitCode::from(NOTHING_TO_DO);
    }
    if options.verbose {
        print(&explain::summary(config));
    }
    if !options.is_quiet(config.global.is_quiet) {
        print("Configuration file is valid\n");
    }
    ExitCode::SUCCESS
}

/// The configuration. Its mistakes have been logged when it is refused.
fn load(options: &Options, hostname: &str, warns: bool) -> Result<Loaded, Failure> {
    if warns {
        options.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    }
    let (loaded, diagnostics) = match config::load(&options.request(hostname)) {
        Ok(mut loaded) => {
            let warnings = std::mem::take(&mut loaded.warnings);
            (Some(loaded), warnings)
        }
        Err(diagnostics) => (None, diagnostics),
    };
    let config = loaded.as_ref().map(|loaded| &loaded.config);
    if options.is_quiet(config.is_some_and(|config| config.global.is_quiet)) {
        log::set_max_level(LevelFilter::Error);
    }
    let mut mistakes = String::new();
    let is_refused =
        !diagnostics.is_empty() && config.is_some_and(|config| config.global.zero_warning);
    let count = config::count(&diagnostics);
    for diagnostic in &diagnostics {
        match diagnostic.kind {
            config::DiagnosticKind::Warning if !is_refused && !warns => {}
            config::DiagnosticKind::Warning if !is_refused => log::warn!("{diagnostic}"),
            config::DiagnosticKind::Warning | config::DiagnosticKind::Error => {
                log::error!("{diagnostic}");
                mistakes.push_str(&format!("{diagnostic}\n"));
            }
        }
    }
    if config.is_none() {
        log::error!("{count}");
    }
    if is_refused {
        let said = if options.zero_warning { "-dW was given" } else { "'zero-warning' is set" };
        log::error!("these are warnings, and {said}");
        return Err(Failure::new(&mistakes));
    }
    if options.lists_objects && config.is_some() {
        print(&options::loaded_objects());
    }
    let loaded = loaded.map(|loaded| Loaded { warnings: diagnostics, ..loaded });
    loaded.ok_or_else(|| Failure::new(&mistakes))
}

/// What the process has warned of before it began, for `show startup-logs`.
fn startup_log(options: &Options, warnings: &[Diagnostic]) -> String {
    const LEN_MAX: usize = 65_536;
    let pid = std::process::id();
    let of_options = options.warnings.iter().map(ToString::to_string);
    let texts = of_options.chain(warnings.iter().map(ToString::to_string));
    let mut log = String::new();
    for text in texts {
        let line = format!("[WARNING]  ({pid}) : {text}\n");
        if log.len() + line.len() > LEN_MAX {
            break;
        }
        log.push_str(&line);
    }
    log
}

/// Prints what was asked for on the command line. A reader that has read enough, such as `head`, is
/// no error.
pub fn print(text: &str) {
    let _ = io::stdout().write_all(plain_lines(text).as_bytes());
}
