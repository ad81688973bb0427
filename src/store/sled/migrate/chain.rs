//! The formats that there were, each with what leads to it.
//!
//! 1. The first.
//! 2. Consent by the rule that objections win, and a row for each further id of a customer. Programs that know only of the first
//!    must not write it: they would let a file undo a withdrawal, and forget ids and what is kept of who was erased.

use super::{Migration, consent};

/// All migrations, oldest first. The last one leads to the format that is written.
pub(in crate::store::sled) const CHAIN: &[Migration] =
    &[Migration { to: 2, passes: &[consent::write_aliases, consent::settle_consent] }];
