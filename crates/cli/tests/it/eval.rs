//! Policies measured and compared, kept in folders, interrupted and continued.

use crate::world::{Result, World, bytes_under};
use serde_json::{Value as Json, json};

/// Eight hand-written arenas in the folder `set`.
fn arenas(world: &World) -> Result<()> {
    for name in [
        "buoy_reading",
        "train_fares",
        "canteen_allergens",
        "clinic_appointments",
        "stargazing_permit",
        "freight_six_hops",
        "orchard_fertilizer",
        "savings_transfer",
    ] {
        world.run(&["arenas", "new", name, "--from", name, "--out", "set"])?.expect_code(0)?;
    }
    Ok(())
}

fn eval<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["eval", "arenas", "set"], more].concat()
}

#[test]
fn help_says_what_is_measured_and_how_to_continue() {
    let world = World::new().unwrap();
    let said = world.run(&["eval", "arenas", "-h"]).unwrap().expect_code(0).unwrap();
    let (own, _global) = said.stdout.split_once("\nGlobal options").unwrap();
    insta::assert_snapshot!(own);
    let said = world.run(&["eval", "compare", "-h"]).unwrap().expect_code(0).unwrap();
    let (own, _global) = said.stdout.split_once("\nGlobal options").unwrap();
    insta::assert_snapshot!(own);
}

#[test]
fn a_policy_is_measured_whole_and_by_kind_of_arena() {
    let world = World::new().unwrap();
    arenas(&world).unwrap();
    let said = world
        .run(&eval(&["--policy", "expert", "--samples", "2", "--failure-rate", "0.2"]))
        .unwrap()
        .expect_code(0)
        .unwrap();
    insta::assert_snapshot!(said.stdout);
    let arguments = eval(&["--policy", "expert", "--samples", "2", "--failure-rate", "0.2", "--json"]);
    let said = world.run(&arguments).unwrap().expect_code(0).unwrap();
    assert_eq!(said.stdout.lines().count(), 1, "one object");
    let object = Json::Object(said.last_json().unwrap());
    let policy = &object["policy"];
    assert_eq!(
        (&policy["name"], &policy["episodes"], &policy["masked"]),
        (&json!("expert"), &json!(16), &json!(0))
    );
    assert_eq!(policy["metrics"]["f1"]["mean"], json!(1.0));
    assert_eq!(policy["metrics"]["f1"]["n"], json!(8), "arenas are resampled, not episodes");
    assert_eq!(policy["metrics"]["recall"]["n"], json!(7), "one is unanswerable");
    assert!(policy["metrics"].get("output_tokens").is_none(), "what nobody counts is absent");
    assert_eq!(policy["pass_hat_k"].as_array().unwrap().len(), 2);
    assert_eq!(object["settings"]["episode.failure_rate"], json!(0.2));
    assert!(object.get("against").is_none() && object.get("comparison").is_none());
}

#[test]
fn what_a_policy_failed_in_can_be_played_alone() {
    let world = World::new().unwrap();
    arenas(&world).unwrap();
    world.run(&eval(&["--policy", "null", "--limit", "3", "--out", "hard"])).unwrap().expect_code(0).unwrap();
    let solve = ["arenas", "solve", "set", "--policy", "expert", "--failed-in", "hard", "--sft", "t.jsonl"];
    let said = world.run(&solve).unwrap().expect_code(0).unwrap();
    assert!(said.stderr.contains("expert over 3 arenas"), "{}", said.stderr);
    assert_eq!(world.read("t.jsonl").unwrap().lines().count(), 3);
    world.run(&eval(&["--policy", "oracle", "--out", "easy"])).unwrap().expect_code(0).unwrap();
    for (folder, why) in
        [("easy", "none of these arenas earned less than 1"), ("set", "holds no finished evaluation")]
    {
        let refused = world.run(&eval(&["--policy", "oracle", "--failed-in", folder])).unwrap();
        let refused = refused.expect_code(1).unwrap();
        assert!(refused.stderr.contains(why) && refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
}

#[test]
fn the_oracle_differs_from_chance_and_not_from_itself() {
    let world = World::new().unwrap();
    arenas(&world).unwrap();
    let verdict = |against: &str| {
        let arguments = eval(&["--policy", "oracle", "--against", against, "--samples", "2", "--seed", "5"]);
        let said = world.run(&arguments)?.expect_code(0)?;
        Ok::<String, Box<dyn std::error::Error>>(said.stdout.lines().last().unwrap_or_default().to_owned())
    };
    let other = verdict("random").unwrap();
    assert!(other.starts_with("better: oracle than random; F1 +"), "{other}");
    insta::assert_snapshot!(
        verdict("oracle").unwrap(),
        @"no difference shown between oracle and oracle; F1 +0.000 [+0.000, +0.000] at 95 % over 8 arenas, 16 pairs"
    );
    let few = world
        .run(&eval(&["--policy", "oracle", "--against", "null", "--limit", "3", "--json"]))
        .unwrap()
        .expect_code(0)
        .unwrap();
    assert_eq!(few.last_json().unwrap()["comparison"]["verdict"], json!("too_few_arenas"));
}

#[test]
fn kept_evaluations_are_compared_later_and_only_under_equal_conditions() {
    let world = World::new().unwrap();
    arenas(&world).unwrap();
    let keep = |policy: &str, more: &[&str], out: &str| {
        let arguments = [&eval(&["--policy", policy, "--out", out])[..], more].concat();
        world.run(&arguments)?.expect_code(0)
    };
    keep("oracle", &[], "a").unwrap();
    keep("random", &[], "b").unwrap();
    keep("random", &["--seed", "9"], "c").unwrap();
    keep("oracle", &["--limit", "7"], "d").unwrap();
    let explained = ["arenas", "explain", "buoy_reading", "--trace", "a/part-00000.jsonl", "--json"];
    let explained = world.run(&explained).unwrap().expect_code(0).unwrap();
    assert_eq!(explained.stdout.lines().count(), 1, "what was kept can be explained: {}", explained.stdout);
    let compared = world.run(&["eval", "compare", "a", "b", "--json"]).unwrap().expect_code(0).unwrap();
    let at_once = world
        .run(&eval(&["--policy", "oracle", "--against", "random", "--out", "both", "--json"]))
        .unwrap()
        .expect_code(0)
        .unwrap();
    assert_eq!(
        compared.last_json().unwrap()["comparison"],
        at_once.last_json().unwrap()["comparison"],
        "later or at once is the same"
    );
    let said =
        world.run(&["eval", "compare", "both/against", "both/policy"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("\nworse: both/against than both/policy; F1 -"), "{}", said.stdout);
    let said = world.run(&["eval", "compare", "d", "b"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("1 episodes have no partner"), "{}", said.stdout);
    assert!(said.stderr.contains("warning: the two played other sets of arenas"), "{}", said.stderr);
    let said = world.run(&["eval", "compare", "a", "c"]).unwrap().expect_code(1).unwrap();
    insta::assert_snapshot!(said.stderr, @r"
    error: the two were played under other conditions: `seed` is 0 and 9
    hint: play both with the same settings; only the policy may differ
    ");
    let said = world.run(&["eval", "compare", "a", "set"]).unwrap().expect_code(1).unwrap();
    insta::assert_snapshot!(said.stderr, @r"
    error: `set` holds no finished evaluation: there is no `manifest.json`
    hint: make one with `astra eval arenas ARENAS --policy P --out DIR`; the same command continues it
    ");
    let said = world.run(&eval(&["--policy", "null", "--out", "a"])).unwrap().expect_code(1).unwrap();
    assert!(
        said.stderr.contains("`settings.policy` was `\"oracle\"` and is now `\"null\"`"),
        "{}",
        said.stderr
    );
}

#[test]
fn an_interrupted_evaluation_is_continued_to_the_same_bytes() {
    let world = World::new().unwrap();
    arenas(&world).unwrap();
    let run = |out: &str| {
        let arguments = eval(&["--policy", "random", "--samples", "60", "--failure-rate", "0.2", "--out"]);
        [arguments, vec![out]].concat().into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let words = |arguments: &[String]| -> Result<crate::world::Said> {
        world.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let unbroken = words(&run("unbroken")).unwrap().expect_code(0).unwrap();
    let arguments = run("broken");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let stderr =
        world.interrupt(&arguments, "broken/part-00000.jsonl").unwrap().expect_code(130).unwrap().stderr;
    assert!(stderr.contains("episodes are still to play; the same command continues"), "{stderr}");
    assert!(!world.path("broken/manifest.json").exists());
    let kept = world.read("broken/part-00000.jsonl").unwrap().lines().count();
    assert!((1..480).contains(&kept), "{kept} episodes were kept");
    let said = world.run(&["eval", "compare", "broken", "unbroken"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("no finished evaluation"), "{}", said.stderr);
    let continued = words(&run("broken")).unwrap().expect_code(0).unwrap();
    assert!(
        continued.stderr.contains(&format!("{kept} episodes were played by an earlier run")),
        "{}",
        continued.stderr
    );
    assert_eq!(continued.stdout, unbroken.stdout);
    assert_eq!(bytes_under(&world.path("broken")).unwrap(), bytes_under(&world.path("unbroken")).unwrap());
}

#[test]
fn a_policy_that_is_none_is_refused_with_the_names() {
    let world = World::new().unwrap();
    arenas(&world).unwrap();
    world.write("config.json", "{}").unwrap();
    for arguments in [eval(&["--policy", "oracel"]), vec!["arenas", "solve", "set", "--policy", "oracel"]] {
        let said = world.run(&arguments).unwrap().expect_code(1).unwrap();
        assert_eq!(
            said.stderr,
            "error: there is no policy and no folder `oracel`\n\
             hint: a policy is one of oracle, expert, null, random, default, dump, or the folder of a checkpoint\n\
             hint: did you mean `oracle`?\n"
        );
    }
    let refused = |more: &[&str]| -> Result<String> { Ok(world.run(&eval(more))?.expect_code(1)?.stderr) };
    let said = refused(&["--policy", "set"]).unwrap();
    assert!(said.contains("`set` is no checkpoint: it holds no `config.json`"), "{said}");
    let said = refused(&["--policy", "."]).unwrap();
    assert!(said.contains("tokenizer.json"), "{said}");
    let said = refused(&["--policy", "random", "--temperature", "1"]).unwrap();
    assert!(said.contains("`random` does not sample"), "{said}");
    let said = refused(&["--policy", "random", "--strict-calls"]).unwrap();
    assert!(said.contains("`--strict-calls` is for models"), "{said}");
    for bad in [["--success", "0"], ["--samples", "0"], ["--distractors", "1,2"], ["--temperature", "-1"]] {
        let said = refused(&[&["--policy", "random"][..], &[bad.join("=").as_str()][..]].concat()).unwrap();
        assert!(said.starts_with(&format!("error: `{} {}", bad[0], bad[1])), "{said}");
    }
}
