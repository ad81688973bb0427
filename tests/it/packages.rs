//! What the Debian package takes from this folder is there; that it works once installed is for `tests/packages/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The package's list of files: from where, to where, with which mode.
fn assets() -> Vec<[String; 3]> {
    let manifest = read("Cargo.toml");
    let (_, deb) = manifest.split_once("[package.metadata.deb]").expect("the package is described");
    let (_, assets) = deb.split_once("assets = [\n").expect("it has a list of files");
    let (assets, _) = assets.split_once("\n]").expect("which ends");
    let asset = |line: &str| serde_json::from_str(line.trim().trim_end_matches(',')).expect("three texts a line");
    assets.lines().map(asset).collect()
}

#[test]
fn every_file_of_the_debian_package_is_there_or_is_made_with_it() {
    let script = read("packaging/deb.sh");
    let assets = assets();
    assert!(assets.len() > 8, "{assets:?}");
    for [from, _, _] in &assets {
        if let Some(made) = from.strip_prefix("target/release/") {
            let name = made.rsplit('/').next().expect("a name");
            let stem = name.trim_start_matches("*.1").trim_end_matches(".bash").trim_end_matches(".zsh");
            assert!(script.contains(stem.trim_end_matches(".fish")), "{from}: packaging/deb.sh does not make it");
        } else if let Some((folder, pattern)) = from.split_once('*') {
            let found = fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder");
            let mut names = found.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
            assert!(names.any(|name| name.ends_with(pattern)), "{from}: there is none");
        } else {
            assert!(Path::new(ROOT).join(from).is_file(), "{from}: it is not there");
        }
    }
}

#[test]
fn the_debian_package_has_program_settings_manual_completions_and_licences() {
    let to: BTreeSet<String> = assets().into_iter().map(|[_, to, _]| to).collect();
    for place in [
        "usr/bin/",
        "etc/retaind/",
        "usr/share/man/man1/",
        "usr/share/bash-completion/completions/retaind",
        "usr/share/zsh/vendor-completions/_retaind",
        "usr/share/fish/vendor_completions.d/retaind.fish",
        "usr/share/doc/retaind/copyright",
    ] {
        assert!(to.contains(place), "nothing goes to {place}: {to:?}");
    }
    let settings: Vec<String> =
        assets().into_iter().filter(|asset| asset[1] == "etc/retaind/").map(|[from, ..]| from).collect();
    assert_eq!(settings, ["packaging/retaind.yaml", "packaging/schema.yaml"]);
}

#[test]
fn nothing_in_the_package_can_be_changed_by_others() {
    for [from, to, mode] in assets() {
        let expected = if to == "usr/bin/" { "755" } else { "644" };
        assert_eq!(mode, expected, "{from}");
    }
}

#[test]
fn unit_settings_and_container_agree_on_where_things_are() {
    let unit = read("systemd/retaind.service");
    let settings = read("packaging/retaind.yaml");
    let container = read("packaging/Dockerfile");
    assert!(unit.contains("ExecStart=/usr/bin/retaind run --config /etc/retaind/retaind.yaml\n"));
    assert!(unit.contains("ExecReload=/usr/bin/retaind reload --config /etc/retaind/retaind.yaml\n"));
    // systemd makes them under /var/lib and /run.
    assert!(
        unit.contains("\nStateDirectory=retaind retaind.journal\n") && unit.contains("\nRuntimeDirectory=retaind\n")
    );
    assert!(
        settings.contains("store: {path: /var/lib/retaind}") && settings.contains("admin: /run/retaind/admin.sock")
    );
    for place in ["/usr/bin/retaind", "/etc/retaind/retaind.yaml", "/var/lib/retaind", "/run/retaind"] {
        assert!(container.contains(place), "the Dockerfile lacks {place}");
    }
}

#[test]
fn a_purge_leaves_the_store() {
    let script = read("packaging/debian/postrm");
    let removals: Vec<&str> = script.lines().map(str::trim).filter(|line| line.starts_with("rm ")).collect();
    assert_eq!(removals, ["rm -rf /etc/retaind"]);
}
