//! The targets under libFuzzer; `scripts/fuzz` builds this and runs it. `FUZZ_TARGET` names the
//! target, and `FUZZ_FOLDER` a folder to which the seeds and the dictionary are written first.

#![no_main]

mod input;
mod targets;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use targets::Target;

static CHOSEN: OnceLock<&Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: prepare(),
    |bytes: &[u8]| {
        if let Some(target) = CHOSEN.get() {
            (target.run)(bytes);
        }
    }
);

fn prepare() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    if name == "list" {
        targets::TARGETS.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    }
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    let target = CHOSEN.get_or_init(|| target.expect("FUZZ_TARGET names a target"));
    if let Ok(folder) = std::env::var("FUZZ_FOLDER") {
        write_seeds(target, Path::new(&folder)).expect("the folder can be written");
    }
}

/// Writes each seed to a file in `seeds`, and the words to `dictionary`.
fn write_seeds(target: &Target, folder: &Path) -> std::io::Result<()> {
    let seeds = folder.join("seeds");
    fs::create_dir_all(&seeds)?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        fs::write(seeds.join(format!("seed-{number:04}")), seed)?;
    }
    let line = |word: String| {
        let bytes = word.bytes().map(|byte| format!("\\x{byte:02x}"));
        format!("\"{}\"\n", bytes.collect::<String>())
    };
    fs::write(folder.join("dictionary"), (target.words)().into_iter().map(line).collect::<String>())
}
