//! The disk under a SQLite store: how much room it has, what that means, and a ballast for the worst moment.
//!
//! Knows bytes and file systems, and nothing of what is stored. Watermarks are those of a disk of some GiB;
//! on a small volume they shrink with it, so that a bot on 1 GiB is not refused from its first day.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Sources;
use crate::core::time::Span;
use crate::engine::{DiskLevel, Log};
use crate::stop::Stop;
use crate::store::{beside, folder_of};

const MIB: u64 = 1024 * 1024;
/// How often the room is looked at.
const EVERY: Span = Span::secs(5);
/// What the ballast holds back on a disk that is not small.
const BALLAST: u64 = 32 * MIB;

/// What it means that `free` bytes of `total` are left.
pub fn level(free: u64, total: u64) -> DiskLevel {
    if free < (64 * MIB).min(total / 32) {
        DiskLevel::Scarce
    } else if free < (total / 20).max((256 * MIB).min(total / 8)) {
        DiskLevel::Low
    } else if free < total / 100 * 15 {
        DiskLevel::Tight
    } else {
        DiskLevel::Plenty
    }
}

/// Bytes that are free for us, and bytes in all, on the disk of `path`.
///
/// # Errors
/// When the file system does not say.
pub fn space(path: &Path) -> io::Result<(u64, u64)> {
    let about = rustix::fs::statvfs(path)?;
    Ok((about.f_bavail.saturating_mul(about.f_frsize), about.f_blocks.saturating_mul(about.f_frsize)))
}

/// The name of the network file system on which `path` is, if it is on one. Locks and syncs do not hold there.
pub fn network_file_system(path: &Path) -> Option<&'static str> {
    // <https://man7.org/linux/man-pages/man2/statfs.2.html>
    const MAGIC: [(u64, &str); 8] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0xFE53_4D42, "SMB2"),
        (0x6573_5546, "FUSE"),
        (0x5346_414F, "AFS"),
        (0x00C3_6400, "Ceph"),
        (0x7461_636F, "OCFS2"),
    ];
    let about = rustix::fs::statfs(path).ok()?;
    #[expect(clippy::cast_sign_loss, reason = "a magic number has no sign; its width is the platform's")]
    let magic = about.f_type as u64 & 0xFFFF_FFFF;
    MAGIC.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

/// A limit on file sizes shall fail a write, as a full disk does, instead of ending the process.
///
/// # Errors
/// When the signal cannot be taken.
pub fn survive_size_limit() -> io::Result<()> {
    // Whoever has a handler is not killed, and the write fails with EFBIG. It stays once it was set.
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    signal(kind).map(drop)
}

/// Room that is held back beside the store, so that a full disk can still be recorded and told.
#[derive(Clone, Debug)]
pub struct Ballast(PathBuf);

impl Ballast {
    /// The ballast of a store.
    pub fn of(store: &Path) -> Self {
        Self(beside(store, ".ballast"))
    }

    /// Takes the room, unless it is taken or there is not plenty.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn take(&self) -> io::Result<()> {
        let (free, total) = space(folder_of(&self.0))?;
        let size = BALLAST.min(total / 64);
        if self.0.exists() || level(free.saturating_sub(size), total) != DiskLevel::Plenty {
            return Ok(());
        }
        let written = self.fill(size);
        if written.is_err() {
            self.give_back();
        }
        written
    }

    fn fill(&self, size: u64) -> io::Result<()> {
        let mut file = File::create(&self.0)?;
        // Taken without being written, so that no commit waits for it; a file that is only sized would hold nothing back.
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            taken => return Ok(taken?),
        }
        let block = vec![0xA5_u8; 1 << 16];
        for _ in 0..size / (1 << 16) {
            file.write_all(&block)?;
        }
        Ok(())
    }

    /// Gives the room back. Returns whether there was any.
    pub fn give_back(&self) -> bool {
        std::fs::remove_file(&self.0).is_ok()
    }
}

/// Says at the door of the log how much room the disk of `store` has, until `stop` is told; keeps the ballast while
/// there is plenty.
pub async fn watch(store: PathBuf, sources: Sources, log: Log, mut stop: Stop) {
    let ballast = Ballast::of(&store);
    let mut before = DiskLevel::default();
    loop {
        let found = space(&store).map(|(free, total)| {
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            metrics::gauge!("sereno_disk_free_bytes").set(free as f64);
            level(free, total)
        });
        match found {
            Ok(now) => {
                log.disk().send_replace(now);
                if now > before {
                    tracing::warn!(level = ?now, "the disk of the store runs full");
                }
                before = now;
                if now == DiskLevel::Plenty {
                    let ballast = ballast.clone();
                    let taken = tokio::task::spawn_blocking(move || ballast.take()).await;
                    if let Ok(Err(error)) = taken {
                        tracing::debug!(%error, "no ballast is held back");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the disk of the store does not say how full it is"),
        }
        tokio::select! {
            () = stop.asked() => return,
            () = sources.clock.sleep(EVERY) => {}
        }
    }
}
