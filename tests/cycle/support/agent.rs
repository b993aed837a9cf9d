//! A scripted agent: a POSIX script built from steps. What tests wait for are facts: empty files
//! that the script makes or waits for.

use std::path::Path;

#[derive(Debug, Clone, Default)]
pub struct Script {
    steps: Vec<String>,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// Does its work: one file of the ticket's own, one commit.
    pub fn works() -> Self {
        Self::new().sh("printf '%s\\n' \"$key\" >> work.txt").commit("Do the work")
    }

    /// Any line of shell. `$world` is the folder of the test, `$key` the ticket's name.
    pub fn sh(mut self, line: &str) -> Self {
        self.steps.push(line.to_owned());
        self
    }

    pub fn write(self, path: &str, text: &str) -> Self {
        let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
        let made = match folder {
            Some(folder) => self.sh(&format!("mkdir -p {}", quoted(&folder.display().to_string()))),
            None => self,
        };
        made.sh(&format!("printf '%s' {} > {}", quoted(text), quoted(path)))
    }

    /// Everything, in one commit.
    pub fn commit(self, message: &str) -> Self {
        self.sh(&format!("git add -A && git commit -qm {}", quoted(message)))
    }

    /// Makes a fact.
    pub fn tell(self, fact: &str) -> Self {
        self.sh(&format!("tell {fact}"))
    }

    /// Waits for a fact.
    pub fn wait(self, fact: &str) -> Self {
        self.sh(&format!("await {fact}"))
    }

    /// Never ends by itself.
    pub fn hang(self) -> Self {
        self.sh("sleep 600")
    }

    pub fn exit(self, code: i32) -> Self {
        self.sh(&format!("exit {code}"))
    }

    /// These steps only for that ticket.
    pub fn on(self, key: &str, steps: Self) -> Self {
        self.when(&format!("[ \"$key\" = {} ]", quoted(key)), steps)
    }

    /// These steps only in that attempt.
    pub fn at_attempt(self, number: u32, steps: Self) -> Self {
        self.when(&format!("[ \"$CONDUCTOR_ATTEMPT\" = {number} ]"), steps)
    }

    pub fn when(self, condition: &str, steps: Self) -> Self {
        let inner = steps.steps.join("\n");
        self.sh(&format!("if {condition}; then\n{inner}\nfi"))
    }

    pub fn then(mut self, steps: Self) -> Self {
        self.steps.extend(steps.steps);
        self
    }

    pub fn text(&self, world: &Path) -> String {
        format!(
            "{}key=$CONDUCTOR_ISSUE_IDENTIFIER\n\
             printf '%s %s\\n' \"$key\" \"$CONDUCTOR_ATTEMPT\" >> \"$world/started\"\n{}\n",
            prelude(world),
            self.steps.join("\n")
        )
    }
}

/// What scripts of all kinds share.
pub fn prelude(world: &Path) -> String {
    format!(
        "world={}\n\
         tell() {{ : > \"$world/facts/$1\"; }}\n\
         await() {{ while ! [ -e \"$world/facts/$1\" ]; do sleep 0.02; done; }}\n\
         kill_conductor() {{ while ! [ -s \"$world/pid\" ]; do sleep 0.01; done; kill -9 \"$(cat \"$world/pid\")\"; }}\n",
        quoted(&world.display().to_string())
    )
}

pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
