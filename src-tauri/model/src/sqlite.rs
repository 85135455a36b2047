//! How the domain types are stored: ids and enums as text, times as integers. Traits of sqlx can only be implemented
//! in this crate; only `conch-store` enables the feature.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Type};

use crate::{
    AttachmentId, AttachmentKind, AttemptSource, BranchId, ConversationId, FinishReason,
    GenerationId, InstanceId, KeyPlace, MessageId, MessageStatus, PartKind, PauseReason,
    ProtocolKind, QueuedMessageId, RequestId, Role, SendPolicy, Timestamp, UserId,
};

macro_rules! stored_as_text {
    ($($name:ty: $to:expr, $from:expr;)+) => {$(
        impl Type<Sqlite> for $name {
            fn type_info() -> SqliteTypeInfo {
                <String as Type<Sqlite>>::type_info()
            }
        }

        impl Encode<'_, Sqlite> for $name {
            fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
                let to: fn(&$name) -> &str = $to;
                <String as Encode<Sqlite>>::encode(to(self).to_owned(), buffer)
            }
        }

        impl<'r> Decode<'r, Sqlite> for $name {
            fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
                let from: fn(&str) -> Result<$name, BoxDynError> = $from;
                from(<&str as Decode<Sqlite>>::decode(value)?)
            }
        }
    )+};
}

stored_as_text! {
    ConversationId: Self::as_str, |text| Ok(text.to_owned().into());
    BranchId: Self::as_str, |text| Ok(text.to_owned().into());
    MessageId: Self::as_str, |text| Ok(text.to_owned().into());
    GenerationId: Self::as_str, |text| Ok(text.to_owned().into());
    AttachmentId: Self::as_str, |text| Ok(text.to_owned().into());
    QueuedMessageId: Self::as_str, |text| Ok(text.to_owned().into());
    UserId: Self::as_str, |text| Ok(text.to_owned().into());
    InstanceId: Self::as_str, |text| Ok(text.to_owned().into());
    RequestId: Self::as_str, |text| Ok(text.to_owned().into());
    PartKind: |kind| kind.name(),
        |text| PartKind::from_name(text).ok_or_else(|| unknown("part", text));
    AttachmentKind: |kind| kind.name(),
        |text| AttachmentKind::from_name(text).ok_or_else(|| unknown("attachment kind", text));
    Role: |role| role.name(), |text| Role::from_name(text).ok_or_else(|| unknown("role", text));
    MessageStatus: |status| status.name(),
        |text| MessageStatus::from_name(text).ok_or_else(|| unknown("status", text));
    FinishReason: |reason| reason.name(),
        |text| FinishReason::from_name(text).ok_or_else(|| unknown("finish reason", text));
    ProtocolKind: |protocol| protocol.name(),
        |text| ProtocolKind::from_name(text).ok_or_else(|| unknown("protocol", text));
    KeyPlace: |place| place.name(),
        |text| KeyPlace::from_name(text).ok_or_else(|| unknown("key place", text));
    SendPolicy: |policy| policy.name(),
        |text| SendPolicy::from_name(text).ok_or_else(|| unknown("send policy", text));
    PauseReason: |reason| reason.name(),
        |text| PauseReason::from_name(text).ok_or_else(|| unknown("reason of a pause", text));
    AttemptSource: |source| source.name(),
        |text| AttemptSource::from_name(text).ok_or_else(|| unknown("source", text));
}

fn unknown(what: &str, text: &str) -> BoxDynError {
    format!("the database contains an unknown {what}: {text:?}").into()
}

impl Type<Sqlite> for Timestamp {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<Sqlite>>::encode(self.as_millis(), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Timestamp {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <i64 as Decode<Sqlite>>::decode(value).map(Self::from_millis)
    }
}
