//! The pure core: events in, decisions out. No I/O, no clock, no randomness, no logging.
//!
//! | module | knows |
//! |---|---|
//! | [`event`], [`input`] | what runtimes report; everything that happens, as it stands in the log |
//! | [`world`], [`report`] | what is believed now; what an event changes |
//! | [`signal`], [`rule`], [`alert`] | what rules read; conditions compiled into an index; episodes |
//! | [`approval`], [`control`] | questions from agents; what people ask of agents |
//! | [`contact`], [`gap`] | runtimes that cannot be reached; time that was lost |
//! | [`command`], [`access`], [`people`] | what operators want; who may do what; who people are |
//! | [`message`], [`route`], [`delivery`] | what is said; to whom; how each copy is brought up to date |
//! | [`chart`] | what a picture beside a message shows |
//! | [`money`], [`time`], [`calendar`], [`text`], [`digest`], [`status`] | amounts, instants, schedules on civil time, hostile text, bindings, the vocabulary |
//! | [`briefing`] | what digests tell, and until when each reader was told |
//! | [`preference`] | what people want to be told, and what waits because of it |
//! | [`audit`], [`reason`], [`signin`], [`policy`], [`schedule`], [`arena`] | proof, names for decisions, the page's sessions, the configuration as data, deadlines, a slab |
//! | [`restore`] | what ends when a store is brought back from a copy |
//! | [`step`], [`quarantine`] | the fold itself; what broke it and was put aside |

pub mod access;
pub mod alert;
pub mod approval;
pub mod arena;
pub mod audit;
pub mod briefing;
pub mod calendar;
pub mod chart;
pub mod command;
pub mod contact;
pub mod control;
pub mod delivery;
pub mod device;
pub mod digest;
pub mod event;
pub mod gap;
pub mod input;
pub mod message;
pub mod money;
pub mod people;
pub mod policy;
pub mod preference;
pub mod quarantine;
pub mod reason;
pub mod report;
pub mod restore;
pub mod route;
pub mod rule;
pub mod schedule;
pub mod signal;
pub mod signin;
pub mod status;
pub mod step;
pub mod text;
pub mod time;
pub mod world;
