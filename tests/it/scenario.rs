//! Whole stories on both databases, in virtual time, each of which ends with an empty world.

mod alerts;
mod approvals;
mod control;
mod everywhere;
mod life;
mod people;
mod preferences;
mod quarantine;
mod trace;
mod trouble;
