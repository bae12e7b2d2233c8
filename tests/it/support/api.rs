//! A client of the Runtime API.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The address of a Runtime API.
#[derive(Clone, Debug)]
pub struct Api {
    path: PathBuf,
}

/// One entry of a stick table: the fields of its line without key, use and exp.
pub type Entry = BTreeMap<String, String>;

/// The entries of a stick table by key.
pub type Table = BTreeMap<String, Entry>;

impl Api {
    /// The Runtime API at a unix socket.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The path of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The answer to one line, which may have several commands. An error if there is no answer.
    pub fn try_command(&self, line: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.path)?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60)))?;
        stream.write_all(line.as_bytes())?;
        stream.write_all(b"\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// The answer to one line. Panics if there is no answer.
    #[track_caller]
    pub fn command(&self, line: &str) -> String {
        self.try_command(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// The entries of a table, without their remaining times.
    #[track_caller]
    pub fn table(&self, name: &str) -> Table {
        let answer = self.command(&format!("show table {name}"));
        entries(&answer).map(|(key, fields)| (key.to_owned(), fields)).collect()
    }

    /// The remaining time of each entry in milliseconds.
    #[track_caller]
    pub fn remaining_ms(&self, name: &str) -> BTreeMap<String, u64> {
        let answer = self.command(&format!("show table {name}"));
        let lines = answer.lines().filter_map(|line| {
            let key = line.split_once("key=")?.1.split(' ').next()?;
            let exp = line.split_once("exp=")?.1.split(' ').next()?;
            Some((key.to_owned(), exp.parse().ok()?))
        });
        lines.collect()
    }

    /// The number of entries in a table, according to its header line.
    #[track_caller]
    pub fn used(&self, name: &str) -> usize {
        let answer = self.command("show table");
        let line = answer.lines().find(|line| line.starts_with(&format!("# table: {name},")));
        let used = line.and_then(|line| line.split_once("used:")).map(|(_, used)| used.trim());
        used.and_then(|used| used.parse().ok()).unwrap_or_else(|| panic!("{name}: {answer}"))
    }

    /// The server ids of a table's entries by address. Faster than [`Api::table`] for many entries.
    #[track_caller]
    pub fn server_ids(&self, name: &str) -> BTreeMap<Ipv4Addr, u32> {
        let answer = self.command(&format!("show table {name}"));
        let lines = answer.lines().filter_map(|line| {
            let key = line.split_once("key=")?.1.split(' ').next()?;
            let id = line.split_once("server_id=")?.1.split(' ').next()?;
            Some((key.parse().ok()?, id.parse().ok()?))
        });
        lines.collect()
    }

    /// Sets the server of every address in `keys`. Uses as few connections as the length of a line
    /// allows.
    #[track_caller]
    pub fn set_servers(&self, table: &str, keys: impl Iterator<Item = Ipv4Addr>, id: u32) {
        let commands: Vec<_> =
            keys.map(|key| format!("set table {table} key {key} data.server_id {id}")).collect();
        for line in commands.chunks(200) {
            let answer = self.command(&line.join(";"));
            assert!(answer.trim().is_empty(), "{answer}");
        }
    }

    /// One field of `show info`.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        let answer = self.command("show info");
        let prefix = format!("{field}: ");
        let line = answer.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {field} in {answer}")).to_owned()
    }

    /// One field of the line of `show stat` for `proxy` and `service`.
    #[track_caller]
    pub fn stat(&self, proxy: &str, service: &str, field: &str) -> String {
        let answer = self.command("show stat");
        let mut lines = answer.lines();
        let header: Vec<_> = lines.next().unwrap().trim_start_matches("# ").split(',').collect();
        let column = header.iter().position(|name| *name == field);
        let column = column.unwrap_or_else(|| panic!("no {field} in {header:?}"));
        let prefix = format!("{proxy},{service},");
        let line = lines.find(|line| line.starts_with(&prefix));
        let line = line.unwrap_or_else(|| panic!("no {prefix} in {answer}"));
        columns(line).nth(column).unwrap().to_owned()
    }
}

/// The columns of a line. Some columns may be quoted.
fn columns(line: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let columns = line.split(move |letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    });
    columns.map(|column| column.trim_matches('"'))
}

/// The entries in the answer to `show table T`.
fn entries(answer: &str) -> impl Iterator<Item = (&str, Entry)> {
    answer.lines().filter_map(|line| {
        let fields = line.split_once(": key=")?.1;
        let (key, fields) = fields.split_once(" use=")?;
        let fields = fields.split(' ').skip(1).filter_map(|field| field.split_once('='));
        let fields = fields.filter(|(name, _)| *name != "exp" && *name != "shard");
        Some((key, fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    })
}
