//! What stands in a cluster's namespace, as pages: sorted and filtered here, never in a window.

use std::cmp::Reverse;

use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_platform::kubernetes::{
    Freshness, Kind, KubernetesPlatform, NoticeRow, ObjectDiff, ObjectRow, ObjectText, PodFollow,
    PodLine, PodLogs, PodRow, Standing,
};
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::problem::Problem;

/// Rows a page has at most, and when nothing is said.
const MOST: usize = 500;
const USUAL: usize = 200;

/// Which objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ObjectsAsk {
    /// Only what belongs to this adopted service.
    pub service: Option<ServiceName>,
    pub kind: Option<Kind>,
    /// A part of the name, the service, the state or what it is about.
    pub filter: Option<String>,
    pub sort: Option<ObjectSort>,
    pub descending: Option<bool>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// What objects can be sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectSort {
    /// What is not well first.
    #[default]
    Trouble,
    Kind,
    Name,
    Service,
    /// The youngest first.
    Age,
}

/// A page of objects.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ObjectsPage {
    /// How true the rows are.
    pub freshness: Freshness,
    pub total: usize,
    /// How many of them are not well.
    pub trouble: usize,
    pub rows: Vec<ObjectRow>,
}

/// Which pods.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct PodsAsk {
    pub service: Option<ServiceName>,
    /// Only those that are not well.
    pub trouble_only: Option<bool>,
    /// A part of the name, the service, the phase, the node, the image or the reason.
    pub filter: Option<String>,
    pub sort: Option<PodSort>,
    pub descending: Option<bool>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// What pods can be sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum PodSort {
    /// What is not well first, then by name.
    #[default]
    Trouble,
    Name,
    Service,
    Node,
    /// The most first.
    Restarts,
    /// The youngest first.
    Age,
}

/// A page of pods.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PodsPage {
    pub freshness: Freshness,
    pub total: usize,
    /// How many of them are not well.
    pub trouble: usize,
    pub rows: Vec<PodRow>,
}

/// Which of the cluster's events.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct NoticesAsk {
    pub service: Option<ServiceName>,
    /// Only what is about this object: its name.
    pub about: Option<String>,
    pub warnings_only: Option<bool>,
    /// A part of the reason, the message, the name or the service.
    pub filter: Option<String>,
    pub sort: Option<NoticeSort>,
    pub descending: Option<bool>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// What the cluster's events can be sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeSort {
    /// Warnings first, each kind with the newest first.
    #[default]
    Warnings,
    Newest,
    Reason,
    Object,
    /// The most often first.
    Count,
}

/// A page of the cluster's events.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct NoticesPage {
    pub freshness: Freshness,
    pub total: usize,
    pub warnings: usize,
    pub rows: Vec<NoticeRow>,
}

/// One object, as text.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct TextAsk {
    pub kind: Kind,
    pub name: String,
    /// With `managedFields`.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub managed: bool,
}

/// One object.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ObjectAsk {
    pub kind: Kind,
    pub name: String,
}

/// What is looked for, in any case.
struct Filter(Option<String>);

impl Filter {
    fn of(text: Option<&String>) -> Self {
        let words = text.map(|text| text.trim().to_lowercase());
        Filter(words.filter(|text| !text.is_empty()))
    }

    fn finds(&self, texts: &[&str]) -> bool {
        let has = |wanted: &String| {
            texts
                .iter()
                .any(|text| text.to_lowercase().contains(wanted))
        };
        self.0.as_ref().is_none_or(has)
    }
}

fn name(service: Option<&ServiceName>) -> &str {
    service.map_or("", ServiceName::as_str)
}

fn page<T>(
    mut rows: Vec<T>,
    descending: Option<bool>,
    offset: Option<usize>,
    limit: Option<usize>,
) -> Vec<T> {
    if descending.unwrap_or(false) {
        rows.reverse();
    }
    let limit = limit.unwrap_or(USUAL).min(MOST);
    rows.into_iter()
        .skip(offset.unwrap_or(0))
        .take(limit)
        .collect()
}

fn is_trouble(standing: Standing) -> bool {
    matches!(standing, Standing::Bad | Standing::Warn)
}

async fn platform(console: &Console) -> Result<KubernetesPlatform, Problem> {
    Ok(console.the_cluster()?.platform().await?)
}

/// # Errors
/// That the services of this environment run on this machine; that the cluster cannot be reached.
pub async fn objects(console: &Console, ask: ObjectsAsk) -> Result<ObjectsPage, Problem> {
    let seen = platform(console).await?.objects().await;
    Ok(objects_page(seen.freshness, seen.rows, &ask))
}

fn objects_page(freshness: Freshness, mut rows: Vec<ObjectRow>, ask: &ObjectsAsk) -> ObjectsPage {
    let filter = Filter::of(ask.filter.as_ref());
    rows.retain(|row| {
        let service = name(row.service.as_ref());
        let why = row.why.as_deref().unwrap_or_default();
        ask.service
            .as_ref()
            .is_none_or(|s| row.service.as_ref() == Some(s))
            && ask.kind.is_none_or(|kind| row.kind == kind)
            && filter.finds(&[
                &row.name,
                service,
                &row.state,
                &row.about,
                why,
                row.kind.name(),
            ])
    });
    rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    match ask.sort.unwrap_or_default() {
        ObjectSort::Trouble => rows.sort_by_key(|row| (row.standing, row.kind)),
        ObjectSort::Kind => {}
        ObjectSort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        // What belongs to no service comes last.
        ObjectSort::Service => rows.sort_by(|a, b| {
            (a.service.is_none(), &a.service).cmp(&(b.service.is_none(), &b.service))
        }),
        ObjectSort::Age => rows.sort_by_key(|row| Reverse(row.created)),
    }
    ObjectsPage {
        freshness,
        total: rows.len(),
        trouble: rows.iter().filter(|row| is_trouble(row.standing)).count(),
        rows: page(rows, ask.descending, ask.offset, ask.limit),
    }
}

/// # Errors
/// As [`objects`].
pub async fn pods(console: &Console, ask: PodsAsk) -> Result<PodsPage, Problem> {
    let seen = platform(console).await?.pods_shown().await;
    Ok(pods_page(seen.freshness, seen.rows, &ask))
}

fn pods_page(freshness: Freshness, mut rows: Vec<PodRow>, ask: &PodsAsk) -> PodsPage {
    let filter = Filter::of(ask.filter.as_ref());
    rows.retain(|row| {
        let service = name(row.service.as_ref());
        let (node, why) = (row.node.as_deref(), row.why.as_deref());
        let texts = [
            &row.name,
            service,
            &row.phase,
            &row.image,
            node.unwrap_or_default(),
            why.unwrap_or_default(),
        ];
        ask.service
            .as_ref()
            .is_none_or(|s| row.service.as_ref() == Some(s))
            && filter.finds(&texts)
    });
    let trouble = rows.iter().filter(|row| is_trouble(row.standing)).count();
    if ask.trouble_only.unwrap_or(false) {
        rows.retain(|row| is_trouble(row.standing));
    }
    // They come by name, and stay so among equals.
    match ask.sort.unwrap_or_default() {
        PodSort::Trouble => rows.sort_by_key(|row| row.standing),
        PodSort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        PodSort::Service => rows.sort_by(|a, b| {
            (a.service.is_none(), &a.service, a.slot).cmp(&(
                b.service.is_none(),
                &b.service,
                b.slot,
            ))
        }),
        PodSort::Node => rows.sort_by(|a, b| a.node.cmp(&b.node)),
        PodSort::Restarts => rows.sort_by_key(|row| Reverse(row.restarts)),
        PodSort::Age => rows.sort_by_key(|row| Reverse(row.created)),
    }
    PodsPage {
        freshness,
        total: rows.len(),
        trouble,
        rows: page(rows, ask.descending, ask.offset, ask.limit),
    }
}

/// # Errors
/// As [`objects`].
pub async fn notices(console: &Console, ask: NoticesAsk) -> Result<NoticesPage, Problem> {
    let seen = platform(console).await?.notices().await;
    Ok(notices_page(seen.freshness, seen.rows, &ask))
}

fn notices_page(freshness: Freshness, mut rows: Vec<NoticeRow>, ask: &NoticesAsk) -> NoticesPage {
    let filter = Filter::of(ask.filter.as_ref());
    rows.retain(|row| {
        let service = name(row.service.as_ref());
        ask.service
            .as_ref()
            .is_none_or(|s| row.service.as_ref() == Some(s))
            && ask.about.as_ref().is_none_or(|about| row.name == *about)
            && filter.finds(&[&row.reason, &row.message, &row.name, &row.kind, service])
    });
    let warnings = rows.iter().filter(|row| row.warning).count();
    if ask.warnings_only.unwrap_or(false) {
        rows.retain(|row| row.warning);
    }
    // They come newest first, and stay so among equals.
    match ask.sort.unwrap_or_default() {
        NoticeSort::Warnings => rows.sort_by_key(|row| !row.warning),
        NoticeSort::Newest => rows.sort_by_key(|row| Reverse::<Timestamp>(row.last)),
        NoticeSort::Reason => rows.sort_by(|a, b| a.reason.cmp(&b.reason)),
        NoticeSort::Object => {
            rows.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        }
        NoticeSort::Count => rows.sort_by_key(|row| Reverse(row.count)),
    }
    NoticesPage {
        freshness,
        total: rows.len(),
        warnings,
        rows: page(rows, ask.descending, ask.offset, ask.limit),
    }
}

/// # Errors
/// As [`objects`]; that it is not there, or not for whoever asks.
pub async fn yaml(console: &Console, ask: TextAsk) -> Result<ObjectText, Problem> {
    Ok(platform(console)
        .await?
        .text(ask.kind, &ask.name, ask.managed)
        .await?)
}

/// # Errors
/// As [`yaml`].
pub async fn diff(console: &Console, ask: ObjectAsk) -> Result<ObjectDiff, Problem> {
    Ok(platform(console).await?.diff(ask.kind, &ask.name).await?)
}

/// # Errors
/// As [`objects`]; what the API server and the pod's node say.
pub async fn pod_logs(console: &Console, ask: PodLogs) -> Result<Vec<PodLine>, Problem> {
    Ok(platform(console).await?.pod_logs(&ask).await?)
}

/// The same lines as they come.
///
/// # Errors
/// As [`objects`].
pub async fn follow_pod(console: &Console, ask: PodLogs) -> Result<PodFollow, Problem> {
    Ok(platform(console).await?.follow_pod(ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freshness() -> Freshness {
        Freshness {
            follows: true,
            at: None,
            trouble: None,
        }
    }

    fn object(kind: Kind, name: &str, service: Option<&str>, standing: Standing) -> ObjectRow {
        ObjectRow {
            kind,
            name: name.into(),
            service: service.map(|s| ServiceName::new(s).unwrap()),
            slot: None,
            standing,
            state: "4 of 4 ready".into(),
            why: None,
            about: "web:v1".into(),
            owner: None,
            created: Timestamp::EPOCH,
        }
    }

    #[test]
    fn objects_that_are_not_well_come_first_and_pages_are_cut() {
        let rows = || {
            vec![
                object(Kind::Service, "web", Some("web"), Standing::Good),
                object(Kind::Deployment, "web", Some("web"), Standing::Bad),
                object(Kind::Deployment, "other", None, Standing::Warn),
            ]
        };
        let seen = |ask: ObjectsAsk| {
            let page = objects_page(freshness(), rows(), &ask);
            let names: Vec<String> = page
                .rows
                .iter()
                .map(|r| format!("{}/{}", r.kind, r.name))
                .collect();
            (page.total, page.trouble, names.join(" "))
        };
        let all = "Deployment/web Deployment/other Service/web";
        assert_eq!(seen(ObjectsAsk::default()), (3, 2, all.into()));
        let of = ObjectsAsk {
            service: ServiceName::new("web").ok(),
            sort: Some(ObjectSort::Kind),
            descending: Some(true),
            ..ObjectsAsk::default()
        };
        assert_eq!(seen(of), (2, 1, "Service/web Deployment/web".into()));
        let filtered = ObjectsAsk {
            filter: Some(" OTHER ".into()),
            ..ObjectsAsk::default()
        };
        assert_eq!(seen(filtered), (1, 1, "Deployment/other".into()));
        let second = ObjectsAsk {
            offset: Some(1),
            limit: Some(1),
            ..ObjectsAsk::default()
        };
        assert_eq!(seen(second), (3, 2, "Deployment/other".into()));
    }

    #[test]
    fn warnings_come_first_and_each_kind_newest_first() {
        let notice = |reason: &str, warning: bool, at: i64| NoticeRow {
            warning,
            reason: reason.into(),
            message: String::new(),
            kind: "Pod".into(),
            name: "web-1".into(),
            service: None,
            slot: None,
            count: 1,
            first: Timestamp::EPOCH,
            last: Timestamp::from_millis(at),
            by: "kubelet".into(),
        };
        // As the platform gives them.
        let rows = vec![
            notice("d", false, 4),
            notice("c", true, 3),
            notice("b", false, 2),
            notice("a", true, 1),
        ];
        let seen = |ask: NoticesAsk| {
            let page = notices_page(freshness(), rows.clone(), &ask);
            let reasons: Vec<String> = page.rows.into_iter().map(|r| r.reason).collect();
            (page.total, page.warnings, reasons.concat())
        };
        assert_eq!(seen(NoticesAsk::default()), (4, 2, "cadb".into()));
        let newest = NoticesAsk {
            sort: Some(NoticeSort::Newest),
            ..NoticesAsk::default()
        };
        assert_eq!(seen(newest).2, "dcba");
        let only = NoticesAsk {
            warnings_only: Some(true),
            ..NoticesAsk::default()
        };
        assert_eq!(seen(only), (2, 2, "ca".into()));
        let about = NoticesAsk {
            about: Some("web-2".into()),
            ..NoticesAsk::default()
        };
        assert_eq!(seen(about).0, 0);
    }

    #[test]
    fn pods_in_trouble_are_counted_whether_or_not_others_are_shown() {
        let pod = |name: &str, standing: Standing, restarts: u32| PodRow {
            name: name.into(),
            service: None,
            slot: None,
            workload: None,
            standing,
            phase: "Running".into(),
            ready: 1,
            containers: vec!["main".into()],
            restarts,
            node: Some("n1".into()),
            created: Timestamp::EPOCH,
            image: "web:v1".into(),
            why: None,
        };
        let rows = vec![
            pod("a", Standing::Good, 0),
            pod("b", Standing::Bad, 7),
            pod("c", Standing::Moving, 1),
        ];
        let seen = |ask: PodsAsk| {
            let page = pods_page(freshness(), rows.clone(), &ask);
            let names: Vec<String> = page.rows.into_iter().map(|r| r.name).collect();
            (page.total, page.trouble, names.concat())
        };
        assert_eq!(seen(PodsAsk::default()), (3, 1, "bca".into()));
        let only = PodsAsk {
            trouble_only: Some(true),
            ..PodsAsk::default()
        };
        assert_eq!(seen(only), (1, 1, "b".into()));
        let restarts = PodsAsk {
            sort: Some(PodSort::Restarts),
            filter: Some("n1".into()),
            ..PodsAsk::default()
        };
        assert_eq!(seen(restarts), (3, 1, "bca".into()));
    }
}
