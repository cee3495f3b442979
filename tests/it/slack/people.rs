//! What people do on the fake server, worded as Slack words it: they type, mention, write directly, tap and explain.

use serde_json::{Value, json};

use super::fake::{BOT_USER, Fake, Message, TEAM};

/// The name of a channel in payloads.
fn name(channel: &str) -> &'static str {
    match channel {
        "C100" => "agents",
        "C300" => "lobby",
        id if id.starts_with('D') => "directmessage",
        _ => "privategroup",
    }
}

impl Fake {
    /// A trigger, good for one window.
    fn trigger(&self) -> String {
        self.change(|memory| {
            let trigger = format!("{}.T1.abc", memory.next());
            memory.triggers.insert(trigger.clone());
            trigger
        })
    }

    /// <https://docs.slack.dev/interactivity/implementing-slash-commands#app_command_handling>
    pub fn command(&self, channel: &str, user: &str, command: &str, text: &str) -> Value {
        let trigger = self.trigger();
        json!({
            "token": "gIkuvaNzQIHg97ATvDxqgjtO", "team_id": TEAM, "team_domain": "crew",
            "channel_id": channel, "channel_name": name(channel), "user_id": user, "user_name": "somebody",
            "command": command, "text": text, "api_app_id": "A1", "is_enterprise_install": "false",
            "response_url": self.answer_url(&trigger), "trigger_id": trigger,
        })
    }

    /// <https://docs.slack.dev/reference/events/app_mention>
    pub fn mention(&self, channel: &str, user: &str, text: &str) -> Value {
        self.event(json!({
            "type": "app_mention", "user": user, "text": text, "channel": channel, "team": TEAM,
            "ts": "1795165300.000100", "event_ts": "1795165300.000100", "client_msg_id": "c0ffee",
        }))
    }

    /// <https://docs.slack.dev/reference/events/message.im>
    pub fn direct(&self, user: &str, text: &str) -> Value {
        let channel = format!("D{}", &user[1..]);
        self.event(json!({
            "type": "message", "channel_type": "im", "user": user, "text": text, "channel": channel, "team": TEAM,
            "ts": "1795165300.000200", "event_ts": "1795165300.000200", "client_msg_id": "c0ffee",
        }))
    }

    /// A direct message in the thread of a message of the bot.
    pub fn reply(&self, user: &str, under: &Message, text: &str) -> Value {
        let mut payload = self.direct(user, text);
        payload["event"]["thread_ts"] = json!(under.ts);
        payload["event"]["parent_user_id"] = json!(BOT_USER);
        payload
    }

    pub fn event(&self, event: Value) -> Value {
        let id = self.change(super::fake::Memory::next);
        json!({
            "token": "XXYYZZ", "team_id": TEAM, "api_app_id": "A1", "event": event, "type": "event_callback",
            "event_id": format!("Ev{id:08}"), "event_time": 1_795_165_300, "is_ext_shared_channel": false,
            "authorizations": [{ "enterprise_id": null, "team_id": TEAM, "user_id": BOT_USER, "is_bot": true }],
        })
    }

    /// A tap on the first button whose label begins so.
    /// <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>
    pub fn tap(&self, channel: &str, user: &str, message: &Message, label: &str) -> Value {
        let (block, button) = message.button(label);
        let trigger = self.trigger();
        json!({
            "type": "block_actions",
            "user": { "id": user, "username": "somebody", "name": "somebody", "team_id": TEAM },
            "api_app_id": "A1", "token": "gIkuvaNzQIHg97ATvDxqgjtO", "trigger_id": trigger,
            "container": {
                "type": "message", "message_ts": message.ts, "channel_id": channel, "is_ephemeral": false,
            },
            "team": { "id": TEAM, "domain": "crew" }, "enterprise": null, "is_enterprise_install": false,
            "channel": { "id": channel, "name": name(channel) },
            "message": {
                "type": "message", "user": BOT_USER, "bot_id": "B1", "app_id": "A1", "ts": message.ts,
                "text": message.fallback, "team": TEAM, "blocks": message.blocks,
            },
            "state": { "values": {} },
            "response_url": self.answer_url(&trigger),
            "actions": [{
                "type": "button", "action_id": button["action_id"], "block_id": block["block_id"],
                "text": button["text"], "value": button["value"], "action_ts": "1795165301.000100",
            }],
        })
    }

    /// What is written into the newest window, and sent.
    /// <https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload#view_submission>
    pub fn words(&self, user: &str, words: &str) -> Value {
        let (id, trigger) = (self.change(super::fake::Memory::next), self.trigger());
        let (_, view) = self.memory().views.last().expect("a window is open").clone();
        let (block, field) = (&view["blocks"][0]["block_id"], &view["blocks"][0]["element"]["action_id"]);
        let mut view = view.clone();
        view["id"] = json!(format!("V{id}"));
        view["team_id"] = json!(TEAM);
        view["hash"] = json!("156772938.1827394");
        let mut value = json!({});
        value[field.as_str().unwrap()] = json!({ "type": "plain_text_input", "value": words });
        view["state"] = json!({ "values": {} });
        view["state"]["values"][block.as_str().unwrap()] = value;
        json!({
            "type": "view_submission", "team": { "id": TEAM, "domain": "crew" }, "api_app_id": "A1",
            "user": { "id": user, "username": "somebody", "name": "somebody", "team_id": TEAM },
            "trigger_id": trigger, "view": view, "response_urls": [],
        })
    }

    /// A payload as it comes over a socket.
    pub fn envelope(&self, payload: &Value) -> Value {
        let kind = match payload["type"].as_str() {
            None => "slash_commands",
            Some("event_callback") => "events_api",
            Some(_) => "interactive",
        };
        let id = self.change(super::fake::Memory::next);
        json!({
            "type": kind, "envelope_id": format!("e-{id}"), "payload": payload, "accepts_response_payload": true,
            "retry_attempt": 0, "retry_reason": "",
        })
    }

    /// Sends a payload over a socket. Returns the envelope's identity.
    pub fn says(&self, payload: &Value) -> String {
        let envelope = self.envelope(payload);
        self.sends(&envelope);
        envelope["envelope_id"].as_str().unwrap().to_owned()
    }
}
