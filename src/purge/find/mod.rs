//! What is to be erased, and where it is: the values, what is around them, and the objects that hold
//! them. Reads only.
//!
//! ```text
//! headers, marks, parse < kind < frame < literal, values < rest, survey
//! ```

pub mod frame;
pub mod headers;
pub mod kind;
pub mod literal;
pub mod marks;
pub mod parse;
pub mod rest;
pub mod survey;
pub mod values;
