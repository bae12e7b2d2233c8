//! `show proc`: the supervisor and its workers, in HAProxy's columns.

use std::fmt::Write;

/// What is shown.
#[derive(Clone, Debug, Default)]
pub struct Processes {
    /// The supervisor.
    pub master: Row,
    /// How many reloads have failed since the last one that did not.
    pub failed: u32,
    /// The worker that serves.
    pub serving: Option<Row>,
    /// The workers that drain, the youngest first.
    pub old: Vec<Row>,
}

/// One process.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its process id.
    pub pid: i32,
    /// How many reloads were tried in its life.
    pub reloads: u32,
    /// How long it has run.
    pub age_ms: u64,
    /// The version of its program.
    pub version: String,
}

impl Processes {
    /// The answer to `show proc`.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let heads = ["#<PID>", "<type>", "<reloads>", "<uptime>", "<version>"];
        write_line(&mut text, heads.map(str::to_owned));
        let reloads = format!("{} [failed: {}]", self.master.reloads, self.failed);
        self.master.write(&mut text, "master", reloads);
        text.push_str("# workers\n");
        if let Some(serving) = &self.serving {
            serving.write(&mut text, "worker", serving.reloads.to_string());
        }
        if !self.old.is_empty() {
            text.push_str("# old workers\n");
        }
        for old in &self.old {
            old.write(&mut text, "worker", old.reloads.to_string());
        }
        text.push_str("# programs\n");
        text
    }
}

impl Row {
    fn write(&self, text: &mut String, kind: &str, reloads: String) {
        let age = age(self.age_ms / 1000);
        let cells = [self.pid.to_string(), kind.to_owned(), reloads, age, self.version.clone()];
        write_line(text, cells);
    }
}

/// Every cell is at least as wide as HAProxy's.
fn write_line(text: &mut String, cells: [String; 5]) {
    let [pid, kind, reloads, age, version] = cells;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{pid:<15} {kind:<15} {reloads:<15} {age:<15} {version:<15}");
}

/// As HAProxy writes it: `0d00h02m31s`.
fn age(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    format!("{}d{:02}h{:02}m{:02}s", hours / 24, hours % 24, minutes % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_as_haproxys() {
        let row = |pid, reloads, age_ms| Row { pid, reloads, age_ms, version: "2.6.12".to_owned() };
        let mut processes = Processes {
            master: row(18378, 3, 93_784_000),
            failed: 1,
            serving: Some(row(22804, 1, 4_999)),
            old: vec![row(19779, 2, 106_000)],
        };
        let master =
            "18378           master          3 [failed: 1]   1d02h03m04s     2.6.12         ";
        let expected = [
            "#<PID>          <type>          <reloads>       <uptime>        <version>      ",
            master,
            "# workers",
            "22804           worker          1               0d00h00m04s     2.6.12         ",
            "# old workers",
            "19779           worker          2               0d00h01m46s     2.6.12         ",
            "# programs",
        ];
        assert_eq!(processes.text(), expected.map(|line| format!("{line}\n")).concat());
        processes.old.clear();
        assert!(!processes.text().contains("old"));
    }
}
