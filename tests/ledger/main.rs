//! `sereno` once more, built with the feature `kill-points`: the ledger ends it at named places.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    sereno::cli::run(sereno::cli::Cli::parse())
}
