//! PyTorch checkpoints (`.bin`, `.pth`, `.pt`): a zip archive of stored tensors and one pickle that says what they are.
//!
//! The pickle is read by [`machine`], which knows the few instructions and classes that a dictionary of tensors needs;
//! nothing in the file is run. candle has a reader of its own; it is not used because a file that lies makes it panic or
//! allocate without bound (tuples shorter than expected, objects copied each time they are recalled, sizes that no
//! storage backs). Here every tensor is checked against the bytes that the archive really holds before any is read, and
//! compressed entries, which PyTorch never writes, are refused: a zip bomb has nothing to unfold.

mod machine;
mod stored;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use zip::{CompressionMethod, ZipArchive};

use super::error::{ModelError, first_line};
use stored::Stored;

/// A pickle of a checkpoint with ten thousand tensors has about 3 MB.
const LONGEST_PICKLE: u64 = 8 << 20;
/// Entries of an archive: one a tensor, and a few more.
const MOST_ENTRIES: usize = 1 << 18;

/// The tensors of one or more PyTorch files, not read yet.
pub(crate) struct Pickles {
    tensors: BTreeMap<String, Located>,
}

/// Where a tensor lies.
struct Located {
    file: PathBuf,
    /// Of the first byte of its storage, in the file.
    start: u64,
    stored: Stored,
}

impl Pickles {
    /// Reads the archives' tables and pickles; each file's names get what stands beside it put before them. A name in two
    /// files is the later file's. `module.`, which training on several devices puts before all names, is left out.
    pub(crate) fn open(files: &[(PathBuf, &str)]) -> Result<Self, ModelError> {
        let mut tensors = BTreeMap::new();
        for (file, before) in files {
            let damaged = |why: String| ModelError::Damaged { path: file.clone(), why };
            let list = locate(file).map_err(|error| match error {
                Trouble::Read(source) => ModelError::Read { path: file.clone(), source },
                Trouble::Contents(why) => damaged(why),
            })?;
            let named = |(name, tensor): (String, Located)| {
                (format!("{before}{}", name.strip_prefix("module.").unwrap_or(&name)), tensor)
            };
            tensors.extend(list.into_iter().map(named));
        }
        Ok(Self { tensors })
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.stored.shape.as_slice())
    }

    /// All names, ascending.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Reads one tensor, as the file has it, to the CPU.
    pub(crate) fn get(&self, name: &str) -> Result<Tensor, ModelError> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(ModelError::Compute(format!("there is no tensor {name}")));
        };
        let path = &tensor.file;
        let damaged = |why: String| ModelError::Damaged { path: path.clone(), why: format!("tensor {name}: {why}") };
        let stored = &tensor.stored;
        let dtype = match stored.kind.as_str() {
            "FloatStorage" => DType::F32,
            "DoubleStorage" => DType::F64,
            "HalfStorage" => DType::F16,
            "BFloat16Storage" => DType::BF16,
            "ByteStorage" => DType::U8,
            "IntStorage" => DType::I32,
            "LongStorage" => DType::I64,
            other => return Err(damaged(format!("{other} is a kind of number that networks are not stored in"))),
        };
        let width = dtype.size_in_bytes();
        let bytes = read(tensor, width).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let bytes = if stored.is_contiguous() { bytes } else { stored.gather(&bytes, width) };
        Tensor::from_raw_buffer(&bytes, dtype, &stored.shape, &Device::Cpu).map_err(|error| damaged(first_line(&error)))
    }
}

/// Reads the stretch of the storage that a tensor uses. [`locate`] has compared it with the archive.
fn read(tensor: &Located, width: usize) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(&tensor.file)?;
    file.seek(SeekFrom::Start(tensor.start + (tensor.stored.offset * width) as u64))?;
    let mut bytes = vec![0; tensor.stored.span() * width];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

enum Trouble {
    Read(std::io::Error),
    Contents(String),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Contents(why)
    }
}

impl From<zip::result::ZipError> for Trouble {
    fn from(error: zip::result::ZipError) -> Self {
        match error {
            zip::result::ZipError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Self::Read(error),
            other => Self::Contents(other.to_string()),
        }
    }
}

/// An entry of the archive: where its bytes begin and how many there are.
struct Entry {
    start: u64,
    size: u64,
}

fn locate(path: &Path) -> Result<Vec<(String, Located)>, Trouble> {
    let mut file = BufReader::new(File::open(path)?);
    let length = file.get_ref().metadata()?.len();
    let mut magic = [0; 4];
    if length < 4 || file.read_exact(&mut magic).is_err() || magic != *b"PK\x03\x04" {
        return Err(Trouble::Contents(
            "it is no zip archive; PyTorch before 1.6 wrote others: load it there and save it again".into(),
        ));
    }
    let (entries, prefix) = table(&mut ZipArchive::new(&mut file)?, length)?;
    let pickle = entries.get(&format!("{prefix}/data.pkl")).map(|entry| (entry.start, entry.size));
    let (start, size) = pickle.ok_or_else(|| "it holds no data.pkl".to_owned())?;
    if size > LONGEST_PICKLE {
        return Err(Trouble::Contents(format!("its list of tensors has {} MB", size >> 20)));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; size as usize];
    file.read_exact(&mut bytes)?;
    let order = entries.get(&format!("{prefix}/byteorder"));
    if let Some(order) = order.filter(|order| order.size <= 16) {
        let mut text = vec![0; order.size as usize];
        file.seek(SeekFrom::Start(order.start))?;
        file.read_exact(&mut text)?;
        if text.starts_with(b"big") {
            return Err(Trouble::Contents("its numbers are big-endian".into()));
        }
    }
    let mut located = Vec::new();
    for (name, stored) in machine::tensors(&bytes)? {
        let key = format!("{prefix}/data/{}", stored.key);
        let entry = entries.get(&key).ok_or_else(|| format!("tensor {name} is in {key}, which is not there"))?;
        stored.check(entry.size).map_err(|why| format!("tensor {name}: {why}"))?;
        located.push((name, Located { file: path.to_owned(), start: entry.start, stored }));
    }
    Ok(located)
}

/// All entries by name, and the folder that they lie in.
fn table<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    length: u64,
) -> Result<(BTreeMap<String, Entry>, String), Trouble> {
    if archive.len() > MOST_ENTRIES {
        return Err(Trouble::Contents(format!("it holds {} entries", archive.len())));
    }
    let mut entries = BTreeMap::new();
    let mut prefix = None;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let name = entry.name()?.into_owned();
        let (size, start) = (entry.size(), entry.data_start().unwrap_or(u64::MAX));
        if entry.compression() != CompressionMethod::Stored || entry.compressed_size() != size {
            return Err(Trouble::Contents(format!("its entry {name} is compressed, which PyTorch's never are")));
        }
        if start.checked_add(size).is_none_or(|end| end > length) {
            return Err(Trouble::Contents(format!("its entry {name} reaches past the end of the file")));
        }
        if let Some(folder) = name.strip_suffix("/data.pkl") {
            prefix = Some(folder.to_owned());
        }
        entries.insert(name, Entry { start, size });
    }
    match prefix {
        Some(prefix) => Ok((entries, prefix)),
        None => Err(Trouble::Contents("it holds no data.pkl; TorchScript and other archives are not read".into())),
    }
}
