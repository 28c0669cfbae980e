//! Fetching models from the hub into its standard cache, and finding and removing them there.
//!
//! The one place of the program that opens a connection, and only when the user asks for a model by name. The client
//! crate knows the hub, the layout of its cache and the user's token, and goes on with a file that was cut off. What it
//! does not do is done here: it is told which files are needed, and each file is compared with the size and, for large
//! ones, the SHA-256 that the hub gave.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How often a file that was cut off is gone on with before the user is told.
const RETRIES: usize = 3;

/// Small files that say what a model is and how it spells text.
const SMALL: [&str; 10] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
];

/// What names the parts that weights are in, and how these end; the first that a repository has counts.
const INDEXES: [(&str, &str); 2] =
    [("model.safetensors.index.json", ".safetensors"), ("pytorch_model.bin.index.json", ".bin")];

/// Weights that lie beside the main file (SSD-LM's).
const BESIDE: [&str; 3] = ["embed_sum_layer.pt", "timestep_layer.pt", "extra_layers.safetensors"];

/// What happens while files are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetching {
    /// A file begins, or goes on where it was cut off.
    File {
        /// Its name.
        name: String,
        /// All of its bytes.
        bytes: u64,
        /// Which of the files it is, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// So many bytes of it are there.
    Bytes(u64),
    /// It is whole.
    Done,
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The model's folder.
    pub path: PathBuf,
    /// Its files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// The hub as the environment says it.
pub struct Hub {
    api: Api,
    cache: Cache,
}

type Told<'a> = &'a mut dyn FnMut(Fetching);

impl Hub {
    /// Reads `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT` and `HF_TOKEN`. Opens no connection.
    ///
    /// # Errors
    /// One sentence when there is no place for the cache, or the environment forbids the network.
    pub fn of_user() -> Result<Self, String> {
        if variable("HF_HUB_OFFLINE").is_some_and(|value| value != "0") {
            return Err("HF_HUB_OFFLINE is set, so nothing is fetched; unset it to pull models".into());
        }
        let folder = cache_folder().ok_or("there is no home folder to keep models in; set HF_HOME or HOME")?;
        let cache = Cache::new(folder);
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_progress(false).with_retries(RETRIES);
        if let Some(endpoint) = variable("HF_ENDPOINT") {
            if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                return Err(format!(
                    "HF_ENDPOINT is {endpoint}, which is no address; set it to one such as https://huggingface.co, or unset it"
                ));
            }
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        if let Some(token) = variable("HF_TOKEN") {
            builder = builder.with_token(Some(token));
        }
        let api = builder.build().map_err(|error| format!("the connection cannot be set up ({error})"))?;
        Ok(Self { api, cache })
    }

    /// Fetches what is needed of a repository, `OWNER/NAME`, and is not there yet. With `only`, that file of the weights.
    ///
    /// # Errors
    /// One sentence: no connection, no such repository, no weights in it, a file that came out damaged. What was
    /// fetched so far stays, and the next call goes on from there.
    pub fn pull(&self, repo: &str, only: Option<&str>, told: Told<'_>) -> Result<Pulled, String> {
        if !is_repo(repo) {
            return Err(format!("{repo} is not a repository's name; it is OWNER/NAME"));
        }
        let files = self.api.model(repo.to_owned());
        let info = files.info().map_err(|error| failure(repo, &error))?;
        let names: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        let mut wanted: Vec<String> = SMALL.iter().map(|name| (*name).to_owned()).collect();
        wanted.retain(|name| names.contains(name));
        let mut shards = BTreeSet::new();
        if let Some(index) = index_of(&names).filter(|_| only.is_none()) {
            let path = self.file(repo, &files, index, (1, 1), told)?;
            shards = shards_of(&path)?;
            wanted.push(index.to_owned());
        }
        let weights = weights_of(repo, &names, &shards, only)?;
        if only.is_none() {
            let beside = BESIDE.iter().filter(|name| names.iter().any(|there| there == *name));
            wanted.extend(beside.map(|name| (*name).to_owned()));
        }
        wanted.extend(weights);
        let of = wanted.len();
        let mut pulled = Pulled { path: PathBuf::new(), files: of, bytes: 0 };
        for (index, name) in wanted.iter().enumerate() {
            let path = self.file(repo, &files, name, (index + 1, of), told)?;
            pulled.bytes += std::fs::metadata(&path).map_or(0, |file| file.len());
            pulled.path = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        }
        Ok(pulled)
    }

    /// One file, whole and compared with what the hub says of it.
    fn file(
        &self,
        repo: &str,
        files: &ApiRepo,
        name: &str,
        (number, of): (usize, usize),
        told: Told<'_>,
    ) -> Result<PathBuf, String> {
        let fails = |error: ApiError| failure(repo, &error);
        let metadata = self.api.metadata(&files.url(name)).map_err(fails)?;
        let size = metadata.size() as u64;
        if !is_plain(metadata.etag()) || !is_plain(metadata.commit_hash()) {
            return Err(format!("the hub's answer about {name} of {repo} makes no sense; check HF_ENDPOINT"));
        }
        let store = self.cache.repo(Repo::model(repo.to_owned()));
        let blob = store.blob_path(metadata.etag());
        let pointer = store.pointer_path(metadata.commit_hash()).join(name);
        told(Fetching::File { name: name.to_owned(), bytes: size, number, of });
        let length = |path: &Path| std::fs::metadata(path).ok().map(|file| file.len());
        if length(&pointer) == Some(size) {
            told(Fetching::Bytes(size));
            told(Fetching::Done);
            return Ok(pointer);
        }
        // A pointer to a damaged file would be taken for the file.
        forget(&[&pointer]).map_err(|error| unkept(&pointer, &error))?;
        resumable(&blob.with_extension("part"), size).map_err(|error| unkept(&blob, &error))?;
        let path = files.download_with_progress(name, Bar { had: 0, told }).map_err(fails)?;
        let verdict = verify(&path, size, metadata.etag()).map_err(|error| unkept(&path, &error))?;
        if let Some(why) = verdict {
            forget(&[&pointer, &blob]).map_err(|error| unkept(&blob, &error))?;
            return Err(format!("{name} of {repo} came out damaged ({why}) and was removed; pull it again"));
        }
        Ok(path)
    }
}

/// The client's progress as ours.
struct Bar<'a> {
    had: u64,
    told: Told<'a>,
}

impl Progress for Bar<'_> {
    fn init(&mut self, _size: usize, _filename: &str) {
        self.had = 0;
    }

    fn update(&mut self, size: usize) {
        self.had += size as u64;
        (self.told)(Fetching::Bytes(self.had));
    }

    fn finish(&mut self) {
        (self.told)(Fetching::Done);
    }
}

/// Makes the file that a download left behind one that the client can go on with: it appends, and asks for the bytes
/// from its end on, which must be at least one.
fn resumable(part: &Path, size: u64) -> std::io::Result<()> {
    let Ok(metadata) = part.metadata() else { return Ok(()) };
    if metadata.len() > size {
        return std::fs::remove_file(part);
    }
    if metadata.len() == size {
        File::options().write(true).open(part)?.set_len(size.saturating_sub(1))?;
    }
    Ok(())
}

/// What is wrong with a file that should have this length and, where the hub's tag is a SHA-256, this content.
fn verify(path: &Path, size: u64, tag: &str) -> std::io::Result<Option<String>> {
    let found = path.metadata()?.len();
    if found != size {
        return Ok(Some(format!("it has {found} bytes and should have {size}")));
    }
    if tag.len() != 64 || !tag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((!found.eq_ignore_ascii_case(tag)).then(|| "its checksum is another".to_owned()))
}

fn forget(paths: &[&Path]) -> std::io::Result<()> {
    for path in paths {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn unkept(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be written ({error}); make room or set HF_HOME to another folder", path.display())
}

/// The files of weights to fetch: the parts that an index names, safetensors, GGUF, or PyTorch's, in this order.
fn weights_of(
    repo: &str,
    names: &[String],
    shards: &BTreeSet<String>,
    only: Option<&str>,
) -> Result<Vec<String>, String> {
    let listed = |wanted: &[&str]| -> Vec<String> {
        let is_kind = |name: &&String| wanted.iter().any(|kind| name.ends_with(kind)) && is_plain(name);
        names.iter().filter(is_kind).cloned().collect()
    };
    if let Some(only) = only {
        let found = listed(&[only]).into_iter().find(|name| name == only);
        return found.map(|name| vec![name]).ok_or_else(|| format!("{repo} has no file {only}"));
    }
    if !shards.is_empty() {
        if let Some(name) = shards.iter().find(|name| !names.contains(name) || !is_plain(name)) {
            return Err(format!("the index of {repo} names {name}, which it does not have"));
        }
        return Ok(shards.iter().cloned().collect());
    }
    if names.iter().any(|name| name == "model.safetensors") {
        return Ok(vec!["model.safetensors".into()]);
    }
    for kinds in [&[".safetensors"][..], &[".gguf"], &["pytorch_model.bin"], &[".bin", ".pth", ".pt"]] {
        let mut found = listed(kinds);
        found.retain(|name| !BESIDE.contains(&name.as_str()));
        match found.len() {
            0 => {}
            1 => return Ok(found),
            _ => {
                found.sort();
                let list = found.join(", ");
                return Err(format!("{repo} has several files of weights; take one with --file: {list}"));
            }
        }
    }
    Err(format!("{repo} has no weights that Lacuna reads (.safetensors, .gguf, .bin or .pth)"))
}

/// The index that counts: that of the first kind of weights which are there.
fn index_of(names: &[String]) -> Option<&'static str> {
    let there = |kind: &str| names.iter().any(|name| name.ends_with(kind) && is_plain(name));
    let (index, _) = INDEXES.iter().find(|(_, kind)| there(kind))?;
    names.iter().any(|name| name == index).then_some(*index)
}

/// The files that an index names.
fn shards_of(index: &Path) -> Result<BTreeSet<String>, String> {
    let damaged = |why: &str| format!("{} {why}; pull it again", index.display());
    let text = std::fs::read(index).map_err(|error| damaged(&format!("cannot be read ({error})")))?;
    let json: Value = serde_json::from_slice(&text).map_err(|_| damaged("is not JSON"))?;
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| damaged("has no weight_map"))?;
    Ok(map.values().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Whether a name is one of a file, and nothing that leads elsewhere.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | ' '))
}

/// Whether a text is `OWNER/NAME`.
pub fn is_repo(text: &str) -> bool {
    text.split('/').count() == 2 && text.split('/').all(|part| is_plain(part) && !part.contains(' '))
}

/// What went wrong, in one sentence.
fn failure(repo: &str, error: &ApiError) -> String {
    let request = match error {
        ApiError::TooManyRetries(inner) => return failure(repo, inner),
        ApiError::RequestError(error) => error,
        ApiError::IoError(error) => {
            return format!("fetching {repo} stopped in the middle ({error}); pull it again to go on from there");
        }
        other => return format!("the hub's answer about {repo} makes no sense ({other}); check HF_ENDPOINT"),
    };
    match request.as_ref() {
        ureq::Error::StatusCode(401 | 404) => format!(
            "the hub has no public repository {repo}; check the name, and set HF_TOKEN if it is private or gated"
        ),
        ureq::Error::StatusCode(403) => {
            format!("the hub does not give {repo} to you; accept its terms on its page and set HF_TOKEN")
        }
        ureq::Error::StatusCode(code) => format!("the hub answered with error {code}; try {repo} again later"),
        other => {
            let folder = super::catalog::user_folder().map_or_else(
                || "a folder".to_owned(),
                |folder| folder.join(repo.rsplit('/').next().unwrap_or(repo)).display().to_string(),
            );
            format!(
                "the hub cannot be reached ({other}); offline, put config.json, tokenizer.json and the *.safetensors of {repo} (several come with model.safetensors.index.json) into {folder}"
            )
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where the hub's programs keep what they fetch: `HF_HUB_CACHE`, `HF_HOME/hub`, or a folder in the user's cache.
pub fn cache_folder() -> Option<PathBuf> {
    let own = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].iter().find_map(|name| variable(name));
    let home = || variable("HF_HOME").map(|home| PathBuf::from(home).join("hub"));
    let shared = || variable("XDG_CACHE_HOME").map(|cache| PathBuf::from(cache).join("huggingface/hub"));
    let usual = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".cache/huggingface/hub"));
    own.map(PathBuf::from).or_else(home).or_else(shared).or_else(usual)
}

/// The repository whose folder in the cache this is, from its name.
pub(super) fn repo_of(folder: &Path) -> Option<String> {
    let (owner, name) = folder.file_name()?.to_str()?.strip_prefix("models--")?.split_once("--")?;
    Some(format!("{owner}/{name}"))
}

/// The folder of a repository in the cache.
pub fn folder_of(cache: &Path, repo: &str) -> PathBuf {
    cache.join(Repo::model(repo.to_owned()).folder_name())
}

/// The repositories in the cache, by name, each with the folder of its newest version.
pub(super) fn snapshots(cache: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(cache) else { return Vec::new() };
    let mut found: Vec<(String, PathBuf)> =
        entries.flatten().filter_map(|entry| Some((repo_of(&entry.path())?, snapshot(&entry.path())?))).collect();
    found.sort();
    found
}

fn snapshot(folder: &Path) -> Option<PathBuf> {
    let all = folder.join("snapshots");
    let main = std::fs::read_to_string(folder.join("refs/main")).ok();
    let main = main.map(|commit| commit.trim().to_owned()).filter(|commit| is_plain(commit));
    if let Some(path) = main.map(|commit| all.join(commit)).filter(|path| path.is_dir()) {
        return Some(path);
    }
    let changed = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    std::fs::read_dir(all).ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).max_by_key(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn weights_are_chosen_once_and_in_the_best_form() {
        let choose = |list: &[&str], only| weights_of("o/r", &names(list), &BTreeSet::new(), only);
        assert_eq!(choose(&["a.bin", "model.safetensors", "b.gguf"], None).unwrap(), ["model.safetensors"]);
        assert_eq!(choose(&["pytorch_model.bin", "training_args.bin"], None).unwrap(), ["pytorch_model.bin"]);
        assert_eq!(choose(&["a-q4.gguf", "a-q8.gguf"], Some("a-q8.gguf")).unwrap(), ["a-q8.gguf"]);
        assert!(choose(&["a-q4.gguf", "a-q8.gguf"], None).unwrap_err().contains("--file: a-q4.gguf, a-q8.gguf"));
        assert!(
            choose(&["onnx/model.safetensors", "../x.gguf", "README.md"], None).unwrap_err().contains("no weights")
        );
        let shards: BTreeSet<String> = names(&["a.safetensors", "b.safetensors"]).into_iter().collect();
        assert_eq!(
            weights_of("o/r", &names(&["a.safetensors", "b.safetensors", "c.safetensors"]), &shards, None)
                .unwrap()
                .len(),
            2
        );
        assert!(weights_of("o/r", &names(&["a.safetensors"]), &shards, None).unwrap_err().contains("b.safetensors"));
    }

    #[test]
    fn names_that_lead_elsewhere_are_no_names() {
        assert!(is_repo("owner/some-model_1.5") && is_plain("model-00001-of-00002.safetensors"));
        for name in ["", "..", "../x", "a/b/c", "/etc", "owner/..", "a\\b/c", "owner/"] {
            assert!(!is_repo(name), "{name}");
        }
    }

    #[test]
    fn what_a_download_left_behind_is_gone_on_with_or_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("x.part");
        resumable(&part, 10).unwrap();
        for (length, left) in [(4, Some(4)), (10, Some(9)), (11, None)] {
            std::fs::write(&part, vec![0; length]).unwrap();
            resumable(&part, 10).unwrap();
            assert_eq!(part.metadata().ok().map(|file| file.len()), left, "{length}");
        }
    }

    #[test]
    fn a_file_is_judged_by_its_length_and_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(verify(&path, 3, sum).unwrap(), None);
        assert_eq!(verify(&path, 3, "0123abcd").unwrap(), None);
        assert!(verify(&path, 4, sum).unwrap().unwrap().contains("3 bytes"));
        assert!(verify(&path, 3, &sum.replace('b', "c")).unwrap().unwrap().contains("checksum"));
    }
}
