//! The crash run.
