//! A canary stands wherever a secret can stand; nothing that is printed may hold it.

use crate::binary::{Home, SECRET};

const CANARY: &str = "canary-4f1d9c-never-shown";

fn home() -> Home {
    let home = Home::empty();
    home.write(
        "sereno.toml",
        &format!(
            "[http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:0\"\n\
             [people.ana]\nrole = \"admin\"\ntelegram = 77\n\
             [channels.tg]\nkind = \"telegram\"\ntoken = \"12345:{CANARY}\"\napi_url = \"http://127.0.0.1:1\"\n\
             [runtimes.fleet]\nkind = \"generic\"\nsecret = \"{SECRET}\"\ncontrol_url = \"http://u:{CANARY}@127.0.0.1:1/\"\n\
             [runtimes.claude]\nkind = \"claude-code\"\ntoken = \"{CANARY}\"\n\
             [api.tokens.ops]\nrole = \"admin\"\ntoken = \"{CANARY}\"\n\
             [heartbeat]\nurl = \"http://u:{CANARY}@127.0.0.1:1/ping\"\n"
        ),
    );
    home
}

fn assert_clean(what: &str, text: &str) {
    // The middle of the signing secret, too.
    for secret in [CANARY, "Njc4OWFiY2RlZjAx"] {
        assert!(!text.contains(secret), "{what} prints a secret:\n{text}");
    }
}

#[test]
fn no_command_prints_a_secret() {
    let home = home();
    assert!(SECRET.contains("Njc4OWFiY2RlZjAx"));
    let commands: &[&[&str]] = &[
        &["check"],
        &["config", "show"],
        &["connect", "claude-code"],
        &["connect", "generic"],
        &["notify", "test", "tg"],
        &["notify", "test", "nowhere"],
        &["emit", "agent.heartbeat", "--agent", "a"],
        &["outbox", "list"],
        &["outbox", "retry", "x"],
        &["explain", "A1"],
        &["audit", "verify"],
    ];
    for args in commands {
        let ran = home.run_with(args, &[("RUST_LOG", "debug")], "");
        assert!(ran.code <= 2, "{args:?}");
        assert_clean(&args.join(" "), &(ran.out + &ran.err));
    }
}

#[test]
fn a_mistake_beside_a_secret_is_told_without_it() {
    let home = home();
    let text = std::fs::read_to_string(home.path("sereno.toml")).unwrap();
    let mistakes = [
        text.replacen("token =", "tokn =", 1),
        text.replacen("secret = \"whsec_", "secret = \"whsec_!", 1),
        text.replacen("[api.tokens.ops]", "[api.tokns.ops]", 1),
        text.replacen(&format!("token = \"{CANARY}\""), &format!("token = \"{CANARY}"), 1),
        text.replacen(&format!("token = \"{CANARY}\""), &format!("token = {{ x = \"{CANARY}\" }}"), 1),
        text.replacen("url = \"http://u", "url = \"http//u", 1),
    ];
    for mistake in mistakes {
        assert_ne!(mistake, text);
        home.write("sereno.toml", &mistake);
        let ran = home.run(&["check"]);
        assert_eq!(ran.code, 2, "{mistake}");
        assert_clean("check", &(ran.out + &ran.err));
    }
    home.write("sereno.toml", &text);
    for url in [format!("postgres://sereno:{CANARY}@127.0.0.1:1/db"), format!("mysql://root:{CANARY}@h/db")] {
        let ran = home.run_with(&["serve"], &[("SERENO_STORE__URL", &url), ("RUST_LOG", "debug")], "");
        assert!(ran.code == 1 || ran.code == 2, "{}", ran.err);
        assert!(!ran.err.is_empty());
        assert_clean("serve", &(ran.out + &ran.err));
    }
}

#[test]
fn the_log_holds_no_secret_even_at_debug() {
    let home = home();
    let mut serve = home.serve(&[("RUST_LOG", "debug")]);
    serve.wait_for("trouble");
    let agent = ["--agent", "a", "--session", "s"];
    for kind in ["session.started", "agent.heartbeat"] {
        assert_eq!(home.run(&[&["emit", kind], &agent[..]].concat()).code, 0);
    }
    let hook = |token: &str| {
        let url = format!("{}/hooks/claude", home.url());
        let body = r#"{"hook_event_name": "SessionStart", "session_id": "s", "cwd": "/x", "source": "startup"}"#;
        home.run_with(&["hook", "claude-code", "--url", &url], &[("SERENO_TOKEN", token)], body)
    };
    assert_eq!(hook(CANARY).err, "");
    assert!(hook(&format!("{CANARY}-and-more")).err.contains("401"));
    let ran = home.run(&["outbox", "drop", "nothing", "--reason", "read"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let (code, said) = serve.stop();
    assert_eq!(code, 0);
    assert!(said.contains("DEBUG"), "the log is that of debug");
    assert_clean("serve", &said);
}
