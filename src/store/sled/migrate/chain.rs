//! The formats that there were, each with what leads to it.
//!
//! 1. The first.
//! 2. The same rows; programs that know only of the first must not write them any more, for they would not keep what is
//!    kept besides.

use super::Migration;

/// All migrations, oldest first. The last one leads to the format that is written.
pub(in crate::store::sled) const CHAIN: &[Migration] = &[Migration { to: 2, passes: &[] }];
