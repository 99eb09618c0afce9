//! `unleak ignore` and `unleak baseline`: findings that people know and accept.
//!
//! ```text
//! args < selection < add, list, remove; add, list, remove, baseline < mod
//! ```

mod add;
pub(crate) mod args;
mod baseline;
mod list;
mod remove;
pub(crate) mod selection;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use unleak::audit::{Audit, Scope};
use unleak::error::{Error, Result};
use unleak::suppress::{Details, FingerprintDigest, Locate, Suppressions};

use crate::exit::Exit;
use crate::options::CommonOptions;
use crate::ui;
use args::{IgnoreArgs, IgnoreCommand};

pub(crate) use add::{how_to_share, reasoned};
pub(crate) use baseline::run as baseline;

/// Runs `unleak ignore`.
pub(crate) fn run(args: &CommonOptions, ignore: &IgnoreArgs) -> Result<Exit> {
    match &ignore.command {
        Some(IgnoreCommand::List { rules }) => list::run(args, &ignore.repository, rules),
        Some(IgnoreCommand::Remove(remove)) => remove::run(args, &ignore.repository, remove),
        None => add::run(args, ignore),
    }
}

/// Takes out of `audit` what is suppressed, and warns about what should be looked at.
pub(crate) fn apply(all: &Suppressions, audit: &mut Audit) -> Result<()> {
    apply_at(all, audit, &<[u8]>::to_vec)
}

/// Like [`apply`], for findings whose paths do not begin at the top of the repository.
pub(crate) fn apply_at(all: &Suppressions, audit: &mut Audit, locate: Locate<'_>) -> Result<()> {
    let StaleSuppressions {
        expired,
        ended,
        unused,
    } = hide(all, audit, locate)?;
    for name in ended {
        ui::warn(&format!(
            "the suppression '{name}' has ended, since the value is in other files, too: 'unleak ignore \
             list' tells where"
        ));
    }
    for name in expired {
        ui::warn(&format!(
            "the suppression '{name}' has expired: 'unleak ignore list' tells which"
        ));
    }
    let coverage = &audit.coverage;
    // A suppression may be for what is not sure enough to be here.
    let is_whole = audit.scope == Scope::Repository
        && coverage.is_complete()
        && coverage.below_confidence == 0;
    if is_whole && !unused.is_empty() {
        let count = match unused.len() {
            1 => "1 suppression matches".to_owned(),
            count => format!("{count} suppressions match"),
        };
        ui::warn(&format!(
            "{count} nothing: 'unleak ignore list' tells which"
        ));
    }
    Ok(())
}

/// The names of suppressions that should be looked at.
struct StaleSuppressions {
    /// Those that have expired.
    expired: Vec<String>,
    /// Those of a value that is in other files, too.
    ended: Vec<String>,
    /// Those that match nothing.
    unused: Vec<String>,
}

/// Moves the suppressed findings of `audit` to its hidden ones.
fn hide(all: &Suppressions, audit: &mut Audit, locate: Locate<'_>) -> Result<StaleSuppressions> {
    let outcome = all.apply(std::mem::take(&mut audit.findings), today(), locate)?;
    audit.findings = outcome.findings;
    audit.coverage.suppressed = outcome.suppressed;
    audit.hidden.extend(outcome.hidden);
    Ok(StaleSuppressions {
        expired: outcome.expired,
        ended: outcome.ended,
        unused: outcome.unused,
    })
}

/// The day on which suppressions are judged, UTC.
pub(crate) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// What people said about a suppression, part by part. They may have written a secret, which `shown` hides.
fn said(details: &Details, shown: &dyn Fn(&str) -> String) -> Vec<String> {
    let classes: Vec<&str> = details
        .path_class
        .iter()
        .map(|class| class.slug())
        .collect();
    let classes = (!classes.is_empty()).then(|| classes.join(" or "));
    let parts = [
        ("reason", details.reason.clone()),
        ("owner", details.owner.clone()),
        ("path", details.path.clone()),
        ("class of path", classes),
        ("expires", details.expires.map(|day| day.to_string())),
    ];
    let parts = parts.into_iter();
    let said = parts.filter_map(|(what, value)| Some(format!("{what}: {}", shown(&value?))));
    said.collect()
}

/// Digits of the name of a suppression, as lists show it.
const SHORT_DIGEST: usize = 12;

/// The first digits of the name of a suppression, which `unleak ignore remove` takes.
fn short(digest: FingerprintDigest) -> String {
    let mut digits = digest.to_string();
    digits.truncate(SHORT_DIGEST);
    digits
}

/// Reads the last day on which a suppression holds: a date, or a time from `today` on, as in `90d`.
///
/// # Errors
/// `Usage` if it is none, or is before `today`.
pub(crate) fn future(text: &str, today: Date) -> Result<Date> {
    let day = match after(text, today) {
        Some(day) => day,
        None => text.parse().map_err(|_| {
            Error::usage(format!("'{text}' is not a day"))
                .hint("write it as in 2030-12-31, or as a time from now: 90d, 12w, 6m, 1y")
        })?,
    };
    match day < today {
        true => Err(Error::usage(format!("'{day}' is in the past"))
            .hint("it is the last day on which the suppression holds")),
        false => Ok(day),
    }
}

/// The day that is a number of days, weeks, months or years after `today`.
fn after(text: &str, today: Date) -> Option<Date> {
    let unit = text.chars().next_back()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let span = Span::new();
    let span = match unit {
        'd' => span.try_days(count),
        'w' => span.try_weeks(count),
        'm' => span.try_months(count),
        'y' => span.try_years(count),
        _ => return None,
    };
    today.checked_add(span.ok()?).ok()
}
