//! The command line, by the real binary: what it prints, how it ends, and that it never panics.

mod audit;
mod docs;
mod doctor;
mod health;
mod help;
mod hook;
mod people;
mod running;
mod secrets;
mod setup;
mod stopping;
