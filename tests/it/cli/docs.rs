//! What is generated from the catalogues is up to date where people read it.

use std::process::Command;

use crate::binary::Home;

const MARKS: &str = "# x\n<!-- commands: generated -->\n<!-- commands: end -->\nbetween\n<!-- signals: generated -->\n<!-- signals: end -->\nafter\n";

#[test]
fn what_is_generated_is_up_to_date() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let ran = Home::empty().run(&["commands", "check", "--readme", readme]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn what_is_generated_is_what_check_wants() {
    let home = Home::empty();
    home.write("README.md", MARKS);
    let ran = home.run(&["commands", "check"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "sereno: README.md is behind; run `sereno commands generate`\n"));
    assert_eq!(home.run(&["commands", "generate"]).code, 0);
    assert_eq!(home.run(&["commands", "check"]).code, 0);
    let text = std::fs::read_to_string(home.path("README.md")).unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(home.run(&["commands", "generate"]).code, 0);
    assert_eq!(std::fs::read_to_string(home.path("README.md")).unwrap(), text, "generating again changes nothing");
    let registered = std::fs::read_to_string(home.path("deploy/discord-commands.json")).unwrap();
    home.write("deploy/discord-commands.json", &registered.replacen("ack", "acknowledge", 1));
    let ran = home.run(&["commands", "check"]);
    let behind = "sereno: deploy/discord-commands.json is behind; run `sereno commands generate`\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, behind));
    home.write("README.md", &text.replacen("/ack", "/acknowledge", 1));
    assert_eq!(home.run(&["commands", "check"]).code, 1);
    home.write("README.md", &text);
    home.write("deploy/slack-manifest.yaml", "display_information: {}\n");
    let ran = home.run(&["commands", "check"]);
    let said = "sereno: deploy/slack-manifest.yaml is behind; run `sereno commands generate`\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, said));
}

#[test]
fn marks_that_are_missing_are_named() {
    let home = Home::empty();
    for (text, name) in
        [("# nothing", "commands"), ("<!-- commands: generated -->\n<!-- commands: end -->\n", "signals")]
    {
        home.write("README.md", text);
        for verb in ["check", "generate"] {
            let ran = home.run(&["commands", verb]);
            assert_eq!(ran.code, 2);
            assert_eq!(ran.err, format!("sereno: the marks of the generated part `{name}` are missing\n"));
        }
        assert_eq!(std::fs::read_to_string(home.path("README.md")).unwrap(), text);
    }
}

/// The block of the README in this language that holds `word`.
fn block(language: &str, word: &str) -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.into_iter().find(|block| block.contains(word)).expect("the README has such a block").to_owned()
}

#[test]
fn the_examples_of_the_readme_report() {
    let home = Home::new("");
    let serve = home.serve(&[]);
    let there = |text: String| text.replace("http://127.0.0.1:8787", &home.url());
    let run = |program: &str, text: String| {
        let output = Command::new(program).args(["-c", &text]).current_dir(home.path("")).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{program}: {said}");
        said
    };
    assert_eq!(run("sh", there(block("sh", "webhook-signature"))), "{\"accepted\":1,\"duplicates\":0}");
    let python = there(block("python", "webhook-signature"));
    let printed = python.replacen("\nreport(", "\nprint(report(", 1) + ")\n";
    assert_eq!(run("python3", printed), "{'accepted': 1, 'duplicates': 0}\n");
    assert_eq!(serve.stop().0, 0);
}
