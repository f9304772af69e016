//! The law of HTTP framing: how a stream is cut into pieces changes nothing; what passes is a beginning of what came; every head
//! that passes is one whole head; and behind a fault nothing passes.

use icjs::http_edge::framing::{Bounds, Fault, Framing, judge};

const BOUNDS: Bounds = Bounds { bytes: 600, lines: 8 };

/// The first four bytes are the widths of the pieces, in turn; the rest is the stream.
pub fn check(bytes: &[u8]) {
    let Some((widths, stream)) = bytes.split_at_checked(4) else { return };
    let whole = passed(stream, &[255], false);
    assert!(stream.starts_with(&whole.0), "what passes is not what came");
    for unseen in [false, true] {
        assert_eq!(passed(stream, widths, unseen), whole, "in pieces of {widths:?}, unseen: {unseen}");
    }
    assert_eq!(passed(stream, &[0], true), whole, "byte by byte");
}

/// What passes of a stream that comes in pieces, and the fault that ended it. `unseen`: as the guard of a socket does, what lies
/// within a body passes without being looked at.
fn passed(stream: &[u8], widths: &[u8], unseen: bool) -> (Vec<u8>, Option<Fault>) {
    let mut framing = Framing::new(BOUNDS);
    let (mut held, mut out, mut at) = (Vec::new(), Vec::new(), 0);
    for width in widths.iter().cycle() {
        let Some(rest) = stream.get(at..).filter(|rest| !rest.is_empty()) else { break };
        let piece = &rest[..rest.len().min(usize::from(*width) + 1)];
        at += piece.len();
        if unseen && held.is_empty() && framing.open_for(piece.len()) {
            framing.passed(piece.len());
            out.extend_from_slice(piece);
            continue;
        }
        held.extend_from_slice(piece);
        loop {
            let head = framing.in_head();
            match framing.next(&held) {
                Ok(0) => break,
                Ok(count) => {
                    let gone: Vec<u8> = held.drain(..count).collect();
                    whole_head(head, &gone, out.is_empty());
                    out.extend(gone);
                }
                Err(fault) => {
                    // Nothing passes any more, whatever follows.
                    held.extend_from_slice(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
                    assert!(framing.next(&held).is_err(), "a request behind a fault passes");
                    return (out, Some(fault));
                }
            }
        }
    }
    (out, None)
}

fn whole_head(head: bool, gone: &[u8], first: bool) {
    if !head || (first && gone.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) {
        return;
    }
    let ends = gone.windows(4).filter(|window| window == b"\r\n\r\n").count();
    assert!(gone.ends_with(b"\r\n\r\n") && ends == 1, "not one head: {:?}", String::from_utf8_lossy(gone));
    assert!(gone.len() <= BOUNDS.bytes && judge(gone, &BOUNDS).is_ok(), "a head that is refused passes");
    let bare = gone.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || gone[at - 1] != b'\r'));
    assert!(!bare && !gone.contains(&0), "a bare line feed or a NUL passes");
}
