//! What is shipped for running sereno, judged by the tools of those who will run it.
//!
//! No engine for containers is needed: the image's folder is run as its own root, read-only, by a sandbox.

use std::path::Path;
use std::process::{Command, Output};

use crate::binary::Serve;

const BINARY: &str = env!("CARGO_BIN_EXE_sereno");

fn shipped(name: &str) -> String {
    format!("{}/deploy/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// What a program says, which must be content.
fn content(program: &str, args: &[&str]) -> String {
    let ran = run(program, args);
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{program} {args:?}: {said}");
    said
}

/// A tool that `tests/run` installs for Python.
fn python_tool(name: &str) -> String {
    format!("{}/tests/.cache/python/bin/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_systemd_unit_is_valid_and_hardly_exposed() {
    let unit = std::fs::read_to_string(shipped("sereno.service")).unwrap();
    let said = content("systemd-analyze", &["security", "--offline=true", "--no-pager", &shipped("sereno.service")]);
    let exposure = said.rsplit("exposure level for sereno.service: ").next().unwrap();
    let exposure: f64 = exposure.split(' ').next().unwrap().parse().unwrap();
    assert!(exposure <= 2.0, "{said}");
    let folder = tempfile::tempdir().unwrap();
    let installed = folder.path().join("sereno.service");
    std::fs::write(&installed, unit.replace("/usr/local/bin/sereno", BINARY)).unwrap();
    let said = content("systemd-analyze", &["verify", "--man=no", installed.to_str().unwrap()]);
    assert!(!said.contains("sereno.service:"), "{said}");
}

#[test]
fn the_rules_for_prometheus_fire_when_they_should() {
    content("promtool", &["check", "rules", &shipped("prometheus-rules.yaml")]);
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prometheus/rules.test.yaml");
    content("promtool", &["test", "rules", cases]);
}

#[test]
fn the_rules_for_prometheus_name_figures_that_exist() {
    let rules = std::fs::read_to_string(shipped("prometheus-rules.yaml")).unwrap();
    let known: Vec<&str> = sereno::figures::all().map(|(name, _)| name).collect();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: Vec<&str> = words.filter(|word| word.starts_with("sereno_")).collect();
    assert!(named.len() > 8, "{named:?}");
    for name in named {
        assert!(known.contains(&name), "no figure is called {name}");
    }
}

#[test]
fn the_compose_file_is_one() {
    content(&python_tool("check-jsonschema"), &["--builtin-schema", "vendor.compose-spec", &shipped("compose.yaml")]);
}

#[test]
fn the_container_file_has_nothing_to_complain_about() {
    content(&python_tool("hadolint"), &["--failure-threshold", "info", &shipped("Dockerfile")]);
}

#[test]
fn the_kubernetes_manifests_are_valid() {
    let folder = shipped("kubernetes");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let manifests: Vec<_> = files.filter(|path| !path.ends_with("kustomization.yaml")).collect();
    let listed = std::fs::read_to_string(Path::new(&folder).join("kustomization.yaml")).unwrap();
    assert!(manifests.len() >= 5);
    for manifest in manifests {
        let name = manifest.file_name().unwrap().to_str().unwrap();
        assert!(listed.contains(&format!("- {name}\n")), "{name} is applied with the others");
        content(&python_tool("kubernetes-validate"), &["--strict", manifest.to_str().unwrap()]);
    }
}

/// The image's folder as the root of everything, read-only, as nobody, without a capability.
#[test]
fn the_image_runs_read_only_as_nobody_without_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    content(&shipped("image.sh"), &[BINARY, image.to_str().unwrap()]);
    std::fs::write(image.join("etc/sereno/sereno.toml"), "[people.ana]\nrole = \"admin\"\n").unwrap();
    let inside = |listen: &str, args: &[&str]| {
        let mut sandbox = Command::new("bwrap");
        sandbox.args(["--unshare-user", "--unshare-pid", "--die-with-parent"]);
        sandbox.args(["--uid", "65532", "--gid", "65532", "--cap-drop", "ALL"]);
        sandbox.arg("--ro-bind").arg(&image).arg("/").arg("--bind").arg(&data).arg("/data");
        sandbox.args(["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", "--chdir", "/data", "--clearenv"]);
        sandbox.args(["--setenv", "SERENO_STORE__URL", "sqlite:///data/sereno.db"]);
        sandbox.args(["--setenv", "NO_COLOR", "1", "--setenv", "SERENO_HTTP__LISTEN", listen]);
        sandbox.args(["--setenv", "SERENO_CONFIG", "/etc/sereno/sereno.toml", "--"]);
        sandbox.args(args);
        sandbox
    };
    let shell = inside("127.0.0.1:0", &["/bin/sh", "-c", "true"]).output().unwrap();
    assert!(!shell.status.success(), "there is a shell in the image");
    let mut serve = Serve::begin(inside("127.0.0.1:0", &["/usr/local/bin/sereno", "serve"]));
    let address = serve.address();
    let healthy = inside(&address, &["/usr/local/bin/sereno", "health"]).output().unwrap();
    assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stderr));
}
