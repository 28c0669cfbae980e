//! Runs Python that a model wrote, with limits: ten seconds, one gigabyte, no files, an empty folder, no environment, and not
//! for ever. It is no sandbox: the network is there, and what the user may read the code may read.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::engine::eval::task::Task;

const SECONDS: Duration = Duration::from_secs(10);
/// What a program that came to its end leaves with: one that leaves before, as by `exit()`, has passed nothing.
const PASSED: i32 = 42;
/// Set by the shell before it becomes the interpreter: processor seconds, memory in kilobytes, no files, no core dumps.
const LIMITED: &str = "ulimit -c 0; ulimit -f 0; ulimit -t 10; ulimit -v 1048576; exec python3 -I -B -";

/// Whether a task's own solution passes: else nothing can be said of a model.
///
/// # Errors
/// A sentence that says what is missing.
pub(super) fn check(task: &Task) -> anyhow::Result<()> {
    if cfg!(not(unix)) {
        bail!("code is run with limits that only Unix has; leave --code out");
    }
    if !passes(&task.program(task.sample().hole.as_str()))? {
        bail!("the solution of {} itself does not pass its tests; is `python3` installed?", task.task_id);
    }
    Ok(())
}

/// Whether a program comes to its end, in time.
///
/// # Errors
/// Only where it could not be started.
pub(super) fn passes(program: &str) -> anyhow::Result<bool> {
    passes_within(program, SECONDS)
}

fn passes_within(program: &str, limit: Duration) -> anyhow::Result<bool> {
    let folder = tempfile::tempdir().context("cannot make a folder to run code in")?;
    let mut child = Command::new("sh")
        .args(["-c", LIMITED])
        .current_dir(folder.path())
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start a shell to run code in")?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(format!("{program}\nimport os\nos._exit({PASSED})\n").as_bytes()) {
            // It ended before it had read all, which its status tells.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            result => result.context("cannot hand code to python3")?,
        }
    }
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for python3")? {
            return Ok(status.code() == Some(PASSED));
        }
        if started.elapsed() > limit {
            // It may have ended just now; either way it is waited for, so that none is left behind.
            let _ = child.kill();
            child.wait().context("cannot wait for python3")?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Duration, passes, passes_within};

    #[test]
    fn code_passes_only_if_it_ends_well_and_within_its_limits() {
        // Without the interpreter nothing passes, and the rest holds all the same.
        let is_here = std::process::Command::new("python3").arg("-V").output().is_ok();
        assert_eq!(passes("assert 1 + 1 == 2").unwrap(), is_here);
        for bad in [
            "assert False",
            "def f(:",
            "exit()",
            "import os; os._exit(0)",
            "import os; assert 'HOME' in os.environ",
            "open('here', 'w').write('x' * 9999)",
            "x = bytearray(2 << 30)",
        ] {
            assert!(!passes(bad).unwrap(), "{bad}");
        }
    }

    #[test]
    fn code_that_never_ends_is_ended() {
        let limit = Duration::from_millis(300);
        assert!(!passes_within("import time\nwhile True: time.sleep(1)", limit).unwrap());
    }
}
