//! `show policy-map control-plane`, as IOS lays it out.

use super::lines;
use api::PolicedClass;

/// Every class.
pub fn classes(classes: &[PolicedClass]) -> String {
    let mut out =
        vec![" Control Plane".to_owned(), String::new(), "  Service-policy input: control-plane".to_owned()];
    for class in classes {
        out.push(String::new());
        out.extend(one(class));
    }
    lines(out)
}

fn one(class: &PolicedClass) -> [String; 12] {
    let counts = &class.packets;
    let all = counts.conformed + counts.exceeded + counts.source_exceeded;
    [
        format!("    Class-map: {} (match-any)", class.class),
        format!("      {all} packets"),
        format!("      Match: {}", class.content),
        "      police:".to_owned(),
        format!("          rate {} pps, burst {} packets", class.rate, class.burst),
        format!("        conformed {} packets; actions:", counts.conformed),
        "          transmit".to_owned(),
        format!("        exceeded {} packets; actions:", counts.exceeded),
        "          drop".to_owned(),
        format!("        exceeded by one sender {} packets; actions:", counts.source_exceeded),
        "          drop".to_owned(),
        format!("      queue full: {} of the conformed packets dropped", counts.queue_full),
    ]
}
