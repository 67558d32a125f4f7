//! The kinds of objects that are read and written here, and where the API server keeps them.

use std::fmt;

/// One kind of object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Pod,
    Service,
    EndpointSlice,
    HttpRoute,
    VirtualService,
    Ingress,
    Autoscaler,
    DisruptionBudget,
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
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => "apps",
            Kind::Pod | Kind::Service => "",
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
        }
    }

    /// The resource as it stands in a path and in a role's rules.
    pub const fn plural(self) -> &'static str {
        match self {
            Kind::Deployment => "deployments",
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

#[cfg(test)]
mod tests {
    use super::*;

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
