//! Which of the findings are wanted.

use std::collections::BTreeSet;

use globset::GlobMatcher;
use unleak::audit::Audit;
use unleak::error::{Error, Result, nearest};
use unleak::finding::Finding;
use unleak::rule::RuleSet;
use unleak::suppress::glob;

use crate::args::FilterOptions;

/// What a finding must be.
pub(crate) struct Filter<'a> {
    options: &'a FilterOptions,
    paths: Vec<GlobMatcher>,
}

impl<'a> Filter<'a> {
    /// Checks the options.
    ///
    /// # Errors
    /// `Config` if there is no such rule, issuer or pattern; the nearest name is in the hint.
    pub(crate) fn resolve(options: &'a FilterOptions, rules: &RuleSet) -> Result<Self> {
        if let Some(id) = options.rule.iter().find(|id| rules.get(id).is_none()) {
            return Err(rules.unknown(id));
        }
        let providers: BTreeSet<&str> = rules.rules.iter().map(|r| r.provider.as_str()).collect();
        for name in &options.provider {
            if !providers
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            {
                let hint = match nearest(name, providers.iter().copied()) {
                    Some(known) => format!("did you mean '{known}'?"),
                    None => "'unleak rules show ID' tells the issuer of a rule".to_owned(),
                };
                return Err(Error::config(format!("no rule is for '{name}'")).hint(hint));
            }
        }
        let paths = options.path.iter().map(|pattern| glob(pattern));
        Ok(Self {
            options,
            paths: paths.collect::<Result<_>>()?,
        })
    }

    /// Leaves out what is not wanted, but for its secrets.
    pub(crate) fn apply(&self, audit: &mut Audit, rules: &RuleSet) {
        let findings = std::mem::take(&mut audit.findings).into_iter();
        let (wanted, others): (Vec<_>, Vec<_>) =
            findings.partition(|finding| self.wants(finding, rules));
        audit.findings = wanted;
        let secrets = others.into_iter().map(|finding| finding.secret);
        audit.coverage.filtered = secrets.collect();
    }

    fn wants(&self, finding: &Finding, rules: &RuleSet) -> bool {
        let options = self.options;
        let history = finding.history.as_ref();
        let standing = history.and_then(|history| history.standing.as_ref());
        let is_rule = options.rule.is_empty() || options.rule.contains(&finding.rule_id);
        let provider = rules
            .get(&finding.rule_id)
            .map(|rule| rule.provider.as_str());
        let is_provider = options.provider.is_empty()
            || provider
                .is_some_and(|of| options.provider.iter().any(|p| p.eq_ignore_ascii_case(of)));
        is_rule
            && is_provider
            && (self.paths.is_empty() || self.is_in_path(finding))
            && options
                .author
                .as_ref()
                .is_none_or(|text| is_by(finding, text))
            && (options.refs.is_empty() || self.is_on_ref(finding))
            && (!options.in_head || standing.is_some_and(|standing| standing.in_head))
            && (!options.published
                || standing.is_some_and(|standing| !standing.reach.remotes.is_empty()))
    }

    fn is_in_path(&self, finding: &Finding) -> bool {
        let history = finding.history.iter().flat_map(|history| &history.paths);
        let elsewhere = finding
            .occurrences
            .iter()
            .map(|occurrence| &occurrence.name);
        history
            .chain(elsewhere.filter(|name| !name.is_empty()))
            .map(|path| String::from_utf8_lossy(path))
            .any(|path| self.paths.iter().any(|glob| glob.is_match(path.as_ref())))
    }

    fn is_on_ref(&self, finding: &Finding) -> bool {
        let history = finding.history.iter();
        let standings = history.filter_map(|history| history.standing.as_ref());
        standings.map(|standing| &standing.reach).any(|reach| {
            [&reach.branches, &reach.remotes, &reach.tags, &reach.others]
                .into_iter()
                .flatten()
                .any(|name| {
                    self.options
                        .refs
                        .iter()
                        .any(|wanted| *name == wanted.as_str())
                })
        })
    }
}

/// Whether the author of the first commit is meant by `text`, in any case.
fn is_by(finding: &Finding, text: &str) -> bool {
    let author = finding
        .history
        .as_ref()
        .and_then(|history| history.author.as_ref());
    author.is_some_and(|author| {
        let line = format!("{} <{}>", author.name, author.email);
        line.to_lowercase().contains(&text.to_lowercase())
    })
}
