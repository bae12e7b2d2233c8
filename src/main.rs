//! Start-up order, nothing else.

use std::error::Error;
use std::process::ExitCode;

use log::LevelFilter;

use stickd::config::{self, Config, Diagnostic, Environment, Severity};
use stickd::logging;
use stickd::options::{self, Invocation, Options};
use stickd::process::Process;
use stickd::startup;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Run(options)) => options,
        Ok(Invocation::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            complain(&format!("stickd: {error}\nstickd -h lists the options"));
            return ExitCode::FAILURE;
        }
    };
    logging::init(level(&options));
    log_panics();
    match start(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                log::error!("{line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(directory) = &options.directory {
        startup::enter_directory(directory)?;
    }
    let config = load(options)?;
    if options.check {
        if !options.quiet {
            print("Configuration file is valid\n");
        }
        return Ok(());
    }
    let maxconn = startup::settle_maxconn(options, &config.global)?;
    let listeners = startup::open_listeners(&config, &mut Vec::new())?;
    if let Some(cpu) = options.pin.or(config.global.pin) {
        startup::pin(cpu)?;
    }
    if (options.daemon || config.global.daemon) && !options.foreground && !options.debug {
        startup::detach()?;
    }
    let pid_file = options.pid_file.clone().or_else(|| config.global.pidfile.clone());
    let global = config.global.clone();
    let mut process = Process::new(config, listeners, maxconn)?;
    if let Some(path) = pid_file {
        startup::write_pid_file(&path)?;
    }
    startup::drop_privileges(&global)?;
    log::info!("ready, at most {maxconn} connections");
    process.run()?;
    Ok(())
}

fn load(options: &Options) -> Result<Config, Box<dyn Error>> {
    let hostname = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    let request = config::Request {
        sources: options.files.clone(),
        local_peer: options.local_peer.clone(),
        hostname,
        maxconn: options.maxconn,
        environment: Environment::of_process(),
    };
    match config::load(&request) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(report);
            Ok(loaded.config)
        }
        Err(diagnostics) => {
            diagnostics.iter().for_each(report);
            Err("errors were found in the configuration".into())
        }
    }
}

fn report(diagnostic: &Diagnostic) {
    match diagnostic.severity {
        Severity::Error => log::error!("{diagnostic}"),
        Severity::Warning => log::warn!("{diagnostic}"),
    }
}
fn level(options: &Options) -> LevelFilter {
    if options.debug {
        LevelFilter::Debug
    } else if options.quiet && !options.verbose {
        LevelFilter::Error
    } else {
        LevelFilter::Info
    }
}

/// Says where a panic happened, before anything else is said about it.
fn log_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log::error!("{panic}");
        default(panic);
    }));
}

#[expect(clippy::print_stdout, reason = "what was asked for goes to standard output")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "nothing is set up yet")]
fn complain(text: &str) {
    eprintln!("{text}");
}
