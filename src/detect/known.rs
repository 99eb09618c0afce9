//! Values that are known already, searched for as they are: those of a purge, or of a vault's
//! export.
//!
//! A value is found wherever a rule's match would be: as it stands, inside of encoded texts,
//! archives and names. Base64 that runs into other base64 without a mark between them is decoded from
//! the wrong place; so the three forms that the value's inner bytes take there are searched for, too,
//! and its spellings in other syntaxes.

use std::sync::Arc;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};

use super::decode::{Encoding, Layer};
use super::entropy::is_mixed;
use super::score::{Reason, Reasons};
use super::{Candidate, spelling};
use crate::error::{Error, Result};
use crate::rule::{Boundary, Confidence, Matcher, Rule, keyword_of};
use crate::secret::Secret;

/// Id of the rule that known values are found by.
pub const RULE_ID: &str = "known-value";

/// Shorter values stand everywhere by chance.
pub const MIN_LEN: usize = 4;

/// Longer values do not fit between two windows of a large file.
pub const MAX_LEN: usize = 8192;

/// Fewer characters of base64 stand in random data by chance.
const MIN_FORM_LEN: usize = 10;

/// A value with the literals that show it.
#[derive(Clone, Debug)]
pub struct KnownValue {
    secret: Arc<Secret>,
    /// Inner characters of its base64 forms.
    forms: Vec<Secret>,
    /// What other syntaxes write for it.
    spellings: Vec<(Encoding, Secret)>,
}

/// What is left of `value` without signs at its ends that may belong to a syntax which was not understood:
/// quotes, brackets, a call. Only if that is random, so that it stands nowhere else by chance.
pub fn core(value: &[u8]) -> Option<&[u8]> {
    let is_sign = |byte: &u8| b"\"'`\\()[]{}<>,;&|@:= ".contains(byte);
    let start = value.iter().position(|byte| !is_sign(byte))?;
    let end = value.iter().rposition(|byte| !is_sign(byte))? + 1;
    let inner = &value[start..end];
    // `decrypt("…`, `name:"…`
    let is_opening = |byte: &u8| b"\"'`(".contains(byte);
    let from = inner
        .iter()
        .rposition(is_opening)
        .map_or(inner, |at| &inner[at + 1..]);
    (from.len() < value.len() && is_mixed(from)).then_some(from)
}

impl KnownValue {
    /// Takes a value.
    ///
    /// # Errors
    /// `Usage` if it is too short or too long to be searched for.
    pub fn new(secret: Arc<Secret>) -> Result<Self> {
        let len = secret.reveal().len();
        if len < MIN_LEN {
            return Err(Error::usage(format!(
                "a known value has only {len} bytes: it stands everywhere by chance"
            ))
            .hint(format!("name values of {MIN_LEN} bytes or more")));
        }
        if len > MAX_LEN {
            return Err(
                Error::usage(format!("a known value has {len} bytes")).hint(format!(
                    "name a part of at most {MAX_LEN} bytes that shows it"
                )),
            );
        }
        let spellings = spelling::of(secret.reveal()).into_iter();
        let spellings = spellings.filter(|(_, text)| (MIN_LEN..=MAX_LEN).contains(&text.len()));
        Ok(Self {
            forms: inner_base64(secret.reveal())
                .iter()
                .map(|form| Secret::new(form))
                .collect(),
            spellings: spellings
                .map(|(encoding, text)| (encoding, Secret::new(&text)))
                .collect(),
            secret,
        })
    }

    /// The value.
    pub fn secret(&self) -> &Arc<Secret> {
        &self.secret
    }

    /// The rule that finds value number `number`.
    pub(super) fn rule(&self, number: u32) -> Rule {
        let spellings = self.spellings.iter().map(|(_, text)| text);
        let literals = std::iter::once(&*self.secret).chain(&self.forms);
        let literals = literals.chain(spellings);
        let longest = literals.clone().map(|literal| literal.reveal().len()).max();
        Rule {
            id: RULE_ID.to_owned(),
            provider: "you".to_owned(),
            description: "Value that you named".to_owned(),
            confidence: Confidence::High,
            keywords: literals
                .map(|literal| keyword_of(literal.reveal()))
                .collect(),
            matcher: Matcher::Known(number),
            max_len: longest.unwrap_or(0),
            boundary: Boundary {
                left: false,
                right: false,
            },
            ends: None,
            checks: Vec::new(),
            entropy: None,
            except: Vec::new(),
            part_of: Vec::new(),
            public: false,
            rotate: None,
            docs: None,
            advice: None,
            examples: Vec::new(),
            near_misses: Vec::new(),
        }
    }

    /// How many bytes at the start of `bytes` show the value, and how these write it.
    pub(super) fn shown_at(&self, bytes: &[u8]) -> Option<(usize, Option<Encoding>)> {
        let plain = std::iter::once(&*self.secret).chain(&self.forms);
        let plain = plain.map(|literal| (literal, None));
        let spelled = self.spellings.iter();
        let spelled = spelled.map(|(encoding, literal)| (literal, Some(*encoding)));
        plain
            .chain(spelled)
            .filter(|(literal, _)| bytes.starts_with(literal.reveal()))
            .map(|(literal, encoding)| (literal.reveal().len(), encoding))
            .max_by_key(|(len, encoding)| (*len, encoding.is_none()))
    }

    /// What the rule numbered `rule` says of bytes that show the value.
    pub(super) fn candidate(&self, rule: u16, shown: (usize, Option<Encoding>)) -> Candidate {
        let (len, encoding) = shown;
        let mut reasons = Reasons::default();
        reasons.add(Reason::KnownValue);
        let end = i32::try_from(len).expect("values are short");
        Candidate {
            rule,
            start: 0,
            end,
            secret_start: 0,
            secret_end: end,
            confidence: Confidence::High,
            reasons,
            secret: Arc::clone(&self.secret),
            name: None,
            wrapping: encoding.map(|encoding| [Layer::Encoded(encoding)].into()),
            inside: None,
            is_allowed: false,
        }
    }
}

/// The characters that base64 writes for the inner bytes of `value`, wherever it begins among three
/// bytes; none that are too few to search for.
pub fn inner_base64(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms: Vec<Vec<u8>> = (0..3)
        .flat_map(|shift| base64_forms(value, shift))
        .filter(|form| form.len() >= MIN_FORM_LEN)
        .collect();
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The characters that `value` alone decides when base64 encodes it `shift` bytes after a multiple
/// of three, in both alphabets.
fn base64_forms(value: &[u8], shift: usize) -> [Vec<u8>; 2] {
    let padded = [&[0; 2][..shift], value].concat();
    let first = (8 * shift).div_ceil(6);
    let end = 8 * padded.len() / 6;
    [BASE64_NOPAD, BASE64URL_NOPAD]
        .map(|alphabet| alphabet.encode(&padded).as_bytes()[first..end].to_vec())
}

/// Values that a file gives names to are searched for from this length on: settings are shorter.
pub const MIN_NAMED_LEN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_any_text_around_holds_one_form() {
        let value = b"v\xfflue?>of some length";
        let known = KnownValue::new(Arc::new(Secret::new(value))).unwrap();
        for before in 0..7 {
            for after in 0..4 {
                let text = [&b"before!"[..before], value, &b"tail"[..after]].concat();
                let encoded = BASE64_NOPAD.encode(&text);
                let holds = |form: &Secret| {
                    memchr::memmem::find(encoded.as_bytes(), form.reveal()).is_some()
                };
                assert!(known.forms.iter().any(holds), "{before} {after}");
            }
        }
    }

    #[test]
    fn what_cannot_be_searched_for_is_refused() {
        for len in [0, MIN_LEN - 1, MAX_LEN + 1] {
            assert!(KnownValue::new(Arc::new(Secret::new(&vec![b'x'; len]))).is_err());
        }
    }
}
