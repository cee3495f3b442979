//! Seals, words and addresses of pushes, by the examples of the standards and by what must not be called.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::json;
use sereno::channel::push::Keys;
use sereno::channel::{About, Channel as _, Outgoing, Verdict};
use sereno::core::delivery::Class;
use sereno::core::device::Device;
use sereno::core::time::Span;
use sereno::outgoing::{Inside, Network};

use super::{adapter, got, service, subscribed};
use crate::channel::contract::{everywhere, line, message};

const PHONE: &str = "0123456789abcdef0123456789abcdef";

fn raw(text: &str) -> Vec<u8> {
    BASE64.decode(text).unwrap()
}

/// <https://www.rfc-editor.org/rfc/rfc8291#appendix-A>
#[test]
fn the_example_of_the_standard_is_sealed_as_it_says() {
    let public = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let keys = Keys::read(&raw(public), &raw("BTBZMqHH6r4Tts7J_aSIgg")).unwrap();
    let secret = raw("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw").try_into().unwrap();
    let salt = raw("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
    let sealed = keys.seal(b"When I grow up, I want to be a watermelon", &secret, &salt).unwrap();
    assert_eq!(
        BASE64.encode(sealed),
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    );
    assert!(keys.seal(&[b'x'; 3993], &secret, &salt).is_some_and(|sealed| sealed.len() == 4096));
    assert!(keys.seal(&[b'x'; 3994], &secret, &salt).is_none());
    // A point that is not on the curve, and keys of another length.
    let mut wrong = raw(public);
    wrong[64] ^= 1;
    assert!(Keys::read(&wrong, &[0; 16]).is_none());
    assert!(Keys::read(&raw(public)[..64], &[0; 16]).is_none() && Keys::read(&raw(public), &[0; 15]).is_none());
}

#[tokio::test]
async fn a_push_says_how_urgent_it_is_and_who_we_are() {
    let service = service();
    let push = adapter(vec![subscribed(&service, PHONE)], Inside::Private);
    for (class, urgency, lives) in [
        (Class::Decision, "high", 3600),
        (Class::Critical, "high", 14_400),
        (Class::Warning, "normal", 14_400),
        (Class::Reply, "normal", 900),
        (Class::Info, "low", 86_400),
    ] {
        let about = About { card: 12, kind: "alert", class, severity: None };
        let out = Outgoing { about, ..line(PHONE, "It asks") };
        assert_eq!(push.send(&out).await, Verdict::Sent(out.id.clone()));
        let last = got(&service).pop().unwrap();
        assert_eq!((&last["urgency"], &last["ttl"]), (&json!(urgency), &json!(lives)), "{class:?}");
        assert_eq!(last["said"]["url"], "/c/12");
        assert_eq!(last["said"]["tag"], last["topic"]);
        assert_eq!(last["who"]["sub"], "mailto:ops@example.org");
        assert_eq!(last["who"]["key"], push.key());
        assert_eq!(last["who"]["exp"].as_i64().unwrap() * 1000, out.now.plus(Span::hours(12)).0);
        // What changes takes the place of what it changes, without a sound.
        let change = Outgoing { version: 2, ..line(PHONE, "Approved") };
        assert_eq!(push.edit(&change, &out.id).await, Verdict::Sent(out.id.clone()));
        let changed = got(&service).pop().unwrap();
        assert_eq!((&changed["topic"], &changed["said"]["silent"]), (&last["topic"], &json!(true)));
    }
    for unit in ["x", "\"", "\\", "字", "😀", "\u{1}"] {
        assert!(matches!(push.send(&message(PHONE, everywhere(&unit.repeat(2000)))).await, Verdict::Sent(_)), "{unit}");
        assert!(got(&service).pop().unwrap()["bytes"].as_u64().unwrap() <= 4096);
    }
}

#[tokio::test]
async fn every_answer_of_a_push_service_has_its_meaning() {
    let service = service();
    let push = adapter(vec![subscribed(&service, PHONE)], Inside::Private);
    for (status, meaning) in [
        (200, "sent"),
        (202, "sent"),
        (301, "rejected"),
        (400, "rejected"),
        (401, "gone"),
        (403, "gone"),
        (404, "gone"),
        (410, "gone"),
        (413, "rejected"),
        (429, "retry"),
        (500, "retry"),
        (503, "retry"),
    ] {
        service.ask(&json!({ "says": [status, { "retry-after": "7" }] }));
        let verdict = push.send(&line(PHONE, "It asks")).await;
        let word = match &verdict {
            Verdict::Sent(_) => "sent",
            Verdict::Retry { after: Some(Span(7000)), uncertain: false, .. } => "retry",
            Verdict::Gone(_) => "gone",
            Verdict::Rejected(_) => "rejected",
            other => panic!("{other:?}"),
        };
        assert_eq!(word, meaning, "{status}: {verdict:?}");
    }
    assert!(matches!(push.send(&line("another", "It asks")).await, Verdict::Gone(_)));
}

#[tokio::test]
async fn only_push_services_outside_are_called_and_only_in_secret() {
    let service = service();
    let real = subscribed(&service, PHONE);
    let push = adapter(Vec::new(), Inside::Nowhere);
    let at = |endpoint: &str| Device { endpoint: endpoint.to_owned(), ..real.clone() };
    for endpoint in ["https://fcm.googleapis.com/fcm/send/x", "https://updates.push.services.mozilla.com/wpush/v2/x"] {
        assert!(push.fits(&at(endpoint)), "{endpoint}");
    }
    let refused = [
        real.endpoint.as_str(),
        "http://fcm.googleapis.com/fcm/send/x",
        "https://127.0.0.1/push",
        "https://[::1]/push",
        "https://169.254.169.254/latest",
        "https://2130706433/push",
        "https://user@fcm.googleapis.com/x",
        "https://user:word@fcm.googleapis.com/x",
        "ftp://fcm.googleapis.com/x",
        "file:///etc/passwd",
        "not an address",
        "",
    ];
    for endpoint in refused {
        assert!(!push.fits(&at(endpoint)), "{endpoint}");
    }
    assert!(!push.fits(&at(&format!("https://fcm.googleapis.com/{}", "x".repeat(1000)))));
    assert!(!push.fits(&Device { auth: "short".into(), ..at("https://fcm.googleapis.com/x") }));
    assert!(!push.fits(&Device { p256dh: String::new(), ..at("https://fcm.googleapis.com/x") }));
    // A name that leads inside is found out when it is called.
    let local = at("https://localhost:1/push");
    let push = adapter(vec![local], Inside::Only(vec![Network::parse("10.0.0.0/8").unwrap()]));
    let verdict = push.send(&line(PHONE, "It asks")).await;
    assert!(matches!(&verdict, Verdict::Gone(why) if why.contains("private network")), "{verdict:?}");
    assert_eq!(got(&service), Vec::<serde_json::Value>::new());
}
