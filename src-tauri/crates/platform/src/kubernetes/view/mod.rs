//! What stands in the namespace, for whoever looks: rows, texts, differences. Nothing is written
//! here, and Secrets are not read.
//!
//! The rows come out of the index, which two more watches feed from the first look on
//! ([`Kind::SHOWN`]); a single object's text and its difference are read when they are asked for.

mod diff;
mod managed;
mod notices;
mod objects;
mod pods;
mod rows;
mod veil;
mod whose;

use std::time::{Duration, Instant};

use deckwatch_domain::{Timestamp, to_yaml};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use diff::{FieldDiff, FieldState, ObjectDiff};
pub use managed::Owner;
pub use rows::{NoticeRow, ObjectRow, PodRow, Rows, Standing};

use super::index::Index;
use super::kind::Kind;
use super::{KubernetesPlatform, broken, lock, now, object, watch};
use crate::model::PlatformError;
use whose::Belongings;

/// How long the first look waits for the watches to have listed everything.
const FILLED: Duration = Duration::from_secs(10);
/// Between two looks at whether they have.
const STEP: Duration = Duration::from_millis(20);

/// What the rows of objects are made of.
const OBJECTS: &[Kind] = &[
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::Service,
    Kind::HttpRoute,
    Kind::VirtualService,
    Kind::Ingress,
    Kind::EndpointSlice,
    Kind::Autoscaler,
    Kind::DisruptionBudget,
];

/// One object as YAML.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ObjectText {
    pub kind: Kind,
    pub name: String,
    pub read_at: Timestamp,
    pub yaml: String,
    /// Who owns its fields: how many managers, whether or not they are in the text.
    pub managers: usize,
    /// The text is with `managedFields`.
    pub managed: bool,
}

impl KubernetesPlatform {
    /// Workloads, Services, routes, autoscalers and disruption budgets.
    pub async fn objects(&self) -> Rows<ObjectRow> {
        self.rows(OBJECTS, |index| objects::objects(index, now()))
            .await
    }

    /// Every pod of the namespace.
    pub async fn pods_shown(&self) -> Rows<PodRow> {
        self.rows(&[Kind::Pod], |index| pods::pods(index, now()))
            .await
    }

    /// What the cluster says has happened, newest first; of very much, the newest.
    pub async fn notices(&self) -> Rows<NoticeRow> {
        self.rows(&[Kind::Event], notices::notices).await
    }

    async fn rows<T>(&self, kinds: &[Kind], make: impl Fn(&Index) -> Vec<T>) -> Rows<T> {
        self.show(kinds).await;
        let index = lock(&self.shared.index);
        Rows {
            freshness: index.freshness(kinds),
            rows: make(&index),
        }
    }

    /// Begins the watches that looking takes, and waits a little for what is asked for.
    async fn show(&self, kinds: &[Kind]) {
        self.follow();
        {
            let mut showing = lock(&self.shared.showing);
            if showing.is_empty() {
                *showing = watch::begin(&self.shared, &Kind::SHOWN);
            }
        }
        let began = Instant::now();
        while !lock(&self.shared.index).has_asked(kinds) && began.elapsed() < FILLED {
            tokio::time::sleep(STEP).await;
        }
    }

    /// One object as YAML, read now. `managed`: with who owns which field.
    ///
    /// # Errors
    /// The API server's; that it is not there.
    pub async fn text(
        &self,
        kind: Kind,
        name: &str,
        managed: bool,
    ) -> Result<ObjectText, PlatformError> {
        let mut object = self.object(kind, name).await?;
        veil::veil(&mut object);
        let managers = object["metadata"]["managedFields"]
            .as_array()
            .map_or(0, Vec::len);
        if !managed && let Some(meta) = object["metadata"].as_object_mut() {
            meta.remove("managedFields");
        }
        Ok(ObjectText {
            kind,
            name: name.to_owned(),
            read_at: now(),
            yaml: to_yaml(&object),
            managers,
            managed,
        })
    }

    /// What Deckwatch applied to an object beside what is there, read now.
    ///
    /// # Errors
    /// As [`KubernetesPlatform::text`].
    pub async fn diff(&self, kind: Kind, name: &str) -> Result<ObjectDiff, PlatformError> {
        let object = self.object(kind, name).await?;
        // Whose it is, is known from the records; one that is in the object itself is as new as it.
        self.show(&Kind::FRONTS).await;
        let own = super::record::Record::of(&object).ok().flatten();
        let index = lock(&self.shared.index);
        let belongings = Belongings::of(&index);
        let whose = belongings.named(&index, kind.name(), name);
        let record = match &whose {
            _ if own.is_some() => own.as_ref(),
            Some(whose) => belongings.record(&whose.service),
            None => None,
        };
        let slot = whose.and_then(|w| w.slot);
        Ok(diff::diff(kind, &object, record.map(|r| (r, slot)), now()))
    }

    async fn object(&self, kind: Kind, name: &str) -> Result<Value, PlatformError> {
        if !is_name(name) {
            return Err(super::malformed(format!("`{name}` is no object's name")));
        }
        let object = self.read(kind, name).await?;
        let mut object = object.ok_or_else(|| broken(format!("{kind} {name} is not there")))?;
        // Names are what it was asked for by; an answer for something else would be shown as it.
        if object::name(&object) != name {
            return Err(broken(format!(
                "the API server answered for something else than {kind} {name}"
            )));
        }
        if object["kind"].is_null() {
            object["kind"] = kind.name().into();
            object["apiVersion"] = kind.api_version().into();
        }
        Ok(object)
    }
}

/// Whether a text is a name as objects have them, so that it is one part of a path.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    !name.is_empty() && name.len() <= 253 && name.chars().all(fits) && !name.contains("..")
}

#[cfg(test)]
mod tests;
