//! What people say on Slack: slash commands, mentions, direct messages, taps and the words that a tap asked for.
//!
//! Payloads are the same over a socket and pushed. Only people of our own workspace are heard: other workspaces, bots,
//! edited, forwarded and joined-in messages are nobody's word. <https://docs.slack.dev/interactivity>

use serde_json::{Value, json};

use super::names::{Names, Place, is_direct, target_at};
use crate::channel::Incoming;
use crate::core::command::CATALOGUE;
use crate::core::input::Origin;

/// Begins the identifier of every button of ours.
pub const TAP: &str = "tap";
/// Begins the identifier of a button that asks for words first.
pub const WHY: &str = "why";
/// Identifier of the window that asks for words, of its one block and of the field in it.
pub const WHY_VIEW: &str = "sereno.why";

/// Who we are on Slack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ourselves {
    /// ID of the workspace.
    pub team: String,
    /// Member ID of the bot.
    pub user: String,
    /// ID of the app, as far as it is known.
    pub app: Option<String>,
}

/// What a payload holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody's word.
    Said(Incoming),
    /// A tap that wants words first.
    Asks(Ask),
    /// Nothing that counts.
    Nothing,
}

/// A window to open: what it must know to make a tap of the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What lets us open a window, for three seconds.
    pub trigger: String,
    /// Who tapped.
    pub account: String,
    /// What stands on the button.
    pub label: String,
    /// Travels with the window and comes back with the words.
    pub memo: String,
    /// Where whoever tapped can be told something.
    pub answer_to: Option<String>,
}

/// Reads payloads.
pub struct Reader<'a> {
    /// Name of the channel in the configuration.
    pub channel: &'a str,
    /// Who we are.
    pub us: &'a Ourselves,
    /// Names of channels.
    pub names: &'a Names,
}

fn word<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path)?.as_str().filter(|text| !text.is_empty())
}

impl Reader<'_> {
    fn is_our_team(&self, team: Option<&str>) -> bool {
        team == Some(self.us.team.as_str())
    }

    /// Whether what a payload says of the app is right, where it says something.
    fn is_our_app(&self, payload: &Value) -> bool {
        let app = self.us.app.as_deref();
        word(payload, "/api_app_id").is_none_or(|said| app.is_none_or(|app| app == said))
    }

    fn origin(&self, target: String, reply_to: Option<String>) -> Origin {
        Origin { channel: self.channel.to_owned(), target, reply_to }
    }

    /// Where something was said: in a direct conversation that is the home of whoever speaks.
    fn target(&self, channel: &str, account: &str) -> String {
        if is_direct(channel) { account.to_owned() } else { self.names.target_of(channel) }
    }

    /// A slash command. <https://docs.slack.dev/interactivity/implementing-slash-commands>
    pub fn command(&self, said: &Value) -> Heard {
        let ours = self.is_our_team(word(said, "/team_id")) && self.is_our_app(said);
        let parts = ["/user_id", "/channel_id", "/trigger_id", "/command"].map(|path| word(said, path));
        let ([Some(account), Some(channel), Some(trigger), Some(command)], true) = (parts, ours) else {
            return Heard::Nothing;
        };
        let typed = word(said, "/text").unwrap_or_default().trim();
        Heard::Said(Incoming {
            key: format!("trigger:{trigger}"),
            account: account.to_owned(),
            display: word(said, "/user_name").map(str::to_owned),
            lang: None,
            origin: self.origin(self.target(channel, account), None),
            text: typed_command(command, &unescaped(typed)),
            tap: None,
            // What is typed is answered by a message.
            answer_to: None,
        })
    }

    /// A tap, or the words that one asked for.
    pub fn interaction(&self, payload: &Value) -> Heard {
        if !self.is_our_team(word(payload, "/team/id")) || !self.is_our_app(payload) {
            return Heard::Nothing;
        }
        let home = word(payload, "/user/team_id").or_else(|| word(payload, "/team/id"));
        let ours = self.is_our_team(home);
        let heard = match word(payload, "/type") {
            // Somebody of another workspace in a shared channel is somebody, but nobody whom we know: that gets a refusal.
            Some("block_actions") if !ours => match self.tap(payload) {
                Some(Heard::Said(said)) => {
                    let account = format!("{}@{}", said.account, home.unwrap_or("elsewhere"));
                    Some(Heard::Said(Incoming { account, ..said }))
                }
                _ => None,
            },
            _ if !ours => None,
            Some("block_actions") => self.tap(payload),
            Some("view_submission") => self.words(payload),
            _ => None,
        };
        heard.unwrap_or(Heard::Nothing)
    }

    fn tap(&self, payload: &Value) -> Option<Heard> {
        let action = payload.pointer("/actions/0").filter(|action| action["type"] == "button")?;
        let (id, token) = (word(action, "/action_id")?, word(action, "/value")?);
        let channel = word(payload, "/container/channel_id").or_else(|| word(payload, "/channel/id"))?;
        let account = word(payload, "/user/id")?;
        let place = Place { channel, name: word(payload, "/channel/name"), account };
        let target = target_at(self.names, word(action, "/block_id")?, place);
        let receipt = receipt(channel, word(payload, "/container/message_ts")?);
        let (trigger, answer_to) = (word(payload, "/trigger_id")?, word(payload, "/response_url"));
        if id.starts_with(WHY) {
            return Some(Heard::Asks(Ask {
                trigger: trigger.to_owned(),
                account: account.to_owned(),
                label: word(action, "/text/text").unwrap_or_default().to_owned(),
                memo: json!({ "token": token, "receipt": receipt, "target": target, "answer": answer_to }).to_string(),
                answer_to: answer_to.map(str::to_owned),
            }));
        }
        if !id.starts_with(TAP) {
            return None;
        }
        Some(Heard::Said(Incoming {
            key: format!("trigger:{trigger}"),
            account: account.to_owned(),
            display: display(payload),
            lang: None,
            origin: self.origin(target, None),
            text: String::new(),
            tap: Some((token.to_owned(), receipt)),
            answer_to: answer_to.map(str::to_owned),
        }))
    }

    /// What was written into the window. It can be sent once: the window is gone then.
    fn words(&self, payload: &Value) -> Option<Heard> {
        let view = payload.get("view").filter(|view| view["callback_id"] == WHY_VIEW)?;
        let memo: Value = serde_json::from_str(word(view, "/private_metadata")?).ok()?;
        let said = view["state"]["values"][WHY_VIEW][WHY_VIEW]["value"].as_str().unwrap_or_default();
        Some(Heard::Said(Incoming {
            key: format!("view:{}", word(view, "/id")?),
            account: word(payload, "/user/id")?.to_owned(),
            display: display(payload),
            lang: None,
            origin: self.origin(word(&memo, "/target")?.to_owned(), None),
            text: said.trim().to_owned(),
            tap: Some((word(&memo, "/token")?.to_owned(), word(&memo, "/receipt")?.to_owned())),
            answer_to: word(&memo, "/answer").map(str::to_owned),
        }))
    }

    /// A mention, or a direct message. <https://docs.slack.dev/reference/events/message>
    pub fn event(&self, payload: &Value) -> Heard {
        let ours = self.is_our_team(word(payload, "/team_id")) && self.is_our_app(payload);
        let heard = payload.get("event").filter(|event| ours && self.is_a_persons(event));
        heard.and_then(|event| self.said(payload, event)).unwrap_or(Heard::Nothing)
    }

    fn said(&self, payload: &Value, event: &Value) -> Option<Heard> {
        let (account, channel) = (word(event, "/user")?, word(event, "/channel")?);
        let text = word(event, "/text")?;
        let text = match word(event, "/type")? {
            // In a direct conversation a mention comes as a message as well.
            "app_mention" if !is_direct(channel) => self.addressed(text)?,
            "message" if event["channel_type"] == "im" => self.addressed(text).unwrap_or(text),
            _ => return None,
        };
        let text = unescaped(text.trim());
        let root = word(event, "/thread_ts").filter(|root| word(event, "/ts") != Some(*root));
        Some(Heard::Said(Incoming {
            key: format!("event:{}", word(payload, "/event_id")?),
            account: account.to_owned(),
            display: None,
            lang: None,
            origin: self.origin(self.target(channel, account), root.map(|root| receipt(channel, root))),
            text: if text.is_empty() { "/help".to_owned() } else { text },
            tap: None,
            answer_to: None,
        }))
    }

    /// Written by a person of our workspace, just so: not by a bot, not edited, not carried here from elsewhere.
    fn is_a_persons(&self, event: &Value) -> bool {
        let here = ["/team", "/user_team", "/source_team"];
        let carried = |attachment: &Value| attachment["is_share"] == true || attachment["is_msg_unfurl"] == true;
        let plain = ["subtype", "bot_id", "bot_profile", "edited", "hidden"].iter().all(|key| event[*key].is_null());
        plain
            && here.iter().all(|path| word(event, path).is_none_or(|team| self.is_our_team(Some(team))))
            && word(event, "/user") != Some(self.us.user.as_str())
            && !event["attachments"].as_array().into_iter().flatten().any(carried)
    }

    /// What follows our name, if the text begins with it.
    fn addressed<'t>(&self, text: &'t str) -> Option<&'t str> {
        let rest = text.trim_start().strip_prefix("<@")?.strip_prefix(self.us.user.as_str())?;
        let (name, rest) = rest.split_once('>')?;
        (name.is_empty() || name.starts_with('|')).then_some(rest)
    }
}

/// What a message is called: `CHANNEL:TS`, as Slack answered it.
pub fn receipt(channel: &str, ts: &str) -> String {
    format!("{channel}:{ts}")
}

fn display(payload: &Value) -> Option<String> {
    word(payload, "/user/name").or_else(|| word(payload, "/user/username")).map(str::to_owned)
}

/// A command that is registered under its own name, or what stands behind the one for all of them.
fn typed_command(command: &str, text: &str) -> String {
    let name = command.trim_start_matches('/').to_lowercase();
    let mut names = CATALOGUE.listed().flat_map(|spec| std::iter::once(&spec.name).chain(&spec.aliases));
    let line = if names.any(|known| *known == name) { format!("/{name} {text}") } else { text.to_owned() };
    if line.trim().is_empty() { "/help".to_owned() } else { line.trim().to_owned() }
}

/// What somebody typed, as they saw it: Slack writes mentions and links as `<…|name>` and escapes three characters.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((inside, tail)) = after.split_once('>') else {
            out.push('<');
            rest = after;
            continue;
        };
        out.push_str(&typed(inside));
        rest = tail;
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn typed(inside: &str) -> String {
    let (what, name) = inside.split_once('|').map_or((inside, None), |(what, name)| (what, Some(name)));
    match what.chars().next() {
        Some(sign @ ('@' | '#')) => format!("{sign}{}", name.unwrap_or(&what[1..])),
        Some('!') => format!("@{}", name.unwrap_or(&what[1..]).trim_start_matches('@')),
        // `mailto:` and the like were written without it.
        _ => name.filter(|name| what.ends_with(name)).unwrap_or(what).to_owned(),
    }
}
