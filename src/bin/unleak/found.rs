//! The findings of a repository, for commands that speak of some of them.

use std::path::Path;
use std::sync::Arc;

use unleak::audit::repository::audit;
use unleak::audit::{Audit, AuditOptions};
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::finding::Finding;
use unleak::odb::repository::{Overrides, Repository};
use unleak::progress::Progress;

use crate::args::{Args, ConfidenceChoice, RuleOptions};
use crate::config::Layers;
use crate::progress::ProgressLine;
use crate::settings;

/// A repository and all that is found in it, suppressed or not.
pub(crate) struct Found {
    pub(crate) repository: Repository,
    pub(crate) overrides: Overrides,
    pub(crate) detector: Detector,
    pub(crate) options: AuditOptions,
    pub(crate) audit: Audit,
    pub(crate) layers: Layers,
}

impl Found {
    /// Scans the repository at `path`.
    pub(crate) fn scan(
        args: &Args,
        path: &Path,
        rules: &RuleOptions,
        least: ConfidenceChoice,
        allow_inline: bool,
    ) -> Result<Self> {
        let overrides = settings::overrides_for(path);
        let repository = Repository::discover(path, &overrides)?;
        let layers = Layers::load(&rules.config, Some(&repository))?;
        let options = settings::audit_options(&layers, Some(least), !allow_inline);
        let detector = Detector::compile(settings::rules(rules, &layers)?)?;
        let progress = Arc::new(Progress::default());
        let line = ProgressLine::start(&progress, !args.quiet);
        let audit = audit(&repository, &overrides, &detector, &options, &progress);
        drop(line);
        Ok(Self {
            audit: audit?,
            repository,
            overrides,
            detector,
            options,
            layers,
        })
    }

    /// The finding whose fingerprint begins with `prefix`.
    pub(crate) fn picked(&self, prefix: &str) -> Result<&Finding> {
        let prefix = prefix.to_ascii_lowercase();
        let is_alike = |finding: &&Finding| finding.fingerprint.to_string().starts_with(&prefix);
        let mut alike = self.audit.findings.iter().filter(is_alike);
        match (alike.next(), alike.next()) {
            (Some(finding), None) => Ok(finding),
            (None, _) => Err(
                Error::usage(format!("no finding has the fingerprint '{prefix}'"))
                    .hint("'unleak scan --min-confidence low' lists all"),
            ),
            _ => Err(
                Error::usage(format!("more than one fingerprint begins with '{prefix}'"))
                    .hint("give more of its digits"),
            ),
        }
    }
}
