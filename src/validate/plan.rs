//! Plans the validation of findings: the request, its host, and missing values.

use super::login::{self, LoginTarget};
use super::network::{Endpoint, Request};
use super::render::{self, Cannot, TemplateValues};
use super::{State, Verdict, special};
use crate::error::{Error, Result};
use crate::finding::{Finding, Fingerprint};
use crate::rule::request::{Inquiry, Issuer, Piece, Protocol, RequestStep, Requests, Term};
use crate::validate::network::endpoint;

/// A secret to validate.
#[derive(Clone)]
pub struct Question<'a> {
    /// The fingerprint of the finding.
    pub fingerprint: Fingerprint,
    /// Its rule.
    pub rule_id: &'a str,
    /// The secret.
    pub secret: &'a [u8],
    /// The values near it, by rule id.
    pub parts: Vec<(&'a str, &'a [u8])>,
    /// The text of its line before and after it.
    pub line: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Question<'a> {
    /// Returns the question for a finding.
    pub fn of(finding: &'a Finding) -> Self {
        let parts = finding.with.iter();
        let line = finding.excerpt.as_ref();
        Self {
            fingerprint: finding.fingerprint,
            rule_id: &finding.rule_id,
            secret: finding.secret.reveal(),
            parts: parts
                .map(|part| (part.rule_id.as_str(), part.secret.reveal()))
                .collect(),
            line: line.map(|line| (&line.before.bytes[..], &line.after.bytes[..])),
        }
    }
}

/// The hosts that the user named.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    named: Vec<(Option<String>, Endpoint)>,
}

impl Hosts {
    /// Parses `HOST`, `HOST:PORT` or `ISSUER=HOST[:PORT]`, as in `gitlab=git.example.com`.
    ///
    /// # Errors
    /// `Usage` if one of them is invalid.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let named = texts.iter().map(|text| {
            let (issuer, rest) = match text.split_once('=') {
                Some((issuer, rest)) => (Some(issuer.to_ascii_lowercase()), rest),
                None => (None, text.as_str()),
            };
            let endpoint = endpoint(rest, 443).ok_or_else(|| {
                Error::usage(format!("'{text}' does not name a host")).hint(
                    "write HOST, HOST:PORT or ISSUER=HOST:PORT, as in 'gitlab=git.example.com'",
                )
            })?;
            Ok((issuer, endpoint))
        });
        let named = named.collect::<Result<_>>()?;
        Ok(Self { named })
    }

    /// Returns the names of the hosts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named
            .iter()
            .map(|(_, endpoint)| endpoint.host.as_str())
    }

    /// Returns the host of a rule's issuer: the one that the user named for it, or one whose name
    /// contains the issuer.
    fn of_rule(&self, rule_id: &str, provider: &str) -> Option<&Endpoint> {
        let issuer = rule_id.split('-').next().unwrap_or(rule_id);
        let provider = provider.to_ascii_lowercase();
        let is_for = |name: &str| name == issuer || name == provider || name == rule_id;
        let explicit = self
            .named
            .iter()
            .find(|(name, _)| name.as_deref().is_some_and(is_for));
        let by_name = || {
            self.named.iter().find(|(name, endpoint)| {
                name.is_none() && endpoint.host.split(['.', '-']).any(|label| label == issuer)
            })
        };
        explicit.or_else(by_name).map(|(_, endpoint)| endpoint)
    }

    /// Returns whether a request to a host from a repository is permitted.
    pub(super) fn allows(&self, host: &str, port: u16) -> bool {
        let is_it = |endpoint: &Endpoint| {
            endpoint.host == host && (endpoint.port == port || endpoint.port == 443)
        };
        self.named.iter().any(|(_, endpoint)| is_it(endpoint))
    }
}

/// The plan for a question.
pub(super) enum QuestionPlan<'a> {
    /// The verdict is known without a request.
    Said(Verdict),
    /// A request is needed.
    Ask(Box<PlannedQuestion<'a>>),
}

/// A question that needs a request.
pub(super) struct PlannedQuestion<'a> {
    pub(super) question: Question<'a>,
    pub(super) inquiry: &'a Inquiry,
    /// The value of `{host}`.
    pub(super) host: Option<Endpoint>,
    /// The destination of its requests.
    pub(super) endpoint: Endpoint,
    /// The protocol.
    pub(super) way: RequestProtocol,
    /// The identity of the request; equal for questions that would send the same request.
    pub(super) identity: Vec<u8>,
}

/// The protocol of a request.
pub(super) enum RequestProtocol {
    /// HTTPS.
    Http,
    /// A login at a database server.
    Login(LoginTarget),
}

/// The kind of request of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Validate,
    Revoke,
}

/// Plans a question.
pub(super) fn plan<'a>(
    question: Question<'a>,
    requests: &'a Requests,
    hosts: &Hosts,
    which: Which,
    now: i64,
) -> QuestionPlan<'a> {
    let issuer = requests.rules.get(question.rule_id);
    let inquiry = issuer.and_then(|issuer| match which {
        Which::Validate => issuer.validate.as_ref(),
        Which::Revoke => issuer.revoke.as_ref(),
    });
    let (Some(issuer), Some(inquiry)) = (issuer, inquiry) else {
        return QuestionPlan::Said(Verdict::unknown(
            "no way to ask: no request is known for this rule",
        ));
    };
    let planned = match inquiry.kind {
        Protocol::Jwt => return QuestionPlan::Said(special::jwt(question.secret, now)),
        Protocol::PostgreSql | Protocol::MySql | Protocol::Redis | Protocol::MongoDb => {
            login(question, inquiry, hosts)
        }
        Protocol::Http | Protocol::Aws | Protocol::GoogleServiceAccount => {
            http(question, issuer, inquiry, hosts)
        }
    };
    planned.map_or_else(QuestionPlan::Said, |job| QuestionPlan::Ask(Box::new(job)))
}

fn http<'a>(
    question: Question<'a>,
    issuer: &Issuer,
    inquiry: &'a Inquiry,
    hosts: &Hosts,
) -> Result<PlannedQuestion<'a>, Verdict> {
    let named = hosts.of_rule(question.rule_id, &issuer.provider).cloned();
    let fixed = || {
        inquiry.host.as_ref().map(|host| Endpoint {
            host: host.clone(),
            port: 443,
            is_named: false,
        })
    };
    let host = named.or_else(fixed);
    let Some(step) = inquiry.steps.first() else {
        return Err(Verdict::unknown(
            "no way to ask: no request is known for this rule",
        ));
    };
    let assertion = [("assertion".to_owned(), String::new())];
    let values = TemplateValues {
        secret: question.secret,
        host: host.as_ref(),
        parts: &question.parts,
        taken: &assertion,
    };
    let request = render::request(step, values).map_err(|cannot| verdict(&cannot, &question))?;
    let mut identity = identity(&request);
    if inquiry.kind != Protocol::Http {
        // The request is signed with the secret, but does not contain it.
        identity.extend_from_slice(question.secret);
        for name in parts_of(step) {
            let found = question.parts.iter().find(|(known, _)| *known == name);
            identity.extend_from_slice(found.map_or(&b""[..], |(_, value)| value));
        }
    }
    if let Some(missing) = missing_part(inquiry, &question) {
        return Err(verdict(&Cannot::Missing(missing.to_owned()), &question));
    }
    Ok(PlannedQuestion {
        question,
        inquiry,
        host,
        endpoint: request.endpoint,
        way: RequestProtocol::Http,
        identity,
    })
}

/// Returns the value that a signature needs, if it was not found.
fn missing_part<'r>(inquiry: &Inquiry, question: &Question<'_>) -> Option<&'r str> {
    let needed = match inquiry.kind {
        Protocol::Aws => AWS_KEY_ID,
        Protocol::GoogleServiceAccount => GOOGLE_EMAIL,
        _ => return None,
    };
    let is_there = question.parts.iter().any(|(known, _)| *known == needed);
    (!is_there).then_some(needed)
}

/// The rule for AWS access key ids.
pub(super) const AWS_KEY_ID: &str = "aws-access-key-id";
/// The rule for the email addresses of Google service accounts.
pub(super) const GOOGLE_EMAIL: &str = "google-service-account-email";

/// Returns the rules of the values that a step uses.
fn parts_of(step: &RequestStep) -> Vec<&str> {
    let headers = step.headers.iter().map(|(_, value)| value);
    let templates = headers.chain([&step.url]).chain(&step.body);
    let pieces = templates.flat_map(|template| &template.pieces);
    let terms = pieces.filter_map(|piece| match piece {
        Piece::Value { terms, .. } => Some(terms),
        Piece::Text(_) => None,
    });
    let names = terms.flatten().filter_map(|term| match term {
        Term::Part(name) => Some(name.as_str()),
        _ => None,
    });
    names.chain([AWS_KEY_ID, GOOGLE_EMAIL]).collect()
}

fn identity(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{}\0{}\0", request.method, request.url()).into_bytes();
    for (name, value) in &request.headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes.extend_from_slice(request.body.as_deref().unwrap_or_default());
    bytes
}

/// Returns the verdict if a request cannot be made.
pub(super) fn verdict(cannot: &Cannot, question: &Question<'_>) -> Verdict {
    match cannot {
        Cannot::Missing(name) if name == "host" => {
            let issuer = question.rule_id.split('-').next().unwrap_or_default();
            Verdict::unknown(format!(
                "its host is not known: '--validate-host {issuer}=HOST' names it"
            ))
        }
        Cannot::Missing(name) => Verdict::unknown(format!(
            "something is missing: no {} was found near it",
            name.replace('-', " ")
        )),
        Cannot::Unfit(why) => Verdict::unknown(format!("refused: {why}")),
    }
}

fn login<'a>(
    question: Question<'a>,
    inquiry: &'a Inquiry,
    hosts: &Hosts,
) -> Result<PlannedQuestion<'a>, Verdict> {
    let target = login::target(inquiry.kind, question.secret, question.line);
    let target = target.map_err(Verdict::unknown)?;
    let (host, port) = (target.host.clone(), target.port);
    if !hosts.allows(&host, port) {
        // The host is untrusted text from the repository, so the message does not contain it.
        return Err(Verdict::unknown(
            "refused: a server that the repository names is asked only if '--validate-host HOST' allows it",
        ));
    }
    let mut identity = format!("{}\0{host}\0{port}\0", inquiry.kind.name()).into_bytes();
    for value in [&target.user, &target.password, &target.database] {
        identity.extend_from_slice(value.as_bytes());
        identity.push(0);
    }
    Ok(PlannedQuestion {
        endpoint: Endpoint {
            host,
            port,
            is_named: true,
        },
        host: None,
        question,
        inquiry,
        way: RequestProtocol::Login(target),
        identity,
    })
}

/// Returns a verdict for an answer.
pub(super) fn answered(
    state: State,
    reason: String,
    job: &PlannedQuestion<'_>,
    now: i64,
) -> Verdict {
    Verdict {
        state,
        reason,
        whose: Vec::new(),
        can: Vec::new(),
        host: Some(job.endpoint.host.clone()),
        checked: Some(now),
    }
}
