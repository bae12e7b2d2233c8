//! The packages that `scripts/package` builds, the units and the alerts: built from the program
//! under test, installed, used and removed.

#![expect(clippy::unwrap_used, reason = "tests may stop")]
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

mod image;
mod monitoring;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A folder of its own for a test, removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stickd-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The file in the folder with this end of its name.
    fn find(&self, end: &str) -> PathBuf {
        let mut paths = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        paths.find(|path| path.to_str().unwrap().ends_with(end)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the program is there. Where `CI` is set, what `scripts/test` installs must be there.
fn has(program: &str) -> bool {
    let is_there = may_have(program);
    assert!(is_there || std::env::var_os("CI").is_none(), "{program} has to be there");
    is_there
}

/// Whether the program is there, which nothing installs for the tests.
fn may_have(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        println!("SKIPPED: there is no {program}");
    }
    is_there
}

/// Packages of the program under test, which all tests share.
fn packages() -> &'static Folder {
    static PACKAGES: OnceLock<Folder> = OnceLock::new();
    PACKAGES.get_or_init(|| built(Folder::new("packages")))
}

fn built(folder: Folder) -> Folder {
    let built = Command::new(root().join("scripts/package"))
        .args(["deb", "rpm", "image"])
        .env("STICKD_BIN", env!("CARGO_BIN_EXE_stickd"))
        .env("PACKAGES", &folder.0)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", said(&built));
    folder
}

/// Whether packages can be built here.
fn can_build() -> bool {
    ["dpkg-deb", "rpmbuild", "objdump"].into_iter().all(has)
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Both formats, built twice, are the same byte for byte.
#[test]
fn packages_are_the_same_when_they_are_built_again() {
    if !can_build() {
        return;
    }
    let (first, second) = (packages(), built(Folder::new("packages-again")));
    for end in [".deb", ".rpm", "-image.tar"] {
        let same = fs::read(first.find(end)).unwrap() == fs::read(second.find(end)).unwrap();
        assert!(same, "{end}");
    }
    let listed = Command::new("rpm").args(["-qpl"]).arg(first.find(".rpm")).output().unwrap();
    for file in
        ["/usr/sbin/stickd", "/etc/stickd/stickd.cfg", "/usr/lib/systemd/system/stickd.service"]
    {
        assert!(said(&listed).contains(file), "{file}: {}", said(&listed));
    }
}

/// A copy of this machine gets the package: it starts, reloads, is upgraded without a restart, and
/// is removed. `story` has the steps.
#[test]
fn the_package_lives_a_whole_life() {
    if can_build() {
        in_namespaces("story", &[&packages().find(".deb")]);
    }
}

/// The way from the package to three machines, as `scripts/README.md` tells it. `cluster` has the
/// steps.
#[test]
fn a_new_user_comes_from_the_package_to_three_machines() {
    if !can_build() {
        return;
    }
    let folder = Folder::new("three-machines");
    let document = fs::read_to_string(root().join("scripts/README.md")).unwrap();
    let (_, told) = document.split_once("### Three machines in ten minutes").unwrap();
    let (_, told) = told.split_once("```text\n").unwrap();
    let (sections, _) = told.split_once("```").unwrap();
    let file = folder.0.join("sections.cfg");
    fs::write(&file, sections).unwrap();
    let peer_ca = root().join("scripts/peer-ca");
    in_namespaces("cluster", &[&packages().find(".deb"), &file, &peer_ca]);
}

/// Runs a script of this folder in namespaces of its own, where the system allows it.
fn in_namespaces(script: &str, arguments: &[&Path]) {
    if !["unshare", "setpriv", "socat", "ip"].into_iter().all(has) {
        return;
    }
    if !nix::unistd::Uid::effective().is_root() {
        println!("SKIPPED: installing a package needs root");
        return;
    }
    let ran = Command::new("timeout")
        .args(["--kill-after=5", "300", "unshare", "--mount", "--pid", "--fork", "--net"])
        .arg("--kill-child")
        .arg(root().join("tests/packages").join(script))
        .args(arguments)
        .output()
        .unwrap();
    if ran.status.code() == Some(77) {
        println!("SKIPPED: {}", said(&ran));
        return;
    }
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(ran.stdout.ends_with(b"== done\n"), "{}", said(&ran));
}

/// The sandbox of the units, in the points that systemd counts: 0 is the best, 10 the worst.
#[test]
fn the_units_are_locked_up() {
    if !may_have("systemd-analyze") {
        return;
    }
    for unit in ["stickd.service", "stickd@.service"] {
        let analyzed = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=20"])
            .arg(root().join("scripts").join(unit))
            .output()
            .unwrap();
        assert!(analyzed.status.success(), "{}", said(&analyzed));
    }
}
