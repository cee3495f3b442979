//! A look at the bot: who Discord thinks it is, whether it is in its servers, and where interactions go.

use std::num::NonZeroU64;

use serenity::http::{LightMethod, Route};
use serenity::model::id::GuildId;

use super::{Discord, Trouble};
use crate::exam::{Exam, Finding};

impl Discord {
    pub(super) async fn looked_at(&self) -> Exam {
        let date = self.rest.date().await;
        let about = match self.rest.call(LightMethod::Get, Route::Oauth2ApplicationCurrent, None).await {
            Ok(about) => about,
            Err(trouble) => return Exam { findings: vec![unknown(&trouble)], date },
        };
        let name = crate::core::text::one_line(about["name"].as_str().unwrap_or("?"));
        let mut findings = vec![Finding::good(format!("the application is {name}"))];
        if let Err(error) = self.check(&about) {
            findings.push(Finding::bad("interactions do not come to where sereno takes them", error));
        }
        for guild in self.guilds.iter().copied().filter_map(NonZeroU64::new) {
            findings.extend(self.look_at_guild(guild).await);
        }
        Exam { findings, date }
    }

    async fn look_at_guild(&self, guild: NonZeroU64) -> Option<Finding> {
        let route = Route::Guild { guild_id: GuildId::from(guild) };
        match self.rest.call(LightMethod::Get, route, None).await {
            Ok(_) => None,
            Err(trouble) => Some(Finding::bad(
                format!("server {guild}: {}", trouble.words()),
                "invite the bot with the scopes bot and applications.commands, or take the server out of `guilds`",
            )),
        }
    }
}

fn unknown(trouble: &Trouble) -> Finding {
    let remedy = match trouble {
        Trouble::Refused { .. } => {
            "copy the token from Bot in the Developer Portal into the file of token_file; Reset Token shows a new one"
        }
        _ => "see to it that this machine can reach discord.com; a firewall or a proxy may be in the way",
    };
    Finding::bad(trouble.words(), remedy)
}
