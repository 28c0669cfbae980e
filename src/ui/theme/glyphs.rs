//! The signs that the program draws, but for those of cells, which the layout gives.

/// The signs, each one column wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glyphs {
    pub(crate) margin: &'static str,
    pub(crate) rule: &'static str,
    /// Between two windows side by side.
    pub(crate) column: &'static str,
    pub(crate) done: &'static str,
    pub(crate) handle: &'static str,
    pub(crate) likeliest: &'static str,
    pub(crate) dirty: &'static str,
    pub(crate) chosen: &'static str,
    pub(crate) running: &'static str,
    pub(crate) paused: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) review: &'static str,
    pub(crate) hole: &'static str,
    pub(crate) info: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) error: &'static str,
    pub(crate) beyond_left: &'static str,
    pub(crate) beyond_right: &'static str,
    /// How unlikely the words of a row are, from likely on.
    pub(crate) heat: [&'static str; 4],
}

/// Those of every theme.
pub(super) const GLYPHS: Glyphs = Glyphs {
    margin: "┃",
    rule: "─",
    column: "│",
    done: "━",
    handle: "◉",
    likeliest: "*",
    dirty: "●",
    chosen: "▸",
    running: "▸",
    paused: "‖",
    waiting: "…",
    review: "◆",
    hole: "▢",
    info: "·",
    warning: "!",
    error: "✗",
    beyond_left: "‹",
    beyond_right: "›",
    heat: ["▁", "▃", "▅", "▇"],
};
