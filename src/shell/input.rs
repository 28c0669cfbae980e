//! What the terminal reports, as messages of `app`, and the thread that reads it.
//!
//! Keys are read on a thread of their own rather than through crossterm's `EventStream`: on a sequence that has arrived
//! only in part, and when the terminal hangs up, crossterm 0.29 stays inside its reading call, and the loop must not be
//! there with it. Keys come from standard input if that is a terminal, else from `/dev/tty`.
//!
//! A sequence of which a terminal, a slow link or `tmux send-keys` parts the Esc from the rest comes out of crossterm as Esc
//! and characters; where those are there at once, [`mended`] makes the key of them again.
//!
//! The thread first asks whether the terminal has kitty's keyboard protocol, which tells apart keys that are one to older
//! terminals. Keys pressed meanwhile are kept; a terminal that answers nothing at all has them wait for two seconds.

use std::io;
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use crossterm::terminal;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::app::key::{Key, KeyCode, Modifiers};
use crate::app::message::{Message, Mouse, MouseKind};

/// A second click within this time is a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);

/// What the terminal reports, in order. An error is the last item.
pub(crate) type Keys = UnboundedReceiver<io::Result<Report>>;

/// What a terminal reports.
#[derive(Debug)]
pub(crate) enum Report {
    /// Something that was done at it.
    Event(Event),
    /// That it can tell keys apart, if it is asked to.
    CanTellKeysApart,
}

/// Starts the thread that reads the terminal. It ends with the process.
pub(crate) fn read_keys() -> io::Result<Keys> {
    let (sender, keys) = unbounded_channel();
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        if terminal::supports_keyboard_enhancement().unwrap_or(false) {
            let _ = sender.send(Ok(Report::CanTellKeysApart));
        }
        loop {
            let mut events = vec![event::read()];
            while is_begun(&events) && event::poll(Duration::ZERO).unwrap_or(false) {
                events.push(event::read());
            }
            for event in mended(events) {
                let is_last = event.is_err();
                if sender.send(event.map(Report::Event)).is_err() || is_last {
                    return;
                }
            }
        }
    })?;
    Ok(keys)
}

/// The keys whose sequences are put together again: what follows the Esc, and the key.
const PARTED: [(&str, event::KeyCode); 14] = [
    ("[A", event::KeyCode::Up),
    ("[B", event::KeyCode::Down),
    ("[C", event::KeyCode::Right),
    ("[D", event::KeyCode::Left),
    ("[H", event::KeyCode::Home),
    ("[F", event::KeyCode::End),
    ("[1~", event::KeyCode::Home),
    ("[4~", event::KeyCode::End),
    ("[5~", event::KeyCode::PageUp),
    ("[6~", event::KeyCode::PageDown),
    ("OA", event::KeyCode::Up),
    ("OB", event::KeyCode::Down),
    ("OC", event::KeyCode::Right),
    ("OD", event::KeyCode::Left),
];

/// How many Escs the events begin with, and the characters behind them; nothing where something else is among them.
fn parted(events: &[io::Result<Event>]) -> Option<(usize, String)> {
    let keys = events.iter().map(|event| match event {
        Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => Some(*key),
        _ => None,
    });
    let (mut escs, mut rest) = (0, String::new());
    for key in keys {
        match key?.code {
            event::KeyCode::Esc if rest.is_empty() => escs += 1,
            event::KeyCode::Char(c) if escs > 0 => rest.push(c),
            _ => return None,
        }
    }
    Some((escs, rest))
}

/// Whether more may follow that makes one key of these events.
fn is_begun(events: &[io::Result<Event>]) -> bool {
    let is_start = |rest: &str| PARTED.iter().any(|(known, _)| known.len() > rest.len() && known.starts_with(rest));
    parted(events).is_some_and(|(escs, rest)| (1..=2).contains(&escs) && is_start(&rest))
}

/// The events, or the key that they are the parted sequence of: with alt behind two Escs.
fn mended(events: Vec<io::Result<Event>>) -> Vec<io::Result<Event>> {
    let Some((escs @ 1..=2, rest)) = parted(&events) else { return events };
    let Some((_, code)) = PARTED.iter().find(|(known, _)| *known == rest) else { return events };
    let held = if escs == 2 { KeyModifiers::ALT } else { KeyModifiers::NONE };
    vec![Ok(Event::Key(KeyEvent::new(*code, held)))]
}

/// Translates events; remembers the last click to count clicks.
#[derive(Debug, Default)]
pub(crate) struct Translator {
    click: Option<Click>,
}

#[derive(Debug, Clone, Copy)]
struct Click {
    at: Duration,
    cell: (u16, u16),
    count: u8,
}

impl Translator {
    /// The message for an event that came at `now`, if it is one that `app` knows.
    pub(crate) fn message(&mut self, event: Event, now: Duration) -> Option<Message> {
        match event {
            // Super (Command) and hyper are the window manager's.
            Event::Key(key) if key.modifiers.intersects(KeyModifiers::SUPER | KeyModifiers::HYPER) => None,
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let held = Modifiers {
                    ctrl: key.modifiers.contains(KeyModifiers::CONTROL),
                    alt: key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::META),
                    shift: key.modifiers.contains(KeyModifiers::SHIFT),
                };
                Some(Message::Key(Key::new(key_code(key.code)?, held)))
            }
            Event::Mouse(mouse) => self.mouse(mouse, now).map(Message::Mouse),
            Event::Paste(text) => Some(Message::Paste(text)),
            // The signal tells it: crossterm does not look while it waits for the rest of an escape sequence.
            Event::Resize(..) => None,
            Event::Key(_) | Event::FocusGained | Event::FocusLost => None,
        }
    }

    fn mouse(&mut self, mouse: MouseEvent, now: Duration) -> Option<Mouse> {
        let kind = match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => MouseKind::Down,
            MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
            MouseEventKind::Up(MouseButton::Left) => MouseKind::Up,
            MouseEventKind::ScrollUp => MouseKind::ScrollUp,
            MouseEventKind::ScrollDown => MouseKind::ScrollDown,
            _ => return None,
        };
        if kind == MouseKind::Down {
            self.count_click((mouse.column, mouse.row), now);
        }
        Some(Mouse {
            kind,
            column: mouse.column,
            row: mouse.row,
            clicks: self.click.map_or(1, |click| click.count),
            shift: mouse.modifiers.contains(KeyModifiers::SHIFT),
        })
    }

    fn count_click(&mut self, cell: (u16, u16), now: Duration) {
        let count = match self.click {
            Some(last) if last.cell == cell && now.saturating_sub(last.at) <= DOUBLE_CLICK => last.count % 3 + 1,
            _ => 1,
        };
        self.click = Some(Click { at: now, cell, count });
    }
}

fn key_code(code: event::KeyCode) -> Option<KeyCode> {
    Some(match code {
        event::KeyCode::Char(c) => KeyCode::Char(c),
        event::KeyCode::Enter => KeyCode::Enter,
        event::KeyCode::Tab => KeyCode::Tab,
        event::KeyCode::BackTab => KeyCode::BackTab,
        event::KeyCode::Backspace => KeyCode::Backspace,
        event::KeyCode::Delete => KeyCode::Delete,
        event::KeyCode::Left => KeyCode::Left,
        event::KeyCode::Right => KeyCode::Right,
        event::KeyCode::Up => KeyCode::Up,
        event::KeyCode::Down => KeyCode::Down,
        event::KeyCode::Home => KeyCode::Home,
        event::KeyCode::End => KeyCode::End,
        event::KeyCode::PageUp => KeyCode::PageUp,
        event::KeyCode::PageDown => KeyCode::PageDown,
        event::KeyCode::Esc => KeyCode::Esc,
        event::KeyCode::Insert => KeyCode::Insert,
        event::KeyCode::F(n) => KeyCode::F(n),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(code: event::KeyCode, modifiers: KeyModifiers) -> Option<String> {
        let event = Event::Key(KeyEvent::new(code, modifiers));
        match Translator::default().message(event, Duration::ZERO)? {
            Message::Key(key) => Some(key.to_string()),
            _ => None,
        }
    }

    #[test]
    fn keys_come_out_in_normal_form() {
        use event::KeyCode as C;
        let cases = [
            (C::Char('s'), KeyModifiers::CONTROL, "ctrl-s"),
            (C::Char('A'), KeyModifiers::SHIFT, "A"),
            (C::Char('m'), KeyModifiers::ALT, "alt-m"),
            (C::Enter, KeyModifiers::ALT, "alt-enter"),
            (C::BackTab, KeyModifiers::SHIFT, "backtab"),
            (C::Right, KeyModifiers::SHIFT | KeyModifiers::CONTROL, "ctrl-shift-right"),
            (C::F(5), KeyModifiers::NONE, "f5"),
            (C::Char(' '), KeyModifiers::CONTROL, "ctrl-space"),
        ];
        for (code, modifiers, name) in cases {
            assert_eq!(name_of(code, modifiers).as_deref(), Some(name));
        }
        assert_eq!(name_of(C::CapsLock, KeyModifiers::NONE), None);
        assert_eq!(name_of(C::Char('s'), KeyModifiers::SUPER), None);
    }

    #[test]
    fn a_sequence_that_came_in_parts_is_the_key_it_stands_for() {
        let typed = |typed: &str| -> Vec<io::Result<Event>> {
            let code = |c| if c == '^' { event::KeyCode::Esc } else { event::KeyCode::Char(c) };
            typed.chars().map(|c| Ok(Event::Key(KeyEvent::from(code(c))))).collect()
        };
        let names = |events: Vec<io::Result<Event>>| {
            let message = |event: io::Result<Event>| Translator::default().message(event.unwrap(), Duration::ZERO);
            let name = |message| if let Message::Key(key) = message { key.to_string() } else { String::new() };
            events.into_iter().filter_map(message).map(name).collect::<Vec<_>>().join(" ")
        };
        for (sequence, key) in
            [("^[A", "up"), ("^^[D", "alt-left"), ("^[5~", "pageup"), ("^^[F", "alt-end"), ("^OB", "down")]
        {
            let events = typed(sequence);
            assert!((1..events.len()).all(|n| is_begun(&typed(sequence)[..n])), "{sequence}");
            assert!(!is_begun(&events) && names(mended(events)) == key, "{sequence}");
        }
        // Nothing waits behind what is no such sequence, and it comes out as it went in.
        for (typed_keys, keys) in
            [("x", "x"), ("^x", "esc x"), ("^[x", "esc [ x"), ("^^^", "esc esc esc"), ("[A", "[ A")]
        {
            assert!(!is_begun(&typed(typed_keys)));
            assert_eq!(names(mended(typed(typed_keys))), keys);
        }
        assert_eq!(names(mended(typed("^"))), "esc");
    }

    #[test]
    fn releases_are_no_keys_and_repeats_are() {
        let with = |kind| Event::Key(KeyEvent::new_with_kind(event::KeyCode::Char('x'), KeyModifiers::NONE, kind));
        let mut translator = Translator::default();
        assert!(translator.message(with(KeyEventKind::Release), Duration::ZERO).is_none());
        assert!(translator.message(with(KeyEventKind::Repeat), Duration::ZERO).is_some());
        assert!(translator.message(Event::FocusGained, Duration::ZERO).is_none());
    }

    /// Clicks at (milliseconds, column) and how many each is.
    fn counts(clicks: &[(u64, u16)]) -> Vec<u8> {
        let mut translator = Translator::default();
        let mut click = |kind, ms, column| {
            let event = Event::Mouse(MouseEvent { kind, column, row: 3, modifiers: KeyModifiers::NONE });
            match translator.message(event, Duration::from_millis(ms)) {
                Some(Message::Mouse(mouse)) => mouse,
                other => panic!("no mouse message but {other:?}"),
            }
        };
        clicks
            .iter()
            .map(|&(ms, column)| {
                let down = click(MouseEventKind::Down(MouseButton::Left), ms, column);
                let up = click(MouseEventKind::Up(MouseButton::Left), ms + 20, column);
                assert_eq!((down.kind, up.kind, up.row, up.column), (MouseKind::Down, MouseKind::Up, 3, column));
                assert_eq!(down.clicks, up.clicks);
                down.clicks
            })
            .collect()
    }

    #[test]
    fn clicks_are_counted_at_one_cell_and_in_time() {
        assert_eq!(counts(&[(0, 5), (200, 5), (400, 5), (600, 5)]), [1, 2, 3, 1]);
        assert_eq!(counts(&[(0, 5), (401, 5)]), [1, 1]);
        assert_eq!(counts(&[(0, 5), (400, 5)]), [1, 2]);
        assert_eq!(counts(&[(0, 5), (100, 6), (200, 6)]), [1, 1, 2]);
    }

    #[test]
    fn other_buttons_are_left_alone() {
        let kind = MouseEventKind::Down(MouseButton::Right);
        let event = Event::Mouse(MouseEvent { kind, column: 1, row: 1, modifiers: KeyModifiers::NONE });
        assert!(Translator::default().message(event, Duration::ZERO).is_none());
    }
}
