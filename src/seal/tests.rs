//! Tests of the door to cryptography: published vectors, and what does not open.

use super::*;

#[test]
fn digests_agree_with_the_published_vectors() {
    // FIPS 180-4 example "abc"; RFC 4231 test case 2.
    assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let mut pieces = Sha256::new();
    pieces.update(b"a");
    pieces.update(b"bc");
    assert_eq!(pieces.finish(), sha256(b"abc"));
    let mac = MacKey::new(b"Jefe").mac(b"what do ya want for nothing?");
    assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

#[test]
fn what_is_sealed_opens_only_whole_and_in_its_own_context() {
    let store = StoreKey::new(&[7; 32]).unwrap();
    let (key, wrapped) = store.data_key().unwrap();
    assert_eq!(wrapped.len(), WRAPPED_KEY_LEN);
    let sealed = key.seal(b"original", b"charge sheet").unwrap();
    assert_eq!(sealed.len(), 12 + SEAL_OVERHEAD);
    let again = store.unwrap(&wrapped).unwrap();
    assert_eq!(again.open(b"original", &sealed).unwrap(), b"charge sheet");
    assert_eq!(again.mac(b"x"), key.mac(b"x"));
    assert_eq!(again.open(b"shared", &sealed), Err(SealError::Opens));
    for place in 0..sealed.len() {
        let mut torn = sealed.clone();
        torn[place] ^= 1;
        assert_eq!(again.open(b"original", &torn), Err(SealError::Opens));
    }
    assert!(StoreKey::new(&[8; 32]).unwrap().unwrap(&wrapped).is_err());
}

#[test]
fn a_data_key_opens_by_the_key_of_any_of_its_cases() {
    let store = StoreKey::new(&[7; 32]).unwrap();
    let ((one, kept), (two, _)) = (store.case_key().unwrap(), store.case_key().unwrap());
    let (key, wraps) = DataKey::wrapped_by([&one, &two]).unwrap();
    let sealed = key.seal(b"original", b"charge sheet").unwrap();
    for (holder, wrap) in [(&store.unwrap_case(&kept).unwrap(), &wraps[0]), (&two, &wraps[1])] {
        assert_eq!(holder.unwrap(wrap).unwrap().open(b"original", &sealed).unwrap(), b"charge sheet");
    }
    assert!(two.unwrap(&wraps[0]).is_err() && store.unwrap(&kept).is_err() && store.unwrap(&wraps[0]).is_err());
}

#[test]
fn a_signing_key_survives_its_file() {
    let key = SigningKey::generate().unwrap();
    let read = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(read.public(), key.public());
    let signature = read.sign(b"receipt");
    assert!(verify(&key.public(), b"receipt", &signature));
    assert!(!verify(&key.public(), b"receipts", &signature));
}

#[test]
fn a_key_id_is_the_thumbprint_of_rfc_8037() {
    // RFC 8037 appendix A.3.
    let public = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
    assert_eq!(key_id(&public.try_into().unwrap()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn hexadecimal_text_is_read_back() {
    assert_eq!(unhex("00fFa0"), Some(vec![0, 255, 160]));
    assert_eq!(hex(&[0, 255, 160]), "00ffa0");
    assert_eq!(unhex("0"), None);
    assert_eq!(unhex("0g"), None);
}
