//! Mails of each kind, as they go out and as they are read, in both languages.

use sereno::channel::{Channel as _, DrawnButton, Outgoing, Verdict};
use sereno::core::command::CATALOGUE;
use sereno::core::policy::Lang;
use sereno::render::{RENDERER, Reader};

use super::post::Mail;
use super::{ANA, adapter, plain_post};
use crate::channel::contract::message;
use crate::render::scenes::{Scene, all};

/// One of each kind that goes out by itself, and an answer.
const KINDS: [&str; 7] = ["alert", "approval", "task_card", "completion", "control", "notice", "agents"];

fn out(scene: &Scene, lang: Lang) -> Outgoing {
    let reader = Reader { lang, tz: "UTC".into(), whole: true };
    let doc = RENDERER.draw_where(&scene.content, &reader, false, scene.now).unwrap();
    let buttons = scene.buttons.iter().filter(|button| button.is_drawn(true)).map(|button| DrawnButton {
        label: CATALOGUE.button(&button.label, lang).unwrap().to_owned(),
        token: format!("token-of-button-{}", button.number),
        style: button.style,
        asks_why: button.asks_why,
    });
    let (buttons, id) = (buttons.collect(), format!("ob_{}", scene.content.name()));
    Outgoing { id, at: scene.now, lang, buttons, ..message(ANA, doc) }
}

fn read(mail: &Mail) -> String {
    let (_, card) = mail.html.split_once("<table role=\"presentation\" class=\"card\"").unwrap();
    format!(
        "{}\n\n--- plain\n{}\n--- page\n{}",
        mail.raw_head(),
        mail.plain,
        card.split_once('\n').map_or(card, |c| c.1)
    )
}

#[tokio::test]
async fn every_kind_of_mail_reads_as_it_was_approved() {
    let post = plain_post();
    let channel = adapter(&post);
    let scenes = all();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for kind in KINDS {
        let scene = scenes.iter().find(|scene| scene.content.name() == kind && scene.whole).unwrap();
        for lang in Lang::ALL {
            let sent = channel.send(&out(scene, lang)).await;
            assert!(matches!(sent, Verdict::Sent(_)), "{kind}: {sent:?}");
            let mail = post.mails().pop().unwrap();
            settings.bind(|| insta::assert_snapshot!(format!("{kind}.{}", lang.as_str()), read(&mail)));
        }
    }
    // One of them byte for byte, as `approval.eml` would hold it.
    let scene = scenes.iter().find(|scene| scene.content.name() == "approval" && scene.whole).unwrap();
    assert!(matches!(channel.send(&out(scene, Lang::En)).await, Verdict::Sent(_)));
    let raw = String::from_utf8(post.mails().pop().unwrap().raw).unwrap();
    settings.bind(|| insta::assert_snapshot!("approval.eml", raw.replace("\r\n", "\n")));
}

#[tokio::test]
async fn only_people_get_links_and_a_thread_hangs_together() {
    let post = plain_post();
    let channel = adapter(&post);
    let scenes = all();
    let scene = scenes.iter().find(|scene| scene.content.name() == "approval" && scene.whole).unwrap();
    let ask = out(scene, Lang::En);
    let Verdict::Sent(first) = channel.send(&ask).await else { panic!("not sent") };
    assert!(!post.mails()[0].links().is_empty());
    // Nobody decides for a list of people, whoever reads it.
    let list = Outgoing { target: "team@example.org".into(), ..ask.clone() };
    assert!(matches!(channel.send(&list).await, Verdict::Sent(_)));
    let mail = post.mails().pop().unwrap();
    assert!(mail.links().is_empty() && !mail.html.contains("<a ") && !mail.plain.contains("/m#"), "{}", mail.plain);
    let hangs = Outgoing { id: "ob_child".into(), under: Some(first.clone()), ..ask.clone() };
    let Verdict::Sent(second) = channel.send(&hangs).await else { panic!("not sent") };
    let change = Outgoing { id: "ob_change".into(), version: 2, ..hangs };
    assert_eq!(channel.edit(&change, &second).await, Verdict::Sent(second.clone()));
    let mail = post.mails().pop().unwrap();
    assert_eq!(mail.header("In-Reply-To"), Some(second.as_str()));
    assert_eq!(mail.header("References").unwrap(), format!("{first} {second}"));
    assert_eq!(mail.header("Message-ID"), Some("<ob_change.2@example.org>"));
}
