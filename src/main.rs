//! Start-up order, nothing else.

use std::error::Error;
use std::process::ExitCode;

use log::LevelFilter;

use stickd::config;
use stickd::config::{Config, Environment};
use stickd::logging;
use stickd::net::lookup;
use stickd::net::reserve::Reserved;
use stickd::process::reload::Origin;
use stickd::process::supervised::Supervision;
use stickd::process::{Process, Setup};
use stickd::reactor::clock;
use stickd::reload::child::Command;
use stickd::reload::failure::{Audience, LastWords};
use stickd::reload::inherit;
use stickd::reload::inherit::Inherited;
use stickd::reload::supervisor::Supervisor;
use stickd::reload::systemd::Notifier;
use stickd::start;
use stickd::start::PidFile;
use stickd::start::ask_reload;
use stickd::start::options;
use stickd::start::options::{Invocation, Options};
use stickd::start::precheck;
use stickd::start::precheck::Lack;

/// Memory that runs out ends a connection, not the process.
#[global_allocator]
static ALLOCATOR: Reserved = Reserved;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Run(options)) => options,
        Ok(Invocation::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Ok(Invocation::Evaluate(condition)) => return evaluate(&condition),
        Ok(Invocation::Resolve(host)) => return resolve(&host),
        Err(error) => {
            complain(&format!("stickd: {error}\nstickd -h lists the options"));
            return ExitCode::FAILURE;
        }
    };
    logging::init(level(&options));
    log_panics();
    let mut audience = Audience::default();
    match run(&options, &mut audience) {
        Ok(code) => code,
        Err(error) => {
            let text = error.to_string();
            text.lines().for_each(|line| log::error!("{line}"));
            audience.tell(&LastWords::new(&text));
            ExitCode::FAILURE
        }
    }
}

/// Everything that can fail comes before anyone is told that this process serves. `audience` is
/// told of the error that is returned.
fn run(options: &Options, audience: &mut Audience) -> Result<ExitCode, Box<dyn Error>> {
    let inherited = inherit::from_exec(&inherit::ListenVariables::of_process())?;
    *audience = Audience::of(&inherited)?;
    if inherited.handover.is_some() || inherited.supervisor.is_some() {
        logging::never_wait(); // somebody who serves waits for this process
    }
    let command = Command::of_process()?;
    if let Some(supervisor) = Supervisor::resumed(&command, Notifier::of_process)? {
        logging::never_wait();
        return Ok(ExitCode::from(supervisor.run_on()?));
    }
    if let Some(supervisor) = &inherited.supervisor {
        start::end_with_supervisor(supervisor)?;
    }
    if let Some(directory) = &options.directory {
        start::enter_directory(directory)?;
    }
    let hostname = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    let is_worker = inherited.supervisor.is_some();
    // A container ends with its first process, so that one cannot be replaced by another.
    let supervises = options.supervised || std::process::id() == 1;
    // What another process will warn of, this one does not.
    let warns = (!supervises || is_worker || options.check) && !options.reload;
    let config = match load(options, &hostname, warns) {
        Ok(config) => config,
        Err(mistakes) => {
            audience.tell(&mistakes);
            return Ok(ExitCode::FAILURE);
        }
    };
    look_around(options, &config)?;
    if options.check {
        return Ok(end_of_check(options, &config));
    }
    if !config.listens() {
        return Err(NOBODY_COMES.into());
    }
    if options.reload {
        print(&format!("{}\n", ask_reload::reload(&config)?));
        return Ok(ExitCode::SUCCESS);
    }
    if (supervises || config.global.master_worker) && !is_worker {
        return supervise(options, &config, command, inherited);
    }
    let mut process = start(options, config, command, hostname, inherited, audience)?;
    *audience = Audience::default();
    start::keep_memory_in_reserve();
    process.run()?;
    log::info!("stopped");
    Ok(ExitCode::from(process.exit_status))
}

/// Looks whether this machine has what `config` needs. What a start is sure to fail of is an error;
/// `-c` warns of the rest.
fn look_around(options: &Options, config: &Config) -> Result<(), String> {
    let (fatal, others): (Vec<_>, Vec<_>) =
        precheck::lacks(options, config).into_iter().partition(Lack::is_fatal);
    for lack in others.iter().filter(|_| options.check) {
        log::warn!("{lack}");
    }
    let fatal: Vec<String> = fatal.iter().map(Lack::to_string).collect();
    if fatal.is_empty() { Ok(()) } else { Err(fatal.join("\n")) }
}

/// A process that nothing keeps from serving any more. It serves already if there is nobody before
/// it.
fn start(
    options: &Options,
    config: Config,
    command: Command,
    hostname: String,
    mut inherited: Inherited,
    audience: &mut Audience,
) -> Result<Process, Box<dyn Error>> {
    let maxconn = start::settle_maxconn(options, &config)?;
    let supervisor = inherited.supervisor.take();
    // A successor that its predecessor started is as detached as that one was.
    let is_successor = inherited.handover.is_some() || supervisor.is_some();
    let places = start::meeting_places(options, &config);
    let (origin, predecessors) =
        start::meet_predecessors(options, &config, &places, &mut inherited)?;
    let older = inherited.take_older();
    if let Origin::Handover(socket) = &origin {
        audience.add(socket)?;
    }
    let listeners = start::open_listeners(&config, &mut inherited)?;
    inherited.close(); // what the configuration does not name refuses clients from now on
    if let Some(cpu) = options.pin.or(config.global.pin) {
        start::pin(cpu)?;
    }
    // As late as possible: until here whoever starts this process learns of its errors.
    if options.detaches(config.global.daemon) && !is_successor {
        start::detach()?;
    }
    logging::never_wait();
    let (watched_pid, notifier) = match &supervisor {
        Some(link) => (link.maker()?.unsigned_abs(), Notifier::default()),
        None => (std::process::id(), Notifier::of_process()),
    };
    let global = config.global.clone();
    let pid_file = options.pid_file.as_ref().or(global.pidfile.as_ref());
    let mut pid_file = pid_file.map(|path| PidFile::new(path, watched_pid));
    pid_file.as_mut().map_or(Ok(()), |file| file.prepare(&global))?;
    let descriptors_max = start::descriptors_max();
    let setup = Setup { maxconn, descriptors_max, hostname, command, pid_file, origin, places };
    let mut process = Process::new(config, listeners, setup)?;
    process.succession.stop_when_serving(&predecessors, &global)?;
    start::drop_privileges(&global)?;
    if let Some(link) = &supervisor {
        start::end_with_supervisor(link)?;
    }
    process.supervision = Supervision::new(supervisor, &process.reactor)?;
    process.succession.set_notifier(notifier);
    process.succession.draining.set_older(older);
    process.succession.ask_to_teach(&predecessors);
    if process.succession.is_serving() {
        process.begin_to_serve(clock::now_ms());
    }
    Ok(process)
}

/// What `-W` does instead of serving. The configuration was only read to find its mistakes early.
fn supervise(
    options: &Options,
    config: &Config,
    command: Command,
    mut inherited: Inherited,
) -> Result<ExitCode, Box<dyn Error>> {
    inherited.name_descriptors(start::descriptors_of(config));
    inherited.name_logs(start::log_descriptors_of(config));
    if options.detaches(config.global.daemon) {
        start::detach()?;
    }
    logging::never_wait();
    let supervisor = Supervisor::new(command, Notifier::of_process())?;
    let status = supervisor.run(inherited, &options.predecessor_words())?;
    Ok(ExitCode::from(status))
}

/// With HAProxy's exit status.
fn evaluate(condition: &str) -> ExitCode {
    match config::condition_holds(condition, &Environment::of_process()) {
        Ok(holds) => ExitCode::from(u8::from(!holds)),
        Err(error) => {
            complain(&format!("stickd: {error}"));
            ExitCode::from(2)
        }
    }
}

fn resolve(host: &str) -> ExitCode {
    match lookup::resolve(host) {
        Ok(address) => {
            print(&format!("{address}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("stickd: {host}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What keeps a configuration without a mistake from starting.
const NOBODY_COMES: &str = "nothing is listened on: there is no 'bind' line that counts";

/// What HAProxy's check ends with then.
const NOTHING_TO_DO: u8 = 2;

fn end_of_check(options: &Options, config: &Config) -> ExitCode {
    if !config.listens() {
        log::error!("{NOBODY_COMES}");
        return ExitCode::from(NOTHING_TO_DO);
    }
    if !options.is_quiet(config.global.is_quiet) {
        print("Configuration file is valid\n");
    }
    ExitCode::SUCCESS
}

/// The configuration, or its mistakes after they have been reported.
fn load(options: &Options, hostname: &str, warns: bool) -> Result<Config, LastWords> {
    if warns {
        options.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    }
    let (config, diagnostics) = match config::load(&options.request(hostname)) {
        Ok(loaded) => (Some(loaded.config), loaded.warnings),
        Err(diagnostics) => (None, diagnostics),
    };
    if options.is_quiet(config.as_ref().is_some_and(|config| config.global.is_quiet)) {
        log::set_max_level(LevelFilter::Error);
    }
    let mut mistakes = String::new();
    let is_refused =
        !diagnostics.is_empty() && config.as_ref().is_some_and(|config| config.global.zero_warning);
    let count = config::count(&diagnostics);
    for diagnostic in diagnostics {
        match diagnostic.severity {
            config::Severity::Warning if !is_refused && !warns => {}
            config::Severity::Warning if !is_refused => log::warn!("{diagnostic}"),
            config::Severity::Warning | config::Severity::Error => {
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
        return Err(LastWords::new(&mistakes));
    }
    if options.lists_objects && config.is_some() {
        print(&options::loaded_objects());
    }
    config.ok_or_else(|| LastWords::new(&mistakes))
}

fn level(options: &Options) -> LevelFilter {
    if options.debug {
        LevelFilter::Debug
    } else if options.is_quiet(false) {
        LevelFilter::Error
    } else {
        LevelFilter::Info
    }
}

/// Says where a panic happened, also where standard error is not read by anyone.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
}

#[expect(clippy::print_stdout, reason = "what was asked for goes to standard output")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "nothing is set up yet")]
fn complain(text: &str) {
    eprintln!("{text}");
}
