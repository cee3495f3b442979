//! Every way to fail, and what is said of the mail: only one whose last byte may have been read can have arrived.

use sereno::channel::email::{Email, Security};
use sereno::channel::{Channel as _, Verdict};
use sereno::core::time::Span;

use super::post::Post;
use super::{ANA, adapter, plain_post, settings};
use crate::channel::contract::line;

/// What a verdict says, without its words.
fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Sent(_) => "sent",
        Verdict::Retry { uncertain: true, .. } => "uncertain",
        Verdict::Retry { after: Some(_), .. } => "later",
        Verdict::Retry { .. } => "not sent",
        Verdict::Gone(_) => "gone",
        Verdict::Rejected(_) => "rejected",
        Verdict::Locked(_) => "locked",
        Verdict::Moved(_) | Verdict::EditLost | Verdict::Unchanged => "something that no mail server says",
    }
}

#[tokio::test]
async fn each_answer_at_each_step_is_judged_for_what_it_is() {
    let post = plain_post();
    let channel = adapter(&post);
    let cases = [
        ("mail", "421 4.3.2 going down", "not sent"),
        ("mail", "451 4.3.0 later", "later"),
        ("mail", "550 5.7.1 not as you", "locked"),
        ("mail", "530 5.7.0 who are you", "locked"),
        ("rcpt", "450 4.2.0 greylisted", "later"),
        ("rcpt", "452 4.2.2 mailbox full", "later"),
        ("rcpt", "550 5.1.1 nobody here", "gone"),
        ("rcpt", "553 5.1.3 no such name", "gone"),
        ("rcpt", "551 5.7.1 elsewhere", "gone"),
        ("rcpt", "530 5.7.0 who are you", "locked"),
        ("rcpt", "554 5.7.1 refused", "rejected"),
        ("data", "451 4.3.0 later", "later"),
        ("data", "554 5.5.1 no", "rejected"),
        ("body", "451 4.3.0 later", "later"),
        ("body", "421 4.3.2 going down", "not sent"),
        ("body", "552 5.3.4 too long", "rejected"),
        ("body", "550 5.7.1 spam", "rejected"),
        ("lost", "", "uncertain"),
        ("cut", "", "not sent"),
    ];
    for (at, reply, wanted) in cases {
        post.fails(at, reply, 1);
        let verdict = channel.send(&line(ANA, "It asks")).await;
        assert_eq!(kind(&verdict), wanted, "{at} {reply}: {verdict:?}");
        if let Verdict::Retry { after: Some(wait), .. } = &verdict {
            assert!(*wait >= Span::secs(60), "a greylisting server wants more than {wait}");
        }
        let code = reply.split(' ').next().unwrap();
        assert!(format!("{verdict:?}").contains(code), "{verdict:?} does not say {code}");
        // Whatever went wrong with one mail, the next one goes through.
        assert_eq!(kind(&channel.send(&line(ANA, "It asks")).await), "sent", "after {at} {reply}");
    }
    // What was lost behind its last byte is the only one that arrived besides.
    assert_eq!(post.mails().len(), cases.len() + 1);
}

#[tokio::test]
async fn who_does_not_know_us_says_what_to_mend() {
    let post = Post::start(Security::StartTls, Some(("sereno", "right horse")));
    adapter(&post).prepare().await.unwrap();
    let mut wrong = settings(&post);
    wrong.login = Some(("sereno".into(), "wrong horse".into()));
    let wrong = Email::new(wrong).unwrap();
    let verdict = wrong.send(&line(ANA, "It asks")).await;
    let Verdict::Locked(words) = &verdict else { panic!("{verdict:?}") };
    assert!(words.contains("535") && words.contains("password_file") && !words.contains("horse"), "{words}");
    assert_eq!(wrong.prepare().await.as_ref(), Err(words));
    let mut nobody = settings(&post);
    nobody.login = None;
    let verdict = Email::new(nobody).unwrap().send(&line(ANA, "It asks")).await;
    let Verdict::Locked(words) = &verdict else { panic!("{verdict:?}") };
    assert!(words.contains("set username and password_file"), "{words}");
    assert!(post.mails().is_empty());
}

#[tokio::test]
async fn a_connection_is_secret_or_there_is_none() {
    let implicit = Post::start(Security::Tls, None);
    adapter(&implicit).prepare().await.unwrap();
    assert_eq!(kind(&adapter(&implicit).send(&line(ANA, "It asks")).await), "sent");
    assert!(implicit.mails()[0].secret);
    // A server that cannot be secret is told nothing.
    let open = plain_post();
    let mut wants_tls = settings(&open);
    wants_tls.security = Security::StartTls;
    let error = Email::new(wants_tls).unwrap().prepare().await.unwrap_err();
    assert!(error.contains("offers no STARTTLS"), "{error}");
    let cases = [
        ("a stranger's", Post::start(Security::StartTls, None), false, "ca_file"),
        ("its own authority's", Post::self_signed(), true, "CA:TRUE"),
    ];
    for (whose, post, known, remedy) in cases {
        let mut settings = settings(&post);
        settings.ca = settings.ca.filter(|_| known);
        let channel = Email::new(settings).unwrap();
        let error = channel.prepare().await.unwrap_err();
        assert!(error.contains("certificate") && error.contains(remedy), "{whose}: {error}");
        let verdict = channel.send(&line(ANA, "It asks")).await;
        assert_eq!(kind(&verdict), "not sent", "{whose}: {verdict:?}");
        assert!(post.mails().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_and_an_address_that_is_none_are_told_apart() {
    let post = plain_post();
    let mut nowhere = settings(&post);
    nowhere.port = Some(1);
    let verdict = Email::new(nowhere).unwrap().send(&line(ANA, "It asks")).await;
    assert_eq!(kind(&verdict), "not sent");
    assert!(format!("{verdict:?}").contains("localhost:1 cannot be reached"), "{verdict:?}");
    let channel = adapter(&post);
    assert_eq!(kind(&channel.send(&line("nobody", "It asks")).await), "gone");
    assert_eq!(kind(&channel.send(&line("josé@example.org", "It asks")).await), "rejected");
    assert!(post.mails().is_empty());
    for (from, ca) in [("nobody", None), (super::FROM, Some(b"no certificate".to_vec()))] {
        let broken = sereno::channel::email::Settings { from: from.into(), ca, ..settings(&post) };
        assert!(Email::new(broken).is_err(), "{from}");
    }
}
