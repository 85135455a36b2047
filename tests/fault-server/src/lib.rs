//! A mock provider for tests: five protocols over raw TCP, scripted step by step, so that it can also do what no
//! HTTP library does: drip, truncate, reset, hang.
//!
//! A script is independent of the protocol, and is encoded in that of the requested path. The server only
//! injects faults: the tests check how an application handles them.

mod connection;
mod rate;
mod request;
mod script;
mod server;
mod tls;
mod wire;

pub use rate::{RateHeaders, RateLimit};
pub use request::Request;
pub use script::{Script, Step};
pub use server::{FaultServer, Gate};
pub use tls::{Authority, Certificate, TlsFront};
pub use wire::Protocol;
