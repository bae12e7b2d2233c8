//! Programs that show and change what servers and frontends do.

use crate::{program_or_skip, same, script_or_skip, unpacked_or_skip};

#[test]
fn haproxyadmin_reads_and_changes_what_it_does_of_haproxy() {
    let Some(script) = script_or_skip("admin.py") else { return };
    let said = same(|observed| script(&[&observed.socket()]));
    assert!(said.starts_with("description as a test\nversion 2.\n"), "{said}");
    assert!(said.contains("\nserver s3 3 MAINT 7 "), "{said}");
}

#[test]
fn haproxytool_answers_the_same_to_every_call() {
    let Some(script) = script_or_skip("haproxytool_calls.py") else { return };
    let said = same(|observed| {
        let said = script(&[&observed.socket()]);
        let places = observed.place.dir().display().to_string();
        let said = said.replace(&places, "").replace(&observed.place.ip().to_string(), "(ip)");
        said.lines().map(without_port_and_pointer).collect::<Vec<_>>()
    });
    let answered = |call: &str, answer: &str| {
        let at = said.iter().position(|line| line == call).unwrap();
        assert_eq!(said[at + 1].split_whitespace().collect::<Vec<_>>().join(" "), answer, "{call}");
    };
    answered("# haproxy -w maxconn 500", "set maxconn to 500");
    answered("# frontend -w maxconn 77 in", "in set maxconn to 77");
    answered("# map -A 1 key value", "key was added successfully");
}

/// HAProxy shows where an entry of a map is in its memory, and each program has ports of its own.
fn without_port_and_pointer(line: &str) -> String {
    let words = line.split(' ').filter(|word| !word.starts_with("0x"));
    let words = words.map(|word| if is_port(word) { "(port)" } else { word });
    words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

fn is_port(word: &str) -> bool {
    word.len() == 5 && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn the_module_of_ansible_disables_drains_and_enables_alike() {
    const MODULE: &str = "usr/lib/python3/dist-packages/ansible_collections/community/general/\
                          plugins/modules/haproxy.py";
    let Some(script) = script_or_skip("ansible_tasks.py") else { return };
    let Some(module) = unpacked_or_skip(MODULE) else { return };
    let said = same(|observed| script(&[&module.display().to_string(), &observed.socket()]));
    let results: Vec<_> = said.lines().collect();
    assert_eq!(results.len(), 8, "{said}");
    assert!(results[2].contains(r#""state_after": [{"scur": "0", "status": "DRAIN""#), "{said}");
    assert!(results[7].contains("'web/none' was not found"), "{said}");
}

#[test]
fn hatop_shows_the_same_names_and_states() {
    let Some(script) = script_or_skip("screen.py") else { return };
    let Some(hatop) = program_or_skip("hatop") else { return };
    let rows = same(|observed| {
        let hatop = hatop.display().to_string();
        let screen = script(&[">>> other", &hatop, "-s", &observed.socket()]);
        assert!(screen.contains(">>> other"), "hatop does not come up: {screen}");
        let rows = screen.lines().skip_while(|line| !line.starts_with("NAME"));
        rows.take_while(|line| !line.starts_with(">>> other")).map(shown).collect::<Vec<_>>()
    });
    assert!(rows.contains(&"s2 1 DOWN L4CON".to_owned()), "{rows:?}");
}

/// The name, weight, state and check in a row of hatop. The figures after them change all the time.
fn shown(row: &str) -> String {
    let words: Vec<_> = row.split_whitespace().take(4).collect();
    words.join(" ")
}
