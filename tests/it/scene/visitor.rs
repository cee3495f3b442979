//! Somebody on the phone page: signs in by a link, reads cards, taps and types over HTTP.

use serde_json::{Value, json};
use sereno::channel::Outgoing;
use sereno::core::delivery::Card;
use sereno::courier::draw;
use sereno::render::plain;

use super::Scene;

/// A signed-in browser.
pub struct Visitor {
    pub person: String,
    cookie: String,
    csrf: String,
}

/// A card as it stands on somebody's page.
pub struct Standing {
    pub card: Card,
    pub out: Outgoing,
}

impl Standing {
    pub fn text(&self) -> String {
        plain(&self.out.doc)
    }

    pub fn labels(&self) -> Vec<&str> {
        self.out.buttons.iter().map(|button| button.label.as_str()).collect()
    }

    /// Token of the button that says yes, this once.
    pub fn yes(&self) -> String {
        self.token("✅")
    }

    /// Token of the button that says no.
    pub fn no(&self) -> String {
        self.token("❌")
    }

    /// Token of the first button whose label begins with `start`.
    pub fn token(&self, start: &str) -> String {
        let button = self.out.buttons.iter().find(|button| button.label.starts_with(start));
        button.unwrap_or_else(|| panic!("no button {start} among {:?}", self.labels())).token.clone()
    }
}

impl Visitor {
    pub(super) async fn sign_in(scene: &Scene, person: &str) -> Self {
        let link = scene.app.sign_in_link(person).await.unwrap();
        let (_, token) = link.split_once("#signin=").unwrap();
        let answer = scene.client.post(scene.url("/signin")).json(&json!({ "token": token })).send().await.unwrap();
        assert_eq!(answer.status(), 204);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = scene.client.get(scene.url("/")).header("cookie", &cookie).send().await.unwrap();
        let page = page.text().await.unwrap();
        let (_, rest) = page.split_once("name=\"csrf\" content=\"").expect("the page says what writes must carry");
        let csrf = rest.split('"').next().unwrap().to_owned();
        Self { person: person.to_owned(), cookie, csrf }
    }

    /// What stands at a path of the page, wherever it leads.
    pub async fn reads(&self, scene: &Scene, path: &str) -> String {
        let (status, text) = self.opens(scene, path).await;
        assert_eq!(status, 200, "{path}");
        text
    }

    /// What comes of opening a path of the page: the status, and what stands there.
    pub async fn opens(&self, scene: &Scene, path: &str) -> (u16, String) {
        let answer = scene.client.get(scene.url(path)).header("cookie", &self.cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The status of what stands at a path of the page.
    pub async fn status(&self, scene: &Scene, path: &str) -> u16 {
        let answer = scene.client.get(scene.url(path)).header("cookie", &self.cookie).send().await.unwrap();
        answer.status().as_u16()
    }

    /// Asks for a code that makes another account theirs.
    pub async fn asks_code(&self, scene: &Scene) -> String {
        assert_eq!(self.says(scene, "/link").await.0, 200);
        let text = self.card(scene, "secret").await.text();
        let (_, code) = text.split_once("/link ").expect("it says what to write");
        code.lines().next().unwrap().trim_matches('`').to_owned()
    }

    /// Types a line. The answer's status and text.
    pub async fn says(&self, scene: &Scene, text: &str) -> (u16, String) {
        self.write(scene, "/say", json!({ "text": text })).await
    }

    /// Taps a button of a card, by its token.
    pub async fn taps(&self, scene: &Scene, token: &str) -> (u16, String) {
        self.write(scene, "/act", json!({ "token": token })).await
    }

    /// Taps a button at `server`, which stands before sereno. What is said to it, if anything comes back whole.
    pub async fn tries(&self, scene: &Scene, server: &str, token: &str) -> Option<String> {
        let answer = self.post(scene, format!("{server}/act"), json!({ "token": token })).await.ok()?;
        let ours = answer.url().path() == "/act" && answer.content_length().is_some_and(|bytes| bytes < 1 << 20);
        if !ours {
            return None;
        }
        let said: Value = answer.json().await.ok()?;
        Some(said["text"].as_str().or(said["detail"].as_str())?.to_owned())
    }

    async fn post(&self, scene: &Scene, url: String, body: Value) -> reqwest::Result<reqwest::Response> {
        let request = scene.client.post(url).header("cookie", &self.cookie).header("x-csrf", &self.csrf);
        request.json(&body).send().await
    }

    /// Posts something of the page's own. Status and text.
    pub async fn posts(&self, scene: &Scene, path: &str, body: Value) -> (u16, String) {
        self.write(scene, path, body).await
    }

    async fn write(&self, scene: &Scene, path: &str, body: Value) -> (u16, String) {
        let answer = self.post(scene, scene.url(path), body).await.unwrap();
        let status = answer.status().as_u16();
        let said: Value = answer.json().await.unwrap_or_default();
        scene.settle().await;
        (status, said["text"].as_str().or(said["detail"].as_str()).unwrap_or_default().to_owned())
    }

    /// The cards on this person's page, the newest first.
    pub async fn cards(&self, scene: &Scene) -> Vec<Standing> {
        let rows = scene.app.door.store.feed("page", &self.person, 1000).await.unwrap();
        let policy = scene.app.door.progress.policy.borrow().clone();
        let draw = |row: sereno::store::FeedRow| {
            let out = draw::outgoing(&policy, &scene.app.door.tokens, &row.copy, &row.card, scene.now());
            Standing { card: row.card, out }
        };
        rows.into_iter().map(draw).collect()
    }

    /// The newest card of a kind.
    pub async fn card(&self, scene: &Scene, kind: &str) -> Standing {
        let cards = self.cards(scene).await;
        cards.into_iter().find(|c| c.card.content.name() == kind).unwrap_or_else(|| panic!("no card of kind {kind}"))
    }
}
