//! No frame makes the client panic, whatever a gateway that is broken or hostile sends.

use proptest::prelude::*;
use serde_json::{Value, json};
use sereno::runtime::openclaw::decode;
use sereno::runtime::openclaw::memory::Memory;
use sereno::runtime::openclaw::wire::{Frame, Hello, Refusal};

use super::recordings::all_frames;

/// What a gateway may put anywhere.
fn junk() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[a-z]{300,400}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{ "text": 1 }, null])),
        Just(json!(i64::MIN)),
        Just(json!(u64::MAX)),
    ]
}

/// Every place in a value, as a JSON pointer.
fn places(value: &Value, here: &str, into: &mut Vec<String>) {
    into.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                places(item, &format!("{here}/{at}"), into);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                places(item, &format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        _ => {}
    }
}

fn read(text: &str, memory: &mut Memory) {
    let Some(frame) = Frame::read(text) else { return };
    for event in decode::events(&frame, memory, "c") {
        assert!(event.check().is_ok(), "what cannot be taken is left out: {event:?}");
        assert!(!event.id.is_empty(), "every event counts once: {event:?}");
    }
    let _greeting = Hello::read(&frame.payload);
    let _refusal = Refusal::read(&frame.error);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_recorded_frame_with_junk_in_some_places_is_read_or_left_out(
        pick in any::<prop::sample::Index>(), holes in prop::collection::vec((any::<prop::sample::Index>(), junk()), 1..5),
    ) {
        let frames = all_frames();
        let mut frame = pick.get(&frames).clone();
        for (place, value) in holes {
            let mut all = Vec::new();
            places(&frame, "", &mut all);
            let place: &String = place.get(&all);
            *frame.pointer_mut(place).unwrap() = value;
        }
        read(&frame.to_string(), &mut Memory::default());
    }

    #[test]
    fn text_that_is_no_frame_is_left_out(text in ".{0,200}", cut in 0_usize..4000) {
        read(&text, &mut Memory::default());
        let whole = all_frames()[3].to_string();
        read(whole.get(..cut.min(whole.len())).unwrap_or_default(), &mut Memory::default());
    }
}
