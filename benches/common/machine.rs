//! What the machine is doing besides: a round that others disturbed tells nothing.
//!
//! Interrupts are left out, because the network of the loopback runs in them and is our own. So is PostgreSQL, whoever
//! started it: sereno is measured with the work that its database has.

use std::fs;
use std::time::Instant;

use super::clock::now;

/// Cores of other load beyond which a round counts as "cannot tell".
const TOLERATED: f64 = 0.2;
/// Clock ticks of the kernel's accounts in a second; Linux shows 100 everywhere.
const TICKS: f64 = 100.0;

/// Watches one round. What this process and those that it started use is our own.
pub struct Watch {
    since: Instant,
    total: f64,
    ours: f64,
}

impl Watch {
    /// Begins.
    pub fn start() -> Self {
        Self { since: now(), total: busy(), ours: ours() }
    }

    /// Whether the machine was ours so far.
    pub fn is_quiet(&self) -> bool {
        let others = (busy() - self.total) - (ours() - self.ours);
        others / TICKS / self.since.elapsed().as_secs_f64() <= TOLERATED
    }
}

/// Ticks that all processors spent on processes: user, nice, system, and what a hypervisor took away.
fn busy() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let fields: Vec<f64> = first.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    [0, 1, 2, 7].into_iter().filter_map(|field: usize| fields.get(field)).sum()
}

/// Ticks that this process and its children have used, those included that have ended.
fn ours() -> f64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let children: String =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok()).collect();
    used("self") + children.split_whitespace().map(used).sum::<f64>() + databases().map(|pid| used(&pid)).sum::<f64>()
}

/// Processes of PostgreSQL.
fn databases() -> impl Iterator<Item = String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_postgres = |of: &fs::DirEntry| fs::read(of.path().join("comm")).is_ok_and(|name| name == b"postgres\n");
    processes.filter(is_postgres).map(|of| of.file_name().to_string_lossy().into_owned())
}

/// Ticks that a process has used, with its children that have ended.
fn used(pid: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}
