//! A model is served and talked to, by the binary alone.

use crate::world::{Result, World};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// A tiny model that nobody has taught anything.
fn with_model() -> Result<World> {
    let world = World::new()?;
    world.write("text.txt", "How warm is it? It is warm. Nobody knows how warm it is.\n".repeat(20))?;
    let shape = "--vocab 300 --hidden 32 --layers 1 --heads 2 --kv-heads 1 --ffn 64 --context 256";
    let mut arguments = vec!["model", "init", "--out", "model", "--text", "text.txt"];
    arguments.extend(shape.split(' '));
    world.run(&arguments)?.expect_code(0)?;
    Ok(world)
}

/// Sends a request and gives the body of its answer.
fn exchange(port: u64, head: &str, body: &str) -> Result<Json> {
    let mut socket = TcpStream::connect(("127.0.0.1", u16::try_from(port)?))?;
    let length = body.len();
    let kind = "content-type: application/json";
    write!(
        socket,
        "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no HTTP: {answer}"))?;
    Ok(serde_json::from_str(body)?)
}

fn interrupt(child: &Child) -> Result<()> {
    let id = rustix::process::Pid::from_child(child);
    Ok(rustix::process::kill_process(id, rustix::process::Signal::INT)?)
}

#[test]
fn a_model_is_served_at_the_port_that_is_printed_until_it_is_interrupted() {
    let world = with_model().unwrap();
    let mut child = world
        .command(&["model", "serve", "model", "--port", "0", "--name", "mine", "--json"], &[])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Json = serde_json::from_str(&line).unwrap();
    let port = said["port"].as_u64().unwrap();
    assert_eq!((&said["host"], &said["model"]), (&json!("127.0.0.1"), &json!("mine")));
    assert_eq!(said["url"], json!(format!("http://127.0.0.1:{port}/v1")));
    assert_eq!(exchange(port, "GET /health", "").unwrap()["status"], "ok");
    let body =
        json!({"model": "mine", "messages": [{"role": "user", "content": "How warm?"}], "max_tokens": 4});
    let answer = exchange(port, "POST /v1/chat/completions", &body.to_string()).unwrap();
    assert!((1..=4).contains(&answer["usage"]["completion_tokens"].as_u64().unwrap()), "{answer}");
    let taken = ["model", "serve", "model", "--port", &port.to_string()];
    let refused = world.run(&taken).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains(&format!("cannot listen at `127.0.0.1:{port}`")), "{}", refused.stderr);
    interrupt(&child).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_conversation_goes_through_a_pipe_and_a_new_one_begins_like_the_first() {
    let world = with_model().unwrap();
    let talk = |lines: &str, more: &[&str]| {
        let mut arguments = vec!["model", "chat", "model", "--max-turn-tokens", "12"];
        arguments.extend_from_slice(more);
        world.run_with(&arguments, &[], lines).unwrap().expect_code(0).unwrap()
    };
    let lines = "How warm?\n\nAnd how warm now?\n/reset\nHow warm?\n/rest\n/quit\nnot said\n";
    let said = talk(lines, &["--json"]);
    let turns: Vec<Json> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(turns.len(), 3, "{said:?}");
    assert_eq!(turns[0], turns[2]);
    assert_ne!(turns[0]["content"], turns[1]["content"]);
    assert!(said.stderr.contains("? `/rest`") && said.stderr.contains("cut at 12 tokens"), "{}", said.stderr);
    // As text, the same is written as it comes, but for what could command a terminal.
    let text = talk("How warm?\n", &[]).stdout;
    let is_shown = |letter: &char| !letter.is_control() || matches!(letter, '\n' | '\t');
    let shown: String = turns[0]["content"].as_str().unwrap().chars().filter(is_shown).collect();
    assert_eq!(text.strip_suffix('\n'), Some(shown.as_str()));
    // Other instructions give another answer, and so does another seed.
    assert_ne!(talk("How warm?\n", &["--system", "Nobody knows."]).stdout, text);
    assert_ne!(talk("How warm?\n", &["--seed", "1"]).stdout, text);
}

#[test]
fn what_cannot_be_served_or_talked_to_is_refused() {
    let world = World::new().unwrap();
    for arguments in [&["model", "serve", "nowhere", "--port", "0"][..], &["model", "chat", "nowhere"]] {
        let refused = world.run(arguments).unwrap().expect_code(1).unwrap();
        assert!(refused.stderr.contains("`nowhere` is no model"), "{}", refused.stderr);
    }
    let refused =
        world.run(&["model", "chat", "nowhere", "--temperature=-1"]).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("`temperature` is -1"), "{}", refused.stderr);
}
