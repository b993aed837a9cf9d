//! Where tickets are taken from, and whether one is there.

use crate::model::issue::{Elsewhere, same_name};
use serde::Deserialize;

/// The configured team and project; what is left out leaves nothing out.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Key or id.
    pub team: Option<String>,
    /// Slug, name or id.
    pub project: Option<String>,
}

#[derive(Deserialize)]
pub struct WireTeam {
    pub id: String,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireProject {
    id: String,
    name: String,
    slug_id: String,
}

impl Scope {
    /// As the filters of the query for candidates have it.
    pub fn elsewhere(&self, team: &WireTeam, project: Option<&WireProject>) -> Option<Elsewhere> {
        self.other_team(team).or_else(|| self.other_project(project))
    }

    fn other_team(&self, team: &WireTeam) -> Option<Elsewhere> {
        let wanted = self.team.as_ref()?;
        let key = team.key.as_ref()?;
        let is_it = team.id == *wanted || same_name(key, wanted);
        (!is_it).then(|| Elsewhere::Team { is: key.clone(), wanted: wanted.clone() })
    }

    fn other_project(&self, project: Option<&WireProject>) -> Option<Elsewhere> {
        let wanted = self.project.as_ref()?;
        let slug = wanted.rsplit('-').next().unwrap_or(wanted);
        let is_it = project.is_some_and(|project| {
            project.id == *wanted || project.slug_id == slug || same_name(&project.name, wanted)
        });
        (!is_it).then(|| Elsewhere::Project {
            is: project.map(|project| project.name.clone()),
            wanted: wanted.clone(),
        })
    }
}
