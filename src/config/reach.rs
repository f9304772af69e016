//! Whom the gateway may call: `https` anywhere, plain `http` on this machine only. What it sends (records, alerts) is not for
//! a wire in clear.

use std::net::IpAddr;

/// What is wrong with a URL that the gateway is to call, and what to write instead.
pub(super) fn fault(key: &str, url: &str, example: &str) -> Option<String> {
    if let Some(rest) = url.strip_prefix("https://") {
        return rest.is_empty().then(|| format!("`{key}` is `{url}`; write `{example}`"));
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return Some(format!("`{key}` is `{url}`; write `{example}`"));
    };
    (!is_here(rest)).then(|| format!("`{key}` is `{url}`; plain HTTP is for this machine only: write `https://{rest}`"))
}

/// The host of a URL: a name, or an address without brackets.
pub(super) fn host(url: &str) -> Option<&str> {
    url.split_once("://").map(|(_, rest)| host_of(rest))
}

fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Whether what follows `http://` names this machine.
fn is_here(rest: &str) -> bool {
    let host = host_of(rest);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn plain_http_reaches_this_machine_and_nobody_else() {
        let fine = [
            "https://a.example/x",
            "http://127.0.0.1:9/in",
            "http://127.8.8.8",
            "http://[::1]:80/",
            "http://LocalHost:1?x",
        ];
        for url in fine {
            assert_eq!(fault("url", url, "x"), None, "{url}");
        }
        for url in [
            "http://a.example/x",
            "http://127.0.0.1.example/",
            "http://127.0.0.1@a.example/",
            "http://10.0.0.7:80",
            "http://[fe80::1]/",
        ] {
            let said = fault("url", url, "x").unwrap_or_default();
            assert!(said.contains("plain HTTP is for this machine only: write `https://"), "{url}: {said}");
        }
        for url in ["ftp://a.example", "a.example", "https://", ""] {
            assert!(
                fault("url", url, "https://b.example").is_some_and(|said| said.ends_with("write `https://b.example`")),
                "{url}"
            );
        }
    }
}
