//! Goal 12: the size of the release binary without symbols.

use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::common::figures::Figure;

/// Measures it, and Alertmanager's when it is there.
pub fn run() -> Result<()> {
    println!("size: MB of the stripped release binary");
    println!("sereno        {} (goal 12: at most 32)", stripped(env!("CARGO_BIN_EXE_sereno"))?);
    if std::path::Path::new(crate::rival::PROGRAM).exists() {
        println!("Alertmanager  {}", stripped(crate::rival::PROGRAM)?);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "files are small")]
fn stripped(program: &str) -> Result<Figure> {
    let folder = TempDir::new()?;
    let copy = folder.path().join("stripped");
    let done = Command::new("strip").arg("-o").arg(&copy).arg(program).status()?;
    ensure!(done.success(), "strip failed");
    Ok(Figure(std::fs::metadata(copy)?.len() as f64 / 1e6))
}
