//! asciicast, version 2: a line of JSON about the film, then one a picture, `[seconds, "o", what the terminal is sent]`.

use std::io;

use crossterm::style;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use serde_json::json;

use super::Film;

pub(super) fn write(film: &Film) -> io::Result<Vec<u8>> {
    // The theme alone decides about colours, see `shell::terminal`.
    style::force_color_output(true);
    let (width, height) = film.size;
    let seconds: f64 = film.shots.iter().map(|shot| shot.seconds).sum();
    let header = json!({
        "version": 2, "width": width, "height": height, "duration": seconds, "title": film.title,
        "env": { "TERM": "xterm-256color" },
    });
    let mut lines = vec![header.to_string()];
    let mut before = None;
    let mut at = 0.0;
    for shot in &film.shots {
        lines.push(json!([at, "o", sent(before, &shot.screen)?]).to_string());
        before = Some(&shot.screen);
        at += shot.seconds;
    }
    // So that the last picture stands for its time.
    lines.push(json!([at, "o", ""]).to_string());
    lines.push(String::new());
    Ok(lines.join("\n").into_bytes())
}

/// What turns one screen into the other.
fn sent(before: Option<&Buffer>, screen: &Buffer) -> io::Result<String> {
    let empty = Buffer::empty(screen.area);
    let mut bytes = match before {
        None => b"\x1b[?25l\x1b[2J".to_vec(),
        Some(_) => Vec::new(),
    };
    let mut backend = CrosstermBackend::new(&mut bytes);
    backend.draw(before.unwrap_or(&empty).diff(screen).into_iter())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
