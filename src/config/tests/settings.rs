//! The node's own settings: defaults, layers, mistakes.

use super::*;

#[test]
fn the_embedded_gateway_toml_says_the_defaults() {
    assert_eq!(Settings::layered(None, []).unwrap(), Settings::default());
}

#[test]
fn every_option_of_the_node_stands_in_the_embedded_file_with_a_comment() {
    let table: toml::Table = crate::config::settings::DEFAULTS.parse().unwrap();
    let mut written: Vec<(String, String)> = Vec::new();
    for (name, inner) in &table {
        written.extend(inner.as_table().unwrap().keys().map(|key| (format!("[{name}]"), key.clone())));
    }
    written.sort();
    assert_eq!(written, Settings::keys());
    let lines: Vec<&str> = crate::config::settings::DEFAULTS.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#')) {
        let before = lines[at - 1];
        assert!(before.starts_with('#') || before == "per_second = 200", "`{line}` has no comment");
    }
}

#[test]
fn layers_of_settings_lie_over_one_another_and_the_environment_is_on_top() {
    let file =
        b"[exchange]\nlisten = \"127.0.0.1:9000\"\n[limits]\nrecord = \"2 MiB\"\n[dispatch]\nbreaker_failures = 3\n";
    let variables = [
        ("ICJS_EXCHANGE__LISTEN".to_owned(), "0".to_owned()),
        ("ICJS_DISPATCH__BREAKER_FAILURES".to_owned(), "7".to_owned()),
        ("ICJS_DIR".to_owned(), "somewhere".to_owned()),
        ("PATH".to_owned(), "a__b".to_owned()),
    ];
    let settings = Settings::layered(Some(file), variables).unwrap();
    assert_eq!(settings.exchange.listen.port(), 0);
    assert_eq!(settings.dispatch.breaker_failures, 7);
    assert_eq!(settings.limits.record, 2 << 20);
    assert_eq!(settings.dispatch.lease, Duration::from_secs(60));
}

#[test]
fn every_error_of_the_settings_is_listed_with_its_line() {
    let file = b"[exchange]\nlisten = \"0.0.0.0:80\"\nlissten = \"x\"\n[limits]\nrecord = \"1MB\"\ndepth = 0\n[stor]\n";
    let errors = Settings::layered(Some(file), [("ICJS_LOG__LEVEL".to_owned(), "loud".to_owned())]).unwrap_err();
    let text = shown(&errors);
    for part in [
        "environment: `level` is `loud`",
        "config/gateway.toml: `depth` must not be 0",
        "config/gateway.toml: `listen` of [exchange] is `0.0.0.0:80`; plain HTTP is served on loopback only",
        "config/gateway.toml:3: unknown key `lissten` in [exchange]; did you mean `listen`?",
        "config/gateway.toml:5: `record` is `1MB`; write a size as",
        "config/gateway.toml:7: unknown key `stor` in this file; did you mean `store`?",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    assert_eq!(errors.len(), 6, "{text}");
}

#[test]
fn with_tls_a_gateway_that_listens_everywhere_says_where_it_is() {
    let files = "[tls]\ncertificate = \"a\"\nkey = \"b\"\nclients = \"c\"\n[exchange]\n";
    let read = |lines: &str| Settings::layered(Some(format!("{files}{lines}").as_bytes()), []);
    for wrong in ["listen = \"0.0.0.0:443\"", "listen = \"[::]:443\"", "url = \"http://gateway.example\""] {
        let text = shown(&read(wrong).unwrap_err());
        assert!(text.contains("`url` of [exchange] is needed with [tls]"), "{wrong}: {text}");
    }
    let url = "url = \"https://gateway.example\"";
    for right in [url, &format!("listen = \"0.0.0.0:443\"\n{url}"), "listen = \"10.1.2.3:443\"", ""] {
        assert!(read(right).is_ok(), "{right}");
    }
}
