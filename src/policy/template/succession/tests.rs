use super::*;
use crate::model::settings::Dialect;
use crate::policy::template::BUILT_IN;

const CURRENT: &str = "Do {{ issue.title }}.\n{{ issue.description }}\n\
    {% for p in prior %}{{ p.outcome }}\n{{ p.error }}\n{% endfor %}{% if gates %}{{ gates[0].name }}{% endif %}\n";

fn template(source: &str) -> Template {
    Template { source: source.to_owned(), first_line: 1, dialect: Dialect::Jinja }
}

fn reasons(proposal: &str) -> Vec<String> {
    check_successor(&template(CURRENT), &template(proposal))
}

#[test]
fn a_template_speaks_of_variables_and_of_what_its_loops_go_over() {
    let cases = [
        (CURRENT, "gates issue.description issue.title prior prior.error prior.outcome"),
        (
            "{% for b in issue.blocked_by %}{{ b.state }}{% endfor %}{{ b }}",
            "b issue.blocked_by issue.blocked_by.state",
        ),
        (
            "{% for p in prior|reverse if p.failure %}{% for c in p.commits %}{{ c }}{% endfor %}{% endfor %}",
            "prior prior.commits prior.failure",
        ),
        (
            "{% for p in prior %}{{ loop.index }}{% endfor %}{% for p in gates %}{{ p.run }}{% endfor %}",
            "gates gates.run prior",
        ),
        ("{# {{ issue.title }} #}{% raw %}{{ attempt }}{% endraw %}{{ range(3) }}{{ 'prior' }}", ""),
    ];
    for (source, expected) in cases {
        let found: Vec<String> = variables(&template(source)).into_iter().collect();
        let expected: Vec<&str> = expected.split(' ').filter(|name| !name.is_empty()).collect();
        assert_eq!(found, expected, "{source}");
    }
}

#[test]
fn a_successor_that_says_more_is_welcome() {
    let more = format!(
        "{CURRENT}\nRun the tests of {{{{ base_branch }}}} first.\n{{% for g in gates %}}{{{{ g.run }}}}{{% endfor %}}\n"
    );
    assert_eq!(reasons(CURRENT), Vec::<String>::new());
    assert_eq!(reasons(&more), Vec::<String>::new());
    assert_eq!(check_successor(&template(BUILT_IN), &template(BUILT_IN)), Vec::<String>::new());
}

#[test]
fn a_successor_is_refused_with_every_reason() {
    let without = |part: &str| CURRENT.replace(part, "");
    let instead = |part: &str, other: &str| CURRENT.replace(part, other);
    let hidden = "{% if attempt > 7 %}{{ issue.description }}{% endif %}";
    let cases: Vec<(String, &[&str])> = vec![
        (without("{{ issue.title }}"), &["it no longer speaks of `issue.title`"]),
        (without("{{ p.error }}"), &["it no longer speaks of `prior.error`"]),
        (instead("{{ issue.title }}", "{# {{ issue.title }} #}"), &["it no longer speaks of `issue.title`"]),
        (
            without("{{ p.error }}").replace("{{ issue.description }}", ""),
            &["it no longer speaks of `issue.description`", "it no longer speaks of `prior.error`"],
        ),
        (instead("issue.title", "issue.titel"), &["line 1: unknown variable `issue.titel`"]),
        (instead("{% endfor %}", ""), &["line "]),
        (instead("issue.title }}", "issue.title|shout }}"), &["line 1: unknown filter `shout`"]),
        (instead("{{ issue.description }}", hidden), &["the text between `----- begin description … -----`"]),
        (
            instead("issue.description }}", "issue.description|upper }}"),
            &["the text between `----- begin description", "text from outside loses the marks"],
        ),
        (
            format!("{CURRENT}{{{{ issue.description|replace('-', '') }}}}"),
            &["text from outside loses the marks around it"],
        ),
        (format!("{CURRENT}{{{{ issue.description[30:60] }}}}"), &["cannot be sliced"]),
        (" \n".to_owned(), &["the template is empty"]),
        (format!("{CURRENT}{}", "x".repeat(MAX_BYTES)), &["it is larger than 64 KiB"]),
    ];
    for (proposal, expected) in cases {
        let found = reasons(&proposal);
        let short: String = proposal.chars().take(200).collect();
        assert_eq!(found.len(), expected.len(), "{short}\n{found:?}");
        for (reason, expected) in found.iter().zip(expected) {
            assert!(reason.contains(expected), "{short}\n{reason}\n{expected}");
        }
    }
}

#[test]
fn what_a_template_of_the_users_own_does_its_successor_may_do() {
    let own = "{{ issue.description|upper }}";
    assert_eq!(check_successor(&template(own), &template(&format!("Now: {own}"))), Vec::<String>::new());
}
