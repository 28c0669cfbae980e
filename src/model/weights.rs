//! The tensors of a checkpoint: safetensors (one file or sharded, memory-mapped), GGUF or PyTorch's pickles, behind one
//! door.
//!
//! A tensor is read when it is asked for and converted to the working type then, so that at no time a second copy of
//! the whole checkpoint is in memory. What has been read of a mapped file stays resident as long as the file is mapped, so
//! that the files are mapped anew now and then ([`Mapped`]).

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::quantized::gguf_file::{Content, TensorInfo};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};

use super::error::{Misshapen, ModelError, first_line, is_full};
use super::family::Expected;
use super::pickle::Pickles;
use super::{moe, tokenizer};

/// (usual name, other name) of parts of tensor names: BERT's files from TensorFlow keep its names of LayerNorm, LFM2's on
/// the hub begin with the class.
const ALIASES: [(&str, &str); 3] =
    [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"), ("model.", "lfm2.")];

enum Source {
    Safetensors(Mapped),
    Gguf { content: Content, file: Mutex<BufReader<File>> },
    Pickles(Pickles),
}

/// Read bytes of mapped files after which they are mapped anew: little beside a large checkpoint, and much beside the
/// milliseconds that reading its headers again takes.
const RESIDENT: usize = 64 << 20;

/// Mapped safetensors files, of which at most a tensor and [`RESIDENT`] bytes more are resident.
struct Mapped {
    files: Vec<PathBuf>,
    mapping: RwLock<Arc<MmapedSafetensors>>,
    /// Bytes read since the files were mapped.
    read: AtomicUsize,
}

impl Mapped {
    fn open(files: &[PathBuf]) -> candle_core::Result<Self> {
        let mapping = RwLock::new(Arc::new(map(files)?));
        Ok(Self { files: files.to_vec(), mapping, read: AtomicUsize::new(0) })
    }

    /// The mapping as it is; it stays as long as someone holds it.
    fn now(&self) -> Arc<MmapedSafetensors> {
        self.mapping.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The mapping to read so many bytes from.
    fn to_read(&self, bytes: usize) -> candle_core::Result<Arc<MmapedSafetensors>> {
        if self.read.fetch_add(bytes, Ordering::Relaxed) > RESIDENT {
            self.read.store(bytes, Ordering::Relaxed);
            let anew = Arc::new(map(&self.files)?);
            *self.mapping.write().unwrap_or_else(PoisonError::into_inner) = anew;
        }
        Ok(self.now())
    }
}

fn map(files: &[PathBuf]) -> candle_core::Result<MmapedSafetensors> {
    // A file that another program shortens while we load it is the documented hazard of every loader.
    #[expect(unsafe_code, reason = "mapping is what keeps a 16 GB checkpoint out of memory")]
    unsafe {
        MmapedSafetensors::multi(files)
    }
}

/// An opened checkpoint.
pub(crate) struct Weights {
    path: PathBuf,
    source: Source,
    device: Device,
    dtype: DType,
}

/// How a checkpoint's tensors compare with what the configuration asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TensorReport {
    /// Asked for and not there.
    pub missing: Vec<String>,
    /// There with another shape.
    pub misshapen: Vec<Misshapen>,
    /// There and not used: a note, not a failure.
    pub unused: Vec<String>,
}

impl Weights {
    /// Maps safetensors files. Each header is checked against its file's length here.
    pub(crate) fn safetensors(path: &Path, files: &[PathBuf]) -> Result<Self, ModelError> {
        for file in files {
            File::open(file).map_err(|source| ModelError::Read { path: file.clone(), source })?;
        }
        let mapped = Mapped::open(files).map_err(|error| {
            let path = if files.len() == 1 { files[0].clone() } else { path.to_owned() };
            ModelError::Damaged { path, why: first_line(&error) }
        })?;
        Ok(Self { path: path.into(), source: Source::Safetensors(mapped), device: Device::Cpu, dtype: DType::F32 })
    }

    /// Opens a GGUF file and reads its header.
    pub(crate) fn gguf(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(|source| ModelError::Read { path: path.into(), source })?;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut content = Content::read(&mut file)
            .map_err(|error| ModelError::Damaged { path: path.into(), why: first_line(&error) })?;
        tokenizer::forget_lists(&mut content);
        let source = Source::Gguf { content, file: Mutex::new(file) };
        Ok(Self { path: path.into(), source, device: Device::Cpu, dtype: DType::F32 })
    }

    /// Opens PyTorch's files and reads what they say of their tensors.
    pub(crate) fn pickles(path: &Path, files: &[PathBuf]) -> Result<Self, ModelError> {
        let files: Vec<(PathBuf, &str)> = files.iter().map(|file| (file.clone(), "")).collect();
        Self::pickles_under(path, &files)
    }

    /// The same, with something put before the names of each file.
    pub(crate) fn pickles_under(path: &Path, files: &[(PathBuf, &str)]) -> Result<Self, ModelError> {
        let source = Source::Pickles(Pickles::open(files)?);
        Ok(Self { path: path.into(), source, device: Device::Cpu, dtype: DType::F32 })
    }

    /// The GGUF header, where it is one.
    pub(crate) fn gguf_content(&self) -> Option<&Content> {
        match &self.source {
            Source::Gguf { content, .. } => Some(content),
            Source::Safetensors(_) | Source::Pickles(_) => None,
        }
    }

    /// Where tensors go and as what type. From here on nothing but tensors is read, so that what else a GGUF file says (with
    /// its lists of tokens, tens of megabytes) is let go.
    pub(crate) fn working_on(mut self, device: Device, dtype: DType) -> Self {
        if let Source::Gguf { content, .. } = &mut self.source {
            content.metadata = HashMap::new();
        }
        self.device = device;
        self.dtype = dtype;
        self
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// What the file calls the tensor: by its name, or by another that it goes by ([`ALIASES`]).
    fn stored(&self, name: &str) -> String {
        let others = ALIASES.iter().filter(|(usual, _)| name.contains(usual));
        let mut names =
            std::iter::once(name.to_owned()).chain(others.map(|(usual, other)| name.replacen(usual, other, 1)));
        names.find(|name| self.shape_of(name).is_some()).unwrap_or_else(|| name.to_owned())
    }

    /// A tensor's shape as the file has it.
    pub(crate) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.shape_of(&self.stored(name))
    }

    fn shape_of(&self, name: &str) -> Option<Vec<usize>> {
        match &self.source {
            Source::Safetensors(mapped) => mapped.now().get(name).ok().map(|view| view.shape().to_vec()),
            Source::Gguf { content, .. } => info(content, name).map(|info| info.shape.dims().to_vec()),
            Source::Pickles(pickles) => pickles.shape(name).map(<[usize]>::to_vec),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.source {
            Source::Safetensors(mapped) => mapped.now().tensors().into_iter().map(|(name, _)| name).collect(),
            Source::Gguf { content, .. } => content.tensor_infos.keys().cloned().collect(),
            Source::Pickles(pickles) => pickles.names().map(str::to_owned).collect(),
        };
        names.sort();
        names
    }

    /// Compares the file's tensors with what the configuration asks for, without reading any.
    pub(crate) fn report(&self, wanted: &[Expected]) -> TensorReport {
        let mut report = TensorReport::default();
        for tensor in wanted {
            match self.shape(&tensor.name) {
                None if tensor.required => report.missing.push(tensor.name.clone()),
                Some(found) if found != tensor.shape => report.misshapen.push(Misshapen {
                    name: tensor.name.clone(),
                    expected: tensor.shape.clone(),
                    found,
                }),
                _ => {}
            }
        }
        let stacked = |name: String| match &self.source {
            Source::Gguf { content, .. } if !content.tensor_infos.contains_key(&name) => {
                moe::in_gguf(&name).map_or(name, |(stack, _)| stack)
            }
            _ => name,
        };
        let used: HashSet<String> = wanted.iter().map(|tensor| stacked(self.stored(&tensor.name))).collect();
        report.unused = self.names().into_iter().filter(|name| !used.contains(name)).collect();
        report
    }

    /// Reads one tensor in the working type.
    pub(crate) fn get(&self, name: &str) -> Result<Tensor, ModelError> {
        let tensor = match &self.source {
            Source::Safetensors(mapped) => {
                let stored = self.stored(name);
                let bytes = mapped.now().get(&stored).map_or(0, |view| view.data().len());
                mapped.to_read(bytes).and_then(|mapping| mapping.load(&stored, &self.device))
            }
            Source::Gguf { content, file } => {
                let dense = self.blocks(content, file, name)?.dequantize(&Device::Cpu);
                dense.and_then(|dense| dense.to_device(&self.device))
            }
            Source::Pickles(pickles) => pickles.get(&self.stored(name))?.to_device(&self.device),
        };
        Ok(tensor.map_err(|error| self.damaged(name, &error))?.to_dtype(self.dtype)?)
    }

    /// A matrix to be read a few rows at a time, so that all of it is never there as floats.
    pub(crate) fn matrix(&self, name: &str) -> Result<Matrix<'_>, ModelError> {
        let stored = match &self.source {
            Source::Safetensors(mapped) => {
                let (stored, damaged) = (self.stored(name), |error| self.damaged(name, &error));
                let mapping = mapped.now();
                let view = mapping.get(&stored).map_err(damaged)?;
                let dtype = DType::try_from(view.dtype()).map_err(|error| self.damaged(name, &error))?;
                let mapping = mapped.to_read(view.data().len()).map_err(damaged)?;
                Stored::Plain { mapping, name: stored, dtype }
            }
            Source::Gguf { content, file } => match self.rows_of_blocks(content, file, name)? {
                Some(rows) => Stored::Rows(rows),
                None => Stored::Blocks(self.blocks(content, file, name)?),
            },
            Source::Pickles(pickles) => Stored::Dense(pickles.get(&self.stored(name))?),
        };
        match self.shape(name).as_deref() {
            Some(&[outputs, inputs]) => Ok(Matrix { stored, outputs, inputs }),
            _ => Err(self.damaged(name, &candle_core::Error::Msg("is no matrix".into()))),
        }
    }

    fn blocks(&self, content: &Content, file: &Mutex<BufReader<File>>, name: &str) -> Result<QTensor, ModelError> {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let there = info(content, &self.stored(name)).ok_or_else(|| candle_core::Error::Msg("is not there".into()));
        let blocks = there.and_then(|info| info.read(&mut *file, content.tensor_data_offset, &Device::Cpu));
        blocks.map_err(|error| self.damaged(name, &error))
    }

    /// Where the rows of a matrix lie, or none where blocks go on from row to row, which no known file has.
    fn rows_of_blocks<'a>(
        &self,
        content: &Content,
        file: &'a Mutex<BufReader<File>>,
        name: &str,
    ) -> Result<Option<Rows<'a>>, ModelError> {
        let Some(TensorInfo { ggml_dtype: dtype, shape, offset }) = info(content, &self.stored(name)) else {
            return Ok(None);
        };
        let &[rows, inputs] = shape.dims() else { return Ok(None) };
        if !inputs.is_multiple_of(dtype.block_size()) {
            return Ok(None);
        }
        let bytes = (inputs / dtype.block_size() * dtype.type_size()) as u64;
        let start = content.tensor_data_offset.checked_add(offset);
        let end = start.and_then(|start| start.checked_add((rows as u64).checked_mul(bytes)?));
        let length = file.lock().unwrap_or_else(PoisonError::into_inner).get_ref().metadata().map(|file| file.len());
        // Before anything is allocated for it.
        match (start, end, length) {
            (Some(start), Some(end), Ok(length)) if end <= length => Ok(Some(Rows { file, dtype, start, bytes })),
            _ => Err(self.damaged(name, &candle_core::Error::Msg("reaches past the end of the file".into()))),
        }
    }

    /// What is wrong when a tensor cannot be read.
    pub(crate) fn damaged(&self, name: &str, error: &candle_core::Error) -> ModelError {
        if is_full(error) {
            return ModelError::GpuFull(first_line(error));
        }
        ModelError::Damaged { path: self.path.clone(), why: format!("tensor {name}: {}", first_line(error)) }
    }
}

/// Where a tensor of a GGUF file lies: under its name, or one of the matrices that are stacked under another.
fn info(content: &Content, name: &str) -> Option<TensorInfo> {
    let of = |info: &TensorInfo, shape: &[usize], offset| TensorInfo {
        ggml_dtype: info.ggml_dtype,
        shape: shape.into(),
        offset,
    };
    if let Some(info) = content.tensor_infos.get(name) {
        return Some(of(info, info.shape.dims(), info.offset));
    }
    let (stack, index) = moe::in_gguf(name)?;
    let info = content.tensor_infos.get(&stack)?;
    match (index, info.shape.dims()) {
        (None, dims) => Some(of(info, dims, info.offset)),
        (Some(index), [count, rows, columns]) if index < *count => {
            let numbers = rows.checked_mul(*columns)?;
            let whole = numbers.is_multiple_of(info.ggml_dtype.block_size());
            let bytes = (numbers / info.ggml_dtype.block_size()).checked_mul(info.ggml_dtype.type_size())?;
            let offset = info.offset.checked_add((bytes as u64).checked_mul(index as u64)?)?;
            whole.then(|| of(info, &[*rows, *columns], offset))
        }
        (Some(_), _) => None,
    }
}

/// A matrix in its file's form.
pub(crate) struct Matrix<'a> {
    stored: Stored<'a>,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
}

enum Stored<'a> {
    Plain { mapping: Arc<MmapedSafetensors>, name: String, dtype: DType },
    Rows(Rows<'a>),
    Blocks(QTensor),
    Dense(Tensor),
}

/// Rows of whole blocks in a GGUF file.
struct Rows<'a> {
    file: &'a Mutex<BufReader<File>>,
    dtype: GgmlDType,
    /// Where the first lies.
    start: u64,
    /// Bytes of each.
    bytes: u64,
}

impl Rows<'_> {
    fn read(&self, rows: &Range<usize>) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; rows.len() * self.bytes as usize];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Past the buffer, which is far larger than some rows.
        let file = file.get_mut();
        file.seek(SeekFrom::Start(self.start + rows.start as u64 * self.bytes))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Matrix<'_> {
    /// Some rows as floats, one after the other.
    pub(crate) fn rows(&self, rows: Range<usize>) -> candle_core::Result<Vec<f32>> {
        let (shape, cpu) = ((rows.len(), self.inputs), Device::Cpu);
        let part = |bytes: usize| rows.start * bytes / self.outputs..rows.end * bytes / self.outputs;
        let tensor = match &self.stored {
            Stored::Plain { mapping, name, dtype } => {
                let bytes = mapping.get(name)?.data();
                Tensor::from_raw_buffer(&bytes[part(bytes.len())], *dtype, &[shape.0, shape.1], &cpu)?
            }
            Stored::Rows(there) => {
                let bytes = there.read(&rows)?;
                qtensor_from_ggml(there.dtype, &bytes, vec![shape.0, shape.1], &cpu)?.dequantize(&cpu)?
            }
            Stored::Dense(tensor) => tensor.narrow(0, rows.start, rows.len())?,
            Stored::Blocks(blocks) => blocks.dequantize(&cpu)?.narrow(0, rows.start, rows.len())?,
        };
        tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_mapped_anew_when_much_was_read_and_give_the_same_numbers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llada-bf16-sharded");
        let parts = (1..=3).map(|part| folder.join(format!("model-0000{part}-of-00003.safetensors")));
        let mapped = Mapped::open(&parts.collect::<Vec<_>>()).unwrap();
        let first = Arc::downgrade(&mapped.now());
        let name = mapped.now().tensors()[0].0.clone();
        let numbers = mapped.now().get(&name).unwrap().data().to_vec();
        mapped.to_read(RESIDENT).unwrap();
        assert!(first.upgrade().is_some(), "not before the limit");
        // Whoever still reads from the old mapping keeps it.
        let held = mapped.now();
        let next = mapped.to_read(1 + RESIDENT).and_then(|_| mapped.to_read(1)).unwrap();
        assert!(!Arc::ptr_eq(&held, &next) && first.upgrade().is_some());
        drop(held);
        assert!(first.upgrade().is_none(), "nobody holds the old mapping any more");
        assert!(next.get(&name).unwrap().data() == numbers);
    }
}
