//! One attribute, and the words to describe it with.

use crate::path::Step;
use crate::{AttributePath, Type, Value};

/// How the objects of a nested attribute are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// One object
    Single,
    /// A list of objects
    List,
    /// A set of objects
    Set,
    /// Objects under names that the user chooses
    Map,
}

impl Nesting {
    /// The type of objects of this type, so arranged.
    fn of(self, object: Type) -> Type {
        match self {
            Self::Single => object,
            Self::List => Type::list(object),
            Self::Set => Type::set(object),
            Self::Map => Type::map(object),
        }
    }
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A value of this type
    Value(Type),
    /// Objects whose attributes have schemas of their own
    Nested {
        /// How they are arranged
        nesting: Nesting,
        /// Their attributes
        attributes: Vec<Attribute>,
    },
    /// Objects of text in which every other key is an error: [`Attribute::strict_object`]
    Strict {
        /// How they are arranged
        nesting: Nesting,
        /// Their keys: text, required or optional
        keys: Vec<Attribute>,
    },
}

/// One attribute. Begin with a constructor for its type, then say the rest:
/// `Attribute::string("name").required().describe("Its name.")`.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "these are Terraform's own independent flags")]
pub struct Attribute {
    /// Its name in the configuration
    pub name: String,
    /// What it holds
    pub kind: Kind,
    /// Markdown
    pub description: String,
    /// The user must set it.
    pub required: bool,
    /// The user may set it.
    pub optional: bool,
    /// The provider sets it, where the user does not.
    pub computed: bool,
    /// Terraform hides it in its output.
    pub sensitive: bool,
    /// In the configuration only, never in plan or state.
    pub write_only: bool,
    /// Its numbers are whole ones. Terraform has one type for all numbers, so this crate checks it.
    pub integer: bool,
    /// Why not to use it any more, and what to use instead.
    pub deprecated: Option<String>,
}

impl Attribute {
    /// A value of any type.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self::of(name, Kind::Value(ty))
    }

    fn of(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            description: String::new(),
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            integer: false,
            deprecated: None,
        }
    }

    /// Text
    pub fn string(name: impl Into<String>) -> Self {
        Self::new(name, Type::String)
    }

    /// true or false
    pub fn bool(name: impl Into<String>) -> Self {
        Self::new(name, Type::Bool)
    }

    /// A number
    pub fn number(name: impl Into<String>) -> Self {
        Self::new(name, Type::Number)
    }

    /// A whole number. A fractional one is an error when the configuration is validated.
    pub fn integer(name: impl Into<String>) -> Self {
        Self { integer: true, ..Self::number(name) }
    }

    /// A value of any type, which it brings with it
    pub fn dynamic(name: impl Into<String>) -> Self {
        Self::new(name, Type::Dynamic)
    }

    /// A list of `element`s
    pub fn list(name: impl Into<String>, element: Type) -> Self {
        Self::new(name, Type::list(element))
    }

    /// A set of `element`s
    pub fn set(name: impl Into<String>, element: Type) -> Self {
        Self::new(name, Type::set(element))
    }

    /// A map of `element`s
    pub fn map(name: impl Into<String>, element: Type) -> Self {
        Self::new(name, Type::map(element))
    }

    /// An object that is set as a whole. Where its attributes need descriptions or are optional: [`Self::nested_single`].
    pub fn object<N: Into<String>>(
        name: impl Into<String>,
        attributes: impl IntoIterator<Item = (N, Type)>,
    ) -> Self {
        Self::new(name, Type::object(attributes))
    }

    /// One object with these attributes
    pub fn nested_single(name: impl Into<String>, attributes: Vec<Self>) -> Self {
        Self::of(name, Kind::Nested { nesting: Nesting::Single, attributes })
    }

    /// A list of objects with these attributes
    pub fn nested_list(name: impl Into<String>, attributes: Vec<Self>) -> Self {
        Self::of(name, Kind::Nested { nesting: Nesting::List, attributes })
    }

    /// A set of objects with these attributes
    pub fn nested_set(name: impl Into<String>, attributes: Vec<Self>) -> Self {
        Self::of(name, Kind::Nested { nesting: Nesting::Set, attributes })
    }

    /// Objects with these attributes under names that the user chooses
    pub fn nested_map(name: impl Into<String>, attributes: Vec<Self>) -> Self {
        Self::of(name, Kind::Nested { nesting: Nesting::Map, attributes })
    }

    /// One object of text with these keys, in which a misspelt key is an error.
    ///
    /// Terraform drops the keys that a nested attribute does not have (docs/facts/tfplugin6.md, "State and
    /// configuration"). So to Terraform this is a map, and this crate checks its keys. The price: no key can be computed,
    /// a plan keeps the whole value of the configuration or the whole prior value, and a key that is missing stays
    /// missing where an object would have null.
    pub fn strict_object(name: impl Into<String>, keys: Vec<Self>) -> Self {
        Self::of(name, Kind::Strict { nesting: Nesting::Single, keys })
    }

    /// A list of objects as [`Self::strict_object`] describes them
    pub fn strict_list(name: impl Into<String>, keys: Vec<Self>) -> Self {
        Self::of(name, Kind::Strict { nesting: Nesting::List, keys })
    }

    /// The user must set it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The user may set it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The provider sets it.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// The user may set it; where he does not, the provider does.
    #[must_use]
    pub fn optional_computed(self) -> Self {
        self.optional().computed()
    }

    /// Terraform hides it in its output.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// In the configuration only, never in plan or state.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// Describes it, in Markdown.
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Warns whoever sets it: why not to, and what to use instead.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.deprecated = Some(message.into());
        self
    }

    /// The type of its value.
    pub fn ty(&self) -> Type {
        match &self.kind {
            Kind::Value(ty) => ty.clone(),
            Kind::Nested { nesting, attributes } => nesting.of(object_type(attributes)),
            Kind::Strict { nesting, .. } => nesting.of(Type::map(Type::String)),
        }
    }
}

pub(super) fn object_type(attributes: &[Attribute]) -> Type {
    Type::Object(super::types(attributes))
}

/// Applies `f` to each object of a nested attribute.
fn each_object(nesting: Nesting, value: Value, f: impl Fn(Value) -> Value) -> Value {
    match (nesting, value) {
        (Nesting::Single, value) => f(value),
        (Nesting::List | Nesting::Set, Value::List(elements)) => {
            Value::List(elements.into_iter().map(f).collect())
        }
        (Nesting::Map, Value::Map(elements)) => {
            Value::Map(elements.into_iter().map(|(key, value)| (key, f(value))).collect())
        }
        (_, other) => other,
    }
}

pub(super) fn strip_write_only(attributes: &[Attribute], value: Value) -> Value {
    let Value::Map(mut values) = value else { return value };
    for attribute in attributes {
        let Some(value) = values.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *value = Value::Null;
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind {
            let inner = std::mem::take(value);
            *value = each_object(*nesting, inner, |object| strip_write_only(attributes, object));
        }
    }
    Value::Map(values)
}

pub(super) fn find_write_only(
    attributes: &[Attribute],
    value: &Value,
    parent: &AttributePath,
    found: &mut Vec<AttributePath>,
) {
    for attribute in attributes {
        let value = value.get(&attribute.name);
        let path = parent.clone().attr_step(&attribute.name);
        if attribute.write_only && !value.is_null() {
            found.push(path);
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind {
            for (step, object) in objects(*nesting, value) {
                let path = step.into_iter().fold(path.clone(), AttributePath::step);
                find_write_only(attributes, object, &path, found);
            }
        }
    }
}

/// The objects of a value that are so arranged, each with its step.
pub(super) fn objects(nesting: Nesting, value: &Value) -> Vec<(Option<Step>, &Value)> {
    match nesting {
        Nesting::Single => vec![(None, value)],
        Nesting::List | Nesting::Set => {
            let elements = value.as_list().unwrap_or_default();
            elements.iter().enumerate().map(|(index, object)| (Some(Step::Index(index)), object)).collect()
        }
        Nesting::Map => value
            .as_map()
            .into_iter()
            .flatten()
            .map(|(key, object)| (Some(Step::Key(key.clone())), object))
            .collect(),
    }
}
