//! Reads filters as callers write them: `[field, operator, value]`, `[combiner, [filters]]`, or nothing.

use super::fields::{Collection, Field, Kind, UserField};
use super::filter::{Condition, Filter, Held, Node, Order, Scalar, Test};
use super::input::Input;
use super::json::{JsonAsk, JsonScalar, JsonTest};
use super::query::{QueryError, RecordsLimit};
use crate::permission::Rule;
use crate::{CredentialId, Pepper, Timestamp};
use data_encoding::BASE64URL_NOPAD;

/// The operators, as an error says them.
pub(super) const OPERATORS: &str =
    "=, !=, >, >=, <, <=, in, not in, is, is not, has, like, not like, ilike and not ilike";

/// What an operator asks, before it is known of which kind the field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    In,
    Is,
    Order(Order),
    Has,
    Like,
    Ilike,
}

impl Operator {
    /// With whether the answer is to be turned around.
    fn read(text: &str) -> Option<(Self, bool)> {
        Some(match text {
            "=" => (Self::Equal, false),
            "!=" => (Self::Equal, true),
            "in" => (Self::In, false),
            "not in" => (Self::In, true),
            "is" => (Self::Is, false),
            "is not" => (Self::Is, true),
            "<" => (Self::Order(Order::Less), false),
            "<=" => (Self::Order(Order::LessEqual), false),
            ">" => (Self::Order(Order::Greater), false),
            ">=" => (Self::Order(Order::GreaterEqual), false),
            "has" => (Self::Has, false),
            "like" => (Self::Like, false),
            "not like" => (Self::Like, true),
            "ilike" => (Self::Ilike, false),
            "not ilike" => (Self::Ilike, true),
            _ => return None,
        })
    }
}

/// Reads a filter on the records of one collection.
pub(super) struct Reader<'a> {
    pub(super) collection: Collection,
    pub(super) pepper: &'a Pepper,
    conditions: usize,
    values: usize,
    is_unanswerable: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(collection: Collection, pepper: &'a Pepper) -> Self {
        Self { collection, pepper, conditions: 0, values: 0, is_unanswerable: false }
    }

    /// Reads the whole: filters that all have to hold, as programs of the bus send them, or one filter.
    pub(super) fn filter(mut self, input: &Input) -> Result<Filter, QueryError> {
        let filters = match input {
            Input::List(filters) if filters.iter().all(|filter| matches!(filter, Input::List(_))) => filters,
            one => std::slice::from_ref(one),
        };
        let mut nodes = Vec::new();
        for filter in filters {
            nodes.extend(self.node(filter, 1)?);
        }
        let root = match <[Node; 1]>::try_from(nodes) {
            Ok([one]) => one,
            Err(nodes) => Node::All(nodes),
        };
        Ok(Filter { root, is_unanswerable: self.is_unanswerable })
    }

    /// Reads a part; `None` where nothing is asked.
    fn node(&mut self, input: &Input, depth: usize) -> Result<Option<Node>, QueryError> {
        RecordsLimit::FilterDepth.check(depth)?;
        let ungrokked = |why: &str| QueryError::Filter { shown: input.shown(), why: why.to_owned() };
        let items = match input {
            Input::Null => return Ok(None),
            Input::List(items) => items.as_slice(),
            _ => return Err(ungrokked("it is no list")),
        };
        match items {
            [] => Ok(None),
            [combiner, filters] => {
                let combiner =
                    combiner.as_text().ok_or_else(|| ungrokked("of two things the first is AND, OR, NOT or NOR"))?;
                let Input::List(filters) = filters else {
                    return Err(ungrokked("behind a combiner stands a list of filters"));
                };
                let mut nodes = Vec::new();
                for filter in filters {
                    nodes.extend(self.node(filter, depth.saturating_add(1))?);
                }
                let not = |node| Node::Not(Box::new(node));
                Ok(Some(match combiner.to_ascii_uppercase().as_str() {
                    "AND" => Node::All(nodes),
                    "OR" => Node::Any(nodes),
                    "NOT" => not(Node::All(nodes)),
                    "NOR" => not(Node::Any(nodes)),
                    _ => return Err(QueryError::Combiner(Input::Text(combiner.to_owned()).shown())),
                }))
            }
            [field, operator, value] => {
                let (Some(field), Some(operator)) = (field.as_text(), operator.as_text()) else {
                    return Err(ungrokked("field and operator are texts"));
                };
                self.conditions = self.conditions.saturating_add(1);
                RecordsLimit::FilterConditions.check(self.conditions)?;
                self.condition(field, operator, value).map(Some)
            }
            _ => Err(ungrokked("it has to be [field, operator, value] or [combiner, [filters]]")),
        }
    }

    fn condition(&mut self, field: &str, operator: &str, value: &Input) -> Result<Node, QueryError> {
        RecordsLimit::FilterTextBytes.check(field.len())?;
        let (field, path) = field_within(self.collection, field)?;
        let (read, is_negated) =
            Operator::read(operator).ok_or_else(|| QueryError::Operator(Input::Text(operator.to_owned()).shown()))?;
        self.check_values(value, 0)?;
        let unsuitable = || QueryError::Unsuitable { field: field.name(), operator: operator.to_owned() };
        let test = match field.kind() {
            Kind::Json => json_test(path, read, value).map(|test| test.map(|test| (field, Test::Json(test)))),
            _ => self.test(field, read, value),
        };
        let Some((field, test)) = test.map_err(|wrong| match wrong {
            Wrong::Unsuitable => unsuitable(),
            Wrong::Value(what) => QueryError::Value { field: field.name(), operator: operator.to_owned(), what },
        })?
        else {
            self.is_unanswerable = true;
            return Ok(Node::Constant(false));
        };
        let condition = Condition { field, test };
        let node = match field.kind() {
            Kind::Constant(always) => {
                let answer = condition.answer(&Held::One(Scalar::Text(always.to_owned())));
                self.is_unanswerable |= answer.is_none();
                Node::Constant(answer == Some(true))
            }
            _ => Node::Test(condition),
        };
        Ok(if is_negated { Node::Not(Box::new(node)) } else { node })
    }

    /// What is asked of which field; `None`: no record can answer.
    fn test(&self, field: Field, operator: Operator, value: &Input) -> Result<Option<(Field, Test)>, Wrong> {
        let is_text = matches!(field.kind(), Kind::Text | Kind::Constant(_));
        let is_list = field.kind() == Kind::Rules;
        match operator {
            Operator::Has if is_list => rule(value).map(|rule| Some((field, Test::HasRule(rule)))),
            _ if is_list => Err(Wrong::Unsuitable),
            Operator::Equal => Ok(Some(self.one_of(field, std::slice::from_ref(value)))),
            Operator::Is => match value {
                Input::Null | Input::Truth(_) => Ok(Some(self.one_of(field, std::slice::from_ref(value)))),
                _ => Err(Wrong::Value("null, true or false")),
            },
            Operator::In => match value {
                Input::List(values) => Ok(Some(self.one_of(field, values))),
                _ => Err(Wrong::Value("a list")),
            },
            Operator::Order(_) if matches!(field.kind(), Kind::Id | Kind::Digest) => Err(Wrong::Unsuitable),
            Operator::Order(order) => Ok(self.scalar(field, value).map(|with| (field, Test::Compare(order, with)))),
            Operator::Has | Operator::Like | Operator::Ilike if !is_text => Err(Wrong::Unsuitable),
            Operator::Has | Operator::Like => Ok(value
                .as_text()
                .map(|text| (field, Test::Contains { part: text.to_owned(), is_ascii_folded: false }))),
            Operator::Ilike => Ok(value.as_text().map(|text| match field {
                Field::Users(UserField::Name) => (
                    Field::Users(UserField::NameFolded),
                    Test::Contains { part: text.to_lowercase(), is_ascii_folded: false },
                ),
                _ => (field, Test::Contains { part: text.to_ascii_lowercase(), is_ascii_folded: true }),
            })),
        }
    }

    /// What is of another kind than the field equals nothing that it can hold.
    fn one_of(&self, field: Field, values: &[Input]) -> (Field, Test) {
        let or_missing = values.contains(&Input::Null);
        // An address may be sealed, but is found by its digest.
        let field = if field == Field::Users(UserField::Email) { Field::Users(UserField::EmailDigest) } else { field };
        let values = values.iter().filter_map(|value| self.scalar(field, value)).collect();
        (field, Test::OneOf { values, or_missing })
    }

    /// A value as the field would hold it.
    fn scalar(&self, field: Field, value: &Input) -> Option<Scalar> {
        match (field.kind(), value) {
            (Kind::Text | Kind::Constant(_), Input::Text(text)) => Some(Scalar::Text(text.clone())),
            (Kind::Truth, Input::Truth(truth)) => Some(Scalar::Truth(*truth)),
            (Kind::Truth, Input::Int(number @ (0 | 1))) => Some(Scalar::Truth(*number == 1)),
            (Kind::Time, Input::Text(text)) => Timestamp::parse(text).map(|time| Scalar::Int(time.micros())),
            (Kind::Time, Input::Time(time)) => Some(Scalar::Int(time.micros())),
            (Kind::Time, Input::Int(seconds)) => seconds.checked_mul(1_000_000).map(Scalar::Int),
            (Kind::Number, Input::Int(number)) => Some(Scalar::Int(*number)),
            (Kind::Id, Input::Text(text)) => CredentialId::parse_bus(text).ok().map(|id| Scalar::Id(id.uuid())),
            (Kind::Digest, Input::Text(text)) if field == Field::Users(UserField::EmailDigest) => {
                Some(Scalar::Digest(*self.pepper.digest_email(text).as_bytes()))
            }
            (Kind::Digest, Input::Text(text)) => {
                BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Scalar::Digest)
            }
            _ => None,
        }
    }

    /// Counts the values of a condition and measures its texts.
    fn check_values(&mut self, value: &Input, depth: usize) -> Result<(), QueryError> {
        self.values = self.values.saturating_add(1);
        RecordsLimit::FilterValues.check(self.values)?;
        match value {
            Input::Text(text) => {
                RecordsLimit::FilterTextBytes.check(text.len())?;
                if text.contains('\0') {
                    return Err(QueryError::Nul);
                }
                Ok(())
            }
            // What is nested deeper than a list of rules equals nothing.
            Input::List(items) if depth == 0 => items.iter().try_for_each(|item| self.check_values(item, 1)),
            _ => Ok(()),
        }
    }
}

/// Why a condition makes no sense.
enum Wrong {
    /// The field can't be tested so.
    Unsuitable,
    /// The value has to be this.
    Value(&'static str),
}

/// What is asked of what is at the end of a path; `None`: no record can answer.
fn json_test(path: Vec<String>, operator: Operator, value: &Input) -> Result<Option<JsonTest>, Wrong> {
    let one_of = |values: &[Input]| {
        let or_missing = values.contains(&Input::Null);
        Some(JsonAsk::OneOf { values: values.iter().filter_map(json_scalar).collect(), or_missing })
    };
    let asks = match operator {
        Operator::Equal => one_of(std::slice::from_ref(value)),
        Operator::Is => match value {
            Input::Null | Input::Truth(_) => one_of(std::slice::from_ref(value)),
            _ => return Err(Wrong::Value("null, true or false")),
        },
        Operator::In => match value {
            Input::List(values) => one_of(values),
            _ => return Err(Wrong::Value("a list")),
        },
        Operator::Order(order) => json_scalar(value)
            .filter(|with| !matches!(with, JsonScalar::Truth(_)))
            .map(|with| JsonAsk::Compare(order, with)),
        Operator::Has | Operator::Like => {
            value.as_text().map(|text| JsonAsk::Contains { part: text.to_owned(), is_ascii_folded: false })
        }
        Operator::Ilike => {
            value.as_text().map(|text| JsonAsk::Contains { part: text.to_ascii_lowercase(), is_ascii_folded: true })
        }
    };
    Ok(asks.map(|asks| JsonTest { path, asks }))
}

fn json_scalar(value: &Input) -> Option<JsonScalar> {
    match value {
        Input::Truth(truth) => Some(JsonScalar::Truth(*truth)),
        #[expect(clippy::cast_precision_loss, reason = "numbers in JSON are compared as double precision")]
        Input::Int(number) => Some(JsonScalar::Number(*number as f64)),
        Input::Float(number) => Some(JsonScalar::Number(*number)).filter(|_| number.is_finite()),
        Input::Text(text) => Some(JsonScalar::Text(text.clone())),
        Input::Null | Input::Time(_) | Input::List(_) | Input::Dict(_) | Input::Other => None,
    }
}

/// `{uri, perms}` as it is stored.
fn rule(value: &Input) -> Result<Rule, Wrong> {
    const WHAT: &str = "a rule: {uri, perms}";
    let Input::Dict(entries) = value else { return Err(Wrong::Value(WHAT)) };
    let text = |name: &str| {
        let found = entries.iter().rev().find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.as_text()).ok_or(Wrong::Value(WHAT))
    };
    if entries.len() != 2 {
        return Err(Wrong::Value(WHAT));
    }
    Rule::parse(text("uri")?, text("perms")?).map_err(|_| Wrong::Value(WHAT))
}

/// The field of this name, and the path behind it into what it holds.
fn field_within(collection: Collection, name: &str) -> Result<(Field, Vec<String>), QueryError> {
    if let Some((first, path)) = name.split_once('.')
        && let Some(field) = collection.field(first).filter(|field| field.kind() == Kind::Json)
    {
        return if name.contains('\0') {
            Err(QueryError::Nul)
        } else {
            Ok((field, path.split('.').map(str::to_owned).collect()))
        };
    }
    Ok((field_of(collection, name)?, Vec::new()))
}

/// The field of this name.
pub(super) fn field_of(collection: Collection, name: &str) -> Result<Field, QueryError> {
    collection.field(name).ok_or_else(|| QueryError::Field {
        name: Input::Text(name.to_owned()).shown(),
        collection: collection.name(),
        fields: collection.field_names(),
    })
}
