//! TLS as somebody meets it who tries it out: a folder with an authority of its own, used from the command line, and what the
//! command line says when a certificate is missing, of somebody else, or not the key's.

use super::cli_journey::Started;
use super::cli_mistakes::{Made, said};

/// What `icjs` says to these words; fails the test where it succeeds.
fn refused(made: &Made, words: &[&str]) -> String {
    let output = made.icjs(words);
    assert!(!output.status.success(), "{words:?}: {}", said(&output));
    said(&output)
}

#[test]
fn a_folder_of_init_with_tls_is_used_from_the_command_line_and_mistakes_are_named() {
    let started = Started::on(Made::with(&["--tls"]));
    let made = &started.made;
    let listens: serde_json::Value =
        serde_json::from_slice(&std::fs::read(made.file("data/listen.json")).unwrap()).unwrap();
    assert_eq!(listens["tls"], true, "{listens}");
    std::fs::write(made.file("fir.xml"), started.record()).unwrap();
    let fir = made.file("fir.xml");
    let send = ["send", fir.to_str().unwrap(), "--kind", "fir", "--as", "cctns-dl"];
    let sent = made.icjs(&send);
    assert!(sent.status.success(), "{}", said(&sent));
    let page = made.icjs(&["feed", "--as", "ecourts-dl", "--wait", "10", "--ack"]);
    assert!(page.status.success() && said(&page).contains("fir"), "{}", said(&page));

    let certificate = |system: &str, ending: &str| made.file(&format!("keys/dev/tls/{system}.{ending}"));
    std::fs::remove_file(certificate("cctns-dl", "pem")).unwrap();
    let said = refused(made, &send);
    assert!(said.contains("speaks TLS, and there is no certificate of `cctns-dl`"), "{said}");
    // The certificate of another system is none for this key.
    std::fs::copy(certificate("nafis", "pem"), certificate("cctns-dl", "pem")).unwrap();
    let said = refused(made, &send);
    assert!(said.contains("certificate"), "{said}");
    // One of an authority that the gateway does not know.
    let elsewhere = Made::new();
    for ending in ["pem", "key"] {
        let from = elsewhere.file(&format!("keys/dev/tls/cctns-dl.{ending}"));
        std::fs::copy(from, certificate("cctns-dl", ending)).unwrap();
    }
    let said = refused(made, &send);
    // Whether its alert is read depends on how quickly the connection is gone.
    assert!(said.contains("does not answer") && said.contains("refused the certificate"), "{said}");
}

#[test]
fn the_keys_of_a_new_folder_are_read_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let made = Made::new();
    for file in ["keys/tls/gateway.key", "keys/dev/tls/authority.key", "keys/dev/tls/cctns-dl.key"] {
        let mode = std::fs::metadata(made.file(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}: {mode:o}");
    }
    // Without --tls the lines wait: they are there, and `check` finds nothing wrong with them once they count.
    let settings = std::fs::read_to_string(made.file("config/gateway.toml")).unwrap();
    let (before, tls) = settings.split_once("# [tls]").unwrap();
    let on = tls.replace("\n# ", "\n");
    std::fs::write(made.file("config/gateway.toml"), format!("{before}[tls]{on}")).unwrap();
    let checked = made.icjs(&["check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    std::fs::copy(made.file("keys/tls/authority.pem"), made.file("keys/tls/gateway.key")).unwrap();
    let said = refused(&made, &["check"]);
    assert!(said.contains("config/gateway.toml: [tls] cannot be used: `") && said.contains("gateway.key"), "{said}");
}
