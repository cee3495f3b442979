//! A look at the app names the workspace, scopes that are missing, and a socket that would not open.

use sereno::channel::Channel as _;
use sereno::exam::{Exam, Grade};

use super::fake::Fake;
use super::faults::Fault;
use super::{SIGNING, Way, adapter, adapter_at};

fn told(exam: &Exam) -> Vec<(Grade, &str)> {
    exam.findings.iter().map(|finding| (finding.grade, finding.what.as_str())).collect()
}

#[tokio::test]
async fn a_look_says_where_the_app_is_and_what_it_may() {
    let fake = Fake::start().await;
    let good = [(Grade::Good, "in crew as @sereno"), (Grade::Good, "8 scopes, all that are needed")];
    let exam = adapter_at(&fake.url(), Way::Pushed(SIGNING.into())).examine().await;
    assert_eq!(told(&exam), good);
    let exam = adapter(&fake).examine().await;
    assert_eq!(told(&exam), [&good[..], &[(Grade::Good, "Socket Mode opens connections")]].concat());
    assert!(fake.memory().channels.is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    let fake = Fake::start().await;
    fake.lacks("im:write");
    let exam = adapter(&fake).examine().await;
    assert_eq!(told(&exam)[1], (Grade::Bad, "scopes are missing: im:write"));
    assert!(exam.findings[1].remedy.as_deref().unwrap().contains("install the app again"));
}

#[tokio::test]
async fn a_token_or_a_socket_that_does_not_work_is_told_with_the_remedy() {
    let fake = Fake::start().await;
    fake.fails("apps.connections.open", Fault::Code("invalid_auth"));
    let exam = adapter(&fake).examine().await;
    assert_eq!(exam.findings[2].grade, Grade::Bad);
    assert!(exam.findings[2].remedy.as_deref().unwrap().contains("xapp-"), "{exam:?}");
    fake.revokes(true);
    let exam = adapter(&fake).examine().await;
    assert_eq!((exam.findings.len(), exam.findings[0].grade), (1, Grade::Bad));
    assert!(exam.findings[0].remedy.as_deref().unwrap().contains("xoxb-"), "{exam:?}");
}
