//! The dead man's switch: an address outside is asked for only while we are well, so that our silence is
//! noticed by somebody else.

use std::time::Duration;

use crate::config::Heartbeat;
use crate::http::Shared;
use crate::http::health::is_well;
use crate::stop::Stop;

/// A beat that takes longer is missed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Beats until `stop` is told.
pub async fn run(heartbeat: Option<Heartbeat>, door: Shared, mut stop: Stop) {
    let Some(heartbeat) = heartbeat else { return };
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    let Ok(client) = client else { return };
    loop {
        if is_well(&door).await {
            let beat = client.get(heartbeat.url.get_ref().0.as_str()).send().await;
            let taken = beat.is_ok_and(|response| response.status().is_success());
            metrics::counter!("sereno_heartbeats_total", "result" => if taken { "taken" } else { "failed" })
                .increment(1);
        } else {
            metrics::counter!("sereno_heartbeats_total", "result" => "withheld").increment(1);
            tracing::warn!("not well: no heartbeat is sent");
        }
        tokio::select! {
            () = stop.asked() => return,
            () = door.sources.clock.sleep(heartbeat.every.0) => {}
        }
    }
}
