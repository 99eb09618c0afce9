//! The order of findings, in every format: what must be looked at first comes first.

use std::cmp::Reverse;

use crate::detect::score::Reason;
use crate::finding::{Appearance, Finding};
use crate::rule::RuleSet;
use crate::severity::Severity;

/// Sorts findings: by severity and confidence, then proven before likely, still there before gone,
/// published before local, reachable before not, production before tests; then by file and line. No two findings are equal, so that the order
/// depends on nothing else.
pub(super) fn put_in_order(findings: &mut [Finding], rules: &RuleSet) {
    findings.sort_by_cached_key(|finding| {
        let history = finding.history.as_ref();
        let standing = history.and_then(|history| history.standing.as_ref());
        let is_gone = standing.is_some_and(|standing| {
            let reach = &standing.reach;
            !(standing.in_head || reach.index || reach.worktree)
        });
        let is_local = standing.is_some_and(|standing| standing.reach.remotes.is_empty());
        let is_unreachable = standing.is_some_and(|standing| !standing.reach.by_ref());
        let first = history.and_then(|history| history.appearances.first());
        (
            Reverse(Severity::of(finding, rules.get(&finding.rule_id))),
            Reverse(finding.confidence),
            Reverse(proof(finding)),
            is_gone,
            is_local,
            is_unreachable,
            finding.path_class(),
            place(first),
            finding.rule_id.clone(),
            finding.fingerprint,
        )
    });
}

/// How well it is proven that a finding is a secret.
fn proof(finding: &Finding) -> u8 {
    let has = |reason| finding.reasons.contains(reason);
    if has(Reason::ChecksumVerified) || has(Reason::KnownValue) {
        2
    } else {
        u8::from(has(Reason::StructureVerified))
    }
}

/// Where it first stood; what stands in no file comes last.
fn place(first: Option<&Appearance>) -> (bool, Vec<u8>, u32, u32) {
    let path = first.and_then(|first| first.path.as_ref());
    let position = first.map(|first| first.spot.position);
    let position = position.unwrap_or_default();
    (
        path.is_none(),
        path.map(|path| path.to_vec()).unwrap_or_default(),
        position.line,
        position.column,
    )
}
