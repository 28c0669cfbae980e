//! Which theme suits the terminal: what the environment says about it, and its ground, which it is asked for.
//!
//! It is asked before anything is drawn and before keys are read, as its answer would be taken for keys; a terminal that
//! does not know the question says so at once, by what it answers to the next one. Only where the answer makes a difference.

use std::time::Duration;

use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};

use crate::app::settings::Settings;
use crate::ui::theme::{Ground, Terminal, Theme};

/// A terminal that is as far away as this is taken for one that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The theme of the settings on this terminal.
pub(crate) fn of_terminal(settings: &Settings) -> Theme {
    let known = Terminal {
        no_color: is_set("NO_COLOR"),
        truecolor: std::env::var("COLORTERM").is_ok_and(|value| value == "truecolor" || value == "24bit"),
        ground: std::env::var("COLORFGBG").ok().and_then(|value| Ground::of_variable(&value)),
    };
    let on = |ground| Theme::choose(settings, Terminal { ground, ..known });
    let matters = on(Some(Ground::Dark)) != on(Some(Ground::Light));
    on(if matters { known.ground.or_else(ask) } else { known.ground })
}

/// Whether a variable of the environment is there and not empty.
pub(crate) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// What the terminal itself says about its ground.
fn ask() -> Option<Ground> {
    let mut options = QueryOptions::default();
    options.timeout = PATIENCE;
    theme_mode(options).ok().map(|mode| match mode {
        ThemeMode::Dark => Ground::Dark,
        ThemeMode::Light => Ground::Light,
    })
}
