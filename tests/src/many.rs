//! What takes years to come together.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, PutRequest, WriteRequest},
};
use jiff::{SignedDuration, Timestamp};

/// Adds copies of a record to its table, each older than the one before, until there are `count`. Up to
/// 100,000 of them are younger than what a purge removes (60 days).
pub async fn records(table: &Client, count: i64) {
    let found = table.query().table_name("nightkeep").key_condition_expression("pk = :pk");
    let found = found.expression_attribute_values(":pk", AttributeValue::S("record".to_owned()));
    let model = found.send().await.expect("the records").items.expect("a record").remove(0);
    let id = model["sk"].as_s().expect("an id").clone();
    let numbers: Vec<i64> = (1..count).collect();
    for batch in numbers.chunks(25) {
        let writes = batch.iter().map(|number| {
            let at = Timestamp::now() - SignedDuration::from_secs(36 * number);
            let mut item = model.clone();
            // The time in milliseconds is how an id begins.
            let time = format!("{:012x}", at.as_millisecond());
            let other = format!("{}-{}{}", &time[..8], &time[8..], &id[13..]);
            for name in ["sk", "id"] {
                item.insert(name.to_owned(), AttributeValue::S(other.clone()));
            }
            item.insert("created_at".to_owned(), AttributeValue::S(at.to_string()));
            WriteRequest::builder()
                .put_request(PutRequest::builder().set_item(Some(item)).build().expect("an item"))
                .build()
        });
        let request = table.batch_write_item().request_items("nightkeep", writes.collect());
        request.send().await.expect("room for records");
    }
}
