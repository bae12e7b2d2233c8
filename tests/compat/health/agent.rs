//! Agent checks: the effects of an agent's words, how they combine with health checks and
//! operators' commands, and what is shown about the agent.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::health::states::notice;
use crate::support::{
    Api, Flavour, Held, Node, Place, SOON, Server, Spec, eventually, pause, until,
};
use crate::{flavours, start};

/// A program that gives the same answer to every question. The answer can be changed.
struct Agent {
    server: Server,
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<u8>>>,
}

impl Agent {
    /// How many bytes the agent reads before it answers.
    fn start(address: SocketAddr, answer: &str, question_len: usize) -> Self {
        let answer = Arc::new(Mutex::new(answer.to_owned()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (said, heard) = (answer.clone(), asked.clone());
        let server = Server::start(address, move |mut stream| {
            let mut question = vec![0; question_len];
            stream.read_exact(&mut question)?;
            *heard.lock().unwrap() = question;
            let answer = said.lock().unwrap().clone();
            stream.write_all(answer.as_bytes())
        });
        Self { server, answer, asked }
    }

    fn new(place: &Place, answer: &str) -> Self {
        Self::start(place.address(), answer, 0)
    }

    fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// Changes the answer, and waits until the agent was asked again.
    fn say(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
        let before = self.server.accepted();
        until("the agent is asked again", SOON, || self.server.accepted() > before + 1);
    }
}

/// A backend `b` with a server `s1` that has an agent and further words.
fn with_agent(server: SocketAddr, agent: &Agent, words: &str) -> String {
    let port = agent.port();
    format!(
        "backend b\n    log global\n    server s1 {server} agent-check agent-port {port} \
         agent-addr {} agent-inter 100ms {words}\n",
        agent.server.address().ip()
    )
}

fn stat(api: &Api, field: &str) -> String {
    api.stat("b", "s1", field)
}

/// Waits until the columns have these values.
#[track_caller]
fn expect(flavour: Flavour, api: &Api, wanted: &[(&str, &str)]) {
    expect_of(flavour, api, ("b", ""), wanted);
}

#[track_caller]
fn expect_of(flavour: Flavour, api: &Api, (proxy, why): (&str, &str), wanted: &[(&str, &str)]) {
    let found = || -> Vec<String> {
        wanted.iter().map(|(field, _)| api.stat(proxy, "s1", field)).collect()
    };
    let fits = || found().iter().zip(wanted).all(|(found, (_, wanted))| found == wanted);
    if !eventually(SOON, fits) {
        panic!("{flavour:?}: {why:?}: {:?} instead of {wanted:?}", found());
    }
}

/// A placeholder for a value that is not compared.
const ANY: &str = "*";

#[test]
fn an_agent_is_understood_as_by_haproxy() {
    let said = |status, code, info| (status, code, info);
    let up = said("L7OK", "0", "via agent : up");
    let lines = [
        ("up\n", "UP", up, "100", "50"),
        ("down\n", "DOWN (agent)", said("L7STS", "0", "via agent : down"), "100", "50"),
        ("stopped\n", "DOWN (agent)", said("L7STS", "0", "via agent : stopped"), "100", "50"),
        (
            "fail # bad day\n",
            "DOWN (agent)",
            said("L7STS", "0", "via agent : fail (bad day)"),
            "100",
            "50",
        ),
        ("failed\n", "UP", said("CHECKED", "", "agent reports an error : failed"), "100", "50"),
        ("failed#x\n", "UP", said("CHECKED", "", "agent reports an error : failed#x"), "100", "50"),
        ("50%\n", "UP", said("CHECKED", "", ""), "50", "50"),
        ("up 75%,maxconn:7\r\n", "UP", up, "75", "7"),
        ("500%\n", "UP", said("CHECKED", "", ""), "256", "50"),
        ("50\n", "UP", said("CHECKED", "", "agent reports an error : 50"), "100", "50"),
        (
            "maxconn:x\n",
            "UP",
            said("CHECKED", "", "agent warns : maxconn string empty or preceded by garbage"),
            "100",
            "50",
        ),
        (
            "up maxconn:x 5x%\n",
            "UP",
            said("L7OK", "0", "via agent : up (Trailing garbage in weight string)"),
            "100",
            "50",
        ),
        ("drain\n", "DRAIN (agent)", said("CHECKED", "", ""), "100", "50"),
        ("maint\n", "MAINT", said("CHECKED", "", ""), "100", "50"),
        ("\n", "UP", said("CHECKED", "", ""), "100", "50"),
        ("up", "UP", said(ANY, ANY, "Ignoring incomplete line from agent"), "100", "50"),
        ("", "UP", said("L7RSP", "", "TCPCHK got an empty response at step 2"), "100", "50"),
        ("down up\n", "UP", up, "100", "50"),
    ];
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let agents: Vec<_> = lines.iter().map(|line| Agent::new(&place, line.0)).collect();
        let body: String =
            agents.iter().enumerate().fold(String::new(), |body, (number, agent)| {
                let words = "weight 100 maxconn 50 check inter 100ms";
                let section = with_agent(server.address(), agent, words);
                body + &section.replace("backend b", &format!("backend b{number}"))
            });
        let node = start(flavour, &place, "", &body);
        for (number, (line, status, (agent, code, info), weight, limit)) in lines.iter().enumerate()
        {
            // What HAProxy makes of a line without an end differs from time to time: it says
            // L7TOUT, or L7OK, or adds bytes that nobody has sent.
            let is_torn = !line.is_empty() && !line.ends_with('\n');
            if is_torn && matches!(flavour, Flavour::Haproxy) {
                continue;
            }
            let proxy = format!("b{number}");
            let names = ["status", "agent_status", "agent_code", "last_agt", "weight", "slim"];
            let wanted = [*status, agent, code, info, weight, limit];
            let wanted = names.into_iter().zip(wanted);
            let wanted: Vec<_> = wanted.filter(|(_, value)| *value != ANY).collect();
            expect_of(flavour, &node.api(), (&proxy, line), &wanted);
        }
    }
}

#[test]
fn a_server_is_up_by_the_word_of_its_checks_and_its_agent() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let mut server = Server::name(place.address(), "s1");
        let address = server.address();
        let agent = Agent::new(&place, "up\n");
        let body = with_agent(address, &agent, "check inter 100ms weight 100");
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let node = start(flavour, &place, &log, &body);
        let api = node.api();
        let is = |wanted: &[(&str, &str)]| expect(flavour, &api, wanted);
        is(&[("status", "UP"), ("check_health", "4"), ("agent_health", "1")]);
        assert_eq!((stat(&api, "agent_rise"), stat(&api, "agent_fall")), {
            ("1".to_owned(), "1".to_owned())
        });

        agent.say("down\n");
        let down = "<129>Server b/s1 is DOWN, reason: Layer7 wrong status, code: 0, info: \"via \
                    agent : down\", check duration: #ms. 0 active and 0 backup servers left. 0 \
                    sessions active, 0 requeued, 0 remaining in queue.";
        assert_eq!(notice(&receiver, "is DOWN"), down, "{flavour:?}");
        is(&[("status", "DOWN (agent)"), ("check_status", "L4OK"), ("chkfail", "0")]);
        agent.say("30%\n");
        is(&[("status", "DOWN (agent)"), ("agent_status", "CHECKED"), ("agent_health", "0")]);

        server.stop();
        is(&[("check_status", "L4CON"), ("check_health", "0")]);
        agent.say("up\n");
        is(&[("status", "DOWN"), ("agent_health", "1"), ("chkdown", "1")]);
        let _server = Server::name(address, "s1");
        let up = "<133>Server b/s1 is UP, reason: Layer4 check passed, check duration: #ms. 1 \
                  active and 0 backup servers online. 0 sessions requeued, 0 total in queue.";
        assert_eq!(notice(&receiver, "is UP"), up, "{flavour:?}: the checks were the last");
        agent.say("fail\n");
        is(&[("status", "DOWN (agent)")]);
        agent.say("up\n");
        let up = "<133>Server b/s1 is UP, reason: Layer7 check passed, code: 0, info: \"via agent \
                  : up\", check duration: #ms. 1 active and 0 backup servers online. 0 sessions \
                  requeued, 0 total in queue.";
        assert_eq!(notice(&receiver, "is UP"), up, "{flavour:?}: the agent was the last");
    }
}

#[test]
fn an_agent_that_cannot_be_asked_changes_nothing() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let server = Server::name(place.address(), "s1");
        let mut agent = Agent::new(&place, "down\n");
        let at = agent.server.address();
        let body = with_agent(server.address(), &agent, "check inter 100ms")
            .replace("log global", "log global\n    option log-health-checks");
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let node = start(flavour, &place, &log, &body);
        let failed = "<133>Agent check for server b/s1 failed, reason: Layer7 wrong status, code: \
                      0, info: \"via agent : down\", check duration: #ms, status: 0/1 DOWN.";
        assert_eq!(notice(&receiver, "Agent check"), failed, "{flavour:?}");
        agent.server.stop();
        let gone = "<133>Agent check for server b/s1 failed, reason: Layer4 connection problem, \
                    info: \"Connection refused\", check duration: #ms, status: 0/1 DOWN.";
        assert_eq!(notice(&receiver, "Agent check"), gone, "{flavour:?}");
        expect(flavour, &node.api(), &[("status", "DOWN (agent)"), ("check_health", "4")]);
        let _agent = Agent::start(at, "up\n", 0);
        let back = "<133>Agent check for server b/s1 succeeded, reason: Layer7 check passed, code: \
                    0, info: \"via agent : up\", check duration: #ms, status: 1/1 UP.";
        assert_eq!(notice(&receiver, "Agent check"), back, "{flavour:?}");
        expect(flavour, &node.api(), &[("status", "UP")]);
    }
}

#[test]
fn an_agent_has_the_power_of_an_operator() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let server = Server::name(place.address(), "s1");
        let agent = Agent::new(&place, "drain\n");
        let body = with_agent(server.address(), &agent, "check inter 100ms weight 100");
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let node = start(flavour, &place, &log, &body);
        let api = node.api();
        let is = |wanted: &[(&str, &str)]| expect(flavour, &api, wanted);
        let told = |part, text: &str| assert_eq!(notice(&receiver, part), text, "{flavour:?}");
        let drain = "<133>Server b/s1 enters drain state. 0 active and 0 backup servers online. 0 \
                     sessions requeued, 0 total in queue.";
        told("drain state", drain);
        agent.say("up\n");
        is(&[("status", "DRAIN (agent)"), ("agent_status", "L7OK")]);
        agent.say("maint\n");
        let maint = "<133>Server b/s1 is going DOWN for maintenance. 0 active and 0 backup servers \
                     left. 0 sessions active, 0 requeued, 0 remaining in queue.";
        told("maintenance", maint);
        is(&[("status", "MAINT"), ("agent_status", "CHECKED"), ("check_status", "")]);
        agent.say("drain 40%\n");
        told("leaving", "<133>Server b/s1 is UP/DRAIN (leaving forced maintenance).");
        told("remains", "<133>Server b/s1 remains in forced drain mode.");
        is(&[("weight", "40")]);
        agent.say("ready\n");
        told("leaving", "<133>Server b/s1 is UP (leaving forced drain).");

        api.command("set server b/s1 weight 70");
        is(&[("status", "UP"), ("weight", "70")]);
        agent.say("10%\n");
        is(&[("weight", "10")]);
        api.command("set server b/s1 state maint");
        is(&[("status", "MAINT")]);
        agent.say("ready\n");
        is(&[("status", "UP"), ("weight", "10")]);
    }
}

#[test]
fn operators_have_a_say_about_agents() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let agent = Agent::start(place.address(), "\n", 3);
        let words = "check inter 100ms agent-send ab\\n";
        let node = start(flavour, &place, "", &with_agent(server.address(), &agent, words));
        let api = node.api();
        let is = |wanted: &[(&str, &str)]| expect(flavour, &api, wanted);
        let says = |command: &str, answer: &str| {
            assert_eq!(api.command(command).trim_end(), answer, "{flavour:?}: {command}");
        };
        is(&[("status", "UP"), ("agent_status", "CHECKED")]);
        assert_eq!(*agent.asked.lock().unwrap(), b"ab\n", "{flavour:?}");
        let server_state = || {
            let state = api.command("show servers state b");
            let line = state.lines().nth(2).unwrap().to_owned();
            line.split(' ').nth(14).unwrap().parse::<u32>().unwrap() & !1
        };
        assert_eq!(server_state(), 22, "{flavour:?}");

        says("set server b/s1 agent down", "");
        is(&[("status", "DOWN (agent)"), ("agent_health", "0")]);
        says("set server b/s1 agent up", "");
        is(&[("status", "UP"), ("agent_health", "1")]);
        agent.say("down\n");
        is(&[("status", "DOWN (agent)")]);
        says("disable agent b/s1", "");
        is(&[("status", "UP"), ("agent_status", ""), ("agent_health", "")]);
        assert_eq!(server_state(), 18, "{flavour:?}");
        let before = agent.server.accepted();
        pause(Duration::from_millis(300));
        assert!(agent.server.accepted() <= before + 1, "{flavour:?}: it is not asked any more");
        says("enable agent b/s1", "");
        is(&[("status", "DOWN (agent)")]);

        let other = Agent::start(place.address(), "up\n", 3);
        let (ip, port) = (other.server.address().ip(), other.server.address().port());
        says("set server b/s1 agent-send xyz", "");
        says(&format!("set server b/s1 agent-port {port}"), "");
        is(&[("status", "UP")]);
        assert_eq!(*other.asked.lock().unwrap(), b"xyz", "{flavour:?}");
        let mut away = Agent::start(place.address(), "down\n", 3);
        let at = away.server.address();
        says(&format!("set server b/s1 agent-addr {} port {}", at.ip(), at.port()), "");
        is(&[("status", "DOWN (agent)")]);
        away.server.stop();
        says(&format!("set server b/s1 agent-addr {ip} port {port}"), "");
        is(&[("status", "UP")]);

        says("set server b/s1 agent foo", "'set server <srv> agent' expects 'up' or 'down'.");
        says("set server b/s1 agent-port x", "provided port is not an integer");
        says("set server b/s1 agent-port 70000", "provided port is invalid");
        says("set server b/s1 agent-port", "set server <b>/<s> agent-port requires a port.");
        says("set server b/s1 agent-addr foo.invalid", "invalid addr 'foo.invalid'");
        says("enable agent b/xx", "No such server.");
    }
}

#[test]
fn checks_can_be_sent_elsewhere() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let dead = place.address();
        let _dead = Held::refusing(dead);
        let address = server.address();
        let body = format!("backend b\n    server s1 {address} check inter 100ms\n");
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        expect(flavour, &api, &[("status", "UP"), ("check_status", "L4OK")]);
        api.command(&format!("set server b/s1 check-port {}", dead.port()));
        expect(flavour, &api, &[("status", "DOWN")]);
        let back = format!("set server b/s1 check-addr {} port {}", address.ip(), address.port());
        assert_eq!(api.command(&back), "\n", "{flavour:?}");
        expect(flavour, &api, &[("status", "UP")]);
        let none = api.command("set server b/s1 agent-port 1");
        assert_eq!(none.trim_end(), "agent checks are not enabled on this server", "{flavour:?}");
    }
}

/// HAProxy loses the agent's state in a reload, and sends clients to a server that its agent has
/// reported down.
#[test]
fn a_successor_knows_what_an_agent_has_said() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let agent = Agent::new(&place, "down maxconn:7\n");
    let body = with_agent(server.address(), &agent, "check inter 100ms maxconn 50");
    let node: Node = Spec::new(&place, "a", &body).reloadable().start();
    let api = node.api();
    expect(Flavour::Stickd, &api, &[("status", "DOWN (agent)"), ("slim", "7")]);
    agent.say("\n");
    node.reload();
    let wanted = [("agent_status", "CHECKED"), ("status", "DOWN (agent)"), ("slim", "7")];
    expect(Flavour::Stickd, &api, &wanted);
    agent.say("up\n");
    expect(Flavour::Stickd, &api, &[("status", "UP"), ("slim", "7"), ("check_health", "4")]);
}

#[test]
fn what_an_agent_has_set_goes_when_the_new_configuration_has_none() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let dead = place.address();
    let _dead = Held::refusing(dead);
    let agents: Vec<_> = ["50% drain\n", "maint\n", "down\n", "30% drain\n", "down 50%\n"]
        .map(|answer| Agent::new(&place, answer))
        .into();
    // The first server of each backend has an agent, the second one tracks it.
    let body = |has_agents: bool| -> String {
        let sections = agents.iter().enumerate().map(|(number, agent)| {
            let address = if number == 4 { dead } else { server.address() };
            let section = with_agent(address, agent, "check inter 100ms weight 100");
            let section = match has_agents {
                true => section,
                false => section.replace(" agent-check ", " "),
            };
            let section = section.replace("backend b", &format!("backend b{number}"));
            format!("{section}    server t1 {address} track s1 weight 100\n")
        });
        sections.collect()
    };
    let node = Spec::new(&place, "a", &body(true)).reloadable().start();
    let api = node.api();
    let is = |proxy: &str, wanted: [&str; 3]| {
        let why = (proxy, "status, weight, status of t1");
        let found = || {
            let stat = |server, field| api.stat(proxy, server, field);
            [stat("s1", "status"), stat("s1", "weight"), stat("t1", "status")]
        };
        let fits = eventually(SOON, || found() == wanted);
        assert!(fits, "{why:?}: {:?} instead of {wanted:?}", found());
    };
    is("b0", ["DRAIN (agent)", "50", "DRAIN (agent)"]);
    is("b1", ["MAINT", "100", "MAINT (via b1/s1)"]);
    is("b2", ["DOWN (agent)", "100", "DOWN (agent)"]);
    is("b3", ["DRAIN (agent)", "30", "DRAIN (agent)"]);
    is("b4", ["DOWN (agent)", "50", "DOWN (agent)"]);
    // What an operator says afterwards is not the agent's any more.
    agents[3].say("\n");
    api.command("set weight b3/s1 70");
    api.command("set server b3/s1 state maint");
    is("b3", ["MAINT", "70", "MAINT (via b3/s1)"]);

    node.reload();
    is("b0", ["DRAIN (agent)", "50", "DRAIN (agent)"]);
    node.spec().configure("", &body(false));
    node.reload();
    is("b0", ["UP", "100", "UP"]);
    is("b1", ["UP", "100", "UP"]);
    is("b2", ["UP", "100", "UP"]);
    is("b3", ["MAINT", "70", "MAINT (via b3/s1)"]);
    is("b4", ["DOWN", "100", "DOWN"]);
}

#[test]
fn checks_and_agents_that_an_operator_has_stopped_stay_stopped() {
    let place = Place::new();
    let mut server = Server::name(place.address(), "s1");
    let agent = Agent::new(&place, "down\n");
    let body = with_agent(server.address(), &agent, "check inter 100ms");
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let api = node.api();
    let is = |wanted: &[(&str, &str)]| expect(Flavour::Stickd, &api, wanted);
    is(&[("status", "DOWN (agent)"), ("check_status", "L4OK")]);
    api.command("disable agent b/s1");
    is(&[("status", "UP"), ("agent_status", "")]);
    api.command("disable health b/s1");
    server.stop();
    let stopped = || {
        let state = api.command("show servers state b");
        let line = state.lines().nth(2).unwrap().to_owned();
        let bits = |at| line.split(' ').nth(at).unwrap().parse::<u32>().unwrap() & !1;
        (bits(13), bits(14)) == (2, 18)
    };
    until("no check is enabled", SOON, stopped);
    for _ in 0..2 {
        node.reload();
        assert!(stopped(), "{}", api.command("show servers state b"));
    }
    is(&[("status", "no check"), ("agent_status", "")]);
    let before = agent.server.accepted();
    pause(Duration::from_millis(300));
    assert_eq!(agent.server.accepted(), before, "it is not asked");
    api.command("enable health b/s1");
    is(&[("status", "DOWN"), ("check_status", "L4CON")]);
    api.command("enable agent b/s1");
    is(&[("agent_status", "L7STS")]);

    api.command("disable agent b/s1");
    let section = with_agent(server.address(), &agent, "");
    node.spec().configure("", &section.replace("agent-check ", ""));
    node.reload();
    assert!(api.command("enable agent b/s1").starts_with("Agent was not configured"));
}

#[test]
fn the_agent_of_a_server_that_tracks_another_has_its_say() {
    for flavour in flavours() {
        let place = Place::new();
        let agent = Agent::new(&place, "down\n");
        let server = Server::name(place.address(), "s1");
        let body = format!(
            "backend a\n    server s1 {} check inter 100ms\n\
             backend b\n    server s1 {} track a/s1 agent-check agent-port {} agent-addr {} \
             agent-inter 100ms\n",
            server.address(),
            server.address(),
            agent.port(),
            agent.server.address().ip()
        );
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        expect_of(flavour, &api, ("b", "its agent says so"), &[("agent_status", "L7STS")]);
        let status = stat(&api, "status");
        assert!(status.starts_with("DOWN"), "{flavour:?}: {status}");
        agent.say("up\n");
        until("the agent's word counts", SOON, || {
            let status = stat(&api, "status");
            status.starts_with("UP") || status == "no check"
        });
    }
}
