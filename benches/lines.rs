//! How fast an agent's stream is read: bytes into lines, lines into events.
//!
//! `cargo bench --bench lines`

#![allow(clippy::unwrap_used)]

use conductor::adapters::agent::Events;
use conductor::adapters::agent::claude::ClaudeStream;
use conductor::system::process::{DEFAULT_LINE_CAP, Lines, Piece};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

const SIZE: usize = 200 << 20;

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
