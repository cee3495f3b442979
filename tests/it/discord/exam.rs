//! A look at the bot names its application, servers it is not in, and an endpoint that does not fit.

use sereno::channel::Channel as _;
use sereno::channel::discord::{Discord, Settings};
use sereno::exam::{Exam, Grade};

use super::fake::Fake;
use super::{adapter, pushed, settings};

fn grades(exam: &Exam) -> Vec<Grade> {
    exam.findings.iter().map(|finding| finding.grade).collect()
}

#[tokio::test]
async fn a_look_says_who_the_bot_is_and_where_it_is_not() {
    let fake = Fake::start().await;
    let exam = adapter(&fake).examine().await;
    assert_eq!(grades(&exam), [Grade::Good], "{exam:?}");
    let elsewhere = Discord::new(Settings { guilds: vec![901], ..settings(&fake) }).unwrap();
    let exam = elsewhere.examine().await;
    assert_eq!(grades(&exam), [Grade::Good, Grade::Bad]);
    assert!(exam.findings[1].what.contains("server 901"), "{exam:?}");
    assert!(exam.findings[1].remedy.as_deref().unwrap().contains("applications.commands"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_fit_and_a_token_that_is_wrong_are_told() {
    let fake = Fake::start().await;
    let exam = pushed(&fake).examine().await;
    assert_eq!(grades(&exam), [Grade::Good, Grade::Bad], "{exam:?}");
    assert!(exam.findings[1].remedy.as_deref().unwrap().contains("Interactions Endpoint URL"));
    fake.revokes(true);
    let exam = adapter(&fake).examine().await;
    assert_eq!(grades(&exam), [Grade::Bad]);
    assert!(!format!("{exam:?}").contains(super::TOKEN), "no finding quotes the token");
}
