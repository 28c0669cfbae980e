//! Writing a decoder-shaped checkpoint as a GGUF file with packed weights, under llama.cpp's names.
//!
//! One tensor at a time: it is read, packed, written and dropped, so that memory never holds more than the largest one.
//! What a GGUF reader needs beyond the weights goes into the metadata: shape, mask token, shift, the tokenizer as it is
//! (`tokenizer.huggingface.json` of the GGUF specification) and as lists, and the chat template.

mod header;
mod stacks;
mod tokens;

use std::io::{BufWriter, Write};
use std::path::Path;

use candle_core::quantized::gguf_file::Value;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::config::Attention;
use super::decoder::names::{Layout, expected};
use super::decoder::{Decoder, RopePairs};
use super::error::ModelError;
use super::files::Checkpoint;
use super::{chat, tokenizer};

/// A type of blocks that weights are packed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockType {
    /// 16-bit floats.
    F16,
    /// 8 bits and a scale for 32 weights.
    Q8_0,
    /// 5 bits and a scale for 32 weights.
    Q5_0,
    /// 4 bits and a scale for 32 weights.
    Q4_0,
    /// 4 bits in blocks of 256 with two scales.
    Q4K,
}

impl BlockType {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::Q5_0 => "q5_0",
            Self::Q4_0 => "q4_0",
            Self::Q4K => "q4_k",
        }
    }

    fn ggml(self) -> GgmlDType {
        match self {
            Self::F16 => GgmlDType::F16,
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q5_0 => GgmlDType::Q5_0,
            Self::Q4_0 => GgmlDType::Q4_0,
            Self::Q4K => GgmlDType::Q4K,
        }
    }

    /// llama.cpp's `general.file_type`.
    fn file_type(self) -> u32 {
        match self {
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q8_0 => 7,
            Self::Q5_0 => 8,
            Self::Q4K => 15,
        }
    }

    /// The nearest type whose blocks divide rows of this width: itself, else fewer weights to a block, else none.
    fn for_rows_of(self, width: usize) -> Self {
        let chain: &[Self] = match self {
            Self::Q4K => &[Self::Q4K, Self::Q5_0],
            ref other => std::slice::from_ref(other),
        };
        chain.iter().copied().find(|kind| width.is_multiple_of(kind.ggml().block_size())).unwrap_or(Self::F16)
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Bytes of the file.
    pub bytes: u64,
    /// Tensors in it.
    pub tensors: usize,
    /// Matrices whose rows the blocks asked for do not divide: name, width, what they were written as.
    pub fallbacks: Vec<(String, usize, BlockType)>,
}

/// One tensor of the file to be.
struct Planned {
    /// One tensor, or the matrices of a stack.
    sources: Vec<String>,
    name: String,
    shape: Vec<usize>,
    dtype: GgmlDType,
    /// Rows are interleaved head by head.
    permuted: Option<usize>,
}

impl Planned {
    fn bytes(&self) -> u64 {
        let elements: usize = self.shape.iter().product();
        (elements / self.dtype.block_size() * self.dtype.type_size()) as u64
    }
}

impl Checkpoint {
    /// Writes the checkpoint to a GGUF file with its matrices packed. The file is there whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for a network that is no decoder, tensors that are missing or damaged, a file that
    /// cannot be written.
    pub fn export(&self, to: BlockType, file: &Path) -> Result<Exported, ModelError> {
        self.check_tensors()?;
        // What GGUF readers have no names or keys for would be read as another network.
        let is_plain = |decoder: &&Decoder| {
            let shape = &decoder.shape;
            let named = matches!(decoder.layout, Layout::HuggingFace | Layout::Llada | Layout::Gguf);
            let mixture = shape.mixture.as_ref().is_none_or(|mixture| mixture.is_plain() && shape.qk_norm);
            named && mixture && shape.convolutions.is_none() && shape.rotary_dim == shape.head_dim
        };
        let Some(decoder) = self.architecture.decoder().filter(is_plain) else {
            let what = format!("writing a network of family `{}` as GGUF", self.descriptor.family);
            let supported = "Llama- and Qwen-shaped models without convolutions, LLaDA-MoE, RND1 and Qwen3-MoE";
            return Err(ModelError::Unsupported { path: self.path.clone(), what, supported });
        };
        let arch = self.gguf_architecture(decoder);
        let (planned, fallbacks) = self.plan(decoder, &arch, to);
        let metadata = self.metadata(decoder, &arch, to)?;
        let unwritten = |source: std::io::Error| ModelError::Write { path: file.to_owned(), source };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut out = BufWriter::new(new_file(folder).map_err(unwritten)?);
        let header = header::bytes(&metadata, &planned);
        out.write_all(&header).map_err(unwritten)?;
        for tensor in &planned {
            let data = self.packed(tensor)?;
            out.write_all(&data).map_err(unwritten)?;
            out.write_all(&header::padding(data.len() as u64)).map_err(unwritten)?;
        }
        let written = out.into_inner().map_err(|error| unwritten(error.into_error()))?;
        written.as_file().sync_all().map_err(unwritten)?;
        let bytes = written.as_file().metadata().map_err(unwritten)?.len();
        written.persist(file).map_err(|error| unwritten(error.error))?;
        Ok(Exported { bytes, tensors: planned.len(), fallbacks })
    }

    /// llama.cpp's name for the shape.
    fn gguf_architecture(&self, decoder: &Decoder) -> String {
        let carried = self.weights.gguf_content().and_then(|content| content.metadata.get("general.architecture"));
        if let Some(Value::String(arch)) = carried {
            return arch.clone();
        }
        let shape = &decoder.shape;
        let name = match decoder.layout {
            Layout::Llada => "llada",
            _ if self.descriptor.family == "rnd1" => "rnd1",
            _ if shape.mixture.as_ref().is_some_and(|mixture| mixture.normalise) => "qwen3moe",
            _ if shape.mixture.is_some() => "llada-moe",
            _ if shape.qk_norm => "qwen3",
            _ if shape.qkv_bias && self.descriptor.family == "dream" => "dream",
            _ if shape.qkv_bias => "qwen2",
            _ => "llama",
        };
        name.to_owned()
    }

    fn plan(&self, decoder: &Decoder, arch: &str, to: BlockType) -> (Vec<Planned>, Vec<(String, usize, BlockType)>) {
        let shape = &decoder.shape;
        // Files of these two hold the rows of q and k in another order; from a GGUF file they come so.
        let permutes = matches!(arch, "llada" | "llama") && shape.rope == RopePairs::Halves;
        let heads = |name: &str| match name {
            _ if !permutes => None,
            name if name.contains(".attn_q.") => Some(shape.heads),
            name if name.contains(".attn_k.") => Some(shape.kv_heads),
            _ => None,
        };
        let mut fallbacks = Vec::new();
        let pairs = expected(shape, decoder.layout).into_iter().zip(expected(shape, Layout::Gguf));
        let pairs = stacks::stacked(pairs);
        let there = pairs.into_iter().filter(|(sources, target)| target.required || self.weights.has(&sources[0]));
        let planned = there.map(|(sources, target)| {
            let width = target.shape.last().copied().unwrap_or(1);
            // Which experts are chosen hangs on small differences.
            let dtype = if target.shape.len() < 2 || target.name.contains("ffn_gate_inp") {
                GgmlDType::F32
            } else {
                let kind = to.for_rows_of(width);
                if kind != to {
                    fallbacks.push((target.name.clone(), width, kind));
                }
                kind.ggml()
            };
            let permuted = heads(&target.name);
            Planned { sources, name: target.name, shape: target.shape, dtype, permuted }
        });
        (planned.collect(), fallbacks)
    }

    fn packed(&self, planned: &Planned) -> Result<Vec<u8>, ModelError> {
        let mut bytes = Vec::new();
        for source in &planned.sources {
            let mut tensor = self.weights.get(source)?;
            if let Some(heads) = planned.permuted {
                tensor = interleaved(&tensor, heads)?;
            }
            let packed = QTensor::quantize(&tensor.to_device(&Device::Cpu)?, planned.dtype)?;
            bytes.extend_from_slice(&packed.data()?);
        }
        Ok(bytes)
    }

    fn metadata(&self, decoder: &Decoder, arch: &str, to: BlockType) -> Result<Vec<(String, Value)>, ModelError> {
        let shape = &decoder.shape;
        let size = |size: usize| Value::U32(size as u32);
        let mut list: Vec<(String, Value)> = vec![
            ("general.architecture".into(), Value::String(arch.to_owned())),
            ("general.file_type".into(), Value::U32(to.file_type())),
            ("general.quantization_version".into(), Value::U32(2)),
            ("diffusion.shift_logits".into(), Value::Bool(self.descriptor.shift == 1)),
            ("diffusion.tells_lengths".into(), Value::Bool(self.descriptor.tells_lengths)),
        ];
        let own = [
            ("vocab_size", size(shape.vocab)),
            ("context_length", size(shape.context)),
            ("embedding_length", size(shape.hidden)),
            ("block_count", size(shape.layers)),
            ("feed_forward_length", size(shape.feed_forward)),
            ("rope.dimension_count", size(shape.rotary_dim)),
            ("rope.freq_base", Value::F32(shape.rope_theta as f32)),
            ("attention.head_count", size(shape.heads)),
            ("attention.head_count_kv", size(shape.kv_heads)),
            ("attention.key_length", size(shape.head_dim)),
            ("attention.value_length", size(shape.head_dim)),
            ("attention.layer_norm_rms_epsilon", Value::F32(shape.norm_eps as f32)),
        ];
        list.extend(own.into_iter().map(|(key, value)| (format!("{arch}.{key}"), value)));
        if let Some(mixture) = &shape.mixture {
            let own = [
                ("expert_count", mixture.experts),
                ("expert_used_count", mixture.chosen),
                ("expert_feed_forward_length", mixture.width),
            ];
            list.extend(own.into_iter().map(|(key, value)| (format!("{arch}.{key}"), size(value))));
        }
        if let Attention::Block(length) = self.descriptor.attention {
            list.push(("diffusion.attention".into(), Value::String(format!("block:{length}"))));
        }
        let content = self.weights.gguf_content();
        let carried = content.into_iter().flat_map(|content| &content.metadata);
        let mut carried: Vec<_> = carried.filter(|(key, _)| key.starts_with("tokenizer.")).collect();
        carried.sort_by_key(|(key, _)| key.as_str());
        list.extend(carried.into_iter().map(|(key, value)| (key.clone(), value.clone())));
        let mut add = |key: &str, value: Value| {
            if list.iter().all(|(known, _)| known != key) {
                list.push((key.to_owned(), value));
            }
        };
        let whole = content.and_then(|content| content.metadata.get(tokenizer::WHOLE)?.to_string().ok());
        for (key, value) in whole.into_iter().flat_map(|text| tokens::lists(text, shape.vocab)) {
            add(key, value);
        }
        let tokenizer = tokenizer::find(self.folder());
        let mask = match (self.descriptor.mask, &tokenizer) {
            (Some(mask), _) => Some(mask),
            (None, Some(path)) => tokenizer::Tokenizer::from_file(path)?.mask(),
            (None, None) => None,
        };
        let ids = [("mask", mask), ("bos", self.descriptor.bos), ("eos", self.descriptor.eos)];
        for (name, id) in ids {
            if let Some(id) = id {
                add(&format!("tokenizer.ggml.{name}_token_id"), Value::U32(id));
            }
        }
        if let Some(path) = tokenizer {
            let text = tokenizer::text(&path)?;
            for (key, value) in tokens::lists(&text, shape.vocab) {
                add(key, value);
            }
            add(tokenizer::WHOLE, Value::String(text));
        }
        if let Ok(format) = chat::find(self.folder(), None) {
            add("tokenizer.chat_template", Value::String(format.template));
        }
        Ok(list)
    }
}

/// A file that is renamed when it is whole, and that others may read as far as the user lets them read new files.
fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// llama.cpp's order of the rows of q and k: in each head, the two halves are interleaved. Weights and biases alike.
fn interleaved(tensor: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let dims = tensor.dims().to_vec();
    let columns: usize = dims[1..].iter().product();
    let halves = tensor.reshape((heads, 2, dims[0] / heads / 2, columns))?;
    halves.transpose(1, 2)?.contiguous()?.reshape(dims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_blocks_that_divide_them() {
        let cases = [
            (BlockType::Q4K, 512, BlockType::Q4K),
            (BlockType::Q4K, 96, BlockType::Q5_0),
            (BlockType::Q4K, 56, BlockType::F16),
            (BlockType::Q8_0, 64, BlockType::Q8_0),
            (BlockType::Q4_0, 56, BlockType::F16),
            (BlockType::F16, 7, BlockType::F16),
        ];
        for (asked, width, given) in cases {
            assert_eq!(asked.for_rows_of(width), given, "{asked:?} in rows of {width}");
        }
    }

    #[test]
    fn halves_are_interleaved_in_each_head() {
        let rows = Tensor::arange(0_f32, 8.0, &Device::Cpu).unwrap();
        let found = interleaved(&rows, 2).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    }
}
