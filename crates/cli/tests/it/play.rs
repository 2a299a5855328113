//! A person plays through a pipe.

use crate::world::World;

#[test]
fn a_game_won_with_the_gold_call() {
    let world = World::new().unwrap();
    let moves = "help\n1 buoy_code=KV-318 day=2024-03-14 quantity=water_temperature\nanswer It was 8.9 °C on average.\n";
    let said =
        world.run_with(&["arenas", "play", "buoy_reading"], &[], moves).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("read_buoy_log(buoy_code: string"), "{}", said.stdout);
    assert!(said.stdout.contains("reached g1; 1 of 1 goals in 1 calls; F1 so far 1.000"), "{}", said.stdout);
    assert!(said.stdout.contains("reward 1.000") && said.stdout.contains("answer 1.000"), "{}", said.stdout);
    assert!(said.stdout.contains("g1 ← call 1: read_buoy_log("), "{}", said.stdout);
}

#[test]
fn mistakes_are_explained_and_calls_that_fit_nothing_count() {
    let world = World::new().unwrap();
    let moves = "read_boy_log x=1\nread_buoy_log {\"buoy_code\": }\nread_buoy_log buoy_code=KV-318\nquit\n";
    let said =
        world.run_with(&["arenas", "play", "buoy_reading"], &[], moves).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("? there is no command and no tool `read_boy_log`"), "{}", said.stdout);
    assert!(said.stdout.contains("? that is not a JSON object"), "{}", said.stdout);
    assert!(said.stdout.contains("invalid_arguments"), "{}", said.stdout);
    assert!(said.stdout.contains("1 calls counted (1 invalid"), "{}", said.stdout);
}

#[test]
fn an_input_that_ends_leaves_without_an_answer() {
    let world = World::new().unwrap();
    let said = world
        .run_with(&["arenas", "play", "buoy_reading", "--json"], &[], "")
        .unwrap()
        .expect_code(0)
        .unwrap();
    let score = said.last_json().unwrap();
    assert_eq!(score["components"]["calls"], 0);
    assert!(said.stdout.contains("left without an answer"));
}
