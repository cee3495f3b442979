//! Batches that were real once: whatever becomes of their bytes, they are read or refused, and bounded either way.

use sereno::core::event::MAX_ID;
use sereno::runtime::telemetry::{Export, Format, UsageFrom};

use super::{BATCHES, as_protobuf, batch, read};
use crate::dose;

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap()
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() % limit.max(1)
    }

    /// Changes one to eight places: bits, bytes, lengths, pieces that are left out, doubled or moved.
    fn spoil(&mut self, body: &mut Vec<u8>) {
        for _ in 0..=self.below(8) {
            let at = self.below(body.len());
            let length = self.below(32).min(body.len() - at);
            match self.below(7) {
                0 if !body.is_empty() => body[at] ^= 1 << self.below(8),
                1 if !body.is_empty() => body[at] = [0, 0x7f, 0x80, 0xff][self.below(4)],
                2 => drop(body.drain(at..at + length)),
                3 => body.truncate(at),
                4 => {
                    let piece = body[at..at + length].to_vec();
                    let to = self.below(body.len());
                    body.splice(to..to, piece);
                }
                5 => drop(body.splice(at..at + length, std::iter::repeat_n(0xff, length))),
                _ => body.insert(at, u8::try_from(self.below(256)).unwrap()),
            }
        }
    }
}

#[test]
fn whatever_becomes_of_a_batch_it_is_bounded() {
    let mut chance = Chance(0x5eed_0071);
    let mut read_well = 0;
    for (name, _, format, body) in BATCHES {
        let mut export = batch(name);
        if *format == Format::Json && export.signal == sereno::runtime::telemetry::Signal::Traces {
            judge(&mut chance, &export, body, &mut read_well);
            (export.format, export.body) = (Format::Protobuf, as_protobuf(body).into());
        }
        let body = export.body.clone();
        judge(&mut chance, &export, &body, &mut read_well);
    }
    assert!(read_well > 100, "only {read_well} were read: nothing is shown of what is read");
}

fn judge(chance: &mut Chance, export: &Export, body: &[u8], read_well: &mut usize) {
    for _ in 0..dose::times(400, 100_000) {
        let mut spoilt = body.to_vec();
        chance.spoil(&mut spoilt);
        let length = spoilt.len();
        let usage = if chance.below(2) == 0 { UsageFrom::Calls } else { UsageFrom::Metrics };
        let export = Export { body: spoilt.into(), ..export.clone() };
        let Ok(told) = read(&export, usage) else { continue };
        *read_well += 1;
        assert!(told.events.len() <= length, "{} events of {length} bytes", told.events.len());
        assert!(told.ignored + told.rejected <= told.items);
        for event in &told.events {
            assert_eq!(event.check(), Ok(()));
            assert!((1..=MAX_ID).contains(&event.id.len()), "{}", event.id);
        }
    }
}
