//! A look at the bot: who Telegram thinks it is, and where its updates go.

use teloxide::RequestError;
use teloxide::prelude::Requester;

use super::{Telegram, call, verdict};
use crate::exam::{Exam, Finding};
use crate::outgoing;

impl Telegram {
    pub(super) async fn looked_at(&self) -> Exam {
        let date = outgoing::date(&self.client, self.bot.api_url()).await;
        let me = match call::call(&self.client, &self.bot, self.bot.get_me()).await {
            Ok(me) => me,
            Err(error) => return Exam { findings: vec![unknown(&error)], date },
        };
        let mut findings = vec![Finding::good(format!("the bot is @{}", me.username()))];
        match call::call(&self.client, &self.bot, self.bot.get_webhook_info()).await {
            Ok(info) => findings.extend(self.pushes_to(info.url.as_ref(), info.last_error_message.as_deref())),
            Err(error) => findings.push(Finding::doubtful(verdict::words(&error), "ask again in a while")),
        }
        Exam { findings, date }
    }

    fn pushes_to(&self, set: Option<&reqwest::Url>, error: Option<&str>) -> Option<Finding> {
        match (&self.webhook, set) {
            (Some(ours), Some(set)) if ours == set => Some(match error {
                Some(error) => Finding::doubtful(
                    format!("Telegram could not push lately: {}", crate::core::text::one_line(error)),
                    "see to it that http.public_url can be reached from outside, with a certificate that holds",
                ),
                None => Finding::good("Telegram pushes to http.public_url"),
            }),
            (Some(_), _) => Some(Finding::doubtful(
                "Telegram does not push to http.public_url yet",
                "sereno serve asks for it when it starts; if it runs, look into its log",
            )),
            (None, Some(_)) => Some(Finding::doubtful(
                "Telegram pushes this bot's updates to another address",
                "one bot serves one program: make sereno a bot of its own; sereno serve takes the other's updates away",
            )),
            (None, None) => None,
        }
    }
}

fn unknown(error: &RequestError) -> Finding {
    let remedy = match error {
        RequestError::Api(_) => "ask @BotFather for the token, and write it into the file of token_file",
        _ => "see to it that this machine can reach the Bot API; a firewall or a proxy may be in the way",
    };
    Finding::bad(verdict::words(error), remedy)
}
