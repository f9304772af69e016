//! Invented people with names in Indian scripts, places and offences: what the demo's records are about.
//! Nobody here exists; names are common given and family names put together by a seeded generator.

use fastrand::Rng;

/// A person as a station writes her or him down.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name in its own script.
    pub name: String,
    /// The name in Latin letters.
    pub latin: String,
    /// Father's name in the same script.
    pub father: String,
    /// Male or female.
    pub woman: bool,
    /// Age in years.
    pub age: u8,
}

/// One language's names: language code (ISO 639), men, women, family names; each in its script and in Latin letters.
type Names = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
);

const NAMES: &[Names] = &[
    (
        "hi",
        &[("राजेश", "Rajesh"), ("सुरेंद्र", "Surendra"), ("धर्मेन्द्र", "Dharmendra"), ("ज्ञानेश", "Gyanesh")],
        &[("सुनीता", "Sunita"), ("प्रज्ञा", "Pragya"), ("शकुन्तला", "Shakuntala")],
        &[("शर्मा", "Sharma"), ("यादव", "Yadav"), ("श्रीवास्तव", "Shrivastava"), ("मिश्रा", "Mishra")],
    ),
    (
        "ta",
        &[("முருகன்", "Murugan"), ("செந்தில்", "Senthil"), ("கார்த்திகேயன்", "Karthikeyan")],
        &[("மீனாட்சி", "Meenakshi"), ("தமிழ்செல்வி", "Tamilselvi")],
        &[("சுப்பிரமணியன்", "Subramanian"), ("ராமசாமி", "Ramasamy"), ("அழகிரி", "Azhagiri")],
    ),
    (
        "bn",
        &[("সৌরভ", "Sourav"), ("অভিজিৎ", "Abhijit"), ("ক্ষিতীশ", "Kshitish")],
        &[("সুস্মিতা", "Susmita"), ("রূপা", "Rupa")],
        &[("চট্টোপাধ্যায়", "Chattopadhyay"), ("বন্দ্যোপাধ্যায়", "Bandyopadhyay"), ("দাশগুপ্ত", "Dasgupta")],
    ),
    (
        "te",
        &[("వెంకటేశ్వర్లు", "Venkateswarlu"), ("శ్రీనివాస్", "Srinivas"), ("కృష్ణ", "Krishna")],
        &[("లక్ష్మి", "Lakshmi"), ("పద్మావతి", "Padmavathi")],
        &[("రెడ్డి", "Reddy"), ("నాయుడు", "Naidu"), ("చౌదరి", "Chowdary")],
    ),
    (
        "kn",
        &[("ಬಸವರಾಜ", "Basavaraja"), ("ಮಂಜುನಾಥ", "Manjunatha"), ("ಸಿದ್ದರಾಮ", "Siddarama")],
        &[("ಗಂಗಮ್ಮ", "Gangamma"), ("ಶೋಭಾ", "Shobha")],
        &[("ಗೌಡ", "Gowda"), ("ಹೆಗ್ಡೆ", "Hegde"), ("ಪಾಟೀಲ", "Patil")],
    ),
    (
        "pa",
        &[("ਗੁਰਪ੍ਰੀਤ", "Gurpreet"), ("ਹਰਜਿੰਦਰ", "Harjinder"), ("ਬਲਵਿੰਦਰ", "Balwinder")],
        &[("ਜਸਲੀਨ", "Jasleen"), ("ਮਨਪ੍ਰੀਤ", "Manpreet")],
        &[("ਸਿੰਘ", "Singh"), ("ਸੰਧੂ", "Sandhu"), ("ਢਿੱਲੋਂ", "Dhillon")],
    ),
    (
        "ml",
        &[("ഉണ്ണികൃഷ്ണൻ", "Unnikrishnan"), ("സുരേഷ്", "Suresh")],
        &[("അമ്മിണി", "Ammini"), ("ശ്രീദേവി", "Sreedevi")],
        &[("നായർ", "Nair"), ("മേനോൻ", "Menon")],
    ),
    (
        "gu",
        &[("જયેશ", "Jayesh"), ("હાર્દિક", "Hardik")],
        &[("કોકિલા", "Kokila"), ("હેતલ", "Hetal")],
        &[("પટેલ", "Patel"), ("ત્રિવેદી", "Trivedi")],
    ),
];

/// An invented person.
pub fn person(dice: &mut Rng) -> Person {
    let woman = dice.u8(..10) < 3;
    let Some((_, men, women, families)) = dice.choice(NAMES) else { return nobody() };
    let given = dice.choice(if woman { women.iter() } else { men.iter() });
    let (Some(given), Some(family), Some(father)) = (given, dice.choice(families.iter()), dice.choice(men.iter()))
    else {
        return nobody();
    };
    Person {
        name: format!("{} {}", given.0, family.0),
        latin: format!("{} {}", given.1, family.1),
        father: format!("{} {}", father.0, family.0),
        woman,
        age: dice.u8(19..66),
    }
}

/// One to three people who are accused together: men or women, since a case with both may concern two prisons.
pub fn company(dice: &mut Rng) -> Vec<Person> {
    let first = person(dice);
    let others: Vec<Person> = (0..dice.usize(0..3)).map(|_| Person { woman: first.woman, ..person(dice) }).collect();
    std::iter::once(first).chain(others).collect()
}

fn nobody() -> Person {
    Person {
        name: "अज्ञात".to_owned(), latin: "Unknown".to_owned(), father: "अज्ञात".to_owned(), woman: false, age: 30
    }
}

/// Sections of the Bharatiya Nyaya Sanhita, 2023, that stations write most: section and its short name.
pub const OFFENCES: &[(&str, &str)] = &[
    ("303(2)", "Theft"),
    ("309(4)", "Robbery"),
    ("115(2)", "Voluntarily causing hurt"),
    ("318(4)", "Cheating"),
    ("331(4)", "House-breaking by night"),
    ("281", "Rash driving on a public way"),
    ("351(2)", "Criminal intimidation"),
];

/// What happened, in the words of the one who reports it.
pub fn story(dice: &mut Rng, person: &Person) -> String {
    let told = [
        "मेरी दुकान का ताला तोड़कर सामान ले जाया गया। / The lock of the shop was broken and goods were taken.",
        "என் வண்டி திருடப்பட்டது. / My two-wheeler was stolen from the street.",
        "আমার ফোন ছিনিয়ে নেওয়া হয়েছে। / My phone was snatched near the market.",
        "నా బంధువును కొట్టారు. / A relative was beaten at the bus stand.",
        "ನನ್ನ ಮನೆಯಲ್ಲಿ ಕಳ್ಳತನವಾಗಿದೆ. / The house was broken into at night.",
    ];
    let words = dice.choice(told.iter()).copied().unwrap_or_default();
    format!("{words} ({} / {})", person.name, person.latin)
}
