//! Every environment variable that astra reads, declared once. Nothing else in the workspace reads the environment
//! (what the TLS library reads, `SSL_CERT_FILE` and `SSL_CERT_DIR`, and the proxy variables excepted).

/// Path of the settings file; like `--config`.
pub(crate) const CONFIG: &str = "ASTRA_CONFIG";
/// Python that runs tool code; like `--python`.
pub(crate) const PYTHON: &str = "ASTRA_PYTHON";
/// Worker threads, 0 for one per core; like `--threads`.
pub(crate) const THREADS: &str = "ASTRA_THREADS";
/// Seed of everything drawn; like `--seed`.
pub(crate) const SEED: &str = "ASTRA_SEED";
/// Run although this kernel cannot enforce every protection; like `--accept-missing-protections`.
pub(crate) const ACCEPT_MISSING_PROTECTIONS: &str = "ASTRA_ACCEPT_MISSING_PROTECTIONS";
/// File in which every answer of a model is kept.
pub(crate) const JOURNAL: &str = "ASTRA_JOURNAL";
/// CPU time of one tool call, in milliseconds.
pub(crate) const SANDBOX_CPU_MS: &str = "ASTRA_SANDBOX_CPU_MS";
/// Wall time of one tool call, in milliseconds.
pub(crate) const SANDBOX_WALL_MS: &str = "ASTRA_SANDBOX_WALL_MS";
/// Memory of a private session or a shared worker, in MiB.
pub(crate) const SANDBOX_MEMORY_MIB: &str = "ASTRA_SANDBOX_MEMORY_MIB";
/// Output of one tool call, in KiB.
pub(crate) const SANDBOX_OUTPUT_KIB: &str = "ASTRA_SANDBOX_OUTPUT_KIB";
/// Assistant turns of an episode.
pub(crate) const EPISODE_MAX_TURNS: &str = "ASTRA_EPISODE_MAX_TURNS";
/// Tool calls of an episode.
pub(crate) const EPISODE_MAX_CALLS: &str = "ASTRA_EPISODE_MAX_CALLS";
/// Share of tool calls that fail by injection.
pub(crate) const EPISODE_FAILURE_RATE: &str = "ASTRA_EPISODE_FAILURE_RATE";
/// Which reward is reported.
pub(crate) const EPISODE_REWARD: &str = "ASTRA_EPISODE_REWARD";

/// Address of a Hugging Face hub, as other programs read it too.
const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// Token for the Hugging Face hub, as other programs read it too.
const HF_TOKEN: &str = "HF_TOKEN";

/// Address of the hub and the token for it, where they are set and not empty.
pub(crate) fn hugging_face() -> (Option<String>, Option<String>) {
    let read = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    (read(HF_ENDPOINT), read(HF_TOKEN))
}

/// The key of a model's endpoint, from the variable that its settings name.
pub(crate) fn key(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|key| !key.trim().is_empty())
}

/// The variables of this process that begin with `ASTRA_`.
pub(crate) fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            // A value that is not text is kept as far as it is readable, so that it is refused by name.
            name.starts_with("ASTRA_").then(|| (name, value.to_string_lossy().into_owned()))
        })
        .collect()
}
