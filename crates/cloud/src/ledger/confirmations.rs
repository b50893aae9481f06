//! Confirmations: given out, and used up by one conditional delete within the transaction that they
//! confirm. A refused beginning leaves one usable; a used one begins nothing twice.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use nightkeep_domain::{
    activity::Activity,
    confirmation::{Action, Confirmation, Typed},
    identifier::RecordId,
};

use super::{Begin, Ledger, built, key, number, text, to_item, to_value};
use crate::{Error, Kind};

/// A confirmation as somebody uses it.
#[derive(Debug, Clone)]
pub struct Use<'a> {
    /// Which one, and what was typed.
    pub typed: &'a Typed,
    /// For what.
    pub action: Action,
    /// On which record.
    pub record_id: Option<RecordId>,
    /// Who.
    pub user: &'a str,
    /// When.
    pub now: Timestamp,
}

impl Ledger {
    /// Gives a confirmation out. Nobody else has its id, so that writing it again changes nothing: the answer
    /// to the first time may have been lost.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn confirm(&self, confirmation: &Confirmation) -> Result<(), Error> {
        let doing = "giving a confirmation out";
        let mut item = to_item("confirmation", &confirmation.id.to_string(), confirmation)?;
        let seconds = u64::try_from(confirmation.valid_until.as_second()).unwrap_or_default();
        item.insert("valid_until".to_owned(), number(seconds));
        // The table forgets it some time after that by itself.
        item.insert("expires_at".to_owned(), number(seconds));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| Error::of(doing, error))?;
        Ok(())
    }

    /// The part of a transaction that uses a confirmation up.
    pub(super) fn use_up(&self, used: &Use<'_>, doing: &str) -> Result<TransactWriteItem, Error> {
        let now = u64::try_from(used.now.as_second()).unwrap_or_default();
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key("confirmation", &used.typed.id.to_string())))
            .condition_expression(
                "code = :code AND #action = :action AND #user = :user AND record_id = :record AND valid_until > :now",
            )
            .expression_attribute_names("#action", "action")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":code", text(used.typed.code.as_str()))
            .expression_attribute_values(":action", to_value(&used.action)?)
            .expression_attribute_values(":user", text(used.user))
            .expression_attribute_values(":record", to_value(&used.record_id)?)
            .expression_attribute_values(":now", number(now))
            .build()
            .map_err(|error| Error::new(Kind::Denied, doing, error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Ends the maintenance by hand, if no operation is in progress.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn end_maintenance(&self, used: &Use<'_>, activity: &Activity) -> Result<Begin, Error> {
        let doing = "ending the maintenance";
        let idle = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key("console", "operation")))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| Error::new(Kind::Denied, doing, error))?;
        let off = self
            .update("console", "maintenance")
            .update_expression("SET #on = :off REMOVE #since, #message, before_on, before_message, stuck")
            .expression_attribute_names("#on", "on")
            .expression_attribute_names("#message", "message")
            .expression_attribute_names("#since", "since")
            .expression_attribute_values(":off", AttributeValue::Bool(false));
        let trace = Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item("activity", &activity.id.to_string(), activity)?))
            .build()
            .map_err(|error| Error::new(Kind::Denied, doing, error))?;
        let items = vec![
            TransactWriteItem::builder().condition_check(idle).build(),
            self.use_up(used, doing)?,
            built(off, doing)?,
            TransactWriteItem::builder().put(trace).build(),
        ];
        match self.transact(items, doing).await? {
            Ok(()) => Ok(Begin::Begun),
            Err(failed) if failed.first() == Some(&true) => {
                Ok(Begin::Busy(self.state().await?.operation.map(Box::new)))
            }
            Err(_) => Ok(Begin::Unconfirmed),
        }
    }
}
