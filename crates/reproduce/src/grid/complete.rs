//! Completing a partly stated table with default values.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value;

use super::error::{Fault, Refusal};
use super::forms;
use super::overrides::Overrides;

impl Overrides {
    /// `default` with the stated values instead of its own. An unknown key or a value of the wrong type is refused at its own place.
    pub(super) fn over<T: Serialize + DeserializeOwned>(&self, default: &T) -> Result<T, Fault> {
        let table = Value::try_from(default).expect("settings are tables of numbers and words");
        self.insert(table, |table| table)
    }

    /// As [`Overrides::over`], for the fields of an enum variant, which serde writes as `{ variant = { fields } }`.
    pub(super) fn over_variant<T: Serialize + DeserializeOwned>(&self, default: &T) -> Result<T, Fault> {
        let table = Value::try_from(default).expect("settings are tables of numbers and words");
        self.insert(table, |table| {
            let fields = table.as_table_mut().and_then(|table| table.iter_mut().next());
            fields.expect("a variant with fields is a table of one entry").1
        })
    }

    fn insert<T: DeserializeOwned>(&self, mut table: Value, fields: fn(&mut Value) -> &mut Value) -> Result<T, Fault> {
        // Deserialized again after each key, so that serde's message is about that key.
        for (key, value) in &self.0 {
            let fields = fields(&mut table).as_table_mut().expect("fields are a table");
            fields.insert(key.get_ref().clone(), value.get_ref().clone());
            table.clone().try_into::<T>().map_err(|error| {
                let (stated, name) = (value.get_ref().to_string(), key.get_ref());
                let refusal = match forms::instead_of(error.message(), Some(name), Some(&stated)) {
                    Some(message) => Refusal::Toml(message),
                    None => Refusal::Override {
                        key: name.clone(),
                        message: forms::with_hint(error.message()),
                    },
                };
                Fault::new(key.span(), refusal)
            })?;
        }
        Ok(table
            .try_into()
            .expect("each key was read above, and without keys it is the default itself"))
    }
}
