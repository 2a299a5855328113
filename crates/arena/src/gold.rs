//! Gold calls: resolving their references and replaying them in a fresh session.

use crate::arena::{Arena, Runtime};
use crate::call::readable;
use astra_protocol::{ContentId, GoldCall, Reference};
use astra_sandbox::{ErrorKind, SandboxError, Session};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What the gold calls did in a fresh episode.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldReplay {
    /// One step a gold call, in list order.
    pub steps: Vec<GoldStep>,
    /// Hash of the state after all of them; absent in arenas without state.
    pub final_state: Option<ContentId>,
}

/// One replayed gold call.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldStep {
    /// Id of the gold call.
    pub id: String,
    /// Its tool.
    pub tool: String,
    /// Its arguments with references resolved; `Err` names the reference that did not resolve.
    pub arguments: Result<Map<String, Json>, String>,
    /// What it returned.
    pub result: Result<Json, String>,
    /// The text an agent would have read.
    pub text: String,
    /// Hash of the state after it.
    pub state_hash: Option<ContentId>,
}

impl GoldReplay {
    /// The step of a gold call.
    pub fn step(&self, id: &str) -> Option<&GoldStep> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Resolved arguments of a gold call.
    pub fn arguments(&self, id: &str) -> Option<&Map<String, Json>> {
        self.step(id)?.arguments.as_ref().ok()
    }
}

/// Replays all gold calls of an arena in a fresh session under `seed`.
pub fn replay_gold(runtime: &Runtime, arena: &Arena, seed: u64) -> Result<GoldReplay, SandboxError> {
    let session = runtime.engine().open(&arena.loaded, seed)?;
    let replay = replay_from(runtime, arena, &session, &[], &arena.spec.gold);
    runtime.engine().close(session);
    replay
}

/// The gold replay of this seed; shared between seeds where results cannot depend on the seed.
pub(crate) fn gold_for_seed(
    runtime: &Runtime,
    arena: &Arena,
    seed: u64,
) -> Result<Arc<GoldReplay>, SandboxError> {
    if arena.depends_on_seed() {
        return replay_gold(runtime, arena, seed).map(Arc::new);
    }
    if let Some(known) = arena.gold.get() {
        return Ok(Arc::clone(known));
    }
    let replay = Arc::new(replay_gold(runtime, arena, 0)?);
    Ok(Arc::clone(arena.gold.get_or_init(|| replay)))
}

/// Continues a replay in an open session: `done` holds the steps already taken there.
pub(crate) fn replay_from(
    runtime: &Runtime,
    arena: &Arena,
    session: &Session,
    done: &[GoldStep],
    calls: &[GoldCall],
) -> Result<GoldReplay, SandboxError> {
    let mut steps = done.to_vec();
    for call in calls {
        let arguments = resolve(&call.arguments, &steps);
        steps.push(step(runtime, arena, session, call, arguments)?);
    }
    Ok(GoldReplay { final_state: state_hash(runtime, session), steps })
}

/// Takes one step with given arguments.
pub(crate) fn step(
    runtime: &Runtime,
    arena: &Arena,
    session: &Session,
    call: &GoldCall,
    arguments: Result<Map<String, Json>, String>,
) -> Result<GoldStep, SandboxError> {
    let (text, result) = match &arguments {
        Err(error) => (error.clone(), Err(error.clone())),
        Ok(arguments) => {
            let problems =
                arena.compiled(&call.tool).map(|tool| tool.problems(arguments)).unwrap_or_default();
            if problems.is_empty() {
                let outcome = runtime.engine().call(session, &call.tool, arguments)?;
                let (text, result) = readable(&outcome);
                let result = result.map_err(|_: ErrorKind| text.clone());
                (text, result)
            } else {
                let error = format!("arguments do not fit the schema: {}", problems.join("; "));
                (error.clone(), Err(error))
            }
        }
    };
    let state_hash = state_hash(runtime, session);
    Ok(GoldStep { id: call.id.clone(), tool: call.tool.clone(), arguments, result, text, state_hash })
}

/// The arguments with every `$ref` replaced by the value it stands for.
pub(crate) fn resolve(
    arguments: &Map<String, Json>,
    steps: &[GoldStep],
) -> Result<Map<String, Json>, String> {
    arguments
        .iter()
        .map(|(name, argument)| match Reference::of(argument) {
            None => Ok((name.clone(), argument.clone())),
            Some(Err(error)) => Err(format!("argument `{name}`: {error}")),
            Some(Ok(reference)) => match reference.value {
                Some(value) => Ok((name.clone(), value)),
                None => reference
                    .targets()
                    .first()
                    .ok_or_else(|| "it names no source".to_owned())
                    .and_then(|target| lookup(*target, steps))
                    .map(|value| (name.clone(), value.clone()))
                    .map_err(|error| format!("argument `{name}`: {error}")),
            },
        })
        .collect()
}

/// The value that `(call id, pointer)` names in the results so far.
pub(crate) fn lookup<'a>((id, pointer): (&str, &str), steps: &'a [GoldStep]) -> Result<&'a Json, String> {
    let step =
        steps.iter().find(|step| step.id == id).ok_or_else(|| format!("`{id}` was not called before"))?;
    let result = step.result.as_ref().map_err(|error| format!("`{id}` failed: {error}"))?;
    result.pointer(pointer).ok_or_else(|| format!("`{id}` returned nothing at `{pointer}`"))
}

/// blake3 of the RFC 8785 form of the session's state.
pub(crate) fn state_hash(runtime: &Runtime, session: &Session) -> Option<ContentId> {
    let state: Json = serde_json::from_str(&runtime.engine().state(session)?).ok()?;
    Some(astra_protocol::content_id(&state))
}
