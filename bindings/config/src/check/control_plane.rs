//! `[control-plane]`: does each burst last for the rate?

use crate::model::Config;
use crate::reader::Findings;

/// Workers look at the clock once a millisecond or more often: a burst must hold what the rate gives in that time.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    for (class, police) in config.control_plane.named() {
        let least = police.rate.div_ceil(1000);
        if police.burst < least {
            let message = format!(
                "{} holds the class down to {} packets a second: at least {least} for a rate of {}",
                police.burst,
                u64::from(police.burst) * 1000,
                police.rate
            );
            findings.warning(&format!("control-plane.{class}.burst"), message);
        }
    }
}
