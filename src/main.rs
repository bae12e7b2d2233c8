//! From the command line to the exit code.

use std::process::ExitCode;

use log::LevelFilter;

use stickd::config;
use stickd::config::Environment;
use stickd::logging;
use stickd::net::lookup;
use stickd::net::reserve::Reserved;
use stickd::reload::failure::Failure;
use stickd::start;
use stickd::start::manual::manual;
use stickd::start::options::{self, Invocation, Options};
use stickd::start::{FailureRecipients, print};

/// If memory runs out, a connection ends and not the process.
#[global_allocator]
static ALLOCATOR: Reserved = Reserved;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Run(options)) => options,
        Ok(Invocation::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Ok(Invocation::Manual(name)) => return print_manual(&name),
        Ok(Invocation::Evaluate(condition)) => return evaluate(&condition),
        Ok(Invocation::Resolve(host)) => return resolve(&host),
        Err(error) => {
            complain(&format!("stickd: {error}\nstickd -h lists the options"));
            return ExitCode::FAILURE;
        }
    };
    logging::init(level(&options));
    log_panics();
    let mut recipients = FailureRecipients::default();
    match start::run(&options, &mut recipients) {
        Ok(code) => code,
        Err(error) => {
            let text = error.to_string();
            text.lines().for_each(|line| log::error!("{line}"));
            recipients.tell(&Failure::new(&text));
            ExitCode::FAILURE
        }
    }
}

/// Evaluates a condition (`-cc`). The exit status is that of HAProxy.
fn evaluate(condition: &str) -> ExitCode {
    match config::condition_holds(condition, &Environment::of_process()) {
        Ok(holds) => ExitCode::from(u8::from(!holds)),
        Err(error) => {
            complain(&format!("stickd: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Prints the address of a host.
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

fn level(options: &Options) -> LevelFilter {
    if options.debug {
        LevelFilter::Debug
    } else if options.is_quiet(false) {
        LevelFilter::Error
    } else {
        LevelFilter::Info
    }
}

/// What `--manual` does.
fn print_manual(name: &str) -> ExitCode {
    match manual(name) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("stickd: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Logs a panic, as standard error may lead nowhere.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
}

#[expect(clippy::print_stderr, reason = "nothing is set up yet")]
fn complain(text: &str) {
    eprintln!("{text}");
}
