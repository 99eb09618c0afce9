//! What servers and other clones need of a purge.
//!
//! ```text
//! remote < manifest < heal, push_guard
//! ```

pub mod heal;
pub mod manifest;
pub mod push_guard;
pub mod remote;
