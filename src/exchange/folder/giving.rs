//! Into `out`: every delivery as a file named by its id, with what the envelope says of it and its attachments beside. A
//! delivery is settled as `received` once its files are durable; a kill before that writes the same files again.

use std::io::Write;

use serde_json::Value;

use super::guarded::Shelf;
use super::{Room, blocking};
use crate::accept::Refusal;
use crate::envelope::Envelope;
use crate::exchange::held::find;
use crate::exchange::{feed, outcomes};
use crate::journal::{FeedAsk, FeedItem, UploadRow, withholds_attachment};
use crate::seal;

/// Deliveries in one page.
const PAGE: usize = 100;
/// Attachments are copied so much at a time.
const STRIDE: u64 = 1 << 20;

impl Room {
    /// Writes what is there for the system.
    pub(super) async fn give(&self) -> Result<(), Refusal> {
        let ask = FeedAsk {
            system: self.caller.name().to_owned(),
            offices: Vec::new(),
            kinds: Vec::new(),
            after: None,
            upto: None,
            heads: false,
            limit: PAGE,
            max_bytes: self.exchange.desk.settings.exchange.feed_page,
        };
        while !self.stopping() {
            let page = self.exchange.journal().feed(ask.clone()).await?;
            // A file that is written out is a delivery; who reads it there, only the system knows.
            let page = feed::permitted(&self.exchange, &self.caller, page, None).await?;
            if page.items.is_empty() {
                return Ok(());
            }
            for item in &page.items {
                self.write(item).await?;
            }
            outcomes::received(&self.exchange, &self.caller, &page.items).await?;
        }
        Ok(())
    }

    /// The document comes last: whoever sees it finds everything else beside it.
    async fn write(&self, item: &FeedItem) -> Result<(), Refusal> {
        let mut about = Envelope::from(item).attributes();
        if !item.message.attachments.is_empty() {
            about.insert("icjsattachments".to_owned(), feed::attachments(&self.exchange, item).await?);
            self.write_attachments(item).await?;
        }
        let (root, folder) = (self.root.clone(), format!("out/{}", item.message.kind));
        let name = item.delivery.to_string();
        let end = match item.frozen.media_type.as_str() {
            media_type if media_type.contains("xml") => "xml",
            media_type if media_type.contains("json") => "json",
            _ => "bin",
        };
        let about = serde_json::to_vec_pretty(&Value::Object(about)).unwrap_or_default();
        let bytes = item.frozen.bytes.clone().unwrap_or_default();
        blocking(move || {
            let shelf = Shelf::made(&root, &folder)?;
            shelf.put(&format!("{name}.about.json"), &about)?;
            shelf.put(&format!("{name}.{end}"), &bytes)
        })
        .await
    }

    async fn write_attachments(&self, item: &FeedItem) -> Result<(), Refusal> {
        let shown = |digest: &&[u8; 32]| !withholds_attachment(&item.frozen.withheld, &seal::hex(*digest));
        for digest in item.message.attachments.iter().filter(shown) {
            let row = find(&self.exchange, &self.caller, *digest).await?.into_iter().find(|row| row.done);
            if let Some(row) = row {
                self.copy(row, seal::hex(digest)).await?;
            }
        }
        Ok(())
    }

    async fn copy(&self, row: UploadRow, name: String) -> Result<(), Refusal> {
        let (uploads, root) = (std::sync::Arc::clone(&self.exchange.uploads), self.root.clone());
        blocking(move || {
            let shelf = Shelf::made(&root, "out/attachments")?;
            if shelf.file(&name).is_ok_and(|there| there.is_some_and(|(_, meta)| meta.len() == row.offset)) {
                return Ok(());
            }
            let mut file = shelf.draft(&name)?;
            let mut at = 0;
            while at < row.offset {
                let end = (at + STRIDE).min(row.offset);
                let bytes =
                    uploads.read(&row.key, at..end).map_err(|error| std::io::Error::other(error.to_string()))?;
                file.write_all(&bytes)?;
                at = end;
            }
            shelf.finish(&file, &name)
        })
        .await
    }
}
