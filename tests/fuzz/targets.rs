//! Every parser that we own, fed with inputs that are nearly right. Whatever comes, it answers with a value or with one
//! sentence: it does not panic, and it does not take forever.
//!
//! The suite makes a few hundred cases of each, always the same ones. `LACUNA_FUZZ_SECONDS=600 cargo test --test it
//! fuzz::targets::NAME` goes on for ten minutes (`ulimit -v` shows whether memory is bounded); `LACUNA_FUZZ_FROM=N` begins at a
//! case that was reported.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use lacuna::cli::{markers, samplers};
use lacuna::diffusion::preset;
use lacuna::diffusion::spec::{Overrides as Knobs, parse_spec};
use lacuna::engine::catalog::settings;
use lacuna::engine::config::Source;
use lacuna::model::export::BlockType;
use lacuna::model::{Checkpoint, Overrides, Tokenizer};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use super::mutate::mutated;
use crate::support::{fixture, project};

const CASES: u64 = 300;
/// No input here is so large that reading it takes a tenth of this.
const PATIENCE: Duration = Duration::from_secs(20);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Runs cases; an `Err` is one sentence for the user.
fn fuzz(name: &str, seeds: &[Vec<u8>], prefix: usize, mut parse: impl FnMut(&[u8]) -> Result<(), String>) {
    let unharmed: Vec<_> = seeds.iter().map(|seed| parse(seed)).collect();
    assert!(unharmed.iter().any(Result::is_ok), "{name}: no seed is read: {unharmed:?}");
    let (from, seconds) = (number("LACUNA_FUZZ_FROM").unwrap_or(0), number("LACUNA_FUZZ_SECONDS"));
    let started = Instant::now();
    let (mut read, mut refused, mut case) = (0_u64, 0_u64, from);
    let goes_on = |case: u64| match seconds {
        Some(seconds) => started.elapsed() < Duration::from_secs(seconds),
        None => case < from + CASES,
    };
    while goes_on(case) {
        let bytes = mutated(seeds, prefix, case);
        let begun = Instant::now();
        let answer = catch_unwind(AssertUnwindSafe(|| parse(&bytes)))
            .unwrap_or_else(|_| panic!("{name}: case {case} panicked; LACUNA_FUZZ_FROM={case} makes it again"));
        assert!(begun.elapsed() < PATIENCE, "{name}: case {case} took {:?}", begun.elapsed());
        match answer {
            Ok(()) => read += 1,
            Err(sentence) => {
                assert!(
                    !sentence.trim().is_empty() && sentence.lines().count() <= 1,
                    "{name}: case {case}: {sentence:?}"
                );
                refused += 1;
            }
        }
        case += 1;
    }
    assert!(refused > 0, "{name}: nothing was refused, so that nothing was tried");
    if seconds.is_some() {
        let line = format!("fuzz {name}: {} cases, {read} read, {refused} refused\n", case - from);
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// The same for texts, which what is no UTF-8 never reaches.
fn fuzz_text(name: &str, seeds: &[&str], mut parse: impl FnMut(&str) -> Result<(), String>) {
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    fuzz(name, &seeds, 0, |bytes| parse(&String::from_utf8_lossy(bytes)));
}

/// Opens what lies there, and compares its tensors with what it says of itself.
fn open(path: &Path) -> Result<(), String> {
    let checkpoint = Checkpoint::open(path, &Overrides::default()).map_err(|error| error.to_string())?;
    let report = checkpoint.report();
    drop((checkpoint.facts(), report));
    Ok(())
}

#[test]
fn pytorch_archives() {
    let folder = TempDir::new().unwrap();
    fs::copy(fixture("radd").join("config.json"), folder.path().join("config.json")).unwrap();
    let file = folder.path().join("pytorch_model.bin");
    let seed = fs::read(fixture("radd").join("pytorch_model.bin")).unwrap();
    fuzz("pytorch_archives", &[seed], 0, |bytes| {
        fs::write(&file, bytes).unwrap();
        open(folder.path())
    });
}

#[test]
fn pickles() {
    let folder = TempDir::new().unwrap();
    fs::copy(fixture("radd").join("config.json"), folder.path().join("config.json")).unwrap();
    let file = folder.path().join("pytorch_model.bin");
    let whole = fs::read(fixture("radd").join("pytorch_model.bin")).unwrap();
    // The pickle alone is changed and put back, so that the archive's checksum holds.
    let mut archive = zip::ZipArchive::new(Cursor::new(whole)).unwrap();
    let (mut pickle, mut others) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let (name, mut bytes) = (entry.name().unwrap().into_owned(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        if name.ends_with("data.pkl") { pickle.push((name, bytes)) } else { others.push((name, bytes)) }
    }
    let (name, seed) = pickle.pop().unwrap();
    fuzz("pickles", &[seed], 0, |bytes| {
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let entries = others.iter().map(|(name, bytes)| (name, bytes.as_slice()));
        for (name, bytes) in std::iter::once((&name, bytes)).chain(entries) {
            out.start_file(name.as_str(), stored).unwrap();
            out.write_all(bytes).unwrap();
        }
        fs::write(&file, out.finish().unwrap().into_inner()).unwrap();
        open(folder.path())
    });
}

#[test]
fn gguf_files() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("model.gguf");
    let seeds: Vec<Vec<u8>> = ["llada", "dream", "a2d-qwen3"]
        .iter()
        .map(|name| {
            let checkpoint = Checkpoint::open(&fixture(name), &Overrides::default()).unwrap();
            checkpoint.export(BlockType::Q8_0, &file).unwrap();
            fs::read(&file).unwrap()
        })
        .collect();
    // The header comes first.
    fuzz("gguf_files", &seeds, 4096, |bytes| {
        fs::write(&file, bytes).unwrap();
        open(&file)
    });
}

#[test]
fn safetensors_files() {
    let folder = TempDir::new().unwrap();
    fs::copy(fixture("llada").join("config.json"), folder.path().join("config.json")).unwrap();
    let file = folder.path().join("model.safetensors");
    let seed = fs::read(fixture("llada").join("model.safetensors")).unwrap();
    fuzz("safetensors_files", &[seed], 4096, |bytes| {
        fs::write(&file, bytes).unwrap();
        open(folder.path())
    });
}

#[test]
fn indices_of_parts() {
    let folder = TempDir::new().unwrap();
    for entry in fs::read_dir(fixture("dream-bf16-sharded")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.path().join("model.safetensors.index.json");
    let seed = fs::read(&file).unwrap();
    fuzz("indices_of_parts", &[seed], 0, |bytes| {
        fs::write(&file, bytes).unwrap();
        open(folder.path())
    });
}

#[test]
fn configurations() {
    // Every family's configuration beside its own tensors.
    let mut opened: Vec<(Vec<u8>, TempDir, String)> = Vec::new();
    for entry in fs::read_dir(project("tests/fixtures")).unwrap() {
        let path = entry.unwrap().path();
        let files = ["config.json", "training_args.json", "lit_config.json"];
        let Some(config) = files.iter().find(|file| path.join(file).is_file()) else { continue };
        let folder = TempDir::new().unwrap();
        crate::tiny::copy(path.file_name().unwrap().to_str().unwrap(), folder.path(), &serde_json::Value::Null);
        opened.push((fs::read(path.join(config)).unwrap(), folder, (*config).to_owned()));
    }
    assert!(opened.len() > 20);
    let seeds: Vec<Vec<u8>> = opened.iter().map(|(seed, ..)| seed.clone()).collect();
    let mut turn = 0;
    fuzz("configurations", &seeds, 0, |bytes| {
        // Mostly the folder whose configuration it was; else one in turn.
        let start = &bytes[..bytes.len().min(60)];
        turn = (turn + 1) % opened.len();
        let own = opened.iter().find(|(seed, ..)| seed.starts_with(start)).unwrap_or(&opened[turn]);
        fs::write(own.1.path().join(&own.2), bytes).unwrap();
        let answer = open(own.1.path());
        fs::write(own.1.path().join(&own.2), &own.0).unwrap();
        answer
    });
}

#[test]
fn lists_of_tokens() {
    let folder = TempDir::new().unwrap();
    crate::tiny::model("dream", 170, folder.path());
    let seeds = crate::tokenizers::make_lists(folder.path(), folder.path(), "DreamTokenizer");
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    // Which of the files is changed, the first byte says; each is put back afterwards.
    let numbered = |(number, (_, text)): (usize, &(&str, String))| [&[number as u8][..], text.as_bytes()].concat();
    let texts: Vec<Vec<u8>> = seeds.iter().enumerate().map(numbered).collect();
    fuzz("lists_of_tokens", &texts, 0, |bytes| {
        let (first, changed) = bytes.split_first().unwrap_or((&0, &[]));
        let (name, unharmed) = &seeds[*first as usize % seeds.len()];
        fs::write(folder.path().join(name), changed).unwrap();
        let read = Tokenizer::from_file(&folder.path().join("vocab.json"));
        let answer = read.and_then(|tokenizer| tokenizer.encode("cab 12, \n<|mask|> é")).map(drop);
        fs::write(folder.path().join(name), unharmed).unwrap();
        answer.map_err(|error| error.to_string())
    });
}

#[test]
fn marked_holes() {
    let seeds = [
        "a [MASK] b [MASK:3] c [MASK:2-40] d",
        "\\[MASK] [MASK /[0-9]{4}/] [MASK:1-4 /[A-Z]\\w*/] é",
        "[MASK:] [MASK:0] [MASK:9-2] [MASK",
    ];
    fuzz_text("marked_holes", &seeds, |text| markers::parse(text).map(drop));
}

#[test]
fn sampler_notation() {
    let mut seeds: Vec<&str> = preset::presets().map(|preset| preset.notation).collect();
    seeds.extend([
        "llada:block=8,guidance=1.0",
        "fast-dllm:threshold=0.9,cache=dual",
        "eb",
        "masked conf above(0.9) min=1 write",
    ]);
    fuzz_text("sampler_notation", &seeds, |text| {
        parse_spec(text, &Knobs::default()).map(drop).map_err(|error| error.to_string())
    });
}

#[test]
fn descriptors_of_models() {
    let seeds = [
        "[models.\"my-coder\"]\npath = \"/data/models/coder\"\nmask_id = 151665\nshift = 1\n",
        "[models.a]\nattention = \"block:32\"\nfamily = \"sdar\"\ntokenizer = \"t.json\"\nchat = true\n[models.b]\n",
    ];
    fuzz_text("descriptors_of_models", &seeds, |text| {
        settings::entries_of(Source { file: Path::new("models.toml"), text }, &["models"]).map(drop)
    });
}

#[test]
fn settings_files() {
    let file = Path::new("config.toml");
    let seeds = [
        "[editor]\nwrap = false\ntab-width = 3\n[keys]\nf2 = \"save\"\n[themes.mine]\nbase = \"dark\"\n",
        "[samplers.careful]\ndoc = \"Mine.\"\nnotation = \"masked conf best(1) write\"\n",
        "[samplers.a]\nnotation = \"\"\"masked conf above(0.9) min=1 write\n\"\"\"\n[other]\nkey = 3\n",
    ];
    fuzz_text("settings_files", &seeds, |text| {
        let source = Source { file, text };
        // The editor goes on with what it can read, and tells every mistake in a line.
        for mistake in lacuna::shell::config::read(source).mistakes {
            assert!(!mistake.is_empty() && mistake.lines().count() == 1, "{mistake:?}");
        }
        samplers::read(source).map(drop)
    });
}
