//! Help, completions, and what is said to wrong arguments.

use std::process::Command;

use crate::binary::Home;

const COMMANDS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["serve"],
    &["init"],
    &["check"],
    &["config", "show"],
    &["connect"],
    &["hook"],
    &["notify", "test"],
    &["outbox", "list"],
    &["outbox", "retry"],
    &["outbox", "drop"],
    &["audit", "verify"],
    &["audit", "export"],
    &["explain"],
    &["emit"],
    &["health"],
    &["commands", "generate"],
    &["commands", "check"],
    &["backup"],
    &["restore"],
    &["db", "check"],
    &["completions"],
];

#[test]
fn every_command_explains_itself() {
    let home = Home::empty();
    let mut all = String::new();
    for command in COMMANDS {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let ran = home.run(&args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        all.push_str(&format!("$ sereno {}\n{}\n", args.join(" "), ran.out));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn wrong_arguments_end_with_2_and_say_why() {
    let home = Home::new("");
    let cases: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["serv"],
        &["serve", "--port", "1"],
        &["connect"],
        &["connect", "cursor"],
        &["hook", "claude-code"],
        &["hook", "claude-code", "--url", "not an address"],
        &["hook", "claude-code", "--url", "http://127.0.0.1:1", "--patience", "long"],
        &["notify"],
        &["notify", "test"],
        &["notify", "test", "nowhere"],
        &["outbox", "retry"],
        &["audit", "export", "--from", "yesterday"],
        &["audit", "export", "--format", "xml"],
        &["audit", "verify", "--file", "nowhere.jsonl"],
        &["explain"],
        &["emit"],
        &["emit", "agent.heartbeat"],
        &["emit", "agent.heartbeat", "--agent", ""],
        &["emit", "agent.heartbeat", "--agent", "a", "--set", "nonsense"],
        &["emit", "agent.heartbeat", "--agent", "a", "--runtime", "claude"],
        &["emit", "-"],
        &["commands", "check", "--readme", "nowhere.md"],
        &["backup"],
        &["backup", "sereno.toml"],
        &["completions", "tcsh"],
        &["init"],
        &["--config", "nowhere.toml", "check"],
    ];
    let mut all = String::new();
    for args in cases {
        let ran = home.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{args:?}");
        let first = ran.err.lines().take_while(|line| !line.starts_with("Usage:")).collect::<Vec<_>>().join("\n  ");
        all.push_str(&format!("$ sereno {}\n  {}\n\n", args.join(" "), first.trim_end()));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn completions_know_every_command() {
    let home = Home::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = home.run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        for command in COMMANDS.iter().flat_map(|command| command.iter()) {
            assert!(ran.out.contains(command), "{shell} does not know {command}");
        }
    }
    home.write("completions", &home.run(&["completions", "bash"]).out);
    let read = Command::new("bash").arg("-n").arg(home.path("completions")).status().unwrap();
    assert!(read.success(), "bash reads it");
}

#[test]
fn the_version_is_that_of_the_package() {
    let ran = Home::empty().run(&["--version"]);
    assert_eq!((ran.code, ran.out), (0, format!("sereno {}\n", env!("CARGO_PKG_VERSION"))));
}
