//! Bodies of OTLP as the receiver has unpacked them. The first byte says which of the three signals it is, how it is
//! written, and what counts tokens.
//!
//! Whatever an exporter sends: a batch is refused or read, never more comes of it than it holds, and every event that
//! comes of it can be taken.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sereno::core::event::MAX_ID;
use sereno::runtime::otlp::{Otlp, Settings, weigh};
use sereno::runtime::secret::Secret;
use sereno::runtime::telemetry::{Export, Format, Signal, UsageFrom};
use sereno::runtime::{AgentScope, Runtime as _};

static ADAPTERS: LazyLock<[Otlp; 2]> = LazyLock::new(|| {
    [UsageFrom::Calls, UsageFrom::Metrics].map(|usage| {
        Otlp::new(Settings {
            name: "otel".into(),
            tokens: vec![Secret::new("token")],
            agents: AgentScope::new(None).expect("everybody"),
            usage,
        })
    })
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    let (kind, signals) = (usize::from(*kind), Signal::ALL.len());
    let export = Export {
        signal: Signal::ALL[kind % signals],
        format: [Format::Protobuf, Format::Json][kind / signals % 2],
        body: body.to_vec().into(),
    };
    let adapter = &ADAPTERS[kind / signals / 2 % 2];
    if weigh(&export).is_err() {
        return;
    }
    let Some(Ok(told)) = adapter.telemetry(&export) else { return };
    assert!(told.events.len() <= body.len(), "{} events of {} bytes", told.events.len(), body.len());
    assert!(told.ignored + told.rejected <= told.items);
    for event in &told.events {
        assert_eq!(event.check(), Ok(()));
        assert!((1..=MAX_ID).contains(&event.id.len()), "{}", event.id);
    }
});
