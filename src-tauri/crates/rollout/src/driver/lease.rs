//! Keeping the lease on a service's rollouts.

use std::time::Duration;

use deckwatch_domain::{Epoch, ServiceName};
use deckwatch_journal::{Fence, LeaseError, LeaseView, LeaseWatch};

use super::{Driver, DriverError, Identity};
use crate::event::{Cause, Ending};
use crate::plan::OnLost;
use crate::ports::Now;

/// A lease that is ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    pub epoch: Epoch,
    /// When we last showed a sign of life.
    pub beat_at: Duration,
}

/// The lease of one service, as seen from one driver.
pub(crate) struct Keeper {
    pub name: String,
    held: Option<Held>,
    watch: LeaseWatch,
    others: Option<String>,
}

pub(super) enum Kept {
    Ours { lost_driver: bool },
    Theirs { why: String, look_after: Duration },
}

impl Keeper {
    pub fn new(service: &ServiceName) -> Self {
        Keeper {
            name: format!("rollouts/{service}"),
            held: None,
            watch: LeaseWatch::default(),
            others: None,
        }
    }

    pub fn held(&self) -> Option<Held> {
        self.held
    }

    pub fn epoch(&self) -> Epoch {
        self.held.map(|h| h.epoch).unwrap_or_default()
    }

    pub fn fence(&self, identity: &Identity) -> Option<Fence> {
        self.held.map(|held| Fence {
            lease: self.name.clone(),
            holder: identity.holder.clone(),
            epoch: held.epoch,
        })
    }

    pub fn lost(&mut self) {
        self.held = None;
    }
}

impl Driver {
    /// The lease, while this driver has it.
    pub fn held(&self) -> Option<Held> {
        self.lease.held()
    }

    /// Who drives instead, when somebody does.
    pub fn driven_by(&self) -> Option<&str> {
        self.lease.others.as_deref()
    }

    pub(super) async fn release(&mut self) {
        if let Some(held) = self.lease.held.take() {
            let (name, holder) = (self.lease.name.clone(), self.identity.holder.clone());
            let _ = self
                .ports
                .store
                .lease_release(&name, &holder, held.epoch)
                .await;
        }
    }

    /// Gives the lease back, so that the next driver need not wait.
    pub async fn stop(&mut self) {
        self.release().await;
    }

    /// Keeps the lease, or takes it if nobody alive has it.
    pub(super) async fn keep_lease(
        &mut self,
        now: Now,
        seen_epoch: Epoch,
    ) -> Result<Kept, DriverError> {
        if self.lease.held.is_some() && self.beat(now, seen_epoch).await? {
            return Ok(Kept::Ours { lost_driver: false });
        }
        self.try_take(now, seen_epoch).await
    }

    /// A sign of life when it is time for one; false when the lease is no longer ours.
    async fn beat(&mut self, now: Now, seen_epoch: Epoch) -> Result<bool, DriverError> {
        let Some(held) = self.lease.held else {
            return Ok(false);
        };
        let raise = seen_epoch > held.epoch;
        let due = now.boot.saturating_sub(held.beat_at) >= self.identity.ttl / 3;
        if !raise && !due {
            return Ok(true);
        }
        let (store, name) = (self.ports.store.clone(), self.lease.name.clone());
        let holder = self.identity.holder.clone();
        // A take-back has raised the object's epoch: we still hold the lease, so our writes may
        // go on, for whatever is not latched.
        let row = if raise {
            store
                .lease_raise(&name, &holder, held.epoch, seen_epoch)
                .await
        } else {
            store.lease_beat(&name, &holder, held.epoch).await
        };
        match row {
            Ok(row) => {
                self.lease.held = Some(Held {
                    epoch: row.epoch,
                    beat_at: now.boot,
                });
                Ok(true)
            }
            Err(LeaseError::Journal(error)) => Err(error.into()),
            Err(_) => {
                self.lease.lost();
                Ok(false)
            }
        }
    }

    async fn try_take(&mut self, now: Now, seen_epoch: Epoch) -> Result<Kept, DriverError> {
        let (store, name) = (self.ports.store.clone(), self.lease.name.clone());
        let row = store.lease(&name).await?;
        let view = self.lease.watch.see(row.as_ref(), now.boot);
        let holder = row.as_ref().and_then(|r| r.holder.clone());
        let seen = row
            .as_ref()
            .filter(|r| r.holder.is_some())
            .map(|r| (r.epoch, r.beat));
        let gone = holder
            .as_deref()
            .is_some_and(|h| h == self.identity.holder || self.ports.liveness.is_gone(h));
        let free = match view {
            LeaseView::Free | LeaseView::Expired { .. } => true,
            LeaseView::HeldBy { .. } => gone,
        };
        if !free {
            self.lease.others.clone_from(&holder);
            return Ok(Kept::Theirs {
                why: format!("{} drives", holder.unwrap_or_default()),
                look_after: self.identity.ttl / 4,
            });
        }
        let taken = store
            .lease_take(
                &name,
                &self.identity.holder,
                seen,
                seen_epoch.next(),
                self.identity.ttl,
            )
            .await;
        match taken {
            Ok(row) => {
                self.lease.held = Some(Held {
                    epoch: row.epoch,
                    beat_at: now.boot,
                });
                self.lease.others = None;
                // What was judged or rehearsed before somebody else drove is stale.
                self.catch_up().await?;
                Ok(Kept::Ours {
                    lost_driver: holder.is_some_and(|h| h != self.identity.holder),
                })
            }
            Err(LeaseError::Journal(error)) => Err(error.into()),
            Err(_) => Ok(Kept::Theirs {
                why: "another driver was quicker".into(),
                look_after: self.identity.ttl / 4,
            }),
        }
    }

    /// What the plan says about a driver that was lost, carried out by whoever finds it.
    pub(super) async fn after_lost_driver(&mut self, now: Now) -> Result<(), DriverError> {
        let Some(rollout) = &self.state.current else {
            return Ok(());
        };
        if !rollout.is_live() || rollout.back.is_some() {
            return Ok(());
        }
        if rollout.plan.on_driver_lost == OnLost::Rollback {
            self.take_back(
                Cause::DriverLost,
                Ending::RolledBack,
                "its driver was lost, and the plan says to go back then".into(),
                now,
            )
            .await?;
        }
        Ok(())
    }
}
