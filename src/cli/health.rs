//! `sereno health`

use std::time::Duration;

use serde_json::Value;

use super::{Done, Failure, block_on};
use crate::app::reachable;
use crate::config::Config;

/// Who does not answer in this time is not well.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn run(config: &Config) -> Done {
    let url = format!("http://{}/readyz", reachable(config.listen()));
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build().map_err(Failure::no)?;
    let (ready, body) = block_on(async {
        let response = client.get(&url).send().await.map_err(|error| Failure::no(error.without_url()))?;
        let ready = response.status().is_success();
        Ok::<_, Failure>((ready, response.json::<Value>().await.unwrap_or_default()))
    })?;
    let list = |name: &str| {
        let lines = body[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        lines.collect::<Vec<_>>().join("; ")
    };
    if !ready {
        return Err(Failure::No(format!("not ready: {}", list("why_not"))));
    }
    let notes = list("notes");
    println!("{}", if notes.is_empty() { "ready".to_owned() } else { format!("ready, but {notes}") });
    Ok(())
}
