//! Mistakes in a folder: each is named at its file and line, all of them at once, and every key is in the manual.

use super::*;

/// What stands in a file, what is written there instead, and what is said of it.
type Edit = (&'static str, &'static str, &'static str);

#[test]
#[expect(clippy::too_many_lines, reason = "one table of mistakes")]
fn every_mistake_is_named_at_its_file_and_line() {
    // In a file that is right: what is written there instead, and what is said of it behind the file's name.
    let edits: &[(&str, &str, &[Edit])] = &[
        (
            "config/kinds.toml",
            KINDS,
            &[
                (
                    "lane = \"papers\"\nschema",
                    "lane = \"paper\"\nschema",
                    ":6: `lane` is `paper`; did you mean `papers`?",
                ),
                (
                    "case.fir\", \"cnr",
                    "case.fri\", \"cnr",
                    ":8: path `case.fri`: the schema has no `fri` there; did you mean `fir`?",
                ),
                ("persons[].pid", "persons.pid", ":18: path `persons.pid`: `persons` repeats; write `persons[]`"),
            ],
        ),
        (
            "config/routes.toml",
            ROUTES,
            &[
                ("kind = \"order\"", "kind = \"ordre\"", ":17: unknown kind `ordre`; did you mean `order`?"),
                ("to = \"police\"", "to = \"polis\"", ":12: unknown pillar `polis`; did you mean `police`?"),
                ("\"cnr\"", "\"cnrs\"", ":6: unknown step `cnrs`; did you mean `cnr`?"),
                (
                    "papers-to-police",
                    "papers-to-courts",
                    ":10: route `papers-to-courts` is there twice; first in line 3",
                ),
            ],
        ),
        (
            "config/sharing.toml",
            SHARING,
            &[(
                "system:police-dl",
                "system:police-d",
                ":9: a line for nobody: unknown system `police-d`; did you mean `police-dl`?",
            )],
        ),
        (
            "config/reference/ps_court.csv",
            PS_COURT,
            &[
                ("2025-12-31", "31.12.2025", ":2: `valid_to` is `31.12.2025`"),
                (",class,", ",clas,", ":1: unknown column `clas`; did you mean `class`?"),
            ],
        ),
    ];
    for (path, right, edits) in edits {
        for (from, to, wanted) in *edits {
            let (errors, wanted) = (shown(&errors_of(path, &right.replace(from, to))), format!("{path}{wanted}"));
            assert!(errors.contains(&wanted), "{wanted}\nis not in\n{errors}");
        }
    }
    let files: &[(&str, &str, &str)] = &[
        (
            "config/systems/x.toml",
            &system("x", "courts", "[\"court:DLCT02\"]", "[feed]"),
            "config/systems/x.toml:4: office `court:DLCT02` is served by `courts-dl` already",
        ),
        (
            "config/systems/x.toml",
            &system("x", "courts", "[\"ps:1\"]", "[feed]"),
            "config/systems/x.toml:9: there is no file `keys/x.jwks.json`",
        ),
        (
            "config/systems/x.toml",
            &system("y", "courts", "[\"court:A\"]", "[feed]"),
            "config/systems/x.toml:1: `name` is `y` in a file called `x.toml`",
        ),
        (
            "config/systems/x.toml",
            &system("x", "courts", "[\"court:A\"]", "[feed]").replace("\"shared\"", "\"shred\""),
            "config/systems/x.toml:2: unknown adapter `shred`; did you mean `shared`?",
        ),
        ("config/systems/x.toml", "name = \n= 3", "config/systems/x.toml:"),
        (
            "keys/courts-dl.jwks.json",
            r#"{"keys": [{"kty": "OKP", "d": "AA"}]}"#,
            "config/systems/courts-dl.toml:9: `keys/courts-dl.jwks.json`: holds a private key",
        ),
        ("schemas/records/paper.json", "{", "schemas/records/paper.json:1: is not JSON"),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\nextends = \"share\"",
            "adapters/new/adapter.toml:3: extends the unknown adapter `share`; did you mean `shared`?",
        ),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\n[kind.paper]\nwire = \"json\"\nschema = \"new/paper\"\nmapping = \"new/paper\"\n",
            "adapters/new/adapter.toml:5: there is no schema `schemas/new/paper.json`",
        ),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\n[kind.paper]\nwire = \"shared\"\nattachments = \"base64\"\n",
            "adapters/new/adapter.toml:5: [kind.paper]: with `attachments = \"base64\"` a mapping row says",
        ),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\n[[verdict]]\nstatus = [2000]\nmeans = \"taken\"\n",
            "adapters/new/adapter.toml:4: `2000` is no HTTP status",
        ),
    ];
    for (path, text, wanted) in files {
        let errors = shown(&errors_of(path, text));
        assert!(errors.contains(wanted), "{wanted}\nis not in\n{errors}");
    }
}

#[test]
fn no_watched_folder_lies_in_another_or_among_the_gateways_own() {
    let told = |one: &str, two: &str| {
        let mut folder = folder();
        for (name, path) in [("x", one), ("y", two)] {
            let text = system(name, "courts", &format!("[\"court:{name}\"]"), &format!("[folder]\npath = \"{path}\""));
            let text = text.replace(&format!("[keys]\njwks_file = \"keys/{name}.jwks.json\"\n"), "");
            folder.put(&format!("config/systems/{name}.toml"), &text);
        }
        Revision::compile(2, folder).map_or_else(|errors| shown(&errors), |_| String::new())
    };
    assert_eq!(told("exchange/x", "exchange/y"), "");
    assert_eq!(told("exchange/x", "exchange/xy"), "");
    for (one, two) in [("exchange/x", "exchange/x/"), ("exchange/x", "exchange/x/drop"), ("/srv/x/out", "/srv/x")] {
        let errors = told(one, two);
        assert!(errors.contains("y.toml") && errors.contains("one lies in the other"), "{one} {two}: {errors}");
    }
    for own in ["keys", "data/x", "./config", "."] {
        let errors = told(own, "exchange/y");
        assert!(
            errors.contains("config/systems/x.toml:10: `path` is a folder of the gateway's own"),
            "{own}: {errors}"
        );
    }
}

#[test]
fn every_key_is_in_the_manual() {
    let mut folder = folder();
    let adapter = "name = \"new\"\npillar = \"courts\"\n[kind.paper]\nwire = \"shared\"\n[[verdict]]\nmeans = \"again\"\nreference = { scheme = \"a\", at = \"b\" }\n";
    folder.put("adapters/new/adapter.toml", adapter);
    let system = system(
        "y",
        "courts",
        "{ reference = \"courts\", state = \"07\" }",
        "[push]\nurl = \"http://127.0.0.1/\"\n[limits]\n[officers]\n[issuer]\n",
    );
    folder.put("config/systems/y.toml", &system);
    folder.put("config/administrators.toml", "[[administrator]]\n");
    folder.put("config/entitlements.toml", "[[entitlement]]\n[[seal]]\n");
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md")).unwrap();
    let keys = crate::config::revision::keys(folder);
    assert!(keys.len() > 50, "{keys:?}");
    let containers = [
        "kind",
        "route",
        "share",
        "view",
        "mark",
        "never",
        "alert",
        "verdict",
        "keys",
        "issuer",
        "push",
        "feed",
        "folder",
        "limits",
        "officers",
        "administrator",
        "entitlement",
        "seal",
    ];
    let inside = ["at", "scheme", "liberty", "path", "unknown"];
    for (table, key) in keys.iter().filter(|(_, key)| !containers.contains(&key.as_str())) {
        if inside.contains(&key.as_str()) {
            assert!(
                manual.contains(&format!("{key} = ")) || manual.contains(&format!("`{key}`")),
                "`{key}` of {table}"
            );
            continue;
        }
        assert!(
            manual.contains(&format!("`{key}`"))
                || manual.contains(&format!(" {key}`"))
                || manual.contains(&format!("`{key} =")),
            "`{key}` of {table} is not in docs/configuration.md"
        );
    }
    for container in containers {
        assert!(manual.contains(&format!("[{container}")), "[{container}] is not in docs/configuration.md");
    }
}

/// Ten mistakes of different sorts in seven files.
fn ten_mistakes() -> (Folder, Vec<String>) {
    let mut folder = folder();
    let wanted = [
        ("config/kinds.toml:5: `title_hindi`", "unknown key"),
        ("config/kinds.toml:11:", "`name` is missing"),
        ("config/reference/ps_court.csv:3:", "valid_from"),
        ("config/routes.toml:4:", "unknown kind `papr`"),
        ("config/routes.toml:12:", "unknown pillar `polise`"),
        ("config/sharing.toml:5:", "`give` is `hole`"),
        ("config/systems/police-dl.toml:2:", "unknown adapter `sharde`"),
        ("config/systems/prisons-dl.toml:9:", "there is no file `keys/prison.jwks.json`"),
        ("config/systems/courts-dl.toml:4:", "no office of the pillar"),
        ("schemas/records/other.json:1:", "is not JSON"),
    ];
    folder.put("config/kinds.toml", &KINDS.replacen("title_hi", "title_hindi", 1).replace("name = \"order\"\n", ""));
    folder.put("config/reference/ps_court.csv", &PS_COURT.replacen("2026-01-01", "1.1.2026", 1));
    folder.put("config/routes.toml", &ROUTES.replacen("\"paper\"", "\"papr\"", 1).replace("\"police\"", "\"polise\""));
    folder.put("config/sharing.toml", &SHARING.replacen("whole", "hole", 1));
    let edit = |folder: &mut Folder, path: &str, from: &str, to: &str| {
        let text = String::from_utf8(folder.files[path].to_vec()).unwrap();
        assert!(text.contains(from));
        folder.put(path, &text.replace(from, to));
    };
    edit(&mut folder, "config/systems/police-dl.toml", "\"shared\"", "\"sharde\"");
    edit(&mut folder, "config/systems/prisons-dl.toml", "keys/prisons-dl", "keys/prison");
    edit(&mut folder, "config/systems/courts-dl.toml", "\"court:DLCT02\"", "\"ps:38101004\"");
    folder.put("schemas/records/other.json", "[1,]");
    (folder, wanted.iter().map(|(place, _)| place.split(": `").next().unwrap_or(place).to_owned()).collect())
}

#[test]
fn ten_mistakes_are_all_listed_at_their_lines() {
    let (folder, places) = ten_mistakes();
    let errors = Revision::compile(2, folder).unwrap_err();
    let text = shown(&errors);
    for place in places {
        assert!(text.contains(&place), "{place}\nis not in\n{text}");
    }
}

#[test]
fn every_mistake_in_a_check_is_told_with_its_line() {
    let wrong = format!(
        "{RULES}
[[check]]
rule = \"Odd One\"
finds = \"earlyer\"

[[check]]
rule = \"before\"
finds = \"earlier\"
kind = \"papr\"
times = [\"at\"]
than = \"order\"
than_times = [\"yeers[]\"]

[[check]]
rule = \"who\"
finds = \"unsigned\"
kind = \"paper\"
signers = [\"note\"]
may = [\"note\"]
loud = true

[[check]]
rule = \"where\"
finds = \"unreceived\"
kind = \"paper\"
where = [\"note\"]
says = []
paper = \"order\"
to = [\"court\"]
"
    );
    let told = shown(&errors_of("config/rules.toml", &wrong));
    for part in [
        "`rule` is a name of small letters",
        "`finds` is `earlyer`; did you mean `earlier`?",
        "unknown kind `papr`; did you mean `paper`?",
        "path `yeers[]` of kind `order`",
        "write kind and path, `fir:officer_in_charge`",
        "unknown key `loud` in [[check]]",
        "`says` lists the codes",
        "unknown pillar `court`; did you mean `courts`?",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn every_mistake_in_the_rules_is_told_with_its_line() {
    let wrong = RULES
        .replace("kind = \"order\"", "kind = \"ordr\"")
        .replace("\"years[]\"", "\"year[]\"")
        .replace("[\"prisons\"]\nage", "[\"prison\"]\nage")
        .replace("cause = \"unsettled\"", "cause = \"unsetled\"")
        .replace("after = \"5m\"", "after = \"5 minutes\"\ncodes = []\nloud = true");
    let told = shown(&errors_of("config/rules.toml", &wrong));
    for part in [
        "config/rules.toml:3: unknown kind `ordr`; did you mean `order`?",
        "config/rules.toml:4: unknown pillar `prison`; did you mean `prisons`?",
        "config/rules.toml:10: `cause` is `unsetled`; did you mean `unsettled`?",
        "config/rules.toml:12: `after` is `5 minutes`",
        "config/rules.toml:14: unknown key `loud` in [[alert]]",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    let twice = format!("{RULES}{}", &RULES[RULES.find("[[alert]]").unwrap()..]);
    assert!(shown(&errors_of("config/rules.toml", &twice)).contains("alert `silence` is there twice; first in line 9"));
    let codes = RULES.replace("after = \"5m\"", "codes = [\"gave-up\"]");
    assert!(shown(&errors_of("config/rules.toml", &codes)).contains("only the cause `parked` has them"));
}
