//! What can go wrong with a model, each as one sentence: what, where, what to do.

use std::path::PathBuf;

/// Why a model could not be loaded or could not answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The path given as a model does not exist or holds no checkpoint.
    #[error("{path} is not a model: {why}")]
    NotAModel {
        /// Where we looked.
        path: PathBuf,
        /// What is missing and what to do.
        why: String,
    },
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file is there but is damaged or is not what its name says.
    #[error("{path} is damaged or not what its name says ({why}); fetch it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's reason.
        why: String,
    },
    /// A key of the configuration is missing or has a value that no network can have.
    #[error("{path}: {key} {why}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The network is of a kind that is not built in.
    #[error("{path}: {what} is not supported; supported are {supported}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        what: String,
        /// What there is.
        supported: &'static str,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file's tensors do not fit the configuration.
    #[error("{path}: {}", describe_tensors(missing, misshapen))]
    Tensors {
        /// The checkpoint.
        path: PathBuf,
        /// Names that the configuration asks for and the file does not have.
        missing: Vec<String>,
        /// Tensors with another shape than the configuration says.
        misshapen: Vec<Misshapen>,
    },
    /// The mask token is named neither by the files nor by the user.
    #[error("{path} does not say which token is the mask; give its id with --mask-id N")]
    NoMask {
        /// The model.
        path: PathBuf,
    },
    /// The tokenizer and the network are not of one model.
    #[error("{path}: {why}; put the tokenizer.json of this very model beside its weights")]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// How they differ.
        why: String,
    },
    /// Input that the network cannot take.
    #[error("{0}")]
    Input(String),
    /// A model of vectors where one of tokens is needed.
    #[error("this model denoises vectors instead of tokens, so that it can fill and rewrite, and nothing else")]
    Vectors,
    /// The device asked for is not there.
    #[error("{0}")]
    Device(String),
    /// The weights alone are more than the machine's memory.
    #[error(
        "{path} takes {gigabytes:.1} GB of memory and this machine has {there:.1} GB; choose a smaller model (`lacuna models list` says which fit)"
    )]
    TooLarge {
        /// The model.
        path: PathBuf,
        /// What its weights take.
        gigabytes: f64,
        /// What there is.
        there: f64,
    },
    /// The GPU has no memory left.
    #[error(
        "the GPU's memory is full ({0}); close what else uses it, choose a smaller model, or run it on the CPU with --device cpu"
    )]
    GpuFull(String),
    /// candle failed in the middle of a computation.
    #[error("the network failed while computing: {0}")]
    Compute(String),
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// A tensor whose shape is not what the configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// Its name in the file.
    pub name: String,
    /// The shape that the configuration asks for.
    pub expected: Vec<usize>,
    /// The shape in the file.
    pub found: Vec<usize>,
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        if is_full(&error) { Self::GpuFull(first_line(&error)) } else { Self::Compute(first_line(&error)) }
    }
}

/// Whether a device refused memory: what CUDA's driver and cuBLAS call it, and Metal's only reason to refuse a buffer.
pub(crate) fn is_full(error: &candle_core::Error) -> bool {
    let text = error.to_string().to_lowercase();
    ["out of memory", "out_of_memory", "alloc_failed", "failed to create metal resource"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// candle's errors may carry a backtrace; its first line says what happened.
pub(crate) fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn describe_tensors(missing: &[String], misshapen: &[Misshapen]) -> String {
    let mut parts = Vec::new();
    if let Some(first) = missing.first() {
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        parts.push(format!("tensor {first}{more} is missing"));
    }
    if let Some(first) = misshapen.first() {
        let more =
            if misshapen.len() > 1 { format!(", and {} more differ", misshapen.len() - 1) } else { String::new() };
        parts.push(format!(
            "tensor {} has shape {:?} where the configuration says {:?}{more}",
            first.name, first.found, first.expected
        ));
    }
    format!("{}; the configuration and the weights are not of one model, or a file is incomplete", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_without_memory_is_told_in_words_and_other_failures_are_not_taken_for_it() {
        let of = |text: &str| ModelError::from(candle_core::Error::Msg(text.into())).to_string();
        for full in [
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")\n   0: backtrace",
            "CublasError(CUBLAS_STATUS_ALLOC_FAILED)",
            "Failed to create metal resource: Buffer",
        ] {
            let said = of(full);
            assert!(said.starts_with("the GPU's memory is full") && said.contains("--device cpu"), "{said}");
            assert_eq!(said.lines().count(), 1);
        }
        assert!(
            of("DriverError(CUDA_ERROR_INVALID_PTX, \"a PTX JIT compilation failed\")").contains("while computing")
        );
    }
}
