//! Films are read back by other programs' eyes: a terminal emulator, a GIF decoder, an XML reader.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::app::recording::Made;
use crate::engine::protocol::{
    Cell, CellState, Frame, HoleFrame, HoleId, HolePart, JobId, Length, Part, Phase, RunOptions, Verb,
};

/// A text with a wide character and signs that XML minds, filled in four steps.
fn recording() -> Recording {
    let parts = [
        Part::Text("fn 日本() -> bool { a < b && ".into()),
        Part::Hole(HolePart::new(HoleId(0), "", Length::Auto)),
        Part::Text(" }\n".into()),
    ];
    let cell = |text: &str, state| Cell::new(text, state, 0.6);
    let frame = |(step, cells): (usize, Vec<Cell>)| {
        Arc::new(Frame {
            job: JobId(0),
            step,
            steps: None,
            phase: Phase::Denoising,
            masks_left: cells.iter().filter(|cell| !cell.state.is_written()).count(),
            masks_total: 2,
            nfe: step,
            seconds: step as f64 * 0.3,
            holes: vec![HoleFrame { id: HoleId(0), cells, mean_logprob: None }],
        })
    };
    let steps = [
        (0, vec![Cell::blank(), Cell::blank()]),
        (1, vec![Cell::blank(), cell("&é", CellState::Tentative)]),
        (2, vec![cell("a", CellState::JustCommitted), cell("<>", CellState::Remasked)]),
        (3, vec![cell("a", CellState::Committed), cell("<b", CellState::JustCommitted)]),
    ];
    let frames: Vec<Arc<Frame>> = steps.into_iter().map(frame).collect();
    let made = Made {
        name: "a.rs".into(),
        verb: Verb::Fill,
        model: "tiny".into(),
        device: "cpu".into(),
        options: RunOptions::default(),
    };
    Recording::of_parts(&parts, &frames, made)
}

fn look(theme: &str) -> Look {
    let settings = Settings { theme: theme.into(), ..Settings::default() };
    Look { size: (60, 10), speed: 1.0, settings }
}

fn words(screen: &Buffer) -> Vec<String> {
    let row = |y| (0..screen.area.width).map(|x| screen.cell((x, y)).unwrap().symbol()).collect::<String>();
    (0..screen.area.height).map(row).collect()
}

#[test]
fn a_film_shows_the_document_the_run_the_proposal_and_the_text() {
    let film = shoot(&recording(), &look("dark"));
    let shows = |text: &str| film.shots.iter().position(|shot| words(&shot.screen).concat().contains(text));
    assert_eq!(shows("a.rs"), Some(0));
    let (running, proposed, accepted) = (shows("&é"), shows("◆ proposal"), shows("Accepted"));
    assert!(running > Some(0) && running < proposed && proposed < accepted, "{running:?} {proposed:?} {accepted:?}");
    assert_eq!(accepted, Some(film.shots.len() - 1));
    let first = &film.shots[0].screen;
    let x = words(first)[1].find("fn").unwrap() as u16;
    let (keyword, other) = (first.cell((x, 1)).unwrap(), first.cell((x + 3, 1)).unwrap());
    assert_ne!(keyword.fg, other.fg, "the words of a program have colours in a film, too");
    let light = shoot(&recording(), &look("light"));
    assert_ne!(light.ground, film.ground);
}

#[test]
fn pictures_stand_for_the_time_they_took_within_bounds() {
    let film = shoot(&recording(), &look("dark"));
    let slow = shoot(&recording(), &Look { speed: 0.01, ..look("dark") });
    let most = |film: &Film| film.shots.iter().map(|shot| shot.seconds).fold(0.0, f64::max);
    assert!(film.shots.iter().all(|shot| shot.seconds >= SHORTEST));
    assert!(film.shots.iter().any(|shot| (shot.seconds - 0.3).abs() < 1e-9));
    assert!(most(&slow) <= AFTER.max(LONGEST) && slow.shots.iter().filter(|shot| shot.seconds >= LONGEST).count() > 3);
}

#[test]
fn a_terminal_that_is_sent_the_cast_shows_every_screen() {
    let film = shoot(&recording(), &look("dark"));
    let text = String::from_utf8(cast::write(&film).unwrap()).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let header = lines.next().unwrap();
    assert_eq!((&header["version"], &header["width"], &header["height"]), (&2.into(), &60.into(), &10.into()));
    let side = |cells| std::num::NonZeroU16::new(cells).unwrap();
    let mut terminal = vt100::Parser::new(side(10), side(60), 0);
    let mut last = 0.0;
    for shot in &film.shots {
        let event = lines.next().unwrap();
        let (at, kind, data) = (event[0].as_f64().unwrap(), event[1].as_str().unwrap(), event[2].as_str().unwrap());
        assert!(at >= last && kind == "o");
        last = at;
        terminal.process(data.as_bytes());
        let shown: Vec<String> = terminal.screen().rows(0, 60).map(|row| row.trim_end().to_owned()).collect();
        // A wide character's second cell is a blank to the one and nothing to the other.
        let expected: Vec<String> = words(&shot.screen)
            .iter()
            .map(|row| row.replace("日 ", "日").replace("本 ", "本").trim_end().to_owned())
            .collect();
        assert_eq!(shown, expected);
        let bold = |x, y| terminal.screen().cell(y, x).unwrap().bold();
        let drawn = |x, y| shot.screen.cell((x, y)).unwrap().modifier.contains(ratatui::style::Modifier::BOLD);
        assert!(
            (0..10)
                .all(|y| (0..60).all(|x| bold(x, y) == drawn(x, y) || words(&shot.screen)[y as usize].contains('日')))
        );
    }
    let end = lines.next().unwrap();
    assert_eq!((end[2].as_str(), lines.next()), (Some(""), None));
    assert!((end[0].as_f64().unwrap() - film.shots.iter().map(|shot| shot.seconds).sum::<f64>()).abs() < 1e-6);
}

#[test]
fn a_gif_is_decoded_to_pictures_of_every_screen() {
    let film = shoot(&recording(), &look("dark"));
    let bytes = gif::write(&film).unwrap();
    let mut options = ::gif::DecodeOptions::new();
    options.set_color_output(::gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes.as_slice()).unwrap();
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    assert_eq!((width, height), (60 * 8, 10 * 16));
    let (paper, _) = ink::defaults(film.ground);
    let mut canvas = vec![[0; 3]; width * height];
    let (mut count, mut hundredths) = (0, 0);
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        for y in 0..usize::from(frame.height) {
            for x in 0..usize::from(frame.width) {
                let rgba = &frame.buffer[(y * usize::from(frame.width) + x) * 4..][..4];
                canvas[(usize::from(frame.top) + y) * width + usize::from(frame.left) + x] =
                    [rgba[0], rgba[1], rgba[2]];
            }
        }
        // A cell that shows a letter has ink in its pixels, and one that is blank has none.
        let screen = &film.shots[count].screen;
        for y in 0..10_u16 {
            for x in 0..60_u16 {
                let cell = screen.cell((x, y)).unwrap();
                let inks = ink::Ink::of(cell, film.ground);
                let pixels = (0..16).flat_map(|row| {
                    let start = (usize::from(y) * 16 + row) * width + usize::from(x) * 8;
                    canvas[start..start + 8].to_vec()
                });
                let inked = pixels.filter(|pixel| *pixel == inks.text && inks.text != inks.ground).count();
                match cell.symbol() {
                    "a" | "f" | "n" => assert!(inked > 5, "screen {count}, {x} {y}"),
                    " " if inks.ground == paper && x > 0 && !inks.underlined && !inks.crossed_out => {
                        let before = screen.cell((x - 1, y)).unwrap().symbol();
                        assert!(inked == 0 || "日本".contains(before), "screen {count}, {x} {y}");
                    }
                    _ => {}
                }
            }
        }
        hundredths += u64::from(frame.delay);
        count += 1;
    }
    assert_eq!(count, film.shots.len());
    let seconds: f64 = film.shots.iter().map(|shot| shot.seconds).sum();
    assert!((seconds * 100.0 - hundredths as f64).abs() <= 1.0, "{seconds} {hundredths}");
}

#[test]
fn an_svg_is_xml_with_every_screen_in_it_and_heeds_reduced_motion() {
    let film = shoot(&recording(), &look("dark"));
    let svg = svg::write(&film);
    let mut reader = quick_xml::Reader::from_str(&svg);
    let (mut depth, mut uses, mut texts) = (0, 0, String::new());
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Empty(element) if element.name().as_ref() == b"use" => uses += 1,
            quick_xml::events::Event::Text(text) => texts.push_str(&text.decode().unwrap()),
            quick_xml::events::Event::GeneralRef(reference) => {
                texts.push_str(match reference.decode().unwrap().as_ref() {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    other => panic!("{other}"),
                });
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    let filled = |shot: &Shot| words(&shot.screen).iter().filter(|row| !row.trim().is_empty()).count();
    assert!(uses >= film.shots.iter().map(filled).sum::<usize>());
    assert!(texts.contains("日") && texts.contains("-> bool") && texts.contains("proposal"), "{texts}");
    assert!(texts.contains("prefers-reduced-motion:reduce"));
    assert_eq!(svg.matches("{transform:translateY(").count(), film.shots.len());
}

#[test]
fn only_known_kinds_of_file_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| write(&recording(), &folder.path().join(name), &look("dark"));
    for kind in KINDS {
        write(&format!("film.{kind}")).unwrap();
        assert!(folder.path().join(format!("film.{kind}")).metadata().unwrap().len() > 500);
    }
    let read = std::fs::read_to_string(folder.path().join("film.json")).unwrap();
    assert_eq!(Recording::from_json(&read).unwrap(), recording());
    let refused = write("film.mp4").unwrap_err().to_string();
    assert!(refused.contains("film.mp4") && refused.contains(".svg"), "{refused}");
    let kept = write_new(&recording(), &folder.path().join("film.json"), &look("dark")).unwrap_err().to_string();
    assert!(kept.contains("exists already"), "{kept}");
    let nowhere: PathBuf = "nowhere/at/all.gif".into();
    assert!(write(nowhere.to_str().unwrap()).unwrap_err().to_string().contains("all.gif"));
}
