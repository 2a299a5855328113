//! Prompt templates: `prompts/NAME.md` of this crate, or of a folder that a person gives.
//!
//! A template's version is the hash of its text and enters the stage's settings, so that a run is not continued with others.

use crate::Error;
use astra_protocol::ContentId;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The templates that ship.
const SHIPPED: [(&str, &str); 9] = [
    ("decompose", include_str!("../../prompts/decompose.md")),
    ("necessity", include_str!("../../prompts/necessity.md")),
    ("verify", include_str!("../../prompts/verify.md")),
    ("documents", include_str!("../../prompts/documents.md")),
    ("scale", include_str!("../../prompts/scale.md")),
    ("calls", include_str!("../../prompts/calls.md")),
    ("code", include_str!("../../prompts/code.md")),
    ("cluster", include_str!("../../prompts/cluster.md")),
    ("merge", include_str!("../../prompts/merge.md")),
];

/// Templates by name.
#[derive(Debug)]
pub struct Prompts {
    environment: Environment<'static>,
    versions: BTreeMap<String, String>,
}

impl Prompts {
    /// The shipped templates, each replaced by `FOLDER/NAME.md` where there is one. A folder that replaces none is an error.
    pub fn load(folder: Option<&Path>) -> Result<Self, Error> {
        let replaces =
            |folder: &Path| SHIPPED.iter().any(|(name, _)| folder.join(format!("{name}.md")).is_file());
        if let Some(folder) = folder.filter(|folder| !replaces(folder)) {
            let names = SHIPPED.map(|(name, _)| format!("{name}.md")).join(", ");
            return Err(Error::prompt(
                folder.display().to_string(),
                format!("there is no template here ({names})"),
            ));
        }
        let mut environment = Environment::new();
        // A misspelt name in a template is an error, not an empty place.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let mut versions = BTreeMap::new();
        for (name, shipped) in SHIPPED {
            let file = folder.map(|folder| folder.join(format!("{name}.md")));
            let text = match file.as_deref().filter(|file| file.exists()) {
                None => shipped.to_owned(),
                Some(file) => std::fs::read_to_string(file)
                    .map_err(|error| Error::prompt(file.display().to_string(), error.to_string()))?,
            };
            versions.insert(name.to_owned(), ContentId::of_bytes(text.as_bytes()).short().to_owned());
            let place = file.map_or_else(|| format!("{name}.md"), |file| file.display().to_string());
            environment
                .add_template_owned(name, text)
                .map_err(|error| Error::prompt(place, format!("{error:#}")))?;
        }
        Ok(Self { environment, versions })
    }

    /// Name → version, for manifests.
    pub fn versions(&self, names: &[&str]) -> BTreeMap<String, String> {
        let wanted = |(name, _): &(&String, &String)| names.contains(&name.as_str());
        self.versions.iter().filter(wanted).map(|(name, version)| (name.clone(), version.clone())).collect()
    }

    /// A prompt.
    pub(super) fn render(&self, name: &str, of: impl Serialize) -> Result<String, String> {
        let template = self.environment.get_template(name).map_err(|error| error.to_string())?;
        template.render(minijinja::value::Serde(of)).map_err(|error| format!("prompt `{name}`: {error:#}"))
    }
}
