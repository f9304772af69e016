//! The one door to the cryptographic library: digests, MACs, sealing under data keys, Ed25519 keys, random bytes.
//! Every payload and attachment has a data key of its own; a payload's is kept wrapped by the key of each of its cases, those,
//! like the keys of files, by the key of the store, and that by a master where there is one. Nothing here knows what it seals, and no secret shows itself in `Debug`. Algorithms: SHA-256, HMAC-SHA256, AES-256-GCM, Ed25519.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Bytes that sealing adds to what it seals: nonce and tag.
pub const SEAL_OVERHEAD: usize = NONCE_LEN + 16;

/// Bytes of a wrapped data key.
pub const WRAPPED_KEY_LEN: usize = 32 + SEAL_OVERHEAD;

/// What can go wrong with keys and seals. Never says more than that: details would help an attacker only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes were changed, or this is not their key.
    #[error("sealed bytes do not open under this key")]
    Opens,
    /// The machine gives no random bytes.
    #[error("no random bytes can be had")]
    Random,
    /// A key has the wrong form.
    #[error("key has the wrong form")]
    Key,
}

/// SHA-256 of some bytes (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 of bytes that come in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Nothing digested yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> [u8; 32] {
        array(self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

/// A key for HMAC-SHA256 (RFC 2104).
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// From secret bytes of any length (32 or more are advised).
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The MAC of some bytes.
    pub fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        array(hmac::sign(&self.0, bytes).as_ref())
    }

    /// Whether `mac` is the MAC of `bytes`, in constant time.
    pub fn verify(&self, bytes: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.0, bytes, mac).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(secret)")
    }
}

/// Whether two byte strings are the same, in time that does not depend on where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Random bytes from the operating system, fit for keys and tokens.
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| SealError::Random)?;
    Ok(bytes)
}

/// The key of a store: wraps data keys and derives the keys of its blind indexes. Clones share one key.
#[derive(Clone)]
pub struct StoreKey {
    wrap: Arc<LessSafeKey>,
    root: MacKey,
}

impl StoreKey {
    /// From 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> Result<Self, SealError> {
        // Two keys from one secret, so that no key serves two algorithms.
        let root = MacKey::new(secret);
        let wrap = Arc::new(aead_key(&root.mac(b"icjs store wrap v1"))?);
        Ok(Self { wrap, root })
    }

    /// From the text of `keys/store.key`: 64 hex digits, surrounding white space allowed.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let bytes = unhex(text.trim()).ok_or(SealError::Key)?;
        Self::new(&bytes.try_into().map_err(|_| SealError::Key)?)
    }

    /// The text of a new key file.
    pub fn generate_hex() -> Result<String, SealError> {
        Ok(hex(&random::<32>()?))
    }

    /// A MAC key for one named purpose, such as an index of person references.
    pub fn derive(&self, purpose: &str) -> MacKey {
        MacKey::new(&self.root.mac(format!("icjs derived: {purpose}").as_bytes()))
    }

    /// A new data key and its wrapped form, to be stored beside what it seals.
    pub fn data_key(&self) -> Result<(DataKey, Vec<u8>), SealError> {
        let secret = random::<32>()?;
        let wrapped = seal(&self.wrap, b"data key", &secret)?;
        Ok((DataKey::new(secret)?, wrapped))
    }

    /// The data key that was wrapped.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SealError> {
        let secret = open(&self.wrap, b"data key", wrapped)?;
        DataKey::new(secret.try_into().map_err(|_| SealError::Key)?)
    }

    /// A new key of a case and its wrapped form.
    pub fn case_key(&self) -> Result<(WrapKey, Vec<u8>), SealError> {
        let secret = random::<32>()?;
        Ok((WrapKey(aead_key(&secret)?), seal(&self.wrap, b"case key", &secret)?))
    }

    /// The key of a case that was wrapped.
    pub fn unwrap_case(&self, wrapped: &[u8]) -> Result<WrapKey, SealError> {
        let secret = open(&self.wrap, b"case key", wrapped)?;
        Ok(WrapKey(aead_key(&secret.try_into().map_err(|_| SealError::Key)?)?))
    }
}

/// A master: wraps the text of a store's key, wherever the master itself lies.
pub struct MasterKey(LessSafeKey);

impl MasterKey {
    /// From 64 hex digits, surrounding white space allowed.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let secret = unhex(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or(SealError::Key)?;
        Ok(Self(aead_key(&MacKey::new(&secret).mac(b"icjs master wrap v1"))?))
    }

    /// The wrapped form of a text, in hex digits.
    pub fn wrap(&self, text: &str) -> Result<String, SealError> {
        Ok(hex(&seal(&self.0, b"store key", text.as_bytes())?))
    }

    /// The text that was wrapped.
    pub fn unwrap(&self, wrapped: &str) -> Result<String, SealError> {
        String::from_utf8(open(&self.0, b"store key", &unhex(wrapped).ok_or(SealError::Opens)?)?)
            .map_err(|_| SealError::Opens)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

/// The key of one case: wraps the data keys of its records. Once it is destroyed, what is wrapped by it alone is lost.
pub struct WrapKey(LessSafeKey);

impl WrapKey {
    /// The data key that was wrapped by this one.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SealError> {
        let secret = open(&self.0, b"record key", wrapped)?;
        DataKey::new(secret.try_into().map_err(|_| SealError::Key)?)
    }
}

impl fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrapKey(secret)")
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(secret)")
    }
}

/// The key of one payload or one attachment.
pub struct DataKey {
    aead: LessSafeKey,
    mac: MacKey,
}

impl DataKey {
    fn new(secret: [u8; 32]) -> Result<Self, SealError> {
        let mac = MacKey::new(&MacKey::new(&secret).mac(b"icjs data mac v1"));
        Ok(Self { aead: aead_key(&secret)?, mac })
    }

    /// A new data key, wrapped by each of these: any of them opens what it seals.
    pub fn wrapped_by<'a>(holders: impl IntoIterator<Item = &'a WrapKey>) -> Result<(Self, Vec<Vec<u8>>), SealError> {
        let secret = random::<32>()?;
        let wraps =
            holders.into_iter().map(|holder| seal(&holder.0, b"record key", &secret)).collect::<Result<_, _>>()?;
        Ok((Self::new(secret)?, wraps))
    }

    /// Nonce, ciphertext and tag. `context` says what the bytes are and where they belong; opening needs the same.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.aead, context, plain)
    }

    /// The same, appended to `sealed`: what is sealed in a row needs one buffer.
    pub fn seal_onto(&self, context: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), SealError> {
        seal_onto(&self.aead, context, plain, sealed)
    }

    /// What was sealed.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open(&self.aead, context, sealed)
    }

    /// A MAC under a key derived from this one: proves bytes without showing anything of them, until the key is erased.
    pub fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        self.mac.mac(bytes)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(secret)")
    }
}

/// An Ed25519 key pair (RFC 8032) that signs receipts, tokens, webhooks or checkpoints.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new key pair.
    pub fn generate() -> Result<Self, SealError> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| SealError::Random)
    }

    /// From a PEM file with one `PRIVATE KEY` block (PKCS#8, RFC 5958 or RFC 5208).
    pub fn from_pem(text: &str) -> Result<Self, SealError> {
        Self::from_pkcs8(&pem_body(text, "PRIVATE KEY").ok_or(SealError::Key)?)
    }

    /// From PKCS#8 DER.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SealError> {
        // Version 1 has no public key to check against; other tools write it, so it is read too.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self).map_err(|_| SealError::Key)
    }

    /// PKCS#8 version 1 DER, which every other tool reads.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, SealError> {
        Ok(self.0.to_pkcs8v1().map_err(|_| SealError::Key)?.as_ref().to_vec())
    }

    /// A PEM file with one `PRIVATE KEY` block.
    pub fn to_pem(&self) -> Result<String, SealError> {
        Ok(pem("PRIVATE KEY", &self.to_pkcs8()?))
    }

    /// The public half: 32 bytes.
    pub fn public(&self) -> [u8; 32] {
        array(self.0.public_key().as_ref())
    }

    /// The signature of some bytes: 64 bytes.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        array(self.0.sign(bytes).as_ref())
    }

    /// A compact JWS (RFC 7515 section 7.1) from an encoded header and claims: the same bytes every time.
    pub fn jws(&self, encoded_header: &str, claims: &[u8]) -> String {
        let mut token = String::with_capacity(encoded_header.len() + claims.len() * 4 / 3 + 92);
        token.push_str(encoded_header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// A name for the key that follows from its public half: the JWK thumbprint (RFC 7638, RFC 8037 section 2).
    pub fn id(&self) -> String {
        key_id(&self.public())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", hex(&self.public()))
    }
}

/// The JWK thumbprint of an Ed25519 public key.
pub fn key_id(public: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    URL_SAFE_NO_PAD.encode(sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes()))
}

/// Whether `signature` over `bytes` is of the Ed25519 key with this public half.
pub fn verify(public: &[u8], bytes: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(bytes, signature).is_ok()
}

/// Lower-case hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The bytes of hexadecimal text of either case; `None` when it is none.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: &u8| char::from(*byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some((nibble(pair.first()?)? << 4) | nibble(pair.last()?)?)).collect()
}

/// Strict standard base64 (RFC 4648 section 4): padded, nothing between; `None` for anything else.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Appends bytes as standard base64. Pieces of a whole are written one after another while each but the last has a multiple
/// of three bytes.
pub fn base64_into(bytes: &[u8], text: &mut Vec<u8>) {
    let from = text.len();
    text.resize(from + bytes.len().div_ceil(3) * 4, 0);
    let room = text.get_mut(from..).unwrap_or_default();
    // The room is exactly what the encoding needs.
    let written = STANDARD.encode_slice(bytes, room).unwrap_or(0);
    text.truncate(from + written);
}

fn aead_key(secret: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, secret).map(LessSafeKey::new).map_err(|_| SealError::Key)
}

/// Nonces are random: one key seals few things, far below the 2^32 that NIST SP 800-38D section 8.3 allows.
fn seal(key: &LessSafeKey, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut sealed = Vec::with_capacity(plain.len() + SEAL_OVERHEAD);
    seal_onto(key, context, plain, &mut sealed)?;
    Ok(sealed)
}

fn seal_onto(key: &LessSafeKey, context: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), SealError> {
    let nonce = random::<NONCE_LEN>()?;
    let from = sealed.len() + NONCE_LEN;
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let body = sealed.get_mut(from..).ok_or(SealError::Key)?;
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), body)
        .map_err(|_| SealError::Key)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(())
}

fn open(key: &LessSafeKey, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Opens)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Opens)?;
    let mut body = body.to_vec();
    let length = key.open_in_place(nonce, Aad::from(context), &mut body).map_err(|_| SealError::Opens)?.len();
    body.truncate(length);
    Ok(body)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    // The library's outputs have the length of their algorithm; were one shorter, zeros would fill it and nothing verify.
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn pem_body(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

#[cfg(test)]
mod tests;
