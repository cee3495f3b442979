//! The core stays pure: nothing in `src/core` reaches for a clock, a file, a network or another layer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the core may use besides itself.
const CRATES: &[&str] = &[
    "cel",
    "chrono",
    "cron",
    "foldhash",
    "hashbrown",
    "hex",
    "include_dir",
    "jiff",
    "postcard",
    "regex",
    "serde",
    "serde_jcs",
    "serde_json",
    "sha2",
    "std",
    "strsim",
    "toml",
    "unicode_properties",
];
/// What it must not use of the standard library and of the crates above.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::thread",
    "std::time",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
    "Local::now",
    "upcoming",
    "TimeZone::system",
    "println!",
    "eprintln!",
    "tracing::",
    "metrics::",
    "rand::",
    "getrandom",
    "tokio",
    "axum",
    "sqlx",
    "reqwest",
    "async fn",
    "unsafe",
];
/// Spelled `std::…` at the beginning of a path that is not imported.
const ROOTS: &[&str] = &["Self", "core", "self", "super"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").map(|e| e.unwrap().path());
    let mut all: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// The code of a file without its comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn core() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core");
    let rust = files(&folder).into_iter().filter(|p| p.extension().is_some_and(|e| e == "rs"));
    rust.map(|path| (path.clone(), code(&path))).collect()
}

#[test]
fn the_core_uses_no_other_layer() {
    let other = regex::Regex::new(r"\bcrate::(\w+)").unwrap();
    let files = core();
    assert!(files.len() > 40, "{} files: is this the core?", files.len());
    let mut seen = 0;
    for (path, code) in &files {
        for found in other.captures_iter(code) {
            seen += 1;
            assert_eq!(&found[1], "core", "{} reaches out of the core: {}", path.display(), &found[0]);
        }
    }
    assert!(seen > 100);
}

#[test]
fn the_core_uses_only_crates_that_compute() {
    let imports = regex::Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use (\w+)::").unwrap();
    let known: BTreeSet<&str> = CRATES.iter().chain(ROOTS).copied().chain(["crate"]).collect();
    let modules = regex::Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?mod (\w+)").unwrap();
    let mut local = BTreeSet::new();
    for (path, code) in core() {
        local.extend(modules.captures_iter(&code).map(|m| m[1].to_owned()));
        for found in imports.captures_iter(&code) {
            assert!(known.contains(&found[1]) || local.contains(&found[1]), "{} uses {}", path.display(), &found[1]);
        }
    }
}

#[test]
fn the_core_reads_no_clock_no_file_and_no_chance() {
    let words: Vec<String> = IMPURE.iter().map(|word| regex::escape(word)).collect();
    let impure = regex::Regex::new(&format!(r"\b(?:{})", words.join("|"))).unwrap();
    for (path, code) in core() {
        let found = impure.find(&code).map(|m| m.as_str());
        assert_eq!(found, None, "{}", path.display());
    }
}

#[test]
fn rendering_and_channels_do_not_know_the_store() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (layer, forbidden) in [
        ("render", "store|engine|http|channel|runtime|courier|app"),
        ("channel", "store|engine|http|runtime|courier|app"),
        ("runtime", "store|engine|http|channel|courier|app"),
    ] {
        let reaches = regex::Regex::new(&format!(r"\bcrate::({forbidden})\b")).unwrap();
        for path in files(&root.join(layer)) {
            let found = reaches.find(&code(&path)).map(|m| m.as_str().to_owned());
            assert_eq!(found, None, "{}", path.display());
        }
    }
}
