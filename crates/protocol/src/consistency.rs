//! Whether the parts of an arena agree with each other: names resolve, orders hold, kinds fit together.
//!
//! What can be known without running anything. Whether an arena is any good is for the gates.

use crate::{ARENA_VERSION, ArenaSpec, Comparator, GoalKind, Message, Reference, SpecError};

impl ArenaSpec {
    /// Whether the parts of the spec agree with each other; `Err` names the field that does not.
    pub(crate) fn check_consistency(&self) -> Result<(), SpecError> {
        let wrong = |field: String, error: String| Err(SpecError::Inconsistent { field, error });
        if self.version != ARENA_VERSION {
            return Err(SpecError::Version { found: self.version });
        }
        if !self.prompt.iter().any(|message| matches!(message, Message::User { .. })) {
            return wrong("prompt".into(), "there is no user message".into());
        }
        if let Some(defect) = self.answer.defect() {
            return wrong("answer".into(), defect);
        }
        if self.answerable {
            if self.goals.is_empty() {
                return wrong("goals".into(), "an answerable arena needs at least one goal".into());
            }
            if !self.withheld.is_empty() {
                return wrong("withheld".into(), "only an unanswerable arena withholds values".into());
            }
        } else if !self.goals.is_empty() || !self.gold.is_empty() {
            return wrong("goals".into(), "an unanswerable arena has no goals and no gold calls".into());
        }
        self.check_gold()?;
        self.check_goals()
    }

    fn check_gold(&self) -> Result<(), SpecError> {
        let wrong = |field: String, error: String| Err(SpecError::Inconsistent { field, error });
        for (at, call) in self.gold.iter().enumerate() {
            if self.gold[..at].iter().any(|earlier| earlier.id == call.id) {
                return wrong(format!("gold[{at}].id"), format!("`{}` is used twice", call.id));
            }
            if self.tool(&call.tool).is_none() {
                return wrong(format!("gold[{at}].tool"), format!("there is no tool `{}`", call.tool));
            }
            for (name, argument) in &call.arguments {
                let field = format!("gold[{at}].arguments.{name}");
                let Some(reference) = Reference::of(argument) else { continue };
                let reference = match reference {
                    Ok(reference) => reference,
                    Err(error) => return wrong(field, error),
                };
                for (id, pointer) in reference.targets() {
                    if !self.gold[..at].iter().any(|earlier| earlier.id == id) {
                        return wrong(field, format!("`$ref` names `{id}`, which is no earlier gold call"));
                    }
                    if !(pointer.is_empty() || pointer.starts_with('/')) {
                        return wrong(field, format!("`{pointer}` is not a JSON Pointer"));
                    }
                }
            }
        }
        Ok(())
    }

    fn check_goals(&self) -> Result<(), SpecError> {
        let wrong = |field: String, error: String| Err(SpecError::Inconsistent { field, error });
        let mut state_goals = 0;
        for (at, goal) in self.goals.iter().enumerate() {
            if self.goals[..at].iter().any(|earlier| earlier.id == goal.id) {
                return wrong(format!("goals[{at}].id"), format!("`{}` is used twice", goal.id));
            }
            for parent in &goal.depends_on {
                if !self.goals[..at].iter().any(|earlier| earlier.id == *parent) {
                    return wrong(
                        format!("goals[{at}].depends_on"),
                        format!("`{parent}` is no earlier goal (predecessors come first)"),
                    );
                }
            }
            match &goal.kind {
                GoalKind::Returns { tool, path, value, gold, decisive, comparator, .. } => {
                    let field = |name: &str| format!("goals[{at}].kind.{name}");
                    if self.tool(tool).is_none() {
                        return wrong(field("tool"), format!("there is no tool `{tool}`"));
                    }
                    if !(path.is_empty() || path.starts_with('/')) {
                        return wrong(field("path"), format!("`{path}` is not a JSON Pointer"));
                    }
                    if let Some(defect) = value.defect() {
                        return wrong(field("value"), defect);
                    }
                    let call = match gold {
                        Some(id) => match self.gold_call(id) {
                            Some(call) if call.tool == *tool => Some(call),
                            Some(call) => {
                                return wrong(
                                    field("gold"),
                                    format!("gold call `{id}` calls `{}`", call.tool),
                                );
                            }
                            None => return wrong(field("gold"), format!("there is no gold call `{id}`")),
                        },
                        None => None,
                    };
                    if let Some(unknown) =
                        decisive.iter().find(|name| !call.is_some_and(|c| c.arguments.contains_key(*name)))
                    {
                        return wrong(
                            field("decisive"),
                            format!("`{unknown}` is no argument of the gold call"),
                        );
                    }
                    if *comparator == Comparator::Contains && !self.gold.is_empty() {
                        return wrong(
                            field("comparator"),
                            "`contains` is only for arenas without gold calls".into(),
                        );
                    }
                }
                GoalKind::StateEquals { gold } => {
                    state_goals += 1;
                    if state_goals > 1 || self.state.is_none() || gold.is_empty() {
                        return wrong(
                            format!("goals[{at}].kind"),
                            "`state_equals` needs a `state`, gold calls, and to be the only one".into(),
                        );
                    }
                    if let Some(id) = gold.iter().find(|id| self.gold_call(id).is_none()) {
                        return wrong(
                            format!("goals[{at}].kind.gold"),
                            format!("there is no gold call `{id}`"),
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
