//! Attaching to the segment, also when another one took the place of ours.

use super::Hub;
use crate::plane::{self, Plane, PlaneError};
use config::Config;
use shm::AttachError;
use std::path::Path;

/// Why the process cannot go on as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The configuration file says something else than when it was read: start over with what it says now.
    Reread,
    /// No use in going on.
    Failed(String),
}

impl Hub {
    /// Attaches where there is no segment, or another one took the place of ours.
    pub(super) fn reattach(&mut self, now_ms: u64) {
        if self.plane.as_ref().is_some_and(|plane| plane.segment.superseded()) {
            tracing::warn!("the dataplane made another segment: attaching to it");
            self.plane = None;
        }
        if self.plane.is_none() {
            match Plane::attach(&self.config) {
                Ok(plane) => self.plane = Some(plane),
                Err(PlaneError::Attach(error)) if differs(&error) => {
                    self.ending = Some(ending(&self.config, Path::new(&self.config_path), &error));
                }
                Err(error) => self.complain(now_ms, &format!("not attached: {error}")),
            }
        }
    }
}

/// Whether a running data plane has another configuration or version: it will not change by waiting.
pub fn differs(error: &AttachError) -> bool {
    use AttachError::{Abi, Layout, MaxPeers, Workers};
    matches!(error, Abi { .. } | Layout { .. } | Workers { .. } | MaxPeers { .. })
}

/// The data plane's segment is not what our configuration says: perhaps what the file says by now.
fn ending(ours: &Config, path: &Path, error: &AttachError) -> Ending {
    match Config::check(path).map(|checked| checked.config) {
        Ok(now) if plane::geometry(&now) != plane::geometry(ours) => {
            tracing::info!("{error}; {} has changed: starting over with it", path.display());
            Ending::Reread
        }
        Ok(_) => Ending::Failed(error.to_string()),
        Err(reason) => Ending::Failed(format!("{error}; {reason}")),
    }
}
