//! The tag of the undo step that an accepted proposal becomes: where the text came from.

use crate::app::Model;
use crate::engine::protocol::{RunOptions, Verb};

/// The tag of an accepted proposal.
pub(crate) fn origin(verb: Verb, model: &Model, options: &RunOptions) -> String {
    let verb = match verb {
        _ if options.instruction.is_some() => "rewrite by instruction".to_owned(),
        Verb::Fill => "fill".to_owned(),
        Verb::Rewrite { strength } => format!("rewrite {:.0} %", strength * 100.0),
        Verb::Refine => "refine".to_owned(),
    };
    let model = match model {
        Model::Ready(info) => info.name.as_str(),
        _ => "model",
    };
    format!("{verb} · {model} · {} · seed {}", options.sampler, options.seed)
}
