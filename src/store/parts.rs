//! A World written down in parts, none of which is long.
//!
//! A World may be large. Room for all of it in one piece is hard to find, and the allocator does not give it back for
//! a long time; parts come and go. One behind the other they are what [`World::write`] writes.

use std::io;

use serde::ser::Error as _;

use super::Result;
use crate::core::world::World;

/// Bytes of a part.
const PART: usize = 256 * 1024;

/// Bytes in parts, of which only the last is not full.
#[derive(Default)]
struct Parts(Vec<Vec<u8>>);

impl Parts {
    /// The part that has room.
    fn open(&mut self) -> &mut Vec<u8> {
        if self.0.last().is_none_or(|part| part.len() == PART) {
            self.0.push(Vec::with_capacity(PART));
        }
        self.0.last_mut().expect("there is one now")
    }
}

impl Extend<u8> for Parts {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        for byte in bytes {
            self.open().push(byte);
        }
    }
}

impl io::Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = self.open();
        let fits = bytes.len().min(PART - part.len());
        part.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `world` down.
///
/// # Errors
/// When serialisation fails, which no World that a fold can reach does.
pub fn parts_of(world: &World) -> Result<Vec<Vec<u8>>> {
    let compact = world.compact();
    let mut parts = postcard::to_extend(&compact, Parts::default()).map_err(serde_json::Error::custom)?;
    serde_json::to_writer(&mut parts, world)?;
    Ok(parts.0)
}
