//! Pictures and files: a place for a file is asked for, the file goes there, and then it is shared where its message stands.
//!
//! Slack looks at files at its leisure, and a message that shows one before it has done so is refused: so the words go
//! first, and the file is a message of its own below them. <https://docs.slack.dev/messaging/working-with-files>

use serde::Deserialize;
use serde_json::{Value, json};
use slack_morphism::ClientResult;

use super::names::is_home;
use super::post::place_of;
use super::{FILES, Slack, verdict};
use crate::channel::{Outgoing, PICTURE, Verdict, painted};
use crate::core::text::clip;
use crate::render::chart::Ground;

/// Characters that describe a file: half of what Slack takes, for they become part of an address.
const ALT: usize = 1000;

/// A place for a file.
#[derive(Deserialize)]
struct Place {
    upload_url: String,
    file_id: String,
}

/// What is shared.
struct Shared {
    name: String,
    title: String,
    /// What it shows, in words, where it is a picture.
    alt: Option<String>,
    mime: &'static str,
    bytes: Vec<u8>,
}

impl Slack {
    /// Shares the picture or the file of a message below it. What one reader alone sees has none: a file is there for
    /// everybody.
    pub(super) async fn share(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let Some((channel, _)) = place_of(receipt) else { return Verdict::Unchanged };
        if out.only.is_some() && !is_home(&out.target) {
            let wanted = out.file.is_some();
            return if wanted { Verdict::Rejected("others would see it there".into()) } else { Verdict::Unchanged };
        }
        let shared = match shared(out).await {
            Ok(Some(shared)) => shared,
            Ok(None) => return Verdict::Unchanged,
            Err(verdict) => return verdict,
        };
        let place = match self.place_for(&shared).await {
            Ok(place) => place,
            Err(error) => return verdict::of(&error),
        };
        let Some(url) = self.own_url(&place.upload_url, FILES) else {
            return Verdict::Rejected("Slack named a place for the file that is not its own".into());
        };
        if let Err(error) = self.connector.upload(url, shared.mime, shared.bytes).await {
            return verdict::of(&error);
        }
        let mut share = json!({ "files": [{ "id": place.file_id, "title": shared.title }], "channel_id": channel });
        if let Some((_, root)) = out.under.as_deref().and_then(place_of) {
            share["thread_ts"] = json!(root);
        }
        let shared: ClientResult<Value> = self.call("files.completeUploadExternal", &share).await;
        shared.map_or_else(|error| verdict::of(&error), |_| Verdict::Sent(receipt.to_owned()))
    }

    async fn place_for(&self, shared: &Shared) -> ClientResult<Place> {
        let query = [
            ("filename", Some(shared.name.clone())),
            ("length", Some(shared.bytes.len().to_string())),
            ("alt_txt", shared.alt.clone()),
        ];
        self.ask("files.getUploadURLExternal", &query).await
    }
}

/// What goes with a message.
async fn shared(out: &Outgoing) -> Result<Option<Shared>, Verdict> {
    if let Some(file) = &out.file {
        let (name, mime, bytes) = (file.name.clone(), file.mime, file.text.clone().into_bytes());
        return Ok(Some(Shared { title: name.clone(), name, alt: None, mime, bytes }));
    }
    let Some(picture) = &out.picture else { return Ok(None) };
    Ok(Some(Shared {
        name: PICTURE.to_owned(),
        title: picture.title.clone(),
        alt: Some(clip(&picture.alt, ALT)),
        mime: "image/png",
        bytes: painted(picture, Ground::Dark).await?,
    }))
}
