//! Tokens that a secret of the same repository signed: who has the one can make the other. The token is
//! of low confidence then, and the secret is proven to be one.

use crate::detect::jwt::{KNOWN_SECRETS, Signed, keys_of};
use crate::detect::score::{Reason, Reasons};
use crate::rule::Confidence;
use crate::scan::Sighted;

/// Bytes that are hashed at most to verify signatures: a third of a second.
const MAX_HASHED: usize = 1 << 28;
/// Bytes that a signature costs beside the token: four blocks.
const HASHED_PER_KEY: usize = 256;
/// Longer values are no shared secrets.
const MAX_KEY_LEN: usize = 512;

/// Whether it is a token of more than low confidence that a shared secret signs.
pub(super) fn is_signed(sighted: &Sighted) -> bool {
    is_sure(sighted) && Signed::parse(sighted.secret.reveal()).is_some()
}

/// Whether it has more than low confidence somewhere.
pub(super) fn is_sure(sighted: &Sighted) -> bool {
    sighted.surest() > Confidence::Low
}

/// Lowers signed tokens whose secret is among `found` or widely known, and raises that secret. Which of
/// them are tried if there are very many depends on the values alone.
pub(super) fn judge(found: &mut [Sighted]) {
    let mut tokens: Vec<usize> = (0..found.len())
        .filter(|&number| is_signed(&found[number]))
        .collect();
    if tokens.is_empty() {
        return;
    }
    tokens.sort_unstable_by(|a, b| found[*a].secret.cmp(&found[*b].secret));
    let mut keys: Vec<(Vec<u8>, usize)> = Vec::new();
    for (number, sighted) in found.iter().enumerate() {
        let text = sighted.secret.reveal();
        if text.len() <= MAX_KEY_LEN {
            keys.extend(keys_of(text).map(|key| (key, number)));
        }
    }
    keys.sort_unstable();
    let Judged { signed, signers } = verify(found, &tokens, &keys);
    for number in signed {
        for (confidence, reasons) in places(&mut found[number]) {
            *confidence = Confidence::Low;
            reasons.add(Reason::Signed);
        }
    }
    for number in signers {
        for (confidence, reasons) in places(&mut found[number]) {
            *confidence = (*confidence).max(Confidence::Medium);
            reasons.add(Reason::Signs);
        }
    }
}

/// The numbers of tokens that a known secret signed, and of secrets that signed one.
#[derive(Default)]
struct Judged {
    signed: Vec<usize>,
    signers: Vec<usize>,
}

fn verify(found: &[Sighted], tokens: &[usize], keys: &[(Vec<u8>, usize)]) -> Judged {
    let mut judged = Judged::default();
    let mut hashed: usize = 0;
    // Most tokens of a repository have the same secret.
    let mut last: Option<&[u8]> = None;
    for &number in tokens {
        let Some(signed) = Signed::parse(found[number].secret.reveal()) else {
            continue;
        };
        let known = KNOWN_SECRETS.iter().copied().chain(last);
        if known.into_iter().any(|key| signed.is_signed_with(key)) {
            judged.signed.push(number);
            continue;
        }
        let price = (signed.signed_len() + HASHED_PER_KEY).saturating_mul(keys.len());
        if hashed.saturating_add(price) > MAX_HASHED {
            continue;
        }
        hashed += price;
        let Some((key, _)) = keys.iter().find(|(key, _)| signed.is_signed_with(key)) else {
            continue;
        };
        last = Some(key);
        judged.signed.push(number);
        let same = keys.iter().filter(|(other, _)| other == key);
        judged.signers.extend(same.map(|(_, number)| *number));
    }
    judged
}

/// What is said of each place.
fn places(sighted: &mut Sighted) -> impl Iterator<Item = (&mut Confidence, &mut Reasons)> {
    let in_objects = sighted.sightings.iter_mut();
    let elsewhere = sighted.elsewhere.iter_mut();
    in_objects
        .map(|place| (&mut place.confidence, &mut place.reasons))
        .chain(elsewhere.map(|place| (&mut place.confidence, &mut place.reasons)))
}
