//! The node's figures in Prometheus' text format 0.0.4.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use deckwatch_domain::{Slot, Timestamp};

use super::hosted::Hosted;
use super::process;
use crate::local::proxy::tally::{BOUNDS, Class, Tally};

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Names and versions hold nothing that would need escaping: their types see to that.
fn labels(hosted: &Hosted, tally: &Tally) -> String {
    let release = tally.release.as_ref().map_or("", |r| r.as_str());
    format!(
        "service=\"{}\",slot=\"{}\",release=\"{release}\"",
        hosted.name(),
        tally.slot
    )
}

/// All of it, read now.
pub(super) fn render(services: &[Arc<Hosted>], started_at: Timestamp) -> String {
    let mut out = String::with_capacity(4096 + services.len() * 4096);
    let tallies: Vec<(&Arc<Hosted>, Arc<Tally>)> = services
        .iter()
        .flat_map(|h| h.around.front.tallies().into_iter().map(move |t| (h, t)))
        .filter(|(_, t)| t.release.is_some())
        .collect();
    responses(&mut out, &tallies);
    previewed(&mut out, &tallies);
    seconds(&mut out, &tallies);
    clients(&mut out, &tallies);
    unserved(&mut out, services);
    slots(&mut out, services);
    instances(&mut out, services);
    family(
        &mut out,
        "deckwatch_node_start_time_seconds",
        "gauge",
        "When the node started.",
    );
    let seconds = started_at.as_millis() as f64 / 1000.0;
    let _ = writeln!(out, "deckwatch_node_start_time_seconds {seconds}");
    out
}

type Tallies<'t> = [(&'t Arc<Hosted>, Arc<Tally>)];

fn responses(out: &mut String, tallies: &Tallies<'_>) {
    let name = "deckwatch_proxy_responses_total";
    family(out, name, "counter", "Requests ended, by how they ended.");
    for (hosted, tally) in tallies {
        by_class(out, name, &labels(hosted, tally), tally);
    }
}

fn by_class(out: &mut String, name: &str, labels: &str, tally: &Tally) {
    for class in Class::ALL {
        let count = tally.class(class);
        let _ = writeln!(
            out,
            "{name}{{{labels},class=\"{}\"}} {count}",
            class.label()
        );
    }
}

/// Under a name of its own, so that no sum over the other one ever takes it in.
fn previewed(out: &mut String, tallies: &Tallies<'_>) {
    let name = "deckwatch_proxy_preview_responses_total";
    let help = "Requests ended that came in by the preview.";
    family(out, name, "counter", help);
    for (hosted, tally) in tallies {
        if let Some(preview) = &tally.preview
            && hosted.definition().preview.is_some()
        {
            by_class(out, name, &labels(hosted, tally), preview);
        }
    }
}

fn seconds(out: &mut String, tallies: &Tallies<'_>) {
    let name = "deckwatch_proxy_response_seconds";
    family(out, name, "histogram", "Time until an answer began.");
    for (hosted, tally) in tallies {
        let labels = labels(hosted, tally);
        let (counts, sum) = tally.histogram();
        let bounds = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        for (bound, count) in bounds.zip(counts) {
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(out, "{name}_sum{{{labels}}} {sum}");
        let _ = writeln!(out, "{name}_count{{{labels}}} {}", counts[counts.len() - 1]);
    }
}

fn clients(out: &mut String, tallies: &Tallies<'_>) {
    let told: Vec<_> = tallies
        .iter()
        .filter(|(_, t)| t.has_clients.load(Relaxed))
        .collect();
    let families = [
        (
            "deckwatch_proxy_clients_total",
            "Distinct clients, summed over windows of 5 s.",
        ),
        (
            "deckwatch_proxy_clients_bad_total",
            "Of these, clients that met a bad answer.",
        ),
    ];
    for (at, (name, help)) in families.into_iter().enumerate() {
        family(out, name, "counter", help);
        for (hosted, tally) in &told {
            let (seen, bad) = tally.clients();
            let count = if at == 0 { seen } else { bad };
            let _ = writeln!(out, "{name}{{{}}} {count}", labels(hosted, tally));
        }
    }
}

fn unserved(out: &mut String, services: &[Arc<Hosted>]) {
    let name = "deckwatch_proxy_unserved_total";
    let help = "Requests that count for no slot: no instance of either could take them.";
    family(out, name, "counter", help);
    for hosted in services {
        let count = hosted.around.front.unserved.load(Relaxed);
        let _ = writeln!(out, "{name}{{service=\"{}\"}} {count}", hosted.name());
    }
}

fn slots(out: &mut String, services: &[Arc<Hosted>]) {
    let families = [
        ("deckwatch_proxy_in_flight", "Requests being answered."),
        (
            "deckwatch_traffic_weight",
            "Of every 100 requests, how many go here.",
        ),
        ("deckwatch_instances_ready", "Instances in rotation."),
    ];
    for (at, (name, help)) in families.into_iter().enumerate() {
        family(out, name, "gauge", help);
        for hosted in services {
            let route = hosted.around.front.route();
            let tallies = hosted.around.front.tallies();
            for slot in Slot::BOTH {
                let mine = tallies.iter().filter(|t| t.slot == slot);
                let value = match at {
                    0 => mine.map(|t| t.in_flight()).sum(),
                    1 => u64::from(route.traffic.weights.of(slot)),
                    _ => u64::from(route.ready()[slot]),
                };
                let service = hosted.name();
                let _ = writeln!(
                    out,
                    "{name}{{service=\"{service}\",slot=\"{slot}\"}} {value}"
                );
            }
        }
    }
}

fn instances(out: &mut String, services: &[Arc<Hosted>]) {
    let mut read = Vec::new();
    for hosted in services {
        // One that is leaving may have the name of one that stands; only the first is shown.
        let mut named = BTreeSet::new();
        for instance in hosted.all_instances() {
            let Some(usage) = instance.view().pid.and_then(process::usage) else {
                continue;
            };
            let labels = format!(
                "service=\"{}\",slot=\"{}\",release=\"{}\",instance=\"{}\"",
                hosted.name(),
                instance.slot,
                instance.release.version,
                instance.id()
            );
            if named.insert(labels.clone()) {
                read.push((labels, usage));
            }
        }
    }
    let name = "deckwatch_instance_cpu_seconds_total";
    family(
        out,
        name,
        "counter",
        "Processor time of the instance's process.",
    );
    for (labels, usage) in &read {
        let _ = writeln!(out, "{name}{{{labels}}} {}", usage.cpu_seconds);
    }
    let name = "deckwatch_instance_resident_bytes";
    family(
        out,
        name,
        "gauge",
        "Resident memory of the instance's process.",
    );
    for (labels, usage) in &read {
        let _ = writeln!(out, "{name}{{{labels}}} {}", usage.resident_bytes);
    }
}
