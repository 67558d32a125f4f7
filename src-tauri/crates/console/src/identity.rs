//! Who is asking: what can be known, not what can be typed.

use deckwatch_domain::{Actor, EventId, IntentId};
use deckwatch_rollout::ports::Ids;

/// This machine's name.
#[derive(Clone, Debug)]
pub struct Host(pub String);

impl Host {
    pub fn this() -> Self {
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Host(if name.is_empty() {
            "localhost".into()
        } else {
            name
        })
    }
}

/// The operating system's user of this process, on this host. Environment variables are not
/// asked: anybody can set them.
pub fn os_actor(display: Option<String>) -> Actor {
    let user = user_name(uzers::get_current_uid());
    let mut actor = Actor::person(&user, &Host::this().0);
    actor.display = display;
    actor
}

/// A user's name on this machine.
pub(crate) fn user_name(id: u32) -> String {
    uzers::get_user_by_uid(id).map_or_else(
        || format!("uid-{id}"),
        |u| u.name().to_string_lossy().into_owned(),
    )
}

/// Fresh ids that sort by time.
pub(crate) struct TimeIds;

impl Ids for TimeIds {
    fn event(&self) -> EventId {
        EventId::new(uuid::Uuid::now_v7())
    }
    fn intent(&self) -> IntentId {
        IntentId::new(uuid::Uuid::now_v7())
    }
}
