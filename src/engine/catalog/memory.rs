//! How much memory a model takes, how much there is, and whether the one fits into the other. Unit: bytes.

use std::path::Path;

/// The machine's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What a program can get now without pushing others out.
    pub available: u64,
}

/// Whether a model fits into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Now.
    Fits,
    /// Once other programs have given some back.
    Tight,
    /// Never on this machine.
    TooLarge,
    /// The system does not say how much memory it has.
    Unknown,
}

impl Fit {
    /// In a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Tight => "tight",
            Self::TooLarge => "too large",
            Self::Unknown => "",
        }
    }
}

/// What a model whose files have so many bytes takes at its peak while it is loaded, which is the most it ever takes:
/// 1.15 times the files and 150 MB, the bound that loading is held to.
pub fn needed(file_bytes: u64) -> u64 {
    file_bytes + file_bytes * 15 / 100 + 150_000_000
}

/// The memory of this machine, where the system says it in `/proc/meminfo`.
pub fn of_machine() -> Option<Memory> {
    parse(&std::fs::read_to_string(Path::new("/proc/meminfo")).ok()?)
}

fn parse(meminfo: &str) -> Option<Memory> {
    let entry = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    };
    Some(Memory { total: entry("MemTotal")?, available: entry("MemAvailable")? })
}

/// Whether `needed` bytes fit.
pub fn fit(needed: u64, memory: Option<Memory>) -> Fit {
    match memory {
        None => Fit::Unknown,
        Some(memory) if needed <= memory.available => Fit::Fits,
        // A tenth of the memory is the system's own.
        Some(memory) if needed <= memory.total - memory.total / 10 => Fit::Tight,
        Some(_) => Fit::TooLarge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_and_anything_else_is_no_answer() {
        let text = "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    8000000 kB\n";
        assert_eq!(parse(text), Some(Memory { total: 16_384_000_000, available: 8_192_000_000 }));
        assert_eq!(parse("MemTotal: 1 kB\n"), None);
        assert_eq!(parse("MemTotal: x kB\nMemAvailable: 18446744073709551615 kB\n"), None);
    }

    #[test]
    fn what_fits_depends_on_what_is_free_and_on_what_there_is() {
        let memory = Some(Memory { total: 1000, available: 500 });
        assert_eq!([fit(500, memory), fit(501, memory), fit(901, memory)], [Fit::Fits, Fit::Tight, Fit::TooLarge]);
        assert_eq!(fit(1, None), Fit::Unknown);
        assert_eq!(needed(1_000_000_000), 1_300_000_000);
    }
}
