//! Finding arenas: in files and folders, or among the hand-written ones that the binary carries.

use crate::failure::InputError;
use astra_arena::hand;
use astra_arena::{Arena, ArenaError, Runtime};
use astra_protocol::ArenaSpec;
use astra_sandbox::DataFile;
use astra_store::{StoreError, StoredArena, read_arenas};
use std::path::Path;
use std::sync::Arc;

/// An arena with its data and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) spec: ArenaSpec,
    pub(crate) data: Vec<DataFile>,
    /// File, or the name of a hand-written arena.
    pub(crate) place: String,
}

impl Record {
    /// Brings in the data of a stored arena.
    pub(crate) fn of(stored: StoredArena) -> Result<Self, StoreError> {
        let data = data_of(&stored)?;
        let place = place_of(&stored);
        Ok(Self { spec: stored.spec, data, place })
    }

    /// Compiles it.
    pub(crate) fn load(&self, runtime: &Runtime) -> Result<Arc<Arena>, ArenaError> {
        runtime.load(self.spec.clone(), &self.data)
    }
}

/// `FILE:LINE`, or the file alone when it holds one arena.
pub(crate) fn place_of(stored: &StoredArena) -> String {
    if stored.file.extension().is_some_and(|kind| kind == "json") {
        stored.file.display().to_string()
    } else {
        format!("{}:{}", stored.file.display(), stored.line)
    }
}

/// The data files that an arena names.
pub(crate) fn data_of(stored: &StoredArena) -> Result<Vec<DataFile>, StoreError> {
    let folder = stored.data();
    stored
        .spec
        .data
        .iter()
        .map(|wanted| Ok(DataFile { name: wanted.name.clone(), json: folder.get(&wanted.blake3)?.into() }))
        .collect()
}

/// Name for people: the arena's own, else the beginning of its id.
pub(crate) fn name_of(spec: &ArenaSpec) -> String {
    spec.provenance.name.clone().unwrap_or_else(|| spec.id().short().to_owned())
}

/// The arena that `target` means: in `path`, else the only one of the file `target`, else a hand-written one.
/// `target` is the beginning of an id, or a name.
pub(crate) fn find(target: &str, path: Option<&Path>) -> anyhow::Result<Record> {
    if let Some(path) = path {
        let stored = read_arenas(path)?.collect::<Result<Vec<_>, _>>()?;
        return one_of(target, stored, &path.display().to_string());
    }
    let file = Path::new(target);
    if file.exists() {
        return only(file);
    }
    if let Some(arena) = hand::find(target) {
        return hand_record(&arena);
    }
    let mut error = InputError::new(format!("there is no file and no hand-written arena `{target}`"))
        .hint("name the folder too: `astra arenas show ID FOLDER`");
    let all = hand::all();
    if let Some(nearest) = crate::settings::nearest(target, all.iter().map(|arena| arena.name)) {
        error = error.hint(format!("did you mean `{nearest}`?"));
    }
    Err(error.into())
}

/// The only arena at a path.
pub(crate) fn only(path: &Path) -> anyhow::Result<Record> {
    let mut arenas = read_arenas(path)?;
    let Some(first) = arenas.next() else {
        return Err(InputError::new(format!("`{}` holds no arena", path.display())).into());
    };
    if arenas.next().is_some() {
        return Err(InputError::new(format!("`{}` holds more than one arena", path.display()))
            .hint("say which: the beginning of an id, or a name")
            .into());
    }
    Ok(Record::of(first?)?)
}

fn one_of(target: &str, stored: Vec<StoredArena>, place: &str) -> anyhow::Result<Record> {
    let mut matching: Vec<StoredArena> = stored
        .into_iter()
        .filter(|arena| {
            let named = arena.spec.provenance.name.as_deref() == Some(target);
            named
                || arena.file.file_stem().is_some_and(|stem| stem == target)
                || arena.spec.id().0.starts_with(target)
        })
        .collect();
    match (matching.pop(), matching.len()) {
        (Some(arena), 0) => Ok(Record::of(arena)?),
        (Some(_), others) => {
            Err(InputError::new(format!("`{target}` means {} arenas in `{place}`", others + 1))
                .hint("give more digits of the id")
                .into())
        }
        (None, _) => Err(InputError::new(format!("there is no arena `{target}` in `{place}`"))
            .hint(format!("`astra arenas stats {place} --list` lists ids and names"))
            .into()),
    }
}

/// A hand-written arena of the binary.
pub(crate) fn hand_record(arena: &hand::HandArena) -> anyhow::Result<Record> {
    let spec = arena.spec()?;
    let data = arena.data(&spec)?;
    Ok(Record { spec, data, place: format!("hand-written `{}`", arena.name) })
}

/// All arenas at some paths, or an error when one of them is unproven and that was not allowed.
pub(crate) fn all(
    paths: &[impl AsRef<Path>],
    limit: Option<usize>,
    allow_unproven: bool,
) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    let opened = paths.iter().map(|path| read_arenas(path.as_ref())).collect::<Result<Vec<_>, _>>()?;
    for stored in opened.into_iter().flatten().take(limit.unwrap_or(usize::MAX)) {
        let record = Record::of(stored?)?;
        if record.spec.is_unproven() && !allow_unproven {
            let error = format!(
                "{}: arena `{}` is unproven: it has no gold calls",
                record.place,
                name_of(&record.spec)
            );
            return Err(InputError::new(error)
                .hint("find them with `astra arenas prove DIR --out OTHER`")
                .hint("or take them as they are with `--allow-unproven`")
                .into());
        }
        records.push(record);
    }
    Ok(records)
}
