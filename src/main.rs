//! Start-up order, nothing else.

use std::error::Error;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use log::LevelFilter;

use stickd::config::{self, Config, Environment};
use stickd::logging;
use stickd::net::lookup;
use stickd::net::reserve::Reserved;
use stickd::options::{self, Invocation, Options};
use stickd::process::{Process, Setup};
use stickd::reactor::clock;
use stickd::reload::inherit::{self, Inherited};
use stickd::reload::notify::Notifier;
use stickd::reload::successor::Command;
use stickd::reload::supervisor::Supervisor;
use stickd::startup::{self, PidFile};

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
    let mut lifeline = None;
    match run(&options, &mut lifeline) {
        Ok(code) => code,
        Err(error) => {
            for line in error.to_string().lines() {
                log::error!("{line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// `lifeline` stays open until the error that is returned has been logged: a predecessor ends a
/// successor as soon as it sees the handover socket closed.
fn run(options: &Options, lifeline: &mut Option<UnixStream>) -> Result<ExitCode, Box<dyn Error>> {
    let mut inherited = inherit::from_exec(&inherit::ListenVariables::of_process())?;
    let is_successor = inherited.handover.is_some() || inherited.supervisor.is_some();
    if is_successor {
        logging::never_wait(); // somebody who serves waits for this process
    }
    *lifeline = inherited.handover.as_ref().map(UnixStream::try_clone).transpose()?;
    let command = Command::of_process()?;
    if let Some(directory) = &options.directory {
        startup::enter_directory(directory)?;
    }
    let hostname = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    // What a supervisor's worker will warn of, the supervisor does not.
    let warns = !options.supervised || inherited.supervisor.is_some() || options.check;
    let Some(config) = load(options, &hostname, warns) else { return Ok(ExitCode::FAILURE) };
    if options.check {
        if !options.is_quiet(config.global.is_quiet) {
            print("Configuration file is valid\n");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let supervisor = inherited.supervisor.take();
    if (options.supervised || config.global.master_worker) && supervisor.is_none() {
        return supervise(options, &config, command, inherited);
    }
    let maxconn = startup::settle_maxconn(options, &config)?;
    let places = startup::meeting_places(options, &config);
    let (origin, predecessors) =
        startup::meet_predecessors(options, &config, &places, &mut inherited)?;
    let older = inherited.take_older();
    let listeners = startup::open_listeners(&config, &mut inherited)?;
    drop(inherited); // what the configuration does not name any more refuses clients from now on
    if let Some(cpu) = options.pin.or(config.global.pin) {
        startup::pin(cpu)?;
    }
    // As late as possible: until here whoever starts this process learns of its errors. A successor
    // that its predecessor started is as detached as that one was.
    if options.detaches(config.global.daemon) && !is_successor {
        startup::detach()?;
    }
    logging::never_wait();
    let (watched_pid, notifier) = match &supervisor {
        Some(_) => (std::os::unix::process::parent_id(), Notifier::default()),
        None => (std::process::id(), Notifier::of_process()),
    };
    let is_supervised = supervisor.is_some();
    let global = config.global.clone();
    let pid_file = options.pid_file.as_ref().or(global.pidfile.as_ref());
    let setup = Setup {
        maxconn,
        descriptors_max: startup::descriptors_max(),
        hostname,
        command,
        pid_file: pid_file.map(|path| PidFile::new(path, watched_pid)),
        origin,
        places,
    };
    let mut process = Process::new(config, listeners, setup)?;
    process.succession.set_watchers(supervisor, notifier, &process.reactor)?;
    process.succession.stop_when_serving(&predecessors);
    process.succession.draining.set_older(older);
    predecessors.ask_to_teach();
    if process.succession.is_serving() {
        process.begin_to_serve(clock::now_ms());
    }
    startup::drop_privileges(&global, process.succession.pid_file_mut())?;
    if is_supervised {
        startup::end_with_parent()?;
    }
    *lifeline = None;
    startup::keep_memory_in_reserve();
    process.run()?;
    log::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// What `-W` does instead of serving. The configuration was only read to find its mistakes early.
fn supervise(
    options: &Options,
    config: &Config,
    command: Command,
    inherited: Inherited,
) -> Result<ExitCode, Box<dyn Error>> {
    if options.detaches(config.global.daemon) {
        startup::detach()?;
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

/// The configuration, or nothing after its mistakes have been reported.
fn load(options: &Options, hostname: &str, warns: bool) -> Option<Config> {
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
    let is_refused =
        !diagnostics.is_empty() && config.as_ref().is_some_and(|config| config.global.zero_warning);
    let count = config::count(&diagnostics);
    for diagnostic in diagnostics {
        match diagnostic.severity {
            config::Severity::Error => log::error!("{diagnostic}"),
            config::Severity::Warning if is_refused => log::error!("{diagnostic}"),
            config::Severity::Warning if !warns => {}
            config::Severity::Warning => log::warn!("{diagnostic}"),
        }
    }
    if config.is_none() {
        log::error!("{count}");
    }
    if is_refused {
        let said = if options.zero_warning { "-dW was given" } else { "'zero-warning' is set" };
        log::error!("these are warnings, and {said}");
        return None;
    }
    if options.lists_objects && config.is_some() {
        print(&options::loaded_objects());
    }
    config
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
