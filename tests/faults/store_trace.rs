//! What a gateway asked of the operating system, as `strace` wrote it down: opens, writes, syncs, renames, and what it sent to
//! sockets. Every event has the line at which it began and the one at which it was over; a sync holds for what was over
//! before it began. Reads are left out: no file that is written here is read by the same descriptor first. `store_disk` makes of it what a disk may hold after a power cut.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One call.
#[derive(Clone, Debug)]
pub enum Call {
    /// A file was made, or emptied.
    Make {
        path: PathBuf,
        emptied: bool,
    },
    /// `at` is where in the file.
    Write {
        path: PathBuf,
        at: u64,
        bytes: Vec<u8>,
    },
    Resize {
        path: PathBuf,
        size: u64,
    },
    Sync {
        path: PathBuf,
    },
    Folder {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    /// Bytes to a socket.
    Send {
        bytes: Vec<u8>,
    },
}

/// A call with the lines at which it began and ended.
#[derive(Clone, Debug)]
pub struct Event {
    pub began: usize,
    pub ended: usize,
    pub call: Call,
}

/// The system calls that are written down.
pub const TRACED: &str = "openat,open,creat,write,pwrite64,writev,sendto,sendmsg,lseek,ftruncate,fsync,fdatasync,\
                          rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";

/// The events below a folder, in the order in which they began.
pub fn events(log: &str, root: &Path) -> Vec<Event> {
    let mut reading = Reading { root, offsets: HashMap::new(), begun: HashMap::new(), events: Vec::new() };
    for (number, line) in log.lines().enumerate() {
        reading.line(number, line);
    }
    reading.events.sort_by_key(|event| event.began);
    reading.events
}

struct Reading<'a> {
    root: &'a Path,
    /// Where the next plain write of a file descriptor goes.
    offsets: HashMap<u64, u64>,
    /// Calls that have begun, by thread: the line, and its text.
    begun: HashMap<&'a str, (usize, String)>,
    events: Vec<Event>,
}

impl<'a> Reading<'a> {
    fn line(&mut self, number: usize, line: &'a str) {
        let Some((thread, rest)) = line.split_once(' ') else { return };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            self.begun.insert(thread, (number, begun.to_owned()));
        } else if let Some((_, resumed)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let Some((began, text)) = self.begun.remove(thread) else { return };
            self.call(began, number, &format!("{text}{resumed}"));
        } else {
            self.call(number, number, rest);
        }
    }

    fn call(&mut self, began: usize, ended: usize, text: &str) {
        let Some((name, rest)) = text.split_once('(') else { return };
        let Some((words, result)) = rest.rsplit_once(" = ") else { return };
        let words = words.trim_end().trim_end_matches(')');
        let result: i64 = result.split(['<', ' ']).next().and_then(|number| number.parse().ok()).unwrap_or(-1);
        if result < 0 {
            return;
        }
        let result = u64::try_from(result).unwrap_or(0);
        let (descriptor, path) = descriptor(words);
        let strings = strings(words);
        let root = self.root;
        let path_of = |bytes: &Vec<u8>| root.join(String::from_utf8_lossy(bytes).as_ref());
        let first = || strings.first().map(path_of).unwrap_or_default();
        let call = match name {
            "openat" | "open" | "creat" => {
                self.offsets.insert(result, 0);
                let emptied = words.contains("O_TRUNC");
                (words.contains("O_CREAT") || emptied).then(|| Call::Make { path: first(), emptied })
            }
            "lseek" => {
                self.offsets.insert(descriptor, result);
                None
            }
            "write" | "pwrite64" | "writev" | "sendto" | "sendmsg" => {
                let mut bytes = strings.concat();
                bytes.truncate(usize::try_from(result).unwrap_or(usize::MAX));
                self.written(name, descriptor, path, words, bytes)
            }
            "ftruncate" => {
                let size = words.rsplit(", ").next().and_then(|size| size.parse().ok()).unwrap_or(0);
                Some(Call::Resize { path, size })
            }
            "fsync" | "fdatasync" => Some(Call::Sync { path }),
            "mkdir" | "mkdirat" => Some(Call::Folder { path: first() }),
            "rename" | "renameat" | "renameat2" => {
                let to = strings.get(1).map(path_of).unwrap_or_default();
                Some(Call::Rename { from: first(), to })
            }
            "unlink" | "unlinkat" => Some(Call::Remove { path: first() }),
            _ => None,
        };
        let here = |call: &Call| match call {
            Call::Send { .. } => true,
            Call::Make { path, .. } | Call::Write { path, .. } | Call::Resize { path, .. } => {
                path.starts_with(self.root)
            }
            Call::Sync { path } | Call::Folder { path } | Call::Remove { path } => path.starts_with(self.root),
            Call::Rename { from, .. } => from.starts_with(self.root),
        };
        self.events.extend(call.filter(here).map(|call| Event { began, ended, call }));
    }

    fn written(&mut self, name: &str, descriptor: u64, path: PathBuf, words: &str, bytes: Vec<u8>) -> Option<Call> {
        if !path.is_absolute() {
            return Some(Call::Send { bytes });
        }
        let at = match name {
            "pwrite64" => words.rsplit(", ").next().and_then(|at| at.parse().ok())?,
            _ => {
                let at = self.offsets.entry(descriptor).or_default();
                let here = *at;
                *at += bytes.len() as u64;
                here
            }
        };
        // A file that has no name any more is nobody's.
        (!words.contains(">(deleted)")).then_some(Call::Write { path, at, bytes })
    }
}

/// `13<\x2f...>`: the number, and what it stands for.
fn descriptor(words: &str) -> (u64, PathBuf) {
    let number: String = words.chars().take_while(char::is_ascii_digit).collect();
    let name = words.get(number.len()..).and_then(|rest| rest.strip_prefix('<')?.split_once('>')).map(|(name, _)| name);
    let name = String::from_utf8_lossy(&unescaped(name.unwrap_or_default())).into_owned();
    (number.parse().unwrap_or(u64::MAX), PathBuf::from(name))
}

/// What stands between quotation marks, every byte of it as `\xNN`.
fn strings(words: &str) -> Vec<Vec<u8>> {
    words.split('"').skip(1).step_by(2).map(unescaped).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).filter_map(|byte| u8::from_str_radix(byte.get(..2)?, 16).ok()).collect()
}
