//! What people say on Discord: slash commands, taps, and words that a button asked for.
//!
//! Messages are not read at all, so nothing that an agent or another bot writes can be a command. Whoever speaks from
//! a server that is not ours, or takes the bot along as a tool of their own, is somebody, but nobody whom we know
//! there: that gets a refusal.

use serde_json::{Value, json};
use serenity::model::application::{
    ActionRow, ActionRowComponent, AuthorizingIntegrationOwner, AuthorizingIntegrationOwners, ButtonKind,
    CommandDataOption, CommandDataOptionValue, CommandInteraction, CommandType, ComponentInteraction,
    ComponentInteractionDataKind, Interaction, InteractionContext, ModalInteraction,
};
use serenity::model::id::{ApplicationId, ChannelId, GuildId, InteractionId, MessageId};
use serenity::model::user::User;

use super::commands;
use super::compose::ASKS;
use super::desk::{First, Kind, Open};
use super::receipt::{Receipt, number};
use crate::channel::{Incoming, Typing};
use crate::core::access::Actor;
use crate::core::command::{CATALOGUE, Effect};
use crate::core::input::Origin;
use crate::core::policy::Lang;
use crate::core::text::clip;
use crate::render::Words;

/// Characters of a modal's title and of its label. <https://discord.com/developers/docs/components/reference>
const MODAL_TEXT: usize = 45;
/// Characters that somebody may say about why.
const WHY: usize = 400;

/// An interaction that was read.
pub struct Heard {
    pub open: Open,
    pub first: First,
    pub said: Said,
}

/// What came with an interaction.
pub enum Said {
    /// Nothing yet: words are asked for first.
    Nothing,
    /// Something.
    Incoming(Incoming),
    /// Somebody types.
    Typing(Typing),
}

/// Whose word counts where.
pub struct Ears<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The servers that are ours; without any, all on which the bot is.
    pub guilds: &'a [u64],
}

/// Where somebody speaks from.
struct Spot<'a> {
    guild: Option<GuildId>,
    channel: ChannelId,
    owners: Option<&'a AuthorizingIntegrationOwners>,
    context: Option<InteractionContext>,
}

impl<'a> Spot<'a> {
    const fn of(command: &'a CommandInteraction) -> Self {
        Self {
            guild: command.guild_id,
            channel: command.channel_id,
            owners: Some(&command.authorizing_integration_owners),
            context: command.context,
        }
    }
}

impl Ears<'_> {
    /// What an interaction says. `None` for bots and for what nobody offers.
    pub fn hear(&self, interaction: Interaction) -> Option<Heard> {
        match interaction {
            Interaction::Command(command) => self.command(command),
            Interaction::Autocomplete(command) => self.typing(command),
            Interaction::Component(tap) => self.tap(tap),
            Interaction::Modal(modal) => self.words(modal),
            _ => None,
        }
    }

    fn command(&self, command: CommandInteraction) -> Option<Heard> {
        if command.data.kind != CommandType::ChatInput {
            return None;
        }
        let name = command.data.name.as_str();
        let reads = CATALOGUE.find(name).is_none_or(|spec| spec.effect == Effect::Read);
        let spot = Spot::of(&command);
        let text = commands::line(name, |key| value(&command.data.options, key));
        let mut incoming = self.incoming(command.id, &command.user, &command.locale, &spot)?;
        incoming.text = text;
        let ticket = (command.id, command.token, command.application_id);
        let open = opened(ticket, &incoming, Kind::Command { reads });
        Some(Heard { open, first: First::Comes, said: Said::Incoming(incoming) })
    }

    /// An argument that is being typed. It is no word of theirs yet, so it never gets into the log.
    fn typing(&self, command: CommandInteraction) -> Option<Heard> {
        let incoming = self.incoming(command.id, &command.user, &command.locale, &Spot::of(&command))?;
        let option = command.data.autocomplete()?;
        let typing = Typing {
            actor: Actor { channel: self.channel.to_owned(), account: incoming.account.clone(), display: None },
            command: command.data.name.clone(),
            arg: option.name.to_owned(),
            typed: option.value.to_owned(),
            answer_to: command.id.to_string(),
        };
        let open = opened((command.id, command.token, command.application_id), &incoming, Kind::Typing);
        Some(Heard { open, first: First::Offers, said: Said::Typing(typing) })
    }

    fn tap(&self, tap: ComponentInteraction) -> Option<Heard> {
        if !matches!(tap.data.kind, ComponentInteractionDataKind::Button) {
            return None;
        }
        let owners = &tap.authorizing_integration_owners;
        let spot = Spot { guild: tap.guild_id, channel: tap.channel_id, owners: Some(owners), context: tap.context };
        let mut incoming = self.incoming(tap.id, &tap.user, &tap.locale, &spot)?;
        let open = opened((tap.id, tap.token, tap.application_id), &incoming, Kind::Tap);
        let asked = tap.data.custom_id.strip_prefix(ASKS);
        if let Some(token) = asked.filter(|_| self.is_ours(&spot)) {
            let label = label(&tap.message.components, &tap.data.custom_id);
            let modal = modal(token, tap.message.id, label, incoming.lang.unwrap_or_default());
            return Some(Heard { open, first: First::Asks(modal), said: Said::Nothing });
        }
        let receipt = Receipt { channel: tap.channel_id, message: tap.message.id };
        incoming.tap = Some((asked.unwrap_or(&tap.data.custom_id).to_owned(), receipt.to_string()));
        Some(Heard { open, first: First::Nothing, said: Said::Incoming(incoming) })
    }

    fn words(&self, modal: ModalInteraction) -> Option<Heard> {
        let (token, message) = modal.data.custom_id.rsplit_once(':')?;
        let message = MessageId::from(number(message)?);
        let spot = Spot { guild: modal.guild_id, channel: modal.channel_id, owners: None, context: None };
        let mut incoming = self.incoming(modal.id, &modal.user, &modal.locale, &spot)?;
        incoming.text = typed(&modal.data.components);
        incoming.tap = Some((token.to_owned(), Receipt { channel: modal.channel_id, message }.to_string()));
        let open = opened((modal.id, modal.token, modal.application_id), &incoming, Kind::Tap);
        Some(Heard { open, first: First::Nothing, said: Said::Incoming(incoming) })
    }

    fn incoming(&self, id: InteractionId, user: &User, locale: &str, spot: &Spot<'_>) -> Option<Incoming> {
        if user.bot || user.system {
            return None;
        }
        // An account in a place that is not ours is not the account that we know.
        let account = match (self.is_ours(spot), spot.guild) {
            (true, _) => user.id.to_string(),
            (false, Some(guild)) => format!("{}@{guild}", user.id),
            (false, None) => format!("{}@elsewhere", user.id),
        };
        let target =
            if spot.guild.is_none() && self.is_ours(spot) { format!("@{}", user.id) } else { spot.channel.to_string() };
        Some(Incoming {
            key: id.to_string(),
            account,
            display: Some(user.global_name.clone().unwrap_or_else(|| user.name.clone())),
            lang: Some(if locale.split('-').next() == Some(Lang::Es.as_str()) { Lang::Es } else { Lang::En }),
            origin: Origin { channel: self.channel.to_owned(), target, reply_to: None },
            text: String::new(),
            tap: None,
            answer_to: Some(id.to_string()),
        })
    }

    /// Whether somebody speaks on a server of ours on which the bot was installed, or with the bot alone.
    fn is_ours(&self, spot: &Spot<'_>) -> bool {
        let is_installed = spot.owners.is_none_or(|owners| {
            let by_server = |owner: &AuthorizingIntegrationOwner| {
                matches!(owner, AuthorizingIntegrationOwner::GuildInstall(by) if *by == spot.guild)
            };
            owners.0.is_empty() || owners.0.iter().any(by_server)
        });
        let is_known = match spot.guild {
            Some(guild) => self.guilds.is_empty() || self.guilds.contains(&guild.get()),
            None => spot.context != Some(InteractionContext::PrivateChannel),
        };
        is_installed && is_known
    }
}

fn opened(ticket: (InteractionId, String, ApplicationId), of: &Incoming, kind: Kind) -> Open {
    Open::new(ticket, of.account.clone(), of.origin.target.clone(), kind)
}

fn value<'a>(options: &'a [CommandDataOption], name: &str) -> Option<&'a str> {
    let option = options.iter().find(|option| option.name == name)?;
    match &option.value {
        CommandDataOptionValue::String(text) => Some(text),
        _ => None,
    }
}

/// What stands on the button with an identity.
fn label<'a>(rows: &'a [ActionRow], id: &str) -> Option<&'a str> {
    let buttons = rows.iter().flat_map(|row| &row.components);
    buttons.into_iter().find_map(|component| match component {
        ActionRowComponent::Button(button) => match &button.data {
            ButtonKind::NonLink { custom_id, .. } if custom_id == id => button.label.as_deref(),
            _ => None,
        },
        _ => None,
    })
}

/// The question for words; what it is about stands in its identity, because the next interaction brings nothing else.
fn modal(token: &str, message: MessageId, label: Option<&str>, lang: Lang) -> Value {
    let prompt = clip(Words::of(lang).get("page.why_prompt"), MODAL_TEXT);
    let field = json!({
        "type": 4, "custom_id": "why", "style": 2, "label": prompt, "max_length": WHY, "required": true,
    });
    json!({
        "custom_id": format!("{token}:{message}"),
        "title": clip(label.unwrap_or(&prompt), MODAL_TEXT),
        "components": [{ "type": 1, "components": [field] }],
    })
}

fn typed(rows: &[ActionRow]) -> String {
    let fields = rows.iter().flat_map(|row| &row.components);
    let words = fields.filter_map(|component| match component {
        ActionRowComponent::InputText(field) => field.value.as_deref(),
        _ => None,
    });
    words.map(str::trim).collect::<Vec<_>>().join(" ")
}
