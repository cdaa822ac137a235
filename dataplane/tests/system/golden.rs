//! Capture file in, capture file out, against what was accepted before (`UPDATE_GOLDEN=1` accepts anew).

use crate::frames::{SPOKE1, SPOKE2, Spoke, echo, eth, gre, ip};
use crate::hub::{self, Hub, Setup};
use crate::namespace::{isolated, wait_for};
use std::fmt::Write;
use std::path::Path;

#[test]
fn capture_in_capture_out() {
    isolated("golden::capture_in_capture_out", || {
        let dir = std::env::temp_dir().join(format!("hub-golden-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (input, output) = (dir.join("in.pcap"), dir.join("out.pcap"));
        let cases = cases();
        std::fs::write(&input, capture(&cases.iter().map(|(_, frame)| &frame[..]).collect::<Vec<_>>()))
            .unwrap();
        let device = format!("net_pcap0,rx_pcap={},tx_pcap={}", input.display(), output.display());
        let mut hub = Hub::start("golden", Setup { device, ..Setup::default() });
        let segment = hub.segment();
        wait_for("the capture to be read", || {
            (segment.worker(0).packets.get() >= cases.len() as u64).then_some(())
        });
        assert!(hub.stop().success());
        let mut text = String::new();
        for (name, frame) in &cases {
            writeln!(text, "in   {name}\n     {}", hex(frame)).unwrap();
        }
        for frame in frames_of(&std::fs::read(&output).unwrap()) {
            writeln!(text, "out  {}", hex(&frame)).unwrap();
        }
        for (reason, counter) in shm::drops::DropReason::ALL.iter().zip(&segment.worker(0).drops) {
            if counter.get() > 0 {
                writeln!(text, "drop {} {}", reason.name(), counter.get()).unwrap();
            }
        }
        std::fs::remove_dir_all(&dir).unwrap();
        compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hairpin.txt"), &text);
    });
}

/// One frame per way through the hub.
fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let inner = |ttl| ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, ttl, &echo(8, 1));
    let mut bad_outer = SPOKE1.gre(None, &inner(64));
    bad_outer[24] ^= 1;
    let stranger = Spoke { number: 99 };
    let keyed = ip([172, 16, 3, 9], [172, 16, 1, 9], 17, 9, b"from the keyed tunnel");
    let other_station = {
        let packet = ip(SPOKE1.nbma(), hub::NBMA, 47, 255, &gre(None, &inner(64)));
        eth([2, 0, 0, 0, 0, 0x99], SPOKE1.mac(), 0x0800, &packet)
    };
    vec![
        ("spoke1 to spoke2", SPOKE1.gre(None, &inner(64))),
        ("from the tunnel with key 77 to spoke1", SPOKE2.gre(Some(77), &keyed)),
        ("ttl runs out", SPOKE1.gre(None, &inner(1))),
        ("no route", SPOKE1.gre(None, &ip(SPOKE1.tunnel(), [203, 0, 113, 1], 1, 64, &echo(8, 1)))),
        ("key that no tunnel has", SPOKE1.gre(Some(5), &inner(64))),
        ("unregistered sender", stranger.gre(None, &inner(64))),
        ("outer checksum wrong", bad_outer),
        ("for another station", other_station),
        ("truncated", SPOKE1.gre(None, &inner(64))[..30].to_vec()),
    ]
}

/// A capture file of these frames.
pub fn capture(frames: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_ne_bytes());
    }
    for frame in frames {
        for word in [0, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_ne_bytes());
        }
        file.extend_from_slice(frame);
    }
    file
}

fn frames_of(file: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = vec![];
    let mut rest = file.get(24..).unwrap_or_default();
    while let Some((header, body)) = rest.split_at_checked(16) {
        let len = u32::from_ne_bytes(header[8..12].try_into().unwrap()) as usize;
        frames.push(body[..len].to_vec());
        rest = &body[len..];
    }
    frames
}

fn hex(frame: &[u8]) -> String {
    frame.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn compare(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        return;
    }
    let accepted = std::fs::read_to_string(path).unwrap_or_default();
    assert!(accepted == text, "{} differs; UPDATE_GOLDEN=1 accepts:\n{text}", path.display());
}
