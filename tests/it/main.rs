//! Proof from outside: the shape of the sources, and the built binary on files, sockets and signals.

mod architecture;
mod bad;
mod cdnow;
mod check;
mod ingestion;
mod ledgers;
mod project;
mod readme;
mod run;
mod world;
