//! What both benchmarks need: real time, figures with their spread, and what else the machine was doing.

pub mod clock;
pub mod figures;
pub mod machine;
