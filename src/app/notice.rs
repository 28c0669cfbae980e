//! One line that tells the user something: it goes with the next key, or by itself after a while unless it is an error.

use std::time::Duration;

/// How long a notice stays when no key is pressed.
pub const LIFETIME: Duration = Duration::from_secs(6);

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something did not happen that was asked for.
    Warning,
    /// Something failed. Stays until a key is pressed.
    Error,
}

/// A sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How grave.
    pub severity: Severity,
    /// The sentence.
    pub text: String,
    /// When it was said; set by [`super::App::update`].
    pub at: Duration,
}

impl Notice {
    /// A notice of this severity.
    pub fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self { severity, text: text.into(), at: Duration::ZERO }
    }

    /// Whether it has been there long enough.
    pub fn is_over(&self, now: Duration) -> bool {
        self.severity != Severity::Error && now.saturating_sub(self.at) >= LIFETIME
    }
}
