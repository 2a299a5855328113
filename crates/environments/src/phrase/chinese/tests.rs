//! Grammar, variety and exactness of the Chinese writer, and a page of requests to read.

mod fixture;
mod wishes;

use super::{Chinese, Style, sayable, words};
use crate::draw::Draw;
use crate::question::{Piece, Scalar, Wish};
use crate::tables::TableGroup;
use std::collections::BTreeSet;
use std::fmt::Write as _;

fn said(group: &TableGroup, wish: &Wish, seed: u64) -> String {
    let mut draw = Draw::new(seed, "chinese");
    let chinese = Chinese::new(group, &mut draw);
    chinese.wish(wish, &mut draw)
}

fn plain(group: &TableGroup) -> Chinese<'_> {
    Chinese { group, style: Style::PLAIN }
}

#[test]
fn requests_to_read() {
    let mut page = String::new();
    let groups = [fixture::chemistry(), fixture::time_zones(), fixture::flights()];
    let lists = [wishes::chemistry(&groups[0]), wishes::time_zones(&groups[1]), wishes::flights(&groups[2])];
    let many = std::env::var("MANY").ok().and_then(|m| m.parse().ok()).unwrap_or(2);
    for (group, list) in groups.iter().zip(&lists) {
        for (at, (name, wish)) in list.iter().enumerate() {
            let _ = writeln!(page, "{name}");
            for seed in 0..many {
                let _ = writeln!(page, "  {}", said(group, wish, seed * 1000 + at as u64));
            }
        }
    }
    println!("{page}");
}
