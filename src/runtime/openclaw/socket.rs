//! One connection to a gateway: the handshake, requests and their answers, and the order of events.
//!
//! Its only judgement is whether the connection still stands: signs of life in time, and no event missing between two.

use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::wire::{Challenge, Frame, Hello, Refusal, connect};
use super::{Settings, identity::Identity};
use crate::clock::within;
use crate::runtime::Ended;

/// How long a connection may take to stand.
const GREETING: Duration = Duration::from_secs(20);
/// How long an answer may take while nothing else is done.
const ANSWER: Duration = Duration::from_secs(20);
/// Bytes of one frame, as the gateway's own bound.
const FRAME: usize = 26_214_400;
/// Signs of life that may be missing.
const MISSED: u32 = 3;
/// The gateway is about to be started anew.
const RESTARTS: u16 = 1012;
/// What comes at once is taken together, up to this many frames.
const TOGETHER: usize = 256;

/// The connection.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the gateway said of itself and of us.
    pub hello: Hello,
    /// Events that came while an answer was waited for, in order.
    early: Vec<Frame>,
    /// The number of the newest event.
    seen: Option<u64>,
    /// How it ended, when that was found behind frames that are to be read first.
    over: Option<Ended>,
    next: u64,
}

/// What has come.
pub enum Heard {
    /// Frames, in order.
    Frames(Vec<Frame>),
    /// The connection is over.
    Over(Ended),
}

impl Socket {
    /// Makes a connection. `identity` is for a gateway on another machine.
    pub async fn open(
        settings: &Settings,
        identity: Option<&Identity>,
        token: &str,
        scopes: &[&str],
    ) -> Result<Self, Ended> {
        let made = within(GREETING, Box::pin(Self::greeted(settings, identity, token, scopes))).await;
        made.unwrap_or_else(|| Err(Ended::broke("the gateway did not answer in time")))
    }

    async fn greeted(
        settings: &Settings,
        identity: Option<&Identity>,
        token: &str,
        scopes: &[&str],
    ) -> Result<Self, Ended> {
        let config = WebSocketConfig::default().max_message_size(Some(FRAME)).max_frame_size(Some(FRAME));
        let made = connect_async_tls_with_config(settings.url.as_str(), Some(config), true, None).await;
        let (stream, _) = made.map_err(|error| Ended::broke(unreachable(&error)))?;
        let mut socket = Self { stream, hello: Hello::default(), early: Vec::new(), seen: None, over: None, next: 0 };
        let challenge = loop {
            let frame = socket.frame().await?;
            if frame.event == "connect.challenge" {
                break serde_json::from_value::<Challenge>(frame.payload).unwrap_or_default();
            }
        };
        let device = identity.map(|identity| (identity, &challenge));
        match socket.request("connect", connect(token, scopes, device)).await? {
            Ok(payload) => socket.hello = Hello::read(&payload),
            Err(refusal) => return Err(shut_out(&refusal)),
        }
        Ok(socket)
    }

    /// Sends a request and waits for its answer; events that come first are kept for [`Socket::early`].
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Result<Value, Refusal>, Ended> {
        let id = self.send(method, &params).await?;
        let answer = async {
            loop {
                let frame = self.frame().await?;
                if frame.kind == "res" && frame.id == id {
                    return Ok(if frame.ok { Ok(frame.payload) } else { Err(Refusal::read(&frame.error)) });
                }
                if frame.kind == "event" {
                    self.early.push(frame);
                }
            }
        };
        let answer = within(ANSWER, Box::pin(answer)).await;
        answer.unwrap_or_else(|| Err(Ended::broke(format!("the gateway does not answer to {method}"))))
    }

    /// Events that came while an answer was waited for.
    pub fn early(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.early)
    }

    /// Sends a request; returns the identity that its answer will have.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn send(&mut self, method: &str, params: &Value) -> Result<String, Ended> {
        self.next += 1;
        let id = self.next.to_string();
        let frame = json!({ "type": "req", "id": id, "method": method, "params": params });
        let sent = within(ANSWER, self.stream.send(Message::text(frame.to_string()))).await;
        match sent {
            Some(Ok(())) => Ok(id),
            _ => Err(Ended::broke(BROKE)),
        }
    }

    /// Waits for what comes next, and takes with it what is there already.
    pub async fn hear(&mut self) -> Heard {
        let most = Duration::from_millis(self.hello.tick.0.cast_unsigned()).saturating_mul(MISSED);
        let first = match within(most, self.frame()).await {
            Some(Ok(frame)) => frame,
            Some(Err(ended)) => return Heard::Over(ended),
            None => return Heard::Over(Ended::broke("the gateway gives no sign of life any more")),
        };
        let mut frames = vec![first];
        while frames.len() < TOGETHER {
            match self.frame().now_or_never() {
                Some(Ok(frame)) => frames.push(frame),
                Some(Err(ended)) => {
                    self.over = Some(ended);
                    break;
                }
                None => break,
            }
        }
        Heard::Frames(frames)
    }

    /// The next frame of the protocol.
    async fn frame(&mut self) -> Result<Frame, Ended> {
        if let Some(ended) = self.over.take() {
            return Err(ended);
        }
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let Some(frame) = Frame::read(&text) else { continue };
                    self.count(&frame)?;
                    return Ok(frame);
                }
                Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Ended::broke(BROKE)),
            }
        }
    }

    /// Events are numbered; one that is missing was dropped, and what it said must be asked for.
    fn count(&mut self, frame: &Frame) -> Result<(), Ended> {
        let Some(seq) = frame.seq.filter(|_| frame.kind == "event") else { return Ok(()) };
        let missing = self.seen.is_some_and(|seen| seq > seen.saturating_add(1));
        self.seen = Some(seq);
        if missing {
            metrics::counter!("sereno_openclaw_gaps_total").increment(1);
            return Err(Ended::broke("events of the gateway were lost"));
        }
        Ok(())
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let _gone = within(Duration::from_secs(1), self.stream.close(None)).await;
    }
}

const BROKE: &str = "the connection to the gateway broke";

fn closed(frame: Option<CloseFrame>) -> Ended {
    let Some(frame) = frame else { return Ended::broke(BROKE) };
    match frame.code.into() {
        RESTARTS => Ended::broke("the gateway stops, or is started anew"),
        code => Ended::broke(format!("the gateway has closed the connection ({code})")),
    }
}

/// Why it cannot be reached, without its address.
fn unreachable(error: &Error) -> &'static str {
    match error {
        Error::Io(_) => "the gateway cannot be reached",
        Error::Tls(_) => "the gateway's certificate is not trusted",
        Error::Http(_) => "what answers there is no gateway",
        _ => BROKE,
    }
}

/// What a refused `connect` means.
fn shut_out(refusal: &Refusal) -> Ended {
    let Refusal { code, message, after, pairing, .. } = refusal;
    match code.as_str() {
        "AUTH_SCOPE_MISMATCH" => {
            Ended::Refused(format!("{message}; the token or the pairing allows less than {}", super::wire::ADMIN))
        }
        "PAIRING_REQUIRED" | "NOT_PAIRED" => {
            let request = pairing.as_ref().map_or_else(|| "list".to_owned(), |id| format!("approve {id}"));
            Ended::NeedsPerson(format!(
                "this device is not known there; run `openclaw devices {request}` on its machine"
            ))
        }
        // These pass by themselves: it waits after wrong tokens, whoever said them, and a greeting may take too long.
        "AUTH_RATE_LIMITED" | "DEVICE_AUTH_NONCE_MISMATCH" | "DEVICE_AUTH_SIGNATURE_EXPIRED" => {
            Ended::Broke { why: message.clone(), after: *after }
        }
        code if code.starts_with("DEVICE_AUTH") => Ended::Refused(format!("{message} ({code})")),
        code if code.starts_with("AUTH_") => {
            Ended::Refused(format!("{message}; put the gateway's token into token_file, and start sereno again"))
        }
        // Parameters that it does not know will not be known the next time.
        "INVALID_REQUEST" => Ended::Refused(message.clone()),
        _ => Ended::Broke { why: message.clone(), after: *after },
    }
}
