//! What a process uses: memory, processor time, descriptors, bytes written. Read from the kernel's accounts.

use std::fs;

use anyhow::{Context as _, Result};

/// A process by its number.
#[derive(Clone, Copy)]
pub struct Usage(pub u32);

/// Processor time and writes so far.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// Seconds of processor time.
    pub seconds: f64,
    /// Bytes handed to the disk.
    pub written: f64,
}

impl Cost {
    /// What was used since `before`.
    pub const fn since(self, before: Self) -> Self {
        Self { seconds: self.seconds - before.seconds, written: self.written - before.written }
    }
}

impl Usage {
    /// Resident memory now, in MiB.
    pub fn resident(self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// A line of the account of memory, in MiB.
    pub fn memory(self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("the process is gone")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// Processor time and writes so far.
    pub fn cost(self) -> Result<Cost> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // The name in parentheses may hold anything.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        let io = fs::read_to_string(format!("/proc/{}/io", self.0))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes:")).context("no account of writes")?;
        Ok(Cost { seconds: ticks / 100.0, written: written.trim().parse()? })
    }

    /// Open descriptors.
    pub fn descriptors(self) -> usize {
        self.entries("fd")
    }

    /// Threads.
    pub fn threads(self) -> usize {
        self.entries("task")
    }

    fn entries(self, folder: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{folder}", self.0)).map_or(0, Iterator::count)
    }
}
