//! A provider stand-in for tests: four protocols over raw TCP, scripted step by step, so that it can
//! also do what no HTTP library would: drip, cut, reset, fall silent.
//!
//! A script says what is told, and is encoded in the protocol of the path that was asked. The stand-in
//! owns the faults and nothing else: what an application makes of them is the tests' business.

mod connection;
mod rate;
mod request;
mod script;
mod server;
mod wire;

pub use rate::{RateHeaders, RateLimit};
pub use request::Request;
pub use script::{Script, Step};
pub use server::{FaultServer, Gate};
pub use wire::Protocol;
