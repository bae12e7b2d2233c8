//! Commands of the Runtime API, at each level.

use stickd::admin::commands::COMMANDS;
use stickd::admin::link::command_session::CommandSession;
use stickd::admin::link::session::Session as _;
use stickd::config::Level;

use super::process::TestProcess;
use super::{NOW_MS, Target};
use crate::input::{Input, Pieces, seed};

pub(super) const TARGET: Target = Target { name: "api", run, seeds, words };

const LEVELS: [Level; 3] = [Level::Admin, Level::Operator, Level::User];

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (level, pieces) = (usize::from(input.byte()) % 6, Pieces::of(input.byte()));
    let mut process = TestProcess::new();
    let mut session =
        CommandSession::new(LEVELS[level % 3], 10_000, NOW_MS).experimental(level < 3);
    let mut rest = input.0;
    while !rest.is_empty() && session.receive_max() > 0 {
        let (piece, after) = pieces.split(rest, session.receive_max());
        session.handle_received(piece, NOW_MS);
        rest = after;
        process.drain(&mut session);
    }
    session.handle_end_of_input();
    process.drain(&mut session);
    let is_over = session.is_finished() || session.is_waiting() || !session.is_busy();
    assert!(is_over, "a session that goes on without a client");
}

fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        "show table web data.gpc0 gt 0",
        "set table web key 192.0.2.1 data.gpc0 5 data.server_id 1",
        "set table other key abc data.server_key s1;show table other key abc",
        "set server web/s1 weight 50%;set server web/s1 addr 127.0.0.9 port 99;show servers state",
        "set server web/s1 state drain\nset server web/s1 agent down\nset server web/s3 fqdn b.a",
        "add server web/s9 127.0.0.1:99 check weight 3 maxconn 5 ; del server web/s9",
        "show stat json;show info typed;show schema json",
        "show stat -1 4 -1 typed up;show stat web 6 -1 no-maint",
        "clear table web data.gpc0 lt 9;clear counters all",
        "show peers;show peers dict mypeers;show sess all;show errors;show events 0 -n",
        "add acl #0 192.0.2.9;show acl #0;get acl #0 192.0.2.9;prepare acl #0;clear acl @1 #0",
        "add acl #0 <<\n192.0.2.10\n192.0.2.11\n\nprompt\nshow acl",
        "set maxconn frontend in 5;set maxconn server web/s1 9;set rate-limit sessions global 9",
        "set var proc.x int(7);get var proc.x;set var proc.y str(a),upper",
        "show map;show resolvers;show ssl cert;show events;show activity;show env;help;show x",
        "expert-mode on;set severity-output number;set timeout cli 5;operator;user;show cli level",
        "disable server web/s1;enable health web/s1;disable agent web/s1",
        "shutdown sessions server web/s1;shutdown frontend page;disable frontend in",
        "show table web filter data.gpc0 eq 1 data.gpt0 ne 5;show backend;show servers conn web",
    ];
    let mut seeds: Vec<_> = lines.map(|line| seed(&[0, 0], format!("{line}\n"))).into();
    seeds.push(seed(&[0, 1], "prompt\nshow info;show stat\n\n"));
    seeds.extend(COMMANDS.iter().map(|command| seed(&[0, 0], format!("{}\n", command.words()))));
    seeds
}

fn words() -> Vec<String> {
    let others = [
        "web/s1",
        "web/s2",
        "web/s3",
        "other/s1",
        "in",
        "page",
        "key 192.0.2.1",
        "data.gpc0",
        "data.server_key",
        "data.conn_rate",
        "data.gpt0",
        " <<\n",
        "#0",
        "@1",
        "json",
        "typed",
        "proc.x",
        "mypeers",
        "last",
        "dns",
    ];
    let commands = COMMANDS.iter().map(|command| command.words().to_owned());
    commands.chain(others.map(str::to_owned)).collect()
}
