//! The configuration as a whole.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.realm.name, "izaber");
    assert_eq!(config.otp.lifetime_seconds, 600);
    assert!(!config.auth.anonymous);
    assert!(config.throttle.exempt.is_empty());
    assert!(config.metrics.allow.contains([127, 0, 0, 1].into()));
    assert!(!config.metrics.allow.contains([10, 0, 0, 1].into()));
    assert!(config.proxies.trusted.is_empty() && !config.proxies.proxy_protocol);
}

#[test]
fn a_password_that_is_set_brings_what_the_methods_need_and_no_more() {
    let secrets = |text: &str| {
        let kept = parse(text).unwrap().auth.secrets().unwrap();
        (kept.scram.map(|kdf| (kdf.iterations(), kdf.memory_kib())), kept.wampcra_iterations)
    };
    assert_eq!(secrets(""), (Some((2, Some(19_456))), None));
    assert_eq!(secrets("[auth]\nscram = false\nwampcra = true"), (None, Some(100_000)));
    assert_eq!(secrets("[auth]\nscram_kdf = 'pbkdf2'"), (Some((600_000, None)), None));
    let given = "[auth]\nscram_iterations = 3\nscram_memory_kib = 64\nwampcra = true\nwampcra_iterations = 1000";
    assert_eq!(secrets(given), (Some((3, Some(64))), Some(1_000)));
}

#[test]
fn the_databases_password_is_not_printed() {
    let config = parse("[storage]\nurl = 'postgres://u:secret@h/d'").unwrap();
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    assert!(parse("[otp]\nlife_seconds = 5").unwrap_err().contains("life_seconds"));
    assert!(parse("[otpp]").unwrap_err().contains("otpp"));
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let check = |text: &str, name: &str| assert!(parse(text).unwrap_err().contains(name), "{text}");
    check("tz = 'Nowhere/Land'", "tz");
    check("[realm]\nuri_prefix = 'a..b'", "realm.uri_prefix");
    check("[tls]\nkey = 'k.pem'", "tls");
    check("[tls]\nclient_required = true", "tls.client_required");
    check("[otp]\nlifetime_seconds = 90000", "otp.lifetime_seconds");
    check("[throttle]\nexempt = ['300.0.0.0/8']", "300.0.0.0/8");
    check("[proxies]\ntrusted = ['300.0.0.0/8']", "300.0.0.0/8");
    check("[proxies]\nproxy_protocol = true", "proxies.proxy_protocol");
    check("[realm]\nuri_prefix = 'com./x'", "realm.uri_prefix");
    check("[limits]\nhello_seconds_max = 0", "limits.hello_seconds_max");
    check("[limits]\nwrite_seconds_max = 0", "limits.write_seconds_max");
    check("[limits]\nmessage_bytes_max = 16777217", "limits.message_bytes_max");
    check("[[realm.history]]\ntopic = 'a..b'", "realm.history");
    check("[[realm.history]]\ntopic = 'a.b'\nmatch = 'regex'", "match");
    check("[auth]\nscram_kdf = 'bcrypt'", "scram_kdf");
    check("[auth]\nscram_memory_kib = 7", "auth.scram_kdf");
    check("[auth]\nscram_kdf = 'pbkdf2'\nscram_iterations = 4095", "auth.scram_kdf");
    check("[auth]\nwampcra_iterations = 999", "auth.wampcra_iterations");
    check("[auth]\nelevation_seconds = 0", "auth.elevation_seconds");
    check("[auth.cookie]\nmax_age_seconds = 0", "auth.cookie.max_age_seconds");
    check("[auth.cookie]\nname = ''", "auth.cookie.name");
    check("[auth.cookie]\nname = 'a b'", "auth.cookie.name");
    check("[auth.cookie]\norigins = ['https://*']", "auth.cookie.origins");
    check("[auth.cookie]\norigins = ['https://a/b']", "auth.cookie.origins");
    check("[storage]\nconnections_max = 0", "storage.connections_max");
    for origin in ["*", "app.example", "https://app.example/", "https://a.example/x", "HTTPS://a.example", "null"] {
        check(&format!("[http]\norigins = ['{origin}']"), "http.origins");
    }
    check("[http]\ncall_seconds_max = 0", "http.call_seconds_max");
    check("[http]\nlongpoll_idle_seconds_max = 0", "http.longpoll_idle_seconds_max");
}

#[test]
fn what_nothing_works_without_can_not_be_limited_to_none() {
    let check = |section: &str, key: &str| {
        let error = parse(&format!("[{section}]\n{key} = 0")).unwrap_err();
        assert!(error.contains(&format!("{section}.{key}: has to be from 1 to ")), "{error}");
    };
    check("limits", "subscriptions_and_registrations_max");
    check("limits", "pending_calls_max");
    check("throttle", "address_failures_max");
    check("throttle", "pair_failures_max");
    check("signup", "max_length_username");
    check("signup", "max_length_email");
}

#[test]
fn what_can_be_done_without_can_be_limited_to_none() {
    for key in ["wildcards_max", "testaments_max", "testament_bytes_max", "retained_events_max", "retained_bytes_max"] {
        assert!(parse(&format!("[limits]\n{key} = 0")).is_ok(), "{key}");
    }
}

#[test]
fn origins_are_what_browsers_send() {
    let origins = "['https://app.example', 'http://localhost:3000', 'https://[::1]:8443']";
    assert_eq!(parse(&format!("[http]\norigins = {origins}")).unwrap().http.origins.len(), 3);
}
