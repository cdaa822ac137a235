//! VLAN sub-interfaces: several ports on one device, told apart by their tag.

use super::list;
use crate::model::{Config, Port};
use crate::reader::Findings;

/// Parents, tags and MTUs.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    for (index, port) in config.port.iter().enumerate() {
        let path = format!("port[{index}]");
        if let Some(name) = &port.parent {
            parent(config, port, name, &path, findings);
        }
        let owner = config.owner(index);
        let same =
            (0..index).find(|other| config.owner(*other) == owner && config.port[*other].vlan == port.vlan);
        if let Some(other) = same.and_then(|other| config.port.get(other)) {
            // Two ports of one device that both have none are told by the device.
            if let Some(vlan) = port.vlan {
                findings
                    .error(&format!("{path}.vlan"), format!("VLAN {vlan} is port {}'s already", other.name));
            }
        }
    }
}

fn parent(config: &Config, port: &Port, name: &str, path: &str, findings: &mut Findings) {
    let place = format!("{path}.parent");
    let have = || list(config.devices().map(|(_, port)| port.name.clone()));
    match config.port.iter().find(|port| port.name == name) {
        None => {
            findings.error(&place, format!("there is no port \"{name}\"; ports with a device are {}", have()))
        }
        Some(found) if found.parent.is_some() => {
            let message = format!("{name} has a parent itself; ports with a device are {}", have());
            findings.error(&place, message);
        }
        Some(found) if port.mtu > found.mtu => {
            let message = format!("{} is more than its parent {name} has, {}", port.mtu, found.mtu);
            findings.error(&format!("{path}.mtu"), message);
        }
        Some(_) => {}
    }
}
