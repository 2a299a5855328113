//! A model that can be asked: journal first, then whoever answers, and never twice for one key.

use super::answer::Answer;
use super::batch::{BatchFolder, Imported};
use super::budget::{Budget, Spent, StageUsage, total};
use super::http::{Completion, Endpoint};
use super::journal::{Entry, Journal};
use super::request::Request;
use super::settings::{LENGTHS, ModelSettings, Provider};
use astra_protocol::{Boundary, ContentId};
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Settings that cannot work.
    #[error("`models.{model}.{field}` {what}")]
    Settings {
        /// The model's name among the settings.
        model: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The environment variable of the key is not set.
    #[error("the environment variable `{variable}`, which should hold the key, is not set")]
    NoKey {
        /// Its name.
        variable: String,
    },
    /// The endpoint gave no answer, in as many attempts as were allowed.
    #[error("`{url}` gave no answer: {what}")]
    Provider {
        /// Its address.
        url: String,
        /// What happened at last.
        what: String,
    },
    /// The request stands among the batch files and has no answer yet.
    #[error("waiting for an answer in the batch files")]
    Waiting,
    /// Nothing may be asked, and the journal does not know the answer.
    #[error("the journal does not know the answer, and nothing is asked of `{model}`")]
    Unknown {
        /// The model's name among the settings.
        model: String,
    },
    /// A cap would be passed.
    #[error("the budget of `{model}` is used up: {what}")]
    Budget {
        /// The model's name among the settings.
        model: String,
        /// Which cap, and how far it is used.
        what: String,
    },
    /// The run was stopped.
    #[error("stopped")]
    Stopped,
    /// The journal cannot be read or written.
    #[error("the journal: {what}")]
    Journal {
        /// What happened.
        what: String,
    },
}

impl ModelError {
    /// Whose failure it is.
    pub fn boundary(&self) -> Boundary {
        match self {
            Self::Provider { .. } | Self::Waiting | Self::Unknown { .. } => Boundary::Provider,
            Self::Settings { .. }
            | Self::NoKey { .. }
            | Self::Budget { .. }
            | Self::Stopped
            | Self::Journal { .. } => Boundary::Us,
        }
    }

    /// Whether no other request can succeed either, so that the run had better end.
    pub fn ends_the_run(&self) -> bool {
        matches!(self, Self::Budget { .. } | Self::Stopped | Self::Journal { .. })
    }
}

/// What every model of a run shares.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Where answers are kept.
    pub journal: Arc<Journal>,
    /// Nothing is asked; answers come from the journal.
    pub offline: bool,
    /// Set it to end waits.
    pub stop: Arc<AtomicBool>,
}

/// A model that can be asked.
#[derive(Debug)]
pub struct Model {
    pub(super) name: String,
    pub(super) settings: ModelSettings,
    pub(super) asking: Asking,
    pub(super) way: Way,
    pub(super) budget: Budget,
    /// Keys that are being asked for.
    under_way: Mutex<HashSet<ContentId>>,
    arrived: Condvar,
}

/// Who answers what the journal does not know.
#[derive(Debug)]
pub(super) enum Way {
    Http(Box<Endpoint>),
    Batch(BatchFolder),
    Nobody,
}

impl Model {
    /// A model by its name among the settings. `key` is the value of the variable that the settings name. Batch answers are
    /// read at once.
    pub fn open(
        name: &str,
        settings: ModelSettings,
        key: Option<&str>,
        asking: Asking,
    ) -> Result<(Self, Imported), ModelError> {
        if let Some((field, what)) = settings.problem() {
            return Err(ModelError::Settings { model: name.to_owned(), field, what });
        }
        let mut imported = Imported::default();
        let way = match (settings.provider, &settings.folder) {
            (Provider::Batch, Some(folder)) => {
                let batch = BatchFolder::new(folder);
                imported = batch
                    .import(&asking.journal, &settings.model)
                    .map_err(|what| ModelError::Journal { what })?;
                if asking.offline { Way::Nobody } else { Way::Batch(batch) }
            }
            (Provider::Http, _) if !asking.offline => {
                if let (Some(variable), None) = (&settings.api_key_env, key) {
                    return Err(ModelError::NoKey { variable: variable.clone() });
                }
                Way::Http(Box::new(Endpoint::new(&settings, key, Arc::clone(&asking.stop))))
            }
            (Provider::Http | Provider::Journal | Provider::Batch, _) => Way::Nobody,
        };
        let model = Self {
            name: name.to_owned(),
            budget: Budget::new(&settings),
            settings,
            asking,
            way,
            under_way: Mutex::default(),
            arrived: Condvar::new(),
        };
        Ok((model, imported))
    }

    /// Its name among the settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its settings.
    pub fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    /// Asks on behalf of a stage, whose name is for the books only.
    pub fn ask(&self, stage: &str, request: &Request) -> Result<Answer, ModelError> {
        let body = request.body(&self.settings);
        let key = request.key(&body);
        // Two threads with one question: the second waits and finds the answer in the journal.
        let _mine = self.claim(&key);
        if let Some(response) = self.asking.journal.find(&key).map_err(|what| ModelError::Journal { what })? {
            let answer = Answer::read(&response).map_err(|what| ModelError::Journal { what })?;
            let answer = Answer { replayed: true, ..answer };
            self.budget.count(stage, &answer, 0.0);
            return Ok(answer);
        }
        let endpoint = match &self.way {
            Way::Http(endpoint) => endpoint,
            Way::Batch(batch) => {
                batch.wait(&key, body);
                return Err(ModelError::Waiting);
            }
            Way::Nobody => return Err(ModelError::Unknown { model: self.name.clone() }),
        };
        let text = body.to_string();
        let lengths = LENGTHS.iter().filter_map(|name| body[*name].as_u64());
        let aside = self
            .budget
            .set_aside(text.len(), lengths.max())
            .map_err(|what| ModelError::Budget { model: self.name.clone(), what })?;
        let completed = endpoint.complete("chat/completions", &key, &text, &Answer::read);
        self.budget.give_back(aside);
        let Completion { text: response, answer, seconds } = completed?;
        let entry = Entry {
            key: &key,
            model: &self.settings.model,
            stage,
            request: &text,
            response: &response,
            seconds,
        };
        let is_new = self.asking.journal.store(entry).map_err(|what| ModelError::Journal { what })?;
        self.budget.count(stage, &answer, seconds);
        if is_new {
            return Ok(answer);
        }
        // Another process stored an answer meanwhile, and one question has one answer.
        let stored = self.asking.journal.find(&key).map_err(|what| ModelError::Journal { what })?;
        let stored = stored.ok_or_else(|| ModelError::Journal { what: "an answer vanished".to_owned() })?;
        Answer::read(&stored).map_err(|what| ModelError::Journal { what })
    }

    fn claim(&self, key: &ContentId) -> Claim<'_> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        while under_way.contains(key) {
            under_way = self.arrived.wait(under_way).unwrap_or_else(PoisonError::into_inner);
        }
        under_way.insert(key.clone());
        Claim { model: self, key: key.clone() }
    }

    /// What was spent so far, by stage.
    pub fn stages(&self) -> StageUsage {
        self.budget.stages()
    }

    /// What was spent so far in all.
    pub fn spent(&self) -> Spent {
        total(&self.budget.stages())
    }

    /// The batch files, where those answer.
    pub fn batch(&self) -> Option<&BatchFolder> {
        match &self.way {
            Way::Batch(batch) => Some(batch),
            Way::Http(_) | Way::Nobody => None,
        }
    }

    /// Requests that may be under way now, where an endpoint answers.
    pub fn limit(&self) -> Option<usize> {
        match &self.way {
            Way::Http(endpoint) => Some(endpoint.limit()),
            Way::Batch(_) | Way::Nobody => None,
        }
    }
}

/// The right to ask for a key.
#[derive(Debug)]
struct Claim<'a> {
    model: &'a Model,
    key: ContentId,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.model.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.model.arrived.notify_all();
    }
}
