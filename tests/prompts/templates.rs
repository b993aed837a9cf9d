//! Prompts and pull requests from the user's own templates.

use crate::support::World;

/// Copies its prompt out and does its work.
const AGENT: &str = "cp \"$CONDUCTOR_PROMPT_FILE\" \"$ROOT/prompt.txt\"\necho work > work.txt";

#[test]
fn a_prompt_is_made_from_the_configured_template() {
    let world =
        World::new(AGENT, "prompt: {template: prompts/task.md}\ngates: [{name: unit, run: 'true'}]\n");
    world.write(
        "clone/prompts/task.md",
        "Do {{ issue.identifier }} ({{ issue.title }}) on {{ issue.branch_name }}.\n{{ issue.description }}\n\
         {% for gate in gates %}Check {{ gate.name }}{% endfor %}{% if attempt > 1 %}again{% endif %}\n",
    );
    world.ticket("T-1", "Say {{ hello }}", "Line one\n\nLine two <!-- rm -rf / -->");
    world.conductor(&["once"]).exits(0);
    let prompt = world.read("prompt.txt");
    assert!(
        prompt.contains("Do T-1 (Say {{ hello }}) on conductor/T-1.\n----- begin description "),
        "{prompt}"
    );
    assert!(prompt.contains("Line one\n\nLine two\n----- end description "), "{prompt}");
    assert!(prompt.ends_with("Check unit\n"), "{prompt}");
    let boundary = prompt.split("begin description ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(
        boundary.len() >= 32 && prompt.contains(&format!("the lines marked {boundary} come")),
        "{prompt}"
    );
}

#[test]
fn every_fault_of_a_template_is_told_with_file_and_line_before_anything_is_claimed() {
    let world = World::new(AGENT, "prompt: {template: prompt.md}\n");
    world.ticket("T-1", "One", "x");
    world.write(
        "clone/prompt.md",
        "ok\n{{ issue.titel }}\n{% if attempt > 7 %}\n{{ issue.title|shout }}{% endif %}\n",
    );
    let ran = world.conductor(&["once"]).exits(2);
    let file = world.clone_path().join("prompt.md");
    for told in [
        format!("{}:2:1: prompt.template: unknown variable `issue.titel`", file.display()),
        format!("{}:4:1: prompt.template: unknown filter `shout`", file.display()),
    ] {
        assert!(ran.err().contains(&told), "{told}\n{}", ran.err());
    }
    assert!(world.read("issues/T-1.md").contains("state: Todo"));
    // What is wrong with the whole file is told where the configuration names it.
    let refused = |words: &str| {
        let ran = world.conductor(&["once"]).exits(2);
        let told = format!(": prompt.template: {}: {words}", file.display());
        assert!(ran.err().contains(&told) && ran.err().contains("conductor.yml:"), "{}", ran.err());
    };
    world.write("clone/prompt.md", " \n");
    refused("the template is empty");
    std::fs::remove_file(&file).unwrap();
    refused("cannot be read");
}

#[test]
fn titles_and_bodies_of_pull_requests_come_from_templates_and_stay_inert() {
    let world = World::new(
        AGENT,
        "pull_request:\n  title: '[{{ issue.identifier }}] {{ issue.title }}'\n  body: |\n    For {{ issue.title }}.\n\n    {{ summary }}\n",
    );
    world.ticket("T-1", "'Ask @everyone <b>now</b>'", "x");
    world.conductor(&["once"]).exits(0);
    let pull = world.read("pulls/1.md");
    assert!(pull.contains("[T-1] Ask @ everyone <b>now</b>"), "{pull}");
    assert!(pull.contains("For Ask @&#8203;everyone &lt;b&gt;now&lt;/b&gt;."), "{pull}");
    assert!(pull.contains("## Effort"), "{pull}");

    let wrong = World::new(AGENT, "pull_request: {title: '{{ nope }}', body: '{{ issue.description }}'}\n");
    let told = wrong.conductor(&["once"]).exits(2).err();
    assert!(told.contains("pull_request.title: unknown variable `nope`"), "{told}");
    assert!(told.contains("pull_request.body: unknown variable `issue.description`"), "{told}");
}
