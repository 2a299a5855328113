//! Vectors of texts, in the OpenAI form of `/embeddings`, kept in the journal text by text.

use super::answer::Answer;
use super::client::{Model, ModelError, Way};
use super::http::Completion;
use super::journal::Entry;
use astra_protocol::{ContentId, Usage, content_id};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// Texts of one request at most.
const AT_ONCE: usize = 64;

/// What the journal keeps of a text.
#[derive(Serialize, Deserialize)]
struct Kept {
    embedding: Vec<f32>,
}

/// A response of the endpoint.
#[derive(Deserialize)]
struct Response {
    data: Vec<Item>,
    #[serde(default)]
    usage: Option<Json>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

impl Model {
    /// A vector for each text, in their order, on behalf of a stage. Vectors have at least one dimension and finite numbers.
    ///
    /// Only texts that the journal does not know are asked for, and each is paid for once. Batch files have no embeddings:
    /// with them, what the journal does not know is [`ModelError::Unknown`].
    pub fn embed(&self, stage: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let keys: Vec<ContentId> =
            texts.iter().map(|text| content_id(&json!({"body": self.body(&[text])}))).collect();
        let mut vectors = keys.iter().map(|key| self.known(stage, key)).collect::<Result<Vec<_>, _>>()?;
        let mut missing: Vec<usize> = (0..texts.len()).filter(|&at| vectors[at].is_none()).collect();
        // One text may come twice.
        missing.sort_by_key(|&at| (&keys[at], at));
        missing.dedup_by_key(|at| &keys[*at]);
        missing.sort_unstable();
        for part in missing.chunks(AT_ONCE) {
            let wanted: Vec<(&ContentId, &String)> = part.iter().map(|&at| (&keys[at], &texts[at])).collect();
            for (&at, vector) in part.iter().zip(self.ask_for(stage, &wanted)?) {
                vectors[at] = Some(vector);
            }
        }
        let again = |at: usize| match &vectors[at] {
            Some(vector) => Ok(vector.clone()),
            None => self.known(stage, &keys[at])?.ok_or_else(|| self.unknown()),
        };
        (0..texts.len()).map(again).collect()
    }

    fn body(&self, texts: &[impl AsRef<str>]) -> Json {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let mut body = json!({"model": self.settings.model, "input": texts});
        for (name, value) in &self.settings.extra_body {
            body[name] = value.clone();
        }
        body
    }

    fn known(&self, stage: &str, key: &ContentId) -> Result<Option<Vec<f32>>, ModelError> {
        let journal = |what: String| ModelError::Journal { what };
        let Some(kept) = self.asking.journal.find(key).map_err(journal)? else { return Ok(None) };
        let kept: Kept = serde_json::from_str(&kept).map_err(|error| journal(error.to_string()))?;
        self.budget.count(stage, &Answer { replayed: true, ..Answer::default() }, 0.0);
        Ok(Some(kept.embedding))
    }

    fn ask_for(&self, stage: &str, wanted: &[(&ContentId, &String)]) -> Result<Vec<Vec<f32>>, ModelError> {
        let Way::Http(endpoint) = &self.way else { return Err(self.unknown()) };
        let texts: Vec<&String> = wanted.iter().map(|(_, text)| *text).collect();
        let body = self.body(&texts).to_string();
        let aside = self
            .budget
            .set_aside(body.len(), None)
            .map_err(|what| ModelError::Budget { model: self.name.clone(), what })?;
        let first = wanted.first().map_or_else(|| ContentId::of_bytes(b""), |(key, _)| (*key).clone());
        let asked = endpoint.complete("embeddings", &first, &body, &|text: &str| read(text, wanted.len()));
        self.budget.give_back(aside);
        let Completion { answer: (vectors, usage), seconds, .. } = asked?;
        for ((key, text), vector) in wanted.iter().zip(&vectors) {
            let response = serde_json::to_string(&Kept { embedding: vector.clone() }).unwrap_or_default();
            let entry = Entry {
                key,
                model: &self.settings.model,
                stage,
                request: text,
                response: &response,
                seconds: seconds / wanted.len() as f64,
            };
            self.asking.journal.store(entry).map_err(|what| ModelError::Journal { what })?;
        }
        self.budget.count(stage, &Answer { usage, ..Answer::default() }, seconds);
        Ok(vectors)
    }

    fn unknown(&self) -> ModelError {
        ModelError::Unknown { model: self.name.clone() }
    }
}

/// The vectors of a response, in the order of the texts.
fn read(text: &str, count: usize) -> Result<(Vec<Vec<f32>>, Usage), String> {
    let response: Response = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); count];
    for Item { index, embedding } in response.data {
        let place = vectors.get_mut(index).ok_or_else(|| format!("`index` {index} of {count} texts"))?;
        *place = embedding;
    }
    let dimensions = vectors.first().map_or(0, Vec::len);
    let whole = |vector: &Vec<f32>| vector.len() == dimensions && vector.iter().all(|x| x.is_finite());
    if dimensions == 0 || !vectors.iter().all(whole) {
        return Err(format!("it has no vector of finite numbers for each of {count} texts"));
    }
    let tokens = response.usage.as_ref().and_then(|usage| usage["prompt_tokens"].as_u64()).unwrap_or(0);
    Ok((vectors, Usage { input_tokens: tokens, output_tokens: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_a_vector_for_each_text_in_their_order() {
        let text = r#"{"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}],
                       "usage": {"prompt_tokens": 7}}"#;
        let (vectors, usage) = read(text, 2).unwrap();
        assert_eq!((vectors, usage.input_tokens), (vec![vec![1.0, 2.0], vec![3.0, 4.0]], 7));
        for (text, count) in [
            ("[]", 1),
            (r#"{"data": []}"#, 1),
            (r#"{"data": [{"index": 0, "embedding": []}]}"#, 1),
            (r#"{"data": [{"index": 0, "embedding": [1e99]}]}"#, 1),
            (r#"{"data": [{"index": 0, "embedding": [1]}]}"#, 2),
            (r#"{"data": [{"index": 1, "embedding": [1]}]}"#, 1),
            (r#"{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}"#, 2),
        ] {
            assert!(read(text, count).is_err(), "{text}");
        }
    }
}
