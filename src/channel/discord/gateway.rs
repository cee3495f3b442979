//! The gateway: a connection over which Discord sends interactions, for whom no address of ours is public.
//!
//! <https://discord.com/developers/docs/events/gateway>. serenity's own gateway is not used: once begun it cannot be
//! stopped between two connections, goes to the public address when it cannot ask for one, and writes what it cannot
//! read into the log. A session outlives its connection, so that nothing said meanwhile is missed. No intents are
//! needed for interactions: messages are not read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::receive::Said;
use super::rest::Rest;
use super::verdict::Trouble;
use crate::channel::Inbox;
use crate::clock::within;

const VERSION: &str = "/?v=10&encoding=json";
/// How long a connection may take to greet.
const GREETING: Duration = Duration::from_secs(15);
/// Bytes of one message: the list of servers at the beginning is the longest.
const MESSAGE: usize = 4 << 20;
/// Sessions that are left for today, and kept for a better reason: with none left Discord takes the token away.
const RESERVE: u64 = 10;
/// Closed like this, a session is over; closed otherwise, it goes on.
const GONE_AWAY: u16 = 4000;

/// What is sent over it.
mod op {
    pub const DISPATCH: u8 = 0;
    pub const HEARTBEAT: u8 = 1;
    pub const IDENTIFY: u8 = 2;
    pub const RESUME: u8 = 6;
    pub const RECONNECT: u8 = 7;
    pub const INVALID_SESSION: u8 = 9;
    pub const HELLO: u8 = 10;
    pub const HEARTBEAT_ACK: u8 = 11;
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Deserialize)]
struct Frame {
    op: u8,
    #[serde(default)]
    d: Value,
    s: Option<u64>,
    t: Option<String>,
}

/// What a connection is about, and goes on after it.
#[derive(Clone)]
struct Session {
    id: String,
    address: String,
    seen: u64,
}

/// Why a connection ended.
enum End {
    /// Discord asks to connect again, which it does from time to time.
    Asked,
    /// Something else.
    Broke(String),
}

/// The connection of one bot, and the session that outlives it.
pub struct Gateway {
    token: String,
    /// The address that Discord names may be one without TLS: a server of one's own was configured.
    is_local: bool,
    session: Mutex<Option<Session>>,
}

impl Gateway {
    pub fn new(token: &str, is_local: bool) -> Self {
        Self { token: token.trim().to_owned(), is_local, session: Mutex::default() }
    }

    /// Holds a connection until it ends; `hear` reads what is said.
    pub async fn hold(&self, rest: &Rest, inbox: &dyn Inbox, hear: impl Fn(Value) -> Said) -> String {
        loop {
            match Box::pin(self.connection(rest, inbox, &hear)).await {
                End::Asked => {}
                End::Broke(why) => return why,
            }
        }
    }

    async fn connection(&self, rest: &Rest, inbox: &dyn Inbox, hear: impl Fn(Value) -> Said) -> End {
        let session = self.session();
        let address = match &session {
            Some(session) => Ok(session.address.clone()),
            None => address(rest).await,
        };
        let address = match address {
            Ok(address) if self.is_local || address.starts_with("wss://") => address,
            Ok(_) => return End::Broke("Discord names an address without TLS".into()),
            Err(why) => return End::Broke(why),
        };
        let greeted = within(GREETING, Box::pin(greet(&address)))
            .await
            .unwrap_or(Err("Discord's gateway did not answer in time"));
        let (mut socket, interval) = match greeted {
            Ok(greeted) => greeted,
            Err(why) => {
                // The next time it is asked where to go.
                self.keep(None);
                return End::Broke(why.into());
            }
        };
        let hello = session.as_ref().map_or_else(|| self.identify(), |session| self.resume(session));
        if send(&mut socket, &hello).await.is_err() {
            return End::Broke(BROKE.into());
        }
        self.listen(&mut socket, interval, inbox, hear).await
    }

    async fn listen(
        &self,
        socket: &mut Socket,
        interval: Duration,
        inbox: &dyn Inbox,
        hear: impl Fn(Value) -> Said,
    ) -> End {
        let mut taken = FuturesUnordered::new();
        let mut is_alive = true;
        let mut beat = Box::pin(within(interval, std::future::pending::<()>()));
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                Some(()) = taken.next(), if !taken.is_empty() => continue,
                _ = &mut beat => {
                    if !is_alive {
                        let _going = close(socket).await;
                        return End::Broke("Discord's gateway does not answer any more".into());
                    }
                    is_alive = false;
                    beat = Box::pin(within(interval, std::future::pending::<()>()));
                    if self.beat(socket).await.is_err() {
                        return End::Broke(BROKE.into());
                    }
                    continue;
                }
            };
            let frame = match read(message) {
                Ok(Some(frame)) => frame,
                Ok(None) => continue,
                Err(closed) => return self.closed(closed),
            };
            if let Some(seen) = frame.s {
                self.saw(seen);
            }
            match (frame.op, frame.t.as_deref()) {
                (op::DISPATCH, Some("READY")) => {
                    self.keep(begun(&frame.d, frame.s.unwrap_or(0)));
                    inbox.alive();
                }
                (op::DISPATCH, Some("RESUMED")) => inbox.alive(),
                (op::DISPATCH, Some("INTERACTION_CREATE")) => {
                    taken.push(take(inbox, hear(frame.d)));
                }
                (op::HEARTBEAT, _) if self.beat(socket).await.is_err() => return End::Broke(BROKE.into()),
                (op::HEARTBEAT_ACK, _) => {
                    is_alive = true;
                    inbox.alive();
                }
                (op::RECONNECT, _) => {
                    let _going = close(socket).await;
                    return End::Asked;
                }
                (op::INVALID_SESSION, _) => {
                    if frame.d != true {
                        self.keep(None);
                    }
                    return End::Broke("Discord has ended the session".into());
                }
                _ => {}
            }
        }
    }

    fn closed(&self, code: Option<u16>) -> End {
        let why = match code {
            Some(4004) => {
                "Discord does not know this bot token; reset it in the Developer Portal and put it into \
                           token_file"
            }
            Some(4010..=4014) => "Discord's gateway does not take what we ask for",
            Some(4008) => "Discord's gateway says that we speak too fast",
            _ => BROKE,
        };
        if matches!(code, Some(1000 | 1001 | 4003..=4007 | 4009..=4014)) {
            self.keep(None);
        }
        End::Broke(why.into())
    }

    async fn beat(&self, socket: &mut Socket) -> Result<(), Error> {
        let seen = self.session().map(|session| session.seen);
        send(socket, &json!({ "op": op::HEARTBEAT, "d": seen })).await
    }

    fn identify(&self) -> Value {
        let properties = json!({ "os": std::env::consts::OS, "browser": "sereno", "device": "sereno" });
        json!({ "op": op::IDENTIFY, "d": { "token": self.token, "intents": 0, "properties": properties } })
    }

    fn resume(&self, session: &Session) -> Value {
        let about = json!({ "token": self.token, "session_id": session.id, "seq": session.seen });
        json!({ "op": op::RESUME, "d": about })
    }

    fn session(&self) -> Option<Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, session: Option<Session>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }

    fn saw(&self, seen: u64) {
        if let Some(session) = self.session.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            session.seen = seen;
        }
    }
}

const BROKE: &str = "the connection to Discord's gateway broke";

/// Where to go for a new session, if one may be begun today.
async fn address(rest: &Rest) -> Result<String, String> {
    let answer = rest.call(LightMethod::Get, Route::GatewayBot, None).await.map_err(|trouble| trouble.words())?;
    let limit = &answer["session_start_limit"];
    if limit["remaining"].as_u64().is_some_and(|left| left < RESERVE) {
        let wait = limit["reset_after"].as_i64().map_or(crate::core::time::Span(0), crate::core::time::Span);
        return Err(format!("Discord allows no more connections for {wait}: this bot has connected too often"));
    }
    answer["url"].as_str().map(str::to_owned).ok_or_else(|| Trouble::UNREADABLE.words())
}

/// Connects, and reads how often a sign of life is wanted.
async fn greet(address: &str) -> Result<(Socket, Duration), &'static str> {
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let address = format!("{}{VERSION}", address.trim_end_matches('/'));
    let connected = connect_async_tls_with_config(address, Some(config), true, None).await;
    let (mut socket, _) = connected.map_err(|_| "Discord's gateway cannot be reached")?;
    loop {
        match read(socket.next().await) {
            Ok(Some(Frame { op: op::HELLO, d, .. })) => {
                let interval = d["heartbeat_interval"].as_u64().filter(|interval| *interval > 0);
                let interval = interval.ok_or("Discord's gateway does not say how often it wants to hear from us")?;
                return Ok((socket, Duration::from_millis(interval)));
            }
            Ok(_) => {}
            Err(_) => return Err(BROKE),
        }
    }
}

/// A frame, or nothing for what is none, or the code with which the connection was closed.
fn read(message: Option<Result<Message, Error>>) -> Result<Option<Frame>, Option<u16>> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).ok()),
        Some(Ok(Message::Close(frame))) => Err(frame.map(|CloseFrame { code, .. }| code.into())),
        Some(Ok(_)) => Ok(None),
        Some(Err(_)) | None => Err(None),
    }
}

/// The session that has begun.
fn begun(ready: &Value, seen: u64) -> Option<Session> {
    let word = |key: &str| ready[key].as_str().map(str::to_owned);
    Some(Session { id: word("session_id")?, address: word("resume_gateway_url")?, seen })
}

async fn take(inbox: &dyn Inbox, said: Said) {
    match said {
        Said::Nothing => {}
        Said::Typing(typing) => inbox.complete(typing).await,
        Said::Incoming(incoming) => {
            if let Err(error) = inbox.take(incoming).await {
                // Discord tells them that it did not work.
                tracing::warn!(%error, "an interaction could not be stored");
            }
        }
    }
}

async fn send(socket: &mut Socket, frame: &Value) -> Result<(), Error> {
    socket.send(Message::text(frame.to_string())).await
}

/// Ends the connection, not the session.
async fn close(socket: &mut Socket) -> Result<(), Error> {
    let frame = CloseFrame { code: GONE_AWAY.into(), reason: "".into() };
    socket.close(Some(frame)).await
}
