//! Devices of whoever looks at the page: a browser that has subscribed hands its subscription in, or takes it back.
//!
//! What is handed in is an input like any other; here is only checked that it can be called at all.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::super::Shared;
use super::super::problem::Problem;
use super::session::Writer;
use super::{answer, said};
use crate::core::device::{Device, DeviceWish};
use crate::core::input::Invocation;

/// A subscription as the browser has it, under a name that the browser keeps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    device: String,
    endpoint: String,
    p256dh: String,
    auth: String,
}

/// A device that is not to be notified any more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    device: String,
}

/// 128 bits of chance, hexadecimal: nobody guesses another one's device.
fn is_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// `POST /devices`
pub async fn notify(State(door): State<Shared>, writer: Writer, body: Json<Subscription>) -> Result<Response, Problem> {
    let Json(Subscription { device: id, endpoint, p256dh, auth }) = body;
    let device = Device { id, session: writer.0.session.clone(), endpoint, p256dh, auth };
    if !is_name(&device.id) || !door.push.fits(&device) {
        return Err(Problem::new(422, "This device cannot be notified."));
    }
    wish(&door, &writer, DeviceWish::Notify(device)).await
}

/// `POST /devices/forget`
pub async fn forget(State(door): State<Shared>, writer: Writer, body: Json<Leaving>) -> Result<Response, Problem> {
    let id = body.0.device;
    wish(&door, &writer, DeviceWish::Forget { id }).await
}

async fn wish(door: &Shared, writer: &Writer, wish: DeviceWish) -> Result<Response, Problem> {
    let invocation = Invocation { origin: None, device: Some(Box::new(wish)), ..said(door, &writer.0.person) };
    answer(door, &writer.0, invocation).await
}
