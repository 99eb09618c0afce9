//! `unleak baseline`: suppresses all that is found.

use std::collections::HashSet;

use unleak::error::{Error, Result};
use unleak::finding::Fingerprint;
use unleak::report::escape::escape;
use unleak::scan::InlineAllow;
use unleak::suppress::{FingerprintDigest, SuppressionStore};

use crate::args::{BaselineArgs, BaselineCommand};
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest};
use crate::options::CommonOptions;
use crate::{output, plan, ui};

/// Runs it.
pub(crate) fn run(args: &CommonOptions, baseline: &BaselineArgs) -> Result<Exit> {
    let wanted = ScanRequest {
        least: Some(baseline.min_confidence),
        inline: InlineAllow::Honoured,
        ..ScanRequest::all(&baseline.repository, &baseline.rules)
    };
    let found = RepositoryFindings::scan(args, &wanted)?;
    if !found.audit.coverage.is_complete() {
        ui::warn("not everything could be read: what was not is not in the baseline");
    }
    let mut store = SuppressionStore::open(&found.repository)?;
    let findings = &found.audit.findings;
    let is_there = |digest: &FingerprintDigest| {
        findings
            .iter()
            .any(|finding| store.all.find(finding.fingerprint) == Some(*digest))
    };
    let kept: Vec<FingerprintDigest> = store.baseline().into_iter().filter(is_there).collect();
    let dropped = store.baseline().len() - kept.len();
    let new = findings
        .iter()
        .filter(|finding| store.all.find(finding.fingerprint).is_none())
        .map(|finding| (finding.fingerprint, finding.rule_id.clone()));
    let new: Vec<(Fingerprint, String)> = new.collect();
    let added = match baseline.command {
        BaselineCommand::Create if store.has_baseline() => {
            return Err(Error::usage("there is a baseline already")
                .hint("'unleak baseline update' brings it up to date"));
        }
        BaselineCommand::Create | BaselineCommand::Update => new,
        BaselineCommand::Prune => Vec::new(),
    };
    let path = store.write_baseline(&kept, &added)?;
    let mut text = format!(
        "{}: {} findings are known, of which {} are new; {dropped} that are gone were dropped\n",
        escape(path.as_os_str().as_encoded_bytes()),
        kept.len() + added.len(),
        added.len()
    );
    let ids: HashSet<String> = added.iter().map(|(id, _)| id.to_string()).collect();
    plan::take_out(&found.repository, &|id| ids.contains(id), &mut text);
    output::print(text.as_bytes())
}
