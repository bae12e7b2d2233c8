//! Every keyword that HAProxy lists is in stickd's manual: it works, or has no effect, or is
//! refused with the reason.

use std::collections::HashMap;
use std::collections::HashSet;
use std::process::Command;

use crate::support::{self, run_to_end};

/// HAProxy's list of a class of its keywords (`-dK`). None if HAProxy is not installed.
fn listed(class: &str) -> Option<String> {
    let Some(haproxy) = support::haproxy() else {
        eprintln!("SKIPPED: haproxy is not installed, so its words are not compared");
        return None;
    };
    let class = format!("-dK{class}");
    let arguments = [class.as_str(), "-q", "-c", "-f", "/dev/null"];
    let output = Command::new(haproxy).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with('#'), "haproxy {class}: {text}");
    Some(text)
}

/// The names in each chapter of stickd's manual.
fn manual() -> HashMap<String, HashSet<String>> {
    let output = run_to_end(&["--manual"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut chapters: HashMap<String, HashSet<String>> = HashMap::new();
    let mut chapter = String::new();
    // Words that do nothing stand in a list behind the reason.
    let mut is_list = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let column = line.len() - line.trim_start().len();
        let line = line.trim();
        let names = chapters.entry(chapter.clone()).or_default();
        match column {
            0 => line.clone_into(&mut chapter),
            4 => {
                is_list = line.starts_with("No effect: ") || line.starts_with("Refused: ");
                names.insert(line.split([' ', '(']).next().unwrap().to_owned());
                let words: Vec<&str> = line.split(' ').take(2).collect();
                names.insert(words.join(" "));
            }
            _ if is_list => {
                let listed = line.split(',').map(str::trim).filter(|name| !name.is_empty());
                names.extend(listed.map(str::to_owned));
            }
            _ => {}
        }
    }
    chapters
}

/// All names in the chapters whose titles contain one of these words.
fn under(manual: &HashMap<String, HashSet<String>>, titles: &[&str]) -> HashSet<String> {
    let is_meant = |name: &str| titles.iter().any(|title| name.contains(title));
    let found = manual.iter().filter(|(name, _)| is_meant(name));
    found.flat_map(|(_, names)| names.iter().cloned()).collect()
}

fn assert_all(wanted: &[String], names: &HashSet<String>, what: &str) {
    assert!(wanted.len() > 5, "{what}: {wanted:?}");
    let missing: Vec<_> = wanted.iter().filter(|name| !names.contains(*name)).collect();
    assert!(missing.is_empty(), "{what} that the manual lacks: {missing:?}");
}

#[test]
fn every_sample_and_every_name_of_an_acl_is_known() {
    let Some(samples) = listed("smp") else { return };
    let Some(acls) = listed("acl") else { return };
    let fetches =
        samples.lines().filter_map(|line| Some(line.strip_prefix('[')?.split_once("] ")?.1));
    let fetches = fetches.map(|name| name.split(['(', ':']).next().unwrap().to_owned());
    let acls = acls.lines().filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()));
    let wanted: Vec<String> = fetches.chain(acls).collect();
    assert_all(&wanted, &under(&manual(), &["Samples"]), "samples");
}

#[test]
fn every_converter_is_known() {
    let Some(converters) = listed("cnv") else { return };
    let lines = converters.lines().filter(|line| !line.starts_with('#'));
    let wanted: Vec<String> =
        lines.map(|line| line.split(['(', ':']).next().unwrap().to_owned()).collect();
    assert_all(&wanted, &under(&manual(), &["Converters"]), "converters");
}

#[test]
fn every_service_is_known() {
    let Some(services) = listed("svc") else { return };
    for service in services.lines().filter(|line| !line.starts_with('#')) {
        assert_eq!(service, "prometheus-exporter");
    }
}

/// The words of one kind of line, without the beginning of the line.
fn words_of(listed: &str, beginning: &str) -> Vec<String> {
    let lines = listed.lines().filter_map(|line| line.trim_start().strip_prefix(beginning));
    lines.map(|rest| rest.split([' ', '*']).next().unwrap().to_owned()).collect()
}

#[test]
fn every_keyword_of_a_section_and_every_word_of_its_lines_is_known() {
    let Some(listed) = listed("cfg") else { return };
    let manual = manual();
    let section = |name: &str| -> Vec<String> {
        let lines = listed.lines().skip_while(|line| *line != name).skip(1);
        let own = lines.take_while(|line| line.starts_with('\t'));
        let single = own.map(str::trim).filter(|line| !line.contains(' '));
        single.map(str::to_owned).collect()
    };
    assert_all(&section("global"), &under(&manual, &["Keywords of global"]), "keywords of global");
    let proxies = under(&manual, &["Keywords of defaults"]);
    let mut keywords = section("listen");
    let options = words_of(&listed, "option ").into_iter().map(|name| format!("option {name}"));
    keywords.extend(options);
    assert_all(&keywords, &proxies, "keywords of proxies");
    let mut binds = words_of(&listed, "bind <addr> ssl ");
    binds.extend(words_of(&listed, "bind <addr> "));
    assert_all(&binds, &under(&manual, &["Words of bind"]), "bind words");
    let servers = words_of(&listed, "server <name> <addr> ");
    assert_all(&servers, &under(&manual, &["Words of server"]), "server words");
    let actions = ["connection", "session", "content"]
        .map(|rules| words_of(&listed, &format!("tcp-request {rules} ")))
        .concat();
    assert_all(&actions, &under(&manual, &["Actions of"]), "actions");
}
