//! The cluster's events as rows, newest first. Pure.

use super::super::index::Index;
use super::rows::NoticeRow;
use super::whose::Belongings;

pub(super) fn notices(index: &Index) -> Vec<NoticeRow> {
    let belongings = Belongings::of(index);
    let rows = index.notices.values().map(|(_, notice)| {
        let (kind, name) = &notice.about;
        let whose = belongings.named(index, kind, name);
        NoticeRow {
            warning: notice.warning,
            reason: notice.reason.clone(),
            message: notice.message.clone(),
            kind: kind.clone(),
            name: name.clone(),
            service: whose.as_ref().map(|w| w.service.clone()),
            slot: whose.and_then(|w| w.slot),
            count: notice.count,
            first: notice.first,
            last: notice.last,
            by: notice.by.clone(),
        }
    });
    let mut rows: Vec<NoticeRow> = rows.collect();
    rows.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.name.cmp(&b.name)));
    rows
}
