//! Repairs text from damaged pages that is not valid UTF-8: SQLite stores and returns any bytes as text, and a
//! reader that expects a string then fails on the whole row. Invalid sequences become `U+FFFD`.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// Repairs every text in the tables of `main`. Returns how many were changed.
pub(super) async fn mend_texts(connection: &mut SqliteConnection) -> sqlx::Result<u64> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.name, c.name FROM pragma_table_list t, pragma_table_info(t.name, 'main') c
         WHERE t.schema = 'main' AND t.type = 'table' AND t.wr = 0 AND c.type = 'TEXT'
           AND t.name NOT LIKE 'sqlite%'",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut mended = 0;
    for (table, column) in columns {
        let read = format!(
            "SELECT rowid, CAST(\"{column}\" AS BLOB) FROM main.\"{table}\" WHERE \"{column}\" IS NOT NULL"
        );
        let mut invalid = Vec::new();
        let mut rows =
            sqlx::query_as::<_, (i64, Vec<u8>)>(AssertSqlSafe(read)).fetch(&mut *connection);
        while let Some((rowid, bytes)) = rows.try_next().await? {
            if std::str::from_utf8(&bytes).is_err() {
                invalid.push((rowid, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        drop(rows);
        let write =
            format!("UPDATE OR IGNORE main.\"{table}\" SET \"{column}\" = ? WHERE rowid = ?");
        for (rowid, text) in invalid {
            sqlx::query(AssertSqlSafe(write.clone()))
                .bind(text)
                .bind(rowid)
                .execute(&mut *connection)
                .await?;
            mended += 1;
        }
    }
    Ok(mended)
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;

    #[tokio::test]
    async fn what_makes_no_character_is_marked_and_all_else_stays() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let damaged = "
            CREATE TABLE said (id INTEGER PRIMARY KEY, text TEXT, number INTEGER, data BLOB) STRICT;
            INSERT INTO said VALUES (1, 'whole é', 1, x'ff'), (2, CAST(x'61ff62' AS TEXT), 2, x'fe'), (3, NULL, 3, NULL)";
        sqlx::raw_sql(damaged)
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(mend_texts(&mut connection).await.unwrap(), 1);
        let texts: Vec<(Option<String>, Option<Vec<u8>>)> =
            sqlx::query_as("SELECT text, data FROM said ORDER BY id")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            texts,
            [
                (text("whole é"), Some(vec![0xff])),
                (text("a\u{fffd}b"), Some(vec![0xfe])),
                (None, None)
            ]
        );
    }
}
