//! The manifest from which an app for Slack is made: one command for all, and the scopes that the channel needs.
//!
//! <https://docs.slack.dev/reference/app-manifest>

use serde_json::json;

use crate::core::command::CATALOGUE;

/// Where it stands, beside the README.
pub const PATH: &str = "deploy/slack-manifest.yaml";

/// What the bot must be allowed, each with what it is for.
const SCOPES: [(&str, &str); 8] = [
    ("commands", "hear /sereno"),
    ("chat:write", "send, edit and whisper"),
    ("chat:write.public", "send to public channels without being invited"),
    ("files:write", "send pictures of charts"),
    ("im:write", "begin a conversation with somebody"),
    ("im:history", "hear what is written directly, and look whether a message has arrived"),
    ("app_mentions:read", "hear @sereno"),
    ("users:read", "know its own app"),
];

/// The manifest. A text in quotes is written as JSON writes it, which YAML reads alike.
pub fn manifest() -> String {
    let names: Vec<&str> = CATALOGUE.listed().map(|spec| spec.name.as_str()).collect();
    let scopes: Vec<String> = SCOPES.iter().map(|(scope, why)| format!("      - {scope}  # {why}\n")).collect();
    format!(
        r"# Made by `sereno commands generate` from commands/. Make an app of it: https://api.slack.com/apps, From a manifest.
# Without Socket Mode, set socket_mode_enabled to false and give the command, interactivity and event_subscriptions the
# address PUBLIC_URL/channels/NAME (url, request_url). `channels:history` lets it look in public channels, too, whether a
# message has arrived.
display_information:
  name: sereno
  description: Watches your fleet of AI agents and asks you when it must
features:
  app_home:
    home_tab_enabled: false
    messages_tab_enabled: true
    messages_tab_read_only_enabled: false
  bot_user:
    display_name: sereno
    always_online: true
  slash_commands:
    - command: /sereno
      description: Ask, decide and steer
      usage_hint: {hint}
      should_escape: false
oauth_config:
  scopes:
    bot:
{scopes}settings:
  event_subscriptions:
    bot_events:
      - app_mention
      - message.im
  interactivity:
    is_enabled: true
  org_deploy_enabled: false
  socket_mode_enabled: true
  token_rotation_enabled: false
",
        hint = json!(names.join(" | ")),
        scopes = scopes.concat(),
    )
}
