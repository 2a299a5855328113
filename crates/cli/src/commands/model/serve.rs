//! `astra model serve`: a model for programs that speak the OpenAI chat protocol.

use crate::Context;
use crate::checkpoint;
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use astra_model::TemplateChoice;
use astra_serve::{ModelServer, ServeOptions, ServedModel};
use clap::Args;
use serde_json::json;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `serve`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra model serve models/smollm2-135m --port 8000")]
pub(crate) struct ServeArguments {
    /// Folder of the model
    model: PathBuf,
    /// Address to listen at; anything but this machine's own lets others in, and nobody is asked who they are
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen at; 0 takes a free one, and the address is printed
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    port: u16,
    /// What clients call the model; without it the name of its folder
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Answers that are written at a time
    #[arg(long, value_name = "N", default_value = "32")]
    together: NonZeroUsize,
    /// Answers that may wait besides; more are told to try again (429)
    #[arg(long, value_name = "N", default_value_t = 96)]
    queue: usize,
    /// Longest request, in KiB
    #[arg(long, value_name = "KIB", default_value_t = 4096)]
    max_request_kib: usize,
}

/// Serves until a signal comes.
pub(crate) fn run(arguments: &ServeArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let ServeArguments { model, host, port, together, queue, max_request_kib, .. } = arguments;
    let printer = context.printer;
    let listener = TcpListener::bind((host.as_str(), *port)).map_err(|error| {
        InputError::new(format!("cannot listen at `{host}:{port}`: {error}"))
            .hint("`--port 0` takes a free port; `--host` must be an address of this machine")
    })?;
    let (chat, weights) = checkpoint::open(model, TemplateChoice::Auto)?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => folder_name(model)?,
    };
    let served = ServedModel {
        name: name.clone(),
        fingerprint: weights.id().to_string(),
        chat: Arc::new(chat),
        generator: Arc::new(checkpoint::generator(&weights, context.settings.threads.get(), *together)?),
    };
    drop(weights);
    let options = ServeOptions {
        places: together.get().saturating_add(*queue),
        max_request_bytes: max_request_kib.saturating_mul(1024),
    };
    // From here on a signal ends the server, not the process.
    let interrupt = Interrupt::install()?;
    let running = ModelServer::new(served, options).start(listener)?;
    let address = running.address();
    if !address.ip().is_loopback() {
        printer.warn(format!("whoever can reach {address} can use this model: nobody is asked who they are"));
    }
    let url = format!("http://{address}/v1");
    if printer.json {
        printer.json(&json!({"url": url, "model": name, "host": address.ip(), "port": address.port()}))?;
    } else {
        printer.data(format!("{url} serves `{name}`; Ctrl-C ends it"))?;
    }
    interrupt.wait()?;
    printer.say("answers under way are finished; Ctrl-C again ends at once");
    running.shutdown()?;
    Ok(ExitStatus::Done)
}

/// The name of a folder, also of `.` and `models/x/..`.
fn folder_name(folder: &Path) -> anyhow::Result<String> {
    let whole = folder.canonicalize()?;
    let name = whole.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(name.unwrap_or_else(|| "model".to_owned()))
}
