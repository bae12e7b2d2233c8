//! The Runtime API about names.

use super::{ADDRESS, ADMIN, NAME, section, states, until_states};
use crate::support::nameserver::{Answer, Nameserver};
use crate::support::{Place, SOON, until};
use crate::{flavours, start};

/// A backend with one server, which is found by name, behind a section of nameservers.
fn one_server(resolvers: &str) -> String {
    format!(
        "{resolvers}backend web\n server s1 a.test:80 resolvers dns resolve-prefer ipv4 init-addr \
         none\n",
    )
}

#[test]
fn a_command_gives_a_server_another_name() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        names.hosts("a.test", &["127.0.0.1"]);
        names.hosts("b.test", &["127.0.0.2"]);
        let body = format!(
            "{}backend web\n default-server resolve-prefer ipv4 init-addr none\n \
             server s1 a.test:80 resolvers dns\n server s2 127.0.0.8:80 resolvers dns\n \
             server s3 127.0.0.9:80\n",
            section(names.address(), ""),
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS], &["127.0.0.1", "127.0.0.8", "127.0.0.9"]);
        let by = "by 'stats socket command'";
        for (command, answer) in [
            ("s1 fqdn b.test", format!("web/s1 changed its FQDN from a.test to b.test {by}")),
            ("s2 fqdn a.test", format!("web/s2 changed its FQDN from (null) to a.test {by}")),
            (
                "s3 fqdn a.test",
                "set server <b>/<s> fqdn failed because no resolution is configured.".to_owned(),
            ),
            ("s1 fqdn", "set server <b>/<s> fqdn requires a FQDN.".to_owned()),
            ("s1 fqdn a..test", format!("could not update web/s1 FQDN {by}")),
        ] {
            let said = node.api().command(&format!("set server web/{command}"));
            assert_eq!(said.trim_end(), answer, "{flavour:?}: {command}");
        }
        until_states(
            &node,
            &[ADDRESS, NAME],
            &["127.0.0.2 b.test", "127.0.0.1 a.test", "127.0.0.9 -"],
        );
    }
}

#[test]
fn an_operator_has_no_say_about_a_missing_address() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let body = one_server(&section(names.address(), ""));
        let node = start(flavour, &place, "", &body);
        let status = || node.api().stat("web", "s1", "status");
        for (state, admin) in [("maint", "33"), ("ready", "32"), ("drain", "40")] {
            node.api().command(&format!("set server web/s1 state {state}"));
            assert_eq!(states(&node, &[ADMIN]), [admin], "{flavour:?}");
            assert_eq!(status(), "MAINT (resolution)", "{flavour:?}");
        }
        names.hosts("a.test", &["127.0.0.2"]);
        until_states(&node, &[ADDRESS, ADMIN], &["127.0.0.2 8"]);
        assert_eq!(status(), "DRAIN", "{flavour:?}");
    }
}

/// The counters of `show resolvers`, by name.
fn counter(node: &crate::support::Node, name: &str) -> u64 {
    let text = node.api().command("show resolvers dns");
    let mut lines = text.lines().filter_map(|line| line.trim().split_once(':'));
    let (_, value) = lines.find(|(other, _)| *other == name).unwrap();
    value.trim().parse().unwrap()
}

#[test]
fn nameservers_have_counters() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let body = one_server(&section(names.address(), ""));
        let node = start(flavour, &place, "", &body);
        let text = node.api().command("show resolvers dns");
        let lines = text.lines().filter_map(|line| line.split_inclusive(':').next());
        let names_of: Vec<&str> = lines.collect();
        let expected = [
            "Resolvers section dns",
            " nameserver ns1:",
            "  sent:",
            "  snd_error:",
            "  valid:",
            "  update:",
            "  cname:",
            "  cname_error:",
            "  any_err:",
            "  nx:",
            "  timeout:",
            "  refused:",
            "  other:",
            "  invalid:",
            "  too_big:",
            "  truncated:",
            "  outdated:",
        ];
        assert_eq!(names_of[..expected.len()], expected, "{flavour:?}");
        let said = node.api().command("show resolvers nope");
        assert_eq!(said.trim_end(), "Can't find that resolvers section", "{flavour:?}");
        let grows = |what: &str| {
            until(&format!("{flavour:?}: {what} grows"), SOON, || counter(&node, what) > 0);
        };
        grows("nx");
        names.set("a.test", Answer::Error(5));
        grows("refused");
        names.set("a.test", Answer::Error(2));
        grows("other");
        names.hosts("a.test", &["127.0.0.2"]);
        grows("valid");
        grows("update");
        names.set("a.test", Answer::Silence);
        if flavour == crate::support::Flavour::Stickd {
            grows("timeout"); // HAProxy counts it only in some cases
        }
        assert!(counter(&node, "sent") > counter(&node, "valid"));
    }
}

#[test]
fn nameservers_have_rows_in_the_statistics_and_all_counters_are_cleared() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let body = one_server(&section(names.address(), "timeout resolve 1h\n hold nx 1h\n"));
        names.hosts("a.test", &["127.0.0.2"]);
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        until("the name is known", SOON, || counter(&node, "valid") > 0);
        let rows = api.command("show stat domain resolvers");
        let mut lines = rows.lines();
        let head = "# id,pid,sent,send_error,valid,update,cname,cname_error,any_err,nx,timeout,\
                    refused,other,invalid,too_big,truncated,outdated,";
        assert_eq!(lines.next(), Some(head), "{flavour:?}");
        let row = lines.find(|row| row.starts_with("ns1,dns,")).unwrap();
        assert_eq!(row.matches(',').count(), head.matches(',').count(), "{flavour:?}: {row}");
        let said = api.command("show stat domain nonsense");
        assert_eq!(said, "Invalid statistics domain.\n\n", "{flavour:?}");
        assert!(api.command("show stat domain proxy").starts_with("# pxname,"), "{flavour:?}");
        api.command("clear counters");
        assert!(counter(&node, "valid") > 0, "{flavour:?}: they are no maxima");
        api.command("clear counters all");
        assert_eq!(counter(&node, "valid"), 0, "{flavour:?}");
    }
}
