//! A model among other programs: it computes when asked and otherwise costs nothing, and neighbours only make it wait.
//!
//! Measured in processor time of the model's own threads, which other programs do not change much; never in seconds.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lacuna::model::{Attention, Checkpoint, DeviceChoice, DtypeChoice, Input, LoadOptions, Model, Overrides};

use crate::support::project;

fn load() -> Model {
    let (overrides, threads) = (Overrides::default(), 2);
    let options = LoadOptions {
        device: DeviceChoice::Cpu,
        dtype: DtypeChoice::Auto,
        threads,
        overrides,
        ..LoadOptions::default()
    };
    Checkpoint::open(&project("assets/lacuna-135m"), &options.overrides).unwrap().load("test", &options).unwrap()
}

/// This process's threads that compute for models, by number.
fn workers() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let numbers = tasks.flatten().map(|task| task.file_name().to_string_lossy().into_owned());
    let is_worker = |number: &String| {
        fs::read_to_string(format!("/proc/self/task/{number}/comm")).is_ok_and(|name| name.starts_with("lacuna-model"))
    };
    numbers.filter(is_worker).collect()
}

/// Nanoseconds that these threads have computed.
fn computed(threads: &[String]) -> u64 {
    let of = |number: &String| {
        let text = fs::read_to_string(format!("/proc/self/task/{number}/schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    threads.iter().map(of).sum()
}

#[test]
fn an_idle_model_computes_nothing_and_a_neighbour_makes_it_wait_but_not_work_more() {
    // Other tests have models too: this one is done in a process of its own.
    const ALONE: &str = "LACUNA_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "busy::an_idle_model_computes_nothing_and_a_neighbour_makes_it_wait_but_not_work_more";
        let mut test = Command::new(std::env::current_exe().unwrap());
        let output = test.args(["--exact", name]).env(ALONE, "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let mut model = load();
    let own = workers();
    assert_eq!(own.len(), 2);
    let ids: Vec<u32> = (0..96).map(|i| i * 37 % 5000).collect();
    let mut pass = || model.forward(&Input::new(&ids, Attention::Full, &[3, 50]), &|| false).unwrap();
    let first = pass();

    std::thread::sleep(Duration::from_millis(300));
    let at = computed(&own);
    std::thread::sleep(Duration::from_millis(700));
    let idle = computed(&own) - at;
    assert!(idle < 20_000_000, "{idle} ns of computing in 0.7 s of nothing to do");

    let cost = |passes: &mut dyn FnMut() -> Vec<f32>| {
        let at = computed(&own);
        for _ in 0..4 {
            assert_eq!(passes(), first);
        }
        computed(&own) - at
    };
    let alone = cost(&mut pass);
    let over = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::black_box((0..1000u64).fold(1, |product: u64, i| product.wrapping_mul(i | 1)));
                }
            });
        }
        let beside = cost(&mut pass);
        over.store(true, Ordering::Relaxed);
        beside
    });
    // Threads that spun while they waited for each other would compute through the neighbours' turns too.
    assert!(beside < 3 * alone, "{beside} ns beside neighbours, {alone} ns alone");
}
