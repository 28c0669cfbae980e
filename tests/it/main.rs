//! The one integration binary. Each module says what goes there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where and stop")]

/// The import law and the tidiness rules, held against every source file.
mod architecture;
/// The command line, as a script would use it: the real binary in a temporary folder.
mod cli;
/// Networks against the golden numbers of their reference implementations, and the default model against its own.
mod network;
/// The README against the program.
mod readme;
/// What every module here needs.
mod support;
