//! What a look at the gateway shows, for `sereno doctor` and `sereno connect`: whether it lets us in, and what we may.

use super::identity::Identity;
use super::socket::Socket;
use super::wire::{ADMIN, Hello};
use super::{DEVICE, DEVICE_TOKEN, Settings};
use crate::exam::{Exam, Finding};
use crate::runtime::{Ended, Kept};

/// What is needed for what, and the scope that brings it.
const NEEDED: [(&str, &str); 4] = [
    ("operator.read", "its agents are seen"),
    ("operator.write", "agents are told, stopped and begun"),
    ("operator.approvals", "questions are decided"),
    ("operator.questions", "questions that words answer are seen and answered"),
];

/// Connects once as [`Runtime::listen`](crate::runtime::Runtime::listen) does, and says what came of it.
pub async fn examine(settings: &Settings, kept: &Kept) -> Exam {
    let identity = kept.get(DEVICE).and_then(|secret| Identity::from_hex(secret));
    let opened = match identity {
        _ if settings.is_local => Socket::open(settings, None, settings.token.reveal(), &[ADMIN]).await,
        Some(identity) => settings.open_as(&identity, kept.get(DEVICE_TOKEN).map_or("", String::as_str)).await,
        None => {
            let what = "this device is not known there yet";
            let remedy = "start sereno, which makes its key, and approve it there with `openclaw devices approve`";
            return Exam::only(Finding::doubtful(what, remedy));
        }
    };
    match opened {
        Ok(socket) => {
            let findings = of_hello(&socket.hello);
            socket.close().await;
            Exam { findings, date: None }
        }
        Err(Ended::Broke { why, .. }) => {
            Exam::only(Finding::bad(why, "see that the gateway runs, and that url leads to it"))
        }
        Err(Ended::NeedsPerson(why) | Ended::Refused(why)) => {
            Exam::only(Finding::bad(why, "see to gateway.auth.token there, and to token_file here"))
        }
    }
}

fn of_hello(hello: &Hello) -> Vec<Finding> {
    let mut findings = vec![Finding::good(format!("OpenClaw {} lets us in", hello.version))];
    for (scope, what) in NEEDED.iter().filter(|(scope, _)| !hello.may(scope)) {
        findings.push(Finding::bad(format!("{scope} is missing, without which nothing of this: {what}"), GRANT));
    }
    if hello.may(ADMIN) {
        findings.push(Finding::good("questions of every session are seen (operator.admin)"));
    } else {
        let what = "operator.admin is missing: of questions only those are seen whose runs sereno itself has begun";
        findings.push(Finding::doubtful(what, GRANT));
    }
    findings
}

const GRANT: &str = "connect with the gateway's own token, or approve this device there with that scope";
