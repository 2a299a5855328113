//! Models and what they are for: the tables `[models.NAME]` and `[roles]` of the settings file.
//!
//! ```toml
//! [models.big]
//! base_url = "http://localhost:8000/v1"
//! model = "Qwen/Qwen3-32B"
//! api_key_env = "MY_KEY"
//! price = { input = 0.1, output = 0.4 }   # a million tokens
//!
//! [roles]
//! judge = "big"
//! ```
//!
//! One model alone plays every role but that of the embedder, which is played by words unless a model is named for it.

use super::{SettingsError, nearest};
use astra_agent::models::ModelSettings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Names of the tables, which are not in the catalogue.
pub(super) const TABLES: [&str; 2] = ["models", "roles"];

/// What a model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Writes questions, steps and requests.
    Teacher,
    /// Writes tools.
    Coder,
    /// Judges what others wrote.
    Judge,
    /// Turns tool documents into vectors, to tell how near they are.
    Embedder,
}

/// All models, and which of them plays which role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Models {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) models: BTreeMap<String, ModelSettings>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) roles: BTreeMap<Role, String>,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Coder => "coder",
            Self::Judge => "judge",
            Self::Embedder => "embedder",
        }
    }
}

impl Models {
    /// Reads the tables of a settings file; everything else in it is not looked at.
    pub(super) fn read(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let refused =
            |line: usize, message: String| SettingsError::BadFile { path: path.to_owned(), line, message };
        let models: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| super::file::line_of(text, span.start));
            refused(line, error.message().replace('\n', ", "))
        })?;
        // The line of a table is searched for: the parsed form does not keep it.
        let line_with = |what: &str| {
            let found = text.lines().position(|line| line.contains(what));
            found.map_or(1, |at| at + 1)
        };
        for (name, settings) in &models.models {
            if let Some((field, what)) = settings.problem() {
                let message = format!("`models.{name}.{field}` {what}");
                return Err(refused(line_with(&format!("models.{name}")), message));
            }
        }
        for (role, name) in &models.roles {
            if !models.models.contains_key(name) {
                let known = models.models.keys().map(String::as_str);
                let meant = nearest(name, known).map_or(String::new(), |known| format!("; `{known}`?"));
                let message = format!("role `{}`: there is no model `{name}`{meant}", role.name());
                return Err(refused(line_with(role.name()), message));
            }
        }
        Ok(models)
    }

    /// The model that plays a role, with its name.
    pub(crate) fn of(&self, role: Role) -> Option<(&str, &ModelSettings)> {
        let named = self.roles.get(&role).and_then(|name| self.models.get_key_value(name));
        let only = (self.models.len() == 1 && role != Role::Embedder)
            .then(|| self.models.first_key_value())
            .flatten();
        named.or(only).map(|(name, settings)| (name.as_str(), settings))
    }

    /// The roles of a model.
    pub(crate) fn roles_of(&self, name: &str) -> Vec<&'static str> {
        let all = [Role::Teacher, Role::Coder, Role::Judge, Role::Embedder];
        all.into_iter()
            .filter(|role| self.of(*role).is_some_and(|(model, _)| model == name))
            .map(Role::name)
            .collect()
    }

    /// As a settings file has them; empty where there are none.
    pub(crate) fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Models, SettingsError> {
        Models::read(Path::new("astra.toml"), text)
    }

    #[test]
    fn one_model_plays_every_role_and_of_several_the_named_one() {
        let one = read("[models.a]\nmodel = \"m\"\nbase_url = \"http://x/v1\"\n").unwrap();
        assert_eq!(one.roles_of("a"), ["teacher", "coder", "judge"]);
        let text = "seed = 1\n[models.a]\nmodel = \"m\"\nbase_url = \"http://x/v1\"\n[models.b]\nmodel = \"n\"\nprovider = \"journal\"\n\
                    [roles]\njudge = \"b\"\n";
        let two = read(text).unwrap();
        assert_eq!((two.of(Role::Judge).unwrap().0, two.of(Role::Teacher)), ("b", None));
        assert_eq!(read(&two.to_toml()).unwrap(), two);
    }

    #[test]
    fn mistakes_are_named_by_line() {
        let model = "[models.big]\nmodel = \"m\"\nbase_url = \"http://x/v1\"\n";
        for (text, expected) in [
            ("[models.a]\nbase_url = \"x\"\n", "astra.toml:1: missing field `model`"),
            ("\n[models.a]\nmodel = \"m\"\n", "astra.toml:2: `models.a.base_url` `` is no http(s) address"),
            ("[models.a]\nmodel = \"m\"\nbase_ur = \"x\"\n", "astra.toml:3: unknown field `base_ur`"),
            (&format!("{model}[roles]\njugde = \"big\"\n"), "astra.toml:5: unknown variant `jugde`"),
            (
                &format!("{model}[roles]\njudge = \"bog\"\n"),
                "astra.toml:5: role `judge`: there is no model `bog`; `big`?",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
    }
}
