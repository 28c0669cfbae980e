//! A hub on this machine: a server of one tiny repository, in the layout of the real one, that can cut connections off.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};

/// The version of the repository.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server does and has seen.
#[derive(Default)]
pub(crate) struct State {
    /// Answers about files of weights are cut off after so many bytes.
    pub(crate) cut_after: Option<usize>,
    /// A byte of the weights is another than their checksum says.
    pub(crate) spoils: bool,
    /// Everything is refused with this status.
    pub(crate) refuses: Option<u16>,
    /// Path and first byte asked for, of all requests.
    pub(crate) seen: Vec<(String, usize)>,
    /// The token that came with them.
    pub(crate) token: Option<String>,
}

/// The server; it ends with the test's process.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Server {
    /// Serves a folder as the repository `owner/name`.
    pub(crate) fn start(repo: &str, folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (repo, shared) = (repo.to_owned(), state.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is its own affair.
                let _ = answer(stream, &repo, &folder, &shared);
            }
        });
        Self { endpoint, state }
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }
}

fn answer(stream: TcpStream, repo: &str, folder: &std::path::Path, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut from, mut token) = (None, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(": ").unwrap_or((header, ""));
        match name.to_lowercase().as_str() {
            "range" => from = value.strip_prefix("bytes=").map(str::to_owned),
            "authorization" => token = Some(value.to_owned()),
            _ => {}
        }
    }
    let from = from.unwrap_or_default();
    let (first, last) = from.split_once('-').unwrap_or(("", ""));
    let first = first.parse().unwrap_or(0);
    let mut state = state.lock().unwrap();
    state.seen.push((path.clone(), first));
    state.token = token.or(state.token.take());
    let mut out = stream;
    if let Some(status) = state.refuses {
        return write!(out, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    if path == format!("/api/models/{repo}/revision/main") {
        let names = fs::read_dir(folder)?.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
        let siblings: Vec<_> = names.map(|name| serde_json::json!({ "rfilename": name })).collect();
        let body = serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string();
        return write!(
            out,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
    let name = path.strip_prefix(&format!("/{repo}/resolve/main/")).unwrap_or_default();
    let Ok(mut content) = fs::read(folder.join(name)) else {
        return write!(out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let is_weights = name.ends_with(".safetensors");
    let sum: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = if is_weights { sum } else { sum[..40].to_owned() };
    if is_weights && state.spoils {
        let middle = content.len() / 2;
        content[middle] ^= 1;
    }
    let size = content.len();
    if first >= size {
        return write!(out, "HTTP/1.1 416 Out\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let end = last.parse().map_or(size, |last: usize| (last + 1).min(size));
    write!(
        out,
        "HTTP/1.1 206 Partial Content\r\nETag: \"{tag}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{size}\r\nConnection: close\r\n\r\n",
        end - first,
        end - 1
    )?;
    let most = state.cut_after.filter(|_| is_weights && end - first > 1).unwrap_or(usize::MAX);
    out.write_all(&content[first..end.min(first.saturating_add(most))])
}
