//! Reload under load in full size, for stickd and for HAProxy. `bench/reload` builds and runs this
//! program.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement, made of the parts of the tests"
)]

#[expect(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::Duration;

use support::{Flavour, Outcome, Place, Recipe, Server, Spec, haproxy};

/// The project's main measurement.
const RECIPE: Recipe = Recipe {
    entries: 500_000,
    clients: 4,
    reloads: 20,
    before: Duration::from_secs(1),
    gap: Duration::from_millis(200),
    after: Duration::from_secs(6),
};

fn main() {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.is_empty() {
        wanted = ["stickd", "haproxy"].map(str::to_owned).into();
    }
    let mut is_clean = true;
    for name in wanted {
        let outcome = match &name[..] {
            "stickd" => Some(run(Flavour::Stickd)),
            "haproxy" => haproxy().map(|_| run(Flavour::Haproxy)),
            _ => None,
        };
        match outcome {
            Some(outcome) => {
                println!("{name}: {outcome}");
                is_clean &= name != "stickd" || outcome.is_clean();
            }
            None => println!("{name}: not here"),
        }
    }
    std::process::exit(i32::from(!is_clean));
}

fn run(flavour: Flavour) -> Outcome {
    let place = Place::new();
    let servers: Vec<_> =
        (1..=4).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let front = place.address();
    let mut body = format!(
        "peers mesh\n    peer a {}\nlisten web\n    bind {front}\n    balance roundrobin\n    \
         stick-table type ip size 1m expire 1h peers mesh\n    stick on src\n",
        place.address()
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {}\n", number + 1, server.address()));
    }
    let spec = Spec::new(&place, "a", &body).reloadable();
    let node = match flavour {
        Flavour::Stickd => spec.start(),
        Flavour::Haproxy => spec.on_haproxy(haproxy().unwrap()).start(),
    };
    RECIPE.run(&node, &[front], "web")
}
