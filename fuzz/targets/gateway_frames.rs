//! Frames of an OpenClaw gateway, one on each line, as one connection after the other brings them.
//!
//! Whatever a gateway sends that is broken or hostile: a frame is read or left out, and an event that comes of it can be
//! taken and counts once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sereno::runtime::openclaw::decode;
use sereno::runtime::openclaw::memory::Memory;
use sereno::runtime::openclaw::wire::{Frame, Hello, Refusal};

fuzz_target!(|lines: &str| {
    let mut memory = Memory::default();
    for frame in lines.lines().filter_map(Frame::read) {
        for event in decode::events(&frame, &mut memory, "connection") {
            assert_eq!(event.check(), Ok(()));
            assert!(!event.id.is_empty(), "{event:?}");
        }
        let _greeting = Hello::read(&frame.payload);
        let _refusal = Refusal::read(&frame.error);
    }
});
