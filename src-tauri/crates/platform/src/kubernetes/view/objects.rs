//! Everything but pods and events as rows. Pure.

use deckwatch_domain::Timestamp;

use super::super::index::Index;
use super::super::kind::Kind;
use super::super::object::{Autoscaler, Budget, Deployment, Front, ReplicaSet};
use super::rows::{ObjectRow, Standing, Whose};
use super::whose::Belongings;

/// For so long nothing is made of it that no pod of a new Deployment is ready.
const YOUNG_SECS: u64 = 120;

/// Every workload, Service, route, autoscaler and disruption budget of the namespace.
pub(super) fn objects(index: &Index, now: Timestamp) -> Vec<ObjectRow> {
    let whose = Belongings::of(index);
    let ready = endpoints(index);
    let mut rows = Vec::new();
    for (name, (_, it)) in &index.deployments {
        rows.push(deployment(name, it, whose.deployment(name), now));
    }
    for (name, (_, it)) in &index.sets {
        let owner = it.owner.as_deref();
        rows.push(set(name, it, owner.and_then(|o| whose.deployment(o))));
    }
    for (kind, all) in [
        (Kind::Service, &index.services),
        (Kind::HttpRoute, &index.routes),
        (Kind::VirtualService, &index.meshes),
        (Kind::Ingress, &index.canaries),
    ] {
        for (name, (_, it)) in all {
            let belongs = whose.front(kind, name, &it.leads);
            rows.push(match kind {
                Kind::Service => service(name, it, ready.get(name.as_str()), belongs),
                _ => route(kind, name, it, belongs),
            });
        }
    }
    for (name, (_, it)) in &index.autoscalers {
        rows.push(autoscaler(name, it, whose.deployment(&it.target)));
    }
    for (name, (_, it)) in &index.budgets {
        rows.push(budget(name, it, whose.selected(&it.selector)));
    }
    rows
}

/// Ready endpoints and all of them, by Service.
fn endpoints(index: &Index) -> std::collections::BTreeMap<&str, (usize, usize)> {
    let mut counted = std::collections::BTreeMap::new();
    for (_, slice) in index.slices.values() {
        let count: &mut (usize, usize) = counted.entry(slice.service.as_str()).or_default();
        count.0 += slice.endpoints.iter().filter(|(_, ready)| *ready).count();
        count.1 += slice.endpoints.len();
    }
    counted
}

fn row(kind: Kind, name: &str, created: Timestamp, whose: Option<Whose>) -> ObjectRow {
    ObjectRow {
        kind,
        name: name.to_owned(),
        service: whose.as_ref().map(|w| w.service.clone()),
        slot: whose.and_then(|w| w.slot),
        standing: Standing::Good,
        state: String::new(),
        why: None,
        about: String::new(),
        owner: None,
        created,
    }
}

fn images(images: &[(String, String)]) -> String {
    let names: Vec<&str> = images.iter().map(|(_, image)| image.as_str()).collect();
    names.join(", ")
}

fn deployment(name: &str, it: &Deployment, whose: Option<Whose>, now: Timestamp) -> ObjectRow {
    let (want, ready) = (it.replicas, it.ready);
    let young = now.since(it.created).as_secs() < YOUNG_SECS;
    let old = want.saturating_sub(it.updated);
    let (standing, why) = match &it.trouble {
        Some(why) => (Standing::Bad, Some(why.clone())),
        None if want == 0 => (Standing::Idle, None),
        None if it.paused => (Standing::Warn, Some("somebody has paused it".into())),
        None if ready == 0 && !young => (Standing::Bad, Some("no pod of it is ready".into())),
        None if ready < want => {
            let lacking = want - ready;
            (
                Standing::Moving,
                Some(format!("{lacking} of its pods are not ready")),
            )
        }
        None if old > 0 => (
            Standing::Moving,
            Some(format!("{old} pods are of its old template")),
        ),
        None => (Standing::Good, None),
    };
    ObjectRow {
        standing,
        why,
        state: match want {
            0 => "scaled to none".into(),
            _ => format!("{ready} of {want} ready"),
        },
        about: images(&it.images),
        ..row(Kind::Deployment, name, it.created, whose)
    }
}

fn set(name: &str, it: &ReplicaSet, whose: Option<Whose>) -> ObjectRow {
    let revision = it.revision.as_deref().map(|r| format!("revision {r}"));
    let standing = match &it.trouble {
        Some(_) => Standing::Bad,
        None if it.replicas == 0 => Standing::Idle,
        None if it.ready < it.replicas => Standing::Moving,
        None => Standing::Good,
    };
    let counted = match it.replicas {
        0 => "kept, no pods".to_owned(),
        all => format!("{} of {all} ready", it.ready),
    };
    ObjectRow {
        standing,
        why: it.trouble.clone(),
        state: counted,
        about: revision
            .into_iter()
            .chain([images(&it.images)])
            .collect::<Vec<_>>()
            .join(" · "),
        owner: it.owner.clone(),
        ..row(Kind::ReplicaSet, name, it.created, whose)
    }
}

fn service(
    name: &str,
    it: &Front,
    ready: Option<&(usize, usize)>,
    whose: Option<Whose>,
) -> ObjectRow {
    // What stands before both slots is there to be asked.
    let asked = whose.as_ref().is_some_and(|w| w.slot.is_none());
    let (standing, state, why) = match ready {
        None | Some((0, 0)) if asked => {
            let why = "it selects no pod: requests fail".to_owned();
            (Standing::Bad, "no endpoints".to_owned(), Some(why))
        }
        // Without a selector, or for a name elsewhere, it has none of its own.
        None | Some((0, 0)) => (Standing::Idle, "no endpoints".to_owned(), None),
        Some((0, all)) => {
            let why = "nothing behind it is ready: requests fail".to_owned();
            (
                Standing::Bad,
                format!("0 of {all} endpoints ready"),
                Some(why),
            )
        }
        Some((some, all)) if some < all => (
            Standing::Moving,
            format!("{some} of {all} endpoints ready"),
            None,
        ),
        Some((1, _)) => (Standing::Good, "1 endpoint ready".into(), None),
        Some((all, _)) => (Standing::Good, format!("{all} endpoints ready"), None),
    };
    ObjectRow {
        standing,
        state,
        why,
        about: it.words.clone(),
        ..row(Kind::Service, name, it.created, whose)
    }
}

fn route(kind: Kind, name: &str, it: &Front, whose: Option<Whose>) -> ObjectRow {
    let leads: Vec<String> = it
        .leads
        .iter()
        .map(|(to, weight)| match weight {
            Some(weight) => format!("{to} {weight}"),
            None => to.clone(),
        })
        .collect();
    let nowhere = leads.is_empty();
    ObjectRow {
        standing: if nowhere {
            Standing::Warn
        } else {
            Standing::Good
        },
        state: if nowhere {
            "leads nowhere".into()
        } else {
            format!("to {}", leads.join(", "))
        },
        about: it.words.clone(),
        ..row(kind, name, it.created, whose)
    }
}

fn autoscaler(name: &str, it: &Autoscaler, whose: Option<Whose>) -> ObjectRow {
    let full = it.current >= it.max && it.max > it.min;
    let (standing, why) = match &it.trouble {
        Some(why) => (Standing::Warn, Some(why.clone())),
        None if full => (Standing::Warn, Some("it is at its maximum".into())),
        None if it.current != it.desired => (Standing::Moving, None),
        None => (Standing::Good, None),
    };
    ObjectRow {
        standing,
        why,
        state: format!("{} of {} to {}", it.current, it.min, it.max),
        about: if it.target.is_empty() {
            String::new()
        } else {
            format!("scales {}", it.target)
        },
        ..row(Kind::Autoscaler, name, it.created, whose)
    }
}

fn budget(name: &str, it: &Budget, whose: Option<Whose>) -> ObjectRow {
    let short = it.healthy < it.wanted;
    let (standing, why) = match (short, it.allowed) {
        (true, _) => {
            let why = format!("{} pods are healthy, and {} must be", it.healthy, it.wanted);
            (Standing::Bad, Some(why))
        }
        (false, 0) if it.wanted > 0 => {
            (Standing::Warn, Some("no pod may be moved away now".into()))
        }
        _ => (Standing::Good, None),
    };
    ObjectRow {
        standing,
        why,
        state: format!("{} may go", it.allowed),
        about: it.words.clone(),
        ..row(Kind::DisruptionBudget, name, it.created, whose)
    }
}
