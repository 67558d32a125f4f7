//! What the cluster itself says has happened: its Events. (An event here is a journal's; these are
//! notices.)

use deckwatch_domain::Timestamp;
use serde_json::Value;

/// One Event object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    pub warning: bool,
    /// `FailedScheduling`
    pub reason: String,
    pub message: String,
    /// Kind and name of what it is about.
    pub about: (String, String),
    /// How often it has happened.
    pub count: u32,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Who says so: `kubelet`.
    pub by: String,
}

impl Notice {
    /// Both ways of writing them are read: with a count of its own, or as a series.
    pub(super) fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let moment = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
        let about = &object["involvedObject"];
        let series = &object["series"];
        let count = series["count"].as_u64().or(object["count"].as_u64());
        let first = moment(&object["firstTimestamp"])
            .or_else(|| moment(&object["eventTime"]))
            .or_else(|| moment(&object["metadata"]["creationTimestamp"]))
            .unwrap_or(Timestamp::EPOCH);
        let last = moment(&series["lastObservedTime"])
            .or_else(|| moment(&object["lastTimestamp"]))
            .unwrap_or(first);
        let component = object["source"]["component"].as_str();
        let by = component.filter(|c| !c.is_empty());
        Notice {
            warning: object["type"] == "Warning",
            reason: text(&object["reason"]),
            message: text(&object["message"]),
            about: (text(&about["kind"]), text(&about["name"])),
            count: count.and_then(|n| n.try_into().ok()).unwrap_or(1).max(1),
            first,
            last,
            by: by.map_or_else(|| text(&object["reportingComponent"]), str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_ways_of_writing_one_are_read() {
        let counted = Notice::of(&json!({
            "type": "Warning", "reason": "BackOff", "message": "Back-off restarting",
            "involvedObject": {"kind": "Pod", "name": "web-1"}, "count": 7,
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:05:00Z",
            "source": {"component": "kubelet"}, "eventTime": null, "reportingComponent": "",
        }));
        assert!(counted.warning);
        assert_eq!((counted.count, counted.by.as_str()), (7, "kubelet"));
        assert_eq!(counted.last.since(counted.first).as_secs(), 300);
        let series = Notice::of(&json!({
            "type": "Normal", "reason": "Scheduled", "eventTime": "2026-01-01T00:00:00.123456Z",
            "involvedObject": {"kind": "Pod", "name": "web-1"},
            "reportingComponent": "default-scheduler", "source": {},
            "firstTimestamp": null, "lastTimestamp": null,
            "series": {"count": 3, "lastObservedTime": "2026-01-01T00:01:00.000000Z"},
        }));
        assert_eq!((series.count, series.by.as_str()), (3, "default-scheduler"));
        assert_eq!(series.last.since(series.first).as_millis(), 59_877);
        assert_eq!(Notice::of(&json!({})).count, 1);
    }
}
