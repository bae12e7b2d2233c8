//! A group of processes whose memory really ends (cgroups(7)): the kernel kills one of them, and
//! which one decides what becomes of the clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::service::Service;
use crate::support::{SOON, Spec, source, until};

static GROUPS: AtomicU32 = AtomicU32::new(0);

/// A group of processes with a limit of memory.
struct Group {
    path: PathBuf,
    /// The file of the limit, and the words for the use in `memory.stat`.
    limit: &'static str,
    used: [&'static str; 2],
}

impl Group {
    /// A group without a limit yet. None where this user may not make one.
    fn new() -> Option<Self> {
        let (root, limit, used) = if Path::new("/sys/fs/cgroup/memory").is_dir() {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", ["rss", "shmem"])
        } else {
            ("/sys/fs/cgroup", "memory.max", ["anon", "shmem"])
        };
        let number = GROUPS.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(root).join(format!("stickd-test-{}-{number}", std::process::id()));
        let made = fs::create_dir(&path).map(|()| Self { path, limit, used });
        match made {
            Ok(group) if group.path.join(limit).exists() => Some(group),
            Ok(_) => {
                eprintln!("SKIPPED: groups of processes here have no limit of memory");
                None
            }
            Err(error) => {
                eprintln!("SKIPPED: this user can make no group of processes: {error}");
                None
            }
        }
    }

    /// The program runs in this group.
    fn confine(&self, spec: Spec) -> Spec {
        let file = self.path.join("cgroup.procs");
        let script = format!("echo $$ >{} && exec \"$0\" \"$@\"", file.display());
        spec.inside(&["sh", "-c", &script])
    }

    /// The bytes that the kernel cannot take back. Pages of files do not count.
    fn used(&self) -> u64 {
        let stat = fs::read_to_string(self.path.join("memory.stat")).unwrap();
        let lines = stat.lines().filter_map(|line| line.split_once(' '));
        let used = lines.filter(|(word, _)| self.used.contains(word));
        used.map(|(_, bytes)| bytes.parse::<u64>().unwrap()).sum()
    }

    fn limit(&self, bytes: u64) {
        fs::write(self.path.join(self.limit), bytes.to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have been killed, but need not have left yet.
        crate::support::eventually(SOON, || fs::remove_dir(&self.path).is_ok());
    }
}

/// The kernel may choose once more before the first process has left: then the one that serves goes
/// too. Nobody can prevent that, but it is rare.
const ATTEMPTS: usize = 3;

#[test]
fn memory_that_ends_in_a_reload_costs_the_successor_and_nobody_else() {
    for words in [&[][..], &["-W"]] {
        let Some(group) = Group::new() else { return };
        let survived = (0..ATTEMPTS).any(|_| survives_the_end_of_memory(&group, words));
        assert!(survived, "{words:?}: the process that serves was ended in each reload");
    }
}

/// Lets memory end in a reload. False if the kernel has ended the process that served.
fn survives_the_end_of_memory(group: &Group, words: &[&str]) -> bool {
    group.limit(1 << 40);
    let own = Service::start(|spec| group.confine(spec.arguments(words)));
    own.node.api().set_servers("web", (300_000..500_000).map(source), 2);
    let old = own.node.api().info("Pid");
    // A successor with a table of its own, and the same entries, needs more than is left.
    let config = own.node.spec().config();
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replace("size 300k", "size 301k")).unwrap();
    let used = group.used();
    group.limit(used + used / 4);
    let visitors = own.visitors();
    let said = own.node.api().try_command("reload").unwrap_or_default();
    let serves = own.node.api().try_command("show info").unwrap_or_default();
    if !serves.contains(&format!("\nPid: {old}\n")) {
        eprintln!("{words:?}: the process that serves was ended: {said}");
        return false;
    }
    assert!(said.starts_with("Success=0\n") && said.contains("SIGKILL"), "{words:?}: {said}");
    group.limit(10 * used);
    own.reloads();
    assert!(own.node.api().used("web") >= 200_200);
    // The one that serves now is not offered to the kernel any more.
    let pid = own.node.api().info("Pid");
    let offered = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    let usual = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    assert_eq!(offered, usual);
    own.is_well(&format!("memory that ends in a reload {words:?}"), visitors);
    true
}

#[test]
fn a_table_that_grows_until_memory_ends_costs_the_worker_and_another_follows() {
    let Some(group) = Group::new() else { return };
    let own = Service::start(|spec| group.confine(spec.arguments(&["-W"])));
    let worker = own.node.api().info("Pid");
    group.limit(group.used() + (1 << 20));
    let api = own.node.api();
    // Some of these commands are not answered.
    let grow =
        std::thread::spawn(move || api.set_servers("web", (300_000..590_000).map(source), 2));
    let said = format!("worker {worker}, which served, has crashed: it was ended by SIGKILL");
    until("it is said", SOON, || own.node.log().contains(&said));
    // The entries take the memory that a worker needs, so a third one begins without them.
    until("the entries are given up", 4 * SOON, || {
        own.node.log().contains("begins without the entries")
    });
    group.limit(10 * group.used());
    let _ = grow.join();
    until("another worker serves", 4 * SOON, || {
        let info = own.node.api().try_command("show info");
        info.is_ok_and(|info| info.contains("\nPid: ") && !info.contains(&worker))
    });
}
