//! The property of crates/pipeline/tests/attack, with names that the fuzzer finds: pieces of its input, in order, over and
//! over.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/attack/statements.rs"]
mod statements;
#[path = "../../tests/attack/tree.rs"]
mod tree;

fuzz_target!(|input: Vec<String>| {
    if input.is_empty() {
        return;
    }
    let mut pieces = input.iter().cycle();
    let names = statements::Names::from_fn(&mut || pieces.next().cloned().unwrap_or_default());
    if let Some(Err(why)) = statements::mean_the_same(&names) {
        panic!("{why}");
    }
});
