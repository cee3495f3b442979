//! Standard Webhooks: the published vector, both kinds of keys, rotation, the window, and ten thousand
//! forgeries of which none passes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use sereno::core::time::{Span, Ts};
use sereno::runtime::secret::Secret;
use sereno::runtime::signature::{Key, WINDOW, sign, verify};
use sereno::runtime::{Inbound, Refused};

use super::{bytes, headers};
use crate::core::logs::for_all;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIME: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn key(text: &str) -> Key {
    Key::parse(&Secret::new(text)).expect("a key")
}

/// Verifies the vector with some of it changed.
fn check(id: &str, time: &str, signature: &str, body: &[u8], keys: &[Key], now: Ts) -> Result<Option<String>, Refused> {
    let headers = headers(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)]);
    let body = bytes(body);
    verify(&Inbound { headers: &headers, body: &body }, keys, now).map(|verified| verified.id)
}

fn vector(signature: &str, keys: &[Key]) -> Result<Option<String>, Refused> {
    check(ID, &TIME.to_string(), signature, BODY, keys, Ts(TIME * 1000))
}

#[test]
fn the_published_vector_verifies_and_is_what_we_sign() {
    assert_eq!(vector(SIGNATURE, &[key(SECRET)]), Ok(Some(ID.into())));
    let Key::Shared(secret) = key(SECRET) else { panic!("a shared secret") };
    let signed = sign(&secret, ID, Ts(TIME * 1000 + 999), BODY);
    assert_eq!(
        signed.map(|(name, value)| (name, value)),
        [
            ("webhook-id", ID.to_owned()),
            ("webhook-timestamp", TIME.to_string()),
            ("webhook-signature", SIGNATURE.to_owned())
        ]
    );
}

/// A pair of Ed25519 keys, and the vector signed with it.
fn asymmetric(seed: u8) -> (Key, String) {
    let signing = SigningKey::from_bytes(&[seed; 32]);
    let public = key(&format!("whpk_{}", STANDARD.encode(signing.verifying_key().to_bytes())));
    let content = [format!("{ID}.{TIME}.").as_bytes(), BODY].concat();
    (public, format!("v1a,{}", STANDARD.encode(signing.sign(&content).to_bytes())))
}

#[test]
fn a_public_key_verifies_what_its_private_key_signed_and_nothing_else() {
    let ((public, signature), (other, _)) = (asymmetric(7), asymmetric(8));
    assert_eq!(vector(&signature, std::slice::from_ref(&public)), Ok(Some(ID.into())));
    assert_eq!(vector(&signature, &[other]), Err(Refused::Wrong));
    assert_eq!(
        vector(&signature.replace("v1a,", "v1,"), std::slice::from_ref(&public)),
        Err(Refused::Wrong),
        "the version says which kind"
    );
    assert_eq!(vector(&SIGNATURE.replace("v1,", "v1a,"), &[key(SECRET)]), Err(Refused::Wrong));
    assert_eq!(vector(SIGNATURE, &[public]), Err(Refused::Wrong));
}

#[test]
fn every_active_secret_counts_and_every_signature_of_the_header() {
    let (public, signature) = asymmetric(7);
    let old = key("whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk");
    let keys = [old, public, key(SECRET)];
    assert!(vector(SIGNATURE, &keys).is_ok() && vector(&signature, &keys).is_ok());
    let wrong = format!("v1,{}", STANDARD.encode([0_u8; 32]));
    assert!(vector(&format!("{wrong} v2,abc garbage {SIGNATURE}"), &keys).is_ok());
    let many = format!("{} {SIGNATURE}", [wrong.as_str(); 10].join(" "));
    assert_eq!(vector(&many, &keys), Err(Refused::Wrong), "only the first ten are looked at");
    assert_eq!(vector(SIGNATURE, &[]), Err(Refused::Wrong));
    assert_eq!(vector(SIGNATURE, &keys[..2]), Err(Refused::Wrong), "a secret that was taken away opens nothing");
}

#[test]
fn the_window_is_five_minutes_to_either_side() {
    assert_eq!(WINDOW, Span::secs(300));
    let at = |ms: i64| check(ID, &TIME.to_string(), SIGNATURE, BODY, &[key(SECRET)], Ts(TIME * 1000 + ms)).map(drop);
    for inside in [0, 299_999, 300_000, -300_000, -1] {
        assert_eq!(at(inside), Ok(()), "{inside} ms");
    }
    for outside in [300_001, -300_001, 86_400_000, i64::MAX / 2] {
        assert_eq!(at(outside), Err(Refused::Stale), "{outside} ms");
    }
}

#[test]
fn what_is_missing_or_malformed_is_refused() {
    let keys = [key(SECRET)];
    let all = [("webhook-id", ID), ("webhook-timestamp", "1614265330"), ("webhook-signature", SIGNATURE)];
    for missing in 0..3 {
        let pairs: Vec<_> = all.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, pair)| *pair).collect();
        let (headers, body) = (headers(&pairs), bytes(BODY));
        assert_eq!(
            verify(&Inbound { headers: &headers, body: &body }, &keys, Ts(TIME * 1000)).map(drop),
            Err(Refused::Missing)
        );
    }
    let Key::Shared(secret) = key(SECRET) else { panic!("a shared secret") };
    for (id, time) in [
        ("", "1614265330"),
        ("a.b", "1614265330"),
        (ID, "x"),
        (ID, "1614265330.0"),
        (ID, " 1614265330"),
        (&"x".repeat(256), "1614265330"),
    ] {
        // Even signed with the right secret.
        let content = [format!("{id}.{time}.").as_bytes(), BODY].concat();
        let signature = sign_raw(&secret, &content);
        assert!(check(id, time, &signature, BODY, &keys, Ts(TIME * 1000)).is_err(), "{id}/{time}");
    }
}

fn sign_raw(secret: &[u8], content: &[u8]) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(content);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[test]
fn keys_that_are_none_are_refused_without_being_repeated() {
    for bad in
        ["", "secret", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "whpk_AAAA", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    {
        let refused = Key::parse(&Secret::new(bad)).err().expect(bad);
        assert!(bad.len() < 7 || !refused.contains(&bad[6..]), "{refused}");
    }
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "‹secret›");
}

/// One change to one part of a signed request.
fn forged() -> impl Strategy<Value = (usize, usize, u8, usize)> {
    (0..6_usize, any::<usize>(), 1..=255_u8, any::<usize>())
}

#[test]
fn none_of_ten_thousand_forgeries_passes() {
    let ((public, asymmetric), keys) = (asymmetric(7), [key(SECRET)]);
    let keys = [keys[0].clone(), public];
    let (time, passed) = (TIME.to_string(), std::cell::Cell::new(0));
    for_all(10_000, &forged(), |(part, place, byte, more)| {
        // Elliptic curves take their time: one in forty is enough of them.
        let original = if more % 40 == 0 { &asymmetric } else { SIGNATURE };
        let change = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let at = place % bytes.len();
            bytes[at] = (bytes[at] ^ byte) & 0x7f;
            String::from_utf8(bytes).unwrap()
        };
        let (mut id, mut stamp, mut signature, mut body) =
            (ID.to_owned(), time.clone(), original.to_owned(), BODY.to_vec());
        match part {
            0 => id = change(ID),
            1 => stamp = change(&time),
            2 => signature = change(original),
            3 => {
                let at = place % body.len();
                body[at] ^= byte;
            }
            4 => body.truncate(place % body.len()),
            _ => body.extend(std::iter::repeat_n(byte, 1 + place % 40)),
        }
        let same = id == ID && stamp == time && signature == original && body == BODY;
        // A base64 text can be written in one way only, so even a change of its last bits is another text.
        if check(&id, &stamp, &signature, &body, &keys, Ts(TIME * 1000)).is_ok() {
            assert!(same, "forged: {id} {stamp} {signature} {body:?}");
            passed.set(passed.get() + 1);
        }
    });
    assert!(passed.get() < 200, "{} changes changed nothing: the test shows too little", passed.get());
}
