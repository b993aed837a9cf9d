//! Terminal output on standard input → an SVG on standard output, for the README's picture:
//! `cargo run -- demo --color always | cargo run --example picture -- cargo run -- demo >.github/demo.svg`
//!
//! The arguments are the command that is shown above it. Knows the few styles reports use;
//! everything else of a terminal is left out.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

const LINE: usize = 18;
/// Of the widest font in the list, at that size.
const CHARACTER: f64 = 7.85;
const MARGIN: usize = 20;
/// The window's bar.
const BAR: usize = 34;
const STYLE: &str = "text{fill:#d7dae0;white-space:pre}.bold{fill:#fff;font-weight:600}.dim{fill:#8b93a1}\
                     .red{fill:#f07178}.green{fill:#9ccc65}.yellow{fill:#ffcb6b}";

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let command: Vec<String> = std::env::args().skip(1).collect();
    if !command.is_empty() {
        text.insert_str(0, &format!("\u{1b}[2m$\u{1b}[0m \u{1b}[1m{}\u{1b}[0m\n", command.join(" ")));
    }
    io::stdout().write_all(picture(&text).as_bytes())
}

fn picture(text: &str) -> String {
    let lines: Vec<Vec<(&str, String)>> = text.lines().map(pieces).collect();
    let widths = lines.iter().map(|line| line.iter().map(|(_, text)| text.chars().count()).sum::<usize>());
    let width = (widths.max().unwrap_or(0) as f64 * CHARACTER).ceil() as usize + 2 * MARGIN;
    let height = BAR + lines.len() * LINE + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"A run of conductor demo\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-size=\"13\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\">\n\
         <style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"9\" fill=\"#1b1f27\"/>\n"
    );
    for (index, color) in ["#ff5f57", "#febc2e", "#28c840"].into_iter().enumerate() {
        let _ = writeln!(svg, "<circle cx=\"{}\" cy=\"17\" r=\"5\" fill=\"{color}\"/>", MARGIN + index * 17);
    }
    for (row, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let spans: String = line
            .iter()
            .map(|(class, text)| match *class {
                "" => escaped(text),
                class => format!("<tspan class=\"{class}\">{}</tspan>", escaped(text)),
            })
            .collect();
        let y = BAR + row * LINE + LINE - 5;
        let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">{spans}</text>");
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
                    "1" => "bold",
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
