//! A digest by mail ends with one click in a mail program (RFC 8058), and with nothing less.

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use sereno::core::time::Span;

use super::post::{Mail, Post};
use super::{ANA, config, plain_post};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![one_click_ends_digests_and_nothing_else_does];

fn digests(post: &Post) -> Vec<Mail> {
    let mut mails = post.to(ANA);
    mails.retain(|mail| mail.header("List-Unsubscribe").is_some());
    mails
}

async fn one_click_ends_digests_and_nothing_else_does(db: Database) {
    let post = plain_post();
    let digest = "[digest.daily]\nat = \"0 7 * * *\"\nto = [\"person:ana\"]\nvia = [\"mail\"]\n";
    let scene = Scene::start(db, &format!("{}{digest}", config(&post))).await;
    scene.advance(Span::days(1)).await;
    let mails = digests(&post);
    assert_eq!(mails.len(), 1, "{:#?}", post.to(ANA));
    assert_eq!(mails[0].header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    let link = mails[0].header("List-Unsubscribe").unwrap().trim_matches(['<', '>']);
    let path = &link[link.find("/m/stop/").unwrap()..];
    let token = path.rsplit('/').next().unwrap();
    assert_eq!(mails[0].token("🔕"), token);
    // Whoever only looks is led to the page of the button.
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let look = client.get(scene.url(path)).send().await.unwrap();
    assert_eq!((look.status().as_u16(), look.headers()["location"].to_str().unwrap()), (303, &*format!("/m#{token}")));
    let click = async |path: &str, body: &'static str| {
        let request = client.post(scene.url(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let status = request.body(body).send().await.unwrap().status().as_u16();
        scene.settle().await;
        status
    };
    assert_eq!(click(path, "").await, 400);
    assert_eq!(click("/m/stop/AAAAAAAAAAAAAAAAAAAAAAAAAAA", "List-Unsubscribe=One-Click").await, 410);
    // The button of a question cannot be pressed this way.
    scene.asks("q1", "pytest tests/").await;
    let no = post.to(ANA).last().unwrap().token("❌");
    assert_eq!(click(&format!("/m/stop/{no}"), "List-Unsubscribe=One-Click").await, 410);
    assert_eq!(scene.fleet.heard(), [""; 0]);
    scene.advance(Span::days(1)).await;
    let before = digests(&post).len();
    assert_eq!(before, 2);
    let mails = post.to(ANA).len();
    for _ in 0..2 {
        assert_eq!(click(path, "List-Unsubscribe=One-Click").await, 200);
    }
    scene.advance(Span::days(3)).await;
    assert_eq!(digests(&post).len(), before, "no digest comes any more");
    let told: Vec<String> = post.to(ANA)[mails..].iter().map(Mail::text).collect();
    assert_eq!(told.len(), 2, "each click is answered by what holds now");
    assert!(told.iter().all(|text| text.contains("Digests: daily (off) · your choice")), "{told:#?}");
    scene.finish(&[]).await;
}
