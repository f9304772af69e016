//! Tests of the framing: what passes, in any pieces; what does not, and that nothing behind it does.

use proptest::prelude::*;

use super::{Bounds, Fault, Framing, Length, judge};

const BOUNDS: Bounds = Bounds { bytes: 1000, lines: 10 };

fn judged(head: &str) -> Result<Length, Fault> {
    judge(head.as_bytes(), &BOUNDS)
}

/// What passes of a stream that comes in pieces of `step` bytes, and the fault that ended it.
fn passed(stream: &[u8], step: usize) -> (Vec<u8>, Option<Fault>) {
    let mut framing = Framing::new(BOUNDS);
    let (mut held, mut out) = (Vec::new(), Vec::new());
    for piece in stream.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            match framing.next(&held) {
                Ok(0) => break,
                Ok(count) => out.extend(held.drain(..count)),
                Err(fault) => return (out, Some(fault)),
            }
        }
    }
    (out, None)
}

const GOOD: &[&str] = &[
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /a?b=%20&c=[] HTTP/1.0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nicjs-actor: \u{915}\t; x\r\n\r\nhello",
    "POST /x HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n",
    "PUT /x HTTP/1.1\r\nhost:a\r\nContent-Length:0\r\n\r\n",
];

#[test]
fn requests_pass_whole_and_one_after_another_in_any_pieces() {
    let stream = GOOD.concat().into_bytes();
    for step in [1, 2, 3, 7, 64, stream.len()] {
        assert_eq!(passed(&stream, step), (stream.clone(), None), "in pieces of {step}");
    }
}

#[test]
fn http_2_passes_once_its_preface_is_whole_and_only_at_the_beginning() {
    let stream = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\n".to_vec();
    for step in [1, 5, 100] {
        assert_eq!(passed(&stream, step), (stream.clone(), None));
    }
    let later = [GOOD[0].as_bytes(), &stream].concat();
    assert_eq!(passed(&later, 9), (GOOD[0].as_bytes().to_vec(), Some(Fault::Form)));
}

#[test]
fn what_two_servers_might_read_differently_is_a_fault() {
    let with = |line: &str| format!("POST / HTTP/1.1\r\nhost: a\r\n{line}\r\n\r\n");
    for lines in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 4\r\ncontent-length: 4",
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4, 4",
        "content-length: +4",
        "content-length: -1",
        "content-length: 0x4",
        "content-length: 4 4",
        "content-length: ",
        "content-length: 4;x",
        "content-length: 99999999999999999999",
        "content-length: \u{664}",
        "transfer-encoding: identity",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding:\u{b}chunked",
        "content-length : 4",
        "transfer-encoding : chunked",
        "content-length\t: 4",
        " content-length: 4",
        "x: a\r\n folded",
        "x: a\r\n\tfolded",
        "x: a\rb",
        "x: a\0b",
        "x: a\u{7f}",
        ": a",
        "x y: a",
        "no colon",
        "\u{915}: a",
        "host: b",
        "x: a\r\nhost: b",
    ] {
        assert_eq!(judged(&with(lines)), Err(Fault::Form), "{lines:?}");
    }
    for line in [
        "GET http://a/ HTTP/1.1",
        "CONNECT a:443 HTTP/1.1",
        "CONNECT /a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET a HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\u{915} HTTP/1.1",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / HTTP/0.9",
        "GET / http/1.1",
        "GET /",
        "get / HTTP/1.1",
        "REFUSED /400 HTTP/1.1",
        "GET / HTTP/1.1\r\nx: a",
        "",
    ] {
        let host = if line.ends_with("x: a") { "" } else { "host: a\r\n" };
        assert_eq!(judged(&format!("{line}\r\n{host}\r\n")), Err(Fault::Form), "{line:?}");
    }
    assert_eq!(judged("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"), Err(Fault::Form));
}

#[test]
fn a_head_has_its_bounds_whether_it_ends_or_not() {
    let lines = |count: usize| format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert!(judged(&lines(9)).is_ok());
    assert_eq!(judged(&lines(10)), Err(Fault::Large));
    let endless = format!("GET / HTTP/1.1\r\nhost: {}", "a".repeat(2000));
    assert_eq!(passed(endless.as_bytes(), 64), (Vec::new(), Some(Fault::Large)));
}

#[test]
fn a_head_that_is_too_large_is_so_in_any_pieces_whatever_stands_beyond_the_bound() {
    let beyond = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\n\n", "a".repeat(1_000)).into_bytes();
    let within = format!("GET / HTTP/1.1\r\nhost: a\nx: {}\r\n\r\n", "a".repeat(1_000)).into_bytes();
    for step in [1, 9, 100, 2_000] {
        assert_eq!(passed(&beyond, step), (Vec::new(), Some(Fault::Large)), "in pieces of {step}");
        assert_eq!(passed(&within, step), (Vec::new(), Some(Fault::Form)), "in pieces of {step}");
    }
}

/// What would be a request if somebody read it so.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn nothing_behind_a_fault_passes() {
    for stream in [
        "GET / HTTP/1.1\nhost: a\n\n",
        "GET / HTTP/1.1\r\nhost: a\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let stream = format!("{stream}{HIDDEN}");
        for step in [1, 8, 1000] {
            assert_eq!(passed(stream.as_bytes(), step), (Vec::new(), Some(Fault::Form)), "{stream:?}");
        }
    }
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in [
        "5;a=b\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
        "0\r\ntrailer: x\r\n\r\n",
        "0\n\n",
        "0\r\n\n",
        "0;\n\r\n",
    ] {
        let stream = format!("{head}{chunks}{HIDDEN}");
        for step in [1, 8, 1000] {
            let (out, fault) = passed(stream.as_bytes(), step);
            assert_eq!(fault, Some(Fault::Form), "{chunks:?}");
            assert!(!String::from_utf8_lossy(&out).contains("hidden"), "{chunks:?}");
        }
    }
}

proptest! {
    #[test]
    fn how_the_bytes_come_changes_nothing(
        order in prop::collection::vec(0..GOOD.len(), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        steps in prop::collection::vec(1..200_usize, 3),
    ) {
        let mut stream: Vec<u8> = order.iter().flat_map(|one| GOOD[*one].bytes()).collect();
        stream.extend_from_slice(&noise);
        let whole = passed(&stream, stream.len().max(1));
        prop_assert!(stream.starts_with(&whole.0));
        for step in steps {
            let (out, fault) = passed(&stream, step);
            prop_assert_eq!(&fault, &whole.1);
            prop_assert_eq!(&out, &whole.0);
        }
    }
}
