//! Files on Discord: put into their message.

use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::adapter;
use super::fake::{CHANNEL, Fake};
use super::faults::Fault;
use crate::channel::contract::line;
use crate::render::exports::some;

#[tokio::test]
async fn a_file_is_put_into_its_message() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let out = Outgoing { file: Some(some()), ..line("500", "Costs") };
    let Verdict::Sent(receipt) = discord.send(&out).await else { panic!("not sent") };
    fake.fails("PATCH", Fault::Refusal(403, 50_013, "Missing Permissions"));
    assert!(!matches!(discord.follow(&out, &receipt).await, Verdict::Sent(_)));
    assert_eq!(fake.newest(CHANNEL).file, None, "the words are there all the same");
    assert_eq!(discord.follow(&out, &receipt).await, Verdict::Sent(receipt.clone()));
    let file = some();
    assert_eq!(fake.newest(CHANNEL).file, Some((file.name, file.text)));
}
