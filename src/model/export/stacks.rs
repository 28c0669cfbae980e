//! Experts as llama.cpp has them: the matrices of a block one behind the other, as one tensor.

use crate::model::family::Expected;
use crate::model::moe;

/// The tensors of a file and what each is made of: the experts of a block are one stack there.
pub(super) fn stacked(pairs: impl Iterator<Item = (Expected, Expected)>) -> Vec<(Vec<String>, Expected)> {
    let mut list: Vec<(Vec<String>, Expected)> = Vec::new();
    for (source, mut target) in pairs {
        let Some((name, index)) = moe::in_gguf(&target.name) else {
            target.required = source.required;
            list.push((vec![source.name], target));
            continue;
        };
        if let Some((sources, known)) = list.iter_mut().find(|(_, known)| known.name == name) {
            sources.push(source.name);
            known.shape[0] += 1;
        } else {
            let stack = index.map(|_| 1).into_iter();
            let shape = stack.chain(target.shape).collect();
            list.push((vec![source.name], Expected { name, shape, required: true }));
        }
    }
    list
}
