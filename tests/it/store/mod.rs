//! The store on both databases: what it promises, and what it refuses.

mod migrations;
