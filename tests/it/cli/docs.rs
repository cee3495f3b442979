//! What is generated from the catalogues is up to date where people read it.

use crate::binary::Home;

const MARKS: &str = "# x\n<!-- commands: generated -->\n<!-- commands: end -->\nbetween\n<!-- signals: generated -->\n<!-- signals: end -->\nafter\n";

#[test]
fn the_readme_is_up_to_date() {
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
    home.write("README.md", &text.replacen("/ack", "/acknowledge", 1));
    assert_eq!(home.run(&["commands", "check"]).code, 1);
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
