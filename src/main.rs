//! The `sereno` binary: parses its arguments and does as they say.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    sereno::cli::run(sereno::cli::Cli::parse())
}
