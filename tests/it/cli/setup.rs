//! From nothing to a configuration that works: `init`, `check`, `config show`, `connect`.

use std::os::unix::fs::PermissionsExt as _;

use crate::binary::Home;

#[test]
fn init_writes_what_check_accepts() {
    let home = Home::empty();
    let ran = home.run(&["init", "--person", "víctor", "--lang", "es", "--tz", "America/Mexico_City"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    insta::assert_snapshot!(ran.out);
    for name in ["sereno.toml", "claude.token", "fleet.secret"] {
        let mode = std::fs::metadata(home.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let ran = home.run(&["check"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "ok (people: 1, channels: 1, runtimes: 2, rules: 7)\n");
    assert!(home.run(&["config", "show"]).out.contains("[people.\"víctor\"]"));
    for kind in ["claude-code", "generic"] {
        assert_eq!(home.run(&["connect", kind]).code, 0, "{kind}");
    }
}

#[test]
fn secrets_are_fresh_at_every_init() {
    let secrets = || {
        let home = Home::empty();
        assert_eq!(home.run(&["init"]).code, 0);
        ["claude.token", "fleet.secret"].map(|name| std::fs::read_to_string(home.path(name)).unwrap())
    };
    let (first, second) = (secrets(), secrets());
    assert!(first.iter().zip(&second).all(|(a, b)| a != b && a.trim().len() >= 40));
}

#[test]
fn init_with_telegram_says_what_is_missing() {
    let home = Home::empty();
    let ran = home.run(&["init", "--telegram", "1234", "--dir", "new/folder"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("Put the token of your bot into tg.token"), "{}", ran.out);
    let ran = home.run(&["--config", "new/folder/sereno.toml", "check"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("tg.token cannot be read"), "{}", ran.err);
    home.write("new/folder/tg.token", "12345:AAAA");
    assert_eq!(home.run(&["--config", "new/folder/sereno.toml", "check"]).code, 0);
}

#[test]
fn init_touches_nothing_that_is_there_and_leaves_nothing_half_done() {
    let home = Home::empty();
    for wrong in [["--lang", "fr"], ["--tz", "Nowhere"]] {
        let ran = home.run(&[&["init"], &wrong[..]].concat());
        assert_eq!(ran.code, 2, "{wrong:?}");
        assert!(ran.err.contains(wrong[1]), "{}", ran.err);
        assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 0, "{wrong:?}");
    }
    home.write("sereno.toml", "# mine");
    let ran = home.run(&["init"]);
    assert_eq!((ran.code, ran.err.as_str()), (2, "sereno: ./sereno.toml is there already; it was not touched\n"));
    assert_eq!(std::fs::read_to_string(home.path("sereno.toml")).unwrap(), "# mine");
}

#[test]
fn check_ends_with_2_and_the_place_of_every_mistake() {
    let home = Home::empty();
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.err, "sereno: there is no sereno.toml here; `sereno init` writes one, `sereno demo` needs none\n");
    home.write("sereno.toml", "[http]\npublic_url = \"here\"\n[approvals]\ntimeout = \"3h\"\n");
    let ran = home.run(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "sereno: sereno.toml:2:14: write an address such as https://sereno.example.org\n\
         sereno.toml:4:11: an approval lives between 5s and 55m: a hook cannot be held open longer\n"
    );
    home.write("sereno.toml", "");
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("there are no people: the first start prints a link"), "{}", ran.out);
    let vars = [("SERENO_PEOPLE__ANA__ROLE", "admin")];
    assert_eq!(home.run_with(&["check"], &vars, "").code, 0, "the environment counts");
    let vars = [("SERENO_CONFIG", "elsewhere.toml")];
    let ran = home.run_with(&["check"], &vars, "");
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("sereno: elsewhere.toml: cannot be read: "), "{}", ran.err);
}

#[test]
fn connect_prints_the_variables_of_exporters() {
    let home = Home::new("[runtimes.otel]\nkind = \"otlp\"\ntoken = \"otel-token-for-tests\"\n");
    let ran = home.run(&["connect", "otlp", "--agent", "builder"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let url = home.url();
    let masked = |text: &str| text.replace(&url, "http://127.0.0.1:PORT");
    insta::assert_snapshot!(masked(&format!("{}\n{}", ran.out, ran.err)));
    assert!(!(ran.out + &ran.err).contains("otel-token-for-tests"), "the token stays in its variable");
    assert_eq!(Home::new("").run(&["connect", "otlp"]).code, 2);
}

#[test]
fn connect_prints_settings_that_name_this_server() {
    let home = Home::new("");
    let ran = home.run(&["connect", "claude-code", "--agent", "builder", "--binary", "/opt/sereno"]);
    assert_eq!(ran.code, 0);
    let settings: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let text = settings.to_string();
    assert!(text.contains(&format!("{}/hooks/claude", home.url())), "{text}");
    assert!(text.contains("/opt/sereno") && text.contains("builder"), "{text}");
    assert!(settings["hooks"].as_object().is_some_and(|hooks| hooks.contains_key("PreToolUse")), "{text}");
    assert!(!text.contains("claude-token-for-tests"), "the token stays in its variable");
    insta::assert_snapshot!(ran.err);

    let ran = home.run(&["connect", "generic"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out.replace("127.0.0.1:0", "127.0.0.1:PORT"));

    for (kind, named) in [("claude-code", "fleet"), ("generic", "claude"), ("generic", "nobody")] {
        let ran = home.run(&["connect", kind, "--runtime", named]);
        assert_eq!(ran.code, 2, "{kind} {named}");
        assert!(ran.err.contains(&format!("add [runtimes.NAME] with kind = \"{kind}\"")), "{}", ran.err);
    }
}
