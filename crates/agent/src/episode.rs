//! The loop itself.

use astra_protocol::{
    InjectedFailure, Message, Policy, Stop, ToolAnswer, ToolCall, ToolHost, Trace, TurnRequest, Usage,
};
use std::collections::BTreeSet;

/// What an episode starts from, and where it must end.
#[derive(Clone, Debug)]
pub struct EpisodePlan {
    /// Content id of the arena or task.
    pub task: String,
    /// The prompt.
    pub prompt: Vec<Message>,
    /// Seed of the episode.
    pub seed: u64,
    /// Assistant turns at most; the paper allows 32.
    pub max_turns: usize,
    /// Output tokens at most, for policies that report usage.
    pub max_output_tokens: Option<u64>,
}

impl EpisodePlan {
    /// A plan with the paper's turn limit.
    pub fn new(task: impl Into<String>, prompt: Vec<Message>, seed: u64) -> Self {
        Self { task: task.into(), prompt, seed, max_turns: 32, max_output_tokens: None }
    }
}

/// Plays one episode to its end.
///
/// A turn without tool calls ends it as `Answered`, one after which the policy has no room left as `TokenLimit`. Call ids that are missing or already used are replaced, so that
/// in every trace a result answers exactly one call.
pub async fn run_episode(policy: &dyn Policy, host: &dyn ToolHost, plan: EpisodePlan) -> Trace {
    let mut trace = Trace {
        task: plan.task,
        tools: host.tools().to_vec(),
        messages: plan.prompt,
        segments: Vec::new(),
        usage: Usage::default(),
        seed: plan.seed,
        policy: policy.name().to_owned(),
        injected: Vec::new(),
        stop: Stop::TurnLimit,
    };
    let mut used_ids = BTreeSet::new();
    for turn in 0..plan.max_turns {
        let request = TurnRequest { tools: host.tools(), messages: &trace.messages, seed: plan.seed, turn };
        let proposed = match policy.next_turn(request).await {
            Ok(proposed) => proposed,
            Err(failure) => {
                trace.stop = Stop::Failed { boundary: failure.boundary, error: failure.error };
                return trace;
            }
        };
        trace.usage.input_tokens += proposed.usage.input_tokens;
        trace.usage.output_tokens += proposed.usage.output_tokens;
        trace.segments.extend(proposed.segments);
        let exhausted = proposed.exhausted;
        let mut message = proposed.message;
        let calls = match &mut message {
            Message::Assistant { tool_calls, .. } => {
                make_ids_unique(tool_calls, &mut used_ids);
                tool_calls.clone()
            }
            Message::System { .. } | Message::User { .. } | Message::Tool { .. } => Vec::new(),
        };
        trace.messages.push(message);
        if calls.is_empty() {
            trace.stop = if exhausted { Stop::TokenLimit } else { Stop::Answered };
            return trace;
        }
        match host.call(&calls).await {
            Ok(answers) => answers.into_iter().for_each(|answer| record(&mut trace, answer)),
            Err(failure) => {
                trace.stop = Stop::Failed { boundary: failure.boundary, error: failure.error };
                return trace;
            }
        }
        let spent = plan.max_output_tokens.is_some_and(|limit| trace.usage.output_tokens >= limit);
        if spent || exhausted {
            trace.stop = Stop::TokenLimit;
            return trace;
        }
    }
    trace
}

fn record(trace: &mut Trace, answer: ToolAnswer) {
    if answer.injected {
        trace.injected.push(InjectedFailure {
            tool_call_id: answer.tool_call_id.clone(),
            error: answer.content.clone(),
        });
    }
    trace.messages.push(Message::Tool { tool_call_id: answer.tool_call_id, content: answer.content });
}

/// A call keeps its id when it has one of its own; else it is numbered, past numbers that are taken.
fn make_ids_unique(calls: &mut [ToolCall], used: &mut BTreeSet<String>) {
    for call in calls {
        if call.id.is_empty() || used.contains(&call.id) {
            let numbered = (used.len() + 1..).map(|number| format!("call_{number}"));
            call.id = numbered.into_iter().find(|id| !used.contains(id)).unwrap_or_default();
        }
        used.insert(call.id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astra_protocol::{Boundary, BoxFuture, HostError, PolicyError, PolicyTurn, ToolDoc};
    use std::sync::Mutex;

    struct Scripted(Mutex<Vec<Result<Message, PolicyError>>>);

    impl Policy for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }
        fn next_turn<'a>(&'a self, _: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
            let next = self.0.lock().unwrap().remove(0);
            Box::pin(async move { next.map(PolicyTurn::from) })
        }
    }

    struct Echo;

    impl ToolHost for Echo {
        fn tools(&self) -> &[ToolDoc] {
            &[]
        }
        fn call<'a>(&'a self, calls: &'a [ToolCall]) -> BoxFuture<'a, Result<Vec<ToolAnswer>, HostError>> {
            Box::pin(async move {
                if calls.iter().any(|call| call.name == "break") {
                    return Err(HostError { boundary: Boundary::Sandbox, error: "worker lost".into() });
                }
                Ok(calls
                    .iter()
                    .map(|call| ToolAnswer {
                        tool_call_id: call.id.clone(),
                        content: call.arguments.clone(),
                        is_error: false,
                        injected: call.name == "flaky",
                    })
                    .collect())
            })
        }
    }

    fn call(id: &str, name: &str) -> ToolCall {
        ToolCall { id: id.into(), name: name.into(), arguments: "{}".into() }
    }

    fn play(script: Vec<Result<Message, PolicyError>>, max_turns: usize) -> Trace {
        let mut plan = EpisodePlan::new("t", vec![Message::User { content: "q".into() }], 0);
        plan.max_turns = max_turns;
        pollster::block_on(run_episode(&Scripted(Mutex::new(script)), &Echo, plan))
    }

    #[test]
    fn every_result_answers_one_call() {
        let turn = Message::calls(vec![call("a", "f"), call("a", "flaky"), call("", "f")]);
        let trace = play(vec![Ok(turn), Ok(Message::answer("done"))], 8);
        assert_eq!(trace.stop, Stop::Answered);
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        for message in &trace.messages {
            match message {
                Message::Assistant { tool_calls, .. } => {
                    asked.extend(tool_calls.iter().map(|call| call.id.clone()));
                }
                Message::Tool { tool_call_id, .. } => answered.push(tool_call_id.clone()),
                Message::System { .. } | Message::User { .. } => {}
            }
        }
        assert_eq!(asked, answered);
        assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(trace.injected.len(), 1);
    }

    #[test]
    fn failures_are_data() {
        let trace = play(vec![Ok(Message::calls(vec![call("a", "break")]))], 8);
        assert_eq!(trace.stop, Stop::Failed { boundary: Boundary::Sandbox, error: "worker lost".into() });
        let lost = PolicyError { boundary: Boundary::Provider, error: "no answer".into() };
        let trace = play(vec![Err(lost)], 8);
        assert!(matches!(trace.stop, Stop::Failed { boundary: Boundary::Provider, .. }));
    }

    struct Exhausted(Message);

    impl Policy for Exhausted {
        fn name(&self) -> &'static str {
            "exhausted"
        }
        fn next_turn<'a>(&'a self, _: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
            let turn = PolicyTurn { exhausted: true, ..PolicyTurn::from(self.0.clone()) };
            Box::pin(async move { Ok(turn) })
        }
    }

    #[test]
    fn a_policy_without_room_ends_the_episode_after_its_calls() {
        for (message, messages) in
            [(Message::calls(vec![call("", "f")]), 3), (Message::answer("half an ans"), 2)]
        {
            let plan = EpisodePlan::new("t", vec![Message::User { content: "q".into() }], 0);
            let trace = pollster::block_on(run_episode(&Exhausted(message), &Echo, plan));
            assert_eq!((trace.stop, trace.messages.len()), (Stop::TokenLimit, messages));
        }
    }

    #[test]
    fn turns_are_bounded() {
        let turns = (0..3).map(|_| Ok(Message::calls(vec![call("", "f")]))).collect();
        let trace = play(turns, 2);
        assert_eq!(trace.stop, Stop::TurnLimit);
        assert_eq!(trace.messages.len(), 1 + 2 * 2);
    }
}
