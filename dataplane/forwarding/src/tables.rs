//! All tables together: one writer, one reader per worker.

use crate::settings::{Settings, SettingsError};
use crate::updater::Updater;
use std::sync::Arc;

/// A worker's view of the tables. Exactly one worker owns it.
#[derive(Debug)]
pub struct Reader {
    pub(crate) settings: Arc<Settings>,
    pub(crate) worker: usize,
}

/// Builds empty tables: the writer, and one reader for each of `settings.workers`.
pub fn tables(settings: Settings) -> Result<(Updater, Vec<Reader>), SettingsError> {
    settings.check()?;
    let settings = Arc::new(settings);
    let readers = (0..settings.workers).map(|worker| Reader { settings: settings.clone(), worker }).collect();
    Ok((Updater::new(settings), readers))
}
