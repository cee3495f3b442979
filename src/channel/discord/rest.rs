//! One call of Discord's API: serenity's request, sent and read by us.
//!
//! serenity's own client reads an answer of any length, repeats a request for ever on 429 (without a pause when it
//! cannot read how long to wait) and writes the tokens of interactions into its spans. Here answers are bounded, a
//! wish to wait is heard wherever it stands, and an error says nothing of the address, which is a secret where an
//! interaction is answered.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, RequestBuilder};
use serde_json::{Value, json};
use serenity::builder::CreateAttachment;
use serenity::http::{LightMethod, Multipart, MultipartUpload, Request, Route};
use serenity::model::id::ChannelId;
use tracing::subscriber::{NoSubscriber, with_default};

use super::verdict::Trouble;
use crate::clock::within;
use crate::core::time::{Span, Ts};
use crate::outgoing;

/// A call that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Where the API is.
const HOST: &str = "discord.com";
/// Private conversations that are remembered.
const HOMES: usize = 10_000;

/// The bytes of a file and its name.
pub type Named = (Vec<u8>, String);

/// The API as one bot sees it.
pub struct Rest {
    client: reqwest::Client,
    authorization: String,
    /// The private conversation with each account.
    homes: Mutex<HashMap<NonZeroU64, ChannelId>>,
}

impl Rest {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(token: &str, resolve: Option<SocketAddr>, authority: Option<&[u8]>) -> Result<Self, String> {
        let mut client = outgoing::builder(CALL_TIMEOUT).tcp_nodelay(true);
        if let Some(address) = resolve {
            client = client.resolve(HOST, address);
        }
        if let Some(pem) = authority {
            let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
            if certificates.is_empty() {
                return Err("ca_file holds no certificate in PEM form".into());
            }
            client = certificates.into_iter().fold(client, reqwest::ClientBuilder::add_root_certificate);
        }
        Ok(Self {
            client: client.build().map_err(|_| "the HTTP client cannot be made")?,
            authorization: format!("Bot {}", token.trim()),
            homes: Mutex::default(),
        })
    }

    /// Sends a request and reads its answer; an empty one is null.
    pub async fn call(&self, method: LightMethod, route: Route<'_>, body: Option<&Value>) -> Result<Value, Trouble> {
        self.exchange(Request::new(route, method).body(body.map(|body| body.to_string().into_bytes()))).await
    }

    /// Changes something, and brings a file along when there is one: its bytes and its name.
    pub async fn patch(&self, route: Route<'_>, body: &Value, file: Option<Named>) -> Result<Value, Trouble> {
        let Some((bytes, name)) = file else { return self.call(LightMethod::Patch, route, Some(body)).await };
        let upload = MultipartUpload::Attachments(vec![CreateAttachment::bytes(bytes, name)]);
        let form = Multipart { upload, fields: Vec::new(), payload_json: Some(body.to_string()) };
        self.exchange(Request::new(route, LightMethod::Patch).multipart(Some(form))).await
    }

    async fn exchange(&self, request: Request<'_>) -> Result<Value, Trouble> {
        let build = || request.build(&self.client, &self.authorization, None);
        let request = with_default(NoSubscriber::default(), build);
        let request = request.map_err(|_| Trouble::Unsent("the request could not be written"))?;
        within(CALL_TIMEOUT, exchange(request)).await.unwrap_or(Err(Trouble::Unknown("Discord did not answer in time")))
    }

    /// What time it is at Discord.
    pub async fn date(&self) -> Option<Ts> {
        outgoing::date(&self.client, format!("https://{HOST}/api/v10/gateway").parse().ok()?).await
    }

    /// The private conversation with an account. Asked for once.
    pub async fn home(&self, account: NonZeroU64) -> Result<ChannelId, Trouble> {
        let known = self.homes.lock().unwrap_or_else(PoisonError::into_inner).get(&account).copied();
        if let Some(channel) = known {
            return Ok(channel);
        }
        let body = json!({ "recipient_id": account.to_string() });
        let answer = self.call(LightMethod::Post, Route::UserMeDmChannels, Some(&body)).await?;
        let channel = ChannelId::from(number(&answer["id"]).ok_or(Trouble::UNREADABLE)?);
        let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        if homes.len() >= HOMES {
            homes.clear();
        }
        homes.insert(account, channel);
        Ok(channel)
    }
}

/// A number of Discord's, which are written as text because JavaScript cannot hold them.
pub fn number(value: &Value) -> Option<NonZeroU64> {
    value.as_str()?.parse().ok()
}

async fn exchange(request: RequestBuilder) -> Result<Value, Trouble> {
    let response = request.send().await.map_err(|error| Trouble::of_network(&error))?;
    let status = response.status().as_u16();
    let asked = outgoing::retry_after(response.headers(), None);
    let body = outgoing::body(response).await.map_err(|error| Trouble::of_network(&error))?;
    read(status, asked, &body.bytes)
}

fn read(status: u16, asked: Option<Span>, body: &[u8]) -> Result<Value, Trouble> {
    let said = serde_json::from_slice::<Value>(body);
    match status {
        200..300 if body.is_empty() => Ok(Value::Null),
        200..300 => said.map_err(|_| Trouble::UNREADABLE),
        429 => {
            let said = said.unwrap_or_default();
            Err(Trouble::Limited(said["retry_after"].as_f64().and_then(outgoing::seconds_of).or(asked)))
        }
        400..500 => Err(Trouble::refused(status, &said.unwrap_or_default())),
        500.. => Err(Trouble::Unknown("Discord is in trouble")),
        _ => Err(Trouble::Unknown("Discord answered with something that is no answer")),
    }
}
