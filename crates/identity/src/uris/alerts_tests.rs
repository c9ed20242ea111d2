use super::super::{LastCallee, Schedule, UriKey, UriPolicy};
use super::*;

/// Ten seconds into a minute.
const START: i64 = 1_700_000_050;

fn at(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "small numbers of a test")]
    let micros = (seconds * 1e6) as i64;
    Timestamp::from_micros(START * 1_000_000 + micros)
}

fn rules() -> AlertRules {
    AlertRules { zone: TimeZone::UTC, grace_ends: at(-1e6), zombie_lifespan: ZombieLifespan::Never }
}

/// Gone since the start.
fn gone() -> UriRecord {
    UriRecord {
        key: UriKey::new("a.b", UriPolicy::Exact).unwrap(),
        is_active: false,
        is_system: false,
        invoke: None,
        description: String::new(),
        contact: String::new(),
        created: at(-60.0),
        last: LastCallee::default(),
        disconnected: Some(at(0.0)),
        warn: WarnSettings::default(),
        warned: None,
        count_warned: None,
        zombie_lifespan: None,
        schedule: Schedule::default(),
        due: None,
    }
}

fn active() -> UriRecord {
    UriRecord { is_active: true, disconnected: None, ..gone() }
}

fn warn(after: u32, reminder: u32) -> WarnSettings {
    WarnSettings {
        after_seconds: Some(after),
        reminder_after_seconds: Some(reminder).filter(|seconds| *seconds > 0),
        ..WarnSettings::default()
    }
}

fn told(verdict: &Verdict) -> Vec<(&'static str, i64)> {
    verdict.alerts.iter().map(|alert| (alert.kind.name(), alert.number)).collect()
}

/// What is told at a second, and at which second it is looked at again.
#[track_caller]
fn check(record: &UriRecord, rules: &AlertRules, now: f64, want: &[(&str, i64)], next: Option<f64>) -> Verdict {
    let verdict = decide(at(now), record, &[], rules);
    assert_eq!(told(&verdict), want, "at {now}");
    assert_eq!(verdict.next, next.map(at), "next, at {now}");
    verdict
}

#[test]
fn a_uri_that_is_gone_is_told_at_its_time_and_again_at_each_reminder() {
    let mut record = UriRecord { warn: warn(10, 30), ..gone() };
    let never_told = check(&record, &rules(), 9.999_999, &[], Some(10.0));
    assert_eq!(never_told.warned, None);
    let first = check(&record, &rules(), 10.0, &[("disconnect", 10)], Some(40.0));
    assert_eq!(first.warned, Some(at(10.0)));
    record.warned = first.warned;
    assert_eq!(check(&record, &rules(), 39.999_999, &[], Some(40.0)).warned, Some(at(10.0)));
    let again = check(&record, &rules(), 40.0, &[("disconnect_reminder", 40)], Some(70.0));
    assert_eq!(again.warned, Some(at(40.0)));
}

#[test]
fn without_a_reminder_it_is_told_once_and_without_a_threshold_never() {
    let record = UriRecord { warn: warn(10, 0), ..gone() };
    check(&record, &rules(), 10.0, &[("disconnect", 10)], None);
    check(&UriRecord { warned: Some(at(10.0)), ..record.clone() }, &rules(), 1e6, &[], None);
    check(&UriRecord { warn: warn(0, 5), ..record }, &rules(), 1e6, &[], None);
    check(&gone(), &rules(), 1e6, &[], None);
}

#[test]
fn a_uri_that_is_back_is_told_if_it_was_told_that_it_is_gone() {
    let record = UriRecord { warn: warn(10, 30), ..active() };
    check(&record, &rules(), 20.0, &[], None);
    let told = UriRecord { warned: Some(at(10.0)), ..record };
    let back = check(&told, &rules(), 20.0, &[("disconnect_recovery", START + 20)], None);
    assert_eq!(back.warned, None);
}

#[test]
fn the_time_before_the_grace_ends_does_not_count() {
    let rules = AlertRules { grace_ends: at(120.0), ..rules() };
    let record = UriRecord { warn: warn(10, 0), ..gone() };
    check(&record, &rules, 129.999_999, &[], Some(130.0));
    check(&record, &rules, 130.0, &[("disconnect", 130)], None);
    let later = UriRecord { disconnected: Some(at(200.0)), ..record };
    check(&later, &rules, 209.0, &[], Some(210.0));
    check(&later, &rules, 210.0, &[("disconnect", 10)], None);
}

#[test]
fn records_that_nobody_registers_go_as_they_or_the_settings_say() {
    let never = ZombieLifespan::Never;
    let seconds = ZombieLifespan::Seconds;
    let reaped = &[("zombie_reap", 100)][..];
    for (own, global, want, next) in [
        (None, never, &[][..], None),
        (None, seconds(100), reaped, None),
        (None, seconds(101), &[], Some(101.0)),
        (None, seconds(0), reaped, None),
        (Some(never), seconds(0), &[], None),
        (Some(seconds(0)), never, reaped, None),
        (Some(seconds(100)), never, reaped, None),
        (Some(seconds(101)), seconds(1), &[], Some(101.0)),
    ] {
        let record = UriRecord { zombie_lifespan: own, ..gone() };
        let rules = AlertRules { zombie_lifespan: global, ..rules() };
        let verdict = check(&record, &rules, 100.0, want, next);
        assert_eq!(verdict.is_reaped, !want.is_empty(), "{own:?} {global:?}");
        let active = UriRecord { zombie_lifespan: own, ..active() };
        assert!(!check(&active, &rules, 100.0, &[], None).is_reaped);
    }
    // Not before the grace is over, and nothing else is told of what goes.
    let record = UriRecord { zombie_lifespan: Some(seconds(10)), warn: warn(1, 1), warned: Some(at(1.0)), ..gone() };
    let rules = AlertRules { grace_ends: at(90.0), ..rules() };
    assert!(!decide(at(99.0), &record, &[], &rules).is_reaped);
    assert_eq!(told(&decide(at(100.0), &record, &[], &rules)), reaped);
}

#[test]
fn ends_within_the_window_are_counted() {
    let warn = WarnSettings { count_after: Some(3), count_reminder_after_seconds: Some(60), ..WarnSettings::default() };
    let record = UriRecord { warn, ..active() };
    let rules = rules();
    let ends = |seconds: &[f64]| seconds.iter().copied().map(at).collect::<Vec<_>>();
    let check = |record: &UriRecord, now: f64, of: &[f64], want: &[(&str, i64)], next: Option<Timestamp>| {
        let verdict = decide(at(now), record, &ends(of), &rules);
        assert_eq!(told(&verdict), want, "at {now}");
        assert_eq!(verdict.next, next, "next, at {now}");
        verdict.count_warned
    };
    let three = &[2.0, 1.0, 0.0];
    let calm = at(600.0).saturating_add(Duration::from_micros(1));
    assert_eq!(check(&record, 3.0, &[0.0, 1.0], &[], None), None);
    assert_eq!(check(&record, 3.0, three, &[("disconnect_count", 3)], Some(at(63.0))), Some(at(3.0)));
    assert_eq!(check(&record, 600.0, three, &[("disconnect_count", 3)], Some(calm)), Some(at(600.0)));
    assert_eq!(check(&record, 600.000_001, three, &[], None), None);
    let told = |seconds: f64| UriRecord { count_warned: Some(at(seconds)), ..record.clone() };
    assert_eq!(check(&told(3.0), 62.999, three, &[], Some(at(63.0))), Some(at(3.0)));
    let again = &[("disconnect_count_reminder", 3)];
    assert_eq!(check(&told(3.0), 63.0, three, again, Some(at(123.0))), Some(at(63.0)));
    assert_eq!(check(&told(590.0), 600.0, three, &[], Some(calm)), Some(at(590.0)));
    let calmed = &[("disconnect_count_recovery", START + 601)];
    assert_eq!(check(&told(590.0), 601.0, three, calmed, None), None);
    let once = WarnSettings { count_reminder_after_seconds: None, ..warn };
    assert_eq!(check(&UriRecord { warn: once, ..told(3.0) }, 500.0, three, &[], Some(calm)), Some(at(3.0)));
    // Nobody counts any more.
    let off = WarnSettings { count_after: None, ..warn };
    assert_eq!(check(&UriRecord { warn: off, ..told(3.0) }, 500.0, three, &[], None), None);
}

#[test]
fn a_schedule_is_looked_at_in_every_minute_in_which_it_could_matter() {
    let schedule = Schedule::parse("* * * * * disconnect_warn_after:10").unwrap();
    let record = UriRecord { warn: warn(1, 0), schedule, ..gone() };
    // The start is ten seconds into a minute.
    check(&record, &rules(), 9.0, &[], Some(10.0));
    check(&record, &rules(), 10.0, &[("disconnect", 10)], Some(50.0));
    check(&UriRecord { is_active: true, disconnected: None, ..record.clone() }, &rules(), 9.0, &[], None);
    assert!(counts(&record) && !counts(&gone()));
}
