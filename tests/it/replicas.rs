//! Several processes on one PostgreSQL database: each takes, appends and delivers, and one folds.

mod keeper;
mod pooler;
mod processes;
mod scenes;
