//! The kinds of objects that are read and written here, and where the API server keeps them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One kind of object. Secrets are none of them: what is not here cannot be read.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ts_rs::TS,
)]
#[ts(rename = "ObjectKind")]
pub enum Kind {
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Pod,
    Service,
    EndpointSlice,
    #[serde(rename = "HTTPRoute")]
    HttpRoute,
    VirtualService,
    Ingress,
    #[serde(rename = "HorizontalPodAutoscaler")]
    Autoscaler,
    #[serde(rename = "PodDisruptionBudget")]
    DisruptionBudget,
    Event,
}

impl Kind {
    /// What the index keeps, in the order in which it is filled.
    pub const INDEXED: [Kind; 9] = [
        Kind::Service,
        Kind::HttpRoute,
        Kind::VirtualService,
        Kind::Ingress,
        Kind::Deployment,
        Kind::Pod,
        Kind::EndpointSlice,
        Kind::Autoscaler,
        Kind::DisruptionBudget,
    ];

    /// What is kept beside that once somebody looks at the objects themselves. No rollout and no way
    /// back waits for these.
    pub const SHOWN: [Kind; 2] = [Kind::ReplicaSet, Kind::Event];

    /// Every kind there is here.
    pub const ALL: [Kind; 13] = [
        Kind::Deployment,
        Kind::ReplicaSet,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Pod,
        Kind::Service,
        Kind::EndpointSlice,
        Kind::HttpRoute,
        Kind::VirtualService,
        Kind::Ingress,
        Kind::Autoscaler,
        Kind::DisruptionBudget,
        Kind::Event,
    ];

    /// What can carry a service's traffic, and with it the record.
    pub const FRONTS: [Kind; 4] = [
        Kind::HttpRoute,
        Kind::VirtualService,
        Kind::Ingress,
        Kind::Service,
    ];

    /// Whether a cluster may well not have it, or not for everybody.
    pub const fn is_optional(self) -> bool {
        matches!(self, Kind::HttpRoute | Kind::VirtualService | Kind::Ingress)
    }

    /// The API group; empty for the core one.
    pub const fn group(self) -> &'static str {
        match self {
            Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => "apps",
            Kind::Pod | Kind::Service | Kind::Event => "",
            Kind::EndpointSlice => "discovery.k8s.io",
            Kind::HttpRoute => "gateway.networking.k8s.io",
            Kind::VirtualService => "networking.istio.io",
            Kind::Ingress => "networking.k8s.io",
            Kind::Autoscaler => "autoscaling",
            Kind::DisruptionBudget => "policy",
        }
    }

    /// The version that is spoken.
    pub const fn version(self) -> &'static str {
        match self {
            Kind::Autoscaler => "v2",
            _ => "v1",
        }
    }

    /// `apiVersion` as it stands in an object.
    pub fn api_version(self) -> String {
        match self.group() {
            "" => self.version().to_owned(),
            group => format!("{group}/{}", self.version()),
        }
    }

    /// `kind` as it stands in an object.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Deployment => "Deployment",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::Pod => "Pod",
            Kind::Service => "Service",
            Kind::EndpointSlice => "EndpointSlice",
            Kind::HttpRoute => "HTTPRoute",
            Kind::VirtualService => "VirtualService",
            Kind::Ingress => "Ingress",
            Kind::Autoscaler => "HorizontalPodAutoscaler",
            Kind::DisruptionBudget => "PodDisruptionBudget",
            Kind::Event => "Event",
        }
    }

    /// The resource as it stands in a path and in a role's rules.
    pub const fn plural(self) -> &'static str {
        match self {
            Kind::Deployment => "deployments",
            Kind::ReplicaSet => "replicasets",
            Kind::StatefulSet => "statefulsets",
            Kind::DaemonSet => "daemonsets",
            Kind::Pod => "pods",
            Kind::Service => "services",
            Kind::EndpointSlice => "endpointslices",
            Kind::HttpRoute => "httproutes",
            Kind::VirtualService => "virtualservices",
            Kind::Ingress => "ingresses",
            Kind::Autoscaler => "horizontalpodautoscalers",
            Kind::DisruptionBudget => "poddisruptionbudgets",
            Kind::Event => "events",
        }
    }

    /// As people shorten it on a command line.
    const fn short(self) -> &'static str {
        match self {
            Kind::Deployment => "deploy",
            Kind::ReplicaSet => "rs",
            Kind::StatefulSet => "sts",
            Kind::DaemonSet => "ds",
            Kind::Pod => "po",
            Kind::Service => "svc",
            Kind::EndpointSlice => "endpointslice",
            Kind::HttpRoute => "route",
            Kind::VirtualService => "vs",
            Kind::Ingress => "ing",
            Kind::Autoscaler => "hpa",
            Kind::DisruptionBudget => "pdb",
            Kind::Event => "ev",
        }
    }

    /// The path of all of them in a namespace.
    pub fn all(self, namespace: &str) -> String {
        let root = match self.group() {
            "" => "/api/v1".to_owned(),
            group => format!("/apis/{group}/{}", self.version()),
        };
        format!("{root}/namespaces/{namespace}/{}", self.plural())
    }

    /// The path of one.
    pub fn one(self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.all(namespace))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    /// Its name, its plural or what it is shortened to, in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.to_lowercase();
        let is = |kind: &Kind| {
            kind.name().to_lowercase() == wanted
                || kind.plural() == wanted
                || kind.short() == wanted
        };
        Kind::ALL.into_iter().find(is).ok_or_else(|| {
            if matches!(wanted.as_str(), "secret" | "secrets") {
                return "Secrets are not read".to_owned();
            }
            let known = Kind::ALL.map(Kind::name).join(", ");
            format!("`{text}` is none of {known}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_as_people_write_them_and_secrets_are_not() {
        for kind in Kind::ALL {
            for text in [kind.name(), kind.plural(), kind.short()] {
                assert_eq!(text.parse(), Ok(kind));
            }
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!("Deploy".parse(), Ok(Kind::Deployment));
        for text in ["secret", "Secrets"] {
            assert_eq!(text.parse::<Kind>(), Err("Secrets are not read".into()));
        }
        assert!(serde_json::from_str::<Kind>("\"Secret\"").is_err());
    }

    #[test]
    fn core_objects_have_no_group_in_their_path() {
        assert_eq!(
            Kind::Pod.one("shop", "web-1"),
            "/api/v1/namespaces/shop/pods/web-1"
        );
        assert_eq!(
            Kind::HttpRoute.all("shop"),
            "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
        );
        assert_eq!(Kind::Service.api_version(), "v1");
        assert_eq!(Kind::Autoscaler.api_version(), "autoscaling/v2");
    }
}
