//! The law of cursors: any text is answered; what opens is the very text that was made; what was made for one caller and filter
//! opens for no other, and with one letter changed for nobody.

use icjs::exchange::cursor::Binding;
use icjs::identifiers::OfficeId;
use icjs::journal::FeedPosition;
use icjs::seal::MacKey;

/// The first sixteen bytes are a place, the next says what is changed and how; all of it is a text that somebody sends.
pub fn check(bytes: &[u8]) {
    let key = MacKey::new(&[7; 32]);
    let office = OfficeId::parse("ps:38101004").expect("an office");
    let kinds = ["fir".to_owned(), "outcome".to_owned()];
    let own = Binding::new("police-a", std::slice::from_ref(&office), &kinds);
    if let Ok(position) = own.open(&String::from_utf8_lossy(bytes), &key) {
        assert_eq!(own.seal(position, &key).as_bytes(), bytes, "two texts are one cursor");
    }
    let Some((place, change)) = bytes.split_at_checked(16) else { return };
    let number = |at: usize| u64::from_be_bytes(place[at..at + 8].try_into().expect("eight bytes"));
    let position = FeedPosition { liberty: number(0), rest: number(8) };
    let text = own.seal(position, &key);
    assert_eq!(own.open(&text, &key).ok(), Some(position), "a cursor does not open");
    for other in [
        Binding::new("police-b", std::slice::from_ref(&office), &kinds),
        Binding::new("police-a", &[], &kinds),
        Binding::new("police-a", std::slice::from_ref(&office), &kinds[..1]),
    ] {
        assert!(other.open(&text, &key).is_err(), "a cursor opens for another filter");
    }
    assert!(own.open(&text, &MacKey::new(&[8; 32])).is_err(), "a cursor of another gateway opens");
    let [at, letter, more @ ..] = change else { return };
    let mut forged = text.clone().into_bytes();
    let at = usize::from(*at) % (forged.len() + 1);
    match forged.get_mut(at) {
        Some(there) => *there = *letter,
        None => forged.push(*letter),
    }
    forged.extend_from_slice(more);
    if let Ok(forged) = String::from_utf8(forged)
        && forged != text
    {
        assert!(own.open(&forged, &key).is_err(), "`{forged}` opens, and was never made");
    }
}
