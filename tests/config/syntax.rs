//! YAML's own traps.

use crate::support::{World, config, faults, local, local_fault};
use conductor::config::TrackerKind;

#[test]
fn a_key_given_twice_is_refused_where_it_is_repeated() {
    assert_eq!(
        faults("tracker:\n  kind: local\n  kind: linear\nforge: {kind: local}\n"),
        ["3:3 tracker.kind: given twice, first in line 2: keep one of them"]
    );
    let told = local_fault("limits:\n  per_state:\n    Todo: 1\n    Todo: 2\n");
    assert_eq!(told, "4:5 limits.per_state.Todo: given twice, first in line 5: keep one of them");
}

#[test]
fn a_key_given_twice_at_the_top_or_in_a_list_is_refused_too() {
    assert_eq!(
        local_fault("forge: {kind: local}\n"),
        "1:1 forge: given twice, first in line 2: keep one of them"
    );
    let told = local_fault("gates:\n  - {name: a, run: x, run: y}\n");
    assert_eq!(told, "2:23 gates[0].run: given twice, first in line 4: keep one of them");
}

#[test]
fn an_alias_bomb_is_refused_and_small_aliases_and_merges_work() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let previous = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    let told = faults(bomb);
    assert_eq!(told.len(), 1, "{told:?}");

    let text = "retry: &waits {base: 2s, max: 9s}\nrate_limit:\n  <<: *waits\n  max: 8s\n";
    let config = local(text).load().unwrap();
    assert_eq!((config.rate_limit.backoff.base.as_secs(), config.rate_limit.backoff.max.as_secs()), (2, 8));
}

#[test]
fn five_thousand_nested_brackets_are_refused_whether_closed_or_not() {
    for text in
        ["[".repeat(5_000), format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000)), "- ".repeat(5_000)]
    {
        let told = faults(&text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("1:"), "{told:?}");
    }
}

#[test]
fn no_is_text_and_never_false() {
    assert_eq!(
        local_fault("pull_request:\n  draft: no\n"),
        "2:10 pull_request.draft: must be true or false, not `no`"
    );
    let config =
        local("pull_request: {draft: true, labels: [no, on, 012, 1.10, 1_000, 0x10, true, 2026-11-22]}\n");
    let labels = config.load().unwrap().pull_request.labels;
    assert_eq!(labels, ["no", "on", "012", "1.10", "1_000", "0x10", "true", "2026-11-22"]);
}

#[test]
fn numbers_are_taken_as_written_or_refused() {
    let wrong = [
        "012",
        "1_000",
        "0x10",
        "1.0",
        "1e3",
        "-1",
        "'5'",
        "five",
        "true",
        ".inf",
        "99999999999999999999999",
    ];
    for number in wrong {
        let told = local_fault(&format!("limits:\n  max_concurrent: {number}\n"));
        assert!(told.starts_with("2:19 limits.max_concurrent: must be a whole number"), "{number}: {told}");
    }
    assert_eq!(
        local_fault("limits: {max_concurrent: 0}\n"),
        "1:26 limits.max_concurrent: must be at least 1"
    );
}

#[test]
fn a_tab_is_refused_with_its_place() {
    let told = faults("tracker:\n\tkind: local\n");
    assert!(told[0].starts_with("2:") && told[0].contains("tab"), "{told:?}");
}

#[test]
fn a_second_document_is_refused() {
    let told = faults("tracker: {kind: local}\n---\nforge: {kind: local}\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("2:1 ") || told[0].starts_with("3:1 "), "{told:?}");
    assert!(told[0].contains("second YAML document"), "{told:?}");
}

#[test]
fn an_empty_value_is_refused_where_something_is_needed_and_null_where_it_may_be() {
    assert_eq!(
        local_fault("limits:\n  max_concurrent:\n"),
        "2:17 limits.max_concurrent: is empty: give it a value or remove the key"
    );
    assert_eq!(
        local_fault("hooks: {after_create: ''}\n"),
        "1:23 hooks.after_create: is empty: give it a value or remove the key"
    );
    let config = local("limits: {per_cycle: null, deadline: ~}\nhooks:\n").load().unwrap();
    assert_eq!((config.limits.per_cycle, config.limits.deadline), (None, None));
}

#[test]
fn a_file_that_is_empty_or_no_map_is_refused() {
    for text in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
        assert!(faults(text)[0].contains("the file is empty"), "{text:?}: {:?}", faults(text));
    }
    for text in ["- a\n", "just text\n", "12\n"] {
        assert!(faults(text)[0].contains("not a map of keys"), "{text:?}: {:?}", faults(text));
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    let config = config("\u{feff}tracker:\r\n  kind: linear\r\n  team: 012\r\n");
    let TrackerKind::Linear { team, .. } = config.tracker.kind else { panic!() };
    assert_eq!(team.as_deref(), Some("012"));
    let told = faults("\u{feff}tracker:\r\n  kind: local\r\n  tema: X\r\nforge: {kind: local}\r\n");
    assert_eq!(told, ["3:3 tracker.tema: unknown key; did you mean `team`?"]);
}

#[test]
fn the_beginning_of_a_key_is_understood_as_the_key() {
    let told = faults("tracker: {kind: local}\nforge: {kind: github, repo: acme/app}\n");
    assert_eq!(told[0], "2:23 forge.repo: unknown key; did you mean `repository`?");
}

#[test]
fn broken_yaml_says_where() {
    for (text, place) in [("tracker: [1\nforge: 2\n", "2:"), ("tracker: \"x\n", "1:"), ("a: b: c\n", "1:")] {
        let told = faults(text);
        assert!(told.len() == 1 && told[0].starts_with(place), "{text:?}: {told:?}");
        assert!(!told[0].contains("at line"), "the place is said once: {told:?}");
    }
}

#[test]
fn text_that_is_not_utf_8_says_its_line() {
    let told = faults(b"tracker:\n  kind: \xff\n");
    assert_eq!(told, ["line 2 is not UTF-8: save the file as UTF-8"]);
}

#[test]
fn tags_nobody_knows_and_maps_as_keys_are_refused() {
    assert_eq!(faults("tracker: !include other.yml\n").len(), 1);
    assert_eq!(faults("? [a, b]\n: c\n").len(), 1);
}

#[test]
fn a_huge_file_is_refused() {
    let world = World::with_file("conductor.yml", "#".repeat(2 * 1024 * 1024));
    assert!(world.load().unwrap_err().to_string().contains("larger than 1 MiB"));
}
