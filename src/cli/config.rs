//! `lacuna config`: where the settings are, what they change, and what is wrong with them.

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::{Common, print, samplers};
use crate::app::command::COMMANDS;
use crate::app::settings::{SETTING_TABLES, Settings, Value};
use crate::engine::catalog;
use crate::engine::config::{self, Source};
use crate::shell::config as editor;

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Print a settings file with every setting, key and explanation in it, as they are by default
    #[arg(long)]
    print_default: bool,
    /// List the commands that keys can be bound to
    #[arg(long, conflicts_with = "print_default")]
    commands: bool,
}

pub(crate) fn run(args: &ConfigArgs, common: &Common) -> anyhow::Result<()> {
    if args.print_default {
        let text = editor::default_file();
        return if common.json { print(&format!("{}\n", json!({ "default": text }))) } else { print(&text) };
    }
    if args.commands && common.json {
        let command = |command: &crate::app::command::Command| json!({ "name": command.name, "doc": command.doc });
        let commands: Vec<_> = COMMANDS.iter().map(command).collect();
        return print(&format!("{}\n", json!({ "commands": commands })));
    }
    if args.commands {
        let row = |command: &crate::app::command::Command| format!("{:<26} {}\n", command.name, command.doc);
        return print(&COMMANDS.iter().map(row).collect::<String>());
    }
    let file = config::settings_file().ok_or_else(|| anyhow!("there is no place for settings; set HOME"))?;
    let text = config::load(&file).map_err(|why| anyhow!(why))?;
    let source = Source { file: &file, text: &text };
    let read = editor::read(source);
    let mut mistakes = read.mistakes.clone();
    for other in [samplers::read(source).err(), catalog::described().err()].into_iter().flatten() {
        if !mistakes.contains(&other) {
            mistakes.push(other);
        }
    }
    let default = Settings::default();
    let settings = SETTING_TABLES.iter().flat_map(|(table, settings)| settings.iter().map(move |one| (*table, one)));
    let named = |(table, name): (&str, &str)| if table == "editor" { name.into() } else { format!("{table}.{name}") };
    let changed: Vec<(String, Value)> = settings
        .map(|(table, setting)| (table, setting, setting.get(&read.settings)))
        .filter(|(_, setting, value)| *value != setting.get(&default))
        .map(|(table, setting, value)| (named((table, setting.name)), value))
        .collect();
    if common.json {
        let changed: Vec<_> =
            changed.iter().map(|(name, value)| json!({ "name": name, "value": plain(value) })).collect();
        let exists = file.exists();
        let document =
            json!({ "file": file, "exists": exists, "changed": changed, "keys": read.rebound, "mistakes": mistakes });
        print(&format!("{document}\n"))?;
    } else {
        print(&report(&file, &changed, &read.rebound, mistakes.is_empty()))?;
    }
    match mistakes.len() {
        0 => Ok(()),
        1 => Err(anyhow!("{}", mistakes[0])),
        n => Err(anyhow!("{n} mistakes:\n  {}", mistakes.join("\n  "))),
    }
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Flag(flag) => json!(flag),
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
    }
}

fn report(file: &std::path::Path, changed: &[(String, Value)], rebound: &[String], is_sound: bool) -> String {
    let name = file.display();
    if !file.exists() {
        return format!(
            "{name} is not there, so everything is as it is by default.\n\
             `lacuna config --print-default` prints what could stand in it.\n"
        );
    }
    let mut out = format!("{name}\n");
    for (name, value) in changed {
        out += &format!("  {name} = {}\n", plain(value));
    }
    for key in rebound {
        out += &format!("  {key}\n");
    }
    // Of a file with mistakes nobody knows what it was to change.
    if changed.is_empty() && rebound.is_empty() && is_sound {
        out += "  changes no setting and no key of the editor\n";
    }
    out
}
