//! Every GraphQL document sent to Linear, as constants, so that a test can hold each of them
//! against Linear's schema.
//!
//! Nested lists have a small `first`: an answer's cost is counted before it is known, list by list
//! multiplied, and 10,000 points is the end. What does not fit is read by [`REST_OF_ISSUE`].

/// Tickets asked for by id in one request, and beside a page of candidates.
pub const BATCH: usize = 50;
pub const BATCH_BESIDE: usize = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// The operation's name, for messages.
    pub name: &'static str,
    pub text: &'static str,
}

/// All there are.
pub fn documents() -> &'static [Document] {
    &[
        CANDIDATES,
        ISSUES,
        OUTSIDE,
        SOME_ISSUES,
        REFRESH,
        FIND,
        REST_OF_ISSUE,
        STATES,
        TEAMS,
        LABELS,
        PROJECTS,
        MOVE,
        LINK,
        COMMENT,
        UPDATE,
        STATUS_COMMENT,
        CHANGE_TIME,
        WRITE_ACCESS,
    ]
}

macro_rules! light_issue {
    () => {
        "fragment LightIssue on Issue {
  id identifier title url priority estimate createdAt updatedAt archivedAt trashed
  state { name type }
  team { id key }
  project { id name slugId }
  assignee { id name email isMe }
  creator { id name email isMe }
  labels(first: 15) { nodes { name } pageInfo { hasNextPage endCursor } }
  inverseRelations(first: 4) { nodes { ...Blocking } pageInfo { hasNextPage endCursor } }
}
fragment Blocking on IssueRelation { type issue { identifier state { name type } } }
"
    };
}

macro_rules! whole_issue {
    () => {
        "fragment WholeIssue on Issue {
  id identifier title description url priority estimate createdAt updatedAt archivedAt trashed
  state { name type }
  team { id key }
  project { id name slugId }
  assignee { id name email isMe }
  creator { id name email isMe }
  labels(first: 30) { nodes { name } pageInfo { hasNextPage endCursor } }
  inverseRelations(first: 10) { nodes { ...Blocking } pageInfo { hasNextPage endCursor } }
}
fragment Blocking on IssueRelation { type issue { identifier state { name type } } }
"
    };
}

/// Everything an idle cycle needs to know, in one request.
pub const CANDIDATES: Document = Document {
    name: "Candidates",
    text: concat!(
        "query Candidates($team: TeamFilter, $states: WorkflowStateFilter, $issues: IssueFilter,
  $labels: IssueLabelFilter, $withLabels: Boolean!, $project: ProjectFilter, $withProject: Boolean!,
  $also: [ID!], $withAlso: Boolean!) {
  teams(filter: $team, first: 50) { nodes { id key name } pageInfo { hasNextPage endCursor } }
  workflowStates(filter: $states, first: 250) { nodes { id name team { id } } pageInfo { hasNextPage endCursor } }
  issueLabels(filter: $labels, first: 50) @include(if: $withLabels) { nodes { name } pageInfo { hasNextPage endCursor } }
  projects(filter: $project, first: 1) @include(if: $withProject) { nodes { name } }
  issues(filter: $issues, first: 80) { nodes { ...LightIssue } pageInfo { hasNextPage endCursor } }
  also: issues(filter: { id: { in: $also } }, first: 30, includeArchived: true) @include(if: $withAlso) {
    nodes { ...LightIssue }
  }
}
",
        light_issue!()
    ),
};

/// A further page of candidates.
pub const ISSUES: Document = Document {
    name: "Issues",
    text: concat!(
        "query Issues($issues: IssueFilter, $after: String) {
  issues(filter: $issues, first: 100, after: $after) { nodes { ...LightIssue } pageInfo { hasNextPage endCursor } }
}
",
        light_issue!()
    ),
};

/// Open tickets whatever keeps them from being candidates, and some that are closed. Further pages of
/// the open ones come by [`ISSUES`].
pub const OUTSIDE: Document = Document {
    name: "Outside",
    text: concat!(
        "query Outside($open: IssueFilter, $closed: IssueFilter) {
  issues(filter: $open, first: 70) { nodes { ...LightIssue } pageInfo { hasNextPage endCursor } }
  closed: issues(filter: $closed, first: 40, orderBy: updatedAt) {
    nodes { ...LightIssue } pageInfo { hasNextPage endCursor }
  }
}
",
        light_issue!()
    ),
};

/// Tickets by id, light, in any state.
pub const SOME_ISSUES: Document = Document {
    name: "SomeIssues",
    text: concat!(
        "query SomeIssues($ids: [ID!]) {
  issues(filter: { id: { in: $ids } }, first: 50, includeArchived: true) { nodes { ...LightIssue } }
}
",
        light_issue!()
    ),
};

/// Tickets by id, with details, in any state.
pub const REFRESH: Document = Document {
    name: "Refresh",
    text: concat!(
        "query Refresh($ids: [ID!]) {
  issues(filter: { id: { in: $ids } }, first: 50, includeArchived: true) { nodes { ...WholeIssue } }
}
",
        whole_issue!()
    ),
};

/// One ticket by what people call it.
pub const FIND: Document = Document {
    name: "Find",
    text: concat!(
        "query Find($id: String!) {
  issue(id: $id) { ...WholeIssue }
}
",
        whole_issue!()
    ),
};

/// The labels and relations of one ticket that its list had no room for.
pub const REST_OF_ISSUE: Document = Document {
    name: "RestOfIssue",
    text: "query RestOfIssue($id: String!, $withLabels: Boolean!, $labelsAfter: String,
  $withRelations: Boolean!, $relationsAfter: String) {
  issue(id: $id) {
    labels(first: 250, after: $labelsAfter) @include(if: $withLabels) {
      nodes { name } pageInfo { hasNextPage endCursor }
    }
    inverseRelations(first: 250, after: $relationsAfter) @include(if: $withRelations) {
      nodes { ...Blocking } pageInfo { hasNextPage endCursor }
    }
  }
}
fragment Blocking on IssueRelation { type issue { identifier state { name type } } }
",
};

/// Workflow states, of one team or further ones.
pub const STATES: Document = Document {
    name: "States",
    text: "query States($states: WorkflowStateFilter, $after: String) {
  workflowStates(filter: $states, first: 250, after: $after) {
    nodes { id name team { id } } pageInfo { hasNextPage endCursor }
  }
}
",
};

/// All teams, to name them in a refusal.
pub const TEAMS: Document = Document {
    name: "Teams",
    text: "query Teams($after: String) {
  teams(first: 250, after: $after) { nodes { id key name } pageInfo { hasNextPage endCursor } }
}
",
};

/// Labels: further ones of the required names, which every team may have one of; all of them, to
/// name them in a refusal.
pub const LABELS: Document = Document {
    name: "Labels",
    text: "query Labels($labels: IssueLabelFilter, $after: String) {
  issueLabels(filter: $labels, first: 250, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
}
",
};

/// All projects, to name them in a refusal.
pub const PROJECTS: Document = Document {
    name: "Projects",
    text: "query Projects($after: String) {
  projects(first: 250, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
}
",
};

pub const MOVE: Document = Document {
    name: "Move",
    text: "mutation Move($id: String!, $state: String!) {
  issueUpdate(id: $id, input: { stateId: $state }) { success issue { updatedAt } }
}
",
};

/// Attachments are one per ticket and URL, so this can be sent again. The comment is looked for by
/// the id it would have.
pub const LINK: Document = Document {
    name: "Link",
    text: "mutation Link($attachment: AttachmentCreateInput!, $comment: ID!) {
  attachmentCreate(input: $attachment) {
    success
    attachment {
      issue { updatedAt comments(first: 1, filter: { id: { eq: $comment } }) { nodes { id } } }
    }
  }
}
",
};

pub const COMMENT: Document = Document {
    name: "Comment",
    text: "mutation Comment($comment: CommentCreateInput!) {
  commentCreate(input: $comment) { success comment { issue { updatedAt } } }
}
",
};

/// Everything one step says about a ticket. Linear carries the fields out one after the other and
/// stops at the first that fails; what is asked for again is there already, or has an id of ours.
pub const UPDATE: Document = Document {
    name: "Update",
    text: "mutation Update($issue: String!, $withMove: Boolean!, $state: String,
  $withLink: Boolean!, $url: String!, $title: String!,
  $withCreate: Boolean!, $withEdit: Boolean!, $comment: String!, $body: String!) {
  move: issueUpdate(id: $issue, input: { stateId: $state }) @include(if: $withMove) {
    success issue { updatedAt }
  }
  link: attachmentCreate(input: { issueId: $issue, url: $url, title: $title }) @include(if: $withLink) {
    success attachment { issue { updatedAt } }
  }
  create: commentCreate(input: { id: $comment, issueId: $issue, body: $body }) @include(if: $withCreate) {
    success comment { id issue { updatedAt } }
  }
  edit: commentUpdate(id: $comment, input: { body: $body }) @include(if: $withEdit) {
    success comment { id issue { updatedAt } }
  }
}
",
};

/// The status comment of a ticket, by its id or its marker.
pub const STATUS_COMMENT: Document = Document {
    name: "StatusComment",
    text: "query StatusComment($issue: String!, $comments: CommentFilter) {
  issue(id: $issue) { updatedAt comments(filter: $comments, first: 1) { nodes { id } } }
}
",
};

/// When the ticket was last changed.
pub const CHANGE_TIME: Document = Document {
    name: "ChangeTime",
    text: "query ChangeTime($issue: String!) { issue(id: $issue) { updatedAt } }
",
};

/// A write to a ticket that cannot exist. A key that may not write is refused as such, any other
/// because of the ticket. Attachments want the whole `write` scope, which covers moves and
/// comments; those have narrower scopes too.
pub const WRITE_ACCESS: Document = Document {
    name: "WriteAccess",
    text: "mutation WriteAccess($issue: String!, $url: String!, $title: String!) {
  attachmentCreate(input: { issueId: $issue, url: $url, title: $title }) { success }
}
",
};
