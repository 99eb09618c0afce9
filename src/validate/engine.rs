//! Sends validation requests: one at a time per host, with pauses. Each distinct request is sent
//! once, even if several findings have the secret.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::judge::{Evaluation, ParsedAnswer};
use super::kept::{self, AnswerCache};
use super::login;
use super::network::{Answer, Network, Request, Trouble};
use super::plan::{
    self, AWS_KEY_ID, GOOGLE_EMAIL, Hosts, PlannedQuestion, Question, QuestionPlan,
    RequestProtocol, Which,
};
use super::render::{self, TemplateValues};
use super::special::{self, AwsScope};
use super::{State, Verdict};
use crate::finding::Fingerprint;
use crate::rule::request::{Protocol, RequestStep, Requests};

/// Limits for the number and rate of requests.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// The minimum time between the starts of two requests to a host.
    pub pause: Duration,
    /// The maximum number of requests.
    pub requests: usize,
    /// The number of hosts that are asked in parallel.
    pub hosts: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(1),
            requests: 5000,
            hosts: 32,
        }
    }
}

/// The maximum requested pause. If a host requests a longer one, it is not asked again in this run.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
/// The maximum number of retries if a host is too busy.
const RETRIES: u32 = 2;
/// The number of consecutive failures after which a host is not asked again in this run.
const MAX_FAILURES: u32 = 3;

/// Validates and revokes secrets.
pub struct Validator<'a> {
    requests: &'a Requests,
    hosts: &'a Hosts,
    network: &'a dyn Network,
    limits: RequestLimits,
    /// The key for the digests of cached answers.
    key: &'a [u8],
    sent: AtomicUsize,
    is_stopped: AtomicBool,
}

impl<'a> Validator<'a> {
    /// Creates a validator with these requests and this network; `key` is the key for cached
    /// answers.
    pub fn new(
        requests: &'a Requests,
        hosts: &'a Hosts,
        network: &'a dyn Network,
        limits: RequestLimits,
        key: &'a [u8],
    ) -> Self {
        Self {
            requests,
            hosts,
            network,
            limits,
            key,
            sent: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Returns the number of sent requests.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Returns a verdict for each question. Uses the answers in the cache `kept`, and adds new ones
    /// to it.
    pub fn ask<'q>(
        &self,
        questions: impl IntoIterator<Item = Question<'q>>,
        kept: &mut AnswerCache,
    ) -> HashMap<Fingerprint, Verdict>
    where
        'a: 'q,
    {
        let now = self.network.now();
        let mut verdicts = HashMap::new();
        // Jobs by identity, with the findings of each.
        let mut jobs: BTreeMap<Vec<u8>, (PlannedQuestion<'q>, Vec<Fingerprint>)> = BTreeMap::new();
        for question in questions {
            let fingerprint = question.fingerprint;
            let planned = plan::plan(question, self.requests, self.hosts, Which::Validate, now);
            match planned {
                QuestionPlan::Said(verdict) => {
                    verdicts.insert(fingerprint, verdict);
                }
                QuestionPlan::Ask(job) => {
                    let known = kept.get(&kept::digest(self.key, &job.identity));
                    if let Some((state, checked)) = known {
                        let reason = "the answer that was kept".to_owned();
                        let verdict = plan::answered(state, reason, &job, checked);
                        verdicts.insert(fingerprint, verdict);
                        continue;
                    }
                    let entry = jobs.entry(job.identity.clone());
                    entry.or_insert((*job, Vec::new())).1.push(fingerprint);
                }
            }
        }
        for (job, fingerprints, verdict) in self.ask_all(jobs) {
            let checked = verdict.checked.unwrap_or(now);
            kept.keep(
                kept::digest(self.key, &job.identity),
                verdict.state,
                checked,
            );
            for fingerprint in fingerprints {
                verdicts.insert(fingerprint, verdict.clone());
            }
        }
        verdicts
    }

    /// Revokes a secret: returns the answer of the issuer, and removes the cached answer about the
    /// secret.
    ///
    /// # Errors
    /// The reason why the request cannot be sent, as a verdict.
    pub fn revoke<'q>(
        &self,
        question: Question<'q>,
        kept: &mut AnswerCache,
    ) -> Result<Verdict, Verdict>
    where
        'a: 'q,
    {
        let now = self.network.now();
        let asked = plan::plan(
            question.clone(),
            self.requests,
            self.hosts,
            Which::Validate,
            now,
        );
        if let QuestionPlan::Ask(job) = asked {
            kept.forget(&kept::digest(self.key, &job.identity));
        }
        match plan::plan(question, self.requests, self.hosts, Which::Revoke, now) {
            QuestionPlan::Said(verdict) => Err(verdict),
            QuestionPlan::Ask(job) => Ok(self.answer(&job, &mut Lane::default())),
        }
    }

    /// Sends the requests of all jobs, grouped by host.
    fn ask_all<'q>(
        &self,
        jobs: BTreeMap<Vec<u8>, (PlannedQuestion<'q>, Vec<Fingerprint>)>,
    ) -> Vec<(PlannedQuestion<'q>, Vec<Fingerprint>, Verdict)> {
        let mut hosts: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (job, fingerprints) in jobs.into_values() {
            let host = job.endpoint.host.clone();
            hosts.entry(host).or_default().push((job, fingerprints));
        }
        let workers = hosts.len().min(self.limits.hosts);
        let waiting = Mutex::new(hosts.into_values());
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let next = waiting
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .next();
                        let Some(jobs) = next else { break };
                        let mut lane = Lane::default();
                        for (job, fingerprints) in jobs {
                            let verdict = self.answer(&job, &mut lane);
                            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                            done.push((job, fingerprints, verdict));
                        }
                    }
                });
            }
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the verdict about one secret.
    fn answer(&self, job: &PlannedQuestion<'_>, lane: &mut Lane) -> Verdict {
        let asked = match &job.way {
            RequestProtocol::Http => self.http(job, lane),
            RequestProtocol::Login(target) => self.pace(lane).and_then(|()| {
                let asked = login::ask(self.network, &job.endpoint, job.inquiry.kind, target);
                lane.note(asked.is_err());
                let (state, reason) = asked.map_err(Stop::Trouble)?;
                Ok(plan::answered(state, reason, job, self.network.now()))
            }),
        };
        asked.unwrap_or_else(|stop| {
            let host = Some(job.endpoint.host.clone());
            let reason = stop.reason();
            Verdict {
                host,
                ..Verdict::unknown(reason)
            }
        })
    }

    fn http(&self, job: &PlannedQuestion<'_>, lane: &mut Lane) -> Result<Verdict, Stop> {
        let mut taken = self.assertion(job)?;
        let secret = job.question.secret;
        let (mut whose, mut can) = (Vec::new(), Vec::new());
        let mut last = Verdict::unknown("no request is known");
        for step in &job.inquiry.steps {
            let request = self.request(job, step, &taken)?;
            let answer = self.send(&request, lane)?;
            let read = ParsedAnswer::of(&answer);
            let (state, reason) = match read.judge(step) {
                Evaluation::Active(why) => {
                    (State::Active, format!("the issuer accepts it ({why})"))
                }
                Evaluation::Inactive(why) => {
                    (State::Inactive, format!("the issuer refuses it ({why})"))
                }
                Evaluation::Unknown(why) => (State::Unknown, why),
            };
            whose.extend(read.facts(&step.whose, secret));
            can.extend(read.facts(&step.can, secret));
            last = plan::answered(state, reason, job, self.network.now());
            if state != State::Active {
                break;
            }
            taken = read.taken(&step.take);
        }
        if last.state == State::Active {
            (last.whose, last.can) = (whose, can);
        }
        Ok(last)
    }

    /// Returns the signed assertion of a Google service account.
    fn assertion(&self, job: &PlannedQuestion<'_>) -> Result<Vec<(String, String)>, Stop> {
        if job.inquiry.kind != Protocol::GoogleServiceAccount {
            return Ok(Vec::new());
        }
        let email = part(job, GOOGLE_EMAIL);
        let email = std::str::from_utf8(email).unwrap_or_default();
        let claims = special::google_claims(email, self.network.now());
        let key = special::pkcs8(job.question.secret);
        let signature = key.and_then(|key| self.network.sign_rs256(&key, claims.as_bytes()));
        let signature = signature
            .ok_or_else(|| Stop::Trouble(Trouble::Refused("it is no whole RSA key".to_owned())))?;
        let signature = data_encoding::BASE64URL_NOPAD.encode(&signature);
        Ok(vec![(
            "assertion".to_owned(),
            format!("{claims}.{signature}"),
        )])
    }

    fn request(
        &self,
        job: &PlannedQuestion<'_>,
        step: &RequestStep,
        taken: &[(String, String)],
    ) -> Result<Request, Stop> {
        let values = TemplateValues {
            secret: job.question.secret,
            host: job.host.as_ref(),
            parts: &job.question.parts,
            taken,
        };
        let made = render::request(step, values);
        let mut request =
            made.map_err(|cannot| Stop::Cannot(plan::verdict(&cannot, &job.question).reason))?;
        if job.inquiry.kind == Protocol::Aws {
            let key_id = part(job, AWS_KEY_ID);
            let scope = AwsScope {
                key_id: std::str::from_utf8(key_id).unwrap_or_default(),
                secret: job.question.secret,
                region: "us-east-1",
                service: request.endpoint.host.split('.').next().unwrap_or_default(),
                now: self.network.now(),
            };
            let signed = &mut request.clone();
            special::sign_aws(signed, scope);
            request = signed.clone();
        }
        Ok(request)
    }

    /// Sends a request after the pause of its host, and again if the host was too busy.
    fn send(&self, request: &Request, lane: &mut Lane) -> Result<Answer, Stop> {
        let mut tries = 0;
        loop {
            self.pace(lane)?;
            let sent = self.network.send(request);
            lane.note(matches!(sent, Err(Trouble::Failed(_))));
            let answer = sent.map_err(Stop::Trouble)?;
            let is_limited = answer.status == 429;
            if !is_limited && answer.status < 500 {
                return Ok(answer);
            }
            let after = answer.header("retry-after").next();
            let after = after.and_then(|text| retry_after(text, self.network.now()));
            let pause = after.unwrap_or(Duration::from_secs(1 << tries));
            if pause > MAX_RETRY_AFTER {
                lane.closed = Some("rate limited: the host asks for a longer pause than a minute");
                return Err(Stop::Limited);
            }
            if tries == RETRIES {
                return match is_limited {
                    true => Err(Stop::Limited),
                    false => Ok(answer),
                };
            }
            tries += 1;
            if !self.network.wait(pause) {
                self.is_stopped.store(true, Ordering::Relaxed);
                return Err(Stop::Interrupted);
            }
        }
    }

    /// Waits for the pause of the host.
    fn pace(&self, lane: &mut Lane) -> Result<(), Stop> {
        if let Some(why) = lane.closed {
            return Err(Stop::Closed(why));
        }
        let pause = lane
            .last
            .map(|last| self.limits.pause.saturating_sub(last.elapsed()));
        let goes_on = self.network.wait(pause.unwrap_or_default());
        if !goes_on || self.is_stopped.load(Ordering::Relaxed) {
            self.is_stopped.store(true, Ordering::Relaxed);
            return Err(Stop::Interrupted);
        }
        if self.sent.fetch_add(1, Ordering::Relaxed) >= self.limits.requests {
            self.sent.fetch_sub(1, Ordering::Relaxed);
            return Err(Stop::Exhausted);
        }
        lane.last = Some(Instant::now());
        Ok(())
    }
}

fn part<'j>(job: &'j PlannedQuestion<'_>, rule: &str) -> &'j [u8] {
    let found = job.question.parts.iter().find(|(known, _)| *known == rule);
    found.map_or(&b""[..], |(_, value)| value)
}

/// Parses the header `Retry-After`: seconds or a date.
fn retry_after(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    let seconds = date.timestamp().as_second().saturating_sub(now);
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// The state of a host in this run.
#[derive(Default)]
struct Lane {
    /// The start of the last request.
    last: Option<Instant>,
    /// The number of consecutive failures.
    failures: u32,
    /// The reason if it is not asked again.
    closed: Option<&'static str>,
}

impl Lane {
    fn note(&mut self, is_failure: bool) {
        self.failures = if is_failure { self.failures + 1 } else { 0 };
        if self.failures == MAX_FAILURES {
            self.closed =
                Some("network: the host failed three times in a row and is not asked again");
        }
    }
}

/// The reason why there is no answer.
enum Stop {
    Trouble(Trouble),
    Cannot(String),
    Closed(&'static str),
    Limited,
    Exhausted,
    Interrupted,
}

impl Stop {
    fn reason(self) -> String {
        match self {
            Self::Trouble(Trouble::Refused(why)) => format!("refused: {why}"),
            Self::Trouble(Trouble::Failed(why)) => format!("network: {why}"),
            Self::Cannot(why) => why,
            Self::Closed(why) => why.to_owned(),
            Self::Limited => "rate limited by the issuer".to_owned(),
            Self::Exhausted => "not asked: the limit of requests is reached".to_owned(),
            Self::Interrupted => "not asked: interrupted".to_owned(),
        }
    }
}
