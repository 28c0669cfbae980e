//! `lacuna calibrate`: how the lengths of holes are searched with a model, fitted on text of the kind it is to be used on, and
//! kept for the next fill and the editor.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::eval::documents;
use super::mistakes::note;
use super::{Common, Precision, print, progress};
use crate::engine::calibrate::{constants, forget};
use crate::engine::catalog;

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Text files, or folders of .txt files, to cut holes out of, as for `lacuna eval`; some pages at least
    #[arg(required_unless_present = "forget", value_name = "FILE|FOLDER")]
    texts: Vec<PathBuf>,
    /// How many holes to cut; each is filled at ten lengths
    #[arg(long, value_name = "N", default_value_t = 64, allow_negative_numbers = true)]
    holes: usize,
    /// Print what was found, and keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Forget what was kept for the model
    #[arg(long, conflicts_with_all = ["texts", "dry_run"])]
    forget: bool,
}

pub(crate) fn run(args: &CalibrateArgs, common: &Common) -> anyhow::Result<()> {
    let sentence = |message: String| anyhow!(message);
    if args.forget {
        let found = catalog::resolve(common.model()).map_err(sentence)?;
        let file = forget(&found.path).map_err(sentence)?;
        if file.is_none() {
            note(&format!("nothing is kept for {}, so there was nothing to forget", found.name));
        }
        return print(&format!("{}\n", json!({ "model": found.name, "forgotten": file })));
    }
    let documents = documents(&args.texts)?;
    let (found, mut brain) = common.load_brain(Precision::Fast)?;
    let options = common.run_options(common.seed.unwrap_or(1))?;
    let say = |done: usize| progress(&format!("{done} of {} holes", args.holes));
    let fitted = brain.calibrate(&documents, args.holes, &options, say).map_err(sentence)?;
    progress("");
    let kept =
        if args.dry_run { None } else { Some(brain.keep_lengths(&found.path, fitted.lengths).map_err(sentence)?) };
    let mut document = constants(&found.name, fitted.lengths);
    document["holes"] = json!(fitted.holes);
    document["edit_similarity"] = json!({ "before": fitted.before, "after": fitted.after, "known": fitted.known });
    document["kept"] = json!(kept);
    print(&format!("{document}\n"))
}
