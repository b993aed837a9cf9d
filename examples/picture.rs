//! Terminal output on standard input → an SVG on standard output, for the README's picture:
//! `cargo run -- demo --color always | cargo run --example picture >.github/demo.svg`
//!
//! Knows the few styles reports use; everything else of a terminal is left out.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

const LINE: usize = 18;
const CHARACTER: f64 = 7.85;

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    io::stdout().write_all(picture(&text).as_bytes())
}

fn picture(text: &str) -> String {
    let lines: Vec<Vec<(&str, String)>> = text.lines().map(pieces).collect();
    let widths = lines.iter().map(|line| line.iter().map(|(_, text)| text.chars().count()).sum::<usize>());
    let width = widths.max().unwrap_or(0) as f64 * CHARACTER + 32.0;
    let height = lines.len() * LINE + 32;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"A run of conductor demo\" \
         viewBox=\"0 0 {width:.0} {height}\" font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"13\">\n\
         <style>text{{fill:#d7dae0;white-space:pre}}.dim{{fill:#8b93a1}}.red{{fill:#f07178}}.green{{fill:#9ccc65}}\
         .yellow{{fill:#ffcb6b}}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1f27\"/>\n"
    );
    for (row, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let spans: String = line
            .iter()
            .map(|(class, text)| format!("<tspan class=\"{class}\">{}</tspan>", escaped(text)))
            .collect();
        let _ =
            writeln!(svg, "<text x=\"16\" y=\"{}\" xml:space=\"preserve\">{spans}</text>", row * LINE + 30);
    }
    svg + "</svg>\n"
}

/// A line cut at its style changes: class and text.
fn pieces(line: &str) -> Vec<(&'static str, String)> {
    let mut class = "";
    let mut found = Vec::new();
    for (index, part) in line.split("\u{1b}[").enumerate() {
        let text = match part.split_once('m').filter(|_| index > 0) {
            None => part,
            Some((code, rest)) => {
                class = match code {
                    "2" => "dim",
                    "31" => "red",
                    "32" => "green",
                    "33" => "yellow",
                    _ => "",
                };
                rest
            }
        };
        if !text.is_empty() {
            found.push((class, text.to_owned()));
        }
    }
    found
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
