//! A tiny model that has learned three conversations by heart, a server for it, and a client.

use astra_model::{
    AdamW, Batch, Chat, CrossEntropy, Engine, EngineOptions, Generator, InitOptions, LearnOptions, Learner,
    Limits, OpenSequence, PendingTurn, Sampling, TemplateKind, TurnOptions, Weights, init,
};
use astra_protocol::{Message, ToolCall, ToolDoc};
use astra_serve::{ModelServer, Running, ServeOptions, ServedModel};
use serde_json::{Value as Json, json};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) const WEATHER: &str = "How warm is it in Oslo?";
pub(crate) const BOTH: &str = "And in Oslo and Rome?";
pub(crate) const STORY: &str = "Tell me a story.";
pub(crate) const TOLD: &str = "There was a fox.\nIt had 2 dens, é and 雪.\nThe end.";
pub(crate) const ANSWER: &str = "It is 4 degrees.";

/// What a tool-using client offers.
pub(crate) fn tools() -> Json {
    json!([{"type": "function", "function": {"name": "weather", "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])
}

pub(crate) fn user(content: &str) -> Json {
    json!({"role": "user", "content": content})
}

struct Model {
    weights: Weights,
    chat: Arc<Chat>,
}

/// A server that is running, and what it serves.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) generator: Arc<Generator>,
    pub(crate) running: Running,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Json,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        Self::with(ServeOptions::default())
    }

    pub(crate) fn with(options: ServeOptions) -> Result<Self> {
        let Model { weights, chat } = model()?;
        let engine = EngineOptions { threads: 1, max_tokens_in_cache: 8192, ..EngineOptions::default() };
        let generator = Arc::new(Generator::new(Engine::new(weights, engine)?, 0)?);
        let model = ServedModel {
            name: "tiny".to_owned(),
            fingerprint: "fp".to_owned(),
            chat: Arc::clone(chat),
            generator: Arc::clone(&generator),
        };
        let running = ModelServer::new(model, options).start(TcpListener::bind("127.0.0.1:0")?)?;
        Ok(Self { address: running.address(), generator, running })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Said> {
        said(agent().get(self.url(path)).call()?)
    }

    /// Sends a request for a greedy completion with these fields besides.
    pub(crate) fn ask(&self, fields: &Json) -> Result<Said> {
        ask(self.address, fields)
    }

    /// A body as it is.
    pub(crate) fn post(&self, kind: &str, body: &[u8]) -> Result<Said> {
        said(agent().post(self.url("/v1/chat/completions")).content_type(kind).send(body)?)
    }

    /// The chunks of a stream, without the `[DONE]` that must end it.
    pub(crate) fn stream(&self, fields: &Json) -> Result<Vec<Json>> {
        let mut fields = fields.clone();
        fields["stream"] = json!(true);
        let response = agent()
            .post(self.url("/v1/chat/completions"))
            .content_type("application/json")
            .send(request(&fields).to_string())?;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Vec::new();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line?;
            if let Some(data) = line.strip_prefix("data: ") {
                events.push(data.to_owned());
            } else if !line.is_empty() {
                return Err(format!("no event: {line}").into());
            }
        }
        assert_eq!(events.pop().as_deref(), Some("[DONE]"));
        events.iter().map(|event| Ok(serde_json::from_str(event)?)).collect()
    }

    /// Waits until so many places are taken.
    pub(crate) fn wait_until_taken(&self, places: usize) -> Result<()> {
        while self.get("/health")?.body["taken"] != places {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Holds the generator at its next token until the gate is dropped, so that nothing that was begun ends.
    pub(crate) fn close_gate(&self) -> Result<Gate> {
        let sequence = self.generator.open(0);
        let (open, opened) = channel::<()>();
        let (reached, at_gate) = channel();
        let watch = move |_, _| {
            let _ = reached.send(());
            let _ = opened.recv();
        };
        let limits = Limits { max_new: 1, stop: Vec::new() };
        let pending =
            sequence.turn_watched(vec![1], limits, Sampling::default(), TurnOptions::default(), watch);
        at_gate.recv()?;
        Ok(Gate { _open: open, _pending: pending, _sequence: sequence })
    }
}

/// A generator that waits.
pub(crate) struct Gate {
    _open: Sender<()>,
    _pending: PendingTurn,
    _sequence: OpenSequence,
}

/// A greedy request with these fields besides.
pub(crate) fn request(fields: &Json) -> Json {
    let mut request = json!({"model": "tiny", "temperature": 0});
    for (name, value) in fields.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    request
}

pub(crate) fn ask(address: SocketAddr, fields: &Json) -> Result<Said> {
    let url = format!("http://{address}/v1/chat/completions");
    said(agent().post(url).content_type("application/json").send(request(fields).to_string())?)
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn said(mut response: ureq::http::Response<ureq::Body>) -> Result<Said> {
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str()).transpose()?;
    let retry_after = retry_after.map(str::to_owned);
    let status = response.status().as_u16();
    let body = serde_json::from_str(&response.body_mut().read_to_string()?)?;
    Ok(Said { status, retry_after, body })
}

fn model() -> Result<&'static Model> {
    static MODEL: OnceLock<std::result::Result<Model, String>> = OnceLock::new();
    MODEL
        .get_or_init(|| learn().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|error| error.clone().into())
}

fn call(city: &str) -> ToolCall {
    let arguments = format!("{{\"city\": \"{city}\"}}");
    ToolCall { id: format!("c_{city}"), name: "weather".to_owned(), arguments }
}

fn learn() -> Result<Model> {
    let folder = tempfile::tempdir()?;
    let says = |content: &str| Message::User { content: content.to_owned() };
    let result = Message::Tool { tool_call_id: "c_Oslo".to_owned(), content: "{\"celsius\": 4}".to_owned() };
    let function = &tools()[0]["function"];
    let tool = ToolDoc {
        name: "weather".to_owned(),
        description: "Weather of a city".to_owned(),
        parameters: serde_json::value::to_raw_value(&function["parameters"])?,
    };
    let talks: [(&[ToolDoc], Vec<Message>); 3] = [
        (
            std::slice::from_ref(&tool),
            vec![says(WEATHER), Message::calls(vec![call("Oslo")]), result, Message::answer(ANSWER)],
        ),
        (std::slice::from_ref(&tool), vec![says(BOTH), Message::calls(vec![call("Oslo"), call("Rome")])]),
        (&[], vec![says(STORY), Message::answer(TOLD)]),
    ];
    let text = folder.path().join("text.txt");
    std::fs::write(&text, format!("{talks:?}").repeat(8))?;
    let options = InitOptions {
        vocab: 320,
        hidden: 48,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        ffn: 96,
        context: 512,
        seed: 3,
        template: TemplateKind::Compact,
        ..InitOptions::default()
    };
    init(&options, &[text], folder.path())?;
    let chat = Chat::load(folder.path())?;
    let examples: Vec<_> = talks
        .iter()
        .map(|(tools, messages)| chat.example(tools, messages))
        .collect::<std::result::Result<_, _>>()?;
    let batch = Batch::of(examples.iter().map(|example| &example.ids));
    let counts: Vec<f32> = examples
        .iter()
        .flat_map(|example| &example.mask)
        .map(|sampled| f32::from(u8::from(*sampled)))
        .collect();
    let loss = CrossEntropy { weights: &counts };
    let learning = LearnOptions { threads: 1, ..LearnOptions::default() };
    let mut learner = Learner::new(Weights::load(folder.path())?, learning)?;
    for step in 0..400 {
        let output = learner.forward_backward(&batch, &loss)?;
        if output.logprobs.iter().all(|logprob| *logprob > -0.02) {
            return Ok(Model { weights: learner.weights().clone(), chat: Arc::new(chat) });
        }
        let warm = f64::from(step + 1).min(10.0) / 10.0;
        learner.step(1e-2 * warm, &AdamW::default(), Some(1.0), 1.0 / output.targets as f64);
    }
    Err("the model did not learn its conversations in 400 steps".into())
}
