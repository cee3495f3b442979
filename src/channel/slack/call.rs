//! One call of the Web API: slack-morphism's session and requests, sent and read by us.
//!
//! slack-morphism's own connector reads answers of any length and forgets what kind of failure it met. Here answers
//! are bounded, nobody is followed elsewhere, and no error keeps an answer's body: it may be anything.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::{RequestBuilder, Response, Url};
use serde::{Deserialize, Serialize};
use slack_morphism::errors::{
    SlackClientApiError, SlackClientError, SlackClientHttpError, SlackClientHttpProtocolError,
    SlackClientProtocolError, SlackClientSystemError, SlackRateLimitError,
};
use slack_morphism::multipart_form::FileMultipartData;
use slack_morphism::{
    ClientResult, SlackApiToken, SlackClient, SlackClientApiCallContext, SlackClientHttpApiUri,
    SlackClientHttpConnector, SlackClientId, SlackClientSecret,
};

use crate::core::time::{Span, Ts};
use crate::outgoing;

/// A call that takes longer is given up.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Begins what an API error says about scopes.
pub const NEEDED: &str = "needed: ";

/// Carries slack-morphism's calls.
#[derive(Clone)]
pub struct Web {
    client: reqwest::Client,
    /// Address of the Web API, without a slash at its end.
    base: String,
}

impl Web {
    /// Calls Slack, or the server at `api_url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(api_url: Option<&Url>) -> Result<Self, String> {
        let client = outgoing::builder(CALL_TIMEOUT).tcp_nodelay(true).build();
        Ok(Self { client: client.map_err(|_| "the HTTP client cannot be made")?, base: base(api_url) })
    }

    /// Posts a value to an address that is no method of the API, and looks at nothing but whether it was taken.
    ///
    /// # Errors
    /// As any call.
    pub async fn respond(&self, url: Url, body: &serde_json::Value) -> ClientResult<()> {
        taken(self.client.post(url).json(body)).await
    }

    /// Posts a file to an address that is no method of the API, and looks at nothing but whether it was taken.
    ///
    /// # Errors
    /// As any call.
    pub async fn upload(&self, url: Url, mime: &'static str, bytes: Vec<u8>) -> ClientResult<()> {
        taken(self.client.post(url).header("content-type", mime).body(bytes)).await
    }

    /// Who a token is, and the scopes that it has, which only the header says. <https://docs.slack.dev/reference/methods/auth.test>
    ///
    /// # Errors
    /// As any call.
    pub async fn who(&self, token: &SlackApiToken) -> ClientResult<(serde_json::Value, Option<Vec<String>>)> {
        let request = signed(self.client.post(self.create_method_uri_path("auth.test")?), Some(token));
        let response = request.send().await.map_err(broken)?;
        let scopes = response.headers().get("x-oauth-scopes").and_then(|scopes| scopes.to_str().ok());
        let scopes = scopes.map(|scopes| scopes.split(',').map(|scope| scope.trim().to_owned()).collect());
        Ok((read(response).await?, scopes))
    }

    /// What time it is at Slack.
    pub async fn date(&self) -> Option<Ts> {
        outgoing::date(&self.client, self.create_method_uri_path("api.test").ok()?).await
    }
}

/// Sends a request and reads its answer.
async fn exchange<R: for<'de> Deserialize<'de>>(request: RequestBuilder) -> ClientResult<R> {
    read(request.send().await.map_err(broken)?).await
}

async fn read<R: for<'de> Deserialize<'de>>(response: Response) -> ClientResult<R> {
    let status = response.status();
    if status.as_u16() == 429 {
        return Err(limited(outgoing::retry_after(response.headers(), None)));
    }
    let body = outgoing::body(response).await.map_err(broken)?;
    if !status.is_success() {
        return Err(SlackClientError::HttpError(SlackClientHttpError::new(status)));
    }
    let frame: Frame = serde_json::from_slice(&body.bytes).map_err(unreadable)?;
    match frame {
        Frame { ok: true, .. } => serde_json::from_slice(&body.bytes).map_err(unreadable),
        Frame { error: Some(code), .. } if matches!(code.as_str(), "ratelimited" | "rate_limited") => {
            Err(limited(None))
        }
        Frame { error, needed, .. } => {
            let needed = needed.map(|scopes| vec![format!("{NEEDED}{scopes}")]);
            let code = error.unwrap_or_default();
            Err(SlackClientError::ApiError(SlackClientApiError::new(code).opt_errors(needed)))
        }
    }
}

async fn taken(request: RequestBuilder) -> ClientResult<()> {
    match request.send().await.map_err(broken)?.status() {
        status if status.is_success() => Ok(()),
        status => Err(SlackClientError::HttpError(SlackClientHttpError::new(status))),
    }
}

/// Where the Web API is.
pub fn base(api_url: Option<&Url>) -> String {
    api_url.map_or(SlackClientHttpApiUri::SLACK_API_URI_STR, |url| url.as_str()).trim_end_matches('/').to_owned()
}

/// Calls one method and reads what of its answer is wanted.
///
/// # Errors
/// What went wrong.
pub async fn call<R>(
    client: &SlackClient<Web>,
    token: &SlackApiToken,
    method: &str,
    request: &(impl Serialize + Send + Sync),
) -> ClientResult<R>
where
    R: for<'de> Deserialize<'de> + Send,
{
    client.open_session(token).http_session_api.http_post(method, request, None).await
}

/// Calls one method that only reads.
///
/// # Errors
/// What went wrong.
pub async fn ask<R>(
    client: &SlackClient<Web>,
    token: &SlackApiToken,
    method: &str,
    query: &[(&str, Option<String>)],
) -> ClientResult<R>
where
    R: for<'de> Deserialize<'de> + Send,
{
    client.open_session(token).http_session_api.http_get(method, &query.to_vec(), None).await
}

/// The frame of every answer. <https://docs.slack.dev/apis/web-api#responses>
#[derive(Deserialize)]
struct Frame {
    ok: bool,
    error: Option<String>,
    /// Scopes that the token lacks.
    needed: Option<String>,
}

fn broken(error: reqwest::Error) -> SlackClientError {
    let cause = Box::new(error.without_url());
    SlackClientError::HttpProtocolError(SlackClientHttpProtocolError::new().with_cause(cause))
}

fn unreadable(error: serde_json::Error) -> SlackClientError {
    SlackClientError::ProtocolError(SlackClientProtocolError::new(error))
}

fn limited(wait: Option<Span>) -> SlackClientError {
    let wait = wait.map(|wait| Duration::from_millis(wait.0.max(0).cast_unsigned()));
    SlackClientError::RateLimitError(SlackRateLimitError::new().opt_retry_after(wait))
}

/// Kinds of calls that are never made here.
fn unused<R>() -> ClientResult<R> {
    Err(SlackClientError::SystemError(SlackClientSystemError::new()))
}

fn signed(request: RequestBuilder, token: Option<&SlackApiToken>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(&token.token_value.0),
        None => request,
    }
}

impl SlackClientHttpConnector for Web {
    fn create_method_uri_path(&self, method: &str) -> ClientResult<Url> {
        Ok(format!("{}/{method}", self.base).parse()?)
    }

    fn http_get_uri<'a, R>(&'a self, uri: Url, context: SlackClientApiCallContext<'a>) -> BoxFuture<'a, ClientResult<R>>
    where
        R: for<'de> Deserialize<'de> + Send + 'a,
    {
        async move { exchange(signed(self.client.get(uri), context.token)).await }.boxed()
    }

    fn http_post_uri<'a, Q, R>(
        &'a self,
        uri: Url,
        request: &'a Q,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<R>>
    where
        Q: Serialize + Send + Sync,
        R: for<'de> Deserialize<'de> + Send + 'a,
    {
        async move {
            let body = serde_json::to_vec(request).map_err(unreadable)?;
            let post = self.client.post(uri).header("content-type", "application/json; charset=utf-8").body(body);
            exchange(signed(post, context.token)).await
        }
        .boxed()
    }

    fn http_get_with_client_secret<'a, R>(
        &'a self,
        _uri: Url,
        _id: &'a SlackClientId,
        _secret: &'a SlackClientSecret,
    ) -> BoxFuture<'a, ClientResult<R>>
    where
        R: for<'de> Deserialize<'de> + Send + 'a,
    {
        std::future::ready(unused()).boxed()
    }

    fn http_post_uri_multipart_form<'a, 'p, R, P, S>(
        &'a self,
        _uri: Url,
        _file: Option<FileMultipartData<'p>>,
        _params: &'p P,
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<R>>
    where
        R: for<'de> Deserialize<'de> + Send + 'a,
        P: IntoIterator<Item = (&'p str, Option<S>)> + Clone,
        S: AsRef<str> + 'p + Send,
    {
        std::future::ready(unused()).boxed()
    }

    fn http_post_uri_binary<'a, 'p, R>(
        &'a self,
        _uri: Url,
        _kind: String,
        _data: &'a [u8],
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<R>>
    where
        R: for<'de> Deserialize<'de> + Send + 'a,
    {
        std::future::ready(unused()).boxed()
    }
}
