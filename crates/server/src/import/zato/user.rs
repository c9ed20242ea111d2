//! One row of `zato_sso_user` as a user of ours.

use countersign_identity::password::PasswordHash;
use countersign_identity::profile::{Email, Names, Profile, RateLimit, Stamp};
use countersign_identity::role::RoleName;
use countersign_identity::sign_on::Factor;
use countersign_identity::standing::{ApprovalStatus, SignUpStatus, Standing};
use countersign_identity::totp::{Totp, TotpKey};
use countersign_identity::user::User;
use countersign_identity::{LoginName, Pepper, Timestamp, UserId};
use countersign_storage::ForeignRow;
use rand_core::CryptoRng;

use super::text::{opened, time, truth};
use crate::fernet::FernetKey;

/// The label that stands for none.
const DEFAULT_LABEL: &str = "<default-label>";

/// What conversions need to know.
#[derive(Debug)]
pub struct Conversion<'a> {
    /// The key of Zato's server.
    pub key: &'a FernetKey,
    /// For the digests of addresses.
    pub pepper: &'a Pepper,
    /// Whether addresses are to be sealed.
    pub seals_email: bool,
    /// The role of super-users.
    pub super_role: &'a RoleName,
    /// The role of all others.
    pub role: &'a RoleName,
    /// The time of the import.
    pub now: Timestamp,
}

/// A converted row.
#[derive(Debug, PartialEq, Eq)]
pub struct Converted {
    /// The user.
    pub user: User,
    /// What else is known.
    pub profile: Profile,
    /// The second factor.
    pub factor: Option<Factor>,
    /// What came over changed.
    pub notes: Vec<String>,
}

impl Conversion<'_> {
    /// Converts a row.
    ///
    /// # Errors
    ///
    /// Why the user can't come over, for the report.
    pub fn user(&self, row: &ForeignRow, rng: &mut impl CryptoRng) -> Result<Converted, String> {
        let mut notes = Vec::new();
        let name = row.get("username").unwrap_or_default();
        let login = LoginName::parse(name).map_err(|error| format!("the username can't be used: {error}"))?;
        let id = UserId::parse_sign_on(row.get("user_id").unwrap_or_default()).unwrap_or_else(|_| {
            notes.push("the user_id is of another form; there is a new one".to_owned());
            UserId::generate(self.now, rng)
        });
        let (factor, factor_is_lost) = self.factor(row, &mut notes);
        let mut standing = standing(row);
        if factor_is_lost {
            // Without the factor the password alone would open the account.
            standing.enabled = false;
            notes.push("locked, because the second factor is on and can't be read".to_owned());
        }
        let password = self.password(row, &mut notes);
        let role = if truth(row.get("is_super_user")) { self.super_role } else { self.role };
        let created = row.get("sign_up_time").and_then(time).unwrap_or(self.now);
        let mut profile = self.profile(row, &mut notes);
        profile.spelling = (name != login.as_str()).then(|| name.to_owned());
        let user = User { id, login, standing, role: role.clone(), password, created };
        Ok(Converted { user, profile, factor, notes })
    }

    fn password(&self, row: &ForeignRow, notes: &mut Vec<String>) -> Option<PasswordHash> {
        // What was never set is a hash of random bytes.
        let value = row.get("password").filter(|_| row.get("password_is_set").is_none_or(|set| truth(Some(set))))?;
        let hash = opened(value, self.key).map_err(|error| format!("it {error}"));
        match hash.and_then(|hash| PasswordHash::from_foreign(hash).map_err(|error| error.to_string())) {
            Ok(hash) => Some(hash),
            Err(why) => {
                notes.push(format!("the password did not come over: {why}"));
                None
            }
        }
    }

    /// The factor, and whether there should be one that can't be read.
    fn factor(&self, row: &ForeignRow, notes: &mut Vec<String>) -> (Option<Factor>, bool) {
        let is_enabled = truth(row.get("is_totp_enabled"));
        let Some(value) = row.get("totp_key").filter(|value| !value.is_empty()) else { return (None, is_enabled) };
        let key = opened(value, self.key).map_err(|error| error.to_string());
        let key = key.and_then(|text| TotpKey::parse(&text).map_err(|error| error.to_string()));
        match key {
            Ok(key) => {
                if key.is_weak() {
                    notes.push("the TOTP key is shorter than 128 bits".to_owned());
                }
                let label = self.label(row);
                (Some(Factor { totp: Totp::new(key), label, is_enabled, last_step: None, failures: 0 }), false)
            }
            Err(why) => {
                notes.push(format!("the TOTP key did not come over: {why}"));
                (None, is_enabled)
            }
        }
    }

    /// A label that can't be read is worth no note.
    fn label(&self, row: &ForeignRow) -> Option<String> {
        let label = opened(row.get("totp_label")?, self.key).ok()?;
        (!label.is_empty() && label != DEFAULT_LABEL).then_some(label)
    }

    fn profile(&self, row: &ForeignRow, notes: &mut Vec<String>) -> Profile {
        let text_of =
            |column| row.get(column).filter(|name| !name.is_empty()).map(|name| cut(name, Names::CHARACTERS_MAX));
        let names = Names {
            display: text_of("display_name"),
            first: text_of("first_name"),
            middle: text_of("middle_name"),
            last: text_of("last_name"),
        };
        let email =
            row.get("email").filter(|value| !value.is_empty()).and_then(|value| match opened(value, self.key) {
                Ok(text) if text.chars().count() <= Email::CHARACTERS_MAX => {
                    Some(Email { digest: self.pepper.digest_email(&text), text, is_sealed: self.seals_email })
                }
                Ok(_) => {
                    notes.push("the e-mail address is too long and did not come over".to_owned());
                    None
                }
                Err(error) => {
                    notes.push(format!("the e-mail address did not come over: it {error}"));
                    None
                }
            });
        let stamp = |at: &str, by: &str| {
            let at = time(row.get(at)?)?;
            Some(Stamp { at, by: row.get(by).unwrap_or(Stamp::AUTO).to_owned() })
        };
        Profile {
            spelling: None,
            names,
            email,
            upn: None,
            locked: stamp("locked_time", "locked_by"),
            approval: stamp("approval_status_mod_time", "approval_status_mod_by"),
            password_set: row.get("password_last_set").and_then(time),
            confirmed: row.get("sign_up_confirm_time").and_then(time),
            rate_limit: RateLimit {
                is_active: truth(row.get("is_rate_limit_active")),
                definition: row.get("rate_limit_def").map(str::to_owned),
            },
        }
    }
}

/// A status that isn't known admits nobody.
fn standing(row: &ForeignRow) -> Standing {
    let sign_up = row.get("sign_up_status").and_then(SignUpStatus::from_name);
    let approval = row.get("approval_status").and_then(ApprovalStatus::from_name);
    Standing {
        enabled: !truth(row.get("is_locked")),
        sign_up: sign_up.unwrap_or(SignUpStatus::BeforeConfirmation),
        approval: approval.unwrap_or(ApprovalStatus::BeforeDecision),
        password_expires: row.get("password_expiry").and_then(time),
        must_change: truth(row.get("password_must_change")),
    }
}

fn cut(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::clock::random;

    const HELLO: &str =
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
    const HASH: &str = "$pbkdf2-sha512$2000$4bz3PidEiNEaAwCg1FpLCUGotfa.t1aqtRZCCKEUwhhjbI2R8n6vda61Vqq1VgphrHUupbRWCmEshRCC8D6nlA$\
        dZXJmc//Cj7Jn6EqYm8CIbdV1KgX1YKGQZghgPLtDl83WVVo6t5KohgBCbC3ZWHk22a5HrtrFozxVfXv9NiF8A";
    const ROW: &[(&str, Option<&str>)] = &[
        ("username", Some("Ann")),
        ("user_id", Some("zusrpdjpsqjqa8jdv533zh0pv8tcm")),
        ("approval_status", Some("approved")),
        ("sign_up_status", Some("final")),
        ("password", Some(HASH)),
    ];

    /// Converts an ordinary row with these columns changed or added.
    fn converted(changed: &[(&'static str, Option<&'static str>)]) -> Result<Converted, String> {
        let key = FernetKey::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
        let (role, super_role) = (RoleName::parse("frontend").unwrap(), RoleName::parse("trust").unwrap());
        let pepper = Pepper::new([7; Pepper::BYTES]);
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let conversion =
            Conversion { key: &key, pepper: &pepper, seals_email: true, super_role: &super_role, role: &role, now };
        let rest = ROW.iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        conversion.user(&ForeignRow::new(rest.chain(changed).copied()), &mut random())
    }

    #[test]
    fn an_ordinary_row_comes_over_as_it_is() {
        let Converted { user, factor, notes, .. } = converted(&[]).unwrap();
        assert_eq!((user.login.as_str(), user.role.as_str()), ("ann", "frontend"));
        assert_eq!(user.id.to_sign_on(), "zusrpdjpsqjqa8jdv533zh0pv8tcm");
        assert_eq!(user.standing, Standing::GOOD);
        assert_eq!(user.password.unwrap().as_stored(), HASH);
        assert_eq!((factor, notes), (None, vec![]));
        assert_eq!(converted(&[("is_super_user", Some("t"))]).unwrap().user.role.as_str(), "trust");
    }

    #[test]
    fn what_is_encrypted_is_opened_and_what_stands_in_clear_is_taken() {
        for email in [HELLO, "hello"] {
            assert_eq!(converted(&[("email", Some(email))]).unwrap().profile.email.unwrap().text, "hello");
        }
    }

    #[test]
    fn statuses_come_over_and_unknown_ones_admit_nobody() {
        #[track_caller]
        fn check(column: &'static str, value: Option<&'static str>, want: Standing) {
            assert_eq!(converted(&[(column, value)]).unwrap().user.standing, want, "{column} {value:?}");
        }
        let good = Standing::GOOD;
        check("is_locked", Some("1"), Standing { enabled: false, ..good });
        check("password_must_change", Some("t"), Standing { must_change: true, ..good });
        check("approval_status", Some("rejected"), Standing { approval: ApprovalStatus::Rejected, ..good });
        check("approval_status", Some("?"), Standing { approval: ApprovalStatus::BeforeDecision, ..good });
        check("sign_up_status", None, Standing { sign_up: SignUpStatus::BeforeConfirmation, ..good });
    }

    #[test]
    fn an_account_whose_second_factor_is_lost_comes_over_locked() {
        for key in [None, Some(""), Some("not base32 !!"), Some("gAAAAAAdwJ6w")] {
            let Converted { user, factor, .. } =
                converted(&[("is_totp_enabled", Some("t")), ("totp_key", key)]).unwrap();
            assert_eq!((user.standing.enabled, factor), (false, None), "{key:?}");
        }
        let kept = converted(&[("is_totp_enabled", Some("t")), ("totp_key", Some("KMCLCWN4YPMD2WO3"))]).unwrap();
        assert!(kept.user.standing.enabled && kept.factor.unwrap().is_enabled);
    }

    #[test]
    fn says_who_can_not_come_over_and_what_came_over_changed() {
        assert!(converted(&[("username", Some("a b"))]).is_err());
        let notes = |changed| converted(changed).unwrap().notes;
        assert_eq!(notes(&[("user_id", Some("mine"))]).len(), 1);
        assert_eq!(notes(&[("password", Some("$1$x"))]).len(), 1);
        assert_eq!(notes(&[("totp_key", Some("KMCLCWN4YPMD2WO3"))]), ["the TOTP key is shorter than 128 bits"]);
    }
}
