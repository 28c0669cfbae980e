//! Running the built program, and where things lie.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A golden checkpoint.
pub(crate) fn fixture(name: &str) -> PathBuf {
    project("tests/fixtures").join(name)
}

/// The program with arguments.
pub(crate) fn lacuna(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lacuna"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    lacuna(args).output().expect("the built program starts")
}

/// Runs the program with text on its standard input.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Output {
    let mut child = lacuna(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built program starts");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // A program that fails before it reads closes the pipe; that is for the caller to see.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

/// The JSON that a successful run printed.
#[track_caller]
pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Checks that a run failed as it should: this exit code, nothing on standard output, and one line on standard error that
/// names all of these.
#[track_caller]
pub(crate) fn refused(output: &Output, code: i32, names: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    assert!(!error.contains("panicked"), "{error}");
    for name in names {
        assert!(error.contains(name), "{name:?} is not in: {error}");
    }
}
