//! Pictures: a place for a file is asked for, the file goes there, and then it is shared where its message stands.
//!
//! Slack looks at files at its leisure, and a message that shows one before it has done so is refused: so the words go
//! first, and the picture is a message of its own below them. <https://docs.slack.dev/messaging/working-with-files>

use serde::Deserialize;
use serde_json::{Value, json};
use slack_morphism::ClientResult;

use super::names::is_home;
use super::post::place_of;
use super::{FILES, Slack, verdict};
use crate::channel::{Outgoing, PICTURE, Verdict, painted};
use crate::core::text::clip;
use crate::render::chart::{Ground, Picture};

/// Characters that describe a file: half of what Slack takes, for they become part of an address.
const ALT: usize = 1000;

/// A place for a file.
#[derive(Deserialize)]
struct Place {
    upload_url: String,
    file_id: String,
}

impl Slack {
    /// Shares the picture of a message below it. What one reader alone sees has none: a file is there for everybody.
    pub(super) async fn share(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let Some(picture) = &out.picture else { return Verdict::Unchanged };
        let Some((channel, _)) = place_of(receipt) else { return Verdict::Unchanged };
        if out.only.is_some() && !is_home(&out.target) {
            return Verdict::Unchanged;
        }
        let png = match painted(picture, Ground::Dark).await {
            Ok(png) => png,
            Err(verdict) => return verdict,
        };
        let place = match self.place_for(picture, png.len()).await {
            Ok(place) => place,
            Err(error) => return verdict::of(&error),
        };
        let Some(url) = self.own_url(&place.upload_url, FILES) else {
            return Verdict::Rejected("Slack named a place for the picture that is not its own".into());
        };
        if let Err(error) = self.connector.upload(url, png).await {
            return verdict::of(&error);
        }
        let mut share = json!({ "files": [{ "id": place.file_id, "title": picture.title }], "channel_id": channel });
        if let Some((_, root)) = out.under.as_deref().and_then(place_of) {
            share["thread_ts"] = json!(root);
        }
        let shared: ClientResult<Value> = self.call("files.completeUploadExternal", &share).await;
        shared.map_or_else(|error| verdict::of(&error), |_| Verdict::Sent(receipt.to_owned()))
    }

    async fn place_for(&self, picture: &Picture, length: usize) -> ClientResult<Place> {
        let query = [
            ("filename", Some(PICTURE.to_owned())),
            ("length", Some(length.to_string())),
            ("alt_txt", Some(clip(&picture.alt, ALT))),
        ];
        self.ask("files.getUploadURLExternal", &query).await
    }
}
