//! A tensor as a pickle describes it, held against the bytes that the archive has for it.

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// PyTorch's name for the kind of number, as `FloatStorage`.
    pub(super) kind: String,
    /// The storage's name in the archive.
    pub(super) key: String,
    /// Of the first number, in numbers.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Between neighbours along each dimension, in numbers.
    pub(super) strides: Vec<usize>,
}

impl Stored {
    /// Refuses a tensor that its storage, of this many bytes, cannot hold. Numbers have at most 8 bytes; what fits at one
    /// byte each and not at the real width is found when it is read.
    pub(super) fn check(&self, bytes: u64) -> Result<(), String> {
        let width = match self.kind.as_str() {
            "FloatStorage" | "IntStorage" => 4,
            "HalfStorage" | "BFloat16Storage" => 2,
            "DoubleStorage" | "LongStorage" => 8,
            _ => 1,
        };
        let held = bytes / width;
        let count = self.shape.iter().try_fold(1_u64, |count, size| count.checked_mul(*size as u64));
        let last = self.shape.iter().zip(&self.strides).try_fold(self.offset as u64, |last, (size, stride)| {
            last.checked_add((size.saturating_sub(1) as u64).checked_mul(*stride as u64)?)
        });
        let fits = count == Some(0) || last.is_some_and(|last| last < held);
        // Strides of 0 would make few numbers into many.
        match count {
            Some(count) if fits && count <= held && self.shape.len() == self.strides.len() => Ok(()),
            _ => Err(format!("its shape {:?} does not fit the {bytes} bytes that are there", self.shape)),
        }
    }

    /// Whether the numbers lie one after the other.
    pub(super) fn is_contiguous(&self) -> bool {
        if self.shape.contains(&0) {
            return true;
        }
        let mut step = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *stride == step || *size == 1;
            step *= size;
            fits
        })
    }

    /// How many numbers lie from the first to the last, both among them.
    pub(super) fn span(&self) -> usize {
        if self.shape.contains(&0) {
            return 0;
        }
        1 + self.shape.iter().zip(&self.strides).map(|(size, stride)| (size - 1) * stride).sum::<usize>()
    }

    /// Puts the numbers of a span, each of `width` bytes, into order.
    pub(super) fn gather(&self, span: &[u8], width: usize) -> Vec<u8> {
        let count: usize = self.shape.iter().product();
        let mut index = vec![0; self.shape.len()];
        let mut bytes = Vec::with_capacity(count * width);
        for _ in 0..count {
            let at: usize = index.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
            bytes.extend_from_slice(&span[at * width..(at + 1) * width]);
            for (index, size) in index.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < *size {
                    break;
                }
                *index = 0;
            }
        }
        bytes
    }
}
