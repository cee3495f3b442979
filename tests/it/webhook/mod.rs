//! Webhooks, against a program that checks signatures as the specification says, forgets what it has seen under the same
//! name, and keeps what is true of each notice.

pub mod bench;
mod guard;
mod stories;
mod taker;
mod verdicts;

use std::sync::Arc;

use sereno::channel::webhook::{Settings, Sign, Webhook};
use sereno::outgoing::Inside;
use sereno::runtime::signature;

use crate::scene::SECRET_BYTES;
use taker::Taker;

const PUBLIC_URL: &str = "https://sereno.example";

fn settings(taker: &Taker) -> Settings {
    Settings {
        name: "hook".into(),
        url: taker.url().parse().unwrap(),
        sign: signer(SECRET_BYTES.to_vec()),
        public_url: PUBLIC_URL.into(),
        rate: 0.0,
    }
}

/// Signs with a key, as the application does.
fn signer(key: Vec<u8>) -> Sign {
    Arc::new(move |id, at, body| signature::sign(&key, id, at, body))
}

/// The real adapter, speaking to `taker`, which is on this machine.
fn adapter(taker: &Taker) -> Webhook {
    Webhook::new(settings(taker), Webhook::client(Inside::Private).unwrap())
}

/// The part of a configuration that leads to `taker`, for everything.
fn config(taker: &Taker) -> String {
    format!(
        "[channels.hook]\nkind = \"webhook\"\nurl = \"{}\"\nsecret = \"{}\"\nallow_private = true\n\
         [[routes]]\nmatch = \"\"\nto = [\"hook:ops\", \"person:ana\"]\n",
        taker.url(),
        crate::scene::SECRET,
    )
}
