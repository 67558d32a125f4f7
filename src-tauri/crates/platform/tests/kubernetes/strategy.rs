//! The two ways in which a release is live when something goes wrong.

use serde_json::Value;

use crate::world::World;

/// How traffic moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// Half of it, by the weights of an HTTPRoute.
    Canary,
    /// All of it, by the selector of a Service alone.
    BlueGreen,
}

impl Strategy {
    /// Whether a route stands in front.
    pub fn by_route(self) -> bool {
        self == Strategy::Canary
    }

    /// The candidate's share.
    pub fn weight(self) -> u8 {
        match self {
            Strategy::Canary => 50,
            Strategy::BlueGreen => 100,
        }
    }

    /// The path of the object that carries the traffic.
    pub fn path(self, world: &World) -> String {
        let namespace = &world.namespace;
        match self {
            Strategy::Canary => {
                format!("/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes/shop")
            }
            Strategy::BlueGreen => format!("/api/v1/namespaces/{namespace}/services/web-svc"),
        }
    }

    /// That object.
    pub async fn front(self, world: &World) -> Value {
        let path = self.path(world);
        world.ask(http::Method::GET, &path, None).await
    }
}

/// Makes two tests of each state, one from each strategy.
macro_rules! from_both {
    ($($state:ident),* $(,)?) => {
        mod canary {
            $(async fn $state(world: crate::world::World) {
                super::$state(world, crate::strategy::Strategy::Canary).await
            })*
            crate::tests![$($state),*];
        }
        mod blue_green {
            $(async fn $state(world: crate::world::World) {
                super::$state(world, crate::strategy::Strategy::BlueGreen).await
            })*
            crate::tests![$($state),*];
        }
        pub fn both() -> Vec<crate::runner::Test> {
            canary::tests().into_iter().chain(blue_green::tests()).collect()
        }
    };
}
pub(crate) use from_both;
