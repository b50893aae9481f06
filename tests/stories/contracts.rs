//! What we ask of DynamoDB and of S3, from two implementations of each: races have one winner,
//! transactions are all or nothing, conditions hold, pages have no gaps, objects are what was written.

mod ledger;
mod storage;

use tokio::task::JoinSet;

/// How many meet in a race.
const RACERS: usize = 24;

/// Runs all tasks at once.
async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    tasks.into_iter().collect::<JoinSet<_>>().join_all().await
}
