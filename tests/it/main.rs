//! All tests, one binary.

mod seeds;
mod sim;
