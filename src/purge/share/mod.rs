//! What servers and other clones need of a purge.
//!
//! ```text
//! manifest < push_guard, heal, remote
//! ```

pub mod heal;
pub mod manifest;
pub mod push_guard;
pub mod remote;
