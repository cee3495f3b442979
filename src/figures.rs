//! What `/metrics` shows, and what each figure means.
//!
//! Figures are counted where things happen; this module only says what they are called and about. It
//! knows no values.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Figures that only grow.
const COUNTERS: &[(&str, &str)] = &[
    ("sereno_inputs_total", "Inputs that were folded, by kind."),
    ("sereno_duplicates_total", "Inputs that had been there before and were not folded again."),
    ("sereno_quarantined_total", "Inputs and deadlines over which the fold broke and that were put aside."),
    ("sereno_commit_failures_total", "Commits that failed; nothing of them was stored."),
    ("sereno_http_requests_total", "Requests, by route and status."),
    ("sereno_intake_refused_total", "Requests to intake that were refused, by source and reason."),
    ("sereno_telemetry_items_total", "Spans, points and records of exporters, by source, signal and outcome."),
    ("sereno_shed_total", "Appends that were refused because too much waited or the disk was low, by urgency."),
    ("sereno_bodies_refused_total", "Bodies that were refused because bodies took too much memory already."),
    ("sereno_connections_refused_total", "Connections closed because there were too many."),
    ("sereno_connections_cut_total", "Connections that we ended for what came in, by reason."),
    ("sereno_deliveries_total", "Attempts to deliver, by channel and result."),
    ("sereno_images_lost_total", "Pictures that did not follow their message, by channel."),
    ("sereno_files_lost_total", "Files that did not follow their message, by channel."),
    ("sereno_courier_panics_total", "Deliveries over which the courier broke down, by channel or runtime."),
    ("sereno_control_calls_total", "Control calls to runtimes, by runtime and verb."),
    ("sereno_openclaw_gaps_total", "Times that events of a gateway were missing, and were asked for."),
    ("sereno_clock_jumps_total", "Jumps of the wall clock by more than five seconds, by direction."),
    ("sereno_taps_refused_total", "Taps whose button token was not ours, by channel."),
    ("sereno_render_failures_total", "Messages whose template failed and that were sent plainly."),
    ("sereno_pruned_total", "Rows that retention removed, by class."),
    ("sereno_backups_total", "Backups on the schedule, by result."),
    ("sereno_heartbeats_total", "Heartbeats to the dead man's switch, by result."),
];

/// Figures that go up and down.
const GAUGES: &[(&str, &str)] = &[
    ("sereno_outbox_rows", "Outbox rows that are not done, by state."),
    ("sereno_folds", "Whether this process folds the log: 1 or 0."),
    ("sereno_replicas", "Processes that live on this database, this one included."),
    ("sereno_channel_up", "Whether a channel works: 1 or 0."),
    ("sereno_clock_ahead_seconds", "How far the time of decisions is ahead of the wall, which was set back."),
    ("sereno_channel_broken", "Whether a channel's breaker is open: 1 or 0."),
    ("sereno_disk_free_bytes", "Room on the disk of a SQLite store."),
    ("sereno_last_commit_age_seconds", "Time since the last commit."),
];

/// Figures that are spread.
const HISTOGRAMS: &[(&str, &str)] = &[
    ("sereno_commit_seconds", "How long a commit took, from taking the batch to its end."),
    ("sereno_commit_inputs", "Inputs in one commit."),
];

/// Every name with its meaning.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    COUNTERS.iter().chain(GAUGES).chain(HISTOGRAMS).copied()
}

/// Tells the recorder what the figures mean.
pub fn describe() {
    for (name, means) in COUNTERS {
        describe_counter!(*name, *means);
    }
    for (name, means) in GAUGES {
        describe_gauge!(*name, *means);
    }
    for (name, means) in HISTOGRAMS {
        describe_histogram!(*name, *means);
    }
}
