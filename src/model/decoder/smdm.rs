//! SMDM's checkpoints: no configuration, a file name, and tensors as lit-gpt lays them out (`ML-GSAI/SMDM`
//! `lit_gpt/diffmodel.py`, `lit_gpt/config.py`; `models.md` section 2.5).
//!
//! Everything but the width of a head is read off the tensors. The mask is the one row that the embedding has and the head
//! has not.

use candle_core::Tensor;

use super::names::{Layout, Place};
use super::{Backbone, Decoder, RopePairs};
use crate::model::config::{Attention, Keys};
use crate::model::error::ModelError;
use crate::model::family::Read;
use crate::model::weights::Weights;

const FUSED: &str = "transformer.h.0.attn.attn.weight";

/// Whether the tensors are SMDM's.
pub(crate) fn is_one(weights: &Weights) -> bool {
    weights.has(FUSED) && weights.has("transformer.h.0.mlp.swiglu.w1.weight")
}

/// Reads the shape off the tensors, and off a `config.json` or lit-gpt's own `lit_config.json` what they leave open.
pub(crate) fn read(keys: &Keys<'_>, _family: &str) -> Read {
    let sizes = |name: &str| match keys.shape(name).as_deref() {
        Some([rows, columns]) => Ok((*rows, *columns)),
        Some(other) => Err(keys.error(name, format!("has shape {other:?}, and a matrix is wanted"))),
        None => Err(keys.error(name, "is not among the tensors")),
    };
    let (vocab, hidden) = sizes("lm_head.weight")?;
    let (embedded, _) = sizes("transformer.wte.weight")?;
    if embedded == vocab {
        let why = format!("has {embedded} rows as the head has: a model that only reads from left to right");
        return Err(keys.error("transformer.wte.weight", why));
    }
    let (fused, _) = sizes(FUSED)?;
    let (feed_forward, _) = sizes("transformer.h.0.mlp.swiglu.w1.weight")?;
    let layers =
        (0..1 << 12).take_while(|layer| keys.shape(&format!("transformer.h.{layer}.norm_1.weight")).is_some()).count();
    let heads = keys.optional("n_head")?;
    let head_dim = match heads {
        Some(heads) => hidden / heads.max(1),
        None => head_width(hidden, feed_forward),
    };
    if head_dim == 0 || !hidden.is_multiple_of(head_dim) || !fused.is_multiple_of(head_dim) || fused <= hidden {
        let why = format!("has {fused} rows, which heads of {head_dim} do not make up");
        return Err(keys.error(FUSED, why));
    }
    let shape = Backbone {
        vocab,
        hidden,
        layers,
        heads: hidden / head_dim,
        kv_heads: (fused - hidden) / (2 * head_dim),
        head_dim,
        rotary_dim: head_dim,
        feed_forward,
        norm_eps: if keys.present("norm_eps").is_some() { keys.number("norm_eps")? } else { 1e-5 },
        rope_theta: 10_000.0,
        rope: RopePairs::Halves,
        qkv_bias: false,
        output_bias: false,
        feed_forward_bias: false,
        head_bias: false,
        norm_bias: false,
        qk_norm: false,
        mixture: None,
        convolutions: None,
        tied: false,
        context: keys.optional("block_size")?.unwrap_or(2048),
    };
    shape.check(keys.path)?;
    Ok(Box::new(Decoder { shape, layout: Layout::Smdm, attention: Attention::Full }))
}

/// The width of a head in the table `Diff_LLaMA` of lit_gpt/config.py: 128 from 1280 on (472M and larger), 80 in the one
/// of 75M, 64 in the others.
fn head_width(hidden: usize, feed_forward: usize) -> usize {
    match (hidden, feed_forward) {
        (640, 1600) => 80,
        (1280.., _) => 128,
        _ => 64,
    }
}

/// Rows of the fused projection: for each group of queries its queries, its key and its value, of one head each.
pub(super) fn part(fused: &Tensor, place: Place, shape: &Backbone) -> Result<Tensor, ModelError> {
    let (groups, e) = (shape.kv_heads, shape.head_dim);
    let queries = shape.heads / groups;
    let (from, heads) = match place {
        Place::Key => (queries, 1),
        Place::Value => (queries + 1, 1),
        _ => (0, queries),
    };
    let grouped = fused.reshape((groups, queries + 2, e, shape.hidden))?;
    Ok(grouped.narrow(1, from, heads)?.contiguous()?.reshape((groups * heads * e, shape.hidden))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_the_published_sizes_have_their_width() {
        // (size, n_embd, intermediate_size, n_head)
        let table = [(6, 256, 1024, 4), (66, 640, 2560, 10), (75, 640, 1600, 8), (170, 768, 3072, 12)];
        let larger = [(336, 1024, 4096, 16), (472, 1280, 5120, 10), (1028, 1792, 7168, 14), (2121, 2176, 8704, 17)];
        for (size, hidden, feed_forward, heads) in table.into_iter().chain(larger) {
            assert_eq!(hidden / head_width(hidden, feed_forward), heads, "{size}M");
        }
    }
}
