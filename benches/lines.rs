//! How fast an agent's stream is read: bytes into lines, lines into events. And in how much memory:
//! a process of its own reads it from a pipe.
//!
//! `cargo bench --bench lines`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

use conductor::adapters::agent::Events;
use conductor::adapters::agent::claude::ClaudeStream;
use conductor::system::process::{DEFAULT_LINE_CAP, Lines, Piece};
use divan::Bencher;
use divan::counter::BytesCount;
use std::io::Write;
use std::process::{Command, Stdio};

const SIZE: usize = 200 << 20;
const LONG_LINE: usize = 50 << 20;
const READER: &str = "CONDUCTOR_BENCH_READER";

fn main() {
    if std::env::var_os(READER).is_some() {
        return read_standard_input();
    }
    if cfg!(target_os = "linux") && std::env::args().any(|arg| arg == "--bench") {
        measure_memory();
    }
    divan::main();
}

fn measure_memory() {
    let mut reader = Command::new(std::env::current_exe().unwrap());
    let mut reader = reader.env(READER, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = reader.stdin.take().unwrap();
    let chunk = mixed(10 << 20);
    for _ in 0..SIZE / chunk.len() {
        input.write_all(&chunk).unwrap();
    }
    input.write_all(&vec![b'x'; LONG_LINE]).unwrap();
    drop(input);
    print!("{}", std::io::read_to_string(reader.stdout.take().unwrap()).unwrap());
    assert!(reader.wait().unwrap().success());
}

fn read_standard_input() {
    let start = peak();
    let (mut count, mut skipped, mut before) = (0, 0, 0);
    let (mut lines, mut input) = (Lines::new(DEFAULT_LINE_CAP), std::io::stdin().lock());
    let (mut stream, mut events) = (ClaudeStream::new(), Events::new());
    let mut seen = 0;
    loop {
        let read = lines.fill(&mut input, |_| ()).unwrap();
        seen += read;
        if read == 0 {
            lines.finish();
        }
        while let Some(piece) = lines.take() {
            match piece {
                Piece::Text(range) => {
                    stream.push(lines.text(range), &mut events);
                    count += events.drain(..).count();
                    before = peak();
                }
                Piece::Skipped(length) => skipped = length,
            }
        }
        if read == 0 {
            break;
        }
    }
    println!("memory beyond the start, after {count} events in {seen} bytes: {} KiB", before - start);
    println!("memory beyond the start, after a line of {skipped} bytes: {} KiB\n", peak() - start);
}

/// The largest resident size so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

/// A stream of that size: answers, tool calls and tool results of 200 bytes to 50 KB.
fn mixed(size: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(size + (64 << 10));
    let mut number = 0;
    while stream.len() < size {
        number += 1;
        let length = [40, 200, 1_000, 4_000, 12_000, 49_000][number % 6];
        let words = "let value = \\\"x\\\"; // line\\n".repeat(length / 27 + 1);
        let line = match number % 3 {
            0 => format!(
                r#"{{"type":"assistant","message":{{"id":"msg_{number}","model":"m","content":[{{"type":"text","text":"{words}"}}],"usage":{{"input_tokens":1}}}},"parent_tool_use_id":null,"session_id":"s"}}"#
            ),
            1 => format!(
                r#"{{"type":"assistant","message":{{"id":"msg_{number}","model":"m","content":[{{"type":"tool_use","id":"t","name":"Write","input":{{"file_path":"/w/a.rs","content":"{words}"}}}}]}},"session_id":"s"}}"#
            ),
            _ => format!(
                r#"{{"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"t","type":"tool_result","content":"{words}"}}]}},"session_id":"s","tool_use_result":{{"stdout":"{words}"}}}}"#
            ),
        };
        stream.extend_from_slice(line.as_bytes());
        stream.push(b'\n');
    }
    stream
}

fn read(stream: &[u8], mut each: impl FnMut(&[u8])) {
    let (mut lines, mut input) = (Lines::new(DEFAULT_LINE_CAP), stream);
    while lines.fill(&mut input, |_| ()).unwrap() > 0 {
        while let Some(piece) = lines.take() {
            if let Piece::Text(range) = piece {
                each(lines.text(range));
            }
        }
    }
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn lines_only(bencher: Bencher) {
    let stream = mixed(SIZE);
    bencher.counter(BytesCount::of_slice(&stream)).bench_local(|| {
        let mut count = 0;
        read(&stream, |line| count += line.len());
        count
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn lines_into_events(bencher: Bencher) {
    let stream = mixed(SIZE);
    bencher.counter(BytesCount::of_slice(&stream)).bench_local(|| {
        let (mut parser, mut events, mut count) = (ClaudeStream::new(), Events::new(), 0);
        read(&stream, |line| {
            parser.push(line, &mut events);
            count += events.drain(..).count();
        });
        count
    });
}

/// One line of 50 MB, skipped in bounded memory.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn one_line_of_fifty_megabytes(bencher: Bencher) {
    let mut stream = vec![b'x'; 50 << 20];
    stream.push(b'\n');
    bencher.counter(BytesCount::of_slice(&stream)).bench_local(|| {
        let mut count = 0;
        read(&stream, |_| count += 1);
        count
    });
}
