//! The image for containers, read as `docker load` and OCI tools read it.

use std::fs;
use std::process::Command;

use crate::{Folder, can_build, packages, said};

/// What stands between `before` and the next quote.
fn after<'a>(text: &'a str, before: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split('"').next().unwrap()
}

#[test]
fn both_descriptions_of_the_image_lead_to_the_program_and_its_configuration() {
    if !can_build() {
        return;
    }
    let folder = Folder::new("image");
    let unpack = |archive: &std::path::Path, into: &str| {
        let into = folder.0.join(into);
        fs::create_dir(&into).unwrap();
        let done =
            Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&into).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        into
    };
    let image = unpack(&packages().find("-image.tar"), "image");
    let read = |path: &str| fs::read_to_string(image.join(path)).unwrap();
    let blob = |digest: &str| format!("blobs/sha256/{digest}");

    let for_docker = read("manifest.json");
    let index = read("index.json");
    let manifest = read(&blob(after(&index, "\"digest\":\"sha256:")));
    let config = after(&manifest, "\"digest\":\"sha256:");
    assert!(for_docker.contains(&format!("\"Config\":\"{}\"", blob(config))), "{for_docker}");
    let config = read(&blob(config));
    let layer = after(&config, "\"diff_ids\":[\"sha256:");
    assert!(for_docker.contains(&format!("\"Layers\":[\"{}\"]", blob(layer))), "{for_docker}");
    assert!(manifest.contains(layer), "{manifest}");
    assert!(config.contains("\"StopSignal\":\"SIGUSR1\""), "{config}");
    assert!(config.contains(r#""Cmd":["-W","-db","-f","/etc/stickd/stickd.cfg"]"#), "{config}");

    let tree = unpack(&image.join(blob(layer)), "tree");
    let checked = Command::new(tree.join("usr/local/sbin/stickd"))
        .args(["-c", "-dW", "-f"])
        .arg(tree.join("etc/stickd/stickd.cfg"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", said(&checked));
}
