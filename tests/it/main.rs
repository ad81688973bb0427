//! Proof from outside: the shape of the sources, and the built binary on files, sockets and signals.

mod architecture;
mod backups;
mod bad;
mod beginnings;
mod cdnow;
mod cdnow_days;
mod check;
mod explaining;
mod graph;
mod ingestion;
mod ledgers;
mod moving;
mod packages;
mod project;
mod readme;
mod reload;
mod run;
mod stories;
mod walk;
mod watching;
mod world;
