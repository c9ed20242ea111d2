//! Filters as SQL that both engines understand.
//!
//! A part of a text is looked for by what is left when it is taken out: `LIKE` has wildcards, and minds case in one engine
//! only.

use countersign_identity::records::json::{JsonAsk, JsonTest, TEXT_KIND};
use countersign_identity::records::{ApiKeyField, Condition, Field, Filter, Node, Order, OtpField, Scalar, Test};

use super::columns::{Column, column};
use crate::ops::credentials;
use crate::value::Param;

/// A value for a placeholder.
enum Bound<'a> {
    Given(Param<'a>),
    Made(String),
}

impl Bound<'_> {
    fn param(&self) -> Param<'_> {
        match self {
            Self::Given(param) => *param,
            Self::Made(text) => Param::Text(text),
        }
    }
}

/// Conditions that all have to hold, and their values.
#[derive(Default)]
pub struct Builder<'a> {
    all: Vec<String>,
    params: Vec<Bound<'a>>,
}

impl<'a> Builder<'a> {
    /// Binds a value; answers its placeholder.
    pub fn bind(&mut self, value: Param<'a>) -> String {
        self.params.push(Bound::Given(value));
        format!("${}", self.params.len())
    }

    fn bind_made(&mut self, value: String) -> String {
        self.params.push(Bound::Made(value));
        format!("${}", self.params.len())
    }

    /// The values, in the order of their placeholders.
    pub fn params(&self) -> Vec<Param<'_>> {
        self.params.iter().map(Bound::param).collect()
    }

    /// One more condition, in which `$` stands for the value.
    pub fn and(&mut self, condition: &str, value: Param<'a>) {
        let placeholder = self.bind(value);
        self.all.push(condition.replace('$', &placeholder));
    }

    /// No record is left.
    pub fn nothing(&mut self) {
        self.all.push("FALSE".to_owned());
    }

    /// The filter's conditions. A record that one of them can't be answered for is left out whole.
    pub fn filter(&mut self, filter: &'a Filter) {
        if filter.is_unanswerable {
            self.nothing();
        }
        let mut present: Vec<&str> = Vec::new();
        for condition in filter.root.conditions() {
            if let Test::Json(test) = &condition.test {
                self.needs_kind(condition.field, test);
            }
            if let Some(Column { sql, is_nullable: true }) = column(condition.field)
                && condition.needs_presence()
                && !present.contains(&sql)
            {
                present.push(sql);
            }
        }
        // A path can end at something of another kind.
        self.all.extend(present.into_iter().map(|sql| format!("{sql} IS NOT NULL")));
        let root = self.node(&filter.root, false);
        self.all.push(root);
    }

    /// `WHERE` with all of them.
    pub fn sql(&self) -> String {
        if self.all.is_empty() { String::new() } else { format!("WHERE {}", self.all.join(" AND ")) }
    }

    /// A part in brackets. Null counts as false where it `is_inverted` by something around it, so that it isn't turned into
    /// null there.
    fn node(&mut self, node: &'a Node, is_inverted: bool) -> String {
        match node {
            Node::All(nodes) => self.joined(nodes, " AND ", "TRUE", is_inverted),
            Node::Any(nodes) => self.joined(nodes, " OR ", "FALSE", is_inverted),
            Node::Not(node) => format!("(NOT {})", self.node(node, true)),
            Node::Test(condition) => self.condition(condition, is_inverted),
            Node::Constant(true) => "TRUE".to_owned(),
            Node::Constant(false) => "FALSE".to_owned(),
        }
    }

    fn joined(&mut self, nodes: &'a [Node], with: &str, none: &str, is_inverted: bool) -> String {
        if nodes.is_empty() {
            return none.to_owned();
        }
        let parts: Vec<String> = nodes.iter().map(|node| self.node(node, is_inverted)).collect();
        format!("({})", parts.join(with))
    }

    fn condition(&mut self, condition: &'a Condition, is_inverted: bool) -> String {
        if let Test::HasRule(rule) = &condition.test {
            return self.has_rule(condition.field, rule);
        }
        // What has no column was answered when the filter was read.
        let Some(Column { sql, is_nullable }) = column(condition.field) else { return "FALSE".to_owned() };
        match &condition.test {
            Test::OneOf { values, or_missing } => self.one_of(sql, values, *or_missing, is_nullable && is_inverted),
            Test::Compare(order, with) => {
                format!("({sql} {} {})", operator(*order), self.bind(param(with)))
            }
            // There is something, or the record is left out; and nothing is a part of everything.
            Test::Contains { part, .. } if part.is_empty() => "TRUE".to_owned(),
            Test::Contains { part, is_ascii_folded } => {
                let part = self.bind(Param::Text(part));
                let text = if *is_ascii_folded { format!("lower({sql})") } else { sql.to_owned() };
                format!("(replace({text}, {part}, '') <> {text})")
            }
            Test::Json(test) => self.json(sql, test, is_inverted),
            Test::HasRule(_) => "FALSE".to_owned(),
        }
    }

    fn one_of(&mut self, sql: &str, values: &'a [Scalar], or_missing: bool, is_null_false: bool) -> String {
        let placeholders: Vec<String> = values.iter().map(|value| self.bind(param(value))).collect();
        is_one_of(sql, &placeholders, or_missing, is_null_false)
    }

    /// What is at the end of a path, as [`Json::sort_key`](countersign_identity::records::json::Json::sort_key): a
    /// function that both engines have.
    fn within(&mut self, sql: &str, path: &[String]) -> String {
        let path = self.bind_made(serde_json::Value::from(path.to_vec()).to_string());
        format!("record_scalar({sql}, {path})")
    }

    /// Leaves out records where a path ends at something that has no answer.
    fn needs_kind(&mut self, field: Field, test: &JsonTest) {
        let kind = match &test.asks {
            JsonAsk::OneOf { .. } => return,
            JsonAsk::Compare(_, with) => with.kind(),
            JsonAsk::Contains { .. } => TEXT_KIND,
        };
        let Some(Column { sql, .. }) = column(field) else { return };
        let found = self.within(sql, &test.path);
        let kind = self.bind_made(kind.to_string());
        self.all.push(format!("substr({found}, 1, 1) = {kind}"));
    }

    fn json(&mut self, sql: &str, asked: &'a JsonTest, is_inverted: bool) -> String {
        // A value that stands nowhere can't be bound.
        match &asked.asks {
            JsonAsk::OneOf { values, or_missing: false } if values.is_empty() => return "FALSE".to_owned(),
            JsonAsk::Contains { part, .. } if part.is_empty() => return "TRUE".to_owned(),
            _ => {}
        }
        let found = self.within(sql, &asked.path);
        match &asked.asks {
            JsonAsk::OneOf { values, or_missing } => {
                let placeholders: Vec<String> = values.iter().map(|value| self.bind_made(value.sort_key())).collect();
                is_one_of(&found, &placeholders, *or_missing, is_inverted)
            }
            JsonAsk::Compare(order, with) => {
                format!("({found} {} {})", operator(*order), self.bind_made(with.sort_key()))
            }
            JsonAsk::Contains { part, is_ascii_folded } => {
                let part = self.bind(Param::Text(part));
                let text = format!("substr({found}, 2)");
                let text = if *is_ascii_folded { format!("lower({text})") } else { text };
                format!("(replace({text}, {part}, '') <> {text})")
            }
        }
    }

    fn has_rule(&mut self, field: Field, rule: &'a countersign_identity::permission::Rule) -> String {
        if matches!(field, Field::Otps(OtpField::Permissions) | Field::ApiKeys(ApiKeyField::Permissions)) {
            // They are stored as JSON, in which nothing but a rule can look like one.
            let json = self.bind_made(credentials::rule_to_json(rule));
            return format!("(replace(credentials.permissions, {json}, '') <> credentials.permissions)");
        }
        let (pattern, rights) = (self.bind(Param::Text(rule.pattern.as_str())), rule.rights.to_string());
        let rights = self.bind_made(rights);
        format!(
            "EXISTS (SELECT 1 FROM role_rules WHERE role_rules.role = roles.name \
             AND role_rules.pattern = {pattern} AND role_rules.rights = {rights})"
        )
    }
}

/// Whether an expression is one of some values.
fn is_one_of(sql: &str, placeholders: &[String], or_missing: bool, is_null_false: bool) -> String {
    let is_one = match placeholders {
        [] => None,
        [one] => Some(format!("{sql} = {one}")),
        more => Some(format!("{sql} IN ({})", more.join(", "))),
    };
    match (is_one, or_missing) {
        (None, false) => "FALSE".to_owned(),
        (None, true) => format!("({sql} IS NULL)"),
        (Some(is_one), true) => format!("({sql} IS NULL OR {is_one})"),
        // Plain where it can be, so that an index serves.
        (Some(is_one), false) if is_null_false => format!("({sql} IS NOT NULL AND {is_one})"),
        (Some(is_one), false) => format!("({is_one})"),
    }
}

fn operator(order: Order) -> &'static str {
    match order {
        Order::Less => "<",
        Order::LessEqual => "<=",
        Order::Greater => ">",
        Order::GreaterEqual => ">=",
    }
}

fn param(scalar: &Scalar) -> Param<'_> {
    match scalar {
        Scalar::Truth(truth) => Param::Bool(*truth),
        Scalar::Int(number) => Param::Int(*number),
        Scalar::Text(text) => Param::Text(text),
        Scalar::Id(id) => Param::Id(*id),
        Scalar::Digest(digest) => Param::Bytes(digest),
    }
}
