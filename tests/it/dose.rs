//! How often a fault is injected: a small dose in every run, the full one when somebody asks for it.
//!
//! `./tests/run crash`, `faults` and `soak` set `SERENO_DOSE=full`; everything else gets the small dose.

/// `small` rounds, or `full` ones when the full dose was asked for.
pub fn times(small: usize, full: usize) -> usize {
    if std::env::var_os("SERENO_DOSE").is_some_and(|dose| dose == "full") { full } else { small }
}
