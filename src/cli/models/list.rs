//! `lacuna models list`: what is here, what is known, what each takes and whether it fits.

use serde_json::json;

use crate::cli::{Common, print};
use crate::engine::catalog::known::{KNOWN, Known, Licence};
use crate::engine::catalog::memory::{self, Memory};
use crate::engine::catalog::{self, Installed, words};

/// One line of the list.
struct Row {
    name: String,
    size: u64,
    licence: Option<Licence>,
    last: String,
}

pub(super) fn run(common: &Common) -> anyhow::Result<()> {
    let installed = catalog::installed();
    let settings = catalog::described();
    let machine = memory::of_machine();
    if common.json {
        print(&format!("{}\n", document(&installed, machine)))?;
    } else {
        print(&page(&installed, machine))?;
    }
    settings.map(drop).map_err(|message| anyhow::anyhow!(message))
}

fn page(installed: &[Installed], machine: Option<Memory>) -> String {
    let here = installed.iter().map(|model| {
        let note = if model.name == catalog::DEFAULT_MODEL { "  the default" } else { "" };
        let (licence, last) = (model.known().map(|known| known.licence), format!("{}{note}", model.path.display()));
        Row { name: model.name.clone(), size: model.size, licence, last }
    });
    let known = catalog::absent(installed).into_iter().filter(|known| !known.repo.is_empty()).map(|known| Row {
        name: known.name.to_owned(),
        size: bytes(known),
        licence: Some(known.licence),
        last: known.good_at.to_owned(),
    });
    let (here, known): (Vec<Row>, Vec<Row>) = (here.collect(), known.collect());
    let mut out = String::from("On this machine:\n");
    if here.is_empty() {
        out.push_str("  none\n");
    }
    table(&mut out, &here, machine);
    out.push_str("\nPublished, fetched with `lacuna models pull NAME`:\n");
    table(&mut out, &known, machine);
    let limited = |row: &Row| row.licence.is_some_and(|licence| licence.warning().is_some());
    if here.iter().chain(&known).any(limited) {
        out.push_str("\n! not an open source licence; `lacuna models show NAME` says what to be careful about.\n");
    }
    if let Some(machine) = machine {
        let (free, total) = (words(machine.available), words(machine.total));
        out += &format!("Memory: {free} of {total} free. tight: fits once other programs have given some back.\n");
    }
    if let Some(folder) = catalog::user_folder() {
        out += &format!("A model of your own: --model DIR, or a folder in {}\n", folder.display());
    }
    out
}

fn table(out: &mut String, rows: &[Row], machine: Option<Memory>) {
    let names = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    for Row { name, size, licence, last } in rows {
        let needed = memory::needed(*size);
        let fit = memory::fit(needed, machine).words();
        let mark = if licence.is_some_and(|licence| licence.warning().is_some()) { "!" } else { " " };
        let licence = licence.map_or("", Licence::name);
        let (size, needed) = (words(*size), words(needed));
        let line = format!("  {name:<names$}  {size:>8}  memory {needed:>8} {fit:<9} {mark}{licence:<13} {last}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn bytes(known: &Known) -> u64 {
    u64::from(known.megabytes) * 1_000_000
}

fn document(installed: &[Installed], machine: Option<Memory>) -> serde_json::Value {
    let terms = |licence: Option<Licence>| {
        json!({
            "licence": licence.map(Licence::name),
            "open": licence.map(|licence| licence.warning().is_none()),
            "warning": licence.and_then(Licence::warning),
        })
    };
    let needs = |size: u64| {
        let needed = memory::needed(size);
        json!({ "memory": needed, "fit": memory::fit(needed, machine).words() })
    };
    let merged = |parts: [serde_json::Value; 3]| {
        let fields = parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten();
        serde_json::Value::Object(fields.collect())
    };
    let models: Vec<_> = installed
        .iter()
        .map(|model| {
            let own = json!({
                "name": model.name, "path": model.path, "bytes": model.size,
                "place": format!("{:?}", model.place).to_lowercase(),
            });
            merged([own, needs(model.size), terms(model.known().map(|known| known.licence))])
        })
        .collect();
    let absent = catalog::absent(installed);
    let known: Vec<_> = KNOWN
        .iter()
        .map(|known| {
            let own = json!({
                "name": known.name, "repository": known.repo, "family": known.family,
                "parameters": u64::from(known.parameters) * 1_000_000, "bytes": bytes(known),
                "good_at": known.good_at, "installed": !absent.contains(&known),
            });
            merged([own, needs(bytes(known)), terms(Some(known.licence))])
        })
        .collect();
    let machine = machine.map(|machine| json!({ "total": machine.total, "available": machine.available }));
    json!({ "models": models, "known": known, "memory": machine })
}
