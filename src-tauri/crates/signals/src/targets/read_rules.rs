//! Reading relabelling rules, by the names that Prometheus gives their parts.

use deckwatch_domain::{Node, Problems};

use crate::relabel::{Action, Pattern, Rule};

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    Lowercase,
    Uppercase,
    LabelMap,
    LabelDrop,
    LabelKeep,
}

const ACTIONS: [(&str, Word); 11] = [
    ("replace", Word::Replace),
    ("keep", Word::Keep),
    ("drop", Word::Drop),
    ("keepequal", Word::KeepEqual),
    ("dropequal", Word::DropEqual),
    ("hashmod", Word::HashMod),
    ("lowercase", Word::Lowercase),
    ("uppercase", Word::Uppercase),
    ("labelmap", Word::LabelMap),
    ("labeldrop", Word::LabelDrop),
    ("labelkeep", Word::LabelKeep),
];

pub(super) fn rules(node: Option<&Node>, p: &mut Problems) -> Vec<Rule> {
    let Some(node) = node else { return Vec::new() };
    let items = node.items(p);
    items.iter().filter_map(|item| rule(item, p)).collect()
}

fn rule(node: &Node, p: &mut Problems) -> Option<Rule> {
    let mut entries = node.entries(p);
    let word = match entries.get("action") {
        None => Word::Replace,
        Some(n) => n.word(&ACTIONS, p)?,
    };
    let mut source = Vec::new();
    if let Some(list) = entries.get("source_labels") {
        for item in list.items(p) {
            source.extend(item.text(p));
        }
    }
    let separator = entries.get("separator").and_then(|n| n.text(p));
    let regex = entries.get("regex");
    let pattern = match regex {
        None => Pattern::new("(.*)").ok(),
        Some(n) => {
            let text = n.text(p)?;
            Pattern::new(&text).map_err(|why| p.at(n, why)).ok()
        }
    };
    let target = entries.get("target_label");
    let target_text = target.and_then(|n| n.text(p)).unwrap_or_default();
    let replacement = entries.get("replacement").and_then(|n| n.text(p));
    let replacement = replacement.unwrap_or_else(|| "$1".into());
    let modulus = entries.get("modulus");
    let modulus_number = modulus.and_then(|n| n.whole(1, u64::from(u32::MAX), p));
    entries.finish(p);
    let needs_target = !matches!(
        word,
        Word::Keep | Word::Drop | Word::LabelMap | Word::LabelDrop | Word::LabelKeep
    );
    if needs_target && target_text.is_empty() {
        p.at(node, "this action needs a `target_label`");
        return None;
    }
    if word == Word::HashMod && modulus_number.is_none() {
        p.at(node, "hashmod needs a `modulus`");
        return None;
    }
    let (pattern, target) = (pattern?, target_text);
    let action = match word {
        Word::Replace => Action::Replace {
            pattern,
            target,
            replacement,
        },
        Word::Keep => Action::Keep(pattern),
        Word::Drop => Action::Drop(pattern),
        Word::KeepEqual => Action::KeepEqual { target },
        Word::DropEqual => Action::DropEqual { target },
        Word::HashMod => Action::HashMod {
            modulus: modulus_number?,
            target,
        },
        Word::Lowercase => Action::Lowercase { target },
        Word::Uppercase => Action::Uppercase { target },
        Word::LabelMap => Action::LabelMap {
            pattern,
            replacement,
        },
        Word::LabelDrop => Action::LabelDrop(pattern),
        Word::LabelKeep => Action::LabelKeep(pattern),
    };
    Some(Rule {
        source,
        separator: separator.unwrap_or_else(|| ";".into()),
        action,
    })
}
