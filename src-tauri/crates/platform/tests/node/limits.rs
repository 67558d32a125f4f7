//! How many files a node may open, and how many its instances.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::Duration;

use deckwatch_domain::Slot;

use crate::rig::{Rig, host, until};

/// Soft and hard limit of open files of a process.
fn open_files(pid: u32) -> (u64, u64) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find_map(|l| l.strip_prefix("Max open files"))
        .unwrap();
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    let mut numbers = line.split_ascii_whitespace().map(number);
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A node under other limits than this test's.
async fn limited(rig: &mut Rig, limits: &str) {
    rig.kill_node();
    let script = format!("ulimit {limits}; exec \"$0\" node \"$1\"");
    let node = Command::new("sh")
        .args(["-c", &script])
        .arg(host())
        .arg(rig.folder.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    rig.node = Some(node);
    until("the node answers", Duration::from_secs(5), async || {
        rig.platform.node().await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_has_all_it_may_and_its_instances_what_it_was_given() {
    let mut rig = Rig::new().await;
    let (_, hard) = open_files(rig.node.as_ref().unwrap().id());
    limited(&mut rig, "-Sn 300").await;
    rig.platform.define(&rig.definition()).await.unwrap();
    rig.bring_up(Slot::Blue, "v1", 1, &[]).await;
    rig.ready(Slot::Blue, 1).await;
    let instance = rig.observe().await.slots.blue.instances[0].pid.unwrap();
    assert_eq!(open_files(rig.node.as_ref().unwrap().id()), (hard, hard));
    assert_eq!(open_files(instance), (300, hard));
    let instance_of = async |rig: &Rig| rig.observe().await.slots.blue.instances[0].pid;
    crate::supervision::kill(instance);
    until("it is started again", Duration::from_secs(5), async || {
        instance_of(&rig).await.is_some_and(|pid| pid != instance)
    })
    .await;
    let instance = instance_of(&rig).await.unwrap();
    assert_eq!(open_files(instance), (300, hard));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_open_few_says_so() {
    let mut rig = Rig::new().await;
    limited(&mut rig, "-n 300").await;
    let said = async |rig: &Rig| rig.platform.node().await.unwrap().troubles.join("\n");
    until("it says so", Duration::from_secs(2), async || {
        said(&rig).await.contains("300 files open at once")
    })
    .await;
    assert!(said(&rig).await.contains("ulimit -Hn"));
}
