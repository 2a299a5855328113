//! What `tables.toml` overrides, and how its mistakes are refused.

use astra_environments::{Error, TableGroup};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const PLANTS: &str =
    "plant_no,species,height,kind,garden\n1,Alder,12.5,T,7\n2,Birch,20,T,8\n3,Clover,0.2,H,7\n";
const GARDENS: &str = "no,called\n7,North garden\n8,South garden\n9,West garden\n";

fn read(settings: &str) -> Result<std::result::Result<TableGroup, (String, Vec<String>)>> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("plants.csv"), PLANTS)?;
    std::fs::write(folder.path().join("gardens.csv"), GARDENS)?;
    std::fs::write(folder.path().join("tables.toml"), settings)?;
    let said = |error: Error| {
        (error.to_string().replace(&format!("{}/", folder.path().display()), ""), error.hints())
    };
    Ok(TableGroup::read(folder.path()).map_err(said))
}

#[test]
fn settings_override_names_types_keys_labels_links_and_words() {
    let settings = r#"
title = "plants of a park"
title_zh = "公园植物"
license = "CC0"
languages = ["en", "zh"]
[tables.gardens]
zh = "花园"
key = "no"
label = "called"
[tables.gardens.columns.called]
zh = "名称"
[tables.gardens.columns.no]
ask = false
[tables.plants]
noun = ["plant", "plants"]
zh = "植物"
classifier_zh = "株"
key = "plant_no"
label = "species"
[tables.plants.columns.plant_no]
zh = "编号"
type = "text"
[tables.plants.columns.species]
zh = "种类"
[tables.plants.columns.height]
words = "full height"
unit = "m"
zh = "高度"
most = "tallest"
phrasings = ["how tall {} grows"]
[tables.plants.columns.kind]
zh = "类别"
values = { T = "tree", X = "moss" }
[tables.plants.columns.garden]
references = "gardens"
role = "home garden"
zh = "所在花园"
"#;
    let group = read(settings).unwrap().unwrap();
    assert_eq!((group.title.as_str(), group.license.as_deref()), ("plants of a park", Some("CC0")));
    insta::assert_snapshot!(group.explain(), @r#"
    plants of a park; languages: en, zh
    gardens: 3 rows, key no, label called (gardens.csv)
      no: integer, 3 distinct, key "no", not asked for
      called: text, 3 distinct, label "called / 名称"
    plants: 3 rows, key plant_no, label species (plants.csv)
      plant_no: text, 3 distinct, key "plant number / 编号"
      species: text, 3 distinct, label "species / 种类"
      height: real, 3 distinct [m], fact "full height / 高度"
      kind: text, 2 distinct, fact "kind / 类别"
      garden: integer, 2 distinct -> gardens (declared, as home garden), link "garden / 所在花园"
      note: `kind` never holds `X`, for which there are words
    "#);
    assert_eq!(group.explain_json()["tables"][1]["classifier_zh"], "株");
}

#[test]
fn mistakes_in_settings_name_line_and_key() {
    let said = |settings: &str| {
        let (message, hints) = read(settings).unwrap().unwrap_err();
        format!("{message} | {}", hints.join(" | "))
    };
    insta::assert_snapshot!(said("title = \"x\"\ncolour = 1\n"), @"tables.toml:2: unknown field `colour`, expected one of `title`, `title_zh`, `source`, `license`, `languages`, `tables` | write one of those, or remove the line");
    insta::assert_snapshot!(said("\n[tables.plant]\nkey = \"no\"\n"), @"tables.toml:2: there is no table `plant` | did you mean `plants`?");
    insta::assert_snapshot!(said("[tables.plants]\nnouns = \"no\"\n"), @"tables.toml:2: unknown field `nouns`, expected one of `noun`, `zh`, `classifier_zh`, `key`, `label`, `columns` | did you mean `noun`?");
    insta::assert_snapshot!(said("[tables.plants.columns.heigth]\nunit = \"m\"\n"), @"tables.toml:1: there is no column `heigth` | did you mean `height`?");
    insta::assert_snapshot!(said("[tables.plants.columns.height]\nunits = \"m\"\n"), @"tables.toml:2: unknown field `units`, expected one of `words`, `unit`, `zh`, `type`, `ask`, `references`, `role`, `most`, `least`, `most_zh`, `least_zh`, `phrasings`, `phrasings_zh`, `values`, `values_zh` | did you mean `unit`?");
    insta::assert_snapshot!(said("[tables.plants]\nkey = \"number\"\n"), @"tables.toml:2: there is no column `number` | there are: plant_no, species, height, kind, garden");
    insta::assert_snapshot!(said("[tables.plants]\nlabel = \"height\"\n"), @"tables.toml:2: the label `height` is no column of texts | name another column, or declare its `type` as text");
    insta::assert_snapshot!(said("[tables.plants.columns.garden]\nreferences = \"parks\"\n"), @"tables.toml:2: there is no table `parks` | there are: gardens, plants");
    insta::assert_snapshot!(said("[tables.plants.columns.height]\nphrasings = [\"of {}\",\n\"how tall\"]\n"), @"tables.toml:3: the phrasing `how tall` does not hold `{}` exactly once | write `{}` where the thing that is asked about is named");
    insta::assert_snapshot!(said("languages = [\"fr\"]\n"), @"tables.toml:1: unknown variant `fr`, expected `en` or `zh` | write one of those, or remove the line");
    insta::assert_snapshot!(said("title = \"x\n"), @r#"tables.toml:1: invalid basic string, expected `"` | in TOML, texts stand in double quotes and lists in square brackets"#);
    insta::assert_snapshot!(said("languages = [\"en\", \"zh\"]\n[tables.gardens]\nzh = \"花园\"\n"), @r#"tables.toml:1: `languages` holds "zh", and column `no` of table `gardens` has no words in it | give every table and every column that is asked for its `zh`, or set `ask = false` for the column"#);
    insta::assert_snapshot!(said("[tables.plants.columns.kind]\ntype = \"integer\"\n"), @"plants.csv:2: column `kind` is declared as integer, and this cell holds `T` | mend the cell or leave it empty, or declare another `type` in tables.toml");
    insta::assert_snapshot!(said("[tables.plants]\nkey = \"kind\"\n"), @r#"plants.csv:3: column `kind` holds the key `T` a second time, first in line 2 | give each row a key of its own, or name another column with `key = "…"` in tables.toml (`key = ""` for none)"#);
}

#[test]
fn a_single_file_has_its_settings_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plants.csv");
    std::fs::write(&path, PLANTS).unwrap();
    std::fs::write(folder.path().join("plants.tables.toml"), "title = \"all plants\"\n").unwrap();
    assert_eq!(TableGroup::read(&path).unwrap().title, "all plants");
    let before = TableGroup::read(&path).unwrap().content;
    std::fs::write(folder.path().join("plants.tables.toml"), "title = \"some plants\"\n").unwrap();
    assert_ne!(TableGroup::read(folder.path()).unwrap().content, before, "settings are part of the content");
}
