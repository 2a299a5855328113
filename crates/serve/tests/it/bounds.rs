//! Places, sizes, clients that go away, and shutdown. A gate holds the generator, so nothing here depends on time.

use crate::world::{STORY, TOLD, World, ask, request, user};
use astra_serve::ServeOptions;
use serde_json::{Value as Json, json};
use std::io::{Read, Write};
use std::net::TcpStream;

fn places(places: usize) -> ServeOptions {
    ServeOptions { places, ..ServeOptions::default() }
}

#[test]
fn requests_beyond_the_places_are_told_to_come_again() {
    let world = World::with(places(2)).unwrap();
    let story = json!({"messages": [user(STORY)], "n": 2});
    let gate = world.close_gate().unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(world.address, &story).unwrap());
        world.wait_until_taken(2).unwrap();
        for streamed in [false, true] {
            let refused = world.ask(&json!({"messages": [user(STORY)], "stream": streamed})).unwrap();
            assert_eq!((refused.status, refused.retry_after.as_deref()), (429, Some("1")));
            assert_eq!(refused.body["error"]["code"], "rate_limit_exceeded");
        }
        drop(gate);
        let answered = first.join().unwrap();
        assert_eq!(answered.body["choices"][1]["message"]["content"], TOLD, "{answered:?}");
    });
    world.wait_until_taken(0).unwrap();
    assert_eq!(world.ask(&story).unwrap().status, 200);
    let many = world.ask(&json!({"messages": [user(STORY)], "n": 3})).unwrap();
    assert_eq!((many.status, &many.body["error"]["param"]), (400, &json!("n")), "no waiting would help");
}

#[test]
fn a_client_that_goes_away_gives_its_place_back() {
    let world = World::with(places(1)).unwrap();
    for streamed in [false, true] {
        let gate = world.close_gate().unwrap();
        let body = request(&json!({"messages": [user(STORY)], "stream": streamed})).to_string();
        let mut socket = TcpStream::connect(world.address).unwrap();
        write!(
            socket,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        world.wait_until_taken(1).unwrap();
        if streamed {
            // The headers and the role are there although no token is.
            let mut beginning = [0; 16];
            socket.read_exact(&mut beginning).unwrap();
            assert_eq!(&beginning, b"HTTP/1.1 200 OK\r");
        }
        drop(socket);
        world.wait_until_taken(0).unwrap();
        drop(gate);
        assert_eq!(world.generator.load().unwrap().open, 0, "its sequence is closed too");
        assert_eq!(world.ask(&json!({"messages": [user(STORY)]})).unwrap().status, 200);
    }
}

#[test]
fn a_body_longer_than_allowed_is_refused() {
    let world = World::with(ServeOptions { max_request_bytes: 1000, ..ServeOptions::default() }).unwrap();
    let said = world.ask(&json!({"messages": [user(&"long ".repeat(300))]})).unwrap();
    assert_eq!((said.status, &said.body["error"]["code"]), (413, &json!("request_too_large")));
    assert!(said.body["error"]["message"].as_str().unwrap().contains("1000 bytes"));
    assert_eq!(world.ask(&json!({"messages": [user(STORY)]})).unwrap().status, 200);
}

#[test]
fn shutdown_lets_answers_under_way_end_and_takes_no_more() {
    let world = World::new().unwrap();
    let gate = world.close_gate().unwrap();
    let address = world.address;
    std::thread::scope(|scope| {
        let first = scope.spawn(move || ask(address, &json!({"messages": [user(STORY)]})).unwrap());
        world.wait_until_taken(1).unwrap();
        let running = world.running;
        let shutdown = scope.spawn(move || running.shutdown());
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        drop(gate);
        let answered: Json = first.join().unwrap().body;
        assert_eq!(answered["choices"][0]["message"]["content"], TOLD);
        shutdown.join().unwrap().unwrap();
    });
}
