//! How fast everything is, measured, never estimated: against others where there are others, in the same
//! run, in turns. `tests/bench/run` prepares the machine and runs it.
//!
//!   bench PART…    measures the parts, and writes docs/performance.md from all that was measured

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on has failed")]

mod data;
mod functions;
mod growth;
mod operation;
mod page;
mod peers;
mod process;
mod results;
mod start;
mod table;

use results::Results;

#[tokio::main]
async fn main() {
    let rounds = std::env::var("NIGHTKEEP_BENCH_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap());
    // Cargo adds a flag of its own.
    for part in std::env::args().skip(1).filter(|argument| argument != "--bench") {
        let mut results = Results::new(&part);
        results.add(&["machine"], table::machine());
        match part.as_str() {
            "data" => data::measure(&mut results, rounds).await,
            "functions" => functions::measure(&mut results, rounds).await,
            "growth" => growth::measure(&mut results).await,
            "operation" => operation::measure(&mut results, rounds).await,
            "page" => page::measure(&mut results, rounds).await,
            "start" => start::measure(&mut results),
            other => panic!("there is no part “{other}”"),
        }
    }
    table::write();
}
