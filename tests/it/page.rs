//! The phone page in a real Chromium: the modules of `tests/node/page` against the binary of this build.
//!
//! What is asserted is written there, in the browser's own language. Here it is only started, one browser at a
//! time, so that its deadlines measure the page and not each other.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

static BROWSER: Mutex<()> = Mutex::new(());

fn play(module: &str) {
    play_with(module, &[]);
}

/// The same with variables, for a page whose server is not started there.
pub fn play_with(module: &str, vars: &[(&str, &str)]) {
    let _alone = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/page");
    let output = Command::new("node")
        .arg(folder.join(module))
        .env("SERENO", env!("CARGO_BIN_EXE_sereno"))
        .envs(vars.iter().copied())
        .output()
        .expect("Node.js, Chromium and tests/node/node_modules are there: run ./tests/run");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{module} has failed:\n{said}\n{complained}");
    assert!(said.contains("# fail 0") && !said.contains("# pass 0"), "{module} has tested nothing:\n{said}");
}

#[test]
fn a_link_signs_in_once_and_every_answer_is_guarded() {
    play("signin.mjs");
}

#[test]
fn a_decision_is_made_with_a_keyboard_and_seen_by_everybody() {
    play("live.mjs");
}

#[test]
fn commands_are_typed_completed_and_refused_on_the_page() {
    play("commands.mjs");
}

#[test]
fn what_is_selected_is_shown_beside_its_list_or_in_its_place() {
    play("detail.mjs");
}

#[test]
fn nothing_moves_under_a_finger_and_every_tap_is_answered() {
    play("touch.mjs");
}

#[test]
fn a_mail_is_read_anywhere_and_its_links_decide_nothing_by_themselves() {
    play("mail.mjs");
}

#[test]
fn hostile_text_stays_text_on_the_page() {
    play("hostile.mjs");
}

#[test]
fn the_page_is_for_everybody() {
    play("access.mjs");
}

#[test]
fn the_demo_is_played_to_its_end() {
    play("demo.mjs");
}

#[test]
fn the_installed_page_is_seen_without_a_network_and_notifies() {
    play("offline.mjs");
}
