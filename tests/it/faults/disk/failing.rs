//! K7: the nth call to the disk fails. Nothing is answered 2xx that is not there afterwards, nothing is damaged,
//! and either it goes on or it ends with a word.

use super::{Reporter, home};
use crate::dose;

const FAULTS: [&str; 6] = [
    "pwrite64:error=ENOSPC",
    "pwrite64:error=EIO",
    "pwrite64:error=EINTR",
    "fdatasync:error=EIO",
    "fdatasync:error=ENOSPC",
    "ftruncate:error=EIO",
];

/// Nothing else is looked at, so that all else runs at its own speed.
const TRACED: &str = "trace=pwrite64,fdatasync,ftruncate";

#[tokio::test]
async fn a_call_that_fails_loses_nothing() {
    for round in 0..dose::times(FAULTS.len(), FAULTS.len() * 50) {
        let fault = FAULTS[round % FAULTS.len()];
        // From the first start to the middle of work; a thread counts its own calls.
        let when = 3 + (round / FAULTS.len()) * 2 + (round % FAULTS.len()) * 5;
        once(&format!("inject={fault}:when={when}")).await;
    }
}

async fn once(inject: &str) {
    let home = home();
    let log = home.path("strace.log").display().to_string();
    let mut serve = home.begin_serve_by(
        "strace",
        &["-D", "-f", "-qq", "--seccomp-bpf", "-o", &log, "-e", "signal=none", "-e", TRACED, "-e", inject],
    );
    let mut reporter = Reporter::new();
    if serve.is_ready() {
        home.ready(&mut serve);
        for _ in 0..20 {
            reporter.report(&home, 500).await;
        }
        serve.kill();
    } else {
        let (code, said) = serve.ended();
        assert_ne!(code, 0, "{inject}: {said}");
        assert!(said.contains("sereno: "), "{inject}: it says why: {said}");
    }
    if home.path("disk/sereno.db").exists() {
        reporter.judge(&home.path("disk/sereno.db")).await;
    }
}
