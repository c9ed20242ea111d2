use super::*;
use crate::testing::{TestRng, prover};

/// RFC 7677, section 3: `n,,n=user,r=rOprNGfwEbeRWgbNEkqO` and so on.
const PASSWORD: &str = "pencil";
const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const PROOF: &str = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SIGNATURE: &str = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn salt(text: &str) -> [u8; SALT_BYTES] {
    BASE64.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

fn rfc() -> (Exchange, Verifier) {
    let first = ClientFirst {
        dialect: Dialect::Specification,
        authid: "user".into(),
        nonce: CLIENT_NONCE.into(),
        channel: None,
    };
    let verifier = Verifier::with_salt(&Secret::new(PASSWORD), Kdf::pbkdf2(4096).unwrap(), salt(SALT));
    (Exchange { first, nonce: NONCE.into() }, verifier)
}

fn answer<'a>(proof: &'a str, nonce: &'a str) -> ClientFinal<'a> {
    ClientFinal { proof, nonce: Some(nonce), ..ClientFinal::default() }
}

#[test]
fn takes_the_vector_of_rfc_7677_and_answers_with_its_signature() {
    let (exchange, verifier) = rfc();
    assert_eq!(exchange.verify(&verifier, &answer(PROOF, NONCE)).as_deref(), Ok(SIGNATURE));
}

#[test]
fn takes_nothing_near_it() {
    #[track_caller]
    fn check(exchange: &Exchange, verifier: &Verifier, answer: &ClientFinal<'_>, want: ScramError) {
        assert_eq!(exchange.verify(verifier, answer), Err(want));
    }
    let (exchange, verifier) = rfc();
    let broken = ["", "=", &PROOF[..40], &PROOF.to_lowercase(), &format!("{PROOF}\n"), SIGNATURE];
    for proof in broken {
        check(&exchange, &verifier, &answer(proof, NONCE), ScramError::Wrong);
    }
    check(&exchange, &verifier, &answer(PROOF, CLIENT_NONCE), ScramError::Wrong);
    check(&exchange, &verifier, &ClientFinal { nonce: None, ..answer(PROOF, NONCE) }, ScramError::Wrong);
    let other_name =
        Exchange { first: ClientFirst { authid: "User".into(), ..exchange.first.clone() }, ..exchange.clone() };
    check(&other_name, &verifier, &answer(PROOF, NONCE), ScramError::Wrong);
    let again = Exchange { nonce: format!("{NONCE}x"), ..exchange.clone() };
    check(&again, &verifier, &answer(PROOF, &again.nonce), ScramError::Wrong);
    let changed = Verifier::with_salt(&Secret::new("pencils"), verifier.kdf, verifier.salt);
    check(&exchange, &changed, &answer(PROOF, NONCE), ScramError::Wrong);
    for (channel_binding, cbind_data) in
        [(Some("tls-exporter"), None), (None, Some("")), (Some("tls-unique"), Some(""))]
    {
        let bound = ClientFinal { channel_binding, cbind_data, ..answer(PROOF, NONCE) };
        check(&exchange, &verifier, &bound, ScramError::Channel);
    }
}

fn first(dialect: Dialect, channel: Option<ChannelId>) -> ClientFirst {
    ClientFirst { dialect, authid: "zoe".into(), nonce: CLIENT_NONCE.into(), channel }
}

#[test]
fn both_functions_and_dialects_take_the_right_password_only() {
    let rng = &mut TestRng(1);
    for (kdf, dialect) in [
        (Kdf::CHEAPEST, Dialect::Specification),
        (Kdf::CHEAPEST, Dialect::Crossbar),
        (Kdf::pbkdf2(4096).unwrap(), Dialect::Specification),
    ] {
        let verifier = Verifier::derive(&Secret::new("correct horse"), kdf, rng);
        let exchange = Exchange::begin(first(dialect, None), rng);
        assert!(exchange.nonce().starts_with(CLIENT_NONCE) && exchange.nonce().len() > CLIENT_NONCE.len() + 20);
        let try_password = |password: &str| {
            let proof = prover::scram(password, &exchange.first, exchange.nonce(), &verifier);
            exchange.verify(&verifier, &answer(&proof, exchange.nonce())).is_ok()
        };
        assert!(try_password("correct horse"), "{kdf:?} {dialect:?}");
        assert!(!try_password("wrong horse"), "{kdf:?} {dialect:?}");
    }
}

#[test]
fn a_proof_of_one_dialect_is_none_in_the_other() {
    let rng = &mut TestRng(1);
    let verifier = Verifier::derive(&Secret::new("x"), Kdf::CHEAPEST, rng);
    for (mine, other) in [(Dialect::Specification, Dialect::Crossbar), (Dialect::Crossbar, Dialect::Specification)] {
        let exchange = Exchange::begin(first(mine, None), rng);
        let proof = prover::scram("x", &first(other, None), exchange.nonce(), &verifier);
        assert_eq!(exchange.verify(&verifier, &answer(&proof, exchange.nonce())), Err(ScramError::Wrong));
    }
}

#[test]
fn a_bound_proof_is_good_on_its_channel_only() {
    let rng = &mut TestRng(1);
    let verifier = Verifier::derive(&Secret::new("x"), Kdf::CHEAPEST, rng);
    let (mine, other) = (ChannelId::new([1; 32]), ChannelId::new([2; 32]));
    let mut check = |at_server: Option<ChannelId>, at_client: Option<ChannelId>, want: Option<ScramError>| {
        let exchange = Exchange::begin(first(Dialect::Specification, at_server), rng);
        let proof = prover::scram("x", &first(Dialect::Specification, at_client), exchange.nonce(), &verifier);
        let data = at_client.map(|channel| BASE64.encode(channel.as_bytes()));
        let channel_binding = at_client.map(|_| "tls-exporter");
        let answer = ClientFinal { channel_binding, cbind_data: data.as_deref(), ..answer(&proof, exchange.nonce()) };
        assert_eq!(exchange.verify(&verifier, &answer).err(), want);
    };
    check(Some(mine), Some(mine), None);
    check(Some(mine), Some(other), Some(ScramError::Channel));
    check(Some(mine), None, Some(ScramError::Channel));
    check(None, Some(mine), Some(ScramError::Channel));
    // Somebody between who exchanges the data can't exchange the proof.
    let exchange = Exchange::begin(first(Dialect::Specification, Some(mine)), &mut TestRng(2));
    let proof = prover::scram("x", &first(Dialect::Specification, Some(other)), exchange.nonce(), &verifier);
    let data = BASE64.encode(mine.as_bytes());
    let forged = ClientFinal {
        channel_binding: Some("tls-exporter"),
        cbind_data: Some(&data),
        ..answer(&proof, exchange.nonce())
    };
    assert_eq!(exchange.verify(&verifier, &forged), Err(ScramError::Wrong));
}

#[test]
fn derives_argon2id_as_other_implementations_do() {
    // Computed with Python's `cryptography`, in the steps of the specification and in those of autobahn-python.
    let verifier = Verifier::with_salt(&Secret::new("pencil"), Kdf::argon2id13(2, 512).unwrap(), salt(SALT));
    let hex = |key: &Key| data_encoding::HEXLOWER.encode(key.expose());
    let text = verifier.text_keys.unwrap();
    assert_eq!(
        [hex(&verifier.keys.stored), hex(&verifier.keys.server), hex(&text.stored), hex(&text.server)],
        [
            "e64ac1b098644634465f8a7972190f76ada0ec7475a5505f18e7cc9c4d078e66",
            "13dc0b2877374b0d971345b8ded9ff17f14c8ab43742e501f5edcb65029dc890",
            "a5be9fcb7cdf9364b1fe5a352a955f17681faf9ae2d35f91c828238e60750345",
            "e61a78b5982994ebeda413d789406464801b3eec84dd9aad6645ade7bc8fba1f",
        ]
    );
}

#[test]
fn names_and_passwords_are_prepared() {
    let derive = |password: &str| Verifier::with_salt(&Secret::new(password), Kdf::CHEAPEST, [0; SALT_BYTES]).keys;
    // A soft hyphen is nothing, the Roman numeral nine is I and X (RFC 4013, section 3).
    assert_eq!(derive("I\u{ad}X"), derive("IX"));
    assert_eq!(derive("\u{2168}"), derive("IX"));
    assert_ne!(derive("USER"), derive("user"));
    // What may not be is taken as it is.
    assert_ne!(derive("a\u{7}"), derive("a"));
    assert_eq!(escaped("a,b=c"), "a=2Cb=3Dc");
}

#[test]
fn costs_are_bounded() {
    let check = |kdf: Result<Kdf, KdfError>, want| assert_eq!(kdf.is_ok(), want, "{kdf:?}");
    check(Kdf::argon2id13(1, 8), true);
    check(Kdf::argon2id13(0, 8), false);
    check(Kdf::argon2id13(1, 7), false);
    check(Kdf::argon2id13(10_000, 1_048_576), true);
    check(Kdf::argon2id13(10_001, 8), false);
    check(Kdf::argon2id13(1, 1_048_577), false);
    check(Kdf::pbkdf2(4_096), true);
    check(Kdf::pbkdf2(4_095), false);
    check(Kdf::pbkdf2(10_000_000), true);
    check(Kdf::pbkdf2(10_000_001), false);
    assert_eq!(Kdf::argon2id13(2, 19 * 1024), Ok(Kdf::default()));
    for kind in [KdfKind::Argon2id13, KdfKind::Pbkdf2] {
        assert_eq!(KdfKind::from_name(kind.name()), Some(kind));
    }
}

#[test]
fn a_nonce_is_short_base64() {
    let longest = "A".repeat(CLIENT_NONCE_BYTES_MAX);
    for (text, want) in
        [("egVDf3DMJh0=", true), (&longest, true), ("", false), (&format!("{longest}AAAA"), false), ("a,b", false)]
    {
        assert_eq!(ClientFirst::is_nonce(text), want, "{text}");
    }
}

#[test]
fn a_stand_in_is_always_the_same_and_looks_like_any_other() {
    let stand_in = |seed| Verifier::stand_in(&[seed; 32], Kdf::CHEAPEST);
    assert_eq!(stand_in(1), stand_in(1));
    assert_ne!(stand_in(1).salt, stand_in(2).salt);
    let verifier = Verifier::derive(&Secret::new("x"), Kdf::CHEAPEST, &mut TestRng(1));
    assert_eq!(stand_in(1).salt_text().len(), verifier.salt_text().len());
    assert!(!format!("{verifier:?}").contains(&format!("{:?}", verifier.keys.server.expose())));
}
