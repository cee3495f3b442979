//! `sereno people`, and the first start where nobody is configured.

use crate::binary::Home;

#[test]
fn where_nobody_is_configured_the_console_says_who_becomes_the_admin() {
    let home = Home::new("");
    let text = std::fs::read_to_string(home.path("sereno.toml")).unwrap();
    home.write("sereno.toml", &text.replace("[people.ana]\nrole = \"admin\"\n", ""));
    let mut serve = home.serve(&[]);
    let line = serve.wait_for("Nobody is configured: whoever opens this link is the admin");
    let token = line.split_once("/#signin=").unwrap().1.trim().to_owned();
    let ran = home.run(&["people", "list"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("admin") && ran.out.contains("added by sereno"), "{}", ran.out);
    assert!(!ran.out.contains(&token));
    serve.stop();
    // Until somebody has used a link, each start prints another one, for the same admin.
    let mut serve = home.serve(&[]);
    serve.wait_for("Sign in as admin (once, within 10 minutes): ");
    serve.stop();
}

#[test]
fn people_and_tokens_are_added_listed_and_taken_away() {
    let home = Home::new("");
    let ran = home.run(&["people", "list"]);
    assert_eq!(ran.code, 1, "it goes through the running bot");
    let serve = home.serve(&[]);
    let does = |args: &[&str]| {
        let ran = home.run(&[&["people"], args].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        ran.out
    };
    does(&["add", "bea", "--role", "operator", "--agent", "web-*,api-*", "--lang", "es", "--tz", "Europe/Madrid"]);
    let code = does(&["link", "bea"]);
    assert!(code.contains("/link "), "{code}");
    let token = does(&["token", "ci", "--role", "viewer", "--expires", "1d"]);
    let listed = does(&["list"]);
    assert!(listed.contains("bea") && listed.contains("ci") && listed.contains("ana"), "{listed}");
    let secret = token.split_once("sereno_").unwrap().1.get(..64).unwrap();
    assert!(!listed.contains(secret));
    does(&["revoke", "ci"]);
    does(&["remove", "bea"]);
    let ran = home.run(&["people", "remove", "ana"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "sereno: ana stands in the configuration; change it there.\n"));
    let ran = home.run(&["people", "add", "bea"]);
    assert_eq!(ran.code, 2, "a role must be said");
    let (code, log) = serve.stop();
    assert_eq!(code, 0);
    assert!(!log.contains(secret));
}
