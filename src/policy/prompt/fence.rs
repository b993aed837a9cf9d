//! Text from outside, marked as such.

/// Text from outside between its two marks; should it hold the boundary itself, it loses it.
pub(in crate::policy) fn fenced(what: &str, text: &str, boundary: &str) -> String {
    let text = if boundary.is_empty() { text.to_owned() } else { text.replace(boundary, "") };
    format!("----- begin {what} {boundary} -----\n{}\n----- end {what} {boundary} -----\n\n", text.trim_end())
}
