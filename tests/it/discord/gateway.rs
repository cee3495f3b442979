//! The fake server's gateway: sessions that can be resumed, heartbeats, and everything that ends a connection.

use std::convert::Infallible;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::fake::{APPLICATION, Fake, Memory, TOKEN};

/// What the gateway does to whoever is connected.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// The connection breaks.
    Drop,
    /// It asks to connect again.
    Reconnect,
    /// It ends the session; whether it can be resumed.
    Invalidate(bool),
    /// It closes with a code.
    Close(u16),
    /// It asks for a sign of life at once.
    Beat,
}

/// Events of a session, each with its number in order.
#[derive(Debug, Default)]
pub struct Session {
    pub id: String,
    pub events: Vec<(String, Value)>,
}

type Socket = WebSocketStream<TcpStream>;

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, fake: Fake) -> Infallible {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let fake = fake.clone();
        tokio::spawn(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            fake.change(|memory| memory.connections += 1);
            let _ended = talk(&mut socket, &fake).await;
            fake.change(|memory| memory.connections -= 1);
        });
    }
}

async fn send(socket: &mut Socket, frame: Value) -> Option<()> {
    socket.send(Message::text(frame.to_string())).await.ok()
}

async fn talk(socket: &mut Socket, fake: &Fake) -> Option<()> {
    let (interval, mut orders, mut changes) = (fake.memory().interval, fake.orders(), fake.changes());
    send(socket, json!({ "op": 10, "d": { "heartbeat_interval": interval } })).await?;
    // How many events of the session whoever is connected has had.
    let mut had: Option<usize> = None;
    loop {
        tokio::select! {
            message = socket.next() => {
                let Message::Text(text) = message?.ok()? else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                hear(socket, fake, &frame, &mut had).await?;
            }
            order = orders.recv() => obey(socket, order.ok()?).await?,
            _ = changes.changed() => {}
        }
        let Some(from) = had else { continue };
        let new = fake.memory().session.events.get(from..).map(<[_]>::to_vec).unwrap_or_default();
        for (at, (kind, event)) in new.into_iter().enumerate() {
            send(socket, json!({ "op": 0, "t": kind, "s": from + at + 1, "d": event })).await?;
            had = Some(from + at + 1);
        }
    }
}

async fn hear(socket: &mut Socket, fake: &Fake, frame: &Value, had: &mut Option<usize>) -> Option<()> {
    let about = &frame["d"];
    match frame["op"].as_u64().unwrap() {
        1 => {
            fake.change(|memory| memory.beats += 1);
            if !fake.memory().is_mute {
                send(socket, json!({ "op": 11 })).await?;
            }
        }
        2 => {
            if about["token"] != TOKEN {
                let frame = CloseFrame { code: 4004.into(), reason: "Authentication failed.".into() };
                socket.close(Some(frame)).await.ok()?;
                return None;
            }
            assert_eq!(about["intents"], 0, "interactions need no intents");
            fake.change(Memory::identify);
            *had = Some(0);
        }
        6 => {
            assert_eq!(about["token"], TOKEN);
            let seen = usize::try_from(about["seq"].as_u64().unwrap()).unwrap();
            let knows = about["session_id"] == fake.memory().session.id.as_str();
            if !knows {
                return send(socket, json!({ "op": 9, "d": false })).await;
            }
            fake.change(Memory::resume);
            *had = Some(seen);
        }
        other => panic!("opcode {other}"),
    }
    Some(())
}

async fn obey(socket: &mut Socket, order: Order) -> Option<()> {
    match order {
        Order::Drop => None,
        Order::Reconnect => send(socket, json!({ "op": 7, "d": null })).await,
        Order::Invalidate(goes_on) => send(socket, json!({ "op": 9, "d": goes_on })).await,
        Order::Beat => send(socket, json!({ "op": 1, "d": null })).await,
        Order::Close(code) => {
            let frame = CloseFrame { code: code.into(), reason: "closed".into() };
            socket.close(Some(frame)).await.ok()?;
            None
        }
    }
}

/// What begins a session.
pub fn ready(id: &str, address: &str) -> Value {
    json!({
        "v": 10,
        "session_id": id,
        "resume_gateway_url": address,
        "user": { "id": APPLICATION.to_string(), "username": "sereno", "bot": true },
        "guilds": [],
        "application": { "id": APPLICATION.to_string(), "flags": 0 },
    })
}
