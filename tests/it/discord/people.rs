//! People on the fake server: what they type and tap, and what they alone are told.

use serde_json::{Value, json};

use super::fake::{APPLICATION, CHANNEL, Fake, GUILD, Memory};
use super::faults::Refusal;
use super::forms::{self, Message};

/// An interaction, and what it was told.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub token: String,
    pub account: u64,
    pub channel: u64,
    /// Kind of its first answer.
    pub first: Option<u64>,
    /// Questions for words.
    pub modal: Option<Value>,
    /// What it may choose from: labels and values.
    pub offered: Option<Vec<(String, String)>>,
    /// What only whoever asked sees; the first is the original answer where there is one.
    pub told: Vec<Message>,
    /// A quarter of an hour has passed.
    pub is_over: bool,
}

impl Fake {
    /// The interaction of a slash command in [`CHANNEL`], as the gateway and a push bring it.
    pub fn command(&self, account: u64, name: &str, options: &[(&str, &str)]) -> Value {
        let option = |(name, value): &(&str, &str)| json!({ "name": name, "type": 3, "value": value });
        let options: Vec<Value> = options.iter().map(option).collect();
        self.interaction(2, account, json!({ "id": "77", "name": name, "type": 1, "options": options }))
    }

    /// The interaction of whoever types an argument of a slash command in [`CHANNEL`].
    pub fn types(&self, account: u64, name: &str, (arg, typed): (&str, &str)) -> Value {
        let option = json!({ "name": arg, "type": 3, "value": typed, "focused": true });
        self.interaction(4, account, json!({ "id": "77", "name": name, "type": 1, "options": [option] }))
    }

    /// The interaction of a tap on a button of a message.
    pub fn tap(&self, account: u64, message: &Message, button: &str) -> Value {
        let mut tap = self.interaction(3, account, json!({ "component_type": 2, "custom_id": button }));
        tap["message"] = message.json();
        tap["channel_id"] = json!(message.channel.to_string());
        if self.memory().homes.get(&account) == Some(&message.channel) {
            at_home(&mut tap);
        }
        let id = forms::number(&tap["id"]);
        self.change(|memory| memory.asked.get_mut(&id).unwrap().channel = message.channel);
        tap
    }

    /// The interaction of words that a modal asked for.
    pub fn words(&self, asked: u64, words: &str) -> Value {
        let asked = self.memory().asked[&asked].clone();
        let modal = asked.modal.expect("words were asked for");
        let field =
            json!({ "type": 4, "custom_id": modal["components"][0]["components"][0]["custom_id"], "value": words });
        let data = json!({ "custom_id": modal["custom_id"], "components": [{ "type": 1, "components": [field] }] });
        let mut said = self.interaction(5, asked.account, data);
        said["channel_id"] = json!(asked.channel.to_string());
        said
    }

    fn interaction(&self, kind: u64, account: u64, data: Value) -> Value {
        self.change(|memory| {
            let id = memory.next_id();
            let token = format!("interaction-token-{id}-that-nobody-may-see");
            let asked = Asked { token: token.clone(), account, channel: CHANNEL, ..Asked::default() };
            memory.asked.insert(id, asked);
            let user = json!({ "id": account.to_string(), "username": format!("user{account}"), "discriminator": "0" });
            json!({
                "id": id.to_string(),
                "application_id": APPLICATION.to_string(),
                "type": kind,
                "data": data,
                "guild_id": GUILD.to_string(),
                "channel_id": CHANNEL.to_string(),
                "member": {
                    "user": user, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": false, "mute": false,
                    "flags": 0, "permissions": "0",
                },
                "token": token,
                "version": 1,
                "locale": "en-US",
                "guild_locale": "en-US",
                "app_permissions": "0",
                "entitlements": [],
                "authorizing_integration_owners": { "0": GUILD.to_string() },
                "context": 0,
                "attachment_size_limit": 10_000_000,
            })
        })
    }

    /// Sends an interaction over the gateway; its number.
    pub fn says(&self, interaction: Value) -> u64 {
        let id = forms::number(&interaction["id"]);
        self.change(|memory| memory.session.events.push(("INTERACTION_CREATE".into(), interaction)));
        id
    }

    /// What an interaction was told, privately, so far.
    pub fn told(&self, id: u64) -> Vec<String> {
        self.memory().asked[&id].told.iter().map(|message| message.text.clone()).collect()
    }

    /// Waits until an interaction was told something in words.
    pub async fn is_told(&self, id: u64) -> String {
        let told = |memory: &Memory| memory.asked[&id].told.iter().any(|message| !message.text.is_empty());
        self.until("the interaction was answered", told).await;
        self.told(id).into_iter().find(|text| !text.is_empty()).unwrap()
    }

    /// Waits until whoever types is offered something to choose from; the values.
    pub async fn is_offered(&self, id: u64) -> Vec<String> {
        self.until("something is offered", |memory| memory.asked[&id].offered.is_some()).await;
        let offered = self.memory().asked[&id].offered.clone().unwrap();
        offered.into_iter().map(|(_, value)| value).collect()
    }

    /// A quarter of an hour passes for an interaction.
    pub fn ends(&self, id: u64) {
        self.change(|memory| memory.asked.get_mut(&id).unwrap().is_over = true);
    }
}

/// Says it in the conversation with the bot alone.
pub fn at_home(interaction: &mut Value) {
    let user = interaction["member"]["user"].take();
    interaction["user"] = user;
    for key in ["member", "guild_id", "guild_locale"] {
        interaction.as_object_mut().unwrap().remove(key);
    }
    interaction["authorizing_integration_owners"] = json!({ "0": "0" });
    interaction["context"] = json!(1);
}

impl Memory {
    /// The first answer to an interaction.
    pub(super) fn answer(&mut self, id: u64, token: &str, body: &Value) -> Result<Value, Refusal> {
        let new = self.next_id();
        let asked = self.asked.get_mut(&id).filter(|asked| asked.token == token && !asked.is_over);
        let asked = asked.ok_or_else(|| Refusal::new(404, 10_062, "Unknown interaction"))?;
        if asked.first.is_some() {
            return Err(Refusal::new(400, 40_060, "Interaction has already been acknowledged."));
        }
        let kind = body["type"].as_u64().unwrap();
        let mut message = Message { id: new, channel: asked.channel, private: true, ..Message::default() };
        match kind {
            4 => {
                let form = forms::message(&body["data"], 64)?;
                assert_eq!(body["data"]["flags"], 64, "nobody else may see it: {body}");
                message.change(form);
                message.history.clear();
                asked.told.push(message);
            }
            5 => {
                assert_eq!(body["data"]["flags"], 64, "nobody else may see it: {body}");
                asked.told.push(message);
            }
            6 => {}
            8 => {
                let choices = body["data"]["choices"].as_array().unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let offered: Vec<_> = choices.iter().map(|one| (text(&one["name"]), text(&one["value"]))).collect();
                let fits = |text: &String| (1..=100).contains(&text.encode_utf16().count());
                if offered.len() > 25 || !offered.iter().all(|(name, value)| fits(name) && fits(value)) {
                    return Err(Refusal::form("data.choices", "Must be 25 or fewer of 100 or fewer in length."));
                }
                asked.offered = Some(offered);
            }
            9 => {
                let modal = &body["data"];
                let length = |value: &Value| value.as_str().unwrap().encode_utf16().count();
                let field = &modal["components"][0]["components"][0];
                assert!(
                    (1..=100).contains(&length(&modal["custom_id"])) && (1..=45).contains(&length(&modal["title"]))
                );
                assert!((1..=45).contains(&length(&field["label"])) && field["type"] == 4, "{modal}");
                asked.modal = Some(modal.clone());
            }
            other => panic!("an answer of kind {other}"),
        }
        asked.first = Some(kind);
        Ok(Value::Null)
    }

    fn asked(&mut self, app: &str, token: &str) -> Result<&mut Asked, Refusal> {
        assert_eq!(app, APPLICATION.to_string());
        let asked = self.asked.values_mut().find(|asked| asked.token == token && !asked.is_over);
        let asked = asked.ok_or_else(|| Refusal::new(401, 50_027, "Invalid Webhook Token"))?;
        if asked.first.is_none() {
            return Err(Refusal::new(404, 10_015, "Unknown Webhook"));
        }
        Ok(asked)
    }

    /// Another message after the first answer.
    pub(super) fn follow(&mut self, app: &str, token: &str, form: &Value) -> Result<Value, Refusal> {
        let id = self.next_id();
        let asked = self.asked(app, token)?;
        assert_eq!(form["flags"], 64, "nobody else may see it: {form}");
        let message = forms::message(form, 64)?;
        asked.told.push(Message { id, channel: asked.channel, private: true, ..message });
        Ok(asked.told.last().unwrap().json())
    }

    pub(super) fn correct(&mut self, app: &str, token: &str, id: &str, form: &Value) -> Result<Value, Refusal> {
        let asked = self.asked(app, token)?;
        let gone = || Refusal::new(404, 10_008, "Unknown Message");
        let message = match id {
            "@original" if asked.first == Some(6) => panic!("the card itself would be changed"),
            "@original" => asked.told.first_mut(),
            id => asked.told.iter_mut().find(|message| message.id.to_string() == id),
        };
        let message = message.ok_or_else(gone)?;
        message.change(forms::message(form, 64)?);
        Ok(message.json())
    }

    pub(super) fn take_back(&mut self, app: &str, token: &str) -> Result<Value, Refusal> {
        let asked = self.asked(app, token)?;
        assert_eq!(asked.first, Some(5), "a promise, and nothing else");
        asked.told.remove(0);
        Ok(Value::Null)
    }
}
