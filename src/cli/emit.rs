//! `sereno emit`: report an event from a shell.

use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::{Done, Failure, block_on};
use crate::clock::{Clock as _, SystemClock, SystemEntropy, random_hex};
use crate::config::{Config, RuntimeKind};
use crate::outgoing;
use crate::runtime::decode;
use crate::runtime::signature::sign;

/// How long sereno may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Arguments of `emit`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The type of the event, such as agent.heartbeat; or `-` to read events as JSON from standard input.
    kind: String,
    /// The agent.
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// The session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// The task.
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// The state, such as running.
    #[arg(long)]
    status: Option<String>,
    /// Free text.
    #[arg(long)]
    message: Option<String>,
    /// Any other field, as `field.path=JSON or text`.
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// The generic runtime that reports it; the first one when it is not named.
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Where sereno is, when not at the configured address.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(crate) fn run(config: &Config, args: Args) -> Done {
    let body = if args.kind == "-" { from_stdin()? } else { from_args(&args)? };
    decode::events(body.clone()).map_err(|bad| Failure::Usage(bad.detail))?;
    block_on(send(config, &args, &body))
}

fn from_stdin() -> Result<Value, Failure> {
    let text = std::io::read_to_string(std::io::stdin()).map_err(Failure::usage)?;
    serde_json::from_str(&text).map_err(|e| Failure::Usage(format!("standard input is not JSON: {e}")))
}

fn from_args(args: &Args) -> Result<Value, Failure> {
    let mut event = json!({ "type": args.kind });
    for (field, value) in [("agent", &args.agent), ("session", &args.session), ("task", &args.task)] {
        if let Some(id) = value {
            event[field] = json!({ "id": id });
        }
    }
    for (field, value) in [("status", &args.status), ("message", &args.message)] {
        if let Some(text) = value {
            event[field] = json!(text);
        }
    }
    for field in &args.fields {
        let (path, value) =
            field.split_once('=').ok_or_else(|| Failure::Usage(format!("`{field}` is not FIELD=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        set(&mut event, path, value);
    }
    Ok(event)
}

/// Sets a field by its dotted path, making objects on the way.
fn set(target: &mut Value, path: &str, value: Value) {
    let mut at = target;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        if parts.peek().is_none() {
            at[part] = value;
            return;
        }
        at = &mut at[part];
    }
}

async fn send(config: &Config, args: &Args, body: &Value) -> Done {
    let mut runtimes = config.file.runtimes.iter().filter(|(_, r)| *r.kind.get_ref() == RuntimeKind::Generic);
    let found = match &args.runtime {
        Some(name) => runtimes.find(|(have, _)| *have == name),
        None => runtimes.next(),
    };
    let (name, about) = found.ok_or_else(|| Failure::Usage("the configuration has no such generic runtime".into()))?;
    let secrets = config.secrets(about.secret.as_ref(), about.secret_file.as_ref(), &format!("runtimes.{name}"))?;
    let key = secrets.iter().find_map(|secret| match crate::runtime::signature::Key::parse(secret) {
        Ok(crate::runtime::signature::Key::Shared(bytes)) => Some(bytes),
        _ => None,
    });
    let key = key.ok_or_else(|| Failure::Usage(format!("runtimes.{name} has no whsec_ secret to sign with")))?;
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", config.listen()));
    let text = body.to_string();
    let id = format!("msg_{}", random_hex(&SystemEntropy, 12));
    let client =
        outgoing::builder(TIMEOUT).build().map_err(|_| Failure::No("the HTTP client cannot be made".into()))?;
    let mut request =
        client.post(format!("{}/hooks/{name}", url.trim_end_matches('/'))).header("content-type", "application/json");
    for (header, value) in sign(&key, &id, SystemClock::new().wall(), text.as_bytes()) {
        request = request.header(header, value);
    }
    let response = request
        .body(text)
        .send()
        .await
        .map_err(|_| Failure::No(format!("sereno cannot be reached at {url}; is it running?")))?;
    let status = response.status();
    let answer = outgoing::body(response).await.map(|body| body.bytes).unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer);
    if status.is_success() {
        println!("{answer}");
        Ok(())
    } else {
        Err(Failure::No(format!("sereno answered {status}: {answer}")))
    }
}
