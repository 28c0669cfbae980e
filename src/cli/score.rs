//! `lacuna score`: how likely each word of a text is given both sides; coloured on a terminal, JSON elsewhere.

use std::io::IsTerminal;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::source::Source;
use super::{Common, Precision, print, progress};
use crate::engine::brain::Brain;
use crate::engine::protocol::WordScore;
use crate::engine::score::total;

#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(args: &ScoreArgs, common: &Common) -> anyhow::Result<()> {
    let text = args.source.read()?;
    let mut brain = Brain::new(common.load_model(Precision::Fast)?)?;
    let say =
        |done: usize, of: usize| progress(&if done < of { format!("{done} of {of} passes") } else { String::new() });
    let words = brain.score(&text, say).map_err(|message| anyhow!(message))?;
    if std::io::stdout().is_terminal() && !common.json {
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        return print(&shown(&text, &words, coloured));
    }
    let list: Vec<_> = words
        .iter()
        .map(|word| {
            json!({
                "start": word.bytes.start, "end": word.bytes.end, "text": text[word.bytes.clone()],
                "tokens": word.tokens, "mean_logprob": word.log_probability,
            })
        })
        .collect();
    let (sum, tokens) = total(&words);
    let mean = (tokens > 0).then(|| sum / tokens as f64);
    print(&format!(
        "{}\n",
        json!({ "words": list, "mean_logprob": mean, "tokens": tokens, "model": brain.info().name })
    ))
}

/// How a word of a probability is shown: what it is called, its escape sequence, and the sign that tells it without
/// colours.
const GRADES: [(f64, &str, &str, char); 3] = [
    (0.001, "under 0.1 %", "\x1b[1;4;31m", '!'),
    (0.02, "under 2 %", "\x1b[4;33m", '?'),
    (0.2, "under 20 %", "\x1b[36m", '\''),
];

fn shown(text: &str, words: &[WordScore], coloured: bool) -> String {
    let mut out = String::new();
    let mut at = 0;
    for word in words {
        out.push_str(&text[at..word.bytes.start]);
        at = word.bytes.end;
        let grade = word.log_probability.and_then(|log| GRADES.iter().find(|grade| log.exp() < grade.0));
        match grade {
            Some((_, _, escape, _)) if coloured => out += &format!("{escape}{}\x1b[0m", &text[word.bytes.clone()]),
            Some((_, _, _, sign)) => out += &format!("{}{sign}", &text[word.bytes.clone()]),
            None => out.push_str(&text[word.bytes.clone()]),
        }
    }
    out.push_str(&text[at..]);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let legend: Vec<String> = GRADES
        .iter()
        .map(
            |(_, name, escape, sign)| {
                if coloured { format!("{escape}{name}\x1b[0m") } else { format!("{name} {sign}") }
            },
        )
        .collect();
    let (sum, tokens) = total(words);
    let mean = sum / tokens.max(1) as f64;
    out += &format!("\n{}; {tokens} tokens, mean log-probability {mean:.2}\n", legend.join(", "));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlikely_words_are_marked_with_and_without_colours() {
        let word = |bytes, log: f64| WordScore { bytes, tokens: 1, log_probability: Some(log) };
        let words = [word(0..3, -0.1), word(4..7, -8.0)];
        let plain = shown("the cat", &words, false);
        assert!(plain.starts_with("the cat!\n"), "{plain}");
        assert!(shown("the cat", &words, true).starts_with("the \x1b[1;4;31mcat\x1b[0m\n"));
        assert!(plain.contains("2 tokens, mean log-probability -4.05"));
    }

    #[test]
    fn words_that_were_not_judged_do_not_count() {
        let words = [WordScore { bytes: 0..1, tokens: 3, log_probability: None }];
        assert_eq!(total(&words), (0.0, 0));
    }
}
