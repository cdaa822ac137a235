//! Jobs do what they say on whatever thread.
#![cfg(test)]

use std::sync::Arc;
use std::thread;

use ike::certificate::{CertificateError, PrivateKey, Trust, VerifyError};
use ike::crypto::signature::{HashAlgorithms, METHOD_DIGITAL};
use ike::crypto::{Exchange, ExchangeError, Group};
use ike::identity::Identity;
use ike::job::{Job, Outcome, Verify, Work};

#[test]
fn key_exchanges_of_many_threads_each_agree_with_their_initiator() {
    let jobs: Vec<(Job, Exchange)> = (0..)
        .zip(Group::ALL.into_iter().cycle().take(40))
        .map(|(id, group)| {
            let exchange = Exchange::generate(group).unwrap();
            (Job::new(id, Work::KeyExchange { group, peer: exchange.public().to_vec() }), exchange)
        })
        .collect();
    let threads: Vec<_> = jobs
        .into_iter()
        .map(|(job, exchange)| (job.id(), thread::spawn(move || job.run()), exchange))
        .collect();
    for (id, thread, exchange) in threads {
        let done = thread.join().unwrap();
        assert_eq!(done.id, id);
        let Outcome::KeyExchange(Ok(ours)) = done.outcome else { panic!("{:?}", done.outcome) };
        assert!(exchange.agree(&ours.public).unwrap().equals(ours.shared.expose()));
        let shown = format!("{ours:?}");
        assert!(shown.contains("Secret("), "{shown}");
    }
}

#[test]
fn what_a_peer_sent_wrong_comes_back_as_an_error() {
    let done = Job::new(u64::MAX, Work::KeyExchange { group: Group::X25519, peer: vec![0; 32] }).run();
    assert_eq!(done.id, u64::MAX);
    assert!(matches!(done.outcome, Outcome::KeyExchange(Err(ExchangeError::Value(Group::X25519)))));
}

#[test]
fn one_key_signs_on_many_threads_and_verification_finds_the_reason() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["hub.example.net".into()]).unwrap();
    let certificate = certificate.self_signed(&pair).unwrap().der().to_vec();
    let key = Arc::new(PrivateKey::from_der(&pair.serialize_der()).unwrap());
    let hashes = HashAlgorithms::parse(&HashAlgorithms::ours());
    let threads: Vec<_> = (0..4)
        .map(|id| {
            let job = Job::new(id, Work::Sign { key: Arc::clone(&key), hashes, octets: vec![1; 500] });
            thread::spawn(move || job.run())
        })
        .collect();
    for thread in threads {
        let Outcome::Signed(Ok(auth)) = thread.join().unwrap().outcome else { panic!("not signed") };
        assert_eq!(auth.method, METHOD_DIGITAL);
        let verify = Verify {
            trust: Arc::new(Trust::new()),
            identity: Identity::from_config("hub.example.net").unwrap(),
            certificates: vec![certificate.clone()],
            method: auth.method,
            auth: auth.data,
            octets: vec![1; 500],
            now_seconds: 1_800_000_000,
        };
        let job = Job::new(9, Work::Verify(Box::new(verify)));
        assert_eq!(format!("{job:?}"), "Job { id: 9, work: Verify(hub.example.net) }");
        let Outcome::Verified(result) = job.run().outcome else { panic!("not verified") };
        assert_eq!(result, Err(VerifyError::Certificate(CertificateError::UnknownAuthority)));
    }
}
