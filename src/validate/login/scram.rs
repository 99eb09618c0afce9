//! The client side of SCRAM-SHA-256 (RFC 5802, RFC 7677): the password is not sent, and the server
//! must prove that it knows it, too.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::wire::{nonce, unexpected};
use crate::validate::network::Trouble;

/// Maximum number of rounds that a server may require.
const MAX_ROUNDS: u32 = 1_000_000;

/// A login in progress.
pub(super) struct Scram {
    /// The first message without its header.
    bare: String,
    nonce: String,
    /// The expected proof of the server.
    wanted: Vec<u8>,
}

impl Scram {
    /// Starts a login; the user name is empty if another message contains it.
    pub(super) fn begin(user: &str) -> Result<Self, Trouble> {
        Ok(Self::with_nonce(user, nonce()?))
    }

    fn with_nonce(user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        let wanted = Vec::new();
        Self {
            bare,
            nonce,
            wanted,
        }
    }

    /// Returns the first message.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// Returns the answer to the first message of the server.
    pub(super) fn answer(&mut self, server: &[u8], password: &str) -> Result<String, Trouble> {
        let server = std::str::from_utf8(server).map_err(|_| unexpected())?;
        let field = |name: &str| {
            let mut fields = server.split(',');
            let found = fields.find_map(|field| field.strip_prefix(name));
            found.ok_or_else(unexpected)
        };
        let (nonce, salt, rounds) = (field("r=")?, field("s=")?, field("i=")?);
        let salt = BASE64.decode(salt.as_bytes()).map_err(|_| unexpected())?;
        let rounds: u32 = rounds.parse().map_err(|_| unexpected())?;
        if !nonce.starts_with(&self.nonce) || rounds == 0 || rounds > MAX_ROUNDS {
            return Err(unexpected());
        }
        let bare = format!("c=biws,r={nonce}");
        let text = format!("{},{server},{bare}", self.bare);
        let salted = salted(password.as_bytes(), &salt, rounds);
        let client = hmac(&salted, b"Client Key");
        let signature = hmac(&Sha256::digest(&client), text.as_bytes());
        let proof = client.iter().zip(&signature).map(|(a, b)| a ^ b);
        let proof = BASE64.encode(&proof.collect::<Vec<u8>>());
        self.wanted = hmac(&hmac(&salted, b"Server Key"), text.as_bytes());
        Ok(format!("{bare},p={proof}"))
    }

    /// Returns whether the last message of the server proves that it knows the password.
    pub(super) fn is_proven(&self, server: &[u8]) -> bool {
        let proof = server.strip_prefix(b"v=");
        let proof = proof.and_then(|proof| BASE64.decode(proof.split(|&b| b == b',').next()?).ok());
        !self.wanted.is_empty() && proof.as_deref() == Some(&self.wanted)
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// PBKDF2 with HMAC-SHA-256, one block.
fn salted(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(password).expect("any key length will do");
    let run = |message: &[u8]| {
        let mut mac = mac.clone();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    };
    let mut last = run(&[salt, &1_u32.to_be_bytes()].concat());
    let mut sum = last.clone();
    for _ in 1..rounds {
        last = run(&last);
        sum.iter_mut()
            .zip(&last)
            .for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_are_those_of_the_example_in_rfc_7677() {
        let mut scram = Scram::with_nonce("user", "rOprNGfwEbeRWgbNEkqO".to_owned());
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let answer = scram.answer(server, "pencil").unwrap();
        assert_eq!(
            answer,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(scram.is_proven(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!scram.is_proven(b"v=AAAA"));
    }

    #[test]
    fn a_server_cannot_ask_for_endless_work() {
        let mut scram = Scram::with_nonce("user", "abc".to_owned());
        for server in [
            "r=abcd,s=QQ==,i=4000000000",
            "r=abcd,s=QQ==,i=0",
            "r=xyz,s=QQ==,i=1",
            "e=x",
        ] {
            assert!(scram.answer(server.as_bytes(), "x").is_err(), "{server}");
        }
    }
}
