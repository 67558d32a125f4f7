//! Which rights a person needs here, which of them are missing, and whether the way back is
//! among what is left.
//!
//! The needs are a list, made without a cluster; the answers come from the API server, one review
//! for each.

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::kind::Kind;
use super::{KubernetesPlatform, PATIENCE};
use crate::model::PlatformError;

/// One right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Need {
    pub verb: &'static str,
    pub group: &'static str,
    pub resource: &'static str,
    pub subresource: &'static str,
    /// The traffic cannot be taken back without it.
    pub for_the_way_back: bool,
    /// What else does not work without it, in words.
    pub why: &'static str,
}

impl Need {
    /// As people write it: `patch httproutes.gateway.networking.k8s.io`.
    pub fn words(&self) -> String {
        let sub = match self.subresource {
            "" => String::new(),
            sub => format!("/{sub}"),
        };
        let group = match self.group {
            "" => String::new(),
            group => format!(".{group}"),
        };
        format!("{} {}{group}{sub}", self.verb, self.resource)
    }
}

/// What may be done here, and what not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preflight {
    pub missing: Vec<Need>,
}

impl Preflight {
    /// What was needed, with the answers in the same order.
    fn of(needs: Vec<Need>, allowed: &[bool]) -> Self {
        let pairs = needs.into_iter().zip(allowed);
        Preflight {
            missing: pairs
                .filter(|(_, ok)| !**ok)
                .map(|(need, _)| need)
                .collect(),
        }
    }

    /// Whether traffic could be taken back.
    pub fn can_take_back(&self) -> bool {
        !self.missing.iter().any(|need| need.for_the_way_back)
    }
}

fn need(verb: &'static str, kind: Kind, for_the_way_back: bool, why: &'static str) -> Need {
    Need {
        verb,
        group: kind.group(),
        resource: kind.plural(),
        subresource: "",
        for_the_way_back,
        why,
    }
}

/// The rights that services need whose traffic this kind of object carries.
pub fn needs(front: Kind) -> Vec<Need> {
    let mut all = vec![
        need("get", front, true, "reading where traffic goes"),
        need("patch", front, true, "moving traffic"),
        need("list", front, false, "finding services"),
    ];
    if front == Kind::Ingress {
        all.push(need("create", front, false, "making the canary"));
        all.push(need("delete", front, false, "giving a service up again"));
    }
    let seen = |kind: &Kind| *kind == front || !kind.is_optional();
    for kind in Kind::INDEXED.into_iter().filter(seen) {
        if kind != front {
            all.push(need("list", kind, false, "showing what stands"));
        }
        all.push(need("watch", kind, false, "showing changes at once"));
    }
    let deployments = [
        ("get", "reading what stands in a slot"),
        ("create", "bringing a version up for the first time"),
        ("patch", "bringing versions up and retiring them"),
        ("delete", "giving a service up again"),
    ];
    all.extend(deployments.map(|(verb, why)| need(verb, Kind::Deployment, false, why)));
    for verb in ["create", "patch", "delete"] {
        all.push(need(
            verb,
            Kind::Autoscaler,
            false,
            "the second slot's autoscaler",
        ));
        if !(verb == "patch" && front == Kind::Service) {
            all.push(need(verb, Kind::Service, false, "the slots' Services"));
        }
    }
    all.push(Need {
        subresource: "log",
        ..need("get", Kind::Pod, false, "reading what instances print")
    });
    all
}

/// The rights that services need whose traffic any of these carries, each once.
pub fn needs_of(fronts: &[Kind]) -> Vec<Need> {
    let mut all: Vec<Need> = Vec::new();
    for need in fronts.iter().flat_map(|front| needs(*front)) {
        match all.iter_mut().find(|there| there.words() == need.words()) {
            Some(there) => there.for_the_way_back |= need.for_the_way_back,
            None => all.push(need),
        }
    }
    all
}

impl KubernetesPlatform {
    /// Asks the API server which of these rights whoever asks has in this namespace.
    ///
    /// # Errors
    /// The API server's.
    pub async fn preflight(&self, needs: Vec<Need>) -> Result<Preflight, PlatformError> {
        let allowed = needs.iter().map(|need| self.may(need));
        let allowed = try_join_all(allowed).await?;
        Ok(Preflight::of(needs, &allowed))
    }

    async fn may(&self, need: &Need) -> Result<bool, PlatformError> {
        let body = review(need, self.namespace());
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = self.door().ask(path, &body, PATIENCE).await;
        let answer = answer.map_err(|f| f.told("the rights"))?;
        Ok(answer["status"]["allowed"] == true)
    }
}

fn review(need: &Need, namespace: &str) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "namespace": namespace, "verb": need.verb, "group": need.group,
            "resource": need.resource, "subresource": need.subresource,
        }},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_needs_two_rights_on_one_object() {
        for front in Kind::FRONTS {
            let back: Vec<String> = needs(front)
                .iter()
                .filter(|need| need.for_the_way_back)
                .map(Need::words)
                .collect();
            let plural = match front.group() {
                "" => front.plural().to_owned(),
                group => format!("{}.{group}", front.plural()),
            };
            assert_eq!(back, [format!("get {plural}"), format!("patch {plural}")]);
        }
    }

    #[test]
    fn what_is_missing_is_said_and_whether_the_way_back_is() {
        let all = needs(Kind::HttpRoute);
        let without = |words: &str| {
            let allowed: Vec<bool> = all.iter().map(|n| n.words() != words).collect();
            Preflight::of(all.clone(), &allowed)
        };
        let logs = without("get pods/log");
        assert_eq!(logs.missing.len(), 1);
        assert!(logs.can_take_back());
        assert!(!without("patch httproutes.gateway.networking.k8s.io").can_take_back());
    }

    #[test]
    fn each_right_is_asked_for_once() {
        let all = needs_of(&[Kind::HttpRoute, Kind::Service]);
        let mut words: Vec<String> = all.iter().map(Need::words).collect();
        words.sort();
        let count = words.len();
        words.dedup();
        assert_eq!(words.len(), count);
        let patch = all.iter().find(|n| n.words() == "patch services").unwrap();
        assert!(patch.for_the_way_back);
    }
}
