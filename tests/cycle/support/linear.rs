//! A Linear with behaviour: it parses each GraphQL document, refuses what Linear's schema does not
//! have or what costs too much, and answers from a world of teams, states, tickets, labels,
//! relations, attachments and comments that tests may change at any moment.
//!
//! As in the real one a mutation's fields are carried out one after the other; one that fails
//! leaves what was done before it, stops those after it, and takes all data of the answer.
//!
//! ```text
//! linear.set(|rules| rules.read_only = true);      // a lasting state: see `Rules`
//! linear.fail_field("attachmentCreate", 1, "no");   // one field of a mutation
//! linear.server().damage(1, Damage::Lost, |r| name_of(r) == "Update");   // one answer: see `Damage`
//! linear.operations()                               // what came, in order
//! ```

mod execute;
mod rows;
pub mod world;

use super::graphql::{self, Schema};
use super::server::{Received, Reply, Server, lock};
use execute::Fault;
use graphql_parser::query::{Definition, Document, OperationDefinition, parse_query};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use world::World;

/// The key a fake takes.
pub const API_KEY: &str = "lin_api_0123456789abcdefghijklmnopqrstuvwxyzABCD";
/// Another it takes, as a bearer token.
pub const OAUTH_TOKEN: &str = "lin_oauth_fedcba9876543210";

/// Linear's limit for one query.
const MAX_COMPLEXITY: f64 = 10_000.0;

/// One request that was understood.
#[derive(Debug, Clone)]
pub struct Request {
    /// The name of the operation in the document.
    pub operation: String,
    pub variables: Value,
    pub complexity: f64,
}

/// How this Linear is set up; the default says yes to everything.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The key has the scope `read` only.
    pub read_only: bool,
    /// The key was revoked.
    pub revoked: bool,
    /// Mutations this key's scopes do not reach: `attachmentCreate`.
    pub forbidden_fields: Vec<&'static str>,
    /// Answers 502 with a page of HTML.
    pub down: bool,
    /// A failed field is null beside the data of the others, which are carried out: not as Linear's
    /// schema has it now, and as GraphQL may.
    pub keeps_data: bool,
    /// How far its clock is from this machine's; it tells its time with each answer.
    pub ahead: Option<chrono::TimeDelta>,
}

/// A mutation's field that is refused.
struct FieldFault {
    field: String,
    left: usize,
    message: String,
}

type Hook = Box<dyn FnMut(&mut World, &Value) + Send>;

struct Inner {
    world: World,
    requests: Vec<Request>,
    hooks: Vec<(String, Hook)>,
    /// Requests still allowed, and the moment in epoch milliseconds when there will be more.
    allowance: Option<(u64, i64)>,
    /// Operation → an error to put beside its data.
    errors: Vec<(String, String)>,
    without_cursors: bool,
    rules: Rules,
    field_faults: Vec<FieldFault>,
}

pub struct FakeLinear {
    server: Server,
    inner: Arc<Mutex<Inner>>,
}

/// The world of a fake, borrowed. Requests wait until it is given back.
pub struct WorldGuard<'a>(MutexGuard<'a, Inner>);

/// A way to the world that outlives no test and needs no borrow of the fake.
pub struct Handle(Arc<Mutex<Inner>>);

impl Handle {
    pub fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut lock(&self.0).world);
    }
}

impl std::ops::Deref for WorldGuard<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.0.world
    }
}

impl std::ops::DerefMut for WorldGuard<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0.world
    }
}

impl FakeLinear {
    /// One team, `ENG`, with the usual states.
    pub fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            world: World::new(),
            requests: Vec::new(),
            hooks: Vec::new(),
            allowance: None,
            errors: Vec::new(),
            without_cursors: false,
            rules: Rules::default(),
            field_faults: Vec::new(),
        }));
        let server = Server::start({
            let inner = Arc::clone(&inner);
            move |request| {
                // What the fake cannot do is an answer of its own, not a connection that hangs.
                let answer = std::panic::AssertUnwindSafe(|| lock(&inner).answer(request));
                let reply = std::panic::catch_unwind(answer).unwrap_or_else(|_| {
                    Fault::new(400, "FAKE", "the fake Linear panicked, see above").reply()
                });
                match lock(&inner).rules.ahead {
                    Some(ahead) => reply.with_header("date", (chrono::Utc::now() + ahead).to_rfc2822()),
                    None => reply,
                }
            }
        });
        Self { server, inner }
    }

    pub fn endpoint(&self) -> String {
        format!("{}/graphql", self.server.url())
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn world(&self) -> WorldGuard<'_> {
        WorldGuard(lock(&self.inner))
    }

    /// For what changes tickets from inside another server.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.inner))
    }

    pub fn requests(&self) -> Vec<Request> {
        lock(&self.inner).requests.clone()
    }

    /// The operations asked for so far, in order.
    pub fn operations(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.operation).collect()
    }

    pub fn set(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut lock(&self.inner).rules);
    }

    /// The next `times` uses of that mutation are refused with that message, of all the fields of
    /// their requests only they.
    pub fn fail_field(&self, field: &str, times: usize, message: &str) {
        let (field, message) = (field.to_owned(), message.to_owned());
        lock(&self.inner).field_faults.push(FieldFault { field, left: times, message });
    }

    /// HTTP requests that reached the fake, understood or not.
    pub fn http_requests(&self) -> usize {
        self.server.count(|_| true)
    }

    /// Before each request of that operation is carried out, with its variables.
    pub fn before(&self, operation: &str, hook: impl FnMut(&mut World, &Value) + Send + 'static) {
        lock(&self.inner).hooks.push((operation.to_owned(), Box::new(hook)));
    }

    /// That many further requests; then refusals, until `reset` (epoch milliseconds), they say.
    pub fn limit(&self, requests: u64, reset: i64) {
        lock(&self.inner).allowance = Some((requests, reset));
    }

    /// Answers to that operation carry an error beside their data.
    pub fn fail_partly(&self, operation: &str, message: &str) {
        lock(&self.inner).errors.push((operation.to_owned(), message.to_owned()));
    }

    /// Lists with a next page do not say where it is.
    pub fn hide_cursors(&self) {
        lock(&self.inner).without_cursors = true;
    }
}

impl Inner {
    fn answer(&mut self, request: &Received) -> Reply {
        if request.method != "POST" || request.path() != "/graphql" {
            return Reply::text(404, "Not Found");
        }
        if self.rules.down {
            return Reply::html(502, "<html><head><title>502 Bad Gateway</title></head></html>");
        }
        if self.rules.revoked {
            return refused();
        }
        if let Err(reply) = authenticated(request) {
            return reply;
        }
        let mut complexity = 0.0;
        let reply = match self.allowance {
            Some((0, _)) => Fault::new(
                400,
                "RATELIMITED",
                "Rate limit exceeded. Only 5000 requests are allowed per 1 hour.",
            )
            .reply(),
            _ => self.carry_out(&request.json(), &mut complexity),
        };
        let (left, reset) = match &mut self.allowance {
            Some((left, reset)) => {
                *left = left.saturating_sub(1);
                (*left, *reset)
            }
            None => (4_900, 1_700_003_600_000),
        };
        reply
            .with_header("x-complexity", complexity.to_string())
            .with_header("x-ratelimit-requests-limit", "5000")
            .with_header("x-ratelimit-requests-remaining", left.to_string())
            .with_header("x-ratelimit-requests-reset", reset.to_string())
            .with_header("x-ratelimit-complexity-limit", "3000000")
            .with_header("x-ratelimit-complexity-remaining", "2900000")
            .with_header("x-ratelimit-complexity-reset", "1700007200000")
    }

    fn carry_out(&mut self, body: &Value, complexity: &mut f64) -> Reply {
        let invalid = |message: &str| Fault::new(400, "GRAPHQL_VALIDATION_FAILED", message).reply();
        let Some(text) = body["query"].as_str() else { return invalid("no query") };
        let variables = &body["variables"];
        let document = match parse_query::<String>(text) {
            Ok(document) => document.into_static(),
            Err(error) => return invalid(&error.to_string()),
        };
        let mut faults = schema().faults(&document);
        faults.extend(schema().variable_faults(&document, variables));
        let Some((operation, selection)) = only_operation(&document) else {
            return invalid("not exactly one operation with a name");
        };
        if let Some(fault) = faults.first() {
            return invalid(fault);
        }
        self.requests.push(Request {
            operation: operation.clone(),
            variables: variables.clone(),
            complexity: 0.0,
        });
        for (name, hook) in &mut self.hooks {
            if *name == operation {
                hook(&mut self.world, variables);
            }
        }
        let mut execution =
            execute::Execution::new(&mut self.world, &document, variables, self.without_cursors);
        execution.allow(&self.rules, &mut self.field_faults);
        *complexity = execution.complexity(&selection).ceil();
        if let Some(request) = self.requests.last_mut() {
            request.complexity = *complexity;
        }
        if *complexity > MAX_COMPLEXITY {
            return Fault::new(400, "INPUT_ERROR", "Query too complex").reply();
        }
        let error = self.errors.iter().find(|(name, _)| *name == operation).map(|(_, message)| message);
        let result = execution.run(selection);
        let beside: Vec<Value> = execution.failed.iter().map(Fault::error).collect();
        match (result, error) {
            (Ok(data), None) if !beside.is_empty() => {
                Reply::json(200, &json!({ "data": data, "errors": beside }))
            }
            (Ok(data), None) => Reply::json(200, &json!({ "data": data })),
            (Ok(data), Some(message)) => Reply::json(
                200,
                &json!({"data": data, "errors": [{"message": message, "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}),
            ),
            (Err(fault), _) => fault.reply(),
        }
    }
}

/// The operation a request is for.
pub fn name_of(request: &Received) -> String {
    request.json()["operationName"].as_str().unwrap_or_default().to_owned()
}

pub fn is_mutation(request: &Received) -> bool {
    request.json()["query"].as_str().is_some_and(|query| query.trim_start().starts_with("mutation"))
}

fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::parse(SCHEMA_TEXT))
}

/// The cut of Linear's schema; `tests/adapters/linear_schema.rs` makes it.
pub const SCHEMA_TEXT: &str = include_str!("../../adapters/fixtures/linear-schema.graphql");

/// A personal key goes bare, an OAuth token as a bearer.
fn authenticated(request: &Received) -> Result<(), Reply> {
    match request.header("authorization") {
        Some(API_KEY) => Ok(()),
        Some(header) => match header.strip_prefix("Bearer ") {
            Some(OAUTH_TOKEN) => Ok(()),
            Some(token) if token.starts_with("lin_api_") => Err(Fault::new(
                400,
                "INPUT_ERROR",
                "It looks like you're trying to use an API key as a Bearer token. Remove the Bearer prefix from the Authorization header.",
            )
            .reply()),
            _ => Err(refused()),
        },
        None => Err(refused()),
    }
}

fn refused() -> Reply {
    Fault::new(401, "AUTHENTICATION_ERROR", "Authentication required, not authenticated").reply()
}

fn only_operation<'b>(document: &'b Document<'static, String>) -> Option<(String, execute::Operation<'b>)> {
    let mut operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::Operation(OperationDefinition::Query(query)) => {
            Some((query.name.clone()?, execute::Operation::Query(&query.selection_set)))
        }
        Definition::Operation(OperationDefinition::Mutation(mutation)) => {
            Some((mutation.name.clone()?, execute::Operation::Mutation(&mutation.selection_set)))
        }
        _ => None,
    });
    let first = operations.next()?;
    operations.next().is_none().then_some(first)
}
