//! `doctor` finds what is wrong with an installation, names the remedy, and changes nothing.

use std::os::unix::fs::PermissionsExt as _;

use sereno::core::time::{Span, Ts};
use sereno::exam::ahead;

use crate::binary::Home;
use crate::telegram::fake::{Fake, TOKEN};

/// The line about something, and what is said to do.
fn line<'a>(out: &'a str, about: &str) -> (&'a str, &'a str) {
    let mut lines = out.lines();
    let found = lines.find(|line| line.get(3..).is_some_and(|rest| rest.starts_with(about)));
    (found.unwrap_or_else(|| panic!("nothing about {about} in\n{out}")), lines.next().unwrap_or_default())
}

#[test]
fn a_new_installation_is_told_what_is_still_to_do() {
    let home = Home::empty();
    assert_eq!(home.run(&["init", "--tz", "UTC"]).code, 0);
    let ran = home.run(&["doctor"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(line(&ran.out, "configuration").0.starts_with("ok"));
    assert!(line(&ran.out, "process").1.contains("sereno serve"));
    assert!(line(&ran.out, "page").1.contains("http.public_url"));
    assert!(line(&ran.out, "people").0.contains("admin is told things on the page alone"));
    assert!(line(&ran.out, "store").0.contains("is made at the first start"));
    assert!(ran.out.ends_with("It works; 3 to know of.\n"), "{}", ran.out);
    assert!(!home.path("sereno.db").exists(), "a look makes nothing");
}

#[test]
fn a_process_that_runs_is_seen_and_so_is_a_store_that_others_can_read() {
    let home = Home::new("");
    let serve = home.serve(&[]);
    assert!(line(&home.run(&["doctor"]).out, "process").0.contains("it runs, and is ready"));
    drop(serve);
    std::fs::set_permissions(home.path("sereno.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let out = home.run(&["doctor"]).out;
    let about = out.lines().position(|line| line.starts_with("??") && line.contains("can be read by others")).unwrap();
    assert!(out.lines().nth(about + 1).unwrap().contains("run chmod 600"), "{out}");
}

#[test]
fn what_does_not_work_ends_with_1() {
    let home = Home::new(
        "[people.bob]\nrole = \"viewer\"\nemail = \"bob@example.org\"\n\
         [channels.mail]\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = 1\nsecurity = \"none\"\nfrom = \"a@example.org\"\n",
    );
    let text = std::fs::read_to_string(home.path("sereno.toml"))
        .unwrap()
        .replace("role = \"admin\"\n[channels.out]", "role = \"operator\"\n[channels.out]");
    home.write("sereno.toml", &text);
    let ran = home.run(&["doctor"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "sereno: 2 to mend\n"), "{}", ran.out);
    assert!(ran.out.contains("!! people") && ran.out.contains("nobody may approve anything"), "{}", ran.out);
    assert!(line(&ran.out, "channel mail").0.starts_with("!!"));
    assert!(line(&ran.out, "channel out").0.contains("sereno notify test out"));
    let ran = Home::empty().run(&["doctor"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
}

#[test]
fn a_clock_is_ahead_or_behind_only_where_a_second_cannot_explain_it() {
    let at = |ms: i64| Ts(1_790_000_000_000 + ms);
    for (date, before, after, wanted) in [
        (0, 0, 300, 0),
        (0, 999, 999, 0),
        (0, 1000, 1000, 0),
        (0, 61_000, 61_500, 60_000),
        (60_000, 0, 500, -59_500),
        (1000, 0, 1500, 0),
    ] {
        assert_eq!(ahead(at(date), (at(before), at(after))), Span(wanted), "{date} {before} {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_end_with_a_real_message() {
    let fake = Fake::start().await;
    fake.says("77", 77, "hello");
    let api = fake.url();
    let answers = format!("víctor\nfr\nes\nNowhere\nAmerica/Mexico_City\ntelegram\nwrong\n{TOKEN}\n");
    let (home, ran) = tokio::task::spawn_blocking(move || {
        let home = Home::empty();
        let ran = home.run_with(&["init", "--ask", "--tz", "UTC", "--api-url", &api], &[], &answers);
        (home, ran)
    })
    .await
    .unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    for said in ["write en or es", "a token looks like", "Heard from user 77 (77).", "tg:77: sent"] {
        assert!(ran.out.contains(said), "{said} in {}", ran.out);
    }
    let sent = fake.chat(77);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].text.contains("sereno reaches you here"), "{}", sent[0].text);
    let text = std::fs::read_to_string(home.path("sereno.toml")).unwrap();
    assert!(
        text.contains("telegram = 77") && text.contains("tz = \"America/Mexico_City\"") && !text.contains(TOKEN),
        "{text}"
    );
    let ran = tokio::task::spawn_blocking(move || (home.run(&["check"]), home.run(&["doctor"]))).await.unwrap();
    assert_eq!((ran.0.code, ran.1.code), (0, 0), "{}{}", ran.0.err, ran.1.out);
    assert!(line(&ran.1.out, "channel tg").0.contains("the bot is @sereno_bot"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_telegram_does_not_know_is_told_and_loses_no_answer() {
    let fake = Fake::start().await;
    fake.revokes(true);
    let api = fake.url();
    let answers = format!("ana\nen\nUTC\ntelegram\n{TOKEN}\n");
    let (home, ran) = tokio::task::spawn_blocking(move || {
        let home = Home::empty();
        let ran = home.run_with(&["init", "--ask", "--api-url", &api], &[], &answers);
        (home, ran)
    })
    .await
    .unwrap();
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("@BotFather") && ran.err.contains("put the right one into tg.token"), "{}", ran.err);
    assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{}{}", ran.out, ran.err);
    assert_eq!(std::fs::read_to_string(home.path("tg.token")).unwrap().trim(), TOKEN);
    assert_eq!(home.run(&["check"]).code, 0);
}

#[test]
fn questions_that_are_not_answered_write_nothing() {
    let home = Home::empty();
    let ran = home.run_with(&["init", "--ask"], &[], "ana\nen\n");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("nothing was written"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 0);
}

#[test]
fn every_way_that_is_asked_for_is_one_that_check_accepts() {
    for (kind, rest) in [
        ("slack", "xoxb-1\nxapp-1\nU012AB3CD\n"),
        ("discord", "a-token\n80351110224678912\n"),
        ("email", "127.0.0.1\nana@example.org\n\na-password\n"),
        ("page", ""),
    ] {
        let home = Home::empty();
        // Nothing of a test leaves this machine.
        let nowhere = [("HTTPS_PROXY", "http://127.0.0.1:1")];
        let ran = home.run_with(&["init", "--ask", "--tz", "UTC"], &nowhere, &format!("ana\n\n\n{kind}\n{rest}"));
        // Nobody is there to take the message, which is told; the files are written all the same.
        assert_eq!(ran.code, i32::from(kind != "page"), "{kind}: {}{}", ran.out, ran.err);
        let ran = home.run(&["check"]);
        assert_eq!(ran.code, 0, "{kind}: {}", ran.err);
    }
}
