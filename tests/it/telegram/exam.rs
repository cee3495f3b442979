//! A look at the bot changes nothing and names what is wrong.

use sereno::channel::Channel as _;
use sereno::exam::Grade;

use super::fake::Fake;
use super::{adapter, faults::Fault};

#[tokio::test]
async fn a_look_says_who_the_bot_is_and_where_updates_go() {
    let fake = Fake::start().await;
    let exam = adapter(&fake, false).examine().await;
    assert_eq!(exam.findings.len(), 1, "{exam:?}");
    assert_eq!((exam.findings[0].grade, exam.findings[0].what.as_str()), (Grade::Good, "the bot is @sereno_bot"));
    let pushed = adapter(&fake, true);
    let worst = |exam: &sereno::exam::Exam| exam.findings.iter().map(|finding| finding.grade).max().unwrap();
    assert_eq!(worst(&pushed.examine().await), Grade::Doubtful, "nothing is pushed yet");
    pushed.prepare().await.unwrap();
    assert_eq!(worst(&pushed.examine().await), Grade::Good);
    let exam = adapter(&fake, false).examine().await;
    assert_eq!(worst(&exam), Grade::Doubtful, "somebody else gets the updates");
    assert!(fake.memory().webhook.is_some(), "a look takes nothing away");
}

#[tokio::test]
async fn a_token_that_is_wrong_and_a_server_that_is_away_are_told_apart() {
    let fake = Fake::start().await;
    fake.revokes(true);
    let exam = adapter(&fake, false).examine().await;
    let remedy = exam.findings[0].remedy.as_deref().unwrap();
    assert!(exam.findings[0].grade == Grade::Bad && remedy.contains("@BotFather"), "{exam:?}");
    fake.revokes(false);
    fake.fails("getMe", Fault::ResetBefore);
    let exam = adapter(&fake, false).examine().await;
    let remedy = exam.findings[0].remedy.as_deref().unwrap();
    assert!(exam.findings[0].grade == Grade::Bad && remedy.contains("can reach the Bot API"), "{exam:?}");
    assert!(!format!("{exam:?}").contains(super::TOKEN), "no finding quotes the token");
}
