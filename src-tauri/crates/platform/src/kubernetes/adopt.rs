//! How a service comes in, and how it goes out again.
//!
//! Coming in writes as little as can be and restarts nothing: two Services for the slots, one of
//! which finds the pods that are there, and, once that one has every endpoint that the original
//! has, one patch that leads traffic through it and carries the record. Every step is safe to
//! repeat, so a process that was killed half-way begins again and does the rest.

mod planning;

use std::time::{Duration, Instant};

use deckwatch_domain::{Role, ServiceName, Slot};
use serde_json::{Value, json};

use super::door::{Verb, Write};
use super::failure::Failure;
use super::fetch::Front;
use super::guard::Purpose;
use super::kind::Kind;
use super::record::{
    ADOPTED, INTENTS, Labels, Record, SERVICE, TRAFFIC, removal, slot_name, unchanged,
};
use super::{KubernetesPlatform, PATIENCE, broken, malformed, writer};
use crate::model::{PlatformError, Rejection};
use planning::{only_service, plan};

/// How long the slot's endpoints may take to appear.
const ENDPOINTS: Duration = Duration::from_secs(30);

/// What is to be adopted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdoptAsk {
    /// The Deployment's name; the service is called by it.
    pub deployment: String,
    /// The Service that leads to it; none: the only one that does.
    pub service: Option<String>,
    /// What carries the traffic.
    pub front: FrontAsk,
    /// The container that releases are for; none: the only one.
    pub container: Option<String>,
}

/// What stands in front of a service and is to carry its traffic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FrontAsk {
    /// The Service itself: all or nothing, no shares.
    Service,
    /// The Gateway API's HTTPRoute of this name.
    HttpRoute(String),
    /// Istio's VirtualService of this name.
    VirtualService(String),
    /// The Ingress of this name, read by ingress-nginx: a canary is made beside it.
    Ingress(String),
}

/// One write of an adoption.
#[derive(Clone, PartialEq, Debug)]
pub struct AdoptStep {
    /// What it is for, in words.
    pub what: String,
    pub kind: Kind,
    pub name: String,
    /// The object that is made, or the operations (RFC 6902) on the one there is.
    pub body: Value,
    creates: bool,
}

/// Everything that an adoption writes, in this order; empty when it is adopted already.
#[derive(Clone, PartialEq, Debug)]
pub struct AdoptPlan {
    pub service: ServiceName,
    pub steps: Vec<AdoptStep>,
    original: String,
}

/// What was read before an adoption.
struct Found {
    deployment: Value,
    service: Value,
    front_kind: Kind,
    front: Value,
    blue: Option<Value>,
    green: Option<Value>,
    /// Of an Ingress in front: all there are in the namespace.
    ingresses: Vec<Value>,
}

impl KubernetesPlatform {
    /// Says exactly what [`KubernetesPlatform::adopt`] would write, and writes nothing.
    ///
    /// # Errors
    /// [`PlatformError::Rejected`] with the reason why it cannot be adopted, or the API server's.
    pub async fn plan_adoption(&self, ask: &AdoptAsk) -> Result<AdoptPlan, PlatformError> {
        let name =
            ServiceName::new(ask.deployment.as_str()).map_err(|e| malformed(e.to_string()))?;
        match self.front(&name, PATIENCE).await {
            Ok(front) => Ok(AdoptPlan {
                service: name,
                steps: Vec::new(),
                original: front.record.adopted.original,
            }),
            Err(PlatformError::Rejected(Rejection::UnknownService { .. })) => {
                let found = self.find(ask, &name).await?;
                plan(ask, &found).map_err(malformed)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a Deployment and what stands in front of it under this roof, without restarting
    /// anything and without a moment of less capacity. Again does nothing.
    ///
    /// # Errors
    /// As [`KubernetesPlatform::plan_adoption`].
    pub async fn adopt(&self, ask: &AdoptAsk) -> Result<ServiceName, PlatformError> {
        self.door().admits(Purpose::Upkeep)?;
        for _ in 0..5 {
            let plan = self.plan_adoption(ask).await?;
            let Some((last, first)) = plan.steps.split_last() else {
                return Ok(plan.service);
            };
            for step in first {
                self.carry_out(step).await?;
            }
            self.await_endpoints(&plan).await?;
            match self.carry_out(last).await {
                Ok(()) => return Ok(plan.service),
                // Somebody changed the front in between: look again.
                Err(PlatformError::Broken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(broken(
            "what stands in front kept changing while it was adopted",
        ))
    }

    async fn find(&self, ask: &AdoptAsk, name: &ServiceName) -> Result<Found, PlatformError> {
        let Some(deployment) = self.read(Kind::Deployment, &ask.deployment).await? else {
            return Err(self.why_not(&ask.deployment).await?);
        };
        let service = self.service_of(ask, &deployment).await?;
        let (front_kind, front) = match &ask.front {
            FrontAsk::Service => (Kind::Service, service.clone()),
            FrontAsk::HttpRoute(name) => self.named(Kind::HttpRoute, name).await?,
            FrontAsk::VirtualService(name) => self.named(Kind::VirtualService, name).await?,
            FrontAsk::Ingress(name) => self.named(Kind::Ingress, name).await?,
        };
        let mut ingresses = Vec::new();
        if front_kind == Kind::Ingress {
            self.is_read_by_nginx(&front).await?;
            let all = self.list(Kind::Ingress, "", PATIENCE).await;
            ingresses = all.map_err(|f| f.told(Kind::Ingress.plural()))?;
        }
        Ok(Found {
            deployment,
            service,
            front_kind,
            front,
            blue: self
                .read(Kind::Service, &slot_name(name, Slot::Blue))
                .await?,
            green: self
                .read(Kind::Service, &slot_name(name, Slot::Green))
                .await?,
            ingresses,
        })
    }

    /// That the controller behind an Ingress knows canaries. To any other the canary would be a second
    /// Ingress with the same hosts and paths.
    async fn is_read_by_nginx(&self, main: &Value) -> Result<(), PlatformError> {
        let name = super::object::name(main);
        let Some(class) = writer::ingress::class(main) else {
            return Err(malformed(format!(
                "the Ingress {name} names no class, so which controller reads it is not known"
            )));
        };
        let path = format!("/apis/networking.k8s.io/v1/ingressclasses/{class}");
        let controller = match self.door().get(&path, PATIENCE).await {
            Ok(class) => class["spec"]["controller"].as_str().map(str::to_owned),
            Err(Failure::NotFound) => None,
            Err(failure) => return Err(failure.told(&format!("the class {class} of {name}"))),
        };
        match controller.as_deref() {
            Some(writer::ingress::CONTROLLER) => Ok(()),
            Some(other) => Err(malformed(format!(
                "the class {class} of the Ingress {name} is {other}'s, and only ingress-nginx ({}) reads \
                 canary annotations",
                writer::ingress::CONTROLLER
            ))),
            None => Err(malformed(format!(
                "the Ingress {name} names the class {class}, and there is no such IngressClass to tell which \
                 controller reads it"
            ))),
        }
    }

    async fn named(&self, kind: Kind, name: &str) -> Result<(Kind, Value), PlatformError> {
        let there = self.read(kind, name).await?;
        let there = there.ok_or_else(|| malformed(format!("there is no {kind} {name}")))?;
        Ok((kind, there))
    }

    /// Why there is no Deployment of this name.
    async fn why_not(&self, name: &str) -> Result<PlatformError, PlatformError> {
        for (kind, why) in [
            (
                Kind::StatefulSet,
                "its instances have identities and storage of their own, and a second set of them is another \
                 system, not another version; its own rolling update stays the way for it",
            ),
            (
                Kind::DaemonSet,
                "it runs once on every node, and a second one beside it would run on every node too; its own \
                 rolling update stays the way for it",
            ),
        ] {
            if self.read(kind, name).await?.is_some() {
                return Ok(malformed(format!(
                    "{name} is a {kind}, which is not adopted: {why}"
                )));
            }
        }
        Ok(malformed(format!(
            "there is no Deployment {name} in {}",
            self.namespace()
        )))
    }

    async fn service_of(&self, ask: &AdoptAsk, deployment: &Value) -> Result<Value, PlatformError> {
        if let Some(name) = &ask.service {
            let there = self.read(Kind::Service, name).await?;
            return there.ok_or_else(|| malformed(format!("there is no Service {name}")));
        }
        let all = self.list(Kind::Service, "", PATIENCE).await;
        let all = all.map_err(|f| f.told(Kind::Service.plural()))?;
        only_service(all, deployment).map_err(malformed)
    }

    async fn carry_out(&self, step: &AdoptStep) -> Result<(), PlatformError> {
        let (verb, path) = match step.creates {
            true => (Verb::Create, step.kind.all(self.namespace())),
            false => (Verb::JsonPatch, self.path(step.kind, &step.name)),
        };
        let write = Write {
            purpose: Purpose::Upkeep,
            verb,
            path,
            body: step.body.clone(),
            dry_run: false,
        };
        match self.door().write(&write, PATIENCE).await {
            Ok(object) => {
                self.note_written(step.kind, &object);
                Ok(())
            }
            // Another console makes the same: the next look decides whether it is the same.
            Err(Failure::Conflict { .. }) if step.creates => Ok(()),
            Err(failure) => Err(failure.told(&step.name)),
        }
    }

    /// Waits until blue's Service finds every pod that the original's does.
    async fn await_endpoints(&self, plan: &AdoptPlan) -> Result<(), PlatformError> {
        let blue = slot_name(&plan.service, Slot::Blue);
        let began = Instant::now();
        loop {
            let (original, ours) = (
                self.ready_behind(&plan.original).await?,
                self.ready_behind(&blue).await?,
            );
            let missing: Vec<&String> = original.iter().filter(|e| !ours.contains(e)).collect();
            if missing.is_empty() && !original.is_empty() {
                return Ok(());
            }
            if began.elapsed() >= ENDPOINTS {
                return Err(malformed(match missing.first() {
                    Some(pod) => format!(
                        "{} also leads to {pod}, which is not of the Deployment {}: traffic would lose it",
                        plan.original, plan.service
                    ),
                    None => format!("nothing is ready behind {}", plan.original),
                }));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn ready_behind(&self, service: &str) -> Result<Vec<String>, PlatformError> {
        let query = format!("labelSelector=kubernetes.io/service-name%3D{service}");
        let slices = self.list(Kind::EndpointSlice, &query, PATIENCE).await;
        let slices = slices.map_err(|f| f.told(Kind::EndpointSlice.plural()))?;
        let endpoints = slices
            .iter()
            .flat_map(|s| super::object::Slice::of(s).endpoints);
        Ok(endpoints.filter(|e| e.1).map(|e| e.0).collect())
    }

    /// Undoes the adoption: traffic goes by the original Service again, and what was made is
    /// deleted. Only while the adopted Deployment serves alone and no rollout has a way back.
    ///
    /// # Errors
    /// [`PlatformError::Rejected`] with the reason why not yet, or the API server's.
    pub async fn release(&self, service: &ServiceName) -> Result<(), PlatformError> {
        self.door().admits(Purpose::Upkeep)?;
        let front = self.front(service, PATIENCE).await?;
        may_release(&front.record).map_err(malformed)?;
        let adopted = front.record.adopted.clone();
        let kind = front.place.kind;
        if kind != Kind::Service {
            // Before anybody is led there again.
            self.reselect(&adopted.original, &adopted.original_selector)
                .await?;
        }
        match kind {
            // It was made here; the main one leads to the original Service all the while.
            Kind::Ingress => self.delete(kind, &front.place.name).await?,
            _ => self.take_record_off(&front).await?,
        }
        super::lock(&self.shared.places).remove(service);
        let green = adopted.slot_name(Slot::Green);
        self.delete(Kind::Autoscaler, &green).await?;
        self.delete(Kind::Deployment, &green).await?;
        for slot in Slot::BOTH {
            self.delete(Kind::Service, &adopted.slot_name(slot)).await?;
        }
        Ok(())
    }

    /// Routes as before the adoption, and takes the record off, in one write.
    async fn take_record_off(&self, front: &Front) -> Result<(), PlatformError> {
        let (kind, object) = (front.place.kind, &front.object);
        let mut ops = vec![unchanged(object)];
        ops.extend(
            writer::of(kind)
                .release(object, &front.record)
                .map_err(broken)?,
        );
        for key in [TRAFFIC, INTENTS, ADOPTED] {
            ops.extend(removal(object, "annotations", key));
        }
        ops.extend(removal(object, "labels", SERVICE));
        self.patch(kind, &front.place.name, Value::Array(ops), Purpose::Upkeep)
            .await?;
        Ok(())
    }

    async fn reselect(&self, name: &str, selector: &Labels) -> Result<(), PlatformError> {
        let body = json!([{"op": "add", "path": "/spec/selector", "value": selector}]);
        self.patch(Kind::Service, name, body, Purpose::Upkeep)
            .await?;
        Ok(())
    }
}

fn may_release(record: &Record) -> Result<(), String> {
    let traffic = &record.traffic;
    if traffic.way_back.is_some() || traffic.roles.playing(Role::Candidate).is_some() {
        return Err("a rollout is live or its rollback window is open; end it first".into());
    }
    if traffic.weights.of(Slot::Blue) != 100 {
        return Err(format!(
            "{} serves, which goes with the release; ship into blue first, where the Deployment {} stands",
            record.adopted.slot_name(Slot::Green),
            record.adopted.deployment
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
