//! A recorded run as a film of the screen: asciicast, animated SVG, animated GIF.
//!
//! The film is the editor itself: [`shoot`] gives the recording's events to a program of its own and keeps what `ui` draws.
//! The three kinds of file differ only in how screens are written down. Times are seconds from the start of the film.

mod cast;
mod gif;
mod ink;
mod svg;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::app::effect::{Effect, RecordRequest};
use crate::app::message::Message;
use crate::app::notice::{Notice, Severity};
use crate::app::recording::{KINDS, Player, Recording};
use crate::app::settings::Settings;
use crate::shell::highlight::Colourist;
use crate::ui;
use crate::ui::theme::{Ground, Theme};

/// A picture stands at least so long, and at most so long, whatever the model took.
const SHORTEST: f64 = 0.12;
const LONGEST: f64 = 1.2;

/// How long the document stands before the run, the proposal after it, and the accepted text at the end.
const BEFORE: f64 = 1.0;
const PROPOSED: f64 = 1.6;
const AFTER: f64 = 2.4;

/// How a film is made.
#[derive(Debug, Clone)]
pub struct Look {
    /// Columns and rows.
    pub size: (u16, u16),
    /// How many times as fast as it was, before pictures are held for their shortest and longest times.
    pub speed: f64,
    /// Colours, glyphs and what else the program looks like.
    pub settings: Settings,
}

/// A screen and how long it stands.
pub(crate) struct Shot {
    screen: Buffer,
    seconds: f64,
}

/// Screens in their order; no two neighbours are the same.
pub(crate) struct Film {
    size: (u16, u16),
    title: String,
    ground: Ground,
    shots: Vec<Shot>,
}

/// Writes the recording as the kind of file that the name asks for.
///
/// # Errors
/// The name asks for another kind, or the file cannot be written: one sentence.
pub fn write(recording: &Recording, path: &Path, look: &Look) -> anyhow::Result<()> {
    let bytes = bytes(recording, path, look)?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes what the editor asks for, and tells how it went; on a thread of its own, as a long film takes seconds.
pub(crate) fn record(request: RecordRequest, tell: impl FnOnce(Notice) + Clone + Send + 'static) {
    let tell_failure = tell.clone();
    let write = move || {
        let RecordRequest { path, recording, size, settings } = request;
        tell(match write_new(&recording, &path, &Look { size, speed: 1.0, settings }) {
            Ok(()) => Notice::new(Severity::Info, format!("The run is recorded in {}.", path.display())),
            Err(why) => Notice::new(Severity::Error, format!("The run is not recorded: {why:#}.")),
        });
    };
    if let Err(error) = std::thread::Builder::new().name("film".to_owned()).spawn(write) {
        let why = format!("The run is not recorded: the system gives no thread for it ({error}).");
        tell_failure(Notice::new(Severity::Error, why));
    }
}

/// The same as [`write`], but a file that is there already stays as it is.
fn write_new(recording: &Recording, path: &Path, look: &Look) -> anyhow::Result<()> {
    let bytes = bytes(recording, path, look)?;
    let mut file = std::fs::File::create_new(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => anyhow!("{} exists already; choose another name", path.display()),
        _ => anyhow!("cannot write {}: {error}", path.display()),
    })?;
    file.write_all(&bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The kind of file that a name asks for.
///
/// # Errors
/// The end of the name says none of them: one sentence.
pub fn kind(path: &Path) -> Result<&'static str, String> {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_lowercase();
    KINDS.into_iter().find(|kind| *kind == end).ok_or_else(|| {
        let kinds = KINDS.map(|kind| format!(".{kind}")).join(", ");
        format!("{}: the end of its name must say what to write, one of {kinds}", path.display())
    })
}

/// Whether what begins so is a recording or a film that this program wrote. A film names the program in its title.
pub fn is_ours(head: &[u8]) -> bool {
    let titled = |title: &str| head.windows(title.len()).any(|part| part == title.as_bytes());
    match head {
        [b'{', ..] => head.starts_with(b"{\"lacuna\":") || titled("\"title\":\"Lacuna: "),
        [b'<', ..] => titled("<title>Lacuna: "),
        _ => head.starts_with(b"GIF89a") && titled(gif::MADE_BY),
    }
}

fn bytes(recording: &Recording, path: &Path, look: &Look) -> anyhow::Result<Vec<u8>> {
    let kind = kind(path).map_err(|why| anyhow!(why))?;
    let film = || shoot(recording, look);
    Ok(match kind {
        "json" => recording.to_json().into_bytes(),
        "cast" => cast::write(&film())?,
        "svg" => svg::write(&film()).into_bytes(),
        _ => gif::write(&film())?,
    })
}

/// Plays the recording and keeps what is on the screen.
fn shoot(recording: &Recording, look: &Look) -> Film {
    let mut settings = look.settings.clone();
    // A film has no terminal to ask, so what is left open is decided here.
    if settings.color == crate::app::settings::Color::Auto {
        settings.color = crate::app::settings::Color::True;
    }
    let known = ui::theme::Terminal { no_color: false, truecolor: true, ground: Some(Ground::Dark) };
    let theme = Theme::choose(&settings, known);
    let ground = if settings.theme == "light" { Ground::Light } else { Ground::Dark };
    let mut camera = Camera { theme, size: look.size, colourist: Colourist::new(), shots: Vec::new() };
    let mut player = recording.play(settings, look.size);
    camera.take(&mut player, BEFORE);
    player.begin(recording);
    camera.take(&mut player, SHORTEST);
    while let Some(seconds) = player.step() {
        // A picture is seen until the next one comes, which took these seconds.
        if let Some(last) = camera.shots.last_mut() {
            last.seconds = last.seconds.max((seconds / look.speed).clamp(SHORTEST, LONGEST));
        }
        camera.take(&mut player, SHORTEST);
    }
    player.end();
    camera.take(&mut player, PROPOSED);
    if player.is_whole() {
        player.accept();
        camera.take(&mut player, AFTER);
    }
    let named = if recording.name.is_empty() { "a text" } else { &recording.name };
    let title = format!("Lacuna: {} fills {named}", recording.model);
    Film { size: look.size, title, ground, shots: camera.shots }
}

struct Camera {
    theme: Theme,
    size: (u16, u16),
    colourist: Colourist,
    shots: Vec<Shot>,
}

impl Camera {
    fn take(&mut self, player: &mut Player, seconds: f64) {
        self.colour(player);
        let Ok(mut terminal) = Terminal::new(TestBackend::new(self.size.0, self.size.1));
        let Ok(_) = terminal.draw(|frame| ui::draw(&player.app, &self.theme, frame));
        let screen = terminal.backend().buffer().clone();
        match self.shots.last_mut() {
            Some(last) if last.screen == screen => last.seconds += seconds,
            _ => self.shots.push(Shot { screen, seconds }),
        }
    }

    /// Has the words of the document coloured, which the editor leaves to a thread.
    fn colour(&mut self, player: &mut Player) {
        for wish in player.wishes() {
            if let Effect::Highlight(request) = wish
                && let Some(answer) = self.colourist.answer(request)
            {
                player.send(Message::Highlighted(answer));
            }
        }
    }
}

#[cfg(test)]
mod tests;
