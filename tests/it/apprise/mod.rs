//! Apprise: the real library, behind the addresses of its API, passes on what the real adapter posts.

pub mod bench;
mod stories;

use sereno::channel::apprise::{Apprise, Settings};
use sereno::outgoing::Inside;

use crate::program::Program;

fn server() -> Program {
    Program::start("apprise/server.py", &[])
}

fn settings(server: &Program) -> Settings {
    Settings {
        url: format!("http://127.0.0.1:{}/", server.port).parse().unwrap(),
        login: Some(("sereno".into(), bench::PASSWORD.into())),
        inside: Inside::Private,
        rate: 0.0,
    }
}

/// The real adapter, speaking to `server`.
fn adapter(server: &Program) -> Apprise {
    Apprise::new(settings(server)).unwrap()
}
