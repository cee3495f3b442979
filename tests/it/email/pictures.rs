//! Pictures in mails: a part of the page, with words for whoever cannot see it, and the same bytes every time.

use sereno::channel::{Channel as _, Outgoing, Verdict};
use sereno::core::policy::Lang;

use super::{ANA, adapter, plain_post};
use crate::channel::contract::message;
use crate::multipart::checked;
use crate::render::charts::some;

#[tokio::test]
async fn a_chart_is_a_part_of_the_page() {
    let post = plain_post();
    let channel = adapter(&post);
    let doc = sereno::render::markup::parse("Agents · Fri 20 Nov · $1.85\nIt costs");
    let out = Outgoing { id: "ob_chart".into(), picture: Some(some()), lang: Lang::En, ..message(ANA, doc) };
    for _ in 0..2 {
        assert!(matches!(channel.send(&out).await, Verdict::Sent(_)));
    }
    let mails = post.mails();
    assert_eq!(mails[0].raw, mails[1].raw, "what is sent again is the same mail");
    let mail = &mails[0];
    assert_eq!(mail.defects, [""; 0]);
    let kinds = ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"];
    assert_eq!(mail.kinds, kinds);
    assert!(mail.html.contains("src=\"cid:ob_chart.1.chart@example.org\""), "{}", mail.html);
    assert!(mail.html.contains("alt=\"Cost per hour: $1.85 in all; most $1.20 (01:00)"), "{}", mail.html);
    assert!(!mail.html.contains("<script") && !mail.plain.contains("cid:"), "{}", mail.html);
    let raw = String::from_utf8(mail.raw.clone()).unwrap().replace("\r\n", "\n");
    let (before, picture) = raw.split_once("Content-ID: <ob_chart.1.chart@example.org>").expect("it is named");
    let (head, rest) = picture.split_once("\n\n").unwrap();
    let (bytes, end) = rest.split_once("\n\n--").or_else(|| rest.split_once("\n--")).unwrap();
    checked(&decoded(bytes));
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let golden = format!("{before}Content-ID: <ob_chart.1.chart@example.org>{head}\n\n(the picture)\n--{end}");
    settings.bind(|| insta::assert_snapshot!("chart.eml", golden));
}

fn decoded(base64: &str) -> Vec<u8> {
    use base64::Engine as _;
    let one_line: String = base64.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(one_line).unwrap()
}
