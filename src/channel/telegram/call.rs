//! One call of the Bot API: teloxide's request, sent and read by us.
//!
//! teloxide reads an answer of any length, and sleeps ten seconds after every 5xx before it says so. Here answers
//! are bounded, and a wish to wait is heard wherever a proxy has put it.

use std::sync::Arc;

use reqwest::multipart::{Form, Part};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Value, json};
use teloxide::requests::{HasPayload, JsonRequest, Payload};
use teloxide::types::{ChatId, ResponseParameters, Seconds, ThreadId};
use teloxide::{ApiError, Bot, RequestError};

use crate::channel::PICTURE;
use crate::outgoing;
use crate::render::export::File;

/// The frame of every answer.
#[derive(serde::Deserialize)]
#[serde(bound = "R: DeserializeOwned")]
struct Answer<R> {
    ok: bool,
    result: Option<R>,
    description: Option<ApiError>,
    parameters: Option<ResponseParameters>,
}

/// Sends a request and reads its answer.
pub async fn call<P>(client: &reqwest::Client, bot: &Bot, request: JsonRequest<P>) -> Result<P::Output, RequestError>
where
    P: Payload + Serialize + 'static,
    P::Output: DeserializeOwned,
{
    send(client.post(address(bot, P::NAME)).json(request.payload_ref())).await
}

/// Where something is sent under a message.
pub struct Under<'a> {
    /// The chat.
    pub chat: ChatId,
    /// The topic in it.
    pub topic: Option<ThreadId>,
    /// The message.
    pub message: &'a str,
}

impl Under<'_> {
    fn form(&self) -> Form {
        let reply = json!({ "message_id": self.message.parse::<i64>().ok(), "allow_sending_without_reply": true });
        let form = Form::new()
            .text("chat_id", self.chat.0.to_string())
            .text("disable_notification", "true")
            .text("reply_parameters", reply.to_string());
        match self.topic {
            Some(topic) => form.text("message_thread_id", topic.0.0.to_string()),
            None => form,
        }
    }
}

/// Sends a PNG of what the caption says, without a sound: the message above it has made one. teloxide would write it through a client of its
/// own. <https://core.telegram.org/bots/api#sendphoto>
pub async fn photo(
    client: &reqwest::Client,
    bot: &Bot,
    under: Under<'_>,
    (caption, png): (&str, Vec<u8>),
) -> Result<(), RequestError> {
    let photo = Part::bytes(png).file_name(PICTURE).mime_str("image/png")?;
    let form = under.form().text("caption", caption.to_owned()).part("photo", photo);
    send::<Value>(client.post(address(bot, "SendPhoto")).multipart(form)).await.map(drop)
}

/// Sends a file, the same way. <https://core.telegram.org/bots/api#senddocument>
pub async fn document(client: &reqwest::Client, bot: &Bot, under: Under<'_>, file: &File) -> Result<(), RequestError> {
    let part = Part::text(file.text.clone()).file_name(file.name.clone()).mime_str(file.mime)?;
    let form = under.form().text("disable_content_type_detection", "true").part("document", part);
    send::<Value>(client.post(address(bot, "SendDocument")).multipart(form)).await.map(drop)
}

fn address(bot: &Bot, method: &str) -> reqwest::Url {
    let mut url = bot.api_url();
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(&format!("bot{}", bot.token())).push(method);
    }
    url
}

async fn send<R: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<R, RequestError> {
    let response = request.send().await?;
    let is_limit = response.status().as_u16() == 429;
    let asked = outgoing::retry_after(response.headers(), None);
    let body = outgoing::body(response).await?;
    if is_limit {
        return Err(limited(&body.bytes, asked));
    }
    read(&body.bytes)
}

fn read<R: DeserializeOwned>(body: &[u8]) -> Result<R, RequestError> {
    let answer: Answer<R> = serde_json::from_slice(body).map_err(unreadable)?;
    match answer {
        Answer { ok: true, result: Some(result), .. } => Ok(result),
        Answer { parameters: Some(ResponseParameters::RetryAfter(wait)), .. } => Err(RequestError::RetryAfter(wait)),
        Answer { parameters: Some(ResponseParameters::MigrateToChatId(chat)), .. } => {
            Err(RequestError::MigrateToChatId(chat))
        }
        Answer { ok: false, description: Some(error), .. } => Err(RequestError::Api(error)),
        _ => Err(unreadable(serde_json::Error::custom("neither a result nor an error"))),
    }
}

/// The answer is not kept: nobody reads it, and it may be anything.
fn unreadable(error: serde_json::Error) -> RequestError {
    RequestError::InvalidJson { source: Arc::new(error), raw: "".into() }
}

/// Too many requests: how long to wait stands in the body, as a whole number or not, or in the header, or nowhere.
fn limited(body: &[u8], asked: Option<crate::core::time::Span>) -> RequestError {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let wait = said["parameters"]["retry_after"].as_f64().and_then(outgoing::seconds_of).or(asked);
    match wait.and_then(|wait| u32::try_from(wait.0.saturating_add(999) / 1000).ok()) {
        Some(seconds) => RequestError::RetryAfter(Seconds::from_seconds(seconds)),
        None => RequestError::Api(ApiError::Unknown("Too Many Requests".into())),
    }
}
