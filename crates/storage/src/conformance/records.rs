//! Queries on records: the databases agree with a look at every record.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::metadata::operations::SetMetadata;
use countersign_identity::metadata::{MetadataEntry, MetadataKey, MetadataValue};
use countersign_identity::password::PasswordHash;
use countersign_identity::permission::Rule;
use countersign_identity::profile::{Email, Names, Profile};
use countersign_identity::proof::Secrets;
use countersign_identity::records::entry::{Entry, KeyEntry, MetadataRecord, RoleEntry, UserEntry};
use countersign_identity::records::json::{JsonAsk, JsonScalar, JsonTest};
use countersign_identity::records::write::{CountRecords, LocateRecords};
use countersign_identity::records::{
    Collection, Condition, Direction, Field, Filter, FoundRecords, Gate, Held, Kind, Node, Order, Query, QueryRecords,
    Records, RecordsLimit, Scalar, Sort, Test, page_of,
};
use countersign_identity::repository::{
    CreateUser, MintCredential, Repository, RuleChange, Run, SetRule, SpendCredential, SpendOutcome,
};
use countersign_identity::roster::operations::RegisterInRoster;
use countersign_identity::roster::{NodeId, RosterEntry, RosterName, Visibility};
use countersign_identity::standing::Standing;
use countersign_identity::uris::import::{ImportUri, ImportedUri};
use countersign_identity::uris::operations::ListConnections;
use countersign_identity::uris::{Connection, LastCallee, UriKey, UriPolicy, UriUpdate};
use countersign_identity::user::User;
use countersign_identity::{Credential, CredentialKind, MetadataId, RosterEntryId, Secret};

use crate::Store;
use crate::ops::records::values;

use super::fixture::{
    NOW, at, credential_id, digest, event, login, mint, minted, otp, people, role, rule, user, user_id,
};

/// Numbers that look random and are the same at every run (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap())).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// Short texts of few characters, so that parts, cases and wildcards meet.
fn text(dice: &mut Dice) -> String {
    const PARTS: [&str; 10] = ["a", "A", "b", "%", "_", "!", "\\", "Ä", "ä", "'"];
    (0..dice.below(4)).map(|_| *dice.one(&PARTS)).collect()
}

fn optional<T>(dice: &mut Dice, value: impl FnOnce(&mut Dice) -> T) -> Option<T> {
    if dice.below(3) == 0 { None } else { Some(value(dice)) }
}

const RULES: [(&str, &str); 3] = [("a.b", "c"), ("a.*", "cs"), ("a./\"/", "c")];

/// 30 users with up to three one-time passwords each, in two roles that have rules.
async fn stored<R: Repository>(repository: &R, dice: &mut Dice) {
    people(repository, &[]).await;
    for (name, rules) in [("frontend", &RULES[..1]), ("backend", &RULES[1..])] {
        for (uri, perms) in rules {
            let change = RuleChange::Set(rule(uri, perms));
            repository.run(SetRule { role: role(name), change, audit: event(Audited::RoleAllow) }).await.unwrap();
        }
    }
    let mut number = 0;
    for count in 0..30_u32 {
        let name = format!("{}{count}", ["a", "ab", "b", "ba%", "b_"][dice.index(5)]);
        let address = optional(dice, |dice| format!("{}@x{}", text(dice), dice.below(3)));
        let email = address.map(|text| {
            let number = u32::try_from(text.len()).unwrap();
            Email { text, digest: digest(1_000 + number), is_sealed: dice.below(3) == 0 }
        });
        let profile = Profile {
            names: Names { display: optional(dice, text), ..Names::default() },
            email,
            upn: optional(dice, text),
            ..Profile::default()
        };
        let standing = Standing { enabled: dice.yes(), ..Standing::GOOD };
        let plain = user(&name);
        let marked = PasswordHash::in_directory(&plain.login);
        let hash = PasswordHash::from_stored("hash".into());
        let password = optional(dice, |dice| if dice.yes() { marked } else { hash });
        let user = User { standing, role: role(["frontend", "backend"][dice.index(2)]), password, ..plain };
        let is_enabled = user.standing.enabled;
        let audit = event(Audited::UserCreate);
        repository.run(CreateUser { user, profile, proofs: Secrets::default(), factor: None, audit }).await.unwrap();
        for _ in 0..if is_enabled { dice.below(6) } else { 0 } {
            number += 1;
            let rules: Vec<Rule> = RULES.iter().filter(|_| dice.yes()).map(|(uri, perms)| rule(uri, perms)).collect();
            let end = at(600_000_000 + i64::try_from(dice.below(3)).unwrap());
            let kind = if dice.below(3) == 0 { CredentialKind::ApiKey } else { CredentialKind::Otp };
            let plain = Credential { kind, description: text(dice), ..otp(number, &name) };
            let expires = countersign_identity::Expires { at: end, ..plain.expires };
            minted(repository, [Credential { permissions: rules, origin: text(dice), expires, ..plain }]).await;
        }
        for _ in 0..dice.below(3) {
            number += 1;
            let entry = noted(number, &format!("k{}", text(dice)));
            let value = MetadataValue { json: Secret::new(document(dice, 2)), yaml: None };
            repository.run(set(&name, MetadataEntry { value, ..entry })).await.unwrap();
            let mut roster = told(number, &format!("r{}", text(dice)));
            roster.entry.data = Secret::new(document(dice, 2));
            repository.run(roster).await.unwrap();
        }
    }
}

/// A JSON text with values of all kinds under few keys, so that paths meet them.
fn document(dice: &mut Dice, depth: u32) -> String {
    const NUMBERS: [&str; 9] = ["0", "-0.0", "1", "1.0", "-2.5", "3", "1e300", "-7", "18446744073709551615"];
    match dice.below(if depth == 0 { 6 } else { 12 }) {
        0 => "null".to_owned(),
        1 => dice.yes().to_string(),
        2 | 3 => (*dice.one(&NUMBERS)).to_owned(),
        4 => serde_json::Value::from(text(dice)).to_string(),
        5 => (*dice.one(&["[1]", "\"\\u0000AA==\"", "\"\\\\u0000\"", "{}"])).to_owned(),
        _ => {
            let (a, b) = (document(dice, depth - 1), document(dice, depth - 1));
            format!("{{\"a\":{a},\"%\":{b}}}")
        }
    }
}

fn json_test(dice: &mut Dice) -> JsonTest {
    let path = ["", "a", "a.a", "%", "a.%", "x"][dice.index(6)];
    let path = path.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect();
    let scalar = |dice: &mut Dice| match dice.below(4) {
        0 => JsonScalar::Truth(dice.yes()),
        1 => JsonScalar::Text(text(dice)),
        _ => JsonScalar::Number([0.0, 1.0, -2.5, 3.0, 1e300, 1.844_674_407_370_955_2e19][dice.index(6)]),
    };
    let asks = match dice.below(4) {
        0 | 1 => {
            let values = (0..dice.below(4)).map(|_| scalar(dice)).collect();
            JsonAsk::OneOf { values, or_missing: dice.below(3) == 0 }
        }
        2 => {
            let order = *dice.one(&[Order::Less, Order::LessEqual, Order::Greater, Order::GreaterEqual]);
            let with = if dice.yes() { JsonScalar::Number(1.0) } else { JsonScalar::Text(text(dice)) };
            JsonAsk::Compare(order, with)
        }
        _ => {
            let is_ascii_folded = dice.yes();
            let part = text(dice);
            let part = if is_ascii_folded { part.to_ascii_lowercase() } else { part };
            JsonAsk::Contains { part, is_ascii_folded }
        }
    };
    JsonTest { path, asks }
}

fn noted(number: u32, key: &str) -> MetadataEntry {
    MetadataEntry {
        id: MetadataId::from_uuid(credential_id(number).uuid()),
        key: MetadataKey::parse(key).unwrap(),
        value: MetadataValue { json: Secret::new("[1]"), yaml: None },
        created: NOW,
        modified: NOW,
    }
}

fn set(owner: &str, entry: MetadataEntry) -> SetMetadata {
    let audit = event(Audited::MetadataSet);
    SetMetadata { owner: user_id(owner), entry, is_new: false, entries_max: 1_000, bytes_max: u64::MAX, audit }
}

fn told(number: u32, name: &str) -> RegisterInRoster {
    let entry = RosterEntry {
        id: RosterEntryId::from_uuid(credential_id(number).uuid()),
        node: NodeId(user_id("node").uuid()),
        session: (number % 7).into(),
        name: RosterName::parse(name).unwrap(),
        visibility: Visibility::everybody(),
        data: Secret::new("{}"),
        created: at((number % 5).into()),
        modified: NOW,
    };
    let audit = event(Audited::RosterRegister);
    RegisterInRoster { entry, session_entries_max: 1_000, entries_max: 1_000, bytes_max: u64::MAX, audit }
}

fn all(collection: Collection) -> Query {
    Query { collection, filter: Filter::default(), sort: Vec::new(), limit: None, page_index: 0 }
}

async fn ask<R: Run<QueryRecords>>(repository: &R, query: Query, gate: Gate) -> (u64, Records) {
    match repository.run(QueryRecords { query, gate, now: NOW }).await.unwrap() {
        FoundRecords::Page { hits, records } => (hits, records),
        FoundRecords::TooMuch(limit) => panic!("{limit:?}"),
    }
}

/// A test that makes sense for the field, with values that records hold.
fn test(dice: &mut Dice, field: Field, held: &[Held]) -> Option<Test> {
    let scalar = |dice: &mut Dice| match (dice.one(held).clone(), field.kind()) {
        (Held::One(scalar), _) => Some(scalar),
        (_, Kind::Text) => Some(Scalar::Text(text(dice))),
        _ => None,
    };
    if field.kind() == Kind::Rules {
        let (uri, perms) = *dice.one(&[RULES[0], RULES[1], RULES[2], ("a.b", "cs")]);
        return Some(Test::HasRule(rule(uri, perms)));
    }
    if field.kind() == Kind::Json {
        return Some(Test::Json(json_test(dice)));
    }
    let is_text = field.kind() == Kind::Text;
    Some(match dice.below(if is_text { 4 } else { 2 }) {
        0 => {
            let values = (0..dice.below(4)).filter_map(|_| scalar(dice)).collect();
            Test::OneOf { values, or_missing: dice.below(4) == 0 }
        }
        1 => {
            let order = *dice.one(&[Order::Less, Order::LessEqual, Order::Greater, Order::GreaterEqual]);
            Test::Compare(order, scalar(dice)?)
        }
        2 => Test::Contains { part: text(dice), is_ascii_folded: false },
        _ => Test::Contains { part: text(dice).to_ascii_lowercase(), is_ascii_folded: true },
    })
}

fn node<E: Entry>(dice: &mut Dice, fields: &[Field], entries: &[E], depth: u32) -> Node {
    let several = |dice: &mut Dice| (0..dice.below(4)).map(|_| node(dice, fields, entries, depth - 1)).collect();
    match dice.below(if depth == 0 { 6 } else { 10 }) {
        0 => Node::Constant(dice.yes()),
        1..=5 => {
            let field = *dice.one(fields);
            let held: Vec<Held> = entries.iter().map(|entry| entry.held(field)).collect();
            match test(dice, field, &held) {
                Some(test) => Node::Test(Condition { field, test }),
                None => Node::Constant(true),
            }
        }
        6 | 7 => Node::All(several(dice)),
        8 => Node::Any(several(dice)),
        _ => Node::Not(Box::new(node(dice, fields, entries, depth - 1))),
    }
}

fn random_query<E: Entry>(dice: &mut Dice, collection: Collection, entries: &[E]) -> Query {
    let columns: Vec<Field> =
        collection.fields().into_iter().filter(|field| !matches!(field.kind(), Kind::Constant(_))).collect();
    let sortable: Vec<Field> =
        columns.iter().copied().filter(|field| !matches!(field.kind(), Kind::Rules | Kind::Json)).collect();
    let direction = |dice: &mut Dice| if dice.yes() { Direction::Ascending } else { Direction::Descending };
    Query {
        collection,
        filter: Filter { root: node(dice, &columns, entries, 3), is_unanswerable: dice.below(20) == 0 },
        sort: (0..dice.below(3)).map(|_| Sort { field: *dice.one(&sortable), direction: direction(dice) }).collect(),
        limit: optional(dice, |dice| 1 + u32::try_from(dice.below(9)).unwrap()),
        page_index: u32::try_from(dice.below(3)).unwrap(),
    }
}

/// Random queries on one collection.
async fn agrees<R: Run<QueryRecords>, E: Entry + Clone + PartialEq + std::fmt::Debug>(
    repository: &R,
    dice: &mut Dice,
    collection: Collection,
    entries: impl Fn(Records) -> Vec<E>,
) {
    const QUERIES: u32 = 120;
    let every = entries(ask(repository, all(collection), Gate::All).await.1);
    let mut some = 0;
    for _ in 0..QUERIES {
        let query = random_query(dice, collection, &every);
        let (hits, page) = page_of(&every, &query);
        some += u32::from(hits > 0 && hits < every.len() as u64);
        let (found_hits, found) = ask(repository, query.clone(), Gate::All).await;
        assert_eq!((found_hits, entries(found)), (hits, page), "{query:?}");
    }
    assert!(some > QUERIES / 10, "{collection:?}: only {some} queries meant some records and not all");
}

fn users(records: Records) -> Vec<UserEntry> {
    match records {
        Records::Users(users) => users,
        other => panic!("{other:?}"),
    }
}

fn roles(records: Records) -> Vec<RoleEntry> {
    match records {
        Records::Roles(roles) => roles,
        other => panic!("{other:?}"),
    }
}

fn otps(records: Records) -> Vec<KeyEntry> {
    match records {
        Records::Otps(otps) => otps,
        other => panic!("{other:?}"),
    }
}

fn api_keys(records: Records) -> Vec<KeyEntry> {
    match records {
        Records::ApiKeys(keys) => keys,
        other => panic!("{other:?}"),
    }
}

fn metadata(records: Records) -> Vec<MetadataRecord> {
    match records {
        Records::Metadata(entries) => entries,
        other => panic!("{other:?}"),
    }
}

fn rosters(records: Records) -> Vec<RosterEntry> {
    match records {
        Records::Rosters(entries) => entries,
        other => panic!("{other:?}"),
    }
}

/// A record with its value read.
#[derive(Debug, Clone, PartialEq)]
struct Read<E>(E);

impl Entry for Read<MetadataRecord> {
    fn held(&self, field: Field) -> Held {
        match field.kind() {
            Kind::Json => Held::Json(values::read(self.0.entry.value.json.expose())),
            _ => self.0.held(field),
        }
    }
}

impl Entry for Read<RosterEntry> {
    fn held(&self, field: Field) -> Held {
        match field.kind() {
            Kind::Json => Held::Json(values::read(self.0.data.expose())),
            _ => self.0.held(field),
        }
    }
}

/// Filters, orders and pages as a look at every record would give them; this is what keeps both engines the same.
pub async fn finds_what_a_look_at_every_record_finds<R: Repository>(repository: Arc<R>) {
    let (repository, dice) = (&*repository, &mut Dice(4711));
    stored(repository, dice).await;
    agrees(repository, dice, Collection::Users, users).await;
    agrees(repository, dice, Collection::Otps, otps).await;
    agrees(repository, dice, Collection::Roles, roles).await;
    agrees(repository, dice, Collection::ApiKeys, api_keys).await;
    let read = |records| metadata(records).into_iter().map(Read).collect::<Vec<_>>();
    agrees(repository, dice, Collection::Metadata, read).await;
    let read = |records| rosters(records).into_iter().map(Read).collect::<Vec<_>>();
    agrees(repository, dice, Collection::Rosters, read).await;
}

/// Filters, orders and pages of URIs; the newest connections stand at each.
pub async fn finds_records_of_uris_with_their_history(store: Arc<Store>) {
    let (store, dice) = (&*store, &mut Dice(815));
    for number in 0..30_u32 {
        let key = UriKey::new(&format!("{}.{number}", text(dice)), UriPolicy::Exact).unwrap();
        let numbers = |dice: &mut Dice| Some(optional(dice, |dice| u32::try_from(dice.below(3)).unwrap()));
        let update = UriUpdate {
            description: Some(text(dice)),
            contact: Some(text(dice)),
            warn_after_seconds: numbers(dice),
            count_warn_after: numbers(dice),
            disconnected: Some(at(i64::try_from(dice.below(3)).unwrap())),
            ..UriUpdate::default()
        };
        let connection = |session: i64| Connection {
            connected: NOW,
            disconnected: Some(NOW),
            authid: "ann".into(),
            peer: "unix".into(),
            session,
        };
        let imported = ImportedUri {
            key,
            update,
            created: at(i64::try_from(dice.below(4)).unwrap()),
            invoke: optional(dice, text),
            last: LastCallee {
                authid: optional(dice, text),
                peer: optional(dice, text),
                session: optional(dice, |dice| i64::try_from(dice.below(3)).unwrap()),
            },
            warned: optional(dice, |_| NOW),
            count_warned: None,
            history: (0..dice.below(3)).map(|session| connection(i64::try_from(session).unwrap())).collect(),
        };
        let audit = event(Audited::UriImport);
        store.run(ImportUri { imported, schedule: None, records_max: 100, audit }).await.unwrap();
    }
    let uris = |records| match records {
        Records::Uris(uris) => uris,
        other => panic!("{other:?}"),
    };
    agrees(store, dice, Collection::Uris, uris).await;
    let (hits, found) = ask(store, all(Collection::Uris), Gate::All).await;
    let found = uris(found);
    assert_eq!((hits, found.iter().any(|one| one.history.len() == 2)), (30, true));
    for one in &found {
        let alone = store.run(ListConnections { key: one.record.key.clone() }).await.unwrap();
        assert_eq!(one.history, alone);
    }
    let id = found[3].record.key.id();
    let located = store.run(LocateRecords { ids: vec![id] }).await.unwrap();
    assert_eq!((located.len(), located[0].key.clone()), (1, found[3].record.key.to_string()));
    assert_eq!(ask(store, all(Collection::Uris), Gate::Own(user_id("alice"))).await.0, 0);
}

fn sorted(collection: Collection, name: &str, direction: Direction, limit: u32, page_index: u32) -> Query {
    let sort = vec![Sort { field: collection.field(name).unwrap(), direction }];
    Query { sort, limit: Some(limit), page_index, ..all(collection) }
}

/// Pages of ten; one-time passwords stand at their user.
pub async fn gives_a_page_with_what_belongs_to_its_users<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let names: Vec<String> = (0..25).map(|number| format!("u{number:02}")).collect();
    people(repository, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    minted(repository, [otp(1, "u20"), otp(2, "u20"), otp(3, "u21"), otp(4, "u00")]).await;
    for (number, owner, key) in [(1, "u20", "b"), (2, "u20", "a"), (3, "u24", "c"), (4, "u01", "d")] {
        repository.run(set(owner, noted(number, key))).await.unwrap();
    }
    let (hits, page) =
        ask(repository, sorted(Collection::Users, "login", Direction::Ascending, 10, 2), Gate::All).await;
    let page = users(page);
    let found: Vec<(&str, usize)> =
        page.iter().map(|entry| (entry.record.user.login.as_str(), entry.otps.len())).collect();
    assert_eq!((hits, found), (25, vec![("u20", 2), ("u21", 1), ("u22", 0), ("u23", 0), ("u24", 0)]));
    assert_eq!(page[0].otps, [otp(1, "u20"), otp(2, "u20")]);
    assert_eq!(page[0].metadata, [noted(2, "a"), noted(1, "b")]);
    assert_eq!((page[1].metadata.len(), page[4].metadata.len()), (0, 1));
    let (_, page) = ask(repository, sorted(Collection::Users, "login", Direction::Descending, 1, 0), Gate::All).await;
    assert_eq!(users(page)[0].record.user.login, login("u24"));
    let (hits, page) =
        ask(repository, sorted(Collection::Users, "login", Direction::Ascending, 10, u32::MAX), Gate::All).await;
    assert_eq!((hits, users(page).len()), (25, 0));
}

/// Neither what was spent nor what has ended; and cookies stand for themselves.
pub async fn shows_what_can_still_be_used<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    minted(repository, [otp(1, "alice"), otp(2, "alice")]).await;
    let cookie = Credential { kind: CredentialKind::Cookie, ..otp(3, "alice") };
    minted(repository, [cookie.clone()]).await;
    let (spend, entry) = (event(Audited::OtpSpend), event(Audited::Login));
    let outcome = repository.run(SpendCredential { digest: digest(1), now: NOW, spend, login: entry }).await.unwrap();
    assert!(matches!(outcome, SpendOutcome::Spent { .. }));
    let (hits, found) = ask(repository, all(Collection::Otps), Gate::All).await;
    let found = otps(found);
    assert_eq!((hits, found.len()), (1, 1));
    assert_eq!((&found[0].credential, &found[0].login), (&otp(2, "alice"), &login("alice")));
    let (_, found) = ask(repository, all(Collection::Cookies), Gate::All).await;
    let Records::Cookies(found) = found else { panic!("{found:?}") };
    assert_eq!((found.len(), &found[0].credential, &found[0].role), (1, &cookie, &role("frontend")));
    let ended = QueryRecords { query: all(Collection::Otps), gate: Gate::All, now: at(600_000_001) };
    let ended = repository.run(ended).await.unwrap();
    assert_eq!(ended, FoundRecords::Page { hits: 0, records: Records::Otps(Vec::new()) });
}

/// The gate counts as a condition does.
pub async fn leaves_others_out_of_what_is_counted<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    minted(repository, [otp(1, "alice"), otp(2, "bob"), otp(3, "bob")]).await;
    let own = |name: &str| Gate::Own(user_id(name));
    let (hits, found) = ask(repository, all(Collection::Users), own("alice")).await;
    assert_eq!((hits, users(found)[0].record.user.id), (1, user_id("alice")));
    for (name, count) in [("alice", 1), ("bob", 2), ("nobody", 0)] {
        let (hits, found) = ask(repository, all(Collection::Otps), own(name)).await;
        assert_eq!((hits, otps(found).len()), (count, usize::try_from(count).unwrap()), "{name}");
    }
    for collection in [Collection::Roles, Collection::Cookies] {
        assert_eq!(ask(repository, all(collection), own("alice")).await.0, 0, "{collection:?}");
    }
    // An `OR` around everything reaches nobody else.
    let field = Collection::Users.field("login").unwrap();
    let bob = Test::OneOf { values: vec![Scalar::Text("bob".into())], or_missing: false };
    let root = Node::Any(vec![Node::Constant(true), Node::Test(Condition { field, test: bob })]);
    let query = Query { filter: Filter { root, is_unanswerable: false }, ..all(Collection::Users) };
    assert_eq!(ask(repository, query, own("alice")).await.0, 1);
}

/// Values are summed up before they are read.
pub async fn refuses_answers_with_too_many_bytes<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let half = format!("\"{}\"", "x".repeat(RecordsLimit::Bytes.max() / 2 - 2));
    let value = MetadataValue { json: Secret::new(half), yaml: None };
    let too_much = |collection| async move {
        let outcome = repository.run(QueryRecords { query: all(collection), gate: Gate::All, now: NOW }).await.unwrap();
        outcome == FoundRecords::TooMuch(RecordsLimit::Bytes)
    };
    for (number, key, want) in [(1, "a", false), (2, "b", false), (3, "c", true)] {
        repository.run(set("alice", MetadataEntry { value: value.clone(), ..noted(number, key) })).await.unwrap();
        for collection in [Collection::Users, Collection::Metadata] {
            assert_eq!(too_much(collection).await, want, "{collection:?} {key}");
        }
    }
    let small = Query { limit: Some(1), ..all(Collection::Metadata) };
    assert_eq!(ask(repository, small, Gate::All).await.0, 3);
}

/// By their ids, whatever they are; what isn't there is left out. A cookie is the server's.
pub async fn finds_records_by_their_ids_and_counts_them<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    minted(repository, [otp(1, "alice"), Credential { kind: CredentialKind::Cookie, ..otp(2, "alice") }]).await;
    let role_id = roles(ask(repository, all(Collection::Roles), Gate::All).await.1)[0].id.uuid();
    let alice = user_id("alice");
    repository.run(set("alice", noted(3, "k"))).await.unwrap();
    repository.run(told(4, "r")).await.unwrap();
    let mut ids: Vec<_> = [4, 3, 2, 1, 9].map(|number| credential_id(number).uuid()).into();
    ids.extend([role_id, alice.uuid()]);
    let found = repository.run(LocateRecords { ids }).await.unwrap();
    let found: Vec<_> = found.iter().map(|one| (one.collection, one.id, one.owner, one.key.as_str())).collect();
    assert_eq!(
        found,
        [
            (Collection::Users, alice.uuid(), Some(alice), "alice"),
            (Collection::Roles, role_id, None, "backend"),
            (Collection::Cookies, credential_id(2).uuid(), None, ""),
            (Collection::Otps, credential_id(1).uuid(), Some(alice), ""),
            (Collection::Metadata, credential_id(3).uuid(), Some(alice), "k"),
            (Collection::Rosters, credential_id(4).uuid(), None, "4_r"),
        ]
    );
    assert_eq!(repository.run(LocateRecords { ids: Vec::new() }).await.unwrap(), []);
    let counts = repository.run(CountRecords { now: NOW }).await.unwrap();
    let want = [
        (Collection::Users, 2),
        (Collection::Roles, 2),
        (Collection::Cookies, 1),
        (Collection::Otps, 1),
        (Collection::ApiKeys, 0),
        (Collection::Metadata, 1),
        (Collection::Uris, 0),
        (Collection::Rosters, 1),
    ];
    assert_eq!(counts, want);
    let counts = repository.run(CountRecords { now: at(600_000_001) }).await.unwrap();
    assert!(counts.contains(&(Collection::Otps, 0)));
}

/// One more than fit is refused, not cut off; pages are not.
pub async fn refuses_pages_that_are_too_long<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let max = RecordsLimit::Records.max();
    people(repository, &["alice"]).await;
    let many = |from: usize, to: usize| (from..to).map(|number| otp(u32::try_from(number).unwrap(), "alice"));
    for credential in many(0, max) {
        repository.run(MintCredential { live_max: u32::MAX, ..mint(credential) }).await.unwrap();
    }
    let found = |query| async move {
        let outcome = repository.run(QueryRecords { query, gate: Gate::All, now: NOW }).await.unwrap();
        match outcome {
            FoundRecords::Page { hits, records } => Ok((hits, otps(records).len())),
            FoundRecords::TooMuch(limit) => Err(limit),
        }
    };
    assert_eq!(found(all(Collection::Otps)).await, Ok((max as u64, max)));
    for credential in many(max, max + 1) {
        repository.run(MintCredential { live_max: u32::MAX, ..mint(credential) }).await.unwrap();
    }
    assert_eq!(found(all(Collection::Otps)).await, Err(RecordsLimit::Records));
    assert_eq!(found(Query { limit: Some(u32::MAX), ..all(Collection::Otps) }).await, Err(RecordsLimit::Records));
    assert_eq!(found(Query { limit: Some(10), ..all(Collection::Otps) }).await, Ok((max as u64 + 1, 10)));
}
