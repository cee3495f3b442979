//! Files in mails: beside the page, as they are, and the same bytes every time.

use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::{ANA, adapter, plain_post};
use crate::channel::contract::message;
use crate::render::exports::some;

#[tokio::test]
async fn a_file_is_attached() {
    let post = plain_post();
    let channel = adapter(&post);
    let doc = sereno::render::markup::parse("Costs\nSince Monday");
    let out = Outgoing { id: "ob_file".into(), file: Some(some()), ..message(ANA, doc) };
    for _ in 0..2 {
        assert!(matches!(channel.send(&out).await, Verdict::Sent(_)));
    }
    let mails = post.mails();
    assert_eq!(mails[0].raw, mails[1].raw, "what is sent again is the same mail");
    assert_eq!(mails[0].defects, [""; 0]);
    let kinds = ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv"];
    assert_eq!(mails[0].kinds, kinds);
    let raw = String::from_utf8(mails[0].raw.clone()).unwrap();
    assert!(raw.contains("attachment; filename=\"sereno-costs-2026-11-20.csv\""), "{raw}");
}
