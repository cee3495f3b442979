//! The contract that every channel keeps, and the channels' benches on which it is checked.

mod benches;
pub mod contract;
pub mod watch;

use contract::Bench;

/// Every channel on its bench.
async fn benches() -> Vec<Box<dyn Bench>> {
    vec![
        Box::new(crate::telegram::bench::TelegramBench::start().await),
        Box::new(crate::slack::bench::SlackBench::start().await),
        Box::new(crate::discord::bench::DiscordBench::start().await),
        Box::new(crate::email::bench::EmailBench::start()),
        Box::new(crate::ntfy::bench::NtfyBench::start().await),
        Box::new(crate::apprise::bench::AppriseBench::start()),
        Box::new(crate::push::bench::PushBench::start()),
        Box::new(crate::webhook::bench::WebhookBench::start().await),
        Box::new(benches::WebBench::new()),
        Box::new(benches::LogBench::new()),
    ]
}

macro_rules! every_channel {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            for bench in benches().await {
                contract::$name(bench.as_ref()).await;
            }
        }
    )*};
}

every_channel![
    hostile_text_is_text,
    nobody_is_called,
    the_longest_text_fits_and_a_longer_one_still_says_something,
    buttons_and_tokens_arrive_as_they_are,
    silence_and_threads_are_carried_or_said_to_be_missing,
    an_edit_changes_the_message_in_its_place_or_follows_it,
    no_secret_is_told,
];
