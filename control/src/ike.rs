//! The IKEv2 responder within this process: its threads, what it remembers, and who may claim what.
//!
//! | file | what it is about |
//! |---|---|
//! | `pool` | threads for public-key work |
//! | `slots` | which slots of child SAs are free |
//! | `host` | what the responder asks of the process |
//! | `sessions` | authenticated peers |
//! | `silence` | peers whose ESP does not arrive |
//! | `claims` | which identity may register which address |
//! | `vault` | sessions with their keys, for the next life of control |
//! | `rows` | child SAs as the data plane is told them |
//! | `settings` | the configuration in the responder's words |

pub mod claims;
pub mod host;
pub mod pool;
pub mod rows;
pub mod sessions;
pub mod settings;
pub mod silence;
pub mod slots;
pub mod vault;

use claims::Claims;
use config::Config;
use host::Process;
use ike::{Action, Responder};
use pool::Pool;
use rows::Profiles;
use sessions::Sessions;
use shm::Segment;
use shm::message::{SaId, SaInbound, max_sas};
use slots::Slots;
use std::io;
use vault::Vault;

use crate::secrets::Secrets;

/// Name of the vault's file in the run directory.
const VAULT: &str = "ike.sessions";

/// Everything about IKE.
pub struct Ike {
    /// The state machine.
    pub responder: Responder,
    /// Its threads.
    pub pool: Pool,
    /// Slots of child SAs.
    pub slots: Slots,
    /// Authenticated peers.
    pub sessions: Sessions,
    /// Who may claim what.
    pub claims: Claims,
    /// For the next life of control.
    pub vault: Vault,
    /// What child SAs are made with.
    pub profiles: Profiles,
    /// What the responder wants done and is not done yet.
    pub actions: Vec<Action>,
    /// IKE messages from the workers.
    pub received: u64,
    /// Packets of sessions that are gone, or on a protected tunnel without one.
    pub strays: u64,
}

/// Why IKE cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum IkeError {
    /// Its configuration.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// No threads.
    #[error("threads for IKE: {0}")]
    Threads(#[from] io::Error),
}

/// No tunnel is protected any more: keys of an earlier configuration are of no use, and do not stay.
pub fn forget(config: &Config) {
    match std::fs::remove_file(config.hub.run_dir.join(VAULT)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::warn!("{VAULT}: {error}"),
        _ => {}
    }
}

impl Ike {
    /// `None`: no tunnel is protected.
    pub fn start(config: &Config) -> Result<Option<Self>, IkeError> {
        let Some(settings) = settings::responder(config)? else { return Ok(None) };
        let mut random = [0];
        host::fill(&mut random);
        Ok(Some(Self {
            responder: Responder::new(settings).map_err(settings::SettingsError::from)?,
            pool: Pool::start(&config.dataplane.cores)?,
            slots: Slots::new(max_sas(config.hub.max_peers), random[0]),
            sessions: Sessions::default(),
            claims: Claims::new(config),
            vault: Vault::new(config.hub.run_dir.join(VAULT)),
            profiles: Profiles::new(config),
            actions: Vec::new(),
            received: 0,
            strays: 0,
        }))
    }

    /// Lets the responder do something.
    pub fn with<T>(
        &mut self,
        segment: Option<&Segment>,
        inbound: &Secrets<SaId, SaInbound>,
        act: impl FnOnce(&mut Responder, &mut Process<'_>, &mut Vec<Action>) -> T,
    ) -> T {
        let mut process = Process { slots: &mut self.slots, segment, inbound };
        act(&mut self.responder, &mut process, &mut self.actions)
    }
}
